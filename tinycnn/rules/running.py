"""Running sums and products along an axis."""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.activation import AxisGeometry
from tinycnn.rules.op import Gradients, Needs, Op, Shape, normalize_axis

__all__ = ["CumProd", "CumSum"]


class CumSum(Op):
    """y[i] = x[0] + ... + x[i] along an axis"""

    @staticmethod
    def shape(x: Shape, *, axis: int) -> AxisGeometry:
        return AxisGeometry(x, normalize_axis(axis, len(x)))

    @staticmethod
    def forward(k: KernelSet, geometry: AxisGeometry, x: Array) -> tuple[Array, None]:
        return np.cumsum(x, geometry.axis, x.dtype), None

    @staticmethod
    def vjp(k: KernelSet, geometry: AxisGeometry, saved: None, dy: Array, needs: Needs) -> Gradients:
        return (np.flip(np.cumsum(np.flip(dy, geometry.axis), geometry.axis), geometry.axis),)


class CumProd(Op):
    """y[i] = x[0] * ... * x[i] along an axis

    dx[i] is the product before i times s[i], where s[i] = dy[i] + x[i + 1] * s[i + 1]: no division, so zeros do no harm.
    """

    shape = CumSum.shape

    @staticmethod
    def forward(k: KernelSet, geometry: AxisGeometry, x: Array) -> tuple[Array, tuple[Array, Array]]:
        y = np.cumprod(x, geometry.axis, x.dtype)
        return y, (x, y)

    @staticmethod
    def vjp(k: KernelSet, geometry: AxisGeometry, saved: tuple[Array, Array], dy: Array, needs: Needs) -> Gradients:
        x, y = (np.moveaxis(array, geometry.axis, 0) for array in saved)
        sums = np.moveaxis(dy, geometry.axis, 0).copy()
        for i in range(len(x) - 2, -1, -1):
            sums[i] += x[i + 1] * sums[i + 1]
        sums[1:] *= y[:-1]
        return (np.moveaxis(sums, 0, geometry.axis),)
