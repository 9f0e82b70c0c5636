"""`split_dataset`: arrays in two parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn import random
from tinycnn.data.structure import flatten, pack
from tinycnn.errors import ArgumentError, ShapeError

__all__ = ["split_dataset"]


def split_dataset(
    dataset: Any, left_size: float | None = None, right_size: float | None = None, shuffle: bool = False, seed: int | None = None
) -> tuple[Any, Any]:
    """`dataset` in two: its first samples, and its last.

    Args:
        dataset: an array, or a list, a tuple or a dict of arrays with the same number of samples.
        left_size, right_size: samples in each part (an int), or their fraction of all (a float); one of them may be left out.
        shuffle: go through the samples in a random order, the same for all arrays.
        seed: of that order; default: drawn from `tinycnn.random`.

    Returns:
        (left, right), each built as `dataset` is. Without `shuffle`, the arrays are views.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    arrays, structure = flatten(list(dataset) if isinstance(dataset, tuple) else dataset, "dataset")
    total = len(arrays[0])
    if {len(array) for array in arrays} != {total}:
        raise ShapeError(f"dataset must hold arrays with the same number of samples, got {[len(array) for array in arrays]}")
    left, right = _sizes(left_size, right_size, total)
    if shuffle:
        order = random.generator(seed).permutation(total)
        parts = [[array[order[:left]] for array in arrays], [array[order[total - right :]] for array in arrays]]
    else:
        parts = [[array[:left] for array in arrays], [array[total - right :] for array in arrays]]
    first, last = (_like(dataset, part, structure) for part in parts)
    return first, last


def _like(dataset: Any, arrays: list[Any], structure: Any) -> Any:
    """`arrays` in the form of `dataset`; a lone array in brackets keeps them."""
    if isinstance(dataset, tuple):
        return tuple(arrays)
    lone_in_brackets = structure is None and isinstance(dataset, list) and isinstance(dataset[0], np.ndarray)
    return arrays if lone_in_brackets else pack(arrays, structure)


def _sizes(left: float | None, right: float | None, total: int) -> tuple[int, int]:
    """Both sizes in samples."""
    if left is None and right is None:
        raise ArgumentError("left_size or right_size must be given")
    b = total - _size(left, "left_size", total) if right is None else _size(right, "right_size", total)
    a = total - b if left is None else _size(left, "left_size", total)
    if min(a, b) < 1 or a + b > total:
        raise ArgumentError(f"left_size={left!r} and right_size={right!r} must be parts of {total} samples, not empty and not overlapping")
    return a, b


def _size(size: float | None, name: str, total: int) -> int:
    """One size in samples."""
    if not isinstance(size, bool) and isinstance(size, (int, np.integer)) and 0 < size < total:
        return int(size)
    if isinstance(size, (float, np.floating)) and 0 < size < 1:
        return round(float(size) * total)
    raise ArgumentError(f"{name} must be an int from 1 to {total - 1} or a float between 0 and 1, got {size!r}")
