"""One array, a list of arrays or a dict of arrays, flattened to a list and put together again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.ops import convert_to_numpy

__all__ = ["Structure", "flatten", "is_stream", "pack"]

#: How a flat list was given: None for a lone array, `list`, or the keys of a dict.
Structure: TypeAlias = type[list[Any]] | tuple[str, ...] | None


def flatten(value: Any, name: str, keys: Sequence[str] | None = None) -> tuple[list[NDArray[Any]], Structure]:
    """`value` as a list of arrays, and how it was given.

    Args:
        value: an array, a Tensor, numbers in nested lists; or a list or tuple of arrays; or a dict of arrays.
        name: what to call it in errors.
        keys: the names that a dict must have, in their order; default: the dict's own.

    Raises:
        ArgumentError: a dict lacks a key or has one too many.
        DTypeError: something is not made of numbers.
        ShapeError: an array has no axes.
    """
    structure: Structure
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
        array = convert_to_numpy(part)
        if array.ndim == 0:
            raise ShapeError(f"{label} must have an axis of samples, got a single number")
        arrays.append(array)
    return arrays, structure


def pack(arrays: Sequence[Any], structure: Structure) -> Any:
    """The inverse of `flatten`."""
    if structure is None:
        return arrays[0]
    return list(arrays) if structure is list else dict(zip(structure, arrays, strict=True))  # type: ignore[arg-type]


def _is_list_of_arrays(value: Any) -> bool:
    """True for [array, array]; false for nested lists of numbers, which are one array."""
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(isinstance(part, (np.ndarray, Tensor)) for part in value)


def is_stream(x: Any) -> bool:
    """Whether `x` yields batches - a generator, an iterator, any iterable that is no array - rather than being the data itself."""
    if isinstance(x, (np.ndarray, Tensor, Mapping, list, tuple, str, bytes)) or hasattr(x, "__array__"):
        return False
    return isinstance(x, Iterable) or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))
