"""F-scores."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn.checks import check_number
from tinycnn.config import epsilon
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.metrics.confusion import same_shape
from tinycnn.metrics.metric import Metric, cell_weights
from tinycnn.ops.convert import TensorLike
from tinycnn.registry import register

__all__ = ["F1Score", "FBetaScore"]

Average = Literal["micro", "macro", "weighted"] | None


@register("metric", "fbeta_score", "f_beta_score")
class FBetaScore(Metric):
    """(1 + beta ** 2) * precision * recall / (beta ** 2 * precision + recall), for each class.

    Args:
        average: None: one score a class, an array; "macro": their mean; "weighted": weighted by the number of true cells;
            "micro": the score of all cells together.
        beta: above 0, how much more recall counts than precision.
        threshold: what predictions must be larger than, from above 0 to 1; None: the largest of each row is the prediction.
        name, dtype: see `Metric`.

    Raises:
        ArgumentError: naming the argument.
    """

    def __init__(
        self,
        average: Average = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: DTypeLike | None = None,
    ) -> None:
        if average not in (None, "micro", "macro", "weighted"):
            raise ArgumentError(f"average must be None, 'micro', 'macro' or 'weighted', got {average!r}")
        if not check_number("beta", beta):
            raise ArgumentError(f"beta must be > 0, got {beta!r}")
        if threshold is not None and not check_number("threshold", threshold, 0, 1):
            raise ArgumentError(f"threshold must be above 0 and at most 1, or None, got {threshold!r}")
        super().__init__(dtype, name)
        self.average = average
        self.beta = float(beta)
        self.threshold = threshold

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Note a batch: two arrays (N, classes), and a weight for each row. Raises ShapeError if they do not fit."""
        true, pred = same_shape(y_true, y_pred)
        shape = () if self.average == "micro" else pred.shape[1:]
        if pred.ndim != 2 or (self.variables and self.variables[0].shape != shape):
            raise ShapeError(f"y_pred must have shape (batch, classes), with the classes of the batches before, got {pred.shape}")
        weights = np.ones((len(pred), 1)) if sample_weight is None else cell_weights(sample_weight, pred.shape)
        if self.threshold is None:
            positive = (pred >= pred.max(axis=-1, keepdims=True)) & (np.abs(pred) > 1e-9)
        else:
            positive = pred > np.asarray(self.threshold, pred.dtype)
        if not self.variables:
            for name in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
                setattr(self, name, self.add_variable(shape, name=name))
        cells = [positive * true, positive * (1 - true), ~positive * true, true]
        for variable, values in zip(self.variables, cells, strict=True):
            variable.data += np.sum(values * weights, axis=None if self.average == "micro" else 0)

    def result(self) -> float | NDArray[np.float64]:
        if not self.variables:
            return 0.0
        tp, fp, fn, true = (variable.data for variable in self.variables)
        precision, recall = tp / (tp + fp + epsilon()), tp / (tp + fn + epsilon())
        score = np.asarray(precision * recall / (self.beta**2 * precision + recall + epsilon()) * (1 + self.beta**2))
        if self.average is None:
            return score
        return float((score * true / (true.sum() + epsilon())).sum() if self.average == "weighted" else score.mean())


@register("metric", "f1_score")
class F1Score(FBetaScore):
    """The harmonic mean of precision and recall: `FBetaScore` with beta 1.

    Args:
        average, threshold, name, dtype: see `FBetaScore`.
    """

    def __init__(
        self,
        average: Average = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
