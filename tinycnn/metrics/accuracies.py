"""How often the prediction is right. The functions give 1 or 0 for each sample, the classes their mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn.config import floatx
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.metrics.metric import MeanMetricWrapper, PlainMetric
from tinycnn.ops.convert import TensorLike, convert_to_numpy, integers
from tinycnn.registry import register

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]

Array = NDArray[Any]


def _same_shape(y_true: TensorLike, y_pred: TensorLike) -> tuple[Array, Array]:
    """Two arrays of one shape; a last axis of size 1 may be missing on one side."""
    target, output = convert_to_numpy(y_true), convert_to_numpy(y_pred)
    if target.shape != output.shape:
        if (*target.shape, 1) == output.shape:
            target = target[..., None]
        elif target.shape == (*output.shape, 1):
            output = output[..., None]
        else:
            raise ShapeError(f"y_true must have the output's shape {output.shape}, got {target.shape}")
    return target, output


def _labels(y_true: TensorLike, output: Array) -> Array:
    """Class numbers (N, ...) for scores (N, ..., C)."""
    labels = integers(y_true, "y_true")
    if labels.ndim == output.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.shape != output.shape[:-1]:
        raise ShapeError(f"y_true must hold class numbers of shape {output.shape[:-1]}, got shape {labels.shape}")
    return labels


def _one_hot_labels(y_true: TensorLike, output: Array) -> Array:
    """The class numbers of one-hot rows (N, ..., C), for scores of the same shape."""
    target = convert_to_numpy(y_true)
    if target.shape != output.shape:
        raise ShapeError(f"y_true must hold one-hot rows of the output's shape {output.shape}, got {target.shape}")
    return np.asarray(target.argmax(axis=-1))


def _ones_and_zeros(right: Any) -> Array:
    return np.asarray(right, floatx())


def _scores(y_pred: TensorLike) -> Array:
    output = convert_to_numpy(y_pred)
    if output.ndim < 1 or output.shape[-1] == 0:
        raise ShapeError(f"y_pred must hold one score for each class, (..., classes), got shape {output.shape}")
    return output


def accuracy(y_true: TensorLike, y_pred: TensorLike) -> Array:
    """y_true == y_pred, cell by cell. Raises ShapeError if the shapes differ."""
    target, output = _same_shape(y_true, y_pred)
    return _ones_and_zeros(target == output)


def binary_accuracy(y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5) -> Array:
    """y_true == (y_pred > threshold), cell by cell. Raises ShapeError if the shapes differ."""
    target, output = _same_shape(y_true, y_pred)
    return _ones_and_zeros(target == (output > threshold))


def categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Array:
    """Whether the largest score is at the 1 of the one-hot row; (N, ..., C) twice -> (N, ...). Raises ShapeError if the shapes differ."""
    output = _scores(y_pred)
    return _ones_and_zeros(_one_hot_labels(y_true, output) == output.argmax(axis=-1))


def sparse_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Array:
    """Whether the largest score is at the class number; (N, ...) or (N, ..., 1), (N, ..., C) -> (N, ...).

    Raises:
        ShapeError, DTypeError: if the shapes do not fit, or y_true is not made of whole numbers.
    """
    output = _scores(y_pred)
    return _ones_and_zeros(_labels(y_true, output) == output.argmax(axis=-1))


def top_k_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike, k: int = 5) -> Array:
    """Whether fewer than k scores are larger than that at the 1 of the one-hot row; (N, ..., C) twice -> (N, ...).

    Raises:
        ShapeError: if the shapes differ.
    """
    output = _scores(y_pred)
    return _in_top_k(_one_hot_labels(y_true, output), output, k)


def sparse_top_k_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike, k: int = 5, from_sorted_ids: bool = False) -> Array:
    """Whether fewer than k scores are larger than that at the class number; (N, ...) or (N, ..., 1), (N, ..., C) -> (N, ...).

    With `from_sorted_ids` y_pred holds class numbers, the likeliest first: whether y_true is among the first k.

    Raises:
        ShapeError, DTypeError, ArgumentError: if the shapes do not fit, labels are not whole or out of range.
    """
    output = _scores(y_pred)
    labels = _labels(y_true, output)
    if from_sorted_ids:
        return _ones_and_zeros((output[..., :k] == labels[..., None]).any(axis=-1))
    if labels.size and (labels.min() < 0 or labels.max() >= output.shape[-1]):
        raise ArgumentError(f"y_true must hold class numbers from 0 to {output.shape[-1] - 1}, got {labels.min()} to {labels.max()}")
    return _in_top_k(labels, output, k)


def _in_top_k(labels: Array, output: Array, k: int) -> Array:
    own = np.take_along_axis(output, labels[..., None], axis=-1)
    rank = (output > own).sum(axis=-1)
    return _ones_and_zeros((rank < k) & ~np.isnan(own[..., 0]))


@register("metric", "accuracy")
class Accuracy(PlainMetric):
    """How often predictions equal labels, cell by cell. In `compile`, "accuracy" means the one of this family that fits the targets."""

    function = staticmethod(accuracy)


@register("metric", "binary_accuracy")
class BinaryAccuracy(MeanMetricWrapper):
    """How often a probability is on the right side of `threshold`, from 0 to 1."""

    def __init__(self, name: str = "binary_accuracy", dtype: DTypeLike | None = None, threshold: float = 0.5) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


@register("metric", "categorical_accuracy")
class CategoricalAccuracy(PlainMetric):
    """How often the largest score is at the 1 of the one-hot row."""

    function = staticmethod(categorical_accuracy)


@register("metric", "sparse_categorical_accuracy")
class SparseCategoricalAccuracy(PlainMetric):
    """How often the largest score is at the class number."""

    function = staticmethod(sparse_categorical_accuracy)


@register("metric", "top_k_categorical_accuracy")
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the 1 of the one-hot row is among the k largest scores; k is an int >= 1."""

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: DTypeLike | None = None) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


@register("metric", "sparse_top_k_categorical_accuracy")
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class number is among the k largest scores; k is an int >= 1.

    With `from_sorted_ids` the outputs are class numbers, the likeliest first, in place of scores.
    """

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: DTypeLike | None = None,
        from_sorted_ids: bool = False,
    ) -> None:
        settings: dict[str, Any] = {"k": k} | ({"from_sorted_ids": from_sorted_ids} if from_sorted_ids else {})
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, **settings)
