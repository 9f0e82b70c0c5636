"""Layers in ONNX's words: one short function each, found by the layer's class name. Convolutions and their kin: `windows`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinycnn import config, ops, registry
from tinycnn.layers import Layer
from tinycnn.layers.shapes import Shape
from tinycnn.saving.onnx.activations import activate, relu
from tinycnn.saving.onnx.builder import Builder, Unsupported, Value, channels_front, straight
from tinycnn.saving.onnx.windows import WINDOWS

__all__ = ["convert_layer"]


def convert_layer(b: Builder, layer: Layer, inputs: Sequence[Value]) -> Value:
    """The nodes of one call of `layer`, in inference mode.

    Raises:
        Unsupported: there is no converter for it, or none for what it was told to do.
    """
    name = type(layer).__name__
    is_ours = name in registry.names("layer") and registry.lookup("layer", name) is type(layer)
    if name not in _LAYERS or not is_ours or not type(layer).__module__.startswith("tinycnn."):
        raise Unsupported("the layer")
    converted: Value = _LAYERS[name](b, layer, *inputs)
    return converted


# ---- arranging
def _same(b: Builder, layer: Any, x: Value) -> Value:
    """Layers that do something in training only."""
    return x


def _reshaped(b: Builder, source: str, shape: Shape) -> Value:
    """A Reshape of a tensor that is stored as it is; the batch stays, whatever it is."""
    sizes = [-1 if n is None else n for n in shape[1:]]
    if sizes.count(-1) > 1:
        raise Unsupported(f"a result of shape {shape} with several unknown sizes")
    return b.apply("Reshape", [source, b.integers([0, *sizes], "shape")], shape)


def _flatten(b: Builder, layer: Any, x: Value) -> Value:
    rank = len(x.shape)
    first = layer.data_format == "channels_first" and rank > 2
    order = (0, *range(2, rank), 1) if first else straight(rank)
    return b.apply("Flatten", [b.ordered(x, order)], layer.compute_output_shape(x.shape), axis=1)


def _reshape(b: Builder, layer: Any, x: Value) -> Value:
    return _reshaped(b, b.ordered(x), layer.compute_output_shape(x.shape))


def _permute(b: Builder, layer: Any, x: Value) -> Value:
    """No node at all: the stored tensor is looked at in another order."""
    dims = (0, *layer.dims)
    return Value(x.name, layer.compute_output_shape(x.shape), tuple(dims.index(axis) for axis in x.order))


def _repeat_vector(b: Builder, layer: Any, x: Value) -> Value:
    wide = b.node("Unsqueeze", x.name, b.integers([1], "axes"))
    return b.apply("Expand", [wide, b.integers([1, layer.n, 1], "shape")], layer.compute_output_shape(x.shape))


def _time_distributed(b: Builder, layer: Any, x: Value) -> Value:
    """Batch and time as one batch."""
    steps, shape = x.shape[1], x.shape[2:]
    merged = b.apply("Reshape", [b.ordered(x), b.integers([-1, *_known(shape)], "shape")], (None, *shape))
    y = convert_layer(b, layer.layer, [merged])
    return b.apply("Reshape", [b.ordered(y), b.integers([-1, *_known((steps, *y.shape[1:]))], "shape")], (x.shape[0], steps, *y.shape[1:]))


def _known(shape: Shape) -> list[int]:
    if None in shape:
        raise Unsupported(f"unknown sizes {shape}")
    return [int(n) for n in shape if n is not None]


# ---- weights
def _dense(b: Builder, layer: Any, x: Value) -> Value:
    kernel = b.weight(layer, "kernel", layer.kernel.numpy())
    bias = [] if layer.bias is None else [b.weight(layer, "bias", layer.bias.numpy())]
    shape = layer.compute_output_shape(x.shape)
    if len(x.shape) == 2:
        y = b.apply("Gemm", [b.ordered(x), kernel, *bias], shape)
    else:
        y = b.apply("MatMul", [b.ordered(x), kernel], shape)
        y = b.each("Add", y, *bias) if bias else y
    return activate(b, layer.activation, y)


def _batch_normalization(b: Builder, layer: Any, x: Value) -> Value:
    order = channels_front(len(x.shape), layer.axis)
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    gamma = np.ones_like(mean) if layer.gamma is None else layer.gamma.numpy()
    beta = np.zeros_like(mean) if layer.beta is None else layer.beta.numpy()
    named = {"gamma": gamma, "beta": beta, "moving_mean": mean, "moving_variance": variance}
    inputs = [b.ordered(x, order), *(b.weight(layer, label, array) for label, array in named.items())]
    return b.apply("BatchNormalization", inputs, x.shape, order, epsilon=layer.epsilon, momentum=layer.momentum)


_GAMMA_BETA = {"Mul": "gamma", "Add": "beta"}


def _standardized(b: Builder, x: str, axes: Sequence[int], epsilon: float) -> str:
    """(x - mean) / sqrt(variance + epsilon) over stored axes."""
    centred = b.node("Sub", x, b.reduced("ReduceMean", x, axes, True))
    variance = b.reduced("ReduceMean", b.node("Mul", centred, centred), axes, True)
    return b.node("Div", centred, b.node("Sqrt", b.node("Add", variance, b.number(epsilon))))


def _scaled(b: Builder, layer: Any, x: Value, axes: Sequence[int], weights: Mapping[str, str] = _GAMMA_BETA) -> Value:
    """x * gamma + beta, both of which lie along `axes` of the tensor; `weights`: operator -> name of the weight."""
    sizes = [x.shape[axis] if axis in axes else 1 for axis in range(len(x.shape))]
    for op, label in weights.items():
        variable = getattr(layer, label, None)
        if variable is not None:
            x = b.each(op, x, b.weight(layer, label, variable.numpy().reshape(sizes).transpose(x.order)))
    return x


def _axes(layer: Any, x: Value) -> list[int]:
    """The layer's axis, or axes, from 0."""
    given = layer.axis if isinstance(layer.axis, Sequence) else (layer.axis,)
    return [axis % len(x.shape) for axis in given]


def _stored_axes(layer: Any, x: Value) -> list[int]:
    """Where they are stored."""
    return [x.stored_axis(axis) for axis in _axes(layer, x)]


def _layer_normalization(b: Builder, layer: Any, x: Value) -> Value:
    y = _standardized(b, x.name, _stored_axes(layer, x), layer.epsilon)
    return _scaled(b, layer, Value(y, x.shape, x.order), _axes(layer, x))


def _rms_normalization(b: Builder, layer: Any, x: Value) -> Value:
    """x / sqrt(mean(x ** 2) + epsilon) * scale"""
    squares = b.reduced("ReduceMean", b.node("Mul", x.name, x.name), _stored_axes(layer, x), True)
    y = b.each("Div", x, b.node("Sqrt", b.node("Add", squares, b.number(layer.epsilon))))
    return _scaled(b, layer, y, _axes(layer, x), {"Mul": "scale"})


def _unit_normalization(b: Builder, layer: Any, x: Value) -> Value:
    return Value(_normalized(b, x.name, _stored_axes(layer, x)), x.shape, x.order)


def _normalized(b: Builder, x: str, axes: Sequence[int]) -> str:
    """x divided by its Euclidean norm over stored axes."""
    squares = b.reduced("ReduceSum", b.node("Mul", x, x), axes, True)
    return b.node("Div", x, b.node("Sqrt", b.node("Max", squares, b.number(1e-24))))


def _group_normalization(b: Builder, layer: Any, x: Value) -> Value:
    """Each group of channels is standardised together: (N, groups, the rest) for a moment."""
    axis = layer.axis % len(x.shape)
    order = channels_front(len(x.shape), axis)
    channels = x.shape[axis]
    groups = channels if layer.groups == -1 else layer.groups
    source = b.ordered(x, order)
    grouped = b.node("Reshape", source, b.integers([0, groups, -1], "shape"))
    y = b.node("Reshape", _standardized(b, grouped, [2], layer.epsilon), b.node("Shape", source))
    return _scaled(b, layer, Value(y, x.shape, order), [axis])


def _rescaling(b: Builder, layer: Any, x: Value) -> Value:
    """x * scale + offset; numbers, or vectors along the last axis."""
    for op, factor in (("Mul", layer.scale), ("Add", layer.offset)):
        array = np.asarray(factor, b.dtype)
        if array.ndim > 1:
            raise Unsupported(f"a scale or offset of shape {array.shape}")
        if array.ndim:
            array = array.reshape((1,) * (len(x.shape) - 1) + array.shape).transpose(x.order)
        x = b.each(op, x, b.constant(array, "rescaling"))
    return x


def _normalization(b: Builder, layer: Any, x: Value) -> Value:
    """(x - mean) / max(sqrt(variance), epsilon), or the inverse of it."""
    rank = len(x.shape)
    mean, variance = (ops.convert_to_numpy(statistic).astype(b.dtype) for statistic in (layer.mean, layer.variance))
    deviation = np.maximum(np.sqrt(variance), b.dtype.type(config.epsilon()))
    mean, deviation = (a.reshape((1,) * (rank - a.ndim) + a.shape).transpose(x.order) for a in (mean, deviation))
    if getattr(layer, "invert", False):
        return b.each("Add", b.each("Mul", x, b.constant(deviation, "deviation")), b.constant(mean, "mean"))
    return b.each("Div", b.each("Sub", x, b.constant(mean, "mean")), b.constant(deviation, "deviation"))


# ---- activations with parameters
def _prelu(b: Builder, layer: Any, x: Value) -> Value:
    return b.each("PRelu", x, b.weight(layer, "alpha", layer.alpha.numpy()[None].transpose(x.order)))


def _softmax(b: Builder, layer: Any, x: Value) -> Value:
    """Along one axis, or over several: then e ** (x - max) / sum."""
    axes = _stored_axes(layer, x)
    if len(axes) == 1:
        return b.each("Softmax", x, axis=axes[0])
    raised = b.node("Exp", b.node("Sub", x.name, b.reduced("ReduceMax", x.name, axes, True)))
    return Value(b.node("Div", raised, b.reduced("ReduceSum", raised, axes, True)), x.shape, x.order)


# ---- joints
def _aligned(b: Builder, xs: Sequence[Value]) -> list[str]:
    """Names of the inputs, all stored in the order of the first."""
    if len({len(x.shape) for x in xs}) > 1:
        raise Unsupported(f"inputs of different ranks {[x.shape for x in xs]}")
    return [b.ordered(x, xs[0].order) for x in xs]


def _merge(op: str) -> Any:
    def convert(b: Builder, layer: Any, *xs: Value) -> Value:
        return b.apply(op, _aligned(b, xs), layer.compute_output_shape([x.shape for x in xs]), xs[0].order)

    return convert


def _multiply(b: Builder, layer: Any, *xs: Value) -> Value:
    first, *others = _aligned(b, xs)
    for other in others:
        first = b.node("Mul", first, other)
    return Value(first, layer.compute_output_shape([x.shape for x in xs]), xs[0].order)


def _concatenate(b: Builder, layer: Any, *xs: Value) -> Value:
    shape = layer.compute_output_shape([x.shape for x in xs])
    return b.apply("Concat", _aligned(b, xs), shape, xs[0].order, axis=xs[0].stored_axis(layer.axis))


def _dot(b: Builder, layer: Any, *xs: Value) -> Value:
    """The sum of products along an axis of each input, batch by batch."""
    axes = layer.axes if isinstance(layer.axes, Sequence) else (layer.axes, layer.axes)
    letters = iter("abcdefghijklmnop")
    names, terms = [], []
    for x, given in zip(xs, axes, strict=True):
        axis = given % len(x.shape)
        name = b.ordered(x)
        if layer.normalize:
            name = _normalized(b, name, [axis])
        names.append(name)
        terms.append("".join("n" if i == 0 else "z" if i == axis else next(letters) for i in range(len(x.shape))))
    free = "".join(letter for term in terms for letter in term if letter not in "nz")
    shape = layer.compute_output_shape([x.shape for x in xs])
    y = b.node("Einsum", *names, equation=f"{terms[0]},{terms[1]}->n{free}")
    return Value(y, shape, straight(len(shape))) if free else b.apply("Unsqueeze", [y, b.integers([1], "axes")], shape)


_LAYERS: dict[str, Any] = {
    **WINDOWS,
    "Activation": lambda b, layer, x: activate(b, layer.activation, x),
    "ActivityRegularization": _same,
    "Add": _merge("Sum"),
    "AlphaDropout": _same,
    "Average": _merge("Mean"),
    "BatchNormalization": _batch_normalization,
    "Concatenate": _concatenate,
    "CutMix": _same,
    "Dense": _dense,
    "Dot": _dot,
    "Dropout": _same,
    "ELU": lambda b, layer, x: b.each("Elu", x, alpha=layer.alpha),
    "Flatten": _flatten,
    "GaussianDropout": _same,
    "GaussianNoise": _same,
    "GroupNormalization": _group_normalization,
    "Identity": _same,
    "InputLayer": _same,
    "LayerNormalization": _layer_normalization,
    "LeakyReLU": lambda b, layer, x: relu(b, x, layer.negative_slope),
    "Maximum": _merge("Max"),
    "Minimum": _merge("Min"),
    "MixUp": _same,
    "Multiply": _multiply,
    "Normalization": _normalization,
    "PReLU": _prelu,
    "Permute": _permute,
    "RMSNormalization": _rms_normalization,
    "RandomBrightness": _same,
    "RandomColorJitter": _same,
    "RandomContrast": _same,
    "RandomErasing": _same,
    "RandomFlip": _same,
    "RandomGaussianBlur": _same,
    "RandomGrayscale": _same,
    "RandomHue": _same,
    "RandomRotation": _same,
    "RandomSaturation": _same,
    "RandomSharpness": _same,
    "RandomShear": _same,
    "RandomTranslation": _same,
    "RandomZoom": _same,
    "ReLU": lambda b, layer, x: relu(b, x, layer.negative_slope, layer.max_value, layer.threshold),
    "RepeatVector": _repeat_vector,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "SpatialDropout1D": _same,
    "SpatialDropout2D": _same,
    "Subtract": _merge("Sub"),
    "TimeDistributed": _time_distributed,
    "UnitNormalization": _unit_normalization,
}
