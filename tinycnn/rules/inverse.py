"""Hyperbolic and inverse functions and other smooth ones, cell by cell: what NumPy computes, and the derivative."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.arithmetic import Binary, split
from tinycnn.rules.op import Broadcast, Gradients, Needs, Op, Pointwise, Shape

__all__ = ["Arccos", "Arccosh", "Arcsin", "Arcsinh", "Arctan2", "Arctanh", "Cbrt", "Cosh", "Erfc", "Fmod", "Hypot", "Sinh"]


class _Smooth(Op):
    """What the functions of one array share: an implementation gives `function`, and its `slope` at x, where it is y."""

    function: ClassVar[Any]
    slope: ClassVar[Any]

    @staticmethod
    def shape(x: Shape) -> Pointwise:
        return Pointwise(x)

    @classmethod
    def forward(cls, k: KernelSet, geometry: Pointwise, x: Array) -> tuple[Array, Any]:
        y = np.asarray(cls.function(x))
        return y, (x, y)

    @classmethod
    def vjp(cls, k: KernelSet, geometry: Pointwise, saved: Any, dy: Array, needs: Needs) -> Gradients:
        return (dy * cls.slope(*saved),)


class Sinh(_Smooth):
    """(e ** x - e ** -x) / 2"""

    function = np.sinh
    slope = staticmethod(lambda x, y: np.cosh(x))


class Cosh(_Smooth):
    """(e ** x + e ** -x) / 2"""

    function = np.cosh
    slope = staticmethod(lambda x, y: np.sinh(x))


class Arcsin(_Smooth):
    """the x with sin x = y, in radians; NaN outside of [-1, 1]"""

    function = np.arcsin
    slope = staticmethod(lambda x, y: 1 / np.sqrt(1 - x * x))


class Arccos(_Smooth):
    """the x with cos x = y, in radians; NaN outside of [-1, 1]"""

    function = np.arccos
    slope = staticmethod(lambda x, y: -1 / np.sqrt(1 - x * x))


class Arcsinh(_Smooth):
    """the x with sinh x = y"""

    function = np.arcsinh
    slope = staticmethod(lambda x, y: 1 / np.sqrt(x * x + 1))


class Arccosh(_Smooth):
    """the x >= 0 with cosh x = y; NaN below 1"""

    function = np.arccosh
    slope = staticmethod(lambda x, y: 1 / np.sqrt(x * x - 1))


class Arctanh(_Smooth):
    """the x with tanh x = y; NaN outside of [-1, 1]"""

    function = np.arctanh
    slope = staticmethod(lambda x, y: 1 / (1 - x * x))


class Cbrt(_Smooth):
    """the cube root"""

    function = np.cbrt
    slope = staticmethod(lambda x, y: 1 / (3 * y * y))


_erfc = np.vectorize(math.erfc, otypes=[np.float64])  # NumPy has none; the C library's, cell by cell


class Erfc(_Smooth):
    """1 - erf(x), exact far from 0"""

    function = staticmethod(lambda x: _erfc(x).astype(x.dtype))
    slope = staticmethod(lambda x, y: x.dtype.type(-2 / math.sqrt(math.pi)) * np.exp(-x * x))


class Arctan2(Binary):
    """the angle of the point (b, a), in radians from -pi to pi; (0, 0) has no derivative, and gives 0"""

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, a: Array, b: Array) -> tuple[Array, Any]:
        return np.arctan2(a, b), (a, b)

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: Any, dy: Array, needs: Needs) -> Gradients:
        a, b = saved
        squares = a * a + b * b
        part = dy / np.where(squares == 0, 1, squares)
        return split(geometry, needs, lambda: part * b, lambda: -part * a)


class Hypot(Binary):
    """sqrt(a ** 2 + b ** 2), without overflow; the derivative at (0, 0) is 0"""

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, a: Array, b: Array) -> tuple[Array, Any]:
        y = np.hypot(a, b)
        return y, (a, b, y)

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: Any, dy: Array, needs: Needs) -> Gradients:
        a, b, y = saved
        part = dy / np.where(y == 0, 1, y)
        return split(geometry, needs, lambda: part * a, lambda: part * b)


class Fmod(Binary):
    """what a leaves when it is divided by b, with the sign of a"""

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, a: Array, b: Array) -> tuple[Array, Any]:
        return np.fmod(a, b), (a, b)

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: Any, dy: Array, needs: Needs) -> Gradients:
        a, b = saved
        return split(geometry, needs, lambda: dy, lambda: -dy * np.trunc(a / b))
