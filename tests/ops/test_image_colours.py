"""Colour spaces against Python's colorsys and the installed Keras."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest

from tinycnn import ops
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.testing import check_grads

R = np.random.default_rng(46)
IMAGES = R.uniform(0.05, 1, (2, 4, 5, 3))
GREYS = np.array([[[0.0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]]])
NAMES = ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb")


@pytest.mark.parametrize("images", [IMAGES, IMAGES[0], GREYS], ids=["batch", "image", "corners"])
def test_hue_saturation_value(images: np.ndarray) -> None:
    cells = images.reshape(-1, 3)
    np.testing.assert_allclose(ops.image.rgb_to_hsv(images).numpy().reshape(-1, 3), [colorsys.rgb_to_hsv(*c) for c in cells], atol=1e-12)
    np.testing.assert_allclose(ops.image.hsv_to_rgb(images).numpy().reshape(-1, 3), [colorsys.hsv_to_rgb(*c) for c in cells], atol=1e-12)
    np.testing.assert_allclose(ops.image.hsv_to_rgb(ops.image.rgb_to_hsv(images)).numpy(), images, atol=1e-12)
    np.testing.assert_allclose(ops.image.hsv_to_rgb(images + np.array([3, 0, 0])).numpy(), ops.image.hsv_to_rgb(images).numpy(), atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_against_keras(name: str, data_format: Any) -> None:
    keras = pytest.importorskip("keras")
    images = IMAGES.astype(np.float32)
    images = images if data_format == "channels_last" else images.transpose(0, 3, 1, 2)
    got = getattr(ops.image, name)(images, data_format=data_format)
    np.testing.assert_allclose(got.numpy(), getattr(keras.ops.image, name)(images, data_format=data_format), atol=1e-5)
    assert got.dtype == np.float32


def test_grey() -> None:
    images = R.integers(0, 256, (4, 5, 3), np.uint8)
    grey = ops.image.rgb_to_grayscale(images)
    assert (grey.shape, grey.dtype) == ((4, 5, 1), np.uint8)
    np.testing.assert_array_equal(ops.image.rgb_to_grayscale(grey).numpy(), grey.numpy())


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name: str) -> None:
    check_grads(getattr(ops.image, name), IMAGES[:1, :2, :3] * 0.9)
    x = ops.Tensor(np.zeros((1, 1, 3)), requires_grad=True)  # black has no hue, but no NaN either
    ops.sum(getattr(ops.image, name)(x)).backward()
    assert np.isfinite(x.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_refusals(name: str) -> None:
    with pytest.raises(ShapeError, match="images must have 3 channels, got 4"):
        getattr(ops.image, name)(np.zeros((2, 2, 4)))
    with pytest.raises(ShapeError, match="3 or 4 dimensions"):
        getattr(ops.image, name)(np.zeros((2, 3)))
    with pytest.raises(ArgumentError, match="data_format must be"):
        getattr(ops.image, name)(np.zeros((2, 2, 3)), data_format="last")
