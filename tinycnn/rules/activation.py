"""Bias and activation in one pass over the array, softmax, and dropout."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from tinycnn.checks import check_number
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.kernels.spec import Activation, Array, KernelSet
from tinycnn.rules.op import Gradients, Needs, Op, Shape, normalize_axis

__all__ = ["BiasActivation", "Dropout", "LogSoftmax", "Softmax"]

#: The kernels' activations, spelt out once: every call asks for them.
KINDS = get_args(Activation)


@dataclass(frozen=True, slots=True)
class ActivationGeometry:
    out_shape: Shape
    kind: Activation
    alpha: float


class BiasActivation(Op):
    """act(x + b), b along the last axis or absent

    The derivative is read off the output, which the next op keeps anyway; that is why alpha must not be negative: the output
    then has the sign of the input.
    """

    @staticmethod
    def shape(x: Shape, b: Shape | None = None, *, kind: Activation = "linear", alpha: float = 0.0) -> ActivationGeometry:
        if kind not in KINDS:
            raise ArgumentError(f"activation must be one of {', '.join(KINDS)}, got {kind!r}")
        if not alpha >= 0:
            name = "negative_slope" if kind == "leaky_relu" else "alpha"
            raise ArgumentError(f"{name} must be a number >= 0, got {alpha!r}")
        if b is not None and b != x[-1:]:
            raise ShapeError(f"bias must have shape {x[-1:]}, one for each channel of inputs of shape {x}, got {b}")
        return ActivationGeometry(x, kind, float(alpha))

    @staticmethod
    def forward(k: KernelSet, geometry: ActivationGeometry, x: Array, b: Array | None = None) -> tuple[Array, Array | None]:
        y = k.bias_activation_forward(geometry.kind, x, b, geometry.alpha)
        return y, None if geometry.kind == "linear" else y

    @staticmethod
    def vjp(k: KernelSet, geometry: ActivationGeometry, y: Array | None, dy: Array, needs: Needs) -> Gradients:
        dx = dy if y is None else k.activation_backward(geometry.kind, dy, y, geometry.alpha)
        if len(needs) == 1:
            return (dx,)
        return dx, k.sum_rows(dx.reshape(-1, dx.shape[-1])) if needs[1] else None


@dataclass(frozen=True, slots=True)
class AxisGeometry:
    out_shape: Shape
    axis: int


def _as_rows(x: Array, axis: int) -> Array:
    """`x` with `axis` last, flattened to (R, C)."""
    if axis != x.ndim - 1:
        x = np.moveaxis(x, axis, -1)
    return x.reshape(-1, x.shape[-1])


def _from_rows(rows: Array, shape: Shape, axis: int) -> Array:
    """The inverse of `_as_rows`."""
    if axis == len(shape) - 1:
        return rows.reshape(shape)
    moved = shape[:axis] + shape[axis + 1 :] + (shape[axis],)
    return np.moveaxis(rows.reshape(moved), -1, axis)


class Softmax(Op):
    """y = exp(x) / sum(exp(x)) along an axis"""

    @staticmethod
    def shape(x: Shape, *, axis: int = -1) -> AxisGeometry:
        axis = normalize_axis(axis, len(x))
        if x[axis] == 0:
            raise ShapeError(f"softmax needs at least one cell along axis {axis}, got shape {x}")
        return AxisGeometry(x, axis)

    @staticmethod
    def forward(k: KernelSet, geometry: AxisGeometry, x: Array) -> tuple[Array, Array]:
        y = _from_rows(k.softmax(_as_rows(x, geometry.axis)), geometry.out_shape, geometry.axis)
        return y, y

    @staticmethod
    def vjp(k: KernelSet, geometry: AxisGeometry, y: Array, dy: Array, needs: Needs) -> Gradients:
        return (y * (dy - (dy * y).sum(axis=geometry.axis, keepdims=True)),)


class LogSoftmax(Op):
    """y = x - ln(sum(exp(x))) along an axis"""

    shape = Softmax.shape

    @staticmethod
    def forward(k: KernelSet, geometry: AxisGeometry, x: Array) -> tuple[Array, Array]:
        shifted = x - x.max(axis=geometry.axis, keepdims=True)
        y = shifted - np.log(np.exp(shifted).sum(axis=geometry.axis, keepdims=True))
        return y, y

    @staticmethod
    def vjp(k: KernelSet, geometry: AxisGeometry, y: Array, dy: Array, needs: Needs) -> Gradients:
        return (dy - np.exp(y) * dy.sum(axis=geometry.axis, keepdims=True),)


@dataclass(frozen=True, slots=True)
class DropoutGeometry:
    out_shape: Shape
    rate: float
    seed: int


class Dropout(Op):
    """x * mask / (1 - rate), the mask drawn from a 64-bit seed: the same in every backend"""

    @staticmethod
    def shape(x: Shape, *, rate: float, seed: int) -> DropoutGeometry:
        return DropoutGeometry(x, check_number("rate", rate, 0, 1, open_end=True), operator.index(seed) % 2**64)

    @staticmethod
    def forward(k: KernelSet, geometry: DropoutGeometry, x: Array) -> tuple[Array, Any]:
        mask = k.dropout_mask(geometry.out_shape, geometry.rate, geometry.seed, x.dtype)
        return x * mask, mask

    @staticmethod
    def vjp(k: KernelSet, geometry: DropoutGeometry, mask: Any, dy: Array, needs: Needs) -> Gradients:
        return (dy * mask,)
