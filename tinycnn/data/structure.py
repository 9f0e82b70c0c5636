"""One array, a list of arrays or a dict of arrays, flattened to a list and put together again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd import Tensor
from tinycnn.autograd.tensor import as_supported_array
from tinycnn.errors import ArgumentError, DTypeError, ShapeError

__all__ = ["Structure", "flatten", "is_indexable", "is_stream", "pack"]

#: How a flat list was given: None for a lone array, `list`, or the keys of a dict.
Structure: TypeAlias = type[list[Any]] | tuple[str, ...] | None


def flatten(value: Any, name: str, keys: Sequence[str] | None = None) -> tuple[list[NDArray[Any]], Structure]:
    """`value` as a list of arrays, and how it was given.

    Nothing is cast or copied here: that is done batch by batch, so that a memory-mapped array stays on the disk.

    Args:
        value: an array, a Tensor, a DataFrame, a tensor of torch, numbers in nested lists; or a list or tuple of arrays; or a dict of
            arrays. A Series is one column, (N, 1).
        name: what to call it in errors.
        keys: the names that a dict must have, in their order; default: the dict's own.

    Raises:
        ArgumentError: a dict lacks a key or has one too many.
        DTypeError: something is not made of numbers.
        ShapeError: an array has no axes.
    """
    structure: Structure
    if type(value) is np.ndarray and value.ndim:  # as nearly always
        return [_as_array(value, name)], None
    if isinstance(value, Mapping):
        wanted = tuple(value) if keys is None else tuple(keys)
        if set(value) != set(wanted):
            raise ArgumentError(f"{name} must be a dict with the keys {sorted(wanted)}, got {sorted(value)}")
        structure, parts = wanted, {f"{name}[{key!r}]": value[key] for key in wanted}
    elif _is_list_of_arrays(value):
        structure = list if len(value) > 1 else None  # a lone input, in brackets
        parts = {f"{name}[{i}]": part for i, part in enumerate(value)}
    else:
        structure, parts = None, {name: value}
    arrays = []
    for label, part in parts.items():
        array = _as_array(part, label)
        if array.ndim == 0:
            raise ShapeError(f"{label} must have an axis of samples, got a single number")
        arrays.append(array)
    return arrays, structure


def pack(arrays: Sequence[Any], structure: Structure) -> Any:
    """The inverse of `flatten`."""
    if structure is None:
        return arrays[0]
    return list(arrays) if structure is list else dict(zip(structure, arrays, strict=True))  # type: ignore[arg-type]


def _as_array(value: Any, name: str) -> NDArray[Any]:
    """`value`, in errors `name`, as an ndarray of a dtype that can be cast to one tinycnn computes with; shared wherever that can be."""
    if isinstance(value, np.ndarray) and value.ndim:
        if value.dtype.kind not in "fiub" or value.dtype.itemsize > 8:
            as_supported_array(value[:0], name=name)  # raises
        return np.asarray(value)
    if hasattr(value, "iloc") and getattr(value, "ndim", 0) == 1:  # a Series
        return as_supported_array(value, name=name)[:, None]
    try:
        return as_supported_array(value, name=name)
    except RuntimeError as error:  # torch: a tensor that wants a gradient
        raise DTypeError(f"{name} cannot be made an array of numbers: {error}") from None


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, Tensor)) or hasattr(value, "__array__")


def _is_list_of_arrays(value: Any) -> bool:
    """True for [array, array]; false for nested lists of numbers, which are one array."""
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(_is_array(part) and np.ndim(part) for part in value)


def is_stream(x: Any) -> bool:
    """Whether `x` yields batches - a generator, an iterator, any iterable that is no array, a `PyDataset` - rather than being the data."""
    if isinstance(x, (Mapping, list, tuple, str, bytes, type)) or _is_array(x):
        return False
    return isinstance(x, Iterable) or is_indexable(x)


def is_indexable(x: Any) -> bool:
    """Whether batches can be asked for by their number, as of a `PyDataset` or of what looks like one."""
    return hasattr(x, "__getitem__") and (hasattr(x, "__len__") or hasattr(x, "num_batches"))
