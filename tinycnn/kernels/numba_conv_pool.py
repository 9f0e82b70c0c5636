"""Convolution, bias, activation and 2x2 max-pooling as one step in Numba: what lies between them never leaves the cache.

Forward, a chunk is some rows of windows: the product of its cells with one panel of the kernel, then at once their maxima, bias and
activation. Backward, a 3x3 kernel's gradients come from the argmax cells alone (`numba_sparse`); others unpool first.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return"
# Numba infers the types of what it compiles.

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinycnn.geometry import ConvPool2dGeometry
from tinycnn.kernels import numba_sparse as sparse
from tinycnn.kernels.numba_conv import conv2d_backward_input, conv2d_backward_kernel, packed_kernel, padded_images, runs_of_taps, sizes_of
from tinycnn.kernels.numba_pool import chunk_size, jit, run
from tinycnn.kernels.numba_pooling import max_pool2d_backward
from tinycnn.kernels.numba_product import panel_width, product
from tinycnn.kernels.numba_rows import activation_backward, sum_rows
from tinycnn.kernels.numba_simd import keep_larger, leaky_relu, load, multiply_add, store, store_bytes, zeros
from tinycnn.kernels.spec import PoolableActivation

__all__ = ["conv2d_pool_backward", "conv2d_pool_forward"]

Array: TypeAlias = NDArray[Any]


# ---------------------------------------------------------------------------------------------------- forward
@jit
def _window_rows(y, argmax, x, w, b, slope, sizes, windows, runs, span, start, stop):
    """Rows of windows start <= n * PH + i < stop of y and argmax (N, PH, PW, O)."""
    padded_h, padded_w, C, OH, OW, O, _, _, s_h, s_w, _, _, groups = sizes
    PH, PW = windows
    width, depth, columns, panel = panel_width(x), runs.size * span, O // groups, 0
    OW = min(OW, 2 * PW)  # what no window holds is left out
    cells, count = np.empty(2 * (stop - start) * OW, np.intp), 0
    for window_row in range(start, stop):
        n, top = window_row // PH, window_row % PH * 2
        for i in range(top, min(top + 2, OH)):
            for j in range(OW):
                cells[count] = ((n * padded_h + i * s_h) * padded_w + j * s_w) * C
                count += 1
    cells = cells[:count]
    z = np.empty(count * width, x.dtype)  # one panel of the convolution
    y_panel, argmax_panel = np.empty(width, y.dtype), np.empty(width, argmax.dtype)  # where the last panel has not all its columns
    for group in range(groups):
        for first in range(group * columns, (group + 1) * columns, width):
            taps, last = panel * depth * width, min(first + width, (group + 1) * columns)
            product(z, 0, width, x, group * (C // groups), cells, runs, span, 1, w, taps, width, width, False)
            panel += 1
            cell = 0
            for window_row in range(start, stop):
                below = OW * width if window_row % PH * 2 + 1 < OH else 0
                for j in range(PW):
                    right = width if 2 * j + 1 < OW else 0
                    at = (window_row * PW + j) * O + first
                    if last - first == width:
                        _pool_window(y, argmax, at, z, cell + 2 * j * width, right, below, b, first, slope)
                    else:
                        _pool_window(y_panel, argmax_panel, 0, z, cell + 2 * j * width, right, below, b, first, slope)
                        for o in range(last - first):
                            y[at + o], argmax[at + o] = y_panel[o], argmax_panel[o]
                cell += OW * width + below


@jit
def _pool_window(y, argmax, at, z, cell, right, below, b, first, slope):
    """One panel of one window. A cell beyond the image is a neighbour once more, which changes no maximum."""
    best = load(zeros(z, 4), 0, 2, z, cell)  # 2 registers of maxima, 2 of where they are
    best = keep_larger(best, 0, 2, z, cell + right, 1)
    best = keep_larger(best, 0, 2, z, cell + below, 2)
    best = keep_larger(best, 0, 2, z, cell + below + right, 3)
    best = leaky_relu(multiply_add(best, 0, 2, b, first, 1), 0, 2, slope)
    store(best, 0, 2, y, at)
    store_bytes(best, 2, 2, argmax, at)


def conv2d_pool_forward(
    g: ConvPool2dGeometry, kind: PoolableActivation, x: Array, w: Array, b: Array | None, alpha: float, wants_argmax: bool
) -> tuple[Array, Array | None]:
    y, argmax = np.empty(g.out_shape, x.dtype), np.empty(g.out_shape, np.uint8)
    bias = np.zeros(g.conv.out_channels + panel_width(x), x.dtype)  # a panel is read whole
    bias[: g.conv.out_channels] = 0 if b is None else b
    slope = x.dtype.type({"linear": 1, "relu": 0, "leaky_relu": alpha}[kind])
    rows = g.pool.batch * g.pool.out_h
    size = chunk_size(rows, g.conv.macs // 4)  # more than usual, so that few tiles are incomplete
    operands = padded_images(g.conv, x), packed_kernel(g.conv, w), bias, slope
    sizes, windows = sizes_of(g.conv), (g.pool.out_h, g.pool.out_w)
    run(_window_rows, rows, size, y.ravel(), argmax.ravel(), *operands, sizes, windows, *runs_of_taps(g.conv))
    return y, argmax if wants_argmax else None  # finding it costs next to nothing here


# ---------------------------------------------------------------------------------------------------- gradients
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
    dx = dw = db = None
    if sparse.fits(g):
        dx = sparse.backward_input(g, dhighest, argmax, w) if needs[0] else None
        dw = sparse.backward_kernel(g, x, dhighest, argmax, into=dw_into) if needs[1] else None
    elif needs[0] or needs[1]:
        dconv = max_pool2d_backward(g.pool, dhighest, argmax.astype(np.int32))
        dx = conv2d_backward_input(g.conv, dconv, w) if needs[0] else None
        dw = conv2d_backward_kernel(g.conv, x, dconv, into=dw_into) if needs[1] else None
    if needs[2]:
        db = sum_rows(dhighest.reshape(-1, g.conv.out_channels))
    return dx, dw, db
