"""Checks of single operands, and their normal form: C-contiguous, aligned, native byte order.

An array that is in normal form already, as nearly all are, passes in well under a microsecond and is not copied.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray  # by itself: these checks are a tenth of what Python does in a step

from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.kernels.spec import Array

__all__ = ["floating", "inplace_operand", "leading", "matrix", "operand", "placing"]

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def floating(name: str, array: Array) -> np.dtype[Any]:
    """The dtype of a call whose first operand is `array`: float32 or float64 in native byte order, else DTypeError."""
    if isinstance(array, ndarray):
        dtype = array.dtype
        if dtype is FLOAT32 or dtype is FLOAT64:
            return dtype
        if dtype.kind == "f" and dtype.itemsize in (4, 8):
            return FLOAT32 if dtype.itemsize == 4 else FLOAT64
    raise DTypeError(f"{name} must be a float32 or float64 array, got {getattr(array, 'dtype', type(array).__name__)}")


def operand(name: str, array: Array, shape: tuple[int, ...] | None, dtype: np.dtype[Any]) -> Any:
    """`array` in normal form, a copy only where it has to be; ShapeError / DTypeError unless it has `shape` (None: any) and `dtype`."""
    if type(array) is ndarray and array.dtype is dtype and (shape is None or array.shape == shape) and array.flags.carray:
        return array  # as nearly always; "carray" is all three of contiguous, aligned and writable
    if not isinstance(array, ndarray):
        raise DTypeError(f"{name} must be a NumPy array, got {type(array).__name__}")
    if array.dtype != dtype and array.dtype.newbyteorder("=") != dtype:
        raise DTypeError(f"{name} must be {dtype}, got {array.dtype}")
    if shape is not None and array.shape != shape:
        raise ShapeError(f"{name} must have shape {shape}, got {array.shape}")
    flags = array.flags
    return array if array.dtype.isnative and flags.c_contiguous and flags.aligned else np.array(array, dtype, order="C")


def leading(name: str, array: Array, shape: tuple[int, ...] | None = None) -> Any:
    """`operand` for the first one of a call, of float32 or float64: the others have its dtype."""
    fits = type(array) is ndarray and (array.dtype is FLOAT32 or array.dtype is FLOAT64) and (shape is None or array.shape == shape)
    if fits and array.flags.carray:  # as nearly always
        return array
    return operand(name, array, shape, floating(name, array))


def matrix(name: str, array: Array, dtype: np.dtype[Any] | None = None) -> Any:
    """`operand`, or without a `dtype` `leading`, of any shape with two dimensions."""
    array = leading(name, array) if dtype is None else operand(name, array, None, dtype)
    if array.ndim != 2:
        raise ShapeError(f"{name} must have 2 dimensions, got shape {array.shape}")
    return array


def inplace_operand(name: str, array: Array, shape: tuple[int, ...] | None, dtype: np.dtype[Any]) -> Any:
    """`array` itself, which a kernel is to change; also ArgumentError unless it can be written as it lies."""
    if operand(name, array, shape, dtype) is not array or not array.flags.writeable:
        raise ArgumentError(f"{name} is changed in place, so it must be writable, C-contiguous, aligned and of native byte order")
    return array


def placing(function: Callable[..., Array]) -> Callable[..., Array]:
    """A bare function that makes a new array, as one that puts it `into` a given one instead."""

    @functools.wraps(function)
    def placed(*args: Any, into: Array | None = None) -> Array:
        result = function(*args)
        if into is None:
            return result
        into[...] = result
        return into

    return placed
