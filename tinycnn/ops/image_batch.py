"""Images in any layout as one kind of batch, and results back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from tinycnn.autograd.tensor import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.ops import array
from tinycnn.ops.convert import TensorLike, floats

__all__ = ["DataFormat", "as_batch"]

DataFormat = Literal["channels_last", "channels_first"]


def as_batch(images: TensorLike, data_format: str | None) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """`images` as floats (N, H, W, C), and the function that brings a result of that kind into the images' own layout."""
    if data_format not in (None, "channels_last", "channels_first"):
        raise ArgumentError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")
    (batch,) = floats(images)
    if batch.ndim not in (3, 4):
        raise ShapeError(f"images must have 3 or 4 dimensions, (height, width, channels) or a batch of these, got shape {batch.shape}")
    single, first = batch.ndim == 3, data_format == "channels_first"
    if single:
        batch = array.expand_dims(batch, 0)
    if first:
        batch = array.moveaxis(batch, 1, -1)
    if min(batch.shape[1:3]) < 1:
        raise ShapeError(f"images must have at least one pixel, got shape {np.shape(images)}")

    def restored(result: Tensor) -> Tensor:
        if first:
            result = array.moveaxis(result, -1, 1)
        return array.squeeze(result, 0) if single else result

    return batch, restored
