"""Images with a frame cut off or added, and cut into patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tinycnn.autograd.tensor import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.ops.array import get_item, pad
from tinycnn.ops.convert import TensorLike, convert_to_tensor
from tinycnn.ops.image_batch import DataFormat, as_batch
from tinycnn.ops.patches import patches

__all__ = ["crop_images", "extract_patches", "pad_images"]


def crop_images(
    images: TensorLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: DataFormat | None = None,
) -> Tensor:
    """Images without some cells at their edges.

    Args:
        images: (N, H, W, C) or (H, W, C); channels before H if "channels_first".
        top_cropping, bottom_cropping, target_height: cells that go and stay; two of the three.
        left_cropping, right_cropping, target_width: the same along the width.
        data_format: "channels_last" (default) or "channels_first".

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    images = convert_to_tensor(images)
    index = [slice(None)] * images.ndim
    for axis, name, before, after, target in (
        (_rows(images, data_format), "height", top_cropping, bottom_cropping, target_height),
        (_rows(images, data_format) + 1, "width", left_cropping, right_cropping, target_width),
    ):
        size = images.shape[axis]
        start, stop = _third(name, "cropping", before, after, None if target is None else size - target)
        if start + stop > size:
            raise ArgumentError(f"the cropping along the {name} must leave something of {size} cells, got {start} and {stop}")
        index[axis] = slice(start, size - stop)
    return get_item(images, tuple(index))


def pad_images(
    images: TensorLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: DataFormat | None = None,
) -> Tensor:
    """Images with zeros around them.

    Args:
        images: (N, H, W, C) or (H, W, C); channels before H if "channels_first".
        top_padding, bottom_padding, target_height: cells that come and are then there; two of the three.
        left_padding, right_padding, target_width: the same along the width.
        data_format: "channels_last" (default) or "channels_first".

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    images = convert_to_tensor(images)
    rows = _rows(images, data_format)
    height, width = images.shape[rows : rows + 2]
    widths = [(0, 0)] * images.ndim
    widths[rows] = _third("height", "padding", top_padding, bottom_padding, None if target_height is None else target_height - height)
    widths[rows + 1] = _third("width", "padding", left_padding, right_padding, None if target_width is None else target_width - width)
    return pad(images, widths)


def extract_patches(
    images: TensorLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: Literal["valid", "same"] = "valid",
    data_format: DataFormat | None = None,
) -> Tensor:
    """The windows of images, each as a line of cells: (N, H, W, C) -> (N, rows, columns, height * width * C).

    Args:
        images: (N, H, W, C) or (H, W, C); channels before H if "channels_first", where the lines of cells lie, too.
        size: int or (height, width) of a window.
        strides: int or (height, width) from one to the next; default: size.
        dilation_rate: int or (height, width), the distance of neighbours in a window.
        padding: "valid" or "same", with zeros.
        data_format: "channels_last" (default) or "channels_first".

    Returns:
        A floating-point Tensor.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    batch, restored = as_batch(images, data_format)
    return restored(patches(batch, size, strides, dilation_rate, padding))


def _rows(images: Tensor, data_format: str | None) -> int:
    """The axis of height."""
    if data_format not in (None, "channels_last", "channels_first"):
        raise ArgumentError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")
    if images.ndim not in (3, 4):
        raise ShapeError(f"images must have 3 or 4 dimensions, (height, width, channels) or a batch of these, got shape {images.shape}")
    return images.ndim - (2 if data_format == "channels_first" else 3)


def _third(axis: str, what: str, before: int | None, after: int | None, both: int | None) -> tuple[int, int]:
    """(before, after), one of which may follow from their sum."""
    if [before, after, both].count(None) != 1:
        raise ArgumentError(f"two of the {what} before, the {what} after and the target {axis} must be given, and not the third")
    first = both - after if before is None and both is not None and after is not None else before
    second = both - before if after is None and both is not None and before is not None else after
    if first is None or second is None or min(first, second) < 0:
        raise ArgumentError(f"the {what} along the {axis} must be >= 0, got {first} and {second}")
    return first, second
