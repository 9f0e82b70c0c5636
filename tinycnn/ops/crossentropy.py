"""Cross-entropies, under the names and signatures of `keras.ops`."""

from __future__ import annotations

import numpy as np

from tinycnn import config
from tinycnn.autograd.tensor import Prepared, Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.ops import activation, array, math
from tinycnn.ops.convert import TensorLike, extremes, floats, integers
from tinycnn.rules.crossentropy import SoftmaxCrossentropy
from tinycnn.rules.op import normalize_axis

__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]

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
        return math.subtract(activation.softplus(output), math.multiply(target, output))
    p = math.clip(output, config.epsilon(), 1 - config.epsilon())
    positive = math.multiply(target, math.log(p))
    negative = math.multiply(math.subtract(1, target), math.log(math.subtract(1, p)))
    return math.negative(math.add(positive, negative))
