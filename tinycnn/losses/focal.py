"""Focal cross-entropies: what is right already counts less (Lin et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import DTypeLike

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.config import epsilon
from tinycnn.errors import ShapeError
from tinycnn.losses.crossentropy import logits_if_known
from tinycnn.losses.loss import LossFunctionWrapper, Reduction
from tinycnn.losses.settings import check_setting
from tinycnn.losses.targets import align, like_output, one_hot_rows, takes
from tinycnn.ops.convert import TensorLike
from tinycnn.registry import register

__all__ = ["BinaryFocalCrossentropy", "CategoricalFocalCrossentropy", "binary_focal_crossentropy", "categorical_focal_crossentropy"]


@register("loss")
@takes(like_output)
def binary_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """(1 - q) ** gamma * cross-entropy, q = t * p + (1 - t) * (1 - p) being the probability of what is right; the mean over `axis`.

    Args:
        y_true, y_pred, from_logits, label_smoothing, axis: as in `binary_crossentropy`.
        apply_class_balancing: weigh ones by alpha and zeros by 1 - alpha.
        alpha: from 0 to 1.
        gamma: at least 0; 0 is the plain cross-entropy.

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
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    right = y_true * p + (1 - y_true) * (1 - p)
    values = (1 - right) ** gamma * ops.binary_crossentropy(y_true, y_pred, from_logits)
    if apply_class_balancing:
        values = (y_true * alpha + (1 - y_true) * (1 - alpha)) * values
    return ops.mean(values, axis)


@register("loss")
@takes(one_hot_rows)
def categorical_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-sum(alpha * (1 - p) ** gamma * t * ln(p)) over the classes, for one-hot targets t.

    Args:
        y_true, y_pred, from_logits, label_smoothing, axis: as in `categorical_crossentropy`.
        alpha: a weight for all classes, or one for each along the last axis.
        gamma: at least 0.

    Returns:
        One loss for each sample, (N, ...).

    Raises:
        ShapeError, ArgumentError: if the shapes differ or label_smoothing is out of range.
    """
    check_setting("label_smoothing", label_smoothing)
    y_pred, from_logits = logits_if_known(y_pred, from_logits, "softmax", axis)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    if y_true.shape != y_pred.shape:
        raise ShapeError(f"y_true must have the output's shape {y_pred.shape}, got {y_true.shape}")
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + label_smoothing / y_true.shape[axis]
    if from_logits:
        p, log_p = ops.softmax(y_pred, axis), ops.log_softmax(y_pred, axis)
    else:
        p = ops.clip(y_pred / ops.sum(y_pred, axis, keepdims=True), epsilon(), 1 - epsilon())
        log_p = ops.log(p)
    weight = ops.convert_to_tensor(alpha, y_pred.dtype)
    return -ops.sum(weight * (1 - p) ** gamma * y_true * log_p, axis)


@register("loss")
class BinaryFocalCrossentropy(LossFunctionWrapper):
    """See `binary_focal_crossentropy`."""

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        settings: dict[str, Any] = {
            "apply_class_balancing": apply_class_balancing,
            "alpha": alpha,
            "gamma": gamma,
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        super().__init__(binary_focal_crossentropy, reduction, name, dtype, **settings)


@register("loss")
class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """See `categorical_focal_crossentropy`."""

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        settings: dict[str, Any] = {
            "alpha": alpha,
            "gamma": gamma,
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        super().__init__(categorical_focal_crossentropy, reduction, name, dtype, **settings)
