"""Functions of `keras.ops` that others give in a line or two: rounding, tests, logarithms, orders, norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinycnn.autograd.tensor import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.ops.array import get_item, ones_like
from tinycnn.ops.convert import TensorLike, convert_to_numpy, convert_to_tensor, floats, integers, numbers
from tinycnn.ops.math import (
    Axis,
    absolute,
    cos,
    divide,
    equal,
    exp,
    log,
    matmul,
    mean,
    multiply,
    sin,
    sqrt,
    square,
    sum,
    where,
)
from tinycnn.ops.math import max as amax
from tinycnn.ops.math import min as amin
from tinycnn.rules.op import normalize_axis

__all__ = [
    "allclose",
    "amax",
    "amin",
    "argsort",
    "average",
    "ceil",
    "count_nonzero",
    "divide_no_nan",
    "exp2",
    "floor",
    "floor_divide",
    "in_top_k",
    "isclose",
    "isinf",
    "log2",
    "log10",
    "logical_xor",
    "median",
    "mod",
    "nan_to_num",
    "norm",
    "outer",
    "reciprocal",
    "round",
    "sort",
    "tan",
    "top_k",
    "trunc",
]


# ---- differentiable, by what they are made of
def reciprocal(x: TensorLike) -> Tensor:
    """1 / x"""
    return divide(1, x)


def log2(x: TensorLike) -> Tensor:
    """The logarithm to base 2."""
    return multiply(log(x), 1 / math.log(2))


def log10(x: TensorLike) -> Tensor:
    """The logarithm to base 10."""
    return multiply(log(x), 1 / math.log(10))


def exp2(x: TensorLike) -> Tensor:
    """2 ** x"""
    return exp(multiply(x, math.log(2)))


def tan(x: TensorLike) -> Tensor:
    """sin(x) / cos(x), x in radians."""
    return divide(sin(x), cos(x))


def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 / x2, and 0 where x2 is 0."""
    x1, x2 = floats(x1, x2)
    empty = equal(x2, 0)
    return where(empty, 0, divide(x1, where(empty, 1, x2)))


def nan_to_num(x: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """x with NaN and the infinities replaced; the infinities by default by the largest and the smallest finite number of its dtype."""
    tensor = convert_to_tensor(x)
    if tensor.dtype.kind != "f":
        return tensor
    limits, values = np.finfo(tensor.dtype), tensor.data
    x = where(np.isnan(values), nan, tensor)
    x = where(np.isposinf(values), float(limits.max) if posinf is None else posinf, x)
    return where(np.isneginf(values), float(limits.min) if neginf is None else neginf, x)


def average(x: TensorLike, axis: Axis = None, weights: TensorLike | None = None) -> Tensor:
    """The mean over `axis`, with `weights` the sum of weights * x by the sum of weights.

    Args:
        weights: of the shape of x, or along the one axis that is averaged over.

    Raises:
        ShapeError: weights has another shape.
    """
    if weights is None:
        return mean(x, axis)
    x, weights = floats(x, weights)
    if weights.shape != x.shape:
        if not isinstance(axis, int) or weights.shape != (x.shape[normalize_axis(axis, x.ndim)],):
            raise ShapeError(f"weights must have the shape {x.shape} of x or be as long as its axis {axis!r}, got shape {weights.shape}")
        weights = weights.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
        weights = multiply(weights, ones_like(x))
    return divide(sum(multiply(x, weights), axis), sum(weights, axis))


def outer(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The products of every cell of x1 with every cell of x2: (n, m) for n and m cells."""
    x1, x2 = numbers(x1, x2)
    return matmul(x1.reshape(-1, 1), x2.reshape(1, -1))


def norm(x: TensorLike, ord: int | float | str | None = None, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The length of x over `axis` (over all cells if None), a floating-point number.

    Args:
        ord: 1 (sum of absolute values), 2, None or "fro" (root of the sum of squares), infinity or "inf" (largest absolute value).

    Raises:
        ArgumentError: for any other `ord`, and for 1, 2 and infinity over two axes: norms of matrices are left out.
    """
    (x,) = floats(x)
    one_axis = isinstance(axis, int) or (axis is None and x.ndim == 1) or (isinstance(axis, Sequence) and len(axis) == 1)
    if ord in (None, "fro") or (ord == 2 and one_axis):
        return sqrt(sum(square(x), axis, keepdims))
    if one_axis and ord == 1:
        return sum(absolute(x), axis, keepdims)
    if one_axis and ord in (math.inf, "inf"):
        return amax(absolute(x), axis, keepdims)
    raise ArgumentError(f"ord must be None, 'fro', or over one axis 1, 2 or infinity, got {ord!r} over axis {axis!r} of shape {x.shape}")


def sort(x: TensorLike, axis: int = -1) -> Tensor:
    """The cells along `axis` in ascending order; equal ones keep theirs."""
    x = convert_to_tensor(x)
    return _along(x, argsort(x, axis).data, normalize_axis(axis, x.ndim))


def top_k(x: TensorLike, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """(the k largest cells along the last axis, in descending order, their positions, int32); of equal ones the first come first.

    Raises:
        ArgumentError: there are not k cells along the last axis.
    """
    x = convert_to_tensor(x)
    n = x.shape[-1] if x.ndim else 0
    if not 0 <= k <= n:
        raise ArgumentError(f"k must be from 0 to the {n} cells along the last axis of shape {x.shape}, got {k!r}")
    last_first = np.argsort(x.data[..., ::-1], axis=-1, kind="stable")  # ascending, of equal ones the last first
    positions = n - 1 - last_first[..., ::-1][..., :k]
    return _along(x, positions, x.ndim - 1), Tensor.wrap(positions.astype(np.int32))


def median(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The middle cell along `axis` (of all cells if None) in ascending order, or the mean of the two middle ones."""
    (x,) = floats(x)
    ndim = x.ndim
    flat = x.reshape(-1) if axis is None else x
    place = 0 if axis is None else normalize_axis(axis, ndim)
    n = flat.shape[place]
    if n == 0:
        raise ArgumentError(f"x must have cells along axis {axis!r}, got shape {x.shape}")
    before = (slice(None),) * place
    ordered = sort(flat, place)
    middle = (get_item(ordered, (*before, (n - 1) // 2)) + get_item(ordered, (*before, n // 2))) / 2
    if not keepdims:
        return middle
    return middle.reshape((1,) * ndim if axis is None else tuple(1 if i == place else size for i, size in enumerate(x.shape)))


def _along(x: Tensor, positions: Any, axis: int) -> Tensor:
    """The cells at `positions` along `axis`, elsewhere where they are."""
    index = list(np.ogrid[tuple(slice(n) for n in positions.shape)])
    index[axis] = positions
    return get_item(x, tuple(index))


# ---- not differentiable: constant between jumps, or integers and bools
def floor(x: TensorLike) -> Tensor:
    """The largest whole number that is not above x. Not differentiable."""
    return _elementwise(np.floor, x)


def ceil(x: TensorLike) -> Tensor:
    """The smallest whole number that is not below x. Not differentiable."""
    return _elementwise(np.ceil, x)


def trunc(x: TensorLike) -> Tensor:
    """x without its fraction. Not differentiable."""
    return _elementwise(np.trunc, x)


def round(x: TensorLike, decimals: int = 0) -> Tensor:
    """x to `decimals` places, halves to the even neighbour. Not differentiable."""
    x = convert_to_tensor(x)
    return Tensor.wrap(np.asarray(np.round(x.data, decimals)))


def floor_divide(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The largest whole number that is not above x1 / x2. Not differentiable."""
    return _elementwise(np.floor_divide, x1, x2)


def mod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """What x1 leaves when it is divided by x2, with the sign of x2. Not differentiable."""
    return _elementwise(np.mod, x1, x2)


def logical_xor(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Exactly one non-zero, bool. Not differentiable."""
    return _elementwise(np.logical_xor, x1, x2)


def isinf(x: TensorLike) -> Tensor:
    """Whether each cell is infinite. Not differentiable."""
    return _elementwise(np.isinf, x)


def isclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """|x1 - x2| <= atol + rtol * |x2|, cell by cell, bool. Not differentiable."""
    x1, x2 = numbers(x1, x2)
    return Tensor.wrap(np.asarray(np.isclose(x1.data, x2.data, rtol, atol, equal_nan)))


def allclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether all cells are close, as `isclose` has it. Not differentiable."""
    return Tensor.wrap(np.asarray(isclose(x1, x2, rtol, atol, equal_nan).data.all()))


def count_nonzero(x: TensorLike, axis: Axis = None) -> Tensor:
    """How many cells along `axis` are not 0, int32. Not differentiable."""
    array = convert_to_numpy(x)
    return Tensor.wrap(np.asarray(np.sum(array != 0, axis=tuple(axis) if isinstance(axis, Sequence) else axis), np.int32))


def argsort(x: TensorLike, axis: int = -1) -> Tensor:
    """The positions that put the cells along `axis` in ascending order, int32; equal ones keep theirs. Not differentiable."""
    array = convert_to_numpy(x)
    return Tensor.wrap(np.argsort(array, axis=normalize_axis(axis, array.ndim), kind="stable").astype(np.int32))


def in_top_k(targets: TensorLike, predictions: TensorLike, k: int) -> Tensor:
    """Whether fewer than k predictions of a row are larger than that of its target, bool. Not differentiable.

    Args:
        targets: (N,) class numbers.
        predictions: (N, C).
    """
    labels, scores = integers(targets, "targets"), convert_to_numpy(predictions)
    if labels.ndim != 1 or scores.ndim != 2 or len(labels) != len(scores) or ((labels < 0) | (labels >= scores.shape[1])).any():
        raise ArgumentError(f"targets must be (N,) class numbers of predictions (N, C), got shapes {labels.shape} and {scores.shape}")
    own = scores[np.arange(len(labels)), labels][:, None]
    return Tensor.wrap(((scores > own).sum(axis=1) < k) & np.isfinite(own[:, 0]))


def _elementwise(function: Any, *values: TensorLike) -> Tensor:
    return Tensor.wrap(np.asarray(function(*[t.data for t in numbers(*values)])))
