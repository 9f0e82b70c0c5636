"""Filters and scores of picture quality against the installed Keras; gradients against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinycnn import ops
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.testing import check_grads

R = np.random.default_rng(47)
X, Y = R.uniform(0, 1, (2, 13, 14, 3)).astype(np.float32), R.uniform(0, 1, (2, 13, 14, 3)).astype(np.float32)
CALLS: list[tuple[str, int, dict[str, Any]]] = [
    ("gaussian_blur", 1, {}),
    ("gaussian_blur", 1, {"kernel_size": (5, 5), "sigma": (2.0, 2.0)}),
    ("sobel_edges", 1, {}),
    ("ssim", 2, {}),
    ("ssim", 2, {"max_val": 2.0, "filter_size": 5, "filter_sigma": 1.0, "k1": 0.02, "k2": 0.05}),
]


@pytest.mark.parametrize(("name", "count", "arguments"), CALLS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_against_keras(name: str, count: int, arguments: dict[str, Any], data_format: str) -> None:
    keras = pytest.importorskip("keras")
    if name == "sobel_edges" and keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow mirrors the images at their edges, where the other backends have zeros")
    images = [x if data_format == "channels_last" else x.transpose(0, 3, 1, 2) for x in (X, Y)[:count]]
    got = getattr(ops.image, name)(*images, **arguments, data_format=data_format).numpy()
    np.testing.assert_allclose(got, getattr(keras.ops.image, name)(*images, **arguments, data_format=data_format), rtol=1e-4, atol=1e-5)
    if name != "sobel_edges":
        alone = getattr(ops.image, name)(*(x[0] for x in images), **arguments, data_format=data_format).numpy()
        np.testing.assert_allclose(alone, got[0], rtol=1e-5, atol=1e-6)


def test_a_bell_has_a_height_and_a_width() -> None:
    """As Keras's documentation says; in Keras 3.15.1 each backend does something else where the two are not equal."""
    dot = np.zeros((1, 7, 7, 1))
    dot[0, 3, 3] = 1
    blurred = ops.image.gaussian_blur(dot, (5, 1), (2.0, 1.0)).numpy()[0, :, :, 0]
    bell = np.exp(-0.5 * (np.arange(-2, 3) / 2) ** 2)
    np.testing.assert_allclose(blurred[1:6, 3], bell / bell.sum(), rtol=1e-12)
    assert np.count_nonzero(blurred) == 5


def test_psnr() -> None:
    expected = 20 * np.log10(2.0) - 10 * np.log10(((X - Y) ** 2).mean())
    np.testing.assert_allclose(ops.psnr(X, Y, 2.0).numpy(), expected, rtol=1e-5)
    check_grads(lambda a, b: ops.psnr(a, b, 1.0), X[:1, :2, :2], Y[:1, :2, :2])


def test_the_similarity_of_an_image_with_itself_is_1() -> None:
    np.testing.assert_allclose(ops.image.ssim(X, X).numpy(), 1, rtol=1e-5)


@pytest.mark.parametrize(("name", "count", "arguments"), [CALLS[0], CALLS[2], CALLS[4]])
def test_gradients(name: str, count: int, arguments: dict[str, Any]) -> None:
    check_grads(lambda *images: getattr(ops.image, name)(*images, **arguments), *(x[:1, :6, :5, :2] for x in (X, Y)[:count]))


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="sigma must be a number above 0 or two of them, got 0"):
        ops.image.gaussian_blur(X, 3, 0)
    with pytest.raises(ArgumentError, match="kernel_size must be an int or a pair of ints >= 1, got 0"):
        ops.image.gaussian_blur(X, 0)
    with pytest.raises(ShapeError, match="image1 and image2 must have one shape"):
        ops.image.ssim(X, Y[:1])
    with pytest.raises(ShapeError, match="x1 and x2 must have one shape"):
        ops.psnr(X, Y[:1], 1.0)
    with pytest.raises(ShapeError, match="kernel spans 11 cells"):
        ops.image.ssim(X[:, :5], Y[:, :5])
    with pytest.raises(ShapeError, match="images must have 4 dimensions"):
        ops.image.sobel_edges(X[0])
