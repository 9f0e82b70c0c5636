"""Convolution in Numba: `product` on the zero-padded image as it lies, for everything but depthwise convolutions.

The rows of a forward product are output cells, and k runs through the cells of the image that each sees: for kernel row u, KW * C cells
side by side. With dilation or groups only the cells of one tap (and group) lie side by side, and each tap is a run of its own: a *span*
is what is contiguous. The gradient of the input is such a convolution, too, of dy with the turned kernel, if the strides are 1.

Operands are flat arrays, addressed by offset and step.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return"
# Numba infers the types of what it compiles.

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinycnn.geometry import Conv2dGeometry
from tinycnn.kernels.numba_pool import chunk_size, jit, run
from tinycnn.kernels.numba_product import packed, panel_width, product
from tinycnn.kernels.operands import placing

__all__ = [
    "conv2d_backward_input",
    "conv2d_backward_kernel",
    "conv2d_forward",
    "packed_kernel",
    "padded_images",
    "runs_of_taps",
    "sizes_of",
]

Array: TypeAlias = NDArray[Any]
U = np.uintp  # an unsigned index cannot wrap around, so the loop over it is vectorised


# ---------------------------------------------------------------------------------------------------- operands of a product
@jit
def _pad_rows(padded, x, shape, pads, start, stop):
    """Rows start <= n * PH + i < stop of padded (N, PH, PW, C)."""
    H, W, C = shape
    pad_top, pad_left, PH, PW = pads
    for row in range(start, stop):
        h = row % PH - pad_top
        p, q = row * PW * C, (row // PH * H + h) * W * C
        first, last = (pad_left * C, (pad_left + W) * C) if 0 <= h < H else (PW * C, PW * C)
        for i in range(first):
            padded[U(p + i)] = 0
        for i in range(last - first):
            padded[U(p + first + i)] = x[U(q + i)]
        for i in range(last, PW * C):
            padded[U(p + i)] = 0


def padded_images(g: Conv2dGeometry, x: Array) -> Array:
    """The zero-padded images, flat."""
    if not (g.pad_top or g.pad_bottom or g.pad_left or g.pad_right):
        return x.ravel()
    h, w = g.in_h + g.pad_top + g.pad_bottom, g.in_w + g.pad_left + g.pad_right
    padded, rows = np.empty(g.batch * h * w * g.in_channels, x.dtype), g.batch * h
    run(_pad_rows, rows, chunk_size(rows, 4 * padded.size), padded, x.ravel(), g.in_shape[1:], (g.pad_top, g.pad_left, h, w))
    return padded


def sizes_of(g: Conv2dGeometry) -> tuple[int, ...]:
    """What the kernels read of the geometry, as a tuple of ints; they unpack it under the field's letters."""
    padded_h, padded_w = g.in_h + g.pad_top + g.pad_bottom, g.in_w + g.pad_left + g.pad_right
    return (
        padded_h, padded_w, g.in_channels, g.out_h, g.out_w, g.out_channels, g.kernel_h, g.kernel_w,
        g.stride_h, g.stride_w, g.dilation_h, g.dilation_w, g.groups,
    )  # fmt: skip


def runs_of_taps(g: Conv2dGeometry) -> tuple[Array, int]:
    """Where each span of the cells that an output cell sees begins, from its first cell on, and the length of a span."""
    row, pixel = g.dilation_h * (g.in_w + g.pad_left + g.pad_right) * g.in_channels, g.dilation_w * g.in_channels
    rows = np.arange(g.kernel_h) * row
    if g.dilation_w == 1 and g.groups == 1:
        return rows, g.kernel_w * g.in_channels
    return np.add.outer(rows, np.arange(g.kernel_w) * pixel).ravel(), g.in_channels // g.groups


def packed_kernel(g: Conv2dGeometry, w: Array) -> Array:
    """The panels of the kernel as a matrix, a row for each cell that an output cell sees and a column for each output channel."""
    return packed(w.reshape(-1, g.out_channels), g.groups)


# ---------------------------------------------------------------------------------------------------- forward
@jit
def _forward_rows(y, x, w, b, sizes, runs, span, start, stop):
    """Rows start <= n * OH + i < stop of y (N*OH, OW, O)."""
    padded_h, padded_w, C, OH, OW, O, _, _, s_h, s_w, _, _, groups = sizes
    width, depth, panel = panel_width(y), runs.size * span, 0
    cells = np.empty((stop - start) * OW, np.intp)
    for row in range(start, stop):
        n, i = row // OH, row % OH
        for j in range(OW):
            cells[(row - start) * OW + j] = ((n * padded_h + i * s_h) * padded_w + j * s_w) * C
    for cell in range(start * OW, stop * OW):
        for o in range(O):
            y[U(cell * O + o)] = b[U(o)]
    for group in range(groups):
        for first in range(group * (O // groups), (group + 1) * (O // groups), width):
            n = min(width, (group + 1) * (O // groups) - first)
            taps = panel * depth * width
            product(y, start * OW * O + first, O, x, group * (C // groups), cells, runs, span, 1, w, taps, width, n, True)
            panel += 1


def conv2d_forward(g: Conv2dGeometry, x: Array, w: Array, b: Array | None) -> Array:
    y = np.empty(g.out_shape, x.dtype)
    b = np.zeros(g.out_channels, x.dtype) if b is None else b
    rows, padded = g.batch * g.out_h, padded_images(g, x)
    if _is_depthwise(g):
        y[...] = b
        run(_depthwise_forward_rows, rows, chunk_size(rows, g.macs), y.ravel(), padded, w.ravel(), sizes_of(g))
    else:
        runs, span = runs_of_taps(g)
        run(_forward_rows, rows, chunk_size(rows, g.macs), y.ravel(), padded, packed_kernel(g, w), b, sizes_of(g), runs, span)
    return y


# ---------------------------------------------------------------------------------------------------- gradient of the input
def conv2d_backward_input(g: Conv2dGeometry, dy: Array, w: Array) -> Array:
    turned = None if _is_depthwise(g) else _turned(g)
    if turned:
        by_group = w[::-1, ::-1].reshape(*w.shape[:3], g.groups, -1)  # (KH, KW, C / groups, groups, O / groups)
        return conv2d_forward(turned, dy, np.ascontiguousarray(by_group.transpose(0, 1, 4, 3, 2)).reshape(turned.kernel_shape), None)
    dx = np.empty(g.in_shape, dy.dtype)
    rows = g.batch * g.in_h
    size, place = chunk_size(rows, g.macs), (g.pad_top, g.pad_left, g.in_h, g.in_w)
    if _is_depthwise(g):
        run(_depthwise_backward_input_rows, rows, size, dx.ravel(), dy.ravel(), w.ravel(), sizes_of(g), *place)
    else:
        taps = g.kernel_h * g.kernel_w
        by_tap = w.reshape(taps, -1, g.groups, g.out_channels // g.groups).transpose(3, 0, 2, 1)  # (O / groups, taps, groups, C / groups)
        wt = packed(np.ascontiguousarray(by_tap).reshape(len(by_tap), -1), taps * g.groups)
        run(_backward_input_rows, rows, size, dx.ravel(), dy.ravel(), wt, sizes_of(g), *place)
    return dx


def _turned(g: Conv2dGeometry) -> Conv2dGeometry | None:
    """The convolution that takes dy to dx, or None if there is none: strides spread dy out, and too much padding cuts it off."""
    bottom, right = (g.kernel_h - 1) * g.dilation_h, (g.kernel_w - 1) * g.dilation_w
    pads = bottom - g.pad_top, bottom - g.pad_bottom, right - g.pad_left, right - g.pad_right
    if g.stride_h != 1 or g.stride_w != 1 or min(pads) < 0:
        return None
    return replace(
        g, in_h=g.out_h, in_w=g.out_w, in_channels=g.out_channels, out_h=g.in_h, out_w=g.in_w, out_channels=g.in_channels,
        pad_top=pads[0], pad_bottom=pads[1], pad_left=pads[2], pad_right=pads[3],
    )  # fmt: skip


@jit
def _backward_input_rows(dx, dy, wt, sizes, pad_top, pad_left, in_h, in_w, start, stop):
    """Rows start <= n * H + h < stop of dx (N*H, W, C); wt has panels of (O / groups, C / groups) for each tap and group."""
    _, padded_w, C, OH, OW, O, KH, KW, s_h, s_w, d_h, d_w, groups = sizes
    width, depth, columns = panel_width(dx), O // groups, C // groups
    cells, one_run, panels = np.arange(OW) * O, np.zeros(1, np.intp), -(-columns // width)
    dpadded = np.empty(padded_w * C, dx.dtype)  # one row, padding included
    for row in range(start, stop):
        n, h = row // in_h, row % in_h + pad_top
        dpadded[:] = 0
        for u in range(KH):
            i = (h - u * d_h) // s_h
            if i * s_h != h - u * d_h or i < 0 or i >= OH:
                continue
            for index in range(KW * groups * panels):
                v, group, first = index // panels // groups, index // panels % groups, index % panels * width
                product(
                    dpadded, v * d_w * C + group * columns + first, s_w * C,
                    dy, (n * OH + i) * OW * O + group * depth, cells, one_run, depth, 1,
                    wt, (u * KW * groups * panels + index) * depth * width, width,
                    min(width, columns - first), True,
                )  # fmt: skip
        for i in range(in_w * C):
            dx[U(row * in_w * C + i)] = dpadded[U(pad_left * C + i)]


# ---------------------------------------------------------------------------------------------------- gradient of the kernel
#: Rows of dw, each a cell that an output cell sees, of one item of work: all images pass by them, so many output cells at a time.
ROWS_PER_BLOCK = 48
CELLS_PER_PART = 256


@jit
def _backward_kernel_blocks(dw, x, dy, sizes, cells, runs, start, stop):
    """Blocks of rows of dw (KH*KW*C / groups, O), one panel of columns each: sums over all images, so nothing is left to reduce."""
    _, _, C, _, OW, O, _, _, _, s_w, _, _, groups = sizes
    width, blocks, columns = panel_width(dw), -(-cells.size // ROWS_PER_BLOCK), O // groups
    panels, part = -(-columns // width), max(1, CELLS_PER_PART // OW)
    for index in range(start, stop):
        panel, block = index // blocks, index % blocks * ROWS_PER_BLOCK
        group, first = panel // panels, panel % panels * width
        for row in range(0, runs.size, part):
            product(
                dw, block * O + group * columns + first, O,
                x, group * (C // groups), cells[block : block + ROWS_PER_BLOCK], runs[row : row + part], OW, s_w * C,
                dy, (panel * runs.size + row) * OW * width, width,
                min(width, columns - first), row > 0,
            )  # fmt: skip


@placing
def conv2d_backward_kernel(g: Conv2dGeometry, x: Array, dy: Array) -> Array:
    dw, padded, sizes = np.zeros(g.kernel_shape, x.dtype), padded_images(g, x), sizes_of(g)
    if _is_depthwise(g):
        run(_depthwise_backward_kernel_taps, g.kernel_h * g.kernel_w, 1, dw.ravel(), padded, dy.ravel(), g.batch, sizes)
        return dw
    taps, span = runs_of_taps(g)
    cells = np.add.outer(taps, np.arange(span)).ravel()
    padded_h, row = g.in_h + g.pad_top + g.pad_bottom, (g.in_w + g.pad_left + g.pad_right) * g.in_channels
    runs = np.add.outer(np.arange(g.batch) * padded_h * row, np.arange(g.out_h) * g.stride_h * row).ravel()
    blocks = -(-len(cells) // ROWS_PER_BLOCK) * g.groups * -(-(g.out_channels // g.groups) // panel_width(dw))
    dy = packed(dy.reshape(-1, g.out_channels), g.groups)
    run(_backward_kernel_blocks, blocks, chunk_size(blocks, g.macs), dw.ravel(), padded, dy, sizes, cells, runs)
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
        for i in range(in_w * C):
            dx[U(row * in_w * C + i)] = dpadded[U(pad_left * C + i)]


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
