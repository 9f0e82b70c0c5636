"""The ops of neural networks, under the names and signatures of `keras.ops`.

Activations are (N, H, W, C), convolution kernels (KH, KW, C, O). `data_format="channels_first"` is accepted and costs two transpositions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from tinycnn import config
from tinycnn.autograd import engine
from tinycnn.autograd.tensor import Tensor, apply
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.geometry import Padding
from tinycnn.kernels.spec import Activation, Array
from tinycnn.ops import array, math
from tinycnn.ops.convert import TensorLike, convert_to_tensor, floats, integers
from tinycnn.rules.activation import BiasActivation, Dropout, LogSoftmax, Softmax
from tinycnn.rules.convolution import Conv2d
from tinycnn.rules.crossentropy import SoftmaxCrossentropy
from tinycnn.rules.elementwise import Softplus
from tinycnn.rules.normalization import BatchNorm, BatchNormTraining
from tinycnn.rules.op import normalize_axis
from tinycnn.rules.pooling import AveragePool2d, MaxPool2d

__all__ = [
    "average_pool",
    "batch_normalization",
    "batch_normalization_training",
    "bias_activation",
    "binary_crossentropy",
    "categorical_crossentropy",
    "conv",
    "depthwise_conv",
    "dropout",
    "elu",
    "leaky_relu",
    "log_softmax",
    "max_pool",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "sparse_categorical_crossentropy",
    "tanh",
]

Size = int | Sequence[int]
DataFormat = Literal["channels_last", "channels_first"] | None


# ---- convolution and pooling
def _check_data_format(data_format: DataFormat) -> bool:
    """Whether channels come first."""
    if data_format not in (None, "channels_last", "channels_first"):
        raise ArgumentError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")
    return data_format == "channels_first"


def _spatial(op: Any, data_format: DataFormat, inputs: Tensor, *others: Tensor | None, **parameters: Any) -> Tensor:
    """Run a rule on (N, H, W, C), transposing there and back if channels come first."""
    if not _check_data_format(data_format):
        return apply(op, inputs, *others, **parameters)
    if inputs.ndim != 4:
        raise ShapeError(f"inputs must have 4 dimensions (batch, channels, height, width), got shape {inputs.shape}")
    y = apply(op, array.transpose(inputs, (0, 2, 3, 1)), *others, **parameters)
    return array.transpose(y, (0, 3, 1, 2))


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
    """2-D convolution (cross-correlation, as in every deep-learning library).

    Args:
        inputs: (N, H, W, C).
        kernel: (KH, KW, C / groups, O); fewer channels than the inputs' mean a grouped convolution.
        strides: int or (height, width), >= 1.
        padding: "same", "valid", or explicit cells: p, (p_h, p_w) or ((top, bottom), (left, right)).
        data_format: "channels_last" (default) or "channels_first".
        dilation_rate: int or (height, width), >= 1.
        bias: (O,), added to every cell; None for none.

    Returns:
        (N, OH, OW, O).

    Raises:
        ShapeError, ArgumentError, DTypeError: naming the argument, what came and what was expected.
    """
    tensors = floats(inputs, kernel) if bias is None else floats(inputs, kernel, bias)
    return _spatial(Conv2d, data_format, *tensors, strides=strides, padding=padding, dilation_rate=dilation_rate)


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
        inputs: (N, H, W, C).
        kernel: (KH, KW, C, M): M kernels for each channel.
        bias: (C * M,).
        strides, padding, data_format, dilation_rate: as in `conv`.

    Returns:
        (N, OH, OW, C * M); output channel c * M + m comes from channel c.

    Raises:
        ShapeError, ArgumentError, DTypeError: naming the argument, what came and what was expected.
    """
    tensors = floats(inputs, kernel) if bias is None else floats(inputs, kernel, bias)
    x, w, rest = tensors[0], tensors[1], tensors[2:]
    channel_axis = 1 if _check_data_format(data_format) else -1
    if w.ndim != 4 or x.ndim != 4 or w.shape[2] != x.shape[channel_axis]:
        raise ShapeError(
            f"a depthwise kernel must have shape (height, width, channels, multiplier) for inputs of shape {x.shape}, got {w.shape}"
        )
    kh, kw, c, m = w.shape
    grouped = array.reshape(w, (kh, kw, 1, c * m))  # the same cells: group c holds the M kernels of channel c
    return _spatial(Conv2d, data_format, x, grouped, *rest, strides=strides, padding=padding, dilation_rate=dilation_rate, groups=c)


def max_pool(
    inputs: TensorLike, pool_size: Size, strides: Size | None = None, padding: Padding = "valid", data_format: DataFormat = None
) -> Tensor:
    """The maximum of each window; padding cells do not take part, a tie gives its gradient to the first maximum.

    Args:
        inputs: (N, H, W, C).
        pool_size: int or (height, width), >= 1.
        strides: int or (height, width); default: pool_size.
        padding, data_format: as in `conv`; explicit padding must be smaller than the window.

    Returns:
        (N, OH, OW, C).

    Raises:
        ShapeError, ArgumentError, DTypeError: naming the argument, what came and what was expected.
    """
    return _spatial(MaxPool2d, data_format, *floats(inputs), pool_size=pool_size, strides=strides, padding=padding)


def average_pool(
    inputs: TensorLike, pool_size: Size, strides: Size | None = None, padding: Padding = "valid", data_format: DataFormat = None
) -> Tensor:
    """The mean of each window's cells that are not padding. Arguments, result and errors as in `max_pool`."""
    return _spatial(AveragePool2d, data_format, *floats(inputs), pool_size=pool_size, strides=strides, padding=padding)


# ---- activations
def bias_activation(x: TensorLike, bias: TensorLike | None = None, activation: Activation = "linear", alpha: float = 0.0) -> Tensor:
    """act(x + bias) in one pass over memory.

    Args:
        x: (..., C).
        bias: (C,) or None.
        activation: "linear", "relu", "leaky_relu", "elu", "sigmoid" or "tanh".
        alpha: slope of leaky_relu below 0, scale of elu below 0; >= 0.

    Raises:
        ShapeError, ArgumentError: if the bias does not fit, the activation is unknown or alpha is negative.
    """
    if bias is None:
        return apply(BiasActivation, *floats(x), kind=activation, alpha=alpha)
    return apply(BiasActivation, *floats(x, bias), kind=activation, alpha=alpha)


def relu(x: TensorLike) -> Tensor:
    """max(x, 0); the derivative at 0 is 0."""
    return bias_activation(x, None, "relu")


def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """x where x > 0, else negative_slope * x; the derivative at 0 is negative_slope, which must be >= 0."""
    return bias_activation(x, None, "leaky_relu", negative_slope)


def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha * (e ** x - 1), alpha >= 0 (Clevert et al. 2016)."""
    return bias_activation(x, None, "elu", alpha)


def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + e ** -x)"""
    return bias_activation(x, None, "sigmoid")


def tanh(x: TensorLike) -> Tensor:
    """The hyperbolic tangent."""
    return bias_activation(x, None, "tanh")


def softplus(x: TensorLike) -> Tensor:
    """ln(1 + e ** x), without overflow."""
    return apply(Softplus, *floats(x))


def softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """e ** x / sum(e ** x) along `axis`."""
    return apply(Softmax, *floats(x), axis=axis)


def log_softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """ln(softmax(x)) along `axis`, exact where the softmax itself would round to 0."""
    return apply(LogSoftmax, *floats(x), axis=axis)


def dropout(x: TensorLike, rate: float, seed: int) -> Tensor:
    """x with each cell set to 0 with probability `rate`, the others divided by 1 - rate (Srivastava et al. 2014, inverted).

    Args:
        x: any shape.
        rate: in [0, 1).
        seed: 64 bits; the same seed gives the same cells in every backend.

    Raises:
        ArgumentError: if rate is out of range.
    """
    return apply(Dropout, *floats(x), rate=rate, seed=seed)


# ---- normalisation
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """scale * (x - mean) / sqrt(variance + epsilon) + offset along `axis`, with given statistics; differentiable in all inputs.

    Args:
        x: at least 2 dimensions.
        mean, variance, offset, scale: (C,), C being the size of `axis`; offset None is 0, scale None is 1.
        epsilon: >= 0, keeps the root away from 0.

    Raises:
        ShapeError, ArgumentError: if a vector does not fit the axis or epsilon is negative.
    """
    x, mean, variance = floats(x, mean, variance)
    axis = normalize_axis(axis, x.ndim)
    channels = x.shape[axis]
    scale = convert_to_tensor(np.ones(channels, x.dtype) if scale is None else scale, x.dtype)
    offset = convert_to_tensor(np.zeros(channels, x.dtype) if offset is None else offset, x.dtype)
    y = apply(BatchNorm, array.moveaxis(x, axis, -1), mean, variance, scale, offset, epsilon=epsilon)
    return array.moveaxis(y, -1, axis)


def batch_normalization_training(
    x: TensorLike, scale: TensorLike, offset: TensorLike, epsilon: float = 1e-3
) -> tuple[Tensor, Array, Array]:
    """Batch normalisation over all but the last axis with the batch's own mean and biased variance (Ioffe & Szegedy 2015).

    Args:
        x: (..., C), at least 2 dimensions.
        scale, offset: (C,).
        epsilon: >= 0.

    Returns:
        y like x; the batch's mean and variance, ndarrays (C,), for moving averages. No gradient goes through these two.

    Raises:
        ShapeError, ArgumentError: if a vector does not fit or epsilon is negative.
    """
    y, saved, node = engine.record(BatchNormTraining, floats(x, scale, offset), {"epsilon": epsilon})
    return Tensor.wrap(y, node), saved[1], saved[2]


# ---- losses
def categorical_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1) -> Tensor:
    """-sum(target * ln(output)) along `axis`.

    Args:
        target: probabilities, of the shape of `output`.
        output: probabilities - they are divided by their sum and clipped to [1e-7, 1 - 1e-7] - or logits.
        from_logits: whether `output` holds logits.
        axis: the axis of the classes.

    Returns:
        One loss for each sample: the shape of `output` without `axis`.

    Raises:
        ShapeError: if the shapes differ.
    """
    output, target = floats(output, target)
    if output.shape != target.shape or output.ndim == 0:
        raise ShapeError(f"target must have the shape of output, got {target.shape} and {output.shape}")
    if from_logits:
        return apply(SoftmaxCrossentropy, array.moveaxis(output, axis, -1), array.moveaxis(target, axis, -1))
    probabilities = math.divide(output, math.sum(output, axis, keepdims=True))
    probabilities = math.clip(probabilities, config.epsilon(), 1 - config.epsilon())
    return math.negative(math.sum(math.multiply(target, math.log(probabilities)), axis))


def sparse_categorical_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1) -> Tensor:
    """-ln(output[target]) along `axis`: `categorical_crossentropy` with class numbers.

    Args:
        target: class numbers from 0 to C - 1, of the shape of `output` without `axis`, or with a 1 there.
        output, from_logits, axis: as in `categorical_crossentropy`.

    Raises:
        ShapeError: if the shapes do not fit.
        ArgumentError: if a label is out of range.
    """
    (output,) = floats(output)
    axis = normalize_axis(axis, output.ndim)
    classes = output.shape[axis]
    expected = output.shape[:axis] + output.shape[axis + 1 :]
    labels = integers(target, "target")
    if labels.ndim == output.ndim and labels.shape[axis] == 1:
        labels = labels.squeeze(axis)
    if labels.shape != expected:
        raise ShapeError(f"target must have shape {expected} for an output of shape {output.shape}, got {labels.shape}")
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ArgumentError(f"target must hold class numbers from 0 to {classes - 1}, got {labels.min()} to {labels.max()}")
    return categorical_crossentropy(array.one_hot(labels, classes, axis, output.dtype), output, from_logits, axis)


def binary_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False) -> Tensor:
    """-(target * ln(output) + (1 - target) * ln(1 - output)), cell by cell.

    Args:
        target: probabilities of the positive class, of the shape of `output`.
        output: probabilities - clipped to [1e-7, 1 - 1e-7] - or logits.
        from_logits: whether `output` holds logits.

    Raises:
        ShapeError: if the shapes differ.
    """
    output, target = floats(output, target)
    if output.shape != target.shape:
        raise ShapeError(f"target must have the shape of output, got {target.shape} and {output.shape}")
    if from_logits:  # ln(1 + e ** x) - target * x
        return math.subtract(softplus(output), math.multiply(target, output))
    p = math.clip(output, config.epsilon(), 1 - config.epsilon())
    positive = math.multiply(target, math.log(p))
    negative = math.multiply(math.subtract(1, target), math.log(math.subtract(1, p)))
    return math.negative(math.add(positive, negative))
