"""Batch normalisation over the last axis (Ioffe & Szegedy 2015), with given or with the batch's own statistics; and of each sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.op import Gradients, Needs, Op, Shape, normalize_axes

__all__ = ["BatchNorm", "BatchNormTraining", "Standardize"]


@dataclass(frozen=True, slots=True)
class BatchNormGeometry:
    out_shape: Shape
    epsilon: float

    @property
    def channels(self) -> int:
        return self.out_shape[-1]


def _geometry(x: Shape, epsilon: float, **vectors: Shape) -> BatchNormGeometry:
    if len(x) < 2:
        raise ShapeError(f"inputs of a batch normalization must have at least 2 dimensions, got shape {x}")
    _check_epsilon(epsilon)
    for name, shape in vectors.items():
        if shape != x[-1:]:
            raise ShapeError(f"{name} must have shape {x[-1:]}, one for each channel of inputs of shape {x}, got {shape}")
    return BatchNormGeometry(x, float(epsilon))


def _check_epsilon(epsilon: float) -> None:
    if not epsilon >= 0:
        raise ArgumentError(f"epsilon must be a number >= 0, got {epsilon!r}")


class BatchNorm(Op):
    """y = scale * (x - mean) / sqrt(variance + epsilon) + offset, all four vectors being inputs with gradients"""

    @staticmethod
    def shape(x: Shape, mean: Shape, variance: Shape, scale: Shape, offset: Shape, *, epsilon: float) -> BatchNormGeometry:
        return _geometry(x, epsilon, mean=mean, variance=variance, scale=scale, offset=offset)

    @staticmethod
    def forward(
        k: KernelSet, geometry: BatchNormGeometry, x: Array, mean: Array, variance: Array, scale: Array, offset: Array
    ) -> tuple[Array, Any]:
        y = k.batch_norm_forward(x.reshape(-1, geometry.channels), mean, variance, scale, offset, geometry.epsilon)
        return y.reshape(geometry.out_shape), (x, mean, variance, scale)

    @staticmethod
    def vjp(k: KernelSet, geometry: BatchNormGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        x, mean, variance, scale = saved
        rows = (-1, geometry.channels)
        dx, dscale, doffset = k.batch_norm_backward(
            dy.reshape(rows), x.reshape(rows), mean, variance, scale, geometry.epsilon, training=False
        )
        inverse = 1 / np.sqrt(variance + variance.dtype.type(geometry.epsilon))
        dmean = -scale * inverse * doffset
        dvariance = scale * inverse * inverse * dscale * variance.dtype.type(-0.5)
        return dx.reshape(geometry.out_shape), dmean, dvariance, dscale, doffset


class BatchNormTraining(Op):
    """BatchNorm with the mean and the biased variance of x itself, which are `saved` beside: (x, mean, variance, scale)"""

    @staticmethod
    def shape(x: Shape, scale: Shape, offset: Shape, *, epsilon: float) -> BatchNormGeometry:
        return _geometry(x, epsilon, scale=scale, offset=offset)

    @staticmethod
    def forward(k: KernelSet, geometry: BatchNormGeometry, x: Array, scale: Array, offset: Array) -> tuple[Array, Any]:
        rows = x.reshape(-1, geometry.channels)
        mean, variance = k.batch_norm_moments(rows)
        y = k.batch_norm_forward(rows, mean, variance, scale, offset, geometry.epsilon)
        return y.reshape(geometry.out_shape), (x, mean, variance, scale)

    @staticmethod
    def vjp(k: KernelSet, geometry: BatchNormGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        x, mean, variance, scale = saved
        rows = (-1, geometry.channels)
        dx, dscale, doffset = k.batch_norm_backward(
            dy.reshape(rows), x.reshape(rows), mean, variance, scale, geometry.epsilon, training=True
        )
        return dx.reshape(geometry.out_shape), dscale, doffset


@dataclass(frozen=True, slots=True)
class StandardizeGeometry:
    out_shape: Shape
    axes: tuple[int, ...]
    epsilon: float


def _mean(x: Array, axes: tuple[int, ...]) -> Array:
    """The mean over the axes, which stay with size 1; one axis at a time, the outer ones first: the sums then run over long rows."""
    total = x
    for axis in axes:
        total = total.sum(axis=axis, keepdims=True)
    mean: Array = total / x.dtype.type(x.size // max(total.size, 1))
    return mean


class Standardize(Op):
    """y = (x - mean) / sqrt(variance + epsilon), both being those of x over the axes: what layer and group normalisation share"""

    @staticmethod
    def shape(x: Shape, *, axes: object = -1, epsilon: float) -> StandardizeGeometry:
        _check_epsilon(epsilon)
        found = normalize_axes(axes, len(x))
        if any(x[axis] == 0 for axis in found):
            raise ShapeError(f"a normalization needs at least one cell along axis {found}, got shape {x}")
        return StandardizeGeometry(x, found, float(epsilon))

    @staticmethod
    def forward(k: KernelSet, geometry: StandardizeGeometry, x: Array) -> tuple[Array, Any]:
        y = x - _mean(x, geometry.axes)
        variance = _mean(np.square(y), geometry.axes)
        inverse = 1 / np.sqrt(variance + x.dtype.type(geometry.epsilon))
        y *= inverse
        return y, (y, inverse)

    @staticmethod
    def vjp(k: KernelSet, geometry: StandardizeGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        y, inverse = saved
        dx = dy - _mean(dy, geometry.axes)
        dx -= y * _mean(dy * y, geometry.axes)
        dx *= inverse
        return (dx,)
