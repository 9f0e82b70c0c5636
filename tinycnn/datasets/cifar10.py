"""CIFAR-10: 60,000 colour 32x32 pictures of ten kinds of things (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html)."""

from __future__ import annotations

import os

from tinycnn.datasets.cifar import CifarDataset
from tinycnn.datasets.files import Split

__all__ = ["CLASS_NAMES", "load_data"]

#: What the labels 0 to 9 mean.
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_DATASET = CifarDataset(
    title="CIFAR-10",
    name="cifar-10",
    mirrors=(
        # the author's page and where it is moving to, then copies kept by Swift for TensorFlow and by MindSpore
        "https://www.cs.toronto.edu/~kriz/",
        "https://cave.cs.toronto.edu/kriz/",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
    ),
    # 170,052,171 bytes: https://github.com/tensorflow/datasets, tensorflow_datasets/url_checksums/cifar10.txt
    sha256={"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
    train={f"cifar-10-batches-bin/data_batch_{i}.bin": 10_000 for i in range(1, 6)},
    test={"cifar-10-batches-bin/test_batch.bin": 10_000},
    classes=(10,),
)


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
    """The 50,000 + 10,000 images and labels.

    Args:
        path: a folder with `cifar-10-binary.tar.gz` (the "binary version"), or with a subfolder `cifar-10` that has it. Default:
            $TINYCNN_DATA if it holds it, else the cache folder ($TINYCNN_CACHE or the platform's), downloading what it lacks (170 MB).

    Returns:
        (train_X, train_Y), (test_X, test_Y): uint8 arrays of shape (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3), (10000, 1).

    Raises:
        DataError: the file is missing, wrong or damaged, or no mirror could be reached.
    """
    return _DATASET.load(path)
