"""Fashion-MNIST: 70,000 grey 28x28 pictures of ten kinds of garments (Xiao, Rasul and Vollgraf 2017, https://arxiv.org/abs/1708.07747)."""

from __future__ import annotations

import os

from tinycnn.datasets.files import IdxDataset, Split

__all__ = ["CLASS_NAMES", "load_data"]

#: What the labels 0 to 9 mean.
CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

_DATASET = IdxDataset(
    title="Fashion-MNIST",
    name="fashion-mnist",
    mirrors=(
        # Keras's copy, the authors' repository, and the bucket that the repository's README links to
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    sha256={
        "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
)


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
    """The 60,000 + 10,000 images and labels.

    Args:
        path: a folder with the four gzipped IDX files, or with a subfolder `fashion-mnist` that has them. Default: $TINYCNN_DATA
            if it holds them, else the cache folder ($TINYCNN_CACHE or the platform's), downloading what it lacks (30 MB).

    Returns:
        (train_X, train_Y), (test_X, test_Y): uint8 arrays of shape (60000, 28, 28), (60000,), (10000, 28, 28), (10000,).

    Raises:
        DataError: a file is missing, wrong or truncated, or no mirror could be reached.
    """
    return _DATASET.load(path)
