"""The embedded data set: the same bytes everywhere, balanced, and hard for a linear classifier."""

import hashlib

import numpy as np
import pytest

from tinycnn.datasets import fashion_mnist, synthetic_fashion
from tinycnn.errors import ArgumentError


@pytest.fixture(scope="module")
def default():
    return synthetic_fashion.load_data()


def digest(loaded):
    sha = hashlib.sha256()
    for images, labels in loaded:
        sha.update(images.tobytes())
        sha.update(labels.tobytes())
    return sha.hexdigest()


def test_the_default_has_these_very_bytes(default):
    assert digest(default) == "81b13f8a0e94809ed1f511bd43175b28ad84922f6384c78bcf0fd7e564af1ad3"


def test_another_seed_has_other_but_fixed_bytes():
    assert digest(synthetic_fashion.load_data(200, 100, seed=7)) == "c4b0951b37a45389087cb0eea6daf4057bd64228c70f815f201ee72297e81997"


def test_shapes_types_and_balance(default):
    (train_x, train_y), (test_x, _) = default
    assert train_x.shape == (30_000, 28, 28)
    assert test_x.shape == (6_000, 28, 28)
    for images, labels in default:
        assert images.dtype == labels.dtype == np.uint8
        assert (np.bincount(labels) == len(labels) // 10).all()
        assert images.min() == 0
        assert images.max() == 255
    assert synthetic_fashion.CLASS_NAMES == fashion_mnist.CLASS_NAMES
    assert not np.array_equal(np.sort(train_y), train_y)


def test_no_picture_is_empty_or_twice_in_the_set(default):
    images = np.concatenate([default[0][0], default[1][0]]).reshape(-1, 28 * 28)
    assert (images.max(axis=1) > 30).all()
    assert len({image.tobytes() for image in images}) == len(images)


def test_a_linear_classifier_stays_far_below_85_percent(default):
    """Least squares on the one-hot labels, the linear classifier without settings."""
    (train_x, train_y), (test_x, test_y) = default
    train_x, train_y = train_x[:10_000], train_y[:10_000]
    with_bias = [np.column_stack([x.reshape(len(x), -1) / np.float32(255), np.ones(len(x), np.float32)]) for x in (train_x, test_x)]
    weights, *_ = np.linalg.lstsq(with_bias[0], np.eye(10, dtype=np.float32)[train_y], rcond=None)
    accuracy = np.mean((with_bias[1] @ weights).argmax(axis=1) == test_y)
    assert 0.3 < accuracy < 0.7


@pytest.mark.parametrize("arguments", [{"train_size": 0}, {"train_size": 15}, {"test_size": -10}, {"test_size": 10**9}, {"seed": -1}])
def test_bad_arguments_are_named(arguments):
    with pytest.raises(ArgumentError, match=next(iter(arguments))):
        synthetic_fashion.load_data(**arguments)
