"""Slices and scattered cells, read and written; a tensor is never changed, what is written gives a new one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd.tensor import Tensor, apply
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.ops.array import get_item, reshape
from tinycnn.ops.convert import TensorLike, cast, convert_to_numpy, convert_to_tensor, integers, numbers
from tinycnn.ops.math import maximum, minimum, multiply, where
from tinycnn.rules.shaping import Scatter

__all__ = ["isin", "nonzero", "scatter", "scatter_update", "segment_sum", "select", "slice", "slice_update", "unravel_index"]

_slice = slice


# ---- slices
def slice(inputs: TensorLike, start_indices: TensorLike, shape: Sequence[int]) -> Tensor:
    """The block of `shape` that begins at `start_indices`. Raises ArgumentError if it does not lie within the inputs."""
    inputs = convert_to_tensor(inputs)
    return get_item(inputs, _block(inputs, start_indices, shape))


def slice_update(inputs: TensorLike, start_indices: TensorLike, updates: TensorLike) -> Tensor:
    """`inputs` with `updates` in the place of the block that begins at `start_indices`.

    Raises:
        ArgumentError: the block does not lie within the inputs.
    """
    inputs, updates = convert_to_tensor(inputs), convert_to_tensor(updates)
    return _written(inputs, _block(inputs, start_indices, updates.shape), updates)


def _block(inputs: Tensor, start_indices: TensorLike, shape: Sequence[int]) -> tuple[Any, ...]:
    starts = integers(start_indices, "start_indices").tolist()
    sizes = integers(shape, "shape").tolist()
    if len(starts) != inputs.ndim or len(sizes) != inputs.ndim:
        raise ArgumentError(f"start_indices and shape must hold a number for each axis of shape {inputs.shape}, got {starts} and {sizes}")
    if any(not 0 <= start <= start + size <= n for start, size, n in zip(starts, sizes, inputs.shape, strict=True)):
        raise ArgumentError(f"the block of shape {tuple(sizes)} at {tuple(starts)} must lie within the inputs of shape {inputs.shape}")
    return tuple(_slice(start, start + size) for start, size in zip(starts, sizes, strict=True))


def _written(x: Tensor, index: Any, values: Tensor) -> Tensor:
    """x with other values in the cells at `index`, each of which it names once."""
    outside = np.ones(x.shape, bool)
    outside[index] = False
    return where(outside, x, apply(Scatter, cast(values, x.dtype), shape=x.shape, index=index))


# ---- scattered cells
def scatter(indices: TensorLike, values: TensorLike, shape: Sequence[int]) -> Tensor:
    """Zeros of `shape`, to whose parts at `indices` the `values` are added.

    Args:
        indices: (..., k) positions along the first k axes of `shape`.
        values: (..., *shape[k:]).

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    return apply(Scatter, convert_to_tensor(values), shape=tuple(shape), index=_positions(indices, tuple(shape)))


def scatter_update(inputs: TensorLike, indices: TensorLike, updates: TensorLike, reduction: str | None = None) -> Tensor:
    """`inputs` with the parts at `indices` changed, by one update after the other where an index comes again.

    Args:
        indices: (..., k) positions along the first k axes of the inputs.
        updates: (..., *inputs.shape[k:]).
        reduction: None puts the update in the place of what is there; "add", "mul", "max" and "min" combine the two.

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    if reduction not in _COMBINED:
        raise ArgumentError(f"reduction must be one of {', '.join(map(repr, _COMBINED))}, got {reduction!r}")
    found, new = convert_to_tensor(inputs), convert_to_tensor(updates)
    index = _positions(indices, found.shape)
    part = found.shape[len(index) :]
    if new.shape != (*index[0].shape, *part):
        raise ShapeError(f"updates must have shape {(*index[0].shape, *part)}, got {new.shape}")
    if reduction == "add":
        return found + apply(Scatter, cast(new, found.dtype), shape=found.shape, index=index)
    index = tuple(places.ravel() for places in index)
    new = reshape(new, (len(index[0]), *part))
    for chosen in _rounds(np.ravel_multi_index(index, found.shape[: len(index)])):
        cells = tuple(places[chosen] for places in index)
        found = _written(found, cells, _COMBINED[reduction](get_item(found, cells), get_item(new, (chosen,))))
    return found


_COMBINED: dict[str | None, Callable[[Tensor, Tensor], Tensor]] = {
    None: lambda old, new: new,
    "add": lambda old, new: old + new,
    "mul": multiply,
    "max": maximum,
    "min": minimum,
}


def _rounds(cells: NDArray[Any]) -> list[NDArray[Any]]:
    """The numbers of the updates, parted so that each part names a cell once: first, second, ... occurrences."""
    order = np.argsort(cells, kind="stable")
    ordered = cells[order]
    occurrence = np.arange(len(cells)) - np.searchsorted(ordered, ordered)
    return [order[occurrence == i] for i in range(int(occurrence.max(initial=-1)) + 1)]


def _positions(indices: TensorLike, shape: tuple[int, ...]) -> tuple[NDArray[Any], ...]:
    """Index arrays, one for each of the first axes of `shape`."""
    places = integers(indices, "indices")
    if places.ndim < 1 or not 1 <= places.shape[-1] <= len(shape):
        raise ShapeError(f"indices must have shape (..., k), k from 1 to the {len(shape)} axes of shape {shape}, got {places.shape}")
    if ((places < 0) | (places >= shape[: places.shape[-1]])).any():
        raise ArgumentError(f"indices must be from 0 to below the sizes {shape[: places.shape[-1]]}")
    return tuple(np.moveaxis(places, -1, 0))


def segment_sum(data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The sums of the rows of `data` that have the same number: result[i] is the sum of data[j] with segment_ids[j] == i.

    Args:
        data: (N, ...).
        segment_ids: (N,) whole numbers from 0 to below num_segments.
        num_segments: how many sums; default: one more than the largest number.
        sorted: whether the numbers ascend, which makes no difference here.

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    data, ids = convert_to_tensor(data), integers(segment_ids, "segment_ids")
    if ids.ndim != 1 or data.shape[:1] != ids.shape:
        raise ShapeError(f"segment_ids must have shape {data.shape[:1]}, one number a row of data, got {ids.shape}")
    count = int(ids.max(initial=-1)) + 1 if num_segments is None else num_segments
    if ((ids < 0) | (ids >= count)).any():
        raise ArgumentError(f"segment_ids must be from 0 to {count - 1}, got {ids.min()} to {ids.max()}")
    return apply(Scatter, data, shape=(count, *data.shape[1:]), index=ids)


def select(condlist: Sequence[TensorLike], choicelist: Sequence[TensorLike], default: TensorLike = 0) -> Tensor:
    """Each cell from the first of `choicelist` whose condition in `condlist` holds there; `default` where none does."""
    if len(condlist) != len(choicelist) or not condlist:
        raise ArgumentError(f"condlist and choicelist must be as long as each other, got {len(condlist)} and {len(choicelist)}")
    *choices, found = numbers(*choicelist, default)
    pairs = list(zip(condlist, choices, strict=True))
    return functools.reduce(lambda rest, pair: where(pair[0], pair[1], rest), reversed(pairs), found)


# ---- places, not differentiable
def nonzero(x: TensorLike) -> tuple[Tensor, ...]:
    """The positions of the cells that are not 0, an int32 line for each axis. Not differentiable."""
    return tuple(Tensor.wrap(places.astype(np.int32)) for places in np.nonzero(convert_to_numpy(x)))


def isin(x1: TensorLike, x2: TensorLike, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each cell of x1 occurs in x2, or with `invert` does not, bool. Not differentiable."""
    return Tensor.wrap(np.asarray(np.isin(convert_to_numpy(x1), convert_to_numpy(x2), assume_unique, invert)))


def unravel_index(indices: TensorLike, shape: Sequence[int]) -> tuple[Tensor, ...]:
    """The positions along each axis of `shape` of cells that are counted through all of it, int32. Not differentiable."""
    places, size = integers(indices, "indices"), int(np.prod(shape))
    if ((places < -size) | (places >= size)).any():
        raise ArgumentError(f"indices must be from {-size} to {size - 1} for shape {tuple(shape)}")
    return tuple(Tensor.wrap(np.asarray(line, np.int32)) for line in np.unravel_index(places % max(size, 1), tuple(shape)))
