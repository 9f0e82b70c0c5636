"""Counts along many thresholds: the area under a curve, and one value where another is large enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import ops
from tinycnn.checks import check_count, check_flag, check_number, check_numbers
from tinycnn.config import epsilon
from tinycnn.errors import ArgumentError, ShapeError, shown
from tinycnn.metrics.confusion import ConfusionMetric, confusion_counts
from tinycnn.metrics.metric import ratio
from tinycnn.ops.convert import TensorLike
from tinycnn.registry import register

__all__ = ["AUC", "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity"]

Array = NDArray[Any]
#: A number in a file must not take much memory.
_MAX_THRESHOLDS = 100_000
CURVES, SUMMATIONS = ("ROC", "PR", "PRGAIN"), ("interpolation", "majoring", "minoring")


def _spread(num_thresholds: int, least: int) -> list[float]:
    """`num_thresholds` numbers from 0 to 1, evenly spread."""
    count = check_count("num_thresholds", num_thresholds, least)
    if count > _MAX_THRESHOLDS:
        raise ArgumentError(f"num_thresholds must be at most {_MAX_THRESHOLDS:,}, got {shown(num_thresholds)}")
    return [i / (count - 1) for i in range(count)] if count > 1 else [0.5]


class _Rates(ConfusionMetric):
    """The rates at all thresholds; predictions outside of [0, 1] count as 0 or 1."""

    def note(self, true: Array, pred: Array, weights: Array) -> None:
        super().note(true, np.clip(pred, 0, 1), weights)

    def _recalls(self) -> Array:
        """The fraction of ones that is found; sensitivity is the same."""
        return ratio(self.true_positives.data, self.true_positives.data + self.false_negatives.data)

    def _precisions(self) -> Array:
        """The fraction of what is found that is one."""
        return ratio(self.true_positives.data, self.true_positives.data + self.false_positives.data)

    def _specificities(self) -> Array:
        """The fraction of zeros that is left."""
        return ratio(self.true_negatives.data, self.true_negatives.data + self.false_positives.data)


class _At(_Rates):
    """The largest of one rate, over the thresholds where another is at least `value`."""

    def __init__(
        self, argument: str, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: DTypeLike | None
    ) -> None:
        checked = check_number(argument, value, 0, 1)
        setattr(self, argument, checked)
        self.value = checked
        self.num_thresholds = num_thresholds
        super().__init__(_spread(num_thresholds, 1), name, dtype, class_id=class_id)

    def _largest(self, wanted: Array, given: Array) -> float:
        return float(wanted[given >= self.value].max(initial=0))


@register("metric", "sensitivity_at_specificity")
class SensitivityAtSpecificity(_At):
    """The best sensitivity, TP / (TP + FN), among the thresholds where specificity, TN / (TN + FP), is at least a given one.

    Args:
        specificity: from 0 to 1.
        num_thresholds: how many are tried, evenly spread from 0 to 1.
        class_id: count this column only.
        name, dtype: see `Metric`.
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__("specificity", specificity, num_thresholds, class_id, name, dtype)

    def result(self) -> float:
        return self._largest(self._recalls(), self._specificities())


@register("metric", "specificity_at_sensitivity")
class SpecificityAtSensitivity(_At):
    """The best specificity, TN / (TN + FP), among the thresholds where sensitivity, TP / (TP + FN), is at least a given one.

    Args:
        sensitivity: from 0 to 1.
        num_thresholds: how many are tried, evenly spread from 0 to 1.
        class_id: count this column only.
        name, dtype: see `Metric`.
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__("sensitivity", sensitivity, num_thresholds, class_id, name, dtype)

    def result(self) -> float:
        return self._largest(self._specificities(), self._recalls())


@register("metric", "precision_at_recall")
class PrecisionAtRecall(_At):
    """The best precision, TP / (TP + FP), among the thresholds where recall, TP / (TP + FN), is at least a given one.

    Args:
        recall: from 0 to 1.
        num_thresholds: how many are tried, evenly spread from 0 to 1.
        class_id: count this column only.
        name, dtype: see `Metric`.
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__("recall", recall, num_thresholds, class_id, name, dtype)

    def result(self) -> float:
        return self._largest(self._precisions(), self._recalls())


@register("metric", "recall_at_precision")
class RecallAtPrecision(_At):
    """The best recall, TP / (TP + FN), among the thresholds where precision, TP / (TP + FP), is at least a given one.

    Args:
        precision: from 0 to 1.
        num_thresholds: how many are tried, evenly spread from 0 to 1.
        class_id: count this column only.
        name, dtype: see `Metric`.
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__("precision", precision, num_thresholds, class_id, name, dtype)

    def result(self) -> float:
        return self._largest(self._recalls(), self._precisions())


@register("metric", "auc")
class AUC(_Rates):
    """The area under a curve, as a Riemann sum over thresholds.

    Args:
        num_thresholds: above 1; they are evenly spread from just below 0 to just above 1.
        curve: "ROC", sensitivity over 1 - specificity; "PR", precision over recall; or "PRGAIN" (Flach & Kull 2015).
        summation_method: "interpolation" takes the middle of each step's ends ("PR": the true curve between them), "majoring" the larger,
            "minoring" the smaller one.
        name, dtype: see `Metric`.
        thresholds: numbers from 0 to 1 in place of num_thresholds; the ends are added.
        multi_label: one curve for each column, and the mean of their areas; by default all cells make one curve.
        num_labels: columns, with multi_label only; by default those of the first batch.
        label_weights: a weight for each column: of its area in the mean, or (without multi_label) of its cells.
        from_logits: the outputs are logits.

    Raises:
        ArgumentError: naming the argument.
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: DTypeLike | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        self.curve, self.summation_method = str(curve).upper(), str(summation_method).lower()
        if self.curve not in CURVES:
            raise ArgumentError(f"curve must be one of {', '.join(CURVES)}, got {curve!r}")
        if self.summation_method not in SUMMATIONS:
            raise ArgumentError(f"summation_method must be one of {', '.join(SUMMATIONS)}, got {summation_method!r}")
        if num_labels is not None and not multi_label:
            raise ArgumentError("num_labels is for multi_label=True only")
        self.init_thresholds = None if thresholds is None else sorted(check_numbers("thresholds", thresholds, 0, 1))
        inner = _spread(num_thresholds, 2)[1:-1] if self.init_thresholds is None else self.init_thresholds
        self.num_thresholds = len(inner) + 2
        self.multi_label = check_flag("multi_label", multi_label)
        self.num_labels = None if num_labels is None else check_count("num_labels", num_labels)
        self.label_weights = None if label_weights is None else check_numbers("label_weights", label_weights)
        if self.label_weights and self.num_labels not in (None, len(self.label_weights)):
            raise ArgumentError(f"label_weights must have {self.num_labels} numbers, one for each label, got {len(self.label_weights)}")
        self.from_logits = check_flag("from_logits", from_logits)
        super().__init__([-epsilon(), *inner, 1 + epsilon()], name, dtype)

    def make_counts(self, shape: Sequence[int]) -> None:
        if not self.multi_label:
            super().make_counts(shape)
        elif self.num_labels is not None:
            super().make_counts((*shape, self.num_labels))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        super().update_state(y_true, ops.sigmoid(y_pred) if self.from_logits else y_pred, sample_weight)

    def note(self, true: Array, pred: Array, weights: Array) -> None:
        columns = len(self.label_weights) if self.label_weights is not None else self.num_labels
        if (self.multi_label and pred.ndim != 2) or (columns is not None and pred.shape[-1:] != (columns,)):
            raise ShapeError(f"y_pred must have shape (batch, {'labels' if columns is None else columns}), got {pred.shape}")
        if not self.multi_label:
            super().note(true, pred, weights if self.label_weights is None else weights * self.label_weights)
            return
        if not self.variables:
            ConfusionMetric.make_counts(self, (self.num_thresholds, pred.shape[1]))
        counts = confusion_counts(true, np.clip(pred, 0, 1), self.thresholds, weights)
        if self.true_positives.shape[1] != pred.shape[1]:
            raise ShapeError(f"y_pred must have {self.true_positives.shape[1]} columns, as before, got {pred.shape[1]}")
        for name in self.counted:
            getattr(self, name).data += counts[name]

    def result(self) -> float:
        if not self.variables:
            return 0.0
        interpolated = self.summation_method == "interpolation"
        steps = self._curve_between_thresholds() if self.curve == "PR" and interpolated else self._riemann_terms()
        areas = steps.sum(axis=0)
        if not self.multi_label:
            return float(areas)
        return float(np.average(areas, weights=self.label_weights))

    def _riemann_terms(self) -> Array:
        x, y = self._points()
        a, b = y[:-1], y[1:]
        heights = {"interpolation": (a + b) / 2, "majoring": np.maximum(a, b), "minoring": np.minimum(a, b)}
        return (x[:-1] - x[1:]) * heights[self.summation_method]

    def _points(self) -> tuple[Array, Array]:
        """Where the curve is at each threshold."""
        recall = self._recalls()
        if self.curve == "ROC":
            return ratio(self.false_positives.data, self.false_positives.data + self.true_negatives.data), recall
        if self.curve == "PR":
            return recall, self._precisions()
        tp, fp, fn = self.true_positives.data, self.false_positives.data, self.false_negatives.data
        odds = ratio(tp + fn, self.true_negatives.data + fp)
        recall_gain = np.where(tp == 0, 0, 1 - odds * ratio(fn, tp))
        return np.maximum(recall_gain, 0), np.where(tp == 0, 1, 1 - odds * ratio(fp, tp))

    def _curve_between_thresholds(self) -> Array:
        """Areas of the precision-recall curve where true positives grow in proportion to positives (Davis & Goadrich 2006)."""
        tp, positives = self.true_positives.data, self.true_positives.data + self.false_positives.data
        grown = tp[:-1] - tp[1:]
        slope = ratio(grown, np.maximum(positives[:-1] - positives[1:], 0))
        intercept = tp[1:] - slope * positives[1:]
        both = (positives[:-1] > 0) & (positives[1:] > 0)
        growth = np.where(both, ratio(positives[:-1], positives[1:]), 1)
        return ratio(slope * (grown + intercept * np.log(growth)), tp[1:] + self.false_negatives.data[1:])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"thresholds": self.init_thresholds}
