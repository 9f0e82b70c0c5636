"""Passes over rows and over flat arrays in Numba: sums, bias + activation, batch normalisation.

What costs an exponential per element (elu, sigmoid, tanh) is NumPy's, whose exp is vectorised where Numba's is not. Sums over many rows
are carried in float64, as partial sums of fixed chunks added in their order.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return"
# Numba infers the types of what it compiles.

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinycnn.kernels import numpy_ref
from tinycnn.kernels.numba_pool import chunk_size, jit, run
from tinycnn.kernels.spec import Activation

__all__ = [
    "activation_backward",
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_moments",
    "bias_activation_forward",
    "sum_rows",
]

Array: TypeAlias = NDArray[Any]
U = np.uintp  # an unsigned index cannot wrap around, so the loop over it is vectorised


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
    scale = (gamma / deviation).astype(dy.dtype)
    if training:  # xhat * dgamma / R is (x - mean) * slope
        dx = np.empty_like(dy)
        vectors = [vector.astype(dy.dtype) for vector in (mean, dbeta / rows, dgamma / deviation / rows)]
        run(_batch_norm_backward_rows, len(x), chunk_size(len(x), 4 * x.size), dx, dy, x, scale, *vectors)
    else:  # mean and variance are constants
        dx = scale * dy
    return dx, dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)
