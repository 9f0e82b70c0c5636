"""Kuzushiji-MNIST: 70,000 grey 28x28 pictures of ten cursive hiragana (Clanuwat et al. 2018, https://arxiv.org/abs/1812.01718)."""

from __future__ import annotations

import os

from tinycnn.datasets.files import IdxDataset, Split

__all__ = ["CLASS_NAMES", "load_data"]

#: What the labels 0 to 9 mean, in Latin letters.
CLASS_NAMES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

_DATASET = IdxDataset(
    title="Kuzushiji-MNIST",
    name="kmnist",
    mirrors=(
        # the authors' own server, which some networks reach in one of the two ways only
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
    # https://github.com/tensorflow/datasets, tensorflow_datasets/url_checksums/kmnist.txt
    sha256={
        "train-images-idx3-ubyte.gz": "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        "train-labels-idx1-ubyte.gz": "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        "t10k-images-idx3-ubyte.gz": "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        "t10k-labels-idx1-ubyte.gz": "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    },
)


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
    """The 60,000 + 10,000 images and labels.

    Args:
        path: a folder with the four gzipped IDX files, or with a subfolder `kmnist` that has them. Default: $TINYCNN_DATA
            if it holds them, else the cache folder ($TINYCNN_CACHE or the platform's), downloading what it lacks (21 MB).

    Returns:
        (train_X, train_Y), (test_X, test_Y): uint8 arrays of shape (60000, 28, 28), (60000,), (10000, 28, 28), (10000,).

    Raises:
        DataError: a file is missing, wrong or truncated, or no mirror could be reached.
    """
    return _DATASET.load(path)
