"""Resizing, CenterCrop and RandomCrop."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import Tensor, layers
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers import CenterCrop, RandomCrop, Resizing

X = np.arange(2 * 6 * 8 * 1, dtype=np.uint8).reshape(2, 6, 8, 1)


@pytest.mark.parametrize("layer", [Resizing(3, 4), CenterCrop(3, 4), RandomCrop(3, 4, seed=0)])
@pytest.mark.parametrize("training", [True, False])
def test_what_goes_in_and_what_comes_out(layer, training) -> None:
    y = layer(X, training=training)
    assert y.shape == (2, 3, 4, 1)
    assert y.dtype == np.float32
    assert layer(X[0], training=training).shape == (3, 4, 1)
    assert layer(Tensor(X), training=training).shape == (2, 3, 4, 1)
    assert layer.compute_output_shape((None, None, None, 3)) == (None, 3, 4, 3)
    assert layer.compute_output_shape((6, 8, 3)) == (3, 4, 3)


def test_center_crop() -> None:
    np.testing.assert_array_equal(CenterCrop(3, 4)(X).numpy(), X[:, 1:4, 2:6])
    np.testing.assert_array_equal(CenterCrop(6, 8)(X).numpy(), X)
    np.testing.assert_array_equal(CenterCrop(12, 2)(X).numpy()[:, ::2], Resizing(12, 2)(X[:, :, 3:4]).numpy()[:, ::2])
    first = CenterCrop(3, 4, data_format="channels_first")(X.transpose(0, 3, 1, 2)).numpy()
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), X[:, 1:4, 2:6])


def test_random_crop_finds_every_place_and_only_these() -> None:
    layer = RandomCrop(5, 7, seed=1)
    seen = set()
    for _ in range(60):
        y = layer(X, training=True).numpy()
        top, left = divmod(int(y[0, 0, 0, 0]), 8)
        seen.add((top, left))
        np.testing.assert_array_equal(y, X[:, top : top + 5, left : left + 7])  # one place for the whole batch
    assert seen == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_random_crop_without_training_is_the_middle_resized() -> None:
    np.testing.assert_array_equal(RandomCrop(3, 3)(X).numpy(), Resizing(3, 3, crop_to_aspect_ratio=True)(X).numpy())
    np.testing.assert_array_equal(RandomCrop(12, 3)(X, training=True).numpy(), Resizing(12, 3, crop_to_aspect_ratio=True)(X).numpy())
    np.testing.assert_array_equal(RandomCrop(6, 8)(X, training=True).numpy(), X)


@pytest.mark.parametrize("name", ["Resizing", "CenterCrop", "RandomCrop"])
def test_bad_sizes_and_inputs(name) -> None:
    for bad in (0, -1, 2.5, "3", None):
        with pytest.raises(ArgumentError, match="height"):
            getattr(layers, name)(bad, 2)
        with pytest.raises(ArgumentError, match="width"):
            getattr(layers, name)(2, bad)
    layer = getattr(layers, name)(2, 2, name="mine")
    for shape in ((4, 4), (1, 1, 4, 4, 1)):
        with pytest.raises(ShapeError, match=r"layer 'mine' .*3 dimensions"):
            layer(np.zeros(shape))
    with pytest.raises(ShapeError, match="3 dimensions"):
        layer([X, X])
    with pytest.raises(ShapeError, match="3 dimensions"):
        layer(layers.Input((4,)))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"interpolation": "area"}, "interpolation"),
        ({"fill_mode": "wrap"}, "fill_mode"),
        ({"data_format": "NCHW"}, "data_format"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "both"),
    ],
)
def test_bad_arguments_of_resizing(arguments, word) -> None:
    with pytest.raises(ArgumentError, match=word):
        Resizing(2, 2, **arguments)
