"""Shapes with unknown sizes: (None, 28, 28, 1). The formulas themselves are `geometry`'s."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from tinycnn.errors import ArgumentError, ShapeError

__all__ = [
    "Shape",
    "check_data_format",
    "check_string_padding",
    "is_shape",
    "known_size",
    "map_shapes",
    "normalize_shape",
    "positive_int",
    "product",
    "window_output_shape",
]

Shape: TypeAlias = tuple[int | None, ...]
DataFormat: TypeAlias = Literal["channels_last", "channels_first"]

#: In place of an unknown height or width: larger than any window, so that no formula refuses it.
_SOME_SIZE = 2**15


def normalize_shape(shape: Any, name: str = "shape") -> Shape:
    """`shape` as a tuple of ints >= 0 and None."""
    try:
        sizes = tuple(None if n is None else n.__index__() for n in shape)
    except (TypeError, AttributeError):
        raise ShapeError(f"{name} must be a tuple of ints and None, got {shape!r}") from None
    if any(n is not None and n < 0 for n in sizes):
        raise ShapeError(f"{name} must hold sizes >= 0, got {shape!r}")
    return sizes


def is_shape(value: Any) -> bool:
    """True for one shape, false for a list or a dict of shapes."""
    return isinstance(value, (tuple, list)) and all(n is None or hasattr(n, "__index__") for n in value)


def map_shapes(function: Callable[[Any], Any], value: Any) -> Any:
    """`function` of one shape, or of each in nested lists, tuples and dicts; None stays."""
    if isinstance(value, Mapping):
        return {key: map_shapes(function, part) for key, part in value.items()}
    if isinstance(value, (list, tuple)) and not is_shape(value):
        return [map_shapes(function, part) for part in value]
    return None if value is None else function(value)


def known_size(shape: Shape, axis: int, who: str) -> int:
    """The size along `axis`, which must be known to make weights; `who` names the layer in the error."""
    size = shape[axis]
    if not size:
        raise ShapeError(f"{who} needs inputs with a known size > 0 along axis {axis}, got shape {shape}")
    return size


def window_output_shape(shape: Shape, geometry: Callable[[tuple[int, ...]], Any], *, channels_first: bool = False) -> Shape:
    """The output shape of a convolution or a pooling over a shape whose batch, height and width may be unknown.

    Args:
        shape: (N, H, W, C), or (N, C, H, W) if `channels_first`.
        geometry: the shape rule: (N, H, W, C) -> a record with `out_shape`.
    """
    batch, *sizes = (shape[0], shape[2], shape[3], shape[1]) if channels_first else shape
    known = tuple(_SOME_SIZE if n is None else n for n in sizes)
    _, h, w, c = geometry((1 if batch is None else batch, *known)).out_shape
    height, width = (None if n is None else out for n, out in zip(sizes, (h, w), strict=False))
    return (batch, c, height, width) if channels_first else (batch, height, width, c)


def positive_int(value: Any, name: str) -> int:
    """`value` if it is an int >= 1."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1:
        raise ArgumentError(f"{name} must be an int >= 1, got {value!r}")
    return int(value.__index__())


def check_data_format(data_format: str | None) -> DataFormat:
    """ "channels_last" (also for None) or "channels_first"."""
    if data_format in (None, "channels_last"):
        return "channels_last"
    if data_format == "channels_first":
        return "channels_first"
    raise ArgumentError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")


def check_string_padding(padding: Any) -> Literal["same", "valid"]:
    """ "same" or "valid", in lower case."""
    lowered: Any = padding.lower() if isinstance(padding, str) else None
    if lowered not in ("same", "valid"):
        raise ArgumentError(f"padding must be 'same' or 'valid', got {padding!r}")
    checked: Literal["same", "valid"] = lowered
    return checked


def product(sizes: Sequence[int | None]) -> int | None:
    """The number of cells, or None if a size is unknown."""
    total = 1
    for n in sizes:
        if n is None:
            return None
        total *= n
    return total
