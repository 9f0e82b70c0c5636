"""The Numba backend: kernels compiled at first use, run in parallel by `numba_pool`.

Convolution and matrix product are in `numba_conv`, pooling in `numba_pooling`; here are the passes over rows and over flat arrays.
What costs an exponential per element (softmax, elu, sigmoid, tanh) is NumPy's, whose exp is vectorised where Numba's is not.
Sums over many rows are carried in float64, as partial sums of fixed chunks added in their order.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return"
# Numba infers the types of what it compiles.

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinycnn.geometry import ConvPool2dGeometry
from tinycnn.kernels import numpy_ref
from tinycnn.kernels.checked import CheckedKernels
from tinycnn.kernels.numba_conv import conv2d_backward_input, conv2d_backward_kernel, conv2d_forward
from tinycnn.kernels.numba_pool import chunk_size, jit, run, set_num_threads
from tinycnn.kernels.numba_pooling import avg_pool2d_backward, avg_pool2d_forward, max_pool2d_backward, max_pool2d_forward
from tinycnn.kernels.numba_product import matmul
from tinycnn.kernels.numpy_ref import softmax, softmax_crossentropy_backward, softmax_crossentropy_forward
from tinycnn.kernels.spec import Activation, KernelSet, PoolableActivation

__all__ = [
    "activation_backward",
    "adam_step",
    "avg_pool2d_backward",
    "avg_pool2d_forward",
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_moments",
    "bias_activation_forward",
    "conv2d_backward_input",
    "conv2d_backward_kernel",
    "conv2d_forward",
    "conv2d_pool_backward",
    "conv2d_pool_forward",
    "dropout_mask",
    "load",
    "matmul",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "set_num_threads",
    "sgd_step",
    "softmax",
    "softmax_crossentropy_backward",
    "softmax_crossentropy_forward",
    "sum_rows",
]

Array: TypeAlias = NDArray[Any]
U = np.uintp  # an unsigned index cannot wrap around, so the loop over it is vectorised


def load() -> KernelSet:
    """The Numba backend."""
    return CheckedKernels("numba", sys.modules[__name__])


# ---------------------------------------------------------------------------------------------------- sums over rows
def _sum_chunks(kernel: Any, x: Array, *arguments: Array) -> Array:
    """The float64 sum over rows of what `kernel` makes of x (R, C) and its other arguments; one partial sum a chunk."""
    rows, columns = x.shape
    size = chunk_size(rows, 4 * x.size)
    partial = np.zeros((-(-rows // size), columns))
    run(kernel, rows, size, partial, size, x, *arguments)
    return partial.sum(axis=0)


@jit
def _sum_chunk(partial, size, x, start, stop):
    total = partial[start // size]
    for r in range(start, stop):
        row = x[r]
        for c in range(row.size):
            total[c] += row[c]


@jit
def _sum_square_chunk(partial, size, x, mean, start, stop):
    total = partial[start // size]
    for r in range(start, stop):
        row = x[r]
        for c in range(row.size):
            total[c] += (row[c] - mean[c]) ** 2


@jit
def _sum_product_chunk(partial, size, dy, x, mean, start, stop):
    total = partial[start // size]
    for r in range(start, stop):
        dy_row, row = dy[r], x[r]
        for c in range(row.size):
            total[c] += dy_row[c] * (row[c] - mean[c])


def sum_rows(x: Array) -> Array:
    return _sum_chunks(_sum_chunk, x).astype(x.dtype)


# ---------------------------------------------------------------------------------------------------- bias + activation
@jit
def _leaky_rows(y, x, b, alpha, start, stop):
    """relu (alpha 0: a NaN stays, -inf does not become one) and leaky_relu."""
    for r in range(start, stop):
        row, result = x[r], y[r]
        for c in range(row.size):
            z = row[c] + b[c]
            result[c] = z if z > 0 else (alpha * z if alpha != 0 or z != z else alpha)


@jit
def _leaky_backward(dx, dy, y, alpha, start, stop):
    one = dy.dtype.type(1)
    for i in range(start, stop):
        e = U(i)
        dx[e] = dy[e] * (one if y[e] > 0 else alpha)


def bias_activation_forward(kind: Activation, x: Array, b: Array | None, alpha: float) -> Array:
    if kind not in ("relu", "leaky_relu") or x.ndim == 0:
        return numpy_ref.bias_activation_forward(kind, x, b, alpha)
    y = np.empty_like(x)
    columns = x.shape[-1]
    rows = x.size // max(columns, 1)
    b = np.zeros(columns, x.dtype) if b is None else b
    slope = x.dtype.type(alpha if kind == "leaky_relu" else 0)
    run(_leaky_rows, rows, chunk_size(rows, 4 * x.size), y.reshape(rows, columns), x.reshape(rows, columns), b, slope)
    return y


def activation_backward(kind: Activation, dy: Array, y: Array, alpha: float) -> Array:
    if kind not in ("relu", "leaky_relu"):
        return numpy_ref.activation_backward(kind, dy, y, alpha)
    dx = np.empty_like(dy)
    slope = dy.dtype.type(alpha if kind == "leaky_relu" else 0)
    run(_leaky_backward, dy.size, chunk_size(dy.size, 4 * dy.size), dx.reshape(-1), dy.reshape(-1), y.reshape(-1), slope)
    return dx


# ---------------------------------------------------------------------------------------------------- convolution to pooling
def conv2d_pool_forward(
    g: ConvPool2dGeometry, kind: PoolableActivation, x: Array, w: Array, b: Array | None, alpha: float
) -> tuple[Array, Array]:
    highest, argmax = max_pool2d_forward(g.pool, conv2d_forward(g.conv, x, w, b))
    return bias_activation_forward(kind, highest, None, alpha), argmax.astype(np.uint8)


def conv2d_pool_backward(
    g: ConvPool2dGeometry,
    kind: PoolableActivation,
    x: Array,
    w: Array,
    y: Array,
    argmax: Array,
    dy: Array,
    alpha: float,
    needs: tuple[bool, bool, bool],
) -> tuple[Array | None, Array | None, Array | None]:
    dhighest = activation_backward(kind, dy, y, alpha)
    dconv = max_pool2d_backward(g.pool, dhighest, argmax.astype(np.int32))
    dx = conv2d_backward_input(g.conv, dconv, w) if needs[0] else None
    dw = conv2d_backward_kernel(g.conv, x, dconv) if needs[1] else None
    db = sum_rows(dhighest.reshape(-1, g.conv.out_channels)) if needs[2] else None
    return dx, dw, db


# ---------------------------------------------------------------------------------------------------- batch normalisation
@jit
def _scale_shift_rows(y, x, scale, shift, start, stop):
    for r in range(start, stop):
        row, result = x[r], y[r]
        for c in range(row.size):
            result[c] = (row[c] - shift[0, c]) * scale[c] + shift[1, c]


@jit
def _batch_norm_backward_rows(dx, dy, x, scale, mean, dbeta_mean, slope, start, stop):
    for r in range(start, stop):
        dy_row, row, result = dy[r], x[r], dx[r]
        for c in range(row.size):
            result[c] = scale[c] * (dy_row[c] - dbeta_mean[c] - (row[c] - mean[c]) * slope[c])


def batch_norm_moments(x: Array) -> tuple[Array, Array]:
    rows = max(len(x), 1)
    mean = _sum_chunks(_sum_chunk, x) / rows
    variance = _sum_chunks(_sum_square_chunk, x, mean) / rows
    return mean.astype(x.dtype), variance.astype(x.dtype)


def batch_norm_forward(x: Array, mean: Array, variance: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    y = np.empty_like(x)
    scale = gamma / np.sqrt(variance + epsilon)
    run(_scale_shift_rows, len(x), chunk_size(len(x), 4 * x.size), y, x, scale, np.stack([mean, beta]))
    return y


def batch_norm_backward(
    dy: Array, x: Array, mean: Array, variance: Array, gamma: Array, epsilon: float, training: bool
) -> tuple[Array, Array, Array]:
    rows, deviation = max(len(x), 1), np.sqrt(variance.astype(np.float64) + epsilon)
    dbeta = _sum_chunks(_sum_chunk, dy)
    dgamma = _sum_chunks(_sum_product_chunk, dy, x, mean) / deviation
    # xhat * dgamma / R is (x - mean) * slope; in inference mean and variance are constants, and both terms vanish
    dbeta_mean, slope = (dbeta / rows, dgamma / deviation / rows) if training else (np.zeros_like(dbeta), np.zeros_like(dgamma))
    dx = np.empty_like(dy)
    vectors = [vector.astype(dy.dtype) for vector in (gamma / deviation, mean, dbeta_mean, slope)]
    run(_batch_norm_backward_rows, len(x), chunk_size(len(x), 4 * x.size), dx, dy, x, *vectors)
    return dx, dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)


# ---------------------------------------------------------------------------------------------------- dropout
@jit
def _dropout_blocks(mask, threshold, scale, key0, key1, start, stop):
    """Blocks of four elements; Philox4x32-10, as `numpy_ref._philox4x32` spells it out."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    zero = mask.dtype.type(0)
    for block in range(start, stop):
        c0, c1, c2, c3 = np.uint64(block) & low, np.uint64(block) >> half, np.uint64(0), np.uint64(0)
        k0, k1 = key0, key1
        for _ in range(10):
            p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
            c0, c1, c2, c3 = (p1 >> half) ^ c1 ^ k0, p1 & low, (p0 >> half) ^ c3 ^ k1, p0 & low
            k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
        for lane, word in enumerate((c0, c1, c2, c3)):
            if 4 * block + lane < mask.size:
                mask[4 * block + lane] = scale if word >= threshold else zero


def dropout_mask(shape: tuple[int, ...], threshold: int, scale: float, seed: int, dtype: np.dtype) -> Array:
    mask = np.empty(shape, dtype)
    blocks = -(-mask.size // 4)
    words = [np.uint64(word) for word in (seed & 0xFFFFFFFF, seed >> 32)]
    run(_dropout_blocks, blocks, chunk_size(blocks, 64 * blocks), mask.reshape(-1), np.uint64(threshold), dtype.type(scale), *words)
    return mask


# ---------------------------------------------------------------------------------------------------- optimizer steps
@jit
def _sgd_elements(w, g, m, learning_rate, momentum, nesterov, start, stop):
    for i in range(start, stop):
        e = U(i)
        step = learning_rate * g[e]
        m[e] = momentum * m[e] - step
        w[e] += momentum * m[e] - step if nesterov else m[e]


@jit
def _adam_elements(w, g, m, v, alpha, rest_1, rest_2, epsilon, start, stop):
    for i in range(start, stop):
        e = U(i)
        m[e] += (g[e] - m[e]) * rest_1
        v[e] += (g[e] * g[e] - v[e]) * rest_2
        w[e] -= alpha * m[e] / (np.sqrt(v[e]) + epsilon)


def sgd_step(w: Array, g: Array, m: Array | None, learning_rate: float, momentum: float, nesterov: bool) -> None:
    if m is None:
        numpy_ref.sgd_step(w, g, m, learning_rate, momentum, nesterov)
        return
    real = w.dtype.type
    size = chunk_size(w.size, 8 * w.size)
    run(_sgd_elements, w.size, size, w.reshape(-1), g.reshape(-1), m.reshape(-1), real(learning_rate), real(momentum), nesterov)


def adam_step(w: Array, g: Array, m: Array, v: Array, alpha: float, beta_1: float, beta_2: float, epsilon: float) -> None:
    real = w.dtype.type
    factors = real(alpha), real(1 - beta_1), real(1 - beta_2), real(epsilon)
    run(_adam_elements, w.size, chunk_size(w.size, 8 * w.size), *(a.reshape(-1) for a in (w, g, m, v)), *factors)
