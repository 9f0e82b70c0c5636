"""The readable oracle: every kernel in plain NumPy, written to be read beside the formulas of `spec`.

A convolution is a sum over the taps (u, v) of its kernel. Seen from one tap, the inputs that meet it are a strided slice of the padded
image, and what the tap contributes is a matrix product over the channels: no im2col, no index arithmetic. Pooling walks the same taps.
In float64 these functions are what the other backends are tested against; in float32 they run where neither a compiler nor Numba is.

Operands come checked and in normal form (see `checked`). Sums over many rows are carried in float64. NumPy's warnings of overflow and
invalid values are left on, and heed `numpy.errstate`.
"""

# mypy: disable-error-code="no-any-return"
# What an operation on arrays of either dtype gives is Any to NumPy's annotations.

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinycnn.geometry import Conv2dGeometry, ConvPool2dGeometry, Pool2dGeometry
from tinycnn.kernels import composed
from tinycnn.kernels.checked import CheckedKernels
from tinycnn.kernels.operands import placing
from tinycnn.kernels.spec import Activation, KernelSet, PoolableActivation

Array: TypeAlias = NDArray[Any]  # float32 or float64, all of one call alike


def load() -> KernelSet:
    """The NumPy backend."""
    return CheckedKernels("numpy", sys.modules[__name__])


# ------------------------------------------------------------------------------------------------- taps of convolution and pooling
def _pad(g: Conv2dGeometry | Pool2dGeometry, x: Array) -> Array:
    """x (N, H, W, C) with the geometry's rows and columns of zeros around it."""
    return np.pad(x, ((0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right), (0, 0)))


def _unpad(g: Conv2dGeometry | Pool2dGeometry, padded: Array) -> Array:
    """What `_pad` put around is cut off again."""
    return np.ascontiguousarray(padded[:, g.pad_top : g.pad_top + g.in_h, g.pad_left : g.pad_left + g.in_w])


def _tap(g: Conv2dGeometry | Pool2dGeometry, padded: Array, u: int, v: int) -> Array:
    """The view (N, OH, OW, C) of the padded image that tap (u, v) sees: its cell for every output position."""
    d_h, d_w = (g.dilation_h, g.dilation_w) if isinstance(g, Conv2dGeometry) else (1, 1)
    top, left = u * d_h, v * d_w
    return padded[:, top : top + g.out_h * g.stride_h : g.stride_h, left : left + g.out_w * g.stride_w : g.stride_w]


# ---------------------------------------------------------------------------------------------------- convolution
def _by_group(g: Conv2dGeometry, cells: Array) -> Array:
    """(N, OH, OW, channels) -> (G, N*OH*OW, channels / G): one matrix per group, a row per output position."""
    return cells.reshape(g.batch * g.out_h * g.out_w, g.groups, cells.shape[-1] // g.groups).swapaxes(0, 1)


def _kernel_by_group(g: Conv2dGeometry, w: Array) -> Array:
    """(KH, KW, C/G, O) -> (KH, KW, G, C/G, O/G)"""
    return w.reshape(*w.shape[:3], g.groups, g.out_channels // g.groups).swapaxes(2, 3)


def conv2d_forward(g: Conv2dGeometry, x: Array, w: Array, b: Array | None) -> Array:
    padded, kernel = _pad(g, x), _kernel_by_group(g, w)
    y = np.zeros((g.groups, g.batch * g.out_h * g.out_w, g.out_channels // g.groups), x.dtype)
    for u, v in np.ndindex(g.kernel_h, g.kernel_w):
        y += _by_group(g, _tap(g, padded, u, v)) @ kernel[u, v]  # (G, P, C/G) @ (G, C/G, O/G), P = N*OH*OW
    y = np.ascontiguousarray(y.swapaxes(0, 1)).reshape(g.out_shape)
    return y if b is None else y + b


def conv2d_backward_input(g: Conv2dGeometry, dy: Array, w: Array) -> Array:
    dpadded = np.zeros((g.batch, g.in_h + g.pad_top + g.pad_bottom, g.in_w + g.pad_left + g.pad_right, g.in_channels), dy.dtype)
    dy_by_group, kernel = _by_group(g, dy), _kernel_by_group(g, w)
    for u, v in np.ndindex(g.kernel_h, g.kernel_w):
        contribution = dy_by_group @ kernel[u, v].swapaxes(1, 2)  # (G, P, O/G) @ (G, O/G, C/G)
        _tap(g, dpadded, u, v)[...] += contribution.swapaxes(0, 1).reshape(g.batch, g.out_h, g.out_w, g.in_channels)
    return _unpad(g, dpadded)


@placing
def conv2d_backward_kernel(g: Conv2dGeometry, x: Array, dy: Array) -> Array:
    padded, dy_by_group = _pad(g, x), _by_group(g, dy)
    dw = np.empty(g.kernel_shape, x.dtype)
    for u, v in np.ndindex(g.kernel_h, g.kernel_w):
        columns = _by_group(g, _tap(g, padded, u, v)).swapaxes(1, 2)
        dw[u, v] = (columns @ dy_by_group).swapaxes(0, 1).reshape(dw[u, v].shape)  # (G, C/G, P) @ (G, P, O/G)
    return dw


# ---------------------------------------------------------------------------------------------------- pooling
def _valid(g: Pool2dGeometry) -> Array:
    """(1, padded H, padded W, 1): 1 on the image, 0 on the padding."""
    return _pad(g, np.ones((1, g.in_h, g.in_w, 1)))


def _valid_cells(g: Pool2dGeometry) -> Array:
    """(1, OH, OW, 1): how many cells of each window lie on the image."""
    return np.sum([_tap(g, _valid(g), u, v) for u, v in np.ndindex(g.window_h, g.window_w)], axis=0)


def max_pool2d_forward(g: Pool2dGeometry, x: Array) -> tuple[Array, Array]:
    padded, valid = _pad(g, x), _valid(g) > 0
    y = np.zeros(g.out_shape, x.dtype)
    argmax = np.full(g.out_shape, -1, np.int32)
    for u, v in np.ndindex(g.window_h, g.window_w):
        cell = _tap(g, padded, u, v)
        larger = (argmax < 0) | (cell > y) | (np.isnan(cell) & ~np.isnan(y))  # strictly: of equal cells the first stays
        larger &= _tap(g, valid, u, v)
        y = np.where(larger, cell, y)
        argmax[larger] = u * g.window_w + v
    return y, argmax


def max_pool2d_backward(g: Pool2dGeometry, dy: Array, argmax: Array) -> Array:
    dpadded = np.zeros_like(_pad(g, np.empty(g.in_shape, dy.dtype)))
    for u, v in _taps_in_window_order(g):
        _tap(g, dpadded, u, v)[...] += np.where(argmax == u * g.window_w + v, dy, 0)
    return _unpad(g, dpadded)


def avg_pool2d_forward(g: Pool2dGeometry, x: Array) -> Array:
    padded = _pad(g, x)
    total = np.zeros(g.out_shape, x.dtype)
    for u, v in np.ndindex(g.window_h, g.window_w):
        total += _tap(g, padded, u, v)
    return total / _valid_cells(g).astype(x.dtype)


def avg_pool2d_backward(g: Pool2dGeometry, dy: Array) -> Array:
    dpadded = np.zeros_like(_pad(g, np.empty(g.in_shape, dy.dtype)))
    share = dy / _valid_cells(g).astype(dy.dtype)
    for u, v in _taps_in_window_order(g):
        _tap(g, dpadded, u, v)[...] += share
    return _unpad(g, dpadded)


def _taps_in_window_order(g: Pool2dGeometry) -> Iterator[tuple[int, int]]:
    """The taps from last to first: a cell then meets the windows that hold it from first to last."""
    return reversed(list(np.ndindex(g.window_h, g.window_w)))


# ---------------------------------------------------------------------------------------------------- dense algebra
@placing
def matmul(a: Array, b: Array, transpose_a: bool, transpose_b: bool) -> Array:
    return np.ascontiguousarray((a.T if transpose_a else a) @ (b.T if transpose_b else b))


def sum_rows(x: Array) -> Array:
    return x.sum(axis=0, dtype=np.float64).astype(x.dtype)


affine_forward = functools.partial(composed.affine_forward, sys.modules[__name__])
affine_backward = functools.partial(composed.affine_backward, sys.modules[__name__])


# ---------------------------------------------------------------------------------------------------- bias + activation
def bias_activation_forward(kind: Activation, x: Array, b: Array | None, alpha: float) -> Array:
    x = x.copy() if b is None else x + b
    match kind:
        case "linear":
            return x
        case "relu":
            return np.maximum(x, 0, out=x)
        case "leaky_relu":
            return np.where(x > 0, x, alpha * x)
        case "elu":
            return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
        case "sigmoid":
            e = np.exp(-np.abs(x))  # never overflows
            return np.asarray(np.where(x >= 0, 1, e) / (1 + e), x.dtype)
        case "tanh":
            return np.tanh(x, out=x)


def activation_backward(kind: Activation, dy: Array, y: Array, alpha: float) -> Array:
    match kind:
        case "linear":
            return dy.copy()
        case "relu":
            derivative = np.where(y > 0, 1, 0)
        case "leaky_relu":
            derivative = np.where(y > 0, 1, alpha)
        case "elu":
            derivative = np.where(y > 0, 1, y + alpha)
        case "sigmoid":
            derivative = y * (1 - y)
        case "tanh":
            derivative = 1 - y * y
    return np.asarray(dy * derivative, dy.dtype)


# ---------------------------------------------------------------------------------------------------- convolution to pooling
def conv2d_pool_forward(
    g: ConvPool2dGeometry, kind: PoolableActivation, x: Array, w: Array, b: Array | None, alpha: float, wants_argmax: bool
) -> tuple[Array, Array | None]:
    highest, argmax = max_pool2d_forward(g.pool, conv2d_forward(g.conv, x, w, b))
    return bias_activation_forward(kind, highest, None, alpha), argmax.astype(np.uint8) if wants_argmax else None


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
    dw_into: Array | None,
) -> tuple[Array | None, Array | None, Array | None]:
    dhighest = activation_backward(kind, dy, y, alpha)
    dconv = max_pool2d_backward(g.pool, dhighest, argmax)
    dx = conv2d_backward_input(g.conv, dconv, w) if needs[0] else None
    dw = conv2d_backward_kernel(g.conv, x, dconv, into=dw_into) if needs[1] else None
    db = sum_rows(dhighest.reshape(-1, g.conv.out_channels)) if needs[2] else None
    return dx, dw, db


# ---------------------------------------------------------------------------------------------------- softmax + cross-entropy
def softmax(x: Array) -> Array:
    e = np.exp(_shifted(x))
    return e / e.sum(axis=1, keepdims=True)


def softmax_crossentropy_forward(logits: Array, targets: Array) -> tuple[Array, Array]:
    shifted = _shifted(logits)
    e = np.exp(shifted)
    total = e.sum(axis=1, keepdims=True)
    return -(targets * (shifted - np.log(total))).sum(axis=1), e / total


def softmax_crossentropy_backward(dloss: Array, probabilities: Array, targets: Array) -> Array:
    return dloss[:, None] * (probabilities * targets.sum(axis=1, keepdims=True) - targets)


def _shifted(x: Array) -> Array:
    """x less the maximum of its row, so that exp cannot overflow."""
    return x - x.max(axis=1, keepdims=True, initial=-np.inf)


# ---------------------------------------------------------------------------------------------------- batch normalisation
def batch_norm_moments(x: Array) -> tuple[Array, Array]:
    rows = max(len(x), 1)
    mean = x.sum(axis=0, dtype=np.float64) / rows
    variance = np.square(x - mean).sum(axis=0) / rows
    return mean.astype(x.dtype), variance.astype(x.dtype)


def batch_norm_forward(x: Array, mean: Array, variance: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    return gamma * ((x - mean) / np.sqrt(variance + epsilon)) + beta


def batch_norm_backward(
    dy: Array, x: Array, mean: Array, variance: Array, gamma: Array, epsilon: float, training: bool
) -> tuple[Array, Array, Array]:
    rows, deviation = max(len(x), 1), np.sqrt(variance + epsilon)
    xhat = (x - mean) / deviation
    dbeta, dgamma = sum_rows(dy), sum_rows(dy * xhat)
    centred = dy - dbeta / rows - xhat * (dgamma / rows) if training else dy
    return gamma / deviation * centred, dgamma, dbeta


# ---------------------------------------------------------------------------------------------------- dropout
def dropout_mask(shape: tuple[int, ...], threshold: int, scale: float, seed: int, dtype: np.dtype) -> Array:
    size = int(np.prod(shape, dtype=np.int64))
    kept = _philox4x32(-(-size // 4), seed).ravel()[:size] >= threshold
    return np.where(kept, dtype.type(scale), dtype.type(0)).reshape(shape)


def _philox4x32(blocks: int, seed: int) -> Array:
    """(blocks, 4) random words below 2**32, the block's index being its counter: Philox4x32-10 of Salmon et al. 2011, figure 2."""
    low = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    index = np.arange(blocks, dtype=np.uint64)
    c0, c1, c2, c3 = index & low, index >> half, np.zeros_like(index), np.zeros_like(index)
    k0, k1 = np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)
    for _ in range(10):
        product0, product1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (product1 >> half) ^ c1 ^ k0, product1 & low, (product0 >> half) ^ c3 ^ k1, product0 & low
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low  # golden ratio, sqrt(3) - 1
    return np.stack([c0, c1, c2, c3], axis=1)


# ---------------------------------------------------------------------------------------------------- optimizer steps
def sgd_step(w: Array, g: Array, m: Array | None, learning_rate: float, momentum: float, nesterov: bool) -> None:
    step = learning_rate * g
    if m is None:
        w -= step
        return
    m *= momentum
    m -= step
    w += momentum * m - step if nesterov else m


def adam_step(w: Array, g: Array, m: Array, v: Array, alpha: float, beta_1: float, beta_2: float, epsilon: float) -> None:
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    w -= alpha * m / (np.sqrt(v) + epsilon)
