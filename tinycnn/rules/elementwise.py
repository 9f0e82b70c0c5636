"""Functions of one array, cell by cell. Each line of mathematics is followed by its derivative."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinycnn.errors import ArgumentError
from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.op import Gradients, Needs, Op, Pointwise, Shape

__all__ = ["Absolute", "Cast", "Clip", "Cos", "Erf", "Exp", "Expm1", "Log", "Log1p", "Negative", "Sin", "Softplus", "Sqrt", "Square"]


class _Unary(Op):
    """What the one-operand rules share: the shape stays."""

    @staticmethod
    def shape(x: Shape) -> Pointwise:
        return Pointwise(x)


class Negative(_Unary):
    """-x"""

    @staticmethod
    def forward(k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, None]:
        return np.negative(x), None

    @staticmethod
    def vjp(k: KernelSet, geometry: Pointwise, saved: None, dy: Array, needs: Needs) -> Gradients:
        return (-dy,)


class Exp(_Unary):
    """e ** x"""

    @staticmethod
    def forward(k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, Array]:
        y = np.exp(x)
        return y, y

    @staticmethod
    def vjp(k: KernelSet, geometry: Pointwise, y: Array, dy: Array, needs: Needs) -> Gradients:
        return (dy * y,)


class Expm1(_Unary):
    """e ** x - 1, exact near 0"""

    @staticmethod
    def forward(k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, Array]:
        y = np.expm1(x)
        return y, y

    @staticmethod
    def vjp(k: KernelSet, geometry: Pointwise, y: Array, dy: Array, needs: Needs) -> Gradients:
        return (dy * (y + 1),)


class Log(_Unary):
    """ln x"""

    @staticmethod
    def forward(k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, Array]:
        return np.log(x), x

    @staticmethod
    def vjp(k: KernelSet, geometry: Pointwise, x: Array, dy: Array, needs: Needs) -> Gradients:
        return (dy / x,)


class Log1p(_Unary):
    """ln(1 + x), exact near 0"""

    @staticmethod
    def forward(k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, Array]:
        return np.log1p(x), x

    @staticmethod
    def vjp(k: KernelSet, geometry: Pointwise, x: Array, dy: Array, needs: Needs) -> Gradients:
        return (dy / (1 + x),)


class Softplus(_Unary):
    """ln(1 + e ** x), without overflow"""

    @staticmethod
    def forward(k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, Array]:
        y = np.logaddexp(x, x.dtype.type(0))
        return y, y

    @staticmethod
    def vjp(k: KernelSet, geometry: Pointwise, y: Array, dy: Array, needs: Needs) -> Gradients:
        return (dy * -np.expm1(-y),)  # sigmoid(x) = 1 - exp(-softplus(x))


class Sqrt(_Unary):
    """x ** 0.5"""

    @staticmethod
    def forward(k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, Array]:
        y = np.sqrt(x)
        return y, y

    @staticmethod
    def vjp(k: KernelSet, geometry: Pointwise, y: Array, dy: Array, needs: Needs) -> Gradients:
        return (dy / (2 * y),)


class Square(_Unary):
    """x * x"""

    @staticmethod
    def forward(k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, Array]:
        return np.square(x), x

    @staticmethod
    def vjp(k: KernelSet, geometry: Pointwise, x: Array, dy: Array, needs: Needs) -> Gradients:
        return (dy * (2 * x),)


class Absolute(_Unary):
    """|x|; the derivative at 0 is 0"""

    @staticmethod
    def forward(k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, Array]:
        return np.abs(x), x

    @staticmethod
    def vjp(k: KernelSet, geometry: Pointwise, x: Array, dy: Array, needs: Needs) -> Gradients:
        return (dy * np.sign(x),)


class Sin(_Unary):
    """sin x, x in radians"""

    @staticmethod
    def forward(k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, Array]:
        return np.sin(x), x

    @staticmethod
    def vjp(k: KernelSet, geometry: Pointwise, x: Array, dy: Array, needs: Needs) -> Gradients:
        return (dy * np.cos(x),)


class Cos(_Unary):
    """cos x, x in radians"""

    @staticmethod
    def forward(k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, Array]:
        return np.cos(x), x

    @staticmethod
    def vjp(k: KernelSet, geometry: Pointwise, x: Array, dy: Array, needs: Needs) -> Gradients:
        return (-dy * np.sin(x),)


_erf = np.vectorize(math.erf, otypes=[np.float64])  # NumPy has none; the C library's, cell by cell


class Erf(_Unary):
    """2 / sqrt(pi) * the integral of e ** -t**2 from 0 to x"""

    @staticmethod
    def forward(k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, Array]:
        return _erf(x).astype(x.dtype), x

    @staticmethod
    def vjp(k: KernelSet, geometry: Pointwise, x: Array, dy: Array, needs: Needs) -> Gradients:
        return (dy * x.dtype.type(2 / math.sqrt(math.pi)) * np.exp(-x * x),)


@dataclass(frozen=True, slots=True)
class ClipGeometry:
    out_shape: Shape
    low: float
    high: float


class Clip(Op):
    """min(max(x, low), high); the gradient passes where low <= x <= high"""

    @staticmethod
    def shape(x: Shape, *, low: float, high: float) -> ClipGeometry:
        if not low <= high:
            raise ArgumentError(f"x_min must not be greater than x_max, got {low!r} and {high!r}")
        return ClipGeometry(x, low, high)

    @staticmethod
    def forward(k: KernelSet, geometry: ClipGeometry, x: Array) -> tuple[Array, Any]:
        inside = (x >= geometry.low) & (x <= geometry.high)
        low, high = geometry.low, geometry.high
        if x.dtype.kind in "iu":  # which may not hold the bounds
            range_of_x = np.iinfo(x.dtype)
            low, high = (min(max(bound, range_of_x.min), range_of_x.max) for bound in (low, high))
        return np.clip(x, x.dtype.type(low), x.dtype.type(high)), inside

    @staticmethod
    def vjp(k: KernelSet, geometry: ClipGeometry, inside: Any, dy: Array, needs: Needs) -> Gradients:
        return (dy * inside,)


@dataclass(frozen=True, slots=True)
class CastGeometry:
    out_shape: Shape
    dtype: np.dtype[Any]


class Cast(Op):
    """x in another dtype"""

    @staticmethod
    def shape(x: Shape, *, dtype: DTypeLike) -> CastGeometry:
        return CastGeometry(x, np.dtype(dtype))

    @staticmethod
    def forward(k: KernelSet, geometry: CastGeometry, x: Array) -> tuple[Any, Any]:
        return x.astype(geometry.dtype), x.dtype

    @staticmethod
    def vjp(k: KernelSet, geometry: CastGeometry, dtype: Any, dy: Array, needs: Needs) -> Gradients:
        return (dy.astype(dtype),)
