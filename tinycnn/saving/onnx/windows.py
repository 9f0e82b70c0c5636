"""Convolutions, pooling, padding and scaling of images in ONNX's words. All of it has the channels in front there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinycnn.geometry import conv2d_geometry
from tinycnn.ops.patches import adaptive_windows
from tinycnn.saving.onnx.activations import activate
from tinycnn.saving.onnx.builder import Builder, Order, Unsupported, Value, channels_front, straight

__all__ = ["WINDOWS"]


def _order(layer: Any, x: Value) -> Order:
    """How the layer's tensors lie when their channels are in front."""
    rank = len(x.shape)
    return straight(rank) if layer.data_format == "channels_first" else channels_front(rank)


def _spatial(layer: Any, x: Value) -> list[int]:
    """The axes of height and width, as the model counts them."""
    return list(_order(layer, x)[2:])


def _tuple(sizes: Any, count: int) -> tuple[int, ...]:
    return tuple(sizes) if isinstance(sizes, Sequence) else (int(sizes),) * count


def _window(layer: Any, x: Value, window: Sequence[int], strides: Any, dilation: Any = 1) -> dict[str, Any]:
    """kernel_shape, strides and padding."""
    count = len(window)
    strides, dilation = _tuple(strides, count), _tuple(dilation, count)
    attributes: dict[str, Any] = {"kernel_shape": list(window), "strides": list(strides)}
    sizes = [x.shape[axis] for axis in _spatial(layer, x)]
    if layer.padding == "causal":
        attributes["pads"] = [(window[0] - 1) * dilation[0], 0]
    elif layer.padding == "same" and None in sizes:
        attributes["auto_pad"] = "SAME_UPPER"
    elif layer.padding == "same":
        row: list[Any] = [1] * (2 - count)  # a sequence is an image with one row
        image, kernel = (1, *row, *sizes, 1), (*row, *window, 1, 1)
        g = conv2d_geometry(image, kernel, strides=[*row, *strides], padding="same", dilation_rate=[*row, *dilation])
        before, after = (g.pad_top, g.pad_left)[2 - count :], (g.pad_bottom, g.pad_right)[2 - count :]
        attributes["pads"] = [*before, *after]
    return attributes


def _front_kernel(kernel: Any) -> Any:
    """(..., C, O) -> (O, C, ...)"""
    rank = kernel.ndim
    return kernel.transpose(rank - 1, rank - 2, *range(rank - 2))


def _with_bias(b: Builder, layer: Any, weights: list[str]) -> list[str]:
    return weights if layer.bias is None else [*weights, b.weight(layer, "bias", layer.bias.numpy())]


def _convolution(b: Builder, layer: Any, x: Value) -> Value:
    """Conv1D, Conv2D"""
    kernel = layer.kernel.numpy()
    window = kernel.shape[:-2]
    order = _order(layer, x)
    weights = _with_bias(b, layer, [b.weight(layer, "kernel", _front_kernel(kernel))])
    attributes = _window(layer, x, window, layer.strides, layer.dilation_rate)
    attributes |= {"dilations": list(_tuple(layer.dilation_rate, len(window))), "group": layer.groups}
    y = b.apply("Conv", [b.ordered(x, order), *weights], layer.compute_output_shape(x.shape), order, **attributes)
    return activate(b, layer.activation, y)


def _depthwise(b: Builder, layer: Any, x: Value, kernel: Any, label: str = "kernel", more: Sequence[str] = ()) -> Value:
    """A kernel (..., C, M) of M filters for each channel."""
    *window, channels, multiplier = kernel.shape
    order = _order(layer, x)
    grouped = kernel.reshape(*window, 1, channels * multiplier)
    attributes = _window(layer, x, window, layer.strides, layer.dilation_rate)
    attributes |= {"dilations": list(_tuple(layer.dilation_rate, len(window))), "group": channels}
    inputs = [b.ordered(x, order), b.weight(layer, label, _front_kernel(grouped)), *more]
    unknown = (None,) * len(x.shape)  # the callers know better
    return b.apply("Conv", inputs, unknown, order, **attributes)


def _depthwise_convolution(b: Builder, layer: Any, x: Value) -> Value:
    """DepthwiseConv1D, DepthwiseConv2D"""
    y = _depthwise(b, layer, x, layer.kernel.numpy(), more=_with_bias(b, layer, []))
    return activate(b, layer.activation, Value(y.name, layer.compute_output_shape(x.shape), y.order))


def _separable_convolution(b: Builder, layer: Any, x: Value) -> Value:
    """SeparableConv1D, SeparableConv2D: depthwise, then 1x1."""
    between = _depthwise(b, layer, x, layer.depthwise_kernel.numpy(), "depthwise_kernel")
    pointwise = b.weight(layer, "pointwise_kernel", _front_kernel(layer.pointwise_kernel.numpy()))
    inputs = _with_bias(b, layer, [between.name, pointwise])
    y = b.apply("Conv", inputs, layer.compute_output_shape(x.shape), between.order)
    return activate(b, layer.activation, y)


def _transposed_convolution(b: Builder, layer: Any, x: Value) -> Value:
    """Conv1DTranspose, Conv2DTranspose: kernel (..., O, C). The result is the whole transposed convolution, cut to size.

    The cut is that of the convolution whose gradient this is: with `p` cells of padding in all, p // 2 go in front.
    """
    kernel = layer.kernel.numpy()
    window = kernel.shape[:-2]
    count = len(window)
    strides, dilation = _tuple(layer.strides, count), _tuple(layer.dilation_rate, count)
    probe = [8 if i in _spatial(layer, x) else n for i, n in enumerate(x.shape)]  # the cut is the same for all sizes
    sizes = [layer.compute_output_shape(tuple(probe))[axis] for axis in _spatial(layer, x)]
    before, after, beyond = [], [], []
    for n, k, s, d in zip(sizes, window, strides, dilation, strict=True):
        extent = (k - 1) * d + 1
        whole = 7 * s + extent
        first = max(0, whole - n) // 2 if layer.padding == "same" else 0
        before.append(first)
        after.append(max(0, whole - n - first))
        beyond.append(max(0, n - (whole - first)))
    order = _order(layer, x)
    weights = _with_bias(b, layer, [b.weight(layer, "kernel", kernel.transpose(count + 1, count, *range(count)))])
    y = b.apply(
        "ConvTranspose",
        [b.ordered(x, order), *weights],
        layer.compute_output_shape(x.shape),
        order,
        **{"kernel_shape": list(window), "strides": list(strides), "dilations": list(dilation)},
        **{"pads": [*before, *after], "output_padding": beyond},
    )
    return activate(b, layer.activation, y)


def _pooling(op: str) -> Any:
    def convert(b: Builder, layer: Any, x: Value) -> Value:
        order = _order(layer, x)
        window = _tuple(layer.pool_size, len(x.shape) - 2)
        attributes = _window(layer, x, window, layer.strides)
        return b.apply(op, [b.ordered(x, order)], layer.compute_output_shape(x.shape), order, **attributes)

    return convert


def _global_pooling(op: str) -> Any:
    def convert(b: Builder, layer: Any, x: Value) -> Value:
        order = _order(layer, x)
        shape = layer.compute_output_shape(x.shape)
        y = b.node(op, b.ordered(x, order))
        return Value(y, shape, order) if layer.keepdims else b.apply("Flatten", [y], shape, axis=1)

    return convert


def _pairs(widths: Any, count: int) -> list[tuple[int, int]]:
    """p, (before, after) of a sequence, or a pair for each axis, as a list of pairs."""
    if not isinstance(widths, Sequence):
        return [(widths, widths)] * count
    if count == 1:
        flat = widths[0] if isinstance(widths[0], Sequence) else widths
        return [(flat[0], flat[-1])]
    return [tuple(pair) if isinstance(pair, Sequence) else (pair, pair) for pair in widths]


def _data_axes(layer: Any, x: Value) -> list[int]:
    """The axes of height and width; sequences, which know no data_format, have theirs in the middle."""
    return _spatial(layer, x) if hasattr(layer, "data_format") else [1]


def _zero_padding(b: Builder, layer: Any, x: Value) -> Value:
    """ZeroPadding1D, ZeroPadding2D"""
    axes = [x.stored_axis(axis) for axis in _data_axes(layer, x)]
    pairs = dict(zip(axes, _pairs(layer.padding, len(axes)), strict=True))
    widths = [pairs.get(axis, (0, 0)) for axis in range(len(x.shape))]
    pads = b.integers([w[0] for w in widths] + [w[1] for w in widths], "pads")
    return b.apply("Pad", [x.name, pads], layer.compute_output_shape(x.shape), x.order, mode="constant")


def _cropping(b: Builder, layer: Any, x: Value) -> Value:
    """Cropping1D, Cropping2D"""
    axes = [x.stored_axis(axis) for axis in _data_axes(layer, x)]
    pairs = _pairs(layer.cropping, len(axes))
    starts = b.integers([before for before, _ in pairs], "starts")
    ends = b.integers([-after if after else np.iinfo(np.int64).max for _, after in pairs], "ends")
    return b.apply("Slice", [x.name, starts, ends, b.integers(axes, "axes")], layer.compute_output_shape(x.shape), x.order)


#: interpolation -> how Resize is told: cells count by their centres, and there is nothing beyond the edge.
_INTERPOLATIONS: dict[str, dict[str, Any]] = {
    "nearest": {"mode": "nearest", "coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"},
    "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    "bicubic": {"mode": "cubic", "coordinate_transformation_mode": "half_pixel", "cubic_coeff_a": -0.5, "exclude_outside": 1},
}


def _resized(
    b: Builder, layer: Any, x: Value, axes: Sequence[int], factors: Sequence[float], sizes: Sequence[int] | None, kind: str
) -> Value:
    """Scaled along `axes`, by factors or to sizes; channels in front, for some runtimes interpolate along the last axes only."""
    if kind not in _INTERPOLATIONS:
        raise Unsupported(f"interpolation={kind!r}")
    order = channels_front(len(x.shape)) if axes[-1] != len(x.shape) - 1 else straight(len(x.shape))
    source = b.ordered(x, order)
    if sizes is None:
        scale = dict(zip(axes, factors, strict=True))
        how = [source, "", b.constant(np.array([scale.get(axis, 1) for axis in order], np.float32), "scales")]
    else:
        shape = b.node("Slice", b.node("Shape", source), b.integers([0], "starts"), b.integers([2], "ends"))
        how = [source, "", "", b.node("Concat", shape, b.integers(sizes, "sizes"), axis=0)]
    return b.apply("Resize", how, layer.compute_output_shape(x.shape), order, **_INTERPOLATIONS[kind])


def _up_sampling(b: Builder, layer: Any, x: Value) -> Value:
    """UpSampling1D, UpSampling2D"""
    axes = _data_axes(layer, x)
    return _resized(b, layer, x, axes, _tuple(layer.size, len(axes)), None, getattr(layer, "interpolation", "nearest"))


def _resizing(b: Builder, layer: Any, x: Value) -> Value:
    if layer.pad_to_aspect_ratio or layer.antialias:
        raise Unsupported("padding to an aspect ratio, or antialiasing,")
    if layer.crop_to_aspect_ratio:
        return _middle(b, layer, x, layer.interpolation)
    return _fitted(b, layer, x, layer.interpolation)


def _center_crop(b: Builder, layer: Any, x: Value) -> Value:
    """The middle of large images; small ones are scaled, too."""
    height, width = _known_sizes(layer, x)
    if height < layer.height or width < layer.width:
        return _middle(b, layer, x, "bilinear")
    return _cut(b, layer, x, (layer.height, layer.width))


def _random_crop(b: Builder, layer: Any, x: Value) -> Value:
    """At inference, the largest window in the middle, scaled."""
    return _middle(b, layer, x, "bilinear")


def _known_sizes(layer: Any, x: Value) -> tuple[int, int]:
    _check_batch(x)
    height, width = (x.shape[axis] for axis in _spatial(layer, x))
    if height is None or width is None:
        raise Unsupported("images of unknown size")
    return height, width


def _middle(b: Builder, layer: Any, x: Value, kind: str) -> Value:
    """The largest window with the result's aspect ratio, scaled to its size."""
    height, width = _known_sizes(layer, x)
    window = min(height, max(width * layer.height // layer.width, 1)), min(width, max(height * layer.width // layer.height, 1))
    return _fitted(b, layer, _cut(b, layer, x, window), kind)


def _cut(b: Builder, layer: Any, x: Value, window: tuple[int, int]) -> Value:
    """A window in the middle."""
    axes = _spatial(layer, x)
    starts = [((x.shape[axis] or 0) - size) // 2 for axis, size in zip(axes, window, strict=True)]
    ends = [start + size for start, size in zip(starts, window, strict=True)]
    bounds = [b.integers(starts, "starts"), b.integers(ends, "ends"), b.integers([x.stored_axis(axis) for axis in axes], "axes")]
    cut = dict(zip(axes, window, strict=True))
    return b.apply("Slice", [x.name, *bounds], tuple(cut.get(axis, n) for axis, n in enumerate(x.shape)), x.order)


def _check_batch(x: Value) -> None:
    if len(x.shape) != 4:
        raise Unsupported("images without a batch")


def _fitted(b: Builder, layer: Any, x: Value, kind: str) -> Value:
    _check_batch(x)
    return _resized(b, layer, x, _spatial(layer, x), (), (layer.height, layer.width), kind)


def _adaptive_pooling(write: Any) -> Any:
    """`write` one axis after the other: (builder, name, axis, its cells in each window, the windows' sizes, rank) -> name."""

    def convert(b: Builder, layer: Any, x: Value) -> Value:
        name, shape = b.ordered(x), layer.compute_output_shape(x.shape)
        for axis in _spatial(layer, x):
            size = x.shape[axis]
            if size is None:
                raise Unsupported("windows over images of unknown size")
            name = write(b, name, axis, *adaptive_windows(size, shape[axis]), len(shape))
        return Value(name, shape, straight(len(shape)))

    return convert


def _adaptive_mean(b: Builder, name: str, axis: int, taps: Any, sizes: Any, rank: int) -> str:
    weights = np.zeros((taps.max() + 1, len(sizes)), b.dtype)
    np.add.at(weights, (taps, np.arange(len(sizes))), (np.arange(len(taps))[:, None] < sizes) / sizes)
    letters = "abcd"[:rank]
    equation = f"{letters},{letters[axis]}z->{letters.replace(letters[axis], 'z')}"
    return b.node("Einsum", name, b.constant(weights, "windows"), equation=equation)


def _adaptive_max(b: Builder, name: str, axis: int, taps: Any, sizes: Any, rank: int) -> str:
    cells = b.node("Gather", name, b.constant(taps.astype(np.int64), "windows"), axis=axis)
    return b.reduced("ReduceMax", cells, [axis], False)


WINDOWS: dict[str, Any] = {
    "AdaptiveAveragePooling1D": _adaptive_pooling(_adaptive_mean),
    "AdaptiveAveragePooling2D": _adaptive_pooling(_adaptive_mean),
    "AdaptiveMaxPooling1D": _adaptive_pooling(_adaptive_max),
    "AdaptiveMaxPooling2D": _adaptive_pooling(_adaptive_max),
    "AveragePooling1D": _pooling("AveragePool"),
    "AveragePooling2D": _pooling("AveragePool"),
    "CenterCrop": _center_crop,
    "Conv1D": _convolution,
    "Conv1DTranspose": _transposed_convolution,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed_convolution,
    "Cropping1D": _cropping,
    "Cropping2D": _cropping,
    "DepthwiseConv1D": _depthwise_convolution,
    "DepthwiseConv2D": _depthwise_convolution,
    "GlobalAveragePooling1D": _global_pooling("GlobalAveragePool"),
    "GlobalAveragePooling2D": _global_pooling("GlobalAveragePool"),
    "GlobalMaxPooling1D": _global_pooling("GlobalMaxPool"),
    "GlobalMaxPooling2D": _global_pooling("GlobalMaxPool"),
    "MaxPooling1D": _pooling("MaxPool"),
    "MaxPooling2D": _pooling("MaxPool"),
    "RandomCrop": _random_crop,
    "Resizing": _resizing,
    "SeparableConv1D": _separable_convolution,
    "SeparableConv2D": _separable_convolution,
    "UpSampling1D": _up_sampling,
    "UpSampling2D": _up_sampling,
    "ZeroPadding1D": _zero_padding,
    "ZeroPadding2D": _zero_padding,
}
