"""Weighted sums of slices: what resizing, rotating, shifting and zooming images come down to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinycnn.errors import ShapeError
from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.op import Gradients, Needs, Op, Shape, normalize_axis

__all__ = ["Interpolate"]


@dataclass(frozen=True, slots=True)
class InterpolateGeometry:
    in_shape: Shape
    out_shape: Shape
    axis: int
    taps: Array
    #: Shaped so that weights[k] multiplies along `axis`.
    weights: Array


class Interpolate(Op):
    """y[..., p, ...] = sum_k weights[k, p] * x[..., taps[k, p], ...] along an axis; taps are whole numbers from 0 to its size - 1"""

    @staticmethod
    def shape(x: Shape, *, taps: Array, weights: Array, axis: int = 0) -> InterpolateGeometry:
        axis = normalize_axis(axis, len(x))
        if taps.ndim != 2 or weights.shape != taps.shape:
            raise ShapeError(f"taps and weights must have one shape (taps, positions), got {taps.shape} and {weights.shape}")
        if taps.size and not 0 <= taps.min() <= taps.max() < x[axis]:
            raise ShapeError(f"taps must be from 0 to {x[axis] - 1} for an array of shape {x}, got {taps.min()} to {taps.max()}")
        out = (*x[:axis], taps.shape[1], *x[axis + 1 :])
        return InterpolateGeometry(x, out, axis, taps, weights.reshape(*taps.shape, *[1] * (len(x) - axis - 1)))

    @staticmethod
    def forward(k: KernelSet, geometry: InterpolateGeometry, x: Array) -> tuple[Array, None]:
        weights = geometry.weights.astype(x.dtype, copy=False)
        y, part = np.zeros(geometry.out_shape, x.dtype), np.empty(geometry.out_shape, x.dtype)
        for taps, weight in zip(geometry.taps, weights, strict=True):
            np.take(x, taps, axis=geometry.axis, out=part, mode="clip")  # the other modes go through a copy
            part *= weight
            y += part
        return y, None

    @staticmethod
    def vjp(k: KernelSet, geometry: InterpolateGeometry, saved: None, dy: Array, needs: Needs) -> Gradients:
        dx = np.zeros(geometry.in_shape, dy.dtype)
        along = np.moveaxis(dx, geometry.axis, 0)  # a view: what is added here is added to dx
        for taps, weight in zip(geometry.taps, geometry.weights.astype(dy.dtype, copy=False), strict=True):
            np.add.at(along, taps, np.moveaxis(dy * weight, geometry.axis, 0))
        return (dx,)
