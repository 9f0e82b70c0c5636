"""MNIST: 70,000 grey 28x28 pictures of handwritten digits (LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist/)."""

from __future__ import annotations

import os

from tinycnn.datasets.files import IdxDataset, Split

__all__ = ["CLASS_NAMES", "load_data"]

#: What the labels 0 to 9 mean.
CLASS_NAMES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")

_DATASET = IdxDataset(
    title="MNIST",
    name="mnist",
    mirrors=(
        # PyTorch's and the Common Visual Data Foundation's copies; the authors' own site refuses most downloads
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    sha256={
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
    """The 60,000 + 10,000 images and labels.

    Args:
        path: a folder with the four gzipped IDX files, or with a subfolder `mnist` that has them. Default: $TINYCNN_DATA
            if it holds them, else the cache folder ($TINYCNN_CACHE or the platform's), downloading what it lacks (11 MB).

    Returns:
        (train_X, train_Y), (test_X, test_Y): uint8 arrays of shape (60000, 28, 28), (60000,), (10000, 28, 28), (10000,).

    Raises:
        DataError: a file is missing, wrong or truncated, or no mirror could be reached.
    """
    return _DATASET.load(path)
