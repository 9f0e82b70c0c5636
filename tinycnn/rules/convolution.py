"""Convolution: plain, strided, dilated, grouped and depthwise are one op with one geometry; and its transpose, on the same kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from tinycnn.errors import ShapeError
from tinycnn.geometry import Conv2dGeometry, ConvTranspose2dGeometry, Padding, conv2d_geometry, conv_transpose2d_geometry
from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.op import Gradients, Needs, Op, Shape, place_of

__all__ = ["Conv2d", "ConvTranspose2d"]


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
        _check_bias(b, geometry.out_channels)
        return geometry

    @staticmethod
    def forward(k: KernelSet, geometry: Conv2dGeometry, x: Array, w: Array, b: Array | None = None) -> tuple[Array, Any]:
        return k.conv2d_forward(geometry, x, w, b), (x, w)

    @staticmethod
    def vjp(k: KernelSet, geometry: Conv2dGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        x, w = saved
        dx = k.conv2d_backward_input(geometry, dy, w) if needs[0] else None
        dw = k.conv2d_backward_kernel(geometry, x, dy, into=place_of(needs[1])) if needs[1] else None
        db = k.sum_rows(dy.reshape(-1, geometry.out_channels)) if len(needs) > 2 and needs[2] else None
        return (dx, dw, db)[: len(needs)]


class ConvTranspose2d(Op):
    """y[n,h,w,o] = b[o] + sum over all (i,j,u,v) with i*s+u*d-pad = h, j*s+v*d-pad = w, and c, of x[n,i,j,c] * w[u,v,o,c]

    This is the gradient of a convolution by its input, so the three kernels of a convolution change places.
    """

    @staticmethod
    def shape(
        x: Shape,
        w: Shape,
        b: Shape | None = None,
        *,
        strides: int | Sequence[int] = 1,
        padding: Literal["same", "valid"] = "valid",
        output_padding: int | Sequence[int] | None = None,
        dilation_rate: int | Sequence[int] = 1,
    ) -> ConvTranspose2dGeometry:
        geometry = conv_transpose2d_geometry(
            x, w, strides=strides, padding=padding, output_padding=output_padding, dilation_rate=dilation_rate
        )
        _check_bias(b, geometry.out_shape[-1])
        return geometry

    @staticmethod
    def forward(k: KernelSet, geometry: ConvTranspose2dGeometry, x: Array, w: Array, b: Array | None = None) -> tuple[Array, Any]:
        y = k.conv2d_backward_input(geometry.conv, x, w)
        if b is not None:
            y += b
        return y, (x, w)

    @staticmethod
    def vjp(k: KernelSet, geometry: ConvTranspose2dGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        x, w = saved
        dx = k.conv2d_forward(geometry.conv, dy, w, None) if needs[0] else None
        dw = k.conv2d_backward_kernel(geometry.conv, dy, x, into=place_of(needs[1])) if needs[1] else None
        db = k.sum_rows(dy.reshape(-1, dy.shape[-1])) if len(needs) > 2 and needs[2] else None
        return (dx, dw, db)[: len(needs)]


def _check_bias(b: Shape | None, channels: int) -> None:
    if b is not None and b != (channels,):
        raise ShapeError(f"bias must have shape ({channels},), one for each output channel, got {b}")
