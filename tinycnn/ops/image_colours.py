"""Colour spaces of images."""

from __future__ import annotations

import numpy as np

from tinycnn.autograd.tensor import Tensor
from tinycnn.errors import ShapeError
from tinycnn.ops.array import stack
from tinycnn.ops.convert import TensorLike, cast, convert_to_tensor
from tinycnn.ops.image_batch import DataFormat, as_batch
from tinycnn.ops.math import absolute, clip, divide, equal, less, maximum, minimum, sum, where
from tinycnn.ops.more_arrays import unstack

__all__ = ["hsv_to_rgb", "rgb_to_grayscale", "rgb_to_hsv"]

#: What red, green and blue count for the eye (ITU-R BT.601, rounded as in TensorFlow).
_LUMA = (0.2989, 0.587, 0.114)


def rgb_to_grayscale(images: TensorLike, data_format: DataFormat | None = None) -> Tensor:
    """0.2989 red + 0.587 green + 0.114 blue, as one channel.

    Args:
        images: (N, H, W, 3) or (H, W, 3), channels before H if "channels_first". Those with one channel come back as they are.
        data_format: "channels_last" (default) or "channels_first".

    Returns:
        Images of the dtype of `images`, fractions cut off if that is an integer one.

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    batch, restored = as_batch(images, data_format)
    if batch.shape[-1] == 1:
        return convert_to_tensor(images)
    _check_channels(batch)
    grey = sum(batch * np.array(_LUMA, batch.dtype), axis=-1, keepdims=True)
    return cast(restored(grey), convert_to_tensor(images).dtype)


def rgb_to_hsv(images: TensorLike, data_format: DataFormat | None = None) -> Tensor:
    """Red, green and blue as hue (in turns), saturation and value (Smith 1978, https://doi.org/10.1145/965139.807361).

    Args:
        images: (N, H, W, 3) or (H, W, 3) from 0 to 1, channels before H if "channels_first".
        data_format: "channels_last" (default) or "channels_first".

    Returns:
        Images of the same shape, floating-point.

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    batch, restored = as_batch(images, data_format)
    red, green, blue = _planes(batch)
    value = maximum(maximum(red, green), blue)
    span = value - minimum(minimum(red, green), blue)
    is_grey = equal(span, 0)
    sixth = divide(1 / 6, where(is_grey, 1.0, span))
    hue = where(equal(value, green), sixth * (blue - red) + 2 / 6, sixth * (red - green) + 4 / 6)
    hue = where(equal(value, red), sixth * (green - blue), hue)
    hue = where(is_grey, 0.0, where(less(hue, 0), hue + 1, hue))
    is_black = equal(value, 0)
    saturation = where(is_black, 0.0, divide(span, where(is_black, 1.0, value)))
    return restored(stack([hue, saturation, value], axis=-1))


def hsv_to_rgb(images: TensorLike, data_format: DataFormat | None = None) -> Tensor:
    """The inverse of `rgb_to_hsv`; a hue beyond 0 to 1 begins anew.

    Args:
        images: (N, H, W, 3) or (H, W, 3), hue, saturation and value, channels before H if "channels_first".
        data_format: "channels_last" (default) or "channels_first".

    Returns:
        Images of the same shape, floating-point.

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    batch, restored = as_batch(images, data_format)
    hue, saturation, value = _planes(batch)
    sixths = (hue - np.floor(hue.data)) * 6.0
    red, green, blue = absolute(sixths - 3) - 1, 2 - absolute(sixths - 2), 2 - absolute(sixths - 4)
    return restored(stack([value * (1 - saturation * (1 - clip(part, 0, 1))) for part in (red, green, blue)], axis=-1))


def _planes(batch: Tensor) -> list[Tensor]:
    _check_channels(batch)
    return unstack(batch, axis=-1)


def _check_channels(batch: Tensor) -> None:
    if batch.shape[-1] != 3:
        raise ShapeError(f"images must have 3 channels, got {batch.shape[-1]}")
