"""Matrix product and convolution in Numba: one small product of strided rows, `_multiply_add`, under all of them.

A row of a convolution's output is such a product: for kernel row u, the KW * C cells that an output cell sees lie side by side in the
padded image, so row i gains (OW, KW * C) @ (KW * C, O), where the left matrix is a view of the image with overlapping rows. With
dilation or groups only the cells of one tap (and group) lie side by side, and each tap is a product of its own: a *span* is what is
contiguous.

Operands are flat arrays, addressed by offset and step as unsigned numbers: a signed index might be negative and wrap around, and the
test for that would keep the loop from being vectorised.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return"
# Numba infers the types of what it compiles.

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinycnn.geometry import Conv2dGeometry
from tinycnn.kernels.numba_pool import chunk_size, jit, run

__all__ = ["conv2d_backward_input", "conv2d_backward_kernel", "conv2d_forward", "matmul"]

Array: TypeAlias = NDArray[Any]
U = np.uintp


@jit
def _multiply_add(y, y0, y_row, a, a0, a_row, a_col, b, b0, b_row, rows, depth, columns):
    """y[r, o] += sum_k a[r, k] * b[k, o], matrix cell [r, k] being at offset + r * row step + k * column step (1 for y and b).

    The inner loop runs over o and is vectorised. Four rows by four k at a time: each vector of b loaded is used four times, and each of
    y takes four products between its load and its store.
    """
    full_rows, full_depth = rows - rows % 4, depth - depth % 4
    for r in range(0, full_rows, 4):
        s0 = y0 + r * y_row
        s1, s2, s3 = s0 + y_row, s0 + 2 * y_row, s0 + 3 * y_row
        for k in range(0, full_depth, 4):
            p = a0 + r * a_row + k * a_col
            a00, a01, a02, a03 = a[U(p)], a[U(p + a_col)], a[U(p + 2 * a_col)], a[U(p + 3 * a_col)]
            p += a_row
            a10, a11, a12, a13 = a[U(p)], a[U(p + a_col)], a[U(p + 2 * a_col)], a[U(p + 3 * a_col)]
            p += a_row
            a20, a21, a22, a23 = a[U(p)], a[U(p + a_col)], a[U(p + 2 * a_col)], a[U(p + 3 * a_col)]
            p += a_row
            a30, a31, a32, a33 = a[U(p)], a[U(p + a_col)], a[U(p + 2 * a_col)], a[U(p + 3 * a_col)]
            q0 = b0 + k * b_row
            q1, q2, q3 = q0 + b_row, q0 + 2 * b_row, q0 + 3 * b_row
            for o in range(columns):
                b_0, b_1, b_2, b_3 = b[U(q0 + o)], b[U(q1 + o)], b[U(q2 + o)], b[U(q3 + o)]
                y[U(s0 + o)] += a00 * b_0 + a01 * b_1 + a02 * b_2 + a03 * b_3
                y[U(s1 + o)] += a10 * b_0 + a11 * b_1 + a12 * b_2 + a13 * b_3
                y[U(s2 + o)] += a20 * b_0 + a21 * b_1 + a22 * b_2 + a23 * b_3
                y[U(s3 + o)] += a30 * b_0 + a31 * b_1 + a32 * b_2 + a33 * b_3
        for k in range(full_depth, depth):
            p, q = a0 + r * a_row + k * a_col, b0 + k * b_row
            a_0, a_1, a_2, a_3 = a[U(p)], a[U(p + a_row)], a[U(p + 2 * a_row)], a[U(p + 3 * a_row)]
            for o in range(columns):
                b_0 = b[U(q + o)]
                y[U(s0 + o)] += a_0 * b_0
                y[U(s1 + o)] += a_1 * b_0
                y[U(s2 + o)] += a_2 * b_0
                y[U(s3 + o)] += a_3 * b_0
    for r in range(full_rows, rows):
        s0 = y0 + r * y_row
        for k in range(0, full_depth, 4):
            p, q0 = a0 + r * a_row + k * a_col, b0 + k * b_row
            a_0, a_1, a_2, a_3 = a[U(p)], a[U(p + a_col)], a[U(p + 2 * a_col)], a[U(p + 3 * a_col)]
            q1, q2, q3 = q0 + b_row, q0 + 2 * b_row, q0 + 3 * b_row
            for o in range(columns):
                y[U(s0 + o)] += a_0 * b[U(q0 + o)] + a_1 * b[U(q1 + o)] + a_2 * b[U(q2 + o)] + a_3 * b[U(q3 + o)]
        for k in range(full_depth, depth):
            p, q = a0 + r * a_row + k * a_col, b0 + k * b_row
            a_0 = a[U(p)]
            for o in range(columns):
                y[U(s0 + o)] += a_0 * b[U(q + o)]


# ---------------------------------------------------------------------------------------------------- matrix product
#: A block of b that stays in the first-level cache (float32: 32 KB) while all rows of a chunk meet it.
BLOCK_DEPTH = 32
BLOCK_COLUMNS = 256


@jit
def _matmul_rows(y, a, a_row, a_col, b, depth, columns, start, stop):
    for o in range(0, columns, BLOCK_COLUMNS):
        width = min(BLOCK_COLUMNS, columns - o)
        for k in range(0, depth, BLOCK_DEPTH):
            height = min(BLOCK_DEPTH, depth - k)
            _multiply_add(
                y, start * columns + o, columns, a, start * a_row + k * a_col, a_row, a_col, b, k * columns + o, columns,
                stop - start, height, width,
            )  # fmt: skip


def matmul(a: Array, b: Array, transpose_a: bool, transpose_b: bool) -> Array:
    b = np.ascontiguousarray(b.T) if transpose_b else b
    (depth, columns), rows = b.shape, a.shape[1 if transpose_a else 0]
    a_row, a_col = (1, rows) if transpose_a else (depth, 1)
    y = np.zeros((rows, columns), a.dtype)
    size = -(-chunk_size(rows, rows * depth * columns) // 4) * 4  # whole blocks of four rows
    run(_matmul_rows, rows, size, y.ravel(), a.ravel(), a_row, a_col, b.ravel(), depth, columns)
    return y


# ---------------------------------------------------------------------------------------------------- convolution
def _padded(g: Conv2dGeometry, x: Array) -> Array:
    """The zero-padded images, flat."""
    padded = np.zeros((g.batch, g.in_h + g.pad_top + g.pad_bottom, g.in_w + g.pad_left + g.pad_right, g.in_channels), x.dtype)
    padded[:, g.pad_top : g.pad_top + g.in_h, g.pad_left : g.pad_left + g.in_w] = x
    return padded.ravel()


def _sizes(g: Conv2dGeometry) -> tuple[int, ...]:
    """What the kernels read of the geometry, as a tuple of ints; they unpack it under the field's letters."""
    padded_h, padded_w = g.in_h + g.pad_top + g.pad_bottom, g.in_w + g.pad_left + g.pad_right
    return (
        padded_h, padded_w, g.in_channels, g.out_h, g.out_w, g.out_channels, g.kernel_h, g.kernel_w,
        g.stride_h, g.stride_w, g.dilation_h, g.dilation_w, g.groups,
    )  # fmt: skip


def _spans(g: Conv2dGeometry) -> tuple[int, int]:
    """How a kernel row falls into contiguous pieces: (pieces, cells of each)."""
    if g.dilation_w == 1 and g.groups == 1:
        return 1, g.kernel_w * g.in_channels
    return g.kernel_w, g.in_channels // g.groups


@jit
def _forward_rows(y, x, w, sizes, pieces, span, start, stop):
    """Rows start <= n * OH + i < stop of y (N*OH, OW, O), which hold the bias already."""
    padded_h, padded_w, C, OH, OW, O, KH, _, s_h, s_w, d_h, d_w, groups = sizes
    width = O // groups
    for row in range(start, stop):
        n, i = row // OH, row % OH
        for u in range(KH):
            x_row = (n * padded_h + i * s_h + u * d_h) * padded_w * C
            for v in range(pieces):
                for group in range(groups):
                    _multiply_add(
                        y, row * OW * O + group * width, O,
                        x, x_row + v * d_w * C + group * span, s_w * C, 1,
                        w, (u * pieces + v) * span * O + group * width, O,
                        OW, span, width,
                    )  # fmt: skip


def conv2d_forward(g: Conv2dGeometry, x: Array, w: Array, b: Array | None) -> Array:
    y = np.zeros(g.out_shape, x.dtype)
    if b is not None:
        y += b
    rows = g.batch * g.out_h
    if _is_depthwise(g):
        run(_depthwise_forward_rows, rows, chunk_size(rows, g.macs), y.ravel(), _padded(g, x), w.ravel(), _sizes(g))
    else:
        run(_forward_rows, rows, chunk_size(rows, g.macs), y.ravel(), _padded(g, x), w.ravel(), _sizes(g), *_spans(g))
    return y


@jit
def _backward_input_rows(dx, dy, wt, sizes, pad_top, pad_left, in_h, in_w, start, stop):
    """Rows start <= n * H + h < stop of dx (N*H, W, C); wt is the kernel with its channels transposed, (KH, KW, O, C / groups)."""
    _, padded_w, C, OH, OW, O, KH, KW, s_h, s_w, d_h, d_w, groups = sizes
    span, depth = C // groups, O // groups
    dpadded = np.empty(padded_w * C, dx.dtype)  # one row, padding included
    for row in range(start, stop):
        n, h = row // in_h, row % in_h + pad_top
        dpadded[:] = 0
        for u in range(KH):
            i = (h - u * d_h) // s_h
            if i * s_h != h - u * d_h or i < 0 or i >= OH:
                continue
            for v in range(KW):
                for group in range(groups):
                    _multiply_add(
                        dpadded, v * d_w * C + group * span, s_w * C,
                        dy, (n * OH + i) * OW * O + group * depth, O, 1,
                        wt, ((u * KW + v) * O + group * depth) * span, span,
                        OW, depth, span,
                    )  # fmt: skip
        dx[row * in_w * C : (row + 1) * in_w * C] = dpadded[pad_left * C : (pad_left + in_w) * C]


def conv2d_backward_input(g: Conv2dGeometry, dy: Array, w: Array) -> Array:
    dx = np.empty(g.in_shape, dy.dtype)
    rows = g.batch * g.in_h
    kernel = _depthwise_backward_input_rows if _is_depthwise(g) else _backward_input_rows
    wt = np.ascontiguousarray(w.swapaxes(2, 3))
    size = chunk_size(rows, g.macs)
    run(kernel, rows, size, dx.ravel(), dy.ravel(), wt.ravel(), _sizes(g), g.pad_top, g.pad_left, g.in_h, g.in_w)
    return dx


#: Rows of dw that one chunk of its kernel owns: they stay in the first-level cache while all images pass by.
ROWS_PER_BLOCK = 32


@jit
def _backward_kernel_blocks(dw, x, dy, batch, sizes, pieces, span, start, stop):
    """Blocks of dw (KH, pieces, groups, span, O / groups): each is one sum over all images, so nothing is left to reduce."""
    padded_h, padded_w, C, OH, OW, O, _, _, s_h, s_w, d_h, d_w, groups = sizes
    width, blocks = O // groups, -(-span // ROWS_PER_BLOCK)
    for index in range(start, stop):
        block, group = index % blocks, index // blocks % groups
        v, u = index // blocks // groups % pieces, index // blocks // groups // pieces
        first = block * ROWS_PER_BLOCK
        for row in range(batch * OH):
            n, i = row // OH, row % OH
            _multiply_add(
                dw, ((u * pieces + v) * span + first) * O + group * width, O,
                x, ((n * padded_h + i * s_h + u * d_h) * padded_w + v * d_w) * C + group * span + first, 1, s_w * C,
                dy, row * OW * O + group * width, O,
                min(ROWS_PER_BLOCK, span - first), OW, width,
            )  # fmt: skip


def conv2d_backward_kernel(g: Conv2dGeometry, x: Array, dy: Array) -> Array:
    dw = np.zeros(g.kernel_shape, x.dtype)
    pieces, span = _spans(g)
    if _is_depthwise(g):
        taps = g.kernel_h * g.kernel_w
        run(_depthwise_backward_kernel_taps, taps, 1, dw.ravel(), _padded(g, x), dy.ravel(), g.batch, _sizes(g))
    else:
        blocks = g.kernel_h * pieces * g.groups * -(-span // ROWS_PER_BLOCK)
        size = chunk_size(blocks, g.macs)
        run(_backward_kernel_blocks, blocks, size, dw.ravel(), _padded(g, x), dy.ravel(), g.batch, _sizes(g), pieces, span)
    return dw


# ---------------------------------------------------------------------------------------------------- depthwise: every channel for itself
def _is_depthwise(g: Conv2dGeometry) -> bool:
    return 1 < g.groups == g.in_channels == g.out_channels


@jit
def _depthwise_forward_rows(y, x, w, sizes, start, stop):
    padded_h, padded_w, C, OH, OW, _, KH, KW, s_h, s_w, d_h, d_w, _ = sizes
    for row in range(start, stop):
        n, i = row // OH, row % OH
        for u in range(KH):
            for j in range(OW):
                for v in range(KW):
                    q = ((n * padded_h + i * s_h + u * d_h) * padded_w + j * s_w + v * d_w) * C
                    p, t = (row * OW + j) * C, (u * KW + v) * C
                    for c in range(C):
                        y[p + c] += x[q + c] * w[t + c]


@jit
def _depthwise_backward_input_rows(dx, dy, w, sizes, pad_top, pad_left, in_h, in_w, start, stop):
    _, padded_w, C, OH, OW, _, KH, KW, s_h, s_w, d_h, d_w, _ = sizes
    dpadded = np.empty(padded_w * C, dx.dtype)
    for row in range(start, stop):
        n, h = row // in_h, row % in_h + pad_top
        dpadded[:] = 0
        for u in range(KH):
            i = (h - u * d_h) // s_h
            if i * s_h != h - u * d_h or i < 0 or i >= OH:
                continue
            for j in range(OW):
                for v in range(KW):
                    q, p, t = (j * s_w + v * d_w) * C, ((n * OH + i) * OW + j) * C, (u * KW + v) * C
                    for c in range(C):
                        dpadded[q + c] += dy[p + c] * w[t + c]
        dx[row * in_w * C : (row + 1) * in_w * C] = dpadded[pad_left * C : (pad_left + in_w) * C]


@jit
def _depthwise_backward_kernel_taps(dw, x, dy, batch, sizes, start, stop):
    padded_h, padded_w, C, OH, OW, _, _, KW, s_h, s_w, d_h, d_w, _ = sizes
    for tap in range(start, stop):
        u, v = tap // KW, tap % KW
        for row in range(batch * OH):
            n, i = row // OH, row % OH
            for j in range(OW):
                q = ((n * padded_h + i * s_h + u * d_h) * padded_w + j * s_w + v * d_w) * C
                p = (row * OW + j) * C
                for c in range(C):
                    dw[tap * C + c] += x[q + c] * dy[p + c]
