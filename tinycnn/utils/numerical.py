"""Label and array preparation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.checks import check_count
from tinycnn.config import floatx
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.ops.array import unit_rows
from tinycnn.ops.convert import convert_to_numpy, extremes, integers

__all__ = ["normalize", "standardize_dtype", "to_categorical"]

_DTYPES = ("bool", "float16", "float32", "float64", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


def standardize_dtype(dtype: Any) -> str:
    """The name of a dtype, such as "float32": of NumPy's, of PyTorch's, of Python's bool, int (int32) and float (float32), or a name.

    None is `config.floatx`.

    Raises:
        ArgumentError: it is no dtype of real numbers.
    """
    if dtype is None:
        return floatx()
    name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype).removeprefix("torch.")
    name = {"int": "int32", "float": "float32"}.get(name, name)
    if name not in _DTYPES:
        raise ArgumentError(f"dtype must be one of {', '.join(_DTYPES)}, got {dtype!r}")
    return str(name)


def to_categorical(x: Any, num_classes: int | None = None) -> NDArray[np.float64]:
    """Class numbers as one-hot rows.

    Args:
        x: whole numbers from 0 to num_classes - 1, of any shape; a last axis of size 1 is dropped.
        num_classes: the length of a row; default: the largest class number + 1.

    Returns:
        float64 array of shape x.shape + (num_classes,).

    Raises:
        DTypeError: x does not hold whole numbers.
        ArgumentError: a class number is out of range, there is none to take num_classes from, or num_classes is no int >= 1.
    """
    labels = integers(x, "x")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    least, largest = extremes(labels) if labels.size else (0, -1)
    if num_classes is None:
        if not labels.size:
            raise ArgumentError("x is empty: num_classes must be given")
        num_classes = max(largest, 0) + 1
    num_classes = check_count("num_classes", num_classes)
    if least < 0 or largest >= num_classes:
        raise ArgumentError(f"x must hold class numbers from 0 to {num_classes - 1}, got {least} to {largest}")
    return unit_rows(labels, num_classes, np.dtype(np.float64))


def normalize(x: Any, axis: int = -1, order: int = 2) -> NDArray[Any]:
    """`x` divided by its norm along `axis`; vectors of norm 0 stay 0.

    Args:
        x: numbers, of at least one axis.
        axis: along which the norm is taken.
        order: of the norm: 2 is the Euclidean one.

    Raises:
        ShapeError: x has no such axis.
    """
    array = np.atleast_1d(convert_to_numpy(x))
    if not -array.ndim <= axis < array.ndim:
        raise ShapeError(f"axis must be from {-array.ndim} to {array.ndim - 1} for x of shape {array.shape}, got {axis}")
    norm = np.linalg.norm(array, order, axis, keepdims=True)
    return np.asarray(array / np.where(norm == 0, 1, norm))
