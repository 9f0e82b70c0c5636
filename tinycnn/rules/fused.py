"""Ops made of several others: with a kernel of their own, or to be one node of the graph in place of two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.geometry import ConvPool2dGeometry, Padding, conv_pool2d_geometry
from tinycnn.kernels.spec import Activation, Array, KernelSet, PoolableActivation
from tinycnn.rules.activation import BiasActivation
from tinycnn.rules.linear import MatMul
from tinycnn.rules.op import Gradients, Needs, Op, Shape, place_of

__all__ = ["Affine", "ConvPool2d"]


@dataclass(frozen=True, slots=True)
class ConvPoolGeometry:
    windows: ConvPool2dGeometry
    kind: PoolableActivation
    alpha: float
    keeps_argmax: bool
    out_shape: Shape


def _geometry(
    x: Shape,
    w: Shape,
    b: Shape | None = None,
    *,
    kind: PoolableActivation = "linear",
    alpha: float = 0.0,
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation_rate: int | Sequence[int] = 1,
    groups: int | None = None,
    pool_padding: Literal["same", "valid"] = "valid",
    keeps_argmax: bool = True,
) -> ConvPoolGeometry:
    if kind not in get_args(PoolableActivation):
        raise ArgumentError(f"activation must be one of {', '.join(get_args(PoolableActivation))}, got {kind!r}")
    if not alpha >= 0:
        raise ArgumentError(f"negative_slope must be a number >= 0, got {alpha!r}")
    windows = conv_pool2d_geometry(
        x, w, strides=strides, padding=padding, dilation_rate=dilation_rate, groups=groups, pool_padding=pool_padding
    )
    if b is not None and b != (windows.conv.out_channels,):
        raise ShapeError(f"bias must have shape ({windows.conv.out_channels},), one for each output channel, got {b}")
    return ConvPoolGeometry(windows, kind, float(alpha), keeps_argmax, windows.out_shape)


def _wanted(needs: Needs) -> tuple[bool, bool, bool]:
    """Whether x, w and b, which may not be there, want a gradient."""
    return bool(needs[0]), bool(needs[1]), len(needs) > 2 and bool(needs[2])


class ConvPool2d(Op):
    """y = the maximum of each 2x2 window of act(conv(x, w) + b)

    What the backward pass needs is at the pooled resolution: the output, whose sign tells the activation's derivative, and a byte that
    tells which cell of the window was the largest. Where there will be none, keeps_argmax=False saves finding that byte.
    """

    shape = staticmethod(_geometry)

    @staticmethod
    def forward(k: KernelSet, geometry: ConvPoolGeometry, x: Array, w: Array, b: Array | None = None) -> tuple[Array, Any]:
        y, argmax = k.conv2d_pool_forward(geometry.windows, geometry.kind, x, w, b, geometry.alpha, geometry.keeps_argmax)
        return y, (x, w, y, argmax)

    @staticmethod
    def vjp(k: KernelSet, geometry: ConvPoolGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        x, w, y, argmax = saved
        operands = x, w, y, argmax, dy, geometry.alpha
        return k.conv2d_pool_backward(geometry.windows, geometry.kind, *operands, _wanted(needs), dw_into=place_of(needs[1]))[: len(needs)]


@dataclass(frozen=True, slots=True)
class AffineGeometry:
    in_shape: Shape
    in_matrix: Shape
    out_matrix: Shape
    out_shape: Shape
    kind: Activation
    alpha: float


class Affine(Op):
    """act(x @ w + b): what a dense layer computes; with `flatten`, all axes of x but the first are one"""

    @staticmethod
    def shape(
        x: Shape, w: Shape, b: Shape | None = None, *, kind: Activation = "linear", alpha: float = 0.0, flatten: bool = False
    ) -> AffineGeometry:
        if len(w) != 2:
            raise ShapeError(f"kernel must be a matrix, (inputs, units), got shape {w}")
        product = MatMul.shape((x[0], math.prod(x[1:])) if flatten else x, w)
        activation = BiasActivation.shape(product.out_shape, b, kind=kind, alpha=alpha)
        return AffineGeometry(x, product.a_matrix, product.out_matrix, product.out_shape, activation.kind, activation.alpha)

    @staticmethod
    def forward(k: KernelSet, geometry: AffineGeometry, x: Array, w: Array, b: Array | None = None) -> tuple[Array, Any]:
        x = x.reshape(geometry.in_matrix)
        y = k.affine_forward(geometry.kind, x, w, b, geometry.alpha)
        return y.reshape(geometry.out_shape), (x, w, None if geometry.kind == "linear" else y)

    @staticmethod
    def vjp(k: KernelSet, geometry: AffineGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        x, w, y = saved
        operands = x, w, y, dy.reshape(geometry.out_matrix), geometry.alpha
        dx, dw, db = k.affine_backward(geometry.kind, *operands, _wanted(needs), dw_into=place_of(needs[1]))
        return (None if dx is None else dx.reshape(geometry.in_shape), dw, db)[: len(needs)]
