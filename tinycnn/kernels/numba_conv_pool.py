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
from tinycnn.kernels.spec import PoolableActivation

__all__ = ["conv2d_pool_backward", "conv2d_pool_forward"]

Array: TypeAlias = NDArray[Any]
U = np.uintp  # an unsigned index cannot wrap around, so the loop over it is vectorised


# ---------------------------------------------------------------------------------------------------- forward
@jit
def _window_rows(y, argmax, x, w, b, slope, sizes, runs, span, start, stop):
    """Rows of windows start <= n * PH + i < stop of y and argmax (N, PH, PW, O)."""
    padded_h, padded_w, C, OH, OW, O, _, _, s_h, s_w, _, _, groups = sizes
    _, PH, PW, _ = y.shape
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
    z = np.empty(count * width, x.dtype)
    for group in range(groups):
        for first in range(group * columns, (group + 1) * columns, width):
            at, last = panel * depth * width, min(first + width, (group + 1) * columns)
            product(z, 0, width, x, group * (C // groups), cells, runs, span, 1, w, at, width, width, False)
            panel += 1
            row = 0
            for window_row in range(start, stop):
                n, i = window_row // PH, window_row % PH
                below = OW * width if 2 * i + 1 < OH else 0
                for j in range(PW):
                    right = width if 2 * j + 1 < OW else 0
                    _pool_window(
                        y[n, i, j, first:last], argmax[n, i, j, first:last], z, row + 2 * j * width, right, below, b[first:last], slope
                    )
                row += OW * width + below


@jit
def _pool_window(y, argmax, z, at, right, below, b, slope):
    """A cell beyond the image is a neighbour once more, which changes no maximum."""
    for o in range(y.size):
        p = at + o
        best, place = z[U(p)], 0
        cell = z[U(p + right)]
        larger = not (cell <= best) and best == best  # a NaN beats all but a NaN
        best, place = cell if larger else best, 1 if larger else place
        cell = z[U(p + below)]
        larger = not (cell <= best) and best == best
        best, place = cell if larger else best, 2 if larger else place
        cell = z[U(p + below + right)]
        larger = not (cell <= best) and best == best
        best, place = cell if larger else best, 3 if larger else place
        best += b[o]
        y[o] = best if best > 0 else (slope * best if slope != 0 or best != best else slope)
        argmax[o] = place


def conv2d_pool_forward(
    g: ConvPool2dGeometry, kind: PoolableActivation, x: Array, w: Array, b: Array | None, alpha: float
) -> tuple[Array, Array]:
    y, argmax = np.empty(g.out_shape, x.dtype), np.empty(g.out_shape, np.uint8)
    b = np.zeros(g.conv.out_channels, x.dtype) if b is None else b
    slope = x.dtype.type({"linear": 1, "relu": 0, "leaky_relu": alpha}[kind])
    rows = g.pool.batch * g.pool.out_h
    size = chunk_size(rows, g.conv.macs // 4)  # more than usual, so that few tiles are incomplete
    operands = padded_images(g.conv, x), packed_kernel(g.conv, w), b, slope
    run(_window_rows, rows, size, y, argmax, *operands, sizes_of(g.conv), *runs_of_taps(g.conv))
    return y, argmax


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
) -> tuple[Array | None, Array | None, Array | None]:
    dhighest = activation_backward(kind, dy, y, alpha)
    dx = dw = db = None
    if sparse.fits(g):
        dx = sparse.backward_input(g, dhighest, argmax, w) if needs[0] else None
        dw = sparse.backward_kernel(g, x, dhighest, argmax) if needs[1] else None
    elif needs[0] or needs[1]:
        dconv = max_pool2d_backward(g.pool, dhighest, argmax.astype(np.int32))
        dx = conv2d_backward_input(g.conv, dconv, w) if needs[0] else None
        dw = conv2d_backward_kernel(g.conv, x, dconv) if needs[1] else None
    if needs[2]:
        db = sum_rows(dhighest.reshape(-1, g.conv.out_channels))
    return dx, dw, db
