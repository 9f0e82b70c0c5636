"""CIFAR-100: 60,000 colour 32x32 pictures of a hundred kinds of things (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html)."""

from __future__ import annotations

import os

from tinycnn.datasets.cifar import CifarDataset
from tinycnn.datasets.files import Split
from tinycnn.errors import ArgumentError

__all__ = ["CLASS_NAMES", "COARSE_CLASS_NAMES", "load_data"]

# fmt: off
#: What the fine labels 0 to 99 mean.
CLASS_NAMES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy", "bridge", "bus",
    "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch",
    "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo",
    "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse",
    "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy",
    "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper",
    "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television",
    "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
)

#: What the coarse labels 0 to 19 mean; each stands for five fine ones.
COARSE_CLASS_NAMES = (
    "aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables", "household_electrical_devices",
    "household_furniture", "insects", "large_carnivores", "large_man-made_outdoor_things", "large_natural_outdoor_scenes",
    "large_omnivores_and_herbivores", "medium_mammals", "non-insect_invertebrates", "people", "reptiles", "small_mammals", "trees",
    "vehicles_1", "vehicles_2",
)
# fmt: on

_DATASET = CifarDataset(
    title="CIFAR-100",
    name="cifar-100",
    mirrors=(
        # the author's page and where it is moving to, then a copy kept by MindSpore
        "https://www.cs.toronto.edu/~kriz/",
        "https://cave.cs.toronto.edu/kriz/",
        "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
    ),
    # 168,513,733 bytes: https://github.com/tensorflow/datasets, tensorflow_datasets/url_checksums/cifar100.txt
    sha256={"cifar-100-binary.tar.gz": "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"},
    train={"cifar-100-binary/train.bin": 50_000},
    test={"cifar-100-binary/test.bin": 10_000},
    classes=(20, 100),  # coarse, fine
)


def load_data(label_mode: str = "fine", path: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
    """The 50,000 + 10,000 images and labels.

    Args:
        label_mode: "fine" (0 to 99) or "coarse" (0 to 19).
        path: a folder with `cifar-100-binary.tar.gz` (the "binary version"), or with a subfolder `cifar-100` that has it. Default:
            $TINYCNN_DATA if it holds it, else the cache folder ($TINYCNN_CACHE or the platform's), downloading what it lacks (169 MB).

    Returns:
        (train_X, train_Y), (test_X, test_Y): uint8 arrays of shape (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3), (10000, 1).

    Raises:
        ArgumentError: for another label_mode.
        DataError: the file is missing, wrong or damaged, or no mirror could be reached.
    """
    if label_mode not in ("fine", "coarse"):
        raise ArgumentError(f"label_mode must be 'fine' or 'coarse', got {label_mode!r}")
    return _DATASET.load(path, label=("coarse", "fine").index(label_mode))
