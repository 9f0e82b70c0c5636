"""Arithmetic, elementwise functions, comparisons and reductions, under the names of `keras.ops`.

Every function takes Tensors, ndarrays and Python numbers, broadcasts as NumPy does, and is recorded for gradients unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinycnn import config
from tinycnn.autograd.tensor import Tensor, apply
from tinycnn.ops.convert import TensorLike, convert_to_numpy, convert_to_tensor, floats, numbers
from tinycnn.rules import arithmetic, elementwise, reductions
from tinycnn.rules.linear import MatMul
from tinycnn.rules.op import normalize_axis

__all__ = [
    "abs",
    "absolute",
    "add",
    "all",
    "any",
    "argmax",
    "argmin",
    "clip",
    "cos",
    "divide",
    "equal",
    "erf",
    "exp",
    "expm1",
    "greater",
    "greater_equal",
    "isfinite",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "logical_and",
    "logical_not",
    "logical_or",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "power",
    "rsqrt",
    "sign",
    "sin",
    "sqrt",
    "square",
    "std",
    "subtract",
    "sum",
    "true_divide",
    "var",
    "where",
]

Axis = int | Sequence[int] | None


# ---- two operands
def add(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 + x2"""
    return apply(arithmetic.Add, *numbers(x1, x2))


def subtract(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 - x2"""
    return apply(arithmetic.Subtract, *numbers(x1, x2))


def multiply(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 * x2"""
    return apply(arithmetic.Multiply, *numbers(x1, x2))


def divide(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 / x2, floating-point also for integers"""
    return apply(arithmetic.Divide, *floats(x1, x2))


true_divide = divide


def power(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 ** x2. A constant exponent of 2 or 0.5 is computed as a square or a square root."""
    if isinstance(x2, (int, float)) and not isinstance(x2, bool):
        if x2 == 2:
            return square(x1)
        if x2 == 0.5:
            return sqrt(x1)
        if x2 < 0:  # NumPy refuses negative powers of integers
            return apply(arithmetic.Power, *floats(x1, x2))
    return apply(arithmetic.Power, *numbers(x1, x2))


def maximum(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The larger of x1 and x2, cell by cell; a tie gives its gradient to x1; NaN wins."""
    return apply(arithmetic.Maximum, *numbers(x1, x2))


def minimum(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The smaller of x1 and x2, cell by cell; a tie gives its gradient to x1; NaN wins."""
    return apply(arithmetic.Minimum, *numbers(x1, x2))


def where(condition: TensorLike, x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 where `condition` holds, else x2; no gradient goes to the condition."""
    return apply(arithmetic.Where, Tensor.wrap(convert_to_numpy(condition).astype(bool)), *numbers(x1, x2))


def matmul(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The matrix product (..., M, K) @ (..., K, N) -> (..., M, N); vectors and leading axes as in `numpy.matmul`.

    Raises:
        ShapeError: if the inner sizes differ or the leading axes do not broadcast.
    """
    return apply(MatMul, *floats(x1, x2))


# ---- one operand
def negative(x: TensorLike) -> Tensor:
    """-x"""
    return apply(elementwise.Negative, convert_to_tensor(x))


def exp(x: TensorLike) -> Tensor:
    """e ** x"""
    return apply(elementwise.Exp, *floats(x))


def expm1(x: TensorLike) -> Tensor:
    """e ** x - 1, exact near 0"""
    return apply(elementwise.Expm1, *floats(x))


def log(x: TensorLike) -> Tensor:
    """The natural logarithm."""
    return apply(elementwise.Log, *floats(x))


def log1p(x: TensorLike) -> Tensor:
    """ln(1 + x), exact near 0"""
    return apply(elementwise.Log1p, *floats(x))


def sqrt(x: TensorLike) -> Tensor:
    """The square root."""
    return apply(elementwise.Sqrt, *floats(x))


def rsqrt(x: TensorLike) -> Tensor:
    """1 / sqrt(x)"""
    return divide(1, sqrt(x))


def square(x: TensorLike) -> Tensor:
    """x * x"""
    return apply(elementwise.Square, convert_to_tensor(x))


def abs(x: TensorLike) -> Tensor:
    """|x|; the derivative at 0 is 0."""
    return apply(elementwise.Absolute, convert_to_tensor(x))


absolute = abs


def sin(x: TensorLike) -> Tensor:
    """The sine of x, in radians."""
    return apply(elementwise.Sin, *floats(x))


def cos(x: TensorLike) -> Tensor:
    """The cosine of x, in radians."""
    return apply(elementwise.Cos, *floats(x))


def erf(x: TensorLike) -> Tensor:
    """The error function."""
    return apply(elementwise.Erf, *floats(x))


def clip(x: TensorLike, x_min: float, x_max: float) -> Tensor:
    """x, but at least x_min and at most x_max; the gradient passes where x_min <= x <= x_max. Raises ArgumentError if x_min > x_max.

    Whole numbers become `config.floatx` where a bound is none, and int32 where they are bools.
    """
    x = convert_to_tensor(x)
    if x.dtype.kind != "f":
        is_whole = np.array_equal(np.trunc([x_min, x_max]), [x_min, x_max])
        x = convert_to_tensor(x, (np.int32 if x.dtype.kind == "b" else x.dtype) if is_whole else config.floatx())
    return apply(elementwise.Clip, x, low=x_min, high=x_max)


# ---- reductions
def sum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum over `axis` (an int, several, or None for all); float32 stays float32, bools are counted."""
    x = convert_to_tensor(x)
    return apply(reductions.Sum, x if x.dtype.kind != "b" else convert_to_tensor(x, np.int32), axis=axis, keepdims=keepdims)


def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over `axis`. Raises ShapeError if there is nothing to average."""
    return apply(reductions.Mean, *floats(x), axis=axis, keepdims=keepdims)


def max(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Tensor:
    """The maximum over `axis`, at least `initial`; equal cells share the gradient evenly.

    Raises:
        ShapeError: there is nothing to compare, and no `initial`.
    """
    return _extreme(reductions.Max, maximum, x, axis, keepdims, initial)


def min(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Tensor:
    """The minimum over `axis`, at most `initial`; equal cells share the gradient evenly.

    Raises:
        ShapeError: there is nothing to compare, and no `initial`.
    """
    return _extreme(reductions.Min, minimum, x, axis, keepdims, initial)


def _extreme(rule: Any, of_two: Any, x: TensorLike, axis: Axis, keepdims: bool, initial: float | None) -> Tensor:
    x = convert_to_tensor(x)
    if initial is None or x.size:
        found: Tensor = apply(rule, x, axis=axis, keepdims=keepdims)
        return found if initial is None else of_two(found, initial)
    return sum(x, axis, keepdims) + Tensor.wrap(np.asarray(initial, x.dtype))


def var(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The biased variance over `axis`: the mean squared distance from the mean."""
    (x,) = floats(x)
    return mean(square(subtract(x, mean(x, axis, keepdims=True))), axis, keepdims)


def std(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The square root of the biased variance over `axis`."""
    return sqrt(var(x, axis, keepdims))


def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """ln(sum(e ** x)) over `axis`, without overflow."""
    return apply(reductions.LogSumExp, *floats(x), axis=axis, keepdims=keepdims)


# ---- not differentiable: results are integers or bools, outside the graph
def argmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the first maximum, int32; in the flattened array if `axis` is None. Not differentiable."""
    return _position(np.argmax, x, axis, keepdims)


def argmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the first minimum, int32; in the flattened array if `axis` is None. Not differentiable."""
    return _position(np.argmin, x, axis, keepdims)


def _position(function: Any, x: TensorLike, axis: int | None, keepdims: bool) -> Tensor:
    array = convert_to_numpy(x)
    if axis is not None:
        axis = normalize_axis(axis, array.ndim)
    return Tensor.wrap(np.asarray(function(array, axis=axis, keepdims=keepdims), np.int32))


def _compare(function: Any, *values: TensorLike) -> Tensor:
    return Tensor.wrap(np.asarray(function(*[t.data for t in numbers(*values)])))


def equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 == x2, cell by cell, bool. Not differentiable."""
    return _compare(np.equal, x1, x2)


def not_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 != x2, cell by cell, bool. Not differentiable."""
    return _compare(np.not_equal, x1, x2)


def less(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 < x2, cell by cell, bool. Not differentiable."""
    return _compare(np.less, x1, x2)


def less_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 <= x2, cell by cell, bool. Not differentiable."""
    return _compare(np.less_equal, x1, x2)


def greater(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 > x2, cell by cell, bool. Not differentiable."""
    return _compare(np.greater, x1, x2)


def greater_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 >= x2, cell by cell, bool. Not differentiable."""
    return _compare(np.greater_equal, x1, x2)


def logical_and(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Both non-zero, bool. Not differentiable."""
    return _compare(np.logical_and, x1, x2)


def logical_or(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Either non-zero, bool. Not differentiable."""
    return _compare(np.logical_or, x1, x2)


def logical_not(x: TensorLike) -> Tensor:
    """Zero, bool. Not differentiable."""
    return _compare(np.logical_not, x)


def isnan(x: TensorLike) -> Tensor:
    """Whether each cell is NaN. Not differentiable."""
    return _compare(np.isnan, x)


def isfinite(x: TensorLike) -> Tensor:
    """Whether each cell is neither NaN nor infinite. Not differentiable."""
    return _compare(np.isfinite, x)


def sign(x: TensorLike) -> Tensor:
    """-1, 0 or 1. The derivative is 0 everywhere, so it is not recorded."""
    return _compare(np.sign, x)


def all(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all cells over `axis` are non-zero. Not differentiable."""
    return Tensor.wrap(np.asarray(np.all(convert_to_numpy(x), axis=_axes(axis), keepdims=keepdims)))


def any(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any cell over `axis` is non-zero. Not differentiable."""
    return Tensor.wrap(np.asarray(np.any(convert_to_numpy(x), axis=_axes(axis), keepdims=keepdims)))


def _axes(axis: Axis) -> int | tuple[int, ...] | None:
    return tuple(axis) if isinstance(axis, Sequence) else axis
