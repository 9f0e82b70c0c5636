"""Elementary functions of `keras.ops` beside those of `math`: inverse ones, angles, and pairs of numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinycnn.autograd.tensor import Tensor, apply
from tinycnn.ops.array import broadcast_to, stack
from tinycnn.ops.convert import TensorLike, floats, numbers
from tinycnn.ops.math import absolute, divide, isnan, less, logsumexp, maximum, minimum, multiply, where
from tinycnn.ops.math import equal as is_equal
from tinycnn.rules import inverse

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cbrt",
    "cosh",
    "deg2rad",
    "erfc",
    "fabs",
    "fmax",
    "fmin",
    "fmod",
    "heaviside",
    "hypot",
    "isneginf",
    "isposinf",
    "logaddexp",
    "logaddexp2",
    "rad2deg",
    "signbit",
    "sinh",
]


def arcsin(x: TensorLike) -> Tensor:
    """The angle whose sine is x, in radians from -pi / 2 to pi / 2; NaN where |x| > 1."""
    return apply(inverse.Arcsin, *floats(x))


def arccos(x: TensorLike) -> Tensor:
    """The angle whose cosine is x, in radians from 0 to pi; NaN where |x| > 1."""
    return apply(inverse.Arccos, *floats(x))


def arctan(x: TensorLike) -> Tensor:
    """The angle whose tangent is x, in radians from -pi / 2 to pi / 2."""
    return arctan2(x, 1.0)


def sinh(x: TensorLike) -> Tensor:
    """(e ** x - e ** -x) / 2"""
    return apply(inverse.Sinh, *floats(x))


def cosh(x: TensorLike) -> Tensor:
    """(e ** x + e ** -x) / 2"""
    return apply(inverse.Cosh, *floats(x))


def arctan2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The angle of the point (x2, x1), in radians from -pi to pi."""
    return apply(inverse.Arctan2, *floats(x1, x2))


def arcsinh(x: TensorLike) -> Tensor:
    """The number whose hyperbolic sine is x."""
    return apply(inverse.Arcsinh, *floats(x))


def arccosh(x: TensorLike) -> Tensor:
    """The number >= 0 whose hyperbolic cosine is x; NaN where x < 1."""
    return apply(inverse.Arccosh, *floats(x))


def arctanh(x: TensorLike) -> Tensor:
    """The number whose hyperbolic tangent is x; NaN where |x| > 1."""
    return apply(inverse.Arctanh, *floats(x))


def cbrt(x: TensorLike) -> Tensor:
    """The cube root."""
    return apply(inverse.Cbrt, *floats(x))


def erfc(x: TensorLike) -> Tensor:
    """1 - erf(x), exact far from 0, too."""
    return apply(inverse.Erfc, *floats(x))


def deg2rad(x: TensorLike) -> Tensor:
    """Degrees in radians."""
    return multiply(x, math.pi / 180)


def rad2deg(x: TensorLike) -> Tensor:
    """Radians in degrees."""
    return multiply(x, 180 / math.pi)


def fabs(x: TensorLike) -> Tensor:
    """|x|, a floating-point number also for integers."""
    return absolute(*floats(x))


def hypot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """sqrt(x1 ** 2 + x2 ** 2), without overflow."""
    return apply(inverse.Hypot, *floats(x1, x2))


def fmod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """What x1 leaves when it is divided by x2, with the sign of x1."""
    return apply(inverse.Fmod, *numbers(x1, x2))


def fmax(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The larger of x1 and x2; of a NaN and a number, the number."""
    return where(isnan(x1), x2, where(isnan(x2), x1, maximum(x1, x2)))


def fmin(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The smaller of x1 and x2; of a NaN and a number, the number."""
    return where(isnan(x1), x2, where(isnan(x2), x1, minimum(x1, x2)))


def heaviside(x1: TensorLike, x2: TensorLike) -> Tensor:
    """0 where x1 < 0, 1 where x1 > 0, x2 where x1 is 0."""
    x1, x2 = floats(x1, x2)
    return where(is_equal(x1, 0), x2, where(isnan(x1), x1, where(less(x1, 0), 0.0, 1.0)))


def logaddexp(x1: TensorLike, x2: TensorLike) -> Tensor:
    """ln(e ** x1 + e ** x2), without overflow."""
    x1, x2 = floats(x1, x2)
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    return logsumexp(stack([broadcast_to(x1, shape), broadcast_to(x2, shape)]), axis=0)


def logaddexp2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The logarithm to base 2 of 2 ** x1 + 2 ** x2, without overflow."""
    x1, x2 = floats(x1, x2)
    return divide(logaddexp(multiply(x1, math.log(2)), multiply(x2, math.log(2))), math.log(2))


# ---- not differentiable: bools
def isposinf(x: TensorLike) -> Tensor:
    """Whether each cell is +infinity, bool. Not differentiable."""
    return _test(np.isposinf, x)


def isneginf(x: TensorLike) -> Tensor:
    """Whether each cell is -infinity, bool. Not differentiable."""
    return _test(np.isneginf, x)


def signbit(x: TensorLike) -> Tensor:
    """Whether each cell is below 0 or the floating-point number -0, bool. Not differentiable."""
    return _test(np.signbit, x)


def _test(function: Any, x: TensorLike) -> Tensor:
    return Tensor.wrap(np.asarray(function(*[t.data for t in numbers(x)])))
