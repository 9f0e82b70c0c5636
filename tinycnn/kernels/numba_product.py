"""Matrix product in Numba: `product`, the loop under every dense kernel, and `matmul`, the plainest use of it.

    y[r, o] (+)= sum_k a[r, k] * b[k, o]

A tile of 6 rows by 2 vectors of y stays in registers while k runs: 2 loads and 6 broadcasts for 12 multiply-adds. The rows of `a` may
begin anywhere, and k walks through *runs* that all rows share, so a convolution is such a product on the image as it lies: its rows are
output cells, its runs the rows of kernel taps. `b` is packed: panels of as many columns as a tile has, each one stretch of memory.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return"
# Numba infers the types of what it compiles.

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from tinycnn.kernels.numba_pool import chunk_size, jit, run
from tinycnn.kernels.numba_simd import aligned_empty, lanes, load, multiply_add, store, zeros
from tinycnn.kernels.operands import placing

__all__ = ["matmul", "packed", "panel_width", "product"]

Array: TypeAlias = NDArray[Any]
U = np.uintp  # an unsigned index cannot wrap around, which saves a test

TILE_ROWS = 6


@register_jitable
def panel_width(array):
    """Columns of a tile, and of a panel of b."""
    return 2 * lanes(array)


@jit
def product(y, y0, y_row, a, a0, a_rows, runs, length, step, b, b0, b_row, columns, accumulate):
    """One panel: y[y0 + r * y_row + o], for each r that a_rows has an offset of and each o < columns, at most `panel_width`.

    k goes through a[a0 + a_rows[r] + begin of run + i * step], i < length, for each run; row k of b is at b0 + k * b_row, and is read to
    the panel's full width. The rows that the last tile has too many are its last row once more.
    """
    width, last = panel_width(y), a_rows.size - 1
    edge = np.empty(TILE_ROWS * width if columns < width else 0, y.dtype)  # stands in for y where that has not all columns of the panel
    to, to_row = (y, y_row) if columns == width else (edge, width)
    for first in range(0, last + 1, TILE_ROWS):
        r1, r2, r3, r4, r5 = (min(first + 1, last), min(first + 2, last), min(first + 3, last), min(first + 4, last), min(first + 5, last))
        starts = a0 + a_rows[first], a0 + a_rows[r1], a0 + a_rows[r2], a0 + a_rows[r3], a0 + a_rows[r4], a0 + a_rows[r5]
        at = y0 + first * y_row if columns == width else 0
        if accumulate and columns < width:
            for r in range(min(TILE_ROWS, last + 1 - first)):
                for o in range(columns):
                    edge[r * width + o] = y[y0 + (first + r) * y_row + o]
        p1, p2, p3, p4, p5 = r1 - first, r2 - first, r3 - first, r4 - first, r5 - first
        ends = at, at + p1 * to_row, at + p2 * to_row, at + p3 * to_row, at + p4 * to_row, at + p5 * to_row
        _tile(to, ends, a, starts, runs, length, step, b, b0, b_row, accumulate)
        if columns < width:
            for r in range(min(TILE_ROWS, last + 1 - first)):
                for o in range(columns):
                    y[y0 + (first + r) * y_row + o] = edge[r * width + o]


@jit
def _tile(y, y_rows, a, a_rows, runs, length, step, b, q, b_row, accumulate):
    """6 rows of `product`, by where they begin in y and a."""
    p0, p1, p2, p3, p4, p5 = a_rows
    y_0, y_1, y_2, y_3, y_4, y_5 = y_rows
    sums = zeros(y, 12)
    if accumulate:
        sums = load(sums, 0, 2, y, y_0)
        sums = load(sums, 2, 2, y, y_1)
        sums = load(sums, 4, 2, y, y_2)
        sums = load(sums, 6, 2, y, y_3)
        sums = load(sums, 8, 2, y, y_4)
        sums = load(sums, 10, 2, y, y_5)
    for begin in runs:
        i = begin
        for _ in range(length):
            sums = multiply_add(sums, 0, 2, b, q, a[U(p0 + i)])
            sums = multiply_add(sums, 2, 2, b, q, a[U(p1 + i)])
            sums = multiply_add(sums, 4, 2, b, q, a[U(p2 + i)])
            sums = multiply_add(sums, 6, 2, b, q, a[U(p3 + i)])
            sums = multiply_add(sums, 8, 2, b, q, a[U(p4 + i)])
            sums = multiply_add(sums, 10, 2, b, q, a[U(p5 + i)])
            i += step
            q += b_row
    store(sums, 0, 2, y, y_0)
    store(sums, 2, 2, y, y_1)
    store(sums, 4, 2, y, y_2)
    store(sums, 6, 2, y, y_3)
    store(sums, 8, 2, y, y_4)
    store(sums, 10, 2, y, y_5)


# ---------------------------------------------------------------------------------------------------- packing
@jit
def _pack_panels(panels, b, b_row, b_column, depth, columns, start, stop):
    """Panels of (depth, width), `columns` of b for each group of them; those beyond are zero."""
    width = panel_width(panels)
    of_group = -(-columns // width)
    for panel in range(start, stop):
        group, first = panel // of_group, panel % of_group * width
        n = min(width, columns - first)
        q = (group * columns + first) * b_column
        for k in range(depth):
            p = (panel * depth + k) * width
            for o in range(n):
                panels[U(p + o)] = b[U(q + o * b_column)]
            for o in range(n, width):
                panels[p + o] = 0
            q += b_row


def packed(b: Array, groups: int = 1) -> Array:
    """The panels of a matrix (depth, columns), flat; columns of different groups share no panel. b may be a transposed view."""
    depth, columns = b.shape
    panels = groups * -(-(columns // groups) // panel_width(b))
    result = aligned_empty((panels * depth * panel_width(b),), b.dtype)
    b_row, b_column = (columns, 1) if b.flags.c_contiguous else (1, depth)
    flat = b.ravel(order="K")
    run(_pack_panels, panels, chunk_size(panels, 8 * b.size), result, flat, b_row, b_column, depth, columns // groups)
    return result


# ---------------------------------------------------------------------------------------------------- matrix product
#: A block of rows meets one panel, and then the next: many enough to use it often, few enough to share the work.
ROWS_PER_BLOCK = 16 * TILE_ROWS


@jit
def _matmul_blocks(y, a, a_rows, step, b, depth, columns, start, stop):
    width, run_at = panel_width(y), np.zeros(1, np.intp)
    blocks = -(-a_rows.size // ROWS_PER_BLOCK)
    for index in range(start, stop):
        panel, first = index // blocks, index % blocks * ROWS_PER_BLOCK
        rows = a_rows[first : first + ROWS_PER_BLOCK]
        n = min(width, columns - panel * width)
        product(y, first * columns + panel * width, columns, a, 0, rows, run_at, depth, step, b, panel * depth * width, width, n, False)


@placing
def matmul(a: Array, b: Array, transpose_a: bool, transpose_b: bool) -> Array:
    b = b.T if transpose_b else b
    (depth, columns), rows = b.shape, a.shape[1 if transpose_a else 0]
    row, step = (1, rows) if transpose_a else (depth, 1)
    y = np.empty((rows, columns), a.dtype)
    blocks = -(-rows // ROWS_PER_BLOCK) * -(-columns // panel_width(b))
    size = chunk_size(blocks, rows * depth * columns)
    run(_matmul_blocks, blocks, size, y.ravel(), a.ravel(), np.arange(rows) * row, step, packed(b), depth, columns)
    return y
