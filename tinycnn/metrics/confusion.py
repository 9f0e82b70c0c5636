"""How many predictions are right and wrong above a threshold, and the metrics that are ratios of these counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn.autograd import Variable
from tinycnn.checks import check_count, check_numbers
from tinycnn.errors import ShapeError
from tinycnn.metrics.metric import Metric, cell_weights, ratio
from tinycnn.ops.convert import TensorLike, convert_to_numpy
from tinycnn.registry import register

__all__ = ["FalseNegatives", "FalsePositives", "Precision", "Recall", "TrueNegatives", "TruePositives"]

Array = NDArray[Any]


def confusion_counts(y_true: Array, y_pred: Array, thresholds: Sequence[float], weights: Array) -> dict[str, Array]:
    """The weights of the true and false positives and negatives, at each threshold and for each label.

    Args:
        y_true: (N, L); what is not 0 is true.
        y_pred: (N, L); positive where it is larger than the threshold.
        thresholds: T numbers.
        weights: (N, L).

    Returns:
        "true_positives", "false_positives", "true_negatives" and "false_negatives", each (T, L).
    """
    order = np.argsort(thresholds)
    labels = y_pred.shape[1]
    passed = np.searchsorted(np.asarray(thresholds, y_pred.dtype)[order], y_pred)  # how many thresholds each prediction is larger than
    passed[np.isnan(y_pred)] = 0
    cells = (passed * labels + np.arange(labels)).ravel()
    back = np.argsort(order)

    def count(weight: Array) -> tuple[Array, Array]:
        """Above and below each threshold."""
        each = np.bincount(cells, weight.ravel(), (len(order) + 1) * labels).reshape(-1, labels)
        return each[::-1].cumsum(axis=0)[::-1][1:][back], each.cumsum(axis=0)[:-1][back]

    true = y_true != 0
    true_positives, false_negatives = count(weights * true)
    false_positives, true_negatives = count(weights * ~true)
    return {
        "true_positives": true_positives,
        "false_positives": false_positives,
        "true_negatives": true_negatives,
        "false_negatives": false_negatives,
    }


class ConfusionMetric(Metric):
    """Base of the metrics that count at thresholds: a subclass names what is `counted`, and defines `result`.

    Args:
        thresholds: numbers, checked by the subclass.
        name, dtype: see `Metric`.
        top_k: only the k largest predictions of a row can be positive.
        class_id: count this column only.
    """

    #: Which counts are kept, as attributes of these names.
    counted: ClassVar[tuple[str, ...]] = ("true_positives", "false_positives", "true_negatives", "false_negatives")
    true_positives: Variable
    false_positives: Variable
    true_negatives: Variable
    false_negatives: Variable

    def __init__(
        self,
        thresholds: Sequence[float],
        name: str | None = None,
        dtype: DTypeLike | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
    ) -> None:
        super().__init__(dtype, name)
        self.thresholds: Any = list(thresholds)
        self.top_k = _check_index("top_k", top_k, 1)
        self.class_id = _check_index("class_id", class_id, 0)
        self.make_counts((len(self.thresholds),))

    def make_counts(self, shape: Sequence[int]) -> None:
        """Make the state."""
        for name in self.counted:
            setattr(self, name, self.add_variable(shape, name=name))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Note a batch.

        Args:
            y_true: 0 and 1, (N, ...).
            y_pred: of the same shape, but for a last axis of size 1.
            sample_weight: with the leading axes of these.

        Raises:
            ShapeError, ArgumentError: if these do not fit.
        """
        true, pred = same_shape(y_true, y_pred)
        weights = np.ones(()) if sample_weight is None else cell_weights(sample_weight, pred.shape)
        weights = np.broadcast_to(weights, pred.shape)
        if self.top_k is not None:
            pred = _only_top(pred, self.top_k)
        if self.class_id is not None:
            if pred.ndim < 2 or self.class_id >= pred.shape[-1]:
                raise ShapeError(f"y_pred must have a column {self.class_id}, the class_id, got shape {pred.shape}")
            true, pred, weights = (a[..., self.class_id] for a in (true, pred, weights))
        self.note(true, pred, weights)

    def note(self, true: Array, pred: Array, weights: Array) -> None:
        """Count arrays of one shape."""
        counts = confusion_counts(true.reshape(-1, 1), pred.reshape(-1, 1), self.thresholds, weights.reshape(-1, 1))
        for name in self.counted:
            getattr(self, name).data += counts[name][:, 0]


def same_shape(y_true: TensorLike, y_pred: TensorLike) -> tuple[Array, Array]:
    """Two arrays of one shape, the second of floats; a last axis of size 1 may be missing on one side. Raises ShapeError."""
    true, pred = convert_to_numpy(y_true), convert_to_numpy(y_pred)
    if pred.dtype.kind != "f":
        pred = pred.astype(np.float64)
    if true.shape == pred.shape:
        return true, pred
    if true.shape in ((*pred.shape, 1), pred.shape[:-1] if pred.shape[-1:] == (1,) else None):
        return true.reshape(pred.shape), pred
    raise ShapeError(f"y_true must have the output's shape {pred.shape}, got {true.shape}")


def _only_top(pred: Array, k: int) -> Array:
    """All but the k largest of each row far below; of equal ones, the first are larger."""
    order = np.argsort(-pred, axis=-1, kind="stable")
    kept = np.zeros(pred.shape, bool)
    np.put_along_axis(kept, order[..., :k], True, axis=-1)
    return np.where(kept, pred, -np.inf).astype(pred.dtype)


def _check_index(name: str, value: int | None, least: int) -> int | None:
    return None if value is None else check_count(name, value, least)


class _AtThresholds(ConfusionMetric):
    """One value for each threshold; just the value, if there is one threshold."""

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
    ) -> None:
        default = [0.5 if top_k is None else -float(np.finfo(np.float32).max)]
        super().__init__(default if thresholds is None else check_numbers("thresholds", thresholds, 0, 1), name, dtype, top_k, class_id)
        self.init_thresholds = thresholds

    def values(self) -> Array:
        """One for each threshold."""
        raise NotImplementedError(f"{type(self).__name__} must define values()")

    def result(self) -> Any:
        values = self.values()
        return float(values[0]) if len(values) == 1 else values.copy()

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"thresholds": self.init_thresholds}


class _Count(_AtThresholds):
    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: DTypeLike | None = None) -> None:
        super().__init__(thresholds, name, dtype)

    def values(self) -> Array:
        return np.asarray(self.variables[0].data)


@register("metric", "true_positives")
class TruePositives(_Count):
    """The number, or the weight, of cells that are 1 and predicted larger than a threshold; several thresholds give several."""

    counted = ("true_positives",)


@register("metric", "true_negatives")
class TrueNegatives(_Count):
    """The number, or the weight, of cells that are 0 and not predicted larger than a threshold; several thresholds give several."""

    counted = ("true_negatives",)


@register("metric", "false_positives")
class FalsePositives(_Count):
    """The number, or the weight, of cells that are 0 but predicted larger than a threshold; several thresholds give several."""

    counted = ("false_positives",)


@register("metric", "false_negatives")
class FalseNegatives(_Count):
    """The number, or the weight, of cells that are 1 but not predicted larger than a threshold; several thresholds give several."""

    counted = ("false_negatives",)


class _TopOrClass(_AtThresholds):
    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(thresholds, name, dtype, top_k, class_id)

    def values(self) -> Array:
        return ratio(self.variables[0].data, self.variables[0].data + self.variables[1].data)


@register("metric", "precision")
class Precision(_TopOrClass):
    """How many of the cells predicted as 1 are: true positives / (true positives + false positives), 0 if there are none.

    Args:
        thresholds: from 0 to 1, what predictions must be larger than; default 0.5, or none with top_k. A list gives an array of results.
        top_k: only the k largest predictions of a row can be positive.
        class_id: count this column only.
        name, dtype: see `Metric`.
    """

    counted = ("true_positives", "false_positives")


@register("metric", "recall")
class Recall(_TopOrClass):
    """How many of the cells that are 1 are predicted so: true positives / (true positives + false negatives), 0 if there are none.

    Args:
        thresholds, top_k, class_id, name, dtype: see `Precision`.
    """

    counted = ("true_positives", "false_negatives")
