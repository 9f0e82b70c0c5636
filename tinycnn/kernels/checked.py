"""The checks that stand before the kernels: `CheckedKernels` makes a backend out of a module of bare computations.

Each method of `spec.KernelSet` is here once: it checks every operand against the geometry, brings it into normal form (C-contiguous,
aligned, native byte order) and calls the bare function of the same name, which may then take everything for granted.
"""

# mypy: disable-error-code="no-any-return"
# The bare functions are attributes of a module that is not known here: what they return is `spec`'s promise.

from __future__ import annotations

import math
import operator
from types import ModuleType
from typing import Any, get_args

import numpy as np
from numpy.typing import DTypeLike

from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.geometry import Conv2dGeometry, ConvPool2dGeometry, Pool2dGeometry
from tinycnn.kernels.operands import floating, inplace_operand, leading, matrix, operand
from tinycnn.kernels.spec import Activation, Array, IntArray, PoolableActivation, SmallIntArray

__all__ = ["CheckedKernels"]

UINT8 = np.dtype(np.uint8)
ACTIVATIONS, POOLABLE_ACTIVATIONS = get_args(Activation), get_args(PoolableActivation)


class CheckedKernels:
    """A backend named `name` that computes with the functions of `bare`; `spec.KernelSet` says what each method gives and takes."""

    def __init__(self, name: str, bare: ModuleType) -> None:
        self.name = name
        self._bare: Any = bare

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        return np.empty(shape, dtype)

    def last_algorithm(self) -> str:
        return ""

    # ------------------------------------------------------------------------------------------------ convolution
    def conv2d_forward(self, geometry: Conv2dGeometry, x: Array, w: Array, b: Array | None) -> Array:
        x = leading("x", x, geometry.in_shape)
        dtype = x.dtype
        w = operand("w", w, geometry.kernel_shape, dtype)
        b = None if b is None else operand("b", b, (geometry.out_channels,), dtype)
        return self._bare.conv2d_forward(geometry, x, w, b)

    def conv2d_backward_input(self, geometry: Conv2dGeometry, dy: Array, w: Array) -> Array:
        dy = leading("dy", dy, geometry.out_shape)
        dtype = dy.dtype
        w = operand("w", w, geometry.kernel_shape, dtype)
        return self._bare.conv2d_backward_input(geometry, dy, w)

    def conv2d_backward_kernel(self, geometry: Conv2dGeometry, x: Array, dy: Array, *, into: Array | None = None) -> Array:
        x = leading("x", x, geometry.in_shape)
        dtype = x.dtype
        dy = operand("dy", dy, geometry.out_shape, dtype)
        into = None if into is None else inplace_operand("into", into, geometry.kernel_shape, dtype)
        return self._bare.conv2d_backward_kernel(geometry, x, dy, into=into)

    # ------------------------------------------------------------------------------------------------ pooling
    def max_pool2d_forward(self, geometry: Pool2dGeometry, x: Array) -> tuple[Array, IntArray]:
        x = leading("x", x, geometry.in_shape)
        return self._bare.max_pool2d_forward(geometry, x)

    def max_pool2d_backward(self, geometry: Pool2dGeometry, dy: Array, argmax: IntArray) -> Array:
        dy = leading("dy", dy, geometry.out_shape)
        argmax = operand("argmax", argmax, geometry.out_shape, np.dtype(np.int32))
        return self._bare.max_pool2d_backward(geometry, dy, argmax)

    def avg_pool2d_forward(self, geometry: Pool2dGeometry, x: Array) -> Array:
        x = leading("x", x, geometry.in_shape)
        return self._bare.avg_pool2d_forward(geometry, x)

    def avg_pool2d_backward(self, geometry: Pool2dGeometry, dy: Array) -> Array:
        dy = leading("dy", dy, geometry.out_shape)
        return self._bare.avg_pool2d_backward(geometry, dy)

    # ------------------------------------------------------------------------------------------------ convolution to pooling
    def conv2d_pool_forward(
        self,
        geometry: ConvPool2dGeometry,
        kind: PoolableActivation,
        x: Array,
        w: Array,
        b: Array | None,
        alpha: float,
        wants_argmax: bool = True,
    ) -> tuple[Array, SmallIntArray | None]:
        _check_activation(kind, alpha, POOLABLE_ACTIVATIONS)
        conv = geometry.conv
        x = leading("x", x, conv.in_shape)
        dtype = x.dtype
        w = operand("w", w, conv.kernel_shape, dtype)
        b = None if b is None else operand("b", b, (conv.out_channels,), dtype)
        return self._bare.conv2d_pool_forward(geometry, kind, x, w, b, float(alpha), wants_argmax)

    def conv2d_pool_backward(
        self,
        geometry: ConvPool2dGeometry,
        kind: PoolableActivation,
        x: Array,
        w: Array,
        y: Array,
        argmax: SmallIntArray,
        dy: Array,
        alpha: float,
        needs: tuple[bool, bool, bool],
        *,
        dw_into: Array | None = None,
    ) -> tuple[Array | None, Array | None, Array | None]:
        _check_activation(kind, alpha, POOLABLE_ACTIVATIONS)
        conv, out_shape = geometry.conv, geometry.out_shape
        x = leading("x", x, conv.in_shape)
        dtype = x.dtype
        w = operand("w", w, conv.kernel_shape, dtype)
        y = operand("y", y, out_shape, dtype)
        argmax = operand("argmax", argmax, out_shape, UINT8)
        dy = operand("dy", dy, out_shape, dtype)
        dw_into = None if dw_into is None else inplace_operand("dw_into", dw_into, conv.kernel_shape, dtype)
        return self._bare.conv2d_pool_backward(geometry, kind, x, w, y, argmax, dy, float(alpha), needs, dw_into)

    # ------------------------------------------------------------------------------------------------ dense algebra
    def matmul(self, a: Array, b: Array, *, transpose_a: bool = False, transpose_b: bool = False, into: Array | None = None) -> Array:
        a = matrix("a", a)
        b = matrix("b", b, a.dtype)
        inner_a, inner_b = a.shape[0 if transpose_a else 1], b.shape[1 if transpose_b else 0]
        if inner_a != inner_b:
            raise ShapeError(
                f"b must have {inner_a} {'columns' if transpose_b else 'rows'} to match a of shape {a.shape}"
                f"{' (transposed)' if transpose_a else ''}, got shape {b.shape}"
            )
        if into is not None:
            shape = a.shape[1 if transpose_a else 0], b.shape[0 if transpose_b else 1]
            into = inplace_operand("into", into, shape, a.dtype)
        return self._bare.matmul(a, b, transpose_a, transpose_b, into=into)

    def affine_forward(self, kind: Activation, x: Array, w: Array, b: Array | None, alpha: float = 0.0) -> Array:
        _check_activation(kind, alpha, ACTIVATIONS)
        x, w = _affine_operands(x, w)
        b = None if b is None else operand("b", b, (w.shape[1],), x.dtype)
        return self._bare.affine_forward(kind, x, w, b, float(alpha))

    def affine_backward(
        self,
        kind: Activation,
        x: Array,
        w: Array,
        y: Array | None,
        dy: Array,
        alpha: float,
        needs: tuple[bool, bool, bool],
        *,
        dw_into: Array | None = None,
    ) -> tuple[Array | None, Array | None, Array | None]:
        _check_activation(kind, alpha)
        x, w = _affine_operands(x, w)
        dtype, out_shape = x.dtype, (x.shape[0], w.shape[1])
        if y is None and kind != "linear":
            raise ArgumentError(f"y must be given, since the derivative of {kind} is read off it, got None")
        y = None if y is None else operand("y", y, out_shape, dtype)
        dy = operand("dy", dy, out_shape, dtype)
        dw_into = None if dw_into is None else inplace_operand("dw_into", dw_into, w.shape, dtype)
        return self._bare.affine_backward(kind, x, w, y, dy, float(alpha), needs, dw_into)

    def sum_rows(self, x: Array) -> Array:
        return self._bare.sum_rows(matrix("x", x))

    # ------------------------------------------------------------------------------------------------ bias + activation
    def bias_activation_forward(self, kind: Activation, x: Array, b: Array | None, alpha: float = 0.0) -> Array:
        _check_activation(kind, alpha)
        x = leading("x", x)
        if b is not None:
            if x.ndim == 0:
                raise ShapeError("x must have at least one dimension to take the bias b, got shape ()")
            b = operand("b", b, x.shape[-1:], x.dtype)
        return self._bare.bias_activation_forward(kind, x, b, float(alpha))

    def activation_backward(self, kind: Activation, dy: Array, y: Array, alpha: float = 0.0) -> Array:
        _check_activation(kind, alpha)
        dy = leading("dy", dy)
        y = operand("y", y, dy.shape, dy.dtype)
        return self._bare.activation_backward(kind, dy, y, float(alpha))

    # ------------------------------------------------------------------------------------------------ softmax + cross-entropy
    def softmax(self, x: Array) -> Array:
        return self._bare.softmax(matrix("x", x))

    def softmax_crossentropy_forward(self, logits: Array, targets: Array) -> tuple[Array, Array]:
        logits = matrix("logits", logits)
        targets = operand("targets", targets, logits.shape, logits.dtype)
        return self._bare.softmax_crossentropy_forward(logits, targets)

    def softmax_crossentropy_backward(self, dloss: Array, probabilities: Array, targets: Array) -> Array:
        probabilities = matrix("probabilities", probabilities)
        dloss = operand("dloss", dloss, probabilities.shape[:1], probabilities.dtype)
        targets = operand("targets", targets, probabilities.shape, probabilities.dtype)
        return self._bare.softmax_crossentropy_backward(dloss, probabilities, targets)

    # ------------------------------------------------------------------------------------------------ batch normalisation
    def batch_norm_moments(self, x: Array) -> tuple[Array, Array]:
        return self._bare.batch_norm_moments(matrix("x", x))

    def batch_norm_forward(self, x: Array, mean: Array, variance: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
        x = matrix("x", x)
        mean, variance, gamma, beta = _channel_vectors(x, mean=mean, variance=variance, gamma=gamma, beta=beta)
        return self._bare.batch_norm_forward(x, mean, variance, gamma, beta, float(epsilon))

    def batch_norm_backward(
        self, dy: Array, x: Array, mean: Array, variance: Array, gamma: Array, epsilon: float, *, training: bool
    ) -> tuple[Array, Array, Array]:
        dy = matrix("dy", dy)
        x = operand("x", x, dy.shape, dy.dtype)
        mean, variance, gamma = _channel_vectors(x, mean=mean, variance=variance, gamma=gamma)
        return self._bare.batch_norm_backward(dy, x, mean, variance, gamma, float(epsilon), bool(training))

    # ------------------------------------------------------------------------------------------------ dropout
    def dropout_mask(self, shape: tuple[int, ...], rate: float, seed: int, dtype: DTypeLike) -> Array:
        if not 0 <= rate < 1:
            raise ArgumentError(f"rate must be in [0, 1), got {rate!r}")
        seed = operator.index(seed)
        if not 0 <= seed < 2**64:
            raise ArgumentError(f"seed must be an int from 0 to 2**64 - 1, got {seed}")
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise DTypeError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
        scaled = rate * 2.0**32  # exact: a power of two changes the exponent only
        threshold = math.floor(scaled) + (scaled % 1.0 >= 0.5)
        return self._bare.dropout_mask(tuple(shape), min(threshold, 2**32 - 1), 1 / (1 - rate), seed, np.dtype(dtype))

    # ------------------------------------------------------------------------------------------------ optimizer steps
    def sgd_step(self, w: Array, g: Array, m: Array | None, *, learning_rate: float, momentum: float = 0.0, nesterov: bool = False) -> None:
        dtype = floating("w", w)
        w = inplace_operand("w", w, None, dtype)
        m = None if m is None else inplace_operand("m", m, w.shape, dtype)
        g = operand("g", g, w.shape, dtype)
        self._bare.sgd_step(w, g, m, float(learning_rate), float(momentum), bool(nesterov))

    def adam_step(self, w: Array, g: Array, m: Array, v: Array, *, alpha: float, beta_1: float, beta_2: float, epsilon: float) -> None:
        dtype = floating("w", w)
        w = inplace_operand("w", w, None, dtype)
        m, v = inplace_operand("m", m, w.shape, dtype), inplace_operand("v", v, w.shape, dtype)
        g = operand("g", g, w.shape, dtype)
        self._bare.adam_step(w, g, m, v, float(alpha), float(beta_1), float(beta_2), float(epsilon))


def _affine_operands(x: Array, w: Array) -> tuple[Any, Any]:
    """A dense layer's inputs and weights."""
    x = matrix("x", x)
    w = matrix("w", w, x.dtype)
    if x.shape[1] != w.shape[0]:
        raise ShapeError(f"w must have {x.shape[1]} rows to match x of shape {x.shape}, got shape {w.shape}")
    return x, w


def _channel_vectors(x: Array, **vectors: Array) -> list[Any]:
    """Operands of shape (C,), for the C columns of x."""
    return [operand(name, vector, x.shape[1:], x.dtype) for name, vector in vectors.items()]


def _check_activation(kind: str, alpha: float, known: tuple[str, ...] = ACTIVATIONS) -> None:
    if kind not in known:
        raise ArgumentError(f"kind must be one of {', '.join(known)}, got {kind!r}")
    if not alpha >= 0:
        raise ArgumentError(f"alpha must be >= 0, got {alpha!r}")
