"""Many cells to one: sums, means, extremes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinycnn.errors import ShapeError
from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.op import Gradients, Needs, Op, Shape, normalize_axes

__all__ = ["LogSumExp", "Max", "Mean", "Min", "Prod", "Sum"]


@dataclass(frozen=True, slots=True)
class ReductionGeometry:
    """`kept_shape` is the result's shape with the reduced axes left in as 1: what a gradient broadcasts from."""

    in_shape: Shape
    out_shape: Shape
    kept_shape: Shape
    axes: tuple[int, ...]
    count: int


class _Reduction(Op):
    """What the reductions share: the shape rule."""

    @staticmethod
    def shape(x: Shape, *, axis: object = None, keepdims: bool = False) -> ReductionGeometry:
        axes = normalize_axes(axis, len(x))
        kept = tuple(1 if i in axes else n for i, n in enumerate(x))
        out = kept if keepdims else tuple(n for i, n in enumerate(x) if i not in axes)
        count = 1
        for i in axes:
            count *= x[i]
        return ReductionGeometry(x, out, kept, axes, count)


def _check_not_empty(geometry: ReductionGeometry, what: str) -> None:
    if geometry.count == 0:
        raise ShapeError(f"{what} needs at least one cell along axis {geometry.axes}, got shape {geometry.in_shape}")


def _spread(dy: Array, geometry: ReductionGeometry) -> Array:
    """`dy`, of the result's shape, for each of the cells that went into it."""
    if dy.ndim == 0:  # of a loss: as in every step
        spread: Array = np.empty(geometry.in_shape, dy.dtype)
        spread.fill(dy)
        return spread
    return np.broadcast_to(dy.reshape(geometry.kept_shape), geometry.in_shape)


class Sum(_Reduction):
    """sum over the axes"""

    @staticmethod
    def forward(k: KernelSet, geometry: ReductionGeometry, x: Array) -> tuple[Array, None]:
        return x.sum(axis=geometry.axes, dtype=x.dtype).reshape(geometry.out_shape), None

    @staticmethod
    def vjp(k: KernelSet, geometry: ReductionGeometry, saved: None, dy: Array, needs: Needs) -> Gradients:
        return (_spread(dy, geometry),)


class Prod(_Reduction):
    """product over the axes; each cell's gradient is the product of the others, made without a division"""

    @staticmethod
    def forward(k: KernelSet, geometry: ReductionGeometry, x: Array) -> tuple[Array, Array]:
        return x.prod(axis=geometry.axes, dtype=x.dtype).reshape(geometry.out_shape), x

    @staticmethod
    def vjp(k: KernelSet, geometry: ReductionGeometry, x: Array, dy: Array, needs: Needs) -> Gradients:
        count = len(geometry.axes)
        moved = np.moveaxis(x, geometry.axes, range(count))
        lines = moved.reshape(geometry.count, *moved.shape[count:])
        before, after = np.ones_like(lines), np.ones_like(lines)
        np.cumprod(lines[:-1], axis=0, out=before[1:])
        np.cumprod(lines[:0:-1], axis=0, out=after[-2::-1])
        others = np.moveaxis((before * after).reshape(moved.shape), range(count), geometry.axes)
        return (others * dy.reshape(geometry.kept_shape),)


class Mean(_Reduction):
    """sum over the axes / number of cells; nothing to average is an error"""

    @staticmethod
    def forward(k: KernelSet, geometry: ReductionGeometry, x: Array) -> tuple[Array, None]:
        _check_not_empty(geometry, "mean")
        mean = np.asarray(np.add.reduce(x, geometry.axes) / x.dtype.type(geometry.count))  # a scalar's own `reshape` is slow
        return mean.reshape(geometry.out_shape), None

    @staticmethod
    def vjp(k: KernelSet, geometry: ReductionGeometry, saved: None, dy: Array, needs: Needs) -> Gradients:
        return (_spread(dy[()] / dy.dtype.type(geometry.count), geometry),)  # [()]: of a lone number without a ufunc


def _extreme_vjp(geometry: ReductionGeometry, saved: Any, dy: Array) -> Gradients:
    """Equal cells share the gradient evenly, as in Keras on TensorFlow and on JAX."""
    x, y = saved
    winners = x == y
    shares = winners.sum(axis=geometry.axes, keepdims=True).astype(dy.dtype)
    return (winners * (dy.reshape(geometry.kept_shape) / np.maximum(shares, 1)),)


class Max(_Reduction):
    """the largest cell; ties share the gradient evenly"""

    @staticmethod
    def forward(k: KernelSet, geometry: ReductionGeometry, x: Array) -> tuple[Array, Any]:
        _check_not_empty(geometry, "max")
        y = x.max(axis=geometry.axes, keepdims=True)
        return y.reshape(geometry.out_shape), (x, y)

    @staticmethod
    def vjp(k: KernelSet, geometry: ReductionGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        return _extreme_vjp(geometry, saved, dy)


class Min(_Reduction):
    """the smallest cell; ties share the gradient evenly"""

    @staticmethod
    def forward(k: KernelSet, geometry: ReductionGeometry, x: Array) -> tuple[Array, Any]:
        _check_not_empty(geometry, "min")
        y = x.min(axis=geometry.axes, keepdims=True)
        return y.reshape(geometry.out_shape), (x, y)

    @staticmethod
    def vjp(k: KernelSet, geometry: ReductionGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        return _extreme_vjp(geometry, saved, dy)


class LogSumExp(_Reduction):
    """ln sum e ** x, shifted by the maximum so that it never overflows"""

    @staticmethod
    def forward(k: KernelSet, geometry: ReductionGeometry, x: Array) -> tuple[Array, Any]:
        _check_not_empty(geometry, "logsumexp")
        peak = x.max(axis=geometry.axes, keepdims=True)
        peak = np.where(np.isfinite(peak), peak, 0).astype(x.dtype)  # an infinite peak must not make inf - inf
        with np.errstate(divide="ignore"):  # all cells -inf: the sum is 0, its logarithm -inf
            y = peak + np.log(np.exp(x - peak).sum(axis=geometry.axes, keepdims=True))
        return y.reshape(geometry.out_shape), (x, y)

    @staticmethod
    def vjp(k: KernelSet, geometry: ReductionGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        x, y = saved
        y = np.where(y == -np.inf, 0, y)  # all cells -inf: each weighs 0, not the nan of -inf + inf
        return (dy.reshape(geometry.kept_shape) * np.exp(x - y),)
