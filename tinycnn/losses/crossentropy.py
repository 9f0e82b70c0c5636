"""Cross-entropies of classifiers.

After an activation that remembers its logits (`activations.softmax`, `activations.sigmoid`), the loss is computed from these: the
probabilities alone give no gradient where they have rounded to 0 or 1.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike, NDArray

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.losses.loss import LossFunctionWrapper, Reduction
from tinycnn.losses.settings import check_setting
from tinycnn.losses.targets import align, class_numbers, like_output, one_hot_rows, takes
from tinycnn.ops import crossentropy
from tinycnn.ops.convert import TensorLike, convert_to_numpy, floats, integers
from tinycnn.registry import register

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_generalized_cross_entropy",
    "sparse_categorical_crossentropy",
]


def logits_if_known(y_pred: TensorLike, from_logits: bool, made_by: str, axis: int = -1) -> tuple[Tensor, bool]:
    """The logits that `y_pred` was made from by the activation `made_by`, where it remembers them, else `y_pred`; and which of the two."""
    (y_pred,) = floats(y_pred)
    if from_logits or y_pred._logits is None or y_pred._logits[0] != made_by or axis not in (-1, y_pred.data.ndim - 1):
        return y_pred, from_logits
    return y_pred._logits[1], True


@register("loss")
@takes(one_hot_rows)
def categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """-sum(t * ln(p)) over the classes, for one-hot targets t.

    Args:
        y_true: probabilities, (N, ..., C).
        y_pred: probabilities (divided by their sum, clipped to [1e-7, 1 - 1e-7]) or logits, of the same shape.
        from_logits: whether `y_pred` holds logits.
        label_smoothing: s in t * (1 - s) + s / C, from 0 to 1 (Szegedy et al. 2016).
        axis: the axis of the classes.

    Returns:
        One loss for each sample, (N, ...).

    Raises:
        ShapeError, ArgumentError: if the shapes differ or label_smoothing is out of range.
    """
    check_setting("label_smoothing", label_smoothing)
    y_pred, from_logits = logits_if_known(y_pred, from_logits, "softmax", axis)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + label_smoothing / y_true.shape[axis]
    return crossentropy.categorical_crossentropy(y_true, y_pred, from_logits, axis)


@register("loss")
@takes(class_numbers)
def sparse_categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """-ln(p[t]): `categorical_crossentropy` for class numbers t.

    Args:
        y_true: class numbers from 0 to C - 1, (N, ...) or (N, ..., 1).
        y_pred, from_logits, axis: as in `categorical_crossentropy`.
        ignore_class: a class number whose samples have loss 0, whatever is predicted; it may be out of range.

    Returns:
        One loss for each sample, (N, ...).

    Raises:
        ShapeError, DTypeError, ArgumentError: if the shapes do not fit, labels are not whole or out of range.
    """
    y_pred, from_logits = logits_if_known(y_pred, from_logits, "softmax", axis)
    if ignore_class is None:
        return crossentropy.sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis)
    labels = integers(convert_to_numpy(y_true), "y_true")
    counted = labels != ignore_class
    values = crossentropy.sparse_categorical_crossentropy(labels * counted, y_pred, from_logits, axis)
    return ops.where(counted.reshape(values.shape), values, 0.0)


@register("loss", "bce", "BCE")
@takes(like_output)
def binary_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """-(t * ln(p) + (1 - t) * ln(1 - p)), the mean over `axis`.

    Args:
        y_true: probabilities of the positive class, 0 or 1 as a rule, (N, ..., C).
        y_pred: probabilities (clipped to [1e-7, 1 - 1e-7]) or logits, of the same shape.
        from_logits: whether `y_pred` holds logits.
        label_smoothing: s in t * (1 - s) + s / 2, from 0 to 1.
        axis: the axis to average over.

    Returns:
        One loss for each sample, (N, ...).

    Raises:
        ShapeError, ArgumentError: if the shapes differ or label_smoothing is out of range.
    """
    check_setting("label_smoothing", label_smoothing)
    y_pred, from_logits = logits_if_known(y_pred, from_logits, "sigmoid")
    y_true, y_pred = align(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + label_smoothing / 2
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits), axis)


@register("loss")
@takes(class_numbers)
def categorical_generalized_cross_entropy(y_true: TensorLike, y_pred: TensorLike, q: float) -> Tensor:
    """(1 - p[t] ** q) / q for class numbers t: between cross-entropy (q near 0) and absolute error (q = 1), for noisy labels.

    Zhang & Sabuncu 2018.

    Args:
        y_true: class numbers from 0 to C - 1, (N, ...) or (N, ..., 1).
        y_pred: probabilities, (N, ..., C).
        q: between 0 and 1.

    Returns:
        One loss for each sample, (N, ...).

    Raises:
        ShapeError, DTypeError, ArgumentError: if the shapes do not fit, labels are not whole or out of range, or q is out of range.
    """
    check_setting("q", q)
    (y_pred,) = floats(y_pred)
    class_numbers(convert_to_numpy(y_true), y_pred.shape)
    labels = integers(convert_to_numpy(y_true), "y_true").reshape(y_pred.shape[:-1])
    right = ops.sum(y_pred * ops.one_hot(labels, y_pred.shape[-1], dtype=y_pred.dtype), -1)
    return (1 - right**q) / q


@register("loss")
class CategoricalCrossentropy(LossFunctionWrapper):
    """See `categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        settings: dict[str, Any] = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **settings)


@register("loss")
class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """See `sparse_categorical_crossentropy`; samples of `ignore_class` are no part of the mean."""

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: Reduction = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        settings: dict[str, Any] = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **settings)

    def counted(self, y_true: TensorLike, values: Tensor) -> NDArray[Any] | None:
        ignored = self.settings["ignore_class"]
        return None if ignored is None else convert_to_numpy(y_true) != ignored


@register("loss")
class BinaryCrossentropy(LossFunctionWrapper):
    """See `binary_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        settings: dict[str, Any] = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **settings)


@register("loss")
class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """See `categorical_generalized_cross_entropy`."""

    def __init__(
        self,
        q: float = 0.5,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
