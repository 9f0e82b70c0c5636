"""Shapes and positions: reshape, transpose, join, pad, index, one-hot; under the names of `keras.ops`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import config
from tinycnn.autograd.tensor import Tensor, apply
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.ops.convert import TensorLike, convert_to_numpy, convert_to_tensor, integers, numbers
from tinycnn.rules import shaping
from tinycnn.rules.op import normalize_axes, normalize_axis

__all__ = [
    "arange",
    "broadcast_to",
    "concatenate",
    "expand_dims",
    "flip",
    "full",
    "get_item",
    "moveaxis",
    "one_hot",
    "ones",
    "ones_like",
    "pad",
    "ravel",
    "repeat",
    "reshape",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "take",
    "transpose",
    "zeros",
    "zeros_like",
]


def reshape(x: TensorLike, newshape: int | Sequence[int]) -> Tensor:
    """The same cells in another shape; one size may be -1. Raises ShapeError if the cells do not fit."""
    return apply(shaping.Reshape, convert_to_tensor(x), newshape=(newshape,) if isinstance(newshape, int) else tuple(newshape))


def ravel(x: TensorLike) -> Tensor:
    """All cells along one axis."""
    return reshape(x, -1)


def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> Tensor:
    """Axes in the order `axes`; reversed if None."""
    return apply(shaping.Transpose, convert_to_tensor(x), axes=axes)


def moveaxis(x: TensorLike, source: int, destination: int) -> Tensor:
    """One axis moved to another place, the others staying in order."""
    x = convert_to_tensor(x)
    start, end = normalize_axis(source, x.ndim, "source"), normalize_axis(destination, x.ndim, "destination")
    if start == end:
        return convert_to_tensor(x)
    order = [i for i in range(x.ndim) if i != start]
    order.insert(end, start)
    return transpose(x, order)


def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    x = convert_to_tensor(x)
    order = list(range(x.ndim))
    a, b = normalize_axis(axis1, x.ndim, "axis1"), normalize_axis(axis2, x.ndim, "axis2")
    order[a], order[b] = order[b], order[a]
    return transpose(x, order)


def squeeze(x: TensorLike, axis: int | Sequence[int] | None = None) -> Tensor:
    """Without the axes of size 1 (all of them, or those named). Raises ShapeError if a named one is longer."""
    x = convert_to_tensor(x)
    axes = tuple(i for i, n in enumerate(x.shape) if n == 1) if axis is None else normalize_axes(axis, x.ndim)
    if any(x.shape[i] != 1 for i in axes):
        raise ShapeError(f"axis must name axes of size 1, got {axis!r} for shape {x.shape}")
    return reshape(x, [n for i, n in enumerate(x.shape) if i not in axes])


def expand_dims(x: TensorLike, axis: int | Sequence[int]) -> Tensor:
    """With a new axis of size 1 at each position of `axis`."""
    x = convert_to_tensor(x)
    places = axis if isinstance(axis, Sequence) else (axis,)
    axes = normalize_axes(tuple(places), x.ndim + len(places))
    old = iter(x.shape)
    return reshape(x, [1 if i in axes else next(old) for i in range(x.ndim + len(axes))])


def broadcast_to(x: TensorLike, shape: Sequence[int]) -> Tensor:
    """x repeated along new and size-1 axes to `shape`. Raises ShapeError if it does not fit."""
    return apply(shaping.BroadcastTo, convert_to_tensor(x), shape=tuple(shape))


def concatenate(xs: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Arrays one after the other along `axis`. Raises ShapeError if they differ along another axis."""
    return apply(shaping.Concatenate, *numbers(*_several(xs)), axis=axis)


def stack(x: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Arrays of one shape side by side along a new axis. Raises ShapeError if shapes differ."""
    return apply(shaping.Stack, *numbers(*_several(x)), axis=axis)


def _several(xs: Sequence[TensorLike]) -> Sequence[TensorLike]:
    if len(xs) == 0:
        raise ArgumentError("xs must hold at least one array, got none")
    return xs


def split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """x cut along `axis` into equal sections, or before each of the given positions."""
    x = convert_to_tensor(x)
    axis = normalize_axis(axis, x.ndim)
    n = x.shape[axis]
    if isinstance(indices_or_sections, int):
        if indices_or_sections < 1 or n % indices_or_sections:
            raise ArgumentError(f"indices_or_sections must divide the {n} cells along axis {axis}, got {indices_or_sections}")
        cuts = list(range(0, n + 1, n // indices_or_sections)) if n else [0] * (indices_or_sections + 1)
    else:
        cuts = [0, *indices_or_sections, n]
    before = (slice(None),) * axis
    return [get_item(x, (*before, slice(a, b))) for a, b in pairwise(cuts)]


def repeat(x: TensorLike, repeats: int, axis: int | None = None) -> Tensor:
    """Each cell along `axis` (of the flattened array if None), `repeats` times in a row."""
    x = ravel(x) if axis is None else convert_to_tensor(x)
    axis = 0 if axis is None else normalize_axis(axis, x.ndim)
    before, after = x.shape[: axis + 1], x.shape[axis + 1 :]
    repeated = broadcast_to(expand_dims(x, axis + 1), (*before, repeats, *after))
    return reshape(repeated, (*before[:-1], before[-1] * repeats, *after))


def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """The cells at integer positions along `axis` (of the flattened array if None)."""
    x = ravel(x) if axis is None else convert_to_tensor(x)
    axis = 0 if axis is None else normalize_axis(axis, x.ndim)
    return get_item(x, (slice(None),) * axis + (integers(indices, "indices"),))


def pad(
    x: TensorLike,
    pad_width: int | Sequence[int] | Sequence[Sequence[int]],
    mode: Literal["constant"] = "constant",
    constant_values: float | None = None,
) -> Tensor:
    """x with cells of `constant_values` (default 0) around it.

    Args:
        pad_width: cells before and after, >= 0: p, (before, after) for all axes, or such a pair for each axis.
        mode: "constant" only.

    Raises:
        ArgumentError: if pad_width does not fit the axes, or for another mode.
    """
    if mode != "constant":
        raise ArgumentError(f"mode must be 'constant', got {mode!r}")
    x = convert_to_tensor(x)
    try:
        widths = np.broadcast_to(integers(pad_width, "pad_width"), (x.ndim, 2)).tolist()
    except ValueError:
        raise ArgumentError(f"pad_width must be p, (before, after) or a pair for each of the {x.ndim} axes, got {pad_width!r}") from None
    return apply(shaping.Pad, x, widths=tuple(map(tuple, widths)), value=0.0 if constant_values is None else constant_values)


def flip(x: TensorLike, axis: int | Sequence[int] | None = None) -> Tensor:
    """Cells in reverse order along `axis` (all axes if None)."""
    x = convert_to_tensor(x)
    return apply(shaping.Flip, x, axes=normalize_axes(axis, x.ndim))


def get_item(x: TensorLike, key: Any) -> Tensor:
    """x[key], with NumPy's basic and advanced indexing; an index that names a cell twice adds its gradients."""
    index = tuple(map(_own_index, key)) if isinstance(key, tuple) else _own_index(key)
    return apply(shaping.GetItem, convert_to_tensor(x), index=index)


def _own_index(key: Any) -> Any:
    """Part of an index, a copy where it could change before the gradient comes back."""
    if isinstance(key, Tensor):
        key = key.data
    return key.copy() if isinstance(key, (np.ndarray, list)) else key


def one_hot(x: TensorLike, num_classes: int, axis: int = -1, dtype: DTypeLike | None = None) -> Tensor:
    """A new axis of `num_classes` cells: 1 at the position x, 0 elsewhere, all 0 where x is out of range. Not differentiable."""
    labels = integers(x, "x")
    axis = normalize_axis(axis, labels.ndim + 1)
    inner = (1,) * (labels.ndim - axis)
    hot = labels.reshape(*labels.shape[:axis], 1, *labels.shape[axis:]) == np.arange(num_classes).reshape(-1, *inner)
    return Tensor.wrap(hot.astype(config.floatx() if dtype is None else dtype))


def unit_rows(labels: NDArray[Any], num_classes: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The one-hot rows of class numbers that are known to lie in range, (..., num_classes)."""
    labels = labels.astype(np.intp, copy=False)
    if num_classes <= 64:  # from a table of 16 KB at most: three times as quick, and in every step of a classifier
        return _identity(num_classes, dtype).take(labels, axis=0)
    rows: NDArray[Any] = np.zeros((labels.size, num_classes), dtype)
    rows[np.arange(labels.size), labels.ravel()] = 1
    return rows.reshape(*labels.shape, num_classes)


@functools.lru_cache(maxsize=16)
def _identity(size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.eye(size, dtype=dtype)


def zeros(shape: Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
    """Zeros; `config.floatx` unless a dtype is given."""
    return full(shape, 0, dtype)


def ones(shape: Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
    """Ones; `config.floatx` unless a dtype is given."""
    return full(shape, 1, dtype)


def full(shape: Sequence[int], fill_value: float, dtype: DTypeLike | None = None) -> Tensor:
    """An array of one value; `config.floatx` unless a dtype is given."""
    return Tensor.wrap(np.full(shape, fill_value, config.floatx() if dtype is None else dtype))


def zeros_like(x: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """Zeros of the shape and (by default) the dtype of x."""
    return Tensor.wrap(np.zeros_like(convert_to_numpy(x), dtype))


def ones_like(x: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """Ones of the shape and (by default) the dtype of x."""
    return Tensor.wrap(np.ones_like(convert_to_numpy(x), dtype))


def arange(start: float, stop: float | None = None, step: float = 1, dtype: DTypeLike | None = None) -> Tensor:
    """start, start + step, ... before stop; from 0 if only one bound is given; int32 for ints, else `config.floatx`."""
    values = np.arange(start, stop, step) if stop is not None else np.arange(0, start, step)
    default = np.int32 if values.dtype.kind in "iu" else config.floatx()
    return Tensor.wrap(values.astype(default if dtype is None else dtype))
