"""Windows of images: as columns and back, and pooling into a given number of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd.tensor import Tensor, apply
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.geometry import Padding, conv2d_geometry, normalize_pair, normalize_sizes
from tinycnn.ops import math
from tinycnn.ops.array import get_item, moveaxis, pad, reshape, transpose
from tinycnn.ops.convert import TensorLike, convert_to_tensor, floats
from tinycnn.rules.interpolation import Interpolate
from tinycnn.rules.shaping import Scatter

__all__ = ["adaptive_average_pool", "adaptive_max_pool", "fold", "unfold"]

Size = int | Sequence[int]
DataFormat = Literal["channels_last", "channels_first"]


@dataclass(frozen=True, slots=True)
class Windows:
    """Which cells the windows of an image hold: rows (I, KH) and columns (J, KW) of the image with its padding around it."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    #: Cells of padding (above, below), (left, right).
    edges: tuple[tuple[int, int], tuple[int, int]]

    @classmethod
    def of(cls, size: Sequence[int], kernel_size: Size, strides: Size, padding: Padding, dilation_rate: Size) -> Windows:
        """Those that a convolution over images of this (height, width) has."""
        kernel = normalize_pair(kernel_size, "kernel_size")
        g = conv2d_geometry((1, *size, 1), (*kernel, 1, 1), strides=strides, padding=padding, dilation_rate=dilation_rate)
        rows = np.arange(g.out_h)[:, None] * g.stride_h + np.arange(g.kernel_h) * g.dilation_h
        columns = np.arange(g.out_w)[:, None] * g.stride_w + np.arange(g.kernel_w) * g.dilation_w
        return cls(rows, columns, ((g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right)))

    @property
    def index(self) -> tuple[Any, ...]:
        """Of the last two axes: x[index] is (..., I, KH, J, KW)."""
        return ..., self.rows[:, :, None, None], self.columns

    @property
    def cells(self) -> int:
        """The cells of one window."""
        return int(self.rows.shape[1] * self.columns.shape[1])

    @property
    def count(self) -> int:
        """The number of windows."""
        return len(self.rows) * len(self.columns)

    def take(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, I, KH, J, KW)"""
        return get_item(pad(x, ((0, 0), (0, 0), *self.edges)), self.index)


def unfold(x: TensorLike, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Tensor:
    """The windows of images as columns: (N, C, H, W) -> (N, C * KH * KW, windows).

    Args:
        kernel_size, dilation, stride: ints >= 1, one for both axes or (rows, columns).
        padding: zeros on all sides, ints >= 0.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    x = convert_to_tensor(x)
    if x.ndim != 4:
        raise ShapeError(f"x must have shape (batch, channels, height, width), got {x.shape}")
    windows = Windows.of(x.shape[2:], kernel_size, stride, normalize_pair(padding, "padding", minimum=0), dilation)
    columns = transpose(windows.take(x), (0, 1, 3, 5, 2, 4))
    return reshape(columns, (x.shape[0], x.shape[1] * windows.cells, windows.count))


def fold(x: TensorLike, output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Tensor:
    """The transpose of `unfold`: columns (N, C * KH * KW, windows) laid into images (N, C, *output_size), and added where they overlap."""
    x, (height, width) = convert_to_tensor(x), normalize_pair(output_size, "output_size")
    windows = Windows.of((height, width), kernel_size, stride, normalize_pair(padding, "padding", minimum=0), dilation)
    if x.ndim != 3 or x.shape[1] % windows.cells or x.shape[2] != windows.count:
        raise ShapeError(f"x must have shape (batch, channels * {windows.cells}, {windows.count}), got {x.shape}")
    (above, below), (left, right) = windows.edges
    n, channels = x.shape[0], x.shape[1] // windows.cells
    (i, kh), (j, kw) = windows.rows.shape, windows.columns.shape
    cells = transpose(reshape(x, (n, channels, kh, kw, i, j)), (0, 1, 4, 2, 5, 3))
    laid = apply(Scatter, cells, shape=(n, channels, above + height + below, left + width + right), index=windows.index)
    return get_item(laid, (..., slice(above, above + height), slice(left, left + width)))


# ---- pooling into a number of windows
def adaptive_average_pool(inputs: TensorLike, output_size: Size, data_format: DataFormat | None = None) -> Tensor:
    """The means of `output_size` windows of nearly the same size, which together cover the inputs; they may overlap by a cell.

    Window i of n over a line of L cells goes from floor(i * L / n) to ceil((i + 1) * L / n).

    Args:
        inputs: (N, L, C) or (N, H, W, C); channels before L or H if "channels_first".
        output_size: int, or one for each axis of a line or an image.
        data_format: "channels_last" (default) or "channels_first".

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def mean(x: Tensor, taps: NDArray[np.intp], sizes: NDArray[np.intp], axis: int) -> Tensor:
        weights = (np.arange(len(taps))[:, None] < sizes) / sizes
        return apply(Interpolate, x, taps=taps, weights=weights, axis=axis)

    return _adaptive(mean, inputs, output_size, data_format)


def adaptive_max_pool(inputs: TensorLike, output_size: Size, data_format: DataFormat | None = None) -> Tensor:
    """The largest cells of windows as in `adaptive_average_pool`; equal cells share the gradient."""

    def largest(x: Tensor, taps: NDArray[np.intp], sizes: NDArray[np.intp], axis: int) -> Tensor:
        return math.max(get_item(x, (*[slice(None)] * axis, taps)), axis=axis)

    return _adaptive(largest, inputs, output_size, data_format)


def _adaptive(pool: Callable[..., Tensor], inputs: TensorLike, output_size: Size, data_format: str | None) -> Tensor:
    """`pool` along each axis: windows are rectangles, so one axis may come after the other."""
    if data_format not in (None, "channels_last", "channels_first"):
        raise ArgumentError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")
    (x,) = floats(inputs)
    if x.ndim not in (3, 4) or 0 in x.shape[1:]:
        raise ShapeError(f"inputs must have shape (batch, length, channels) or (batch, height, width, channels), got {x.shape}")
    first = 2 if data_format == "channels_first" else 1
    for axis, count in enumerate(normalize_sizes(output_size, "output_size", x.ndim - 2), first):
        x = pool(x, *adaptive_windows(x.shape[axis], count), axis)
    return x


def adaptive_windows(length: int, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(the cells of `count` windows over a line, (largest window, windows), the last cell repeated where one is shorter; their sizes)."""
    starts = np.arange(count) * length // count
    ends = -(-np.arange(1, count + 1) * length // count)
    sizes = ends - starts
    return np.minimum(starts + np.arange(sizes.max())[:, None], ends - 1), sizes


def patches(images: Tensor, size: Size, strides: Size | None, dilation_rate: Size, padding: Padding) -> Tensor:
    """(N, H, W, C) -> (N, I, J, KH * KW * C): the windows of images, each as one line."""
    windows = Windows.of(images.shape[1:3], size, size if strides is None else strides, padding, dilation_rate)
    found = transpose(windows.take(moveaxis(images, -1, 1)), (0, 2, 4, 3, 5, 1))
    return reshape(found, (len(images), len(windows.rows), len(windows.columns), windows.cells * images.shape[-1]))
