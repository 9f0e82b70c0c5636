"""Convolution and pooling over images and lines, under the names and signatures of `keras.ops`.

Images are (N, H, W, C), their kernels (KH, KW, C, O); lines are (N, L, C), their kernels (K, C, O): a line is computed as an image of
height 1, which costs nothing. `data_format="channels_first"` is accepted and costs two transpositions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from tinycnn.autograd.tensor import Tensor, apply
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.geometry import Padding, image_pair, normalize_sizes
from tinycnn.ops import array
from tinycnn.ops.convert import TensorLike, convert_to_numpy, floats
from tinycnn.rules.convolution import Conv2d, ConvTranspose2d
from tinycnn.rules.pooling import AveragePool2d, MaxPool2d

__all__ = ["average_pool", "conv", "conv_transpose", "depthwise_conv", "max_pool", "separable_conv"]

Size = int | Sequence[int]
DataFormat = Literal["channels_last", "channels_first"] | None


def _check_data_format(data_format: DataFormat) -> bool:
    """Whether channels come first."""
    if data_format not in (None, "channels_last", "channels_first"):
        raise ArgumentError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")
    return data_format == "channels_first"


def _spatial(op: Any, data_format: DataFormat, inputs: Tensor, *others: Tensor, padding: Padding, **sizes: Any) -> Tensor:
    """Run a rule on (N, H, W, C), bringing `inputs` into that form and the result back; `others` are a kernel and a bias."""
    channels_first = _check_data_format(data_format)
    if inputs.ndim not in (3, 4):
        layout = "(batch, channels, height, width)" if channels_first else "(batch, height, width, channels)"
        raise ShapeError(f"inputs must have 4 dimensions {layout}, or 3 without the height, got shape {inputs.shape}")
    if others and others[0].ndim != inputs.ndim:
        raise ShapeError(f"kernel must have {inputs.ndim} dimensions for inputs of shape {inputs.shape}, got shape {others[0].shape}")
    x = array.moveaxis(inputs, 1, -1) if channels_first else inputs
    if inputs.ndim == 4:
        y = apply(op, x, *others, padding=padding, **sizes)
    else:
        kernel = [array.expand_dims(w, 0) for w in others[:1]]
        pads = padding if isinstance(padding, str) else ((0, 0), _line_padding(padding))
        pairs = {name: _line_size(name, size) for name, size in sizes.items()}
        y = array.squeeze(apply(op, array.expand_dims(x, 1), *kernel, *others[1:], padding=pads, **pairs), 1)
    return array.moveaxis(y, -1, 1) if channels_first else y


def _line_size(name: str, size: Size | None) -> tuple[int, int] | None:
    """A size along a line, as one of an image."""
    least = 0 if name == "output_padding" else 1
    return None if size is None else image_pair(normalize_sizes(size, name, 1, minimum=least), least)


def _line_padding(padding: Any) -> tuple[int, int]:
    """p or (before, after)."""
    before, after = normalize_sizes(padding, "padding", 2, minimum=0)
    return before, after


def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Size = 1,
    padding: Padding = "valid",
    data_format: DataFormat = None,
    dilation_rate: Size = 1,
    *,
    bias: TensorLike | None = None,
) -> Tensor:
    """Convolution over images or lines (cross-correlation, as in every deep-learning library).

    Args:
        inputs: (N, H, W, C) or (N, L, C).
        kernel: (KH, KW, C / groups, O) or (K, C / groups, O); fewer channels than the inputs' mean a grouped convolution.
        strides: int or (height, width), >= 1.
        padding: "same", "valid", or explicit cells: p, (p_h, p_w) or ((top, bottom), (left, right)); for lines p or (before, after).
        data_format: "channels_last" (default) or "channels_first".
        dilation_rate: int or (height, width), >= 1.
        bias: (O,), added to every cell; None for none.

    Returns:
        (N, OH, OW, O) or (N, OL, O).

    Raises:
        ShapeError, ArgumentError, DTypeError: naming the argument, what came and what was expected.
    """
    tensors = floats(inputs, kernel) if bias is None else floats(inputs, kernel, bias)
    return _spatial(Conv2d, data_format, *tensors, padding=padding, strides=strides, dilation_rate=dilation_rate)


def conv_transpose(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Size = 1,
    padding: Literal["same", "valid"] = "valid",
    output_padding: Size | None = None,
    data_format: DataFormat = None,
    dilation_rate: Size = 1,
    *,
    bias: TensorLike | None = None,
) -> Tensor:
    """Transposed convolution: the gradient of a convolution by its input, which grows an image by `strides`.

    Args:
        inputs: (N, H, W, C) or (N, L, C).
        kernel: (KH, KW, O, C) or (K, O, C): output channels before those of the inputs.
        strides: int or (height, width), >= 1.
        padding: "same" or "valid".
        output_padding: int or (height, width), from 0 to below the stride: chooses among the sizes from which a convolution of this
            stride would give the inputs' size. Default: H * stride for "same", (H - 1) * stride + max(KH, stride) for "valid".
        data_format, dilation_rate: as in `conv`.
        bias: (O,), added to every cell; None for none.

    Returns:
        (N, OH, OW, O) or (N, OL, O); `geometry.conv_transpose2d_geometry` has the sizes.

    Raises:
        ShapeError, ArgumentError, DTypeError: naming the argument, what came and what was expected.
    """
    tensors = floats(inputs, kernel) if bias is None else floats(inputs, kernel, bias)
    return _spatial(
        ConvTranspose2d, data_format, *tensors, padding=padding, strides=strides, output_padding=output_padding, dilation_rate=dilation_rate
    )


def depthwise_conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Size = 1,
    padding: Padding = "valid",
    data_format: DataFormat = None,
    dilation_rate: Size = 1,
    *,
    bias: TensorLike | None = None,
) -> Tensor:
    """A convolution of each channel with kernels of its own: `conv` with as many groups as channels.

    Args:
        inputs: (N, H, W, C) or (N, L, C).
        kernel: (KH, KW, C, M) or (K, C, M): M kernels for each channel.
        bias: (C * M,).
        strides, padding, data_format, dilation_rate: as in `conv`.

    Returns:
        (N, OH, OW, C * M) or (N, OL, C * M); output channel c * M + m comes from channel c.

    Raises:
        ShapeError, ArgumentError, DTypeError: naming the argument, what came and what was expected.
    """
    tensors = floats(inputs, kernel) if bias is None else floats(inputs, kernel, bias)
    x, w, rest = tensors[0], tensors[1], tensors[2:]
    channel_axis = 1 if _check_data_format(data_format) else -1
    if w.ndim not in (3, 4) or x.ndim != w.ndim or w.shape[-2] != x.shape[channel_axis]:
        raise ShapeError(
            f"a depthwise kernel must have shape (height, width, channels, multiplier), or (length, channels, multiplier) for lines, "
            f"to fit inputs of shape {x.shape}, got {w.shape}"
        )
    *window, c, m = w.shape
    grouped = array.reshape(w, (*window, 1, c * m))  # the same cells: group c holds the M kernels of channel c
    return _spatial(Conv2d, data_format, x, grouped, *rest, padding=padding, strides=strides, dilation_rate=dilation_rate)


def separable_conv(
    inputs: TensorLike,
    depthwise_kernel: TensorLike,
    pointwise_kernel: TensorLike,
    strides: Size = 1,
    padding: Padding = "valid",
    data_format: DataFormat = None,
    dilation_rate: Size = 1,
    *,
    bias: TensorLike | None = None,
) -> Tensor:
    """`depthwise_conv`, and a 1x1 `conv` that mixes its channels (Chollet 2017).

    Args:
        inputs: (N, H, W, C) or (N, L, C).
        depthwise_kernel: (KH, KW, C, M) or (K, C, M).
        pointwise_kernel: (1, 1, C * M, O) or (1, C * M, O).
        strides, padding, data_format, dilation_rate: of the depthwise part, as in `conv`.
        bias: (O,).

    Returns:
        (N, OH, OW, O) or (N, OL, O).

    Raises:
        ShapeError, ArgumentError, DTypeError: naming the argument, what came and what was expected.
    """
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    channels, mixed = y.shape[1 if _check_data_format(data_format) else -1], convert_to_numpy(pointwise_kernel).shape
    if len(mixed) != y.ndim or set(mixed[:-2]) != {1} or mixed[-2] != channels:
        raise ShapeError(f"pointwise_kernel must have shape {(1,) * (y.ndim - 2) + (channels, 'filters')}, got {mixed}")
    return conv(y, pointwise_kernel, 1, "valid", data_format, bias=bias)


def max_pool(
    inputs: TensorLike, pool_size: Size, strides: Size | None = None, padding: Padding = "valid", data_format: DataFormat = None
) -> Tensor:
    """The maximum of each window; padding cells do not take part, a tie gives its gradient to the first maximum.

    Args:
        inputs: (N, H, W, C) or (N, L, C).
        pool_size: int or (height, width), >= 1.
        strides: int or (height, width); default: pool_size.
        padding, data_format: as in `conv`; explicit padding must be smaller than the window.

    Returns:
        (N, OH, OW, C) or (N, OL, C).

    Raises:
        ShapeError, ArgumentError, DTypeError: naming the argument, what came and what was expected.
    """
    return _spatial(MaxPool2d, data_format, *floats(inputs), padding=padding, pool_size=pool_size, strides=strides)


def average_pool(
    inputs: TensorLike, pool_size: Size, strides: Size | None = None, padding: Padding = "valid", data_format: DataFormat = None
) -> Tensor:
    """The mean of each window's cells that are not padding. Arguments, result and errors as in `max_pool`."""
    return _spatial(AveragePool2d, data_format, *floats(inputs), padding=padding, pool_size=pool_size, strides=strides)
