"""The Numba backend: kernels compiled at first use, run in parallel by `numba_pool`.

The kernels are in modules of their own, `numba_product` and what stands on it, `numba_pooling` and `numba_rows`; here are dropout and the
optimizer steps. Softmax, an exponential per element, is NumPy's, whose exp is vectorised where Numba's is not.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return"
# Numba infers the types of what it compiles.

from __future__ import annotations

import functools
import sys
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinycnn.kernels import composed, numpy_ref
from tinycnn.kernels.checked import CheckedKernels
from tinycnn.kernels.numba_conv import conv2d_backward_input, conv2d_backward_kernel, conv2d_forward
from tinycnn.kernels.numba_conv_pool import conv2d_pool_backward, conv2d_pool_forward
from tinycnn.kernels.numba_pool import chunk_size, jit, run, set_num_threads
from tinycnn.kernels.numba_pooling import avg_pool2d_backward, avg_pool2d_forward, max_pool2d_backward, max_pool2d_forward
from tinycnn.kernels.numba_product import matmul
from tinycnn.kernels.numba_rows import (
    activation_backward,
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_moments,
    bias_activation_forward,
    sum_rows,
)
from tinycnn.kernels.numpy_ref import softmax, softmax_crossentropy_backward, softmax_crossentropy_forward
from tinycnn.kernels.spec import KernelSet

__all__ = [
    "activation_backward",
    "adam_step",
    "affine_backward",
    "affine_forward",
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


# ---------------------------------------------------------------------------------------------------- dense layers
affine_forward = functools.partial(composed.affine_forward, sys.modules[__name__])
affine_backward = functools.partial(composed.affine_backward, sys.modules[__name__])


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
