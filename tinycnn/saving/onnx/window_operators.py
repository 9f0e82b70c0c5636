"""ONNX's convolutions, pooling and normalisations. Images are (N, C, H, W) here, sequences (N, C, L)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinycnn import ops
from tinycnn.autograd import Tensor, Variable
from tinycnn.errors import DataError
from tinycnn.rules.op import normalize_axis
from tinycnn.saving.onnx.operator import Context, Ints, operator

__all__: list[str] = []

Pairs = list[tuple[int, int]]


# ---- windows
def _image(x: Tensor) -> Tensor:
    """A sequence as an image with one row."""
    if x.ndim not in (3, 4):
        raise DataError(f"inputs must be sequences (N, C, L) or images (N, C, H, W), got shape {x.shape}")
    return ops.expand_dims(x, 2) if x.ndim == 3 else x


def _like(y: Tensor, x: Tensor) -> Tensor:
    """The result's row as a sequence, if x was one."""
    return ops.squeeze(y, 2) if x.ndim == 3 else y


def _numbers(values: Ints | None, rank: int, name: str, default: int = 1, least: int = 1) -> list[int]:
    """One number for height and width each; a sequence has the default for its row."""
    count = rank - 2
    given = [default] * count if values is None else list(values)
    if len(given) != count or min(given) < least:
        raise DataError(f"{name} must be {count} numbers >= {least}, got {given}")
    return [default] * (2 - count) + given


def _padding(auto_pad: str, pads: Ints | None, rank: int, sizes: Sequence[int], extents: Sequence[int], strides: Sequence[int]) -> Pairs:
    """Cells before and after, for height and width."""
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        found = []
        for n, extent, stride in zip(sizes, extents, strides, strict=True):
            total = max(0, (-(-n // stride) - 1) * stride + extent - n)
            less, more = total // 2, total - total // 2
            found.append((less, more) if auto_pad == "SAME_UPPER" else (more, less))
        return found
    if auto_pad not in ("NOTSET", "VALID", ""):
        raise DataError(f"auto_pad must be NOTSET, SAME_UPPER, SAME_LOWER or VALID, got {auto_pad!r}")
    if pads is None or auto_pad == "VALID":
        return [(0, 0), (0, 0)]
    count = rank - 2
    if len(pads) != 2 * count or min(pads) < 0:
        raise DataError(f"pads must be {2 * count} numbers >= 0, got {list(pads)}")
    return [(0, 0)] * (2 - count) + [(pads[i], pads[i + count]) for i in range(count)]


def _extents(window: Sequence[int], dilations: Sequence[int]) -> list[int]:
    return [(k - 1) * d + 1 for k, d in zip(window, dilations, strict=True)]


def _allow_padded(at: Context, x: Tensor, pairs: Pairs, channels: int = 0) -> None:
    """DataError if an image with this padding, or a result of that size, would be too large."""
    at.allow((x.shape[0], max(x.shape[1], channels), *(n + sum(pair) for n, pair in zip(x.shape[2:], pairs, strict=True))))


def _kernel(w: Tensor, kernel_shape: Ints | None, rank: int) -> Tensor:
    if w.ndim != rank or (kernel_shape is not None and w.shape[2:] != tuple(kernel_shape)):
        raise DataError(f"weights of shape {w.shape} do not fit inputs of {rank} axes or kernel_shape {kernel_shape}")
    return _image(w)


@operator("Conv")
def _conv(
    at: Context,
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    rank = x.ndim
    image, kernel = _image(x), _kernel(w, kernel_shape, rank)
    if group < 1 or image.shape[1] != kernel.shape[1] * group:
        raise DataError(f"weights of shape {w.shape} in {group} groups do not fit {image.shape[1]} channels")
    stride, dilation = _numbers(strides, rank, "strides"), _numbers(dilations, rank, "dilations")
    pairs = _padding(auto_pad, pads, rank, image.shape[2:], _extents(kernel.shape[2:], dilation), stride)
    _allow_padded(at, image, pairs, kernel.shape[0])
    y = ops.conv(image, ops.transpose(kernel, (2, 3, 1, 0)), stride, pairs, "channels_first", dilation, bias=b)
    return _like(y, x)


@operator("ConvTranspose")
def _conv_transpose(
    at: Context,
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    output_padding: Ints | None = None,
    output_shape: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    """A convolution, by the kernel turned round, of the input with its cells `strides` apart and zeros in between."""
    rank = x.ndim
    image, kernel = _image(x), _kernel(w, kernel_shape, rank)
    c, o = kernel.shape[:2]
    if group < 1 or image.shape[1] != c or c % group:
        raise DataError(f"weights of shape {w.shape} in {group} groups do not fit {image.shape[1]} channels")
    stride, dilation = _numbers(strides, rank, "strides"), _numbers(dilations, rank, "dilations")
    beyond = _numbers(output_padding, rank, "output_padding", 0, 0)
    extents = _extents(kernel.shape[2:], dilation)
    whole = [(n - 1) * s + extent + more for n, s, extent, more in zip(image.shape[2:], stride, extents, beyond, strict=True)]
    wanted = None
    if output_shape is not None:
        wanted = _numbers(output_shape[-(rank - 2) :], rank, "output_shape")
    elif auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [n * s for n, s in zip(image.shape[2:], stride, strict=True)]
    if wanted is None:
        pairs = _padding(auto_pad, pads, rank, image.shape[2:], extents, stride)
    else:
        halves = [(max(0, n - m) // 2, max(0, n - m) - max(0, n - m) // 2) for n, m in zip(whole, wanted, strict=True)]
        pairs = halves if auto_pad == "SAME_UPPER" else [(more, less) for less, more in halves]
        whole = [max(n, m) for n, m in zip(whole, wanted, strict=True)]
        beyond = [m - (n - 1) * s - extent for n, s, extent, m in zip(image.shape[2:], stride, extents, whole, strict=True)]
    at.allow((image.shape[0], max(c, o * group), *(n + extent for n, extent in zip(whole, extents, strict=True))))

    spread = ops.transpose(image, (0, 2, 3, 1))
    for axis, s in ((1, stride[0]), (2, stride[1])):
        if s > 1:
            before, (n, *after) = spread.shape[:axis], spread.shape[axis:]
            apart = ops.pad(ops.expand_dims(spread, axis + 1), [(0, s - 1) if i == axis + 1 else (0, 0) for i in range(5)])
            cells = ops.reshape(apart, (*before, n * s, *after))
            spread = ops.get_item(cells, (*(slice(None),) * axis, slice(0, max(0, (n - 1) * s + 1))))
    margins = [
        (extent - 1 - before, extent - 1 - after + more) for extent, (before, after), more in zip(extents, pairs, beyond, strict=True)
    ]
    cut = [slice(max(0, -before), n - max(0, -after)) for n, (before, after) in zip(spread.shape[1:3], margins, strict=True)]
    spread = ops.get_item(spread, (slice(None), *cut))
    kh, kw = kernel.shape[2:]
    grouped = ops.reshape(ops.flip(kernel, (2, 3)), (group, c // group, o, kh, kw))
    turned = ops.reshape(ops.transpose(grouped, (3, 4, 1, 0, 2)), (kh, kw, c // group, group * o))
    padding = [(max(0, before), max(0, after)) for before, after in margins]
    y = ops.conv(spread, turned, 1, padding, dilation_rate=dilation, bias=b)
    return _like(ops.transpose(y, (0, 3, 1, 2)), x)


def _pool_padding(
    at: Context, x: Tensor, auto_pad: str, pads: Ints | None, window: Sequence[int], stride: Sequence[int], rank: int, ceil_mode: int
) -> tuple[Pairs, list[int]]:
    """The padding, and how many cells more at the end for a last window that is not full."""
    pairs = _padding(auto_pad, pads, rank, x.shape[2:], window, stride)
    more = [0, 0]
    if ceil_mode:
        for axis, (n, k, s, (before, after)) in enumerate(zip(x.shape[2:], window, stride, pairs, strict=True)):
            count = max(0, -(-(n + before + after - k) // s)) + 1
            count -= (count - 1) * s >= n + before  # a window that would lie in the padding altogether
            more[axis] = max(0, (count - 1) * s + k - (n + before + after))
    _allow_padded(at, x, pairs)
    return pairs, more


def _added(pairs: Pairs, more: Sequence[int]) -> Pairs:
    return [(before, after + extra) for (before, after), extra in zip(pairs, more, strict=True)]


def _dense_window(dilations: Ints | None) -> None:
    if dilations is not None and set(dilations) != {1}:
        raise DataError(f"pooling with dilations {list(dilations)} is not supported")


@operator("MaxPool")
def _max_pool(
    at: Context,
    x: Tensor,
    *,
    kernel_shape: Ints,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Ints | None = None,
    pads: Ints | None = None,
    storage_order: int = 0,
    strides: Ints | None = None,
) -> Tensor:
    rank, image = x.ndim, _image(x)
    _dense_window(dilations)
    window, stride = _numbers(kernel_shape, rank, "kernel_shape"), _numbers(strides, rank, "strides")
    pairs, more = _pool_padding(at, image, auto_pad, pads, window, stride, rank, ceil_mode)
    return _like(ops.max_pool(image, window, stride, _added(pairs, more), "channels_first"), x)


@operator("AveragePool")
def _average_pool(
    at: Context,
    x: Tensor,
    *,
    kernel_shape: Ints,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Tensor:
    rank, image = x.ndim, _image(x)
    _dense_window(dilations)
    window, stride = _numbers(kernel_shape, rank, "kernel_shape"), _numbers(strides, rank, "strides")
    pairs, more = _pool_padding(at, image, auto_pad, pads, window, stride, rank, ceil_mode)
    if count_include_pad:  # then the zeros are cells like others
        image, pairs = ops.pad(image, [(0, 0), (0, 0), *pairs]), [(0, 0), (0, 0)]
    return _like(ops.average_pool(image, window, stride, _added(pairs, more), "channels_first"), x)


def _space(x: Tensor) -> tuple[int, ...]:
    """The axes behind the channels."""
    if x.ndim < 3:
        raise DataError(f"inputs must have axes behind the channels, got shape {x.shape}")
    return tuple(range(2, x.ndim))


@operator("GlobalAveragePool")
def _global_average_pool(at: Context, x: Tensor) -> Tensor:
    return ops.mean(x, _space(x), keepdims=True)


@operator("GlobalMaxPool")
def _global_max_pool(at: Context, x: Tensor) -> Tensor:
    return ops.max(x, _space(x), keepdims=True)


# ---- normalisation
@operator("BatchNormalization", moving=(3, 4))
def _batch_normalization(
    at: Context,
    x: Tensor,
    scale: Tensor,
    b: Tensor,
    mean: Tensor,
    var: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    spatial: int = 1,
    is_test: int = 1,
    training_mode: int = 0,
    consumed_inputs: Ints | None = None,
) -> Tensor:
    """While the model is trained, the batch's own statistics, which the moving averages follow; a file's own mode is of no account."""
    if not spatial or x.ndim < 2:
        raise DataError(f"statistics for each cell (spatial=0), or inputs of shape {x.shape}, are not supported")
    if not (at.training and isinstance(mean, Variable) and isinstance(var, Variable) and scale.requires_grad):
        return ops.batch_normalization(x, mean, var, 1, b, scale, epsilon)
    y, batch_mean, batch_variance = ops.batch_normalization_training(ops.moveaxis(x, 1, -1), scale, b, epsilon)
    for moving, value in ((mean, batch_mean), (var, batch_variance)):
        moving.assign(moving.data * momentum + value * (1 - momentum))
    return ops.moveaxis(y, -1, 1)


def _standardized(x: Tensor, axes: tuple[int, ...], epsilon: float) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) over axes."""
    centred = ops.subtract(x, ops.mean(x, axes, keepdims=True))
    return ops.divide(centred, ops.sqrt(ops.mean(ops.square(centred), axes, keepdims=True) + epsilon))


def _for_channels(vector: Tensor, x: Tensor) -> Tensor:
    """(C,) beside (N, C, ...)."""
    if vector.shape != x.shape[1:2]:
        raise DataError(f"a vector of shape {vector.shape} does not fit the channels of inputs of shape {x.shape}")
    return ops.reshape(vector, (-1,) + (1,) * (x.ndim - 2))


@operator("InstanceNormalization")
def _instance_normalization(
    at: Context, x: Tensor, scale: Tensor, b: Tensor, *, epsilon: float = 1e-5, consumed_inputs: Ints | None = None
) -> Tensor:
    return _standardized(x, _space(x), epsilon) * _for_channels(scale, x) + _for_channels(b, x)


@operator("GroupNormalization")
def _group_normalization(
    at: Context, x: Tensor, scale: Tensor, b: Tensor, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    """Up to version 20 there is a scale for each group, from 21 one for each channel."""
    _space(x)
    n, c = x.shape[:2]
    if num_groups < 1 or c % num_groups:
        raise DataError(f"{num_groups} groups do not divide {c} channels")
    y = ops.reshape(_standardized(ops.reshape(x, (n, num_groups, -1)), (2,), epsilon), x.shape)
    if at.opset < 21:
        scale, b = (ops.take(v, np.repeat(np.arange(num_groups), c // num_groups), 0) for v in (scale, b))
    return y * _for_channels(scale, x) + _for_channels(b, x)


@operator("LayerNormalization")
def _layer_normalization(
    at: Context, x: Tensor, scale: Tensor, b: Tensor | None = None, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    axes = tuple(range(normalize_axis(axis, x.ndim), x.ndim))
    y = _standardized(x, axes, epsilon) * scale
    y = y if b is None else y + b
    if y.shape != x.shape:
        raise DataError(f"a scale of shape {scale.shape} does not fit inputs of shape {x.shape}")
    return y


@operator("LRN")
def _local_response_normalization(
    at: Context, x: Tensor, *, size: int, alpha: float = 0.0001, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    """x / (bias + alpha / size * the squares of `size` neighbouring channels) ** beta (Krizhevsky et al. 2012)"""
    _space(x)
    c = x.shape[1]
    if not 1 <= size <= 2 * c + 1:
        raise DataError(f"size must be from 1 to {2 * c + 1} for {c} channels, got {size}")
    before = (size - 1) // 2
    squares = ops.pad(ops.square(x), [(0, 0), (before, size - 1 - before)] + [(0, 0)] * (x.ndim - 2))
    total = ops.get_item(squares, (slice(None), slice(0, c)))
    for i in range(1, size):
        total = total + ops.get_item(squares, (slice(None), slice(i, i + c)))
    return ops.divide(x, ops.power(total * (alpha / size) + bias, float(beta)))
