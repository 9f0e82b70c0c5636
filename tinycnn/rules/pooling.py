"""Pooling: the largest or the mean cell of each window."""

from __future__ import annotations

from tinycnn.geometry import Pool2dGeometry, pool2d_geometry
from tinycnn.kernels.spec import Array, IntArray, KernelSet
from tinycnn.rules.op import Gradients, Needs, Op

__all__ = ["AveragePool2d", "MaxPool2d"]


class MaxPool2d(Op):
    """y[n,i,j,c] = max over the window's cells of x; a tie gives its gradient to the first"""

    shape = staticmethod(pool2d_geometry)

    @staticmethod
    def forward(k: KernelSet, geometry: Pool2dGeometry, x: Array) -> tuple[Array, IntArray]:
        return k.max_pool2d_forward(geometry, x)

    @staticmethod
    def vjp(k: KernelSet, geometry: Pool2dGeometry, argmax: IntArray, dy: Array, needs: Needs) -> Gradients:
        return (k.max_pool2d_backward(geometry, dy, argmax),)


class AveragePool2d(Op):
    """y[n,i,j,c] = mean over the window's cells of x that are not padding"""

    shape = staticmethod(pool2d_geometry)

    @staticmethod
    def forward(k: KernelSet, geometry: Pool2dGeometry, x: Array) -> tuple[Array, None]:
        return k.avg_pool2d_forward(geometry, x), None

    @staticmethod
    def vjp(k: KernelSet, geometry: Pool2dGeometry, saved: None, dy: Array, needs: Needs) -> Gradients:
        return (k.avg_pool2d_backward(geometry, dy),)
