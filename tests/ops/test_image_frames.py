"""Frames and patches against NumPy and the installed Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinycnn import ops
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.testing import check_grads

X = np.random.default_rng(48).standard_normal((2, 7, 8, 3)).astype(np.float32)
FRAMES = [
    (1, 2, 3, 1, None, None),
    (None, None, 3, 1, 2, 4),
    (1, 2, None, None, 3, 5),
]


@pytest.mark.parametrize("cells", FRAMES)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_frames(cells: tuple[Any, ...], data_format: Any) -> None:
    keras = pytest.importorskip("keras")
    images = X if data_format == "channels_last" else X.transpose(0, 3, 1, 2)
    for x in (images, images[0], images.astype(np.int32)):
        for name in ("crop_images", "pad_images"):
            arguments = [c + 10 if c is not None and i >= 4 and name == "pad_images" else c for i, c in enumerate(cells)]
            got = getattr(ops.image, name)(x, *arguments, data_format=data_format)
            np.testing.assert_array_equal(got.numpy(), getattr(keras.ops.image, name)(x, *arguments, data_format=data_format))
            assert got.dtype == x.dtype
    check_grads(lambda t: ops.image.crop_images(t, *cells), X[0])


@pytest.mark.parametrize(
    "arguments",
    [{"size": 2}, {"size": (3, 2), "strides": (2, 1), "padding": "same"}, {"size": (2, 3), "strides": 1, "dilation_rate": (2, 1)}],
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_patches(arguments: dict[str, Any], data_format: Any) -> None:
    keras = pytest.importorskip("keras")
    if data_format == "channels_first" and keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow cuts out patches of channels_first on GPUs only")
    images = X if data_format == "channels_last" else X.transpose(0, 3, 1, 2)
    got = ops.image.extract_patches(images, **arguments, data_format=data_format).numpy()
    expected = keras.ops.image.extract_patches(images, **arguments, data_format=data_format)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    alone = ops.image.extract_patches(images[0], **arguments, data_format=data_format)
    np.testing.assert_array_equal(alone.numpy(), got[0])
    check_grads(lambda t: ops.image.extract_patches(t, **arguments), X[:1, :5, :5])


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="two of the cropping before, the cropping after and the target height"):
        ops.image.crop_images(X, 1)
    with pytest.raises(ArgumentError, match="two of the padding before, the padding after and the target width"):
        ops.image.pad_images(X, 1, 2, 3, 4, target_width=20)
    with pytest.raises(ArgumentError, match="the cropping along the height must be >= 0, got 1 and -1"):
        ops.image.crop_images(X, 1, 0, None, 0, 7)
    with pytest.raises(ArgumentError, match="must leave something of 7 cells, got 4 and 5"):
        ops.image.crop_images(X, 4, 0, 5, 0)
    with pytest.raises(ShapeError, match="3 or 4 dimensions"):
        ops.image.pad_images(X[0, 0], 1, 1, 1, 1)
    with pytest.raises(ArgumentError, match="size"):
        ops.image.extract_patches(X, 0)
