"""What the kernels are measured against: a convolution as one writes it first in NumPy, and as one writes it for speed.

`naive_*` are loops over output positions, one small product each. `im2col_*` lay the cells that each output position sees out as the rows
of a matrix and leave the product to BLAS (Chellapilla et al. 2006, "High performance convolutional neural networks for document
processing"). Groups are not supported; everything else of `Conv2dGeometry` is. float32 or float64, NHWC.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.geometry import Conv2dGeometry

Array = NDArray[Any]


def pad(g: Conv2dGeometry, x: Array) -> Array:
    return np.pad(x, ((0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right), (0, 0)))


def unpad(g: Conv2dGeometry, x: Array) -> Array:
    return x[:, g.pad_top : g.pad_top + g.in_h, g.pad_left : g.pad_left + g.in_w]


def windows(g: Conv2dGeometry, padded: Array) -> Iterator[tuple[tuple[int, int, int], Array]]:
    """((n, i, j), the view (KH, KW, C) of the cells that this output position sees)."""
    for n, i, j in np.ndindex(g.batch, g.out_h, g.out_w):
        top, left = i * g.stride_h, j * g.stride_w
        rows = slice(top, top + g.kernel_h * g.dilation_h, g.dilation_h)
        columns = slice(left, left + g.kernel_w * g.dilation_w, g.dilation_w)
        yield (n, i, j), padded[n, rows, columns]


# ---------------------------------------------------------------------------------------------------- naive loops
def naive_forward(g: Conv2dGeometry, x: Array, w: Array, b: Array) -> Array:
    y = np.empty(g.out_shape, x.dtype)
    for position, cells in windows(g, pad(g, x)):
        y[position] = np.tensordot(cells, w, 3) + b
    return y


def naive_backward_input(g: Conv2dGeometry, dy: Array, w: Array) -> Array:
    dpadded = pad(g, np.zeros(g.in_shape, dy.dtype))
    for position, cells in windows(g, dpadded):
        cells += w @ dy[position]
    return unpad(g, dpadded)


def naive_backward_kernel(g: Conv2dGeometry, x: Array, dy: Array) -> Array:
    dw = np.zeros(g.kernel_shape, x.dtype)
    for position, cells in windows(g, pad(g, x)):
        dw += cells[..., None] * dy[position]
    return dw


# ---------------------------------------------------------------------------------------------------- im2col + BLAS
def im2col(g: Conv2dGeometry, x: Array) -> Array:
    """(N, H, W, C) -> (N*OH*OW, KH*KW*C)"""
    extent = ((g.kernel_h - 1) * g.dilation_h + 1, (g.kernel_w - 1) * g.dilation_w + 1)
    cells = np.lib.stride_tricks.sliding_window_view(pad(g, x), extent, (1, 2))  # (N, positions, C, extent)
    cells = cells[:, :: g.stride_h, :: g.stride_w, :, :: g.dilation_h, :: g.dilation_w][:, : g.out_h, : g.out_w]
    return cells.transpose(0, 1, 2, 4, 5, 3).reshape(g.batch * g.out_h * g.out_w, -1)


def col2im(g: Conv2dGeometry, columns: Array) -> Array:
    """The transpose of `im2col`: every row is added to the cells it was read from."""
    dpadded = pad(g, np.zeros(g.in_shape, columns.dtype))
    taps = columns.reshape(*g.out_shape[:3], g.kernel_h, g.kernel_w, g.in_channels)
    for u, v in np.ndindex(g.kernel_h, g.kernel_w):
        top, left = u * g.dilation_h, v * g.dilation_w
        rows = slice(top, top + g.out_h * g.stride_h, g.stride_h)
        dpadded[:, rows, left : left + g.out_w * g.stride_w : g.stride_w] += taps[..., u, v, :]
    return unpad(g, dpadded)


def im2col_forward(g: Conv2dGeometry, x: Array, w: Array, b: Array) -> Array:
    return (im2col(g, x) @ w.reshape(-1, g.out_channels) + b).reshape(g.out_shape)


def im2col_backward_input(g: Conv2dGeometry, dy: Array, w: Array) -> Array:
    return col2im(g, dy.reshape(-1, g.out_channels) @ w.reshape(-1, g.out_channels).T)


def im2col_backward_kernel(g: Conv2dGeometry, x: Array, dy: Array) -> Array:
    return (im2col(g, x).T @ dy.reshape(-1, g.out_channels)).reshape(g.kernel_shape)
