"""Activations and losses, under the names and signatures of `keras.ops`."""

from __future__ import annotations

import numpy as np

from tinycnn import config
from tinycnn.autograd.tensor import Prepared, Tensor, apply
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.kernels.spec import Activation
from tinycnn.ops import array, math
from tinycnn.ops.convert import TensorLike, extremes, floats, integers
from tinycnn.rules.activation import BiasActivation, Dropout, LogSoftmax, Softmax
from tinycnn.rules.crossentropy import SoftmaxCrossentropy
from tinycnn.rules.elementwise import Softplus
from tinycnn.rules.fused import Affine
from tinycnn.rules.op import normalize_axis

__all__ = [
    "affine",
    "bias_activation",
    "binary_crossentropy",
    "categorical_crossentropy",
    "dropout",
    "elu",
    "leaky_relu",
    "log_softmax",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "sparse_categorical_crossentropy",
    "tanh",
]


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


def affine(
    x: TensorLike, kernel: TensorLike, bias: TensorLike | None = None, activation: Activation = "linear", alpha: float = 0.0
) -> Tensor:
    """act(x @ kernel + bias), as one op.

    Args:
        x: (..., K).
        kernel: (K, O).
        bias: (O,) or None.
        activation, alpha: as in `bias_activation`.

    Raises:
        ShapeError, ArgumentError: naming what does not fit.
    """
    tensors = floats(x, kernel) if bias is None else floats(x, kernel, bias)
    return apply(Affine, *tensors, kind=activation, alpha=alpha)


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


# ---- losses
_softmax_crossentropy = Prepared(SoftmaxCrossentropy)


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
    shape = output.data.shape
    if shape != target.data.shape or not shape:
        raise ShapeError(f"target must have the shape of output, got {target.shape} and {shape}")
    return _crossentropy(target, output, from_logits, axis)


def _crossentropy(target: Tensor, output: Tensor, from_logits: bool, axis: int) -> Tensor:
    """`categorical_crossentropy` of two Tensors of one shape and dtype."""
    if from_logits:
        if axis not in (-1, output.data.ndim - 1):
            output, target = array.moveaxis(output, axis, -1), array.moveaxis(target, axis, -1)
        return _softmax_crossentropy(output, target)
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
    shape = output.data.shape
    axis = normalize_axis(axis, len(shape))
    classes = shape[axis]
    expected = shape[:axis] + shape[axis + 1 :]
    labels = integers(target, "target")
    if labels.ndim == len(shape) and labels.shape[axis] == 1:
        labels = labels.squeeze(axis)
    if labels.shape != expected:
        raise ShapeError(f"target must have shape {expected} for an output of shape {shape}, got {labels.shape}")
    least, largest = extremes(labels) if labels.size else (0, -1)
    if least < 0 or largest >= classes:
        raise ArgumentError(f"target must hold class numbers from 0 to {classes - 1}, got {least} to {largest}")
    rows = array.unit_rows(labels, classes, output.data.dtype)
    if axis != len(shape) - 1:
        rows = np.moveaxis(rows, -1, axis)
    return _crossentropy(Tensor.wrap(rows), output, from_logits, axis)


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
