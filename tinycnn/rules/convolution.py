"""Convolution: plain, strided, dilated, grouped and depthwise are one op with one geometry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinycnn.errors import ShapeError
from tinycnn.geometry import Conv2dGeometry, Padding, conv2d_geometry
from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.op import Gradients, Needs, Op, Shape

__all__ = ["Conv2d"]


class Conv2d(Op):
    """y[n,i,j,o] = b[o] + sum_{u,v,c} xpad[n, i*s+u*d, j*s+v*d, c] * w[u,v,c,o]"""

    @staticmethod
    def shape(
        x: Shape,
        w: Shape,
        b: Shape | None = None,
        *,
        strides: int | Sequence[int] = 1,
        padding: Padding = "valid",
        dilation_rate: int | Sequence[int] = 1,
        groups: int | None = None,
    ) -> Conv2dGeometry:
        geometry = conv2d_geometry(x, w, strides=strides, padding=padding, dilation_rate=dilation_rate, groups=groups)
        if b is not None and b != (geometry.out_channels,):
            raise ShapeError(f"bias must have shape ({geometry.out_channels},), one for each output channel, got {b}")
        return geometry

    @staticmethod
    def forward(k: KernelSet, geometry: Conv2dGeometry, x: Array, w: Array, b: Array | None = None) -> tuple[Array, Any]:
        return k.conv2d_forward(geometry, x, w, b), (x, w)

    @staticmethod
    def vjp(k: KernelSet, geometry: Conv2dGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        x, w = saved
        dx = k.conv2d_backward_input(geometry, dy, w) if needs[0] else None
        dw = k.conv2d_backward_kernel(geometry, x, dy) if needs[1] else None
        db = k.sum_rows(dy.reshape(-1, geometry.out_channels)) if len(needs) > 2 and needs[2] else None
        return (dx, dw, db)[: len(needs)]
