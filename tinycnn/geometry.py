"""Every output-size and padding formula, and every shape check of convolution and pooling.

A geometry is made once, by `conv2d_geometry` or `pool2d_geometry`, from what the user gave; rules, layers, ``summary()`` and
all backends read the same frozen object, so no formula stands twice. Activations are (N, H, W, C), kernels (KH, KW, C // groups, O).

The formulas are TensorFlow's and Keras's (https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2)::

    extent = (k - 1) * dilation + 1
    'valid':   out = floor((n - extent) / stride) + 1
    'same':    out = ceil(n / stride);  pad = max(0, (out - 1) * stride + extent - n), the odd cell at the bottom / right
    explicit:  out = floor((n + before + after - extent) / stride) + 1
"""

from __future__ import annotations

import functools
import operator
import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, cast

from tinycnn.errors import ArgumentError, DTypeError, ShapeError

__all__ = [
    "Conv2dGeometry",
    "ConvPool2dGeometry",
    "ConvTranspose2dGeometry",
    "Padding",
    "Pool2dGeometry",
    "conv2d_geometry",
    "conv_pool2d_geometry",
    "conv_transpose2d_geometry",
    "image_pair",
    "normalize_edges",
    "normalize_padding",
    "normalize_pair",
    "normalize_sizes",
    "pool2d_geometry",
]

Padding: TypeAlias = Literal["same", "valid"] | int | Sequence[int] | Sequence[Sequence[int]]
Pair: TypeAlias = tuple[int, int]

#: No tensor may hold more elements than this: byte sizes then stay far below 2**63 in any product the kernels form.
MAX_ELEMENTS = 2**48
#: No stride, window or number of padding cells may be larger: products of two stay below 2**63, too.
MAX_SIZE = 2**31 - 1


class _Packed:
    """Base of the geometries that C reads."""

    @functools.cached_property
    def packed(self) -> bytes:
        """The fields as int64, one after another."""
        values = [getattr(self, field.name) for field in fields(cast("Any", self))]
        return struct.pack(f"={len(values)}q", *values)


@dataclass(frozen=True)
class Conv2dGeometry(_Packed):
    """One 2-D convolution, normalised. Sizes are counts of cells; `pad_*` are the zero rows / columns around the input."""

    batch: int
    in_h: int
    in_w: int
    in_channels: int
    out_h: int
    out_w: int
    out_channels: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_bottom: int
    pad_left: int
    pad_right: int
    groups: int

    @functools.cached_property
    def in_shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, C)"""
        return self.batch, self.in_h, self.in_w, self.in_channels

    @functools.cached_property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """(KH, KW, C // groups, O)"""
        return self.kernel_h, self.kernel_w, self.in_channels // self.groups, self.out_channels

    @functools.cached_property
    def out_shape(self) -> tuple[int, int, int, int]:
        """(N, OH, OW, O)"""
        return self.batch, self.out_h, self.out_w, self.out_channels

    @property
    def macs(self) -> int:
        """Multiply-adds of one dense forward pass (padding counted as work)."""
        return self.batch * self.out_h * self.out_w * self.out_channels * (self.in_channels // self.groups) * self.kernel_h * self.kernel_w


@dataclass(frozen=True)
class Pool2dGeometry(_Packed):
    """One 2-D pooling, normalised. Padding cells are never read: max ignores them, average divides by the valid cells only."""

    batch: int
    in_h: int
    in_w: int
    channels: int
    out_h: int
    out_w: int
    window_h: int
    window_w: int
    stride_h: int
    stride_w: int
    pad_top: int
    pad_bottom: int
    pad_left: int
    pad_right: int

    @functools.cached_property
    def in_shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, C)"""
        return self.batch, self.in_h, self.in_w, self.channels

    @functools.cached_property
    def out_shape(self) -> tuple[int, int, int, int]:
        """(N, OH, OW, C)"""
        return self.batch, self.out_h, self.out_w, self.channels


@dataclass(frozen=True)
class ConvPool2dGeometry:
    """A convolution whose result goes through a 2x2 pooling of stride 2, as one step. Padding of the pooling is at the bottom / right."""

    conv: Conv2dGeometry
    pool: Pool2dGeometry

    @functools.cached_property
    def out_shape(self) -> tuple[int, int, int, int]:
        """(N, PH, PW, O)"""
        return self.pool.out_shape


@dataclass(frozen=True, slots=True)
class ConvTranspose2dGeometry:
    """A transposed convolution: the gradient by the input of `conv`, whose output it takes and whose input it gives."""

    conv: Conv2dGeometry

    @property
    def out_shape(self) -> tuple[int, int, int, int]:
        """(N, OH, OW, O)"""
        return self.conv.in_shape


def normalize_sizes(value: int | Sequence[int], name: str, rank: int, *, minimum: int = 1) -> tuple[int, ...]:
    """`value` as `rank` ints >= `minimum`, one an axis; an int stands for all axes. Raises ArgumentError / DTypeError naming `name`."""
    wanted = "an int" if rank == 1 else "an int or a pair of ints"
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        items = (value,) if hasattr(value, "__index__") else tuple(value)
        sizes = tuple(operator.index(v) for v in items)
    except TypeError:
        raise DTypeError(f"{name} must be {wanted}, got {value!r}") from None
    if len(sizes) == 1:
        sizes *= rank
    if len(sizes) != rank or min(sizes) < minimum:
        raise ArgumentError(f"{name} must be {wanted} >= {minimum}, got {value!r}")
    if max(sizes) > MAX_SIZE:
        raise ArgumentError(f"{name} must be at most 2**31 - 1, got {value!r}")
    return sizes


def normalize_pair(value: int | Sequence[int], name: str, *, minimum: int = 1) -> Pair:
    """`normalize_sizes` for the two axes of an image."""
    height, width = normalize_sizes(value, name, 2, minimum=minimum)
    return height, width


def image_pair(sizes: Sequence[int], fill: int = 1) -> Pair:
    """One size an axis as a pair: a line is computed as an image of height 1, along which its sizes are `fill`."""
    height, width = (fill, *sizes)[-2:]
    return height, width


def normalize_padding(padding: Padding) -> Literal["same", "valid"] | tuple[Pair, Pair]:
    """'same', 'valid' (any case), or ((top, bottom), (left, right)) from p, (p_h, p_w) or the full form."""
    if isinstance(padding, str):
        lowered = padding.lower()
        if lowered not in ("same", "valid"):
            raise ArgumentError(f"padding must be 'same', 'valid' or explicit ints, got {padding!r}")
        return lowered  # type: ignore[return-value]
    return normalize_edges(padding, "padding")


def normalize_edges(cells: int | Sequence[int] | Sequence[Sequence[int]], name: str) -> tuple[Pair, Pair]:
    """((top, bottom), (left, right)) from n, (n_h, n_w) or the full form."""
    if hasattr(cells, "__index__") or not hasattr(cells, "__len__"):
        rows = columns = normalize_pair(cells, name, minimum=0)  # type: ignore[arg-type]
    elif len(cells) == 2 and all(hasattr(c, "__len__") for c in cells):
        rows, columns = (normalize_pair(c, name, minimum=0) for c in cells)
    else:
        n_h, n_w = normalize_pair(cells, name, minimum=0)  # type: ignore[arg-type]
        rows, columns = (n_h, n_h), (n_w, n_w)
    return rows, columns


def _span(n: int, extent: int, stride: int, padding: str | Pair, axis: str, what: str) -> tuple[int, int, int]:
    """(out, before, after) along one axis; see the formulas at the top of the file."""
    if padding == "same":
        out = -(-n // stride)
        total = max(0, (out - 1) * stride + extent - n)
        return out, total // 2, total - total // 2
    before, after = (0, 0) if isinstance(padding, str) else padding
    room = n + before + after - extent
    if n and room < 0:
        raise ShapeError(
            f"{what} spans {extent} cells along the {axis}, but the input has only {n + before + after} there (padding included); "
            f"use padding='same' or a smaller {what}"
        )
    return max(0, room // stride + 1) if n else 0, before, after


def _check_shape(shape: Sequence[int], rank: int, name: str, layout: str) -> tuple[int, ...]:
    shape = tuple(shape)
    if len(shape) != rank:
        raise ShapeError(f"{name} must have {rank} dimensions {layout}, got shape {shape}")
    if min(shape) < 0 or _product(shape) > MAX_ELEMENTS:
        raise ShapeError(f"{name} has an impossible shape {shape}")
    return shape


def _product(shape: Sequence[int]) -> int:
    total = 1
    for n in shape:
        total *= max(n, 1)
    return total


def conv2d_geometry(
    x_shape: Sequence[int],
    kernel_shape: Sequence[int],
    *,
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation_rate: int | Sequence[int] = 1,
    groups: int | None = None,
) -> Conv2dGeometry:
    """The geometry of a 2-D convolution.

    Args:
        x_shape: (N, H, W, C).
        kernel_shape: (KH, KW, C // groups, O).
        strides, dilation_rate: int or pair (height, width), >= 1.
        padding: 'same', 'valid', p, (p_h, p_w) or ((top, bottom), (left, right)).
        groups: number of channel groups; None takes it from the shapes, C // kernel_shape[2].

    Raises:
        ShapeError, ArgumentError, DTypeError: naming the argument, what came and what was expected.
    """
    n, h, w, c = _check_shape(x_shape, 4, "inputs", "(batch, height, width, channels)")
    kh, kw, kc, o = _check_shape(kernel_shape, 4, "kernel", "(height, width, in_channels / groups, out_channels)")
    s_h, s_w = normalize_pair(strides, "strides")
    d_h, d_w = normalize_pair(dilation_rate, "dilation_rate")
    if min(kh, kw, kc, o) < 1:
        raise ShapeError(f"kernel must have at least one cell along every axis, got shape {(kh, kw, kc, o)}")
    if c % kc or c == 0:
        raise ShapeError(
            f"inputs have {c} channels, but the kernel of shape {(kh, kw, kc, o)} expects {kc} (or a multiple of it, as groups)"
        )
    if groups is None:
        groups = c // kc
    if groups < 1 or c != kc * groups:
        raise ShapeError(
            f"inputs have {c} channels, but the kernel of shape {(kh, kw, kc, o)} with groups={groups} expects {kc * max(groups, 1)}"
        )
    if o % groups:
        raise ShapeError(f"the kernel has {o} output channels, which {groups} groups do not divide")
    pads = normalize_padding(padding)
    rows, columns = (pads, pads) if isinstance(pads, str) else pads
    out_h, top, bottom = _span(h, (kh - 1) * d_h + 1, s_h, rows, "height", "kernel")
    out_w, left, right = _span(w, (kw - 1) * d_w + 1, s_w, columns, "width", "kernel")
    _check_shape((n, out_h, out_w, o), 4, "output", "")
    _check_shape((n, h + top + bottom, w + left + right, max(c, o)), 4, "padded inputs", "")  # with o for the gradient of the inputs
    return Conv2dGeometry(n, h, w, c, out_h, out_w, o, kh, kw, s_h, s_w, d_h, d_w, top, bottom, left, right, groups)


def pool2d_geometry(
    x_shape: Sequence[int],
    *,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
) -> Pool2dGeometry:
    """The geometry of a 2-D pooling over x_shape (N, H, W, C); `strides` defaults to `pool_size`. Raises like `conv2d_geometry`."""
    n, h, w, c = _check_shape(x_shape, 4, "inputs", "(batch, height, width, channels)")
    k_h, k_w = normalize_pair(pool_size, "pool_size")
    s_h, s_w = (k_h, k_w) if strides is None else normalize_pair(strides, "strides")
    pads = normalize_padding(padding)
    rows, columns = (pads, pads) if isinstance(pads, str) else pads
    out_h, top, bottom = _span(h, k_h, s_h, rows, "height", "pool_size")
    out_w, left, right = _span(w, k_w, s_w, columns, "width", "pool_size")
    if max(top, bottom) >= k_h or max(left, right) >= k_w:
        raise ArgumentError(
            f"padding must be smaller than pool_size {(k_h, k_w)}, else a window would hold no input at all; got {padding!r}"
        )
    return Pool2dGeometry(n, h, w, c, out_h, out_w, k_h, k_w, s_h, s_w, top, bottom, left, right)


def conv_pool2d_geometry(
    x_shape: Sequence[int],
    kernel_shape: Sequence[int],
    *,
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation_rate: int | Sequence[int] = 1,
    groups: int | None = None,
    pool_padding: Literal["same", "valid"] = "valid",
) -> ConvPool2dGeometry:
    """`conv2d_geometry`, with a 2x2 pooling of stride 2 behind it. Raises like `conv2d_geometry`, also for `pool_padding`."""
    if pool_padding not in ("same", "valid"):
        raise ArgumentError(f"pool_padding must be 'same' or 'valid', got {pool_padding!r}")
    conv = conv2d_geometry(x_shape, kernel_shape, strides=strides, padding=padding, dilation_rate=dilation_rate, groups=groups)
    return ConvPool2dGeometry(conv, pool2d_geometry(conv.out_shape, pool_size=2, padding=pool_padding))


def conv_transpose2d_geometry(
    x_shape: Sequence[int],
    kernel_shape: Sequence[int],
    *,
    strides: int | Sequence[int] = 1,
    padding: Literal["same", "valid"] = "valid",
    output_padding: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> ConvTranspose2dGeometry:
    """The geometry of a transposed 2-D convolution, with Keras's output sizes.

    Along each axis, with extent = (k - 1) * dilation + 1::

        'valid':  out = (n - 1) * stride + max(extent, stride), or (n - 1) * stride + extent + output_padding
        'same':   out = n * stride, or (n - 1) * stride + extent % 2 + output_padding

    Args:
        x_shape: (N, H, W, C).
        kernel_shape: (KH, KW, O, C).
        strides, dilation_rate: int or pair (height, width), >= 1.
        padding: 'same' or 'valid'.
        output_padding: int or pair, >= 0 and less than the stride; None for the first of the sizes above.

    Raises:
        ShapeError, ArgumentError, DTypeError: naming the argument, what came and what was expected.
    """
    n, h, w, c = _check_shape(x_shape, 4, "inputs", "(batch, height, width, channels)")
    kh, kw, o, kc = _check_shape(kernel_shape, 4, "kernel", "(height, width, out_channels, in_channels)")
    s_h, s_w = normalize_pair(strides, "strides")
    d_h, d_w = normalize_pair(dilation_rate, "dilation_rate")
    more = (None, None) if output_padding is None else normalize_pair(output_padding, "output_padding", minimum=0)
    if padding not in ("same", "valid"):
        raise ArgumentError(f"padding must be 'same' or 'valid', got {padding!r}")
    if min(kh, kw, kc, o) < 1:
        raise ShapeError(f"kernel must have at least one cell along every axis, got shape {(kh, kw, o, kc)}")
    if c != kc:
        raise ShapeError(f"inputs have {c} channels, but the kernel of shape {(kh, kw, o, kc)} expects {kc}")
    out_h, top, bottom = _transposed_span(h, (kh - 1) * d_h + 1, s_h, padding, more[0], "height")
    out_w, left, right = _transposed_span(w, (kw - 1) * d_w + 1, s_w, padding, more[1], "width")
    _check_shape((n, out_h, out_w, o), 4, "output", "")
    _check_shape((n, out_h + top + bottom, out_w + left + right, max(o, c)), 4, "padded output", "")
    return ConvTranspose2dGeometry(
        Conv2dGeometry(n, out_h, out_w, o, h, w, c, kh, kw, s_h, s_w, d_h, d_w, top, bottom, left, right, groups=1)
    )


def _transposed_span(n: int, extent: int, stride: int, padding: str, more: int | None, axis: str) -> tuple[int, int, int]:
    """(out, before, after) along one axis, the latter two being the padding of the convolution that this is the transpose of."""
    if more is not None and more >= stride:
        raise ArgumentError(f"output_padding must be less than strides along each axis, got {more} for {stride} along the {axis}")
    if padding == "valid":
        before = 0
        out = (n - 1) * stride + (max(extent, stride) if more is None else extent + more)
    else:
        total = (stride if more is None else extent % 2 + more) + extent - 2  # around inputs that lie `stride` apart
        before = extent - 1 - min(-(-total // 2), extent - 1)
        out = n * stride if more is None else (n - 1) * stride + extent % 2 + more
    if n and out < 1:
        raise ShapeError(f"a transposed convolution of {n} cells along the {axis} with these arguments has no output")
    return (out, before, max(0, (n - 1) * stride + extent - out - before)) if n else (0, 0, 0)
