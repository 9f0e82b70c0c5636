"""How much of the targets' variation is explained, and how targets and outputs go together."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.checks import check_count
from tinycnn.config import epsilon
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.losses.targets import align
from tinycnn.metrics.confusion import same_shape
from tinycnn.metrics.metric import MeanMetricWrapper, Metric, cell_weights
from tinycnn.ops.convert import TensorLike
from tinycnn.registry import register

__all__ = ["ConcordanceCorrelation", "PearsonCorrelation", "R2Score", "concordance_correlation", "pearson_correlation"]


@register("metric", "r2_score")
class R2Score(Metric):
    """1 - sum((t - p) ** 2) / sum((t - mean(t)) ** 2), the coefficient of determination; 1 is perfect, 0 as good as the mean.

    Args:
        class_aggregation: "uniform_average": the mean over the columns; "variance_weighted_average": weighted by their targets' variance;
            None: one a column, an array.
        num_regressors: p > 0 gives the adjusted score 1 - (1 - R2) * (n - 1) / (n - p - 1) for n numbers.
        name, dtype: see `Metric`.

    Raises:
        ArgumentError: naming the argument.
    """

    def __init__(
        self,
        class_aggregation: Literal["uniform_average", "variance_weighted_average"] | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: DTypeLike | None = None,
    ) -> None:
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ArgumentError(
                f"class_aggregation must be None, 'uniform_average' or 'variance_weighted_average', got {class_aggregation!r}"
            )
        super().__init__(dtype, name)
        self.class_aggregation = class_aggregation
        self.num_regressors = check_count("num_regressors", num_regressors, 0)
        self.num_samples = self.add_variable(name="num_samples")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Note a batch: two arrays (N, columns), and a weight for each row. Raises ShapeError if they do not fit."""
        true, pred = same_shape(y_true, y_pred)
        true, pred = true.astype(np.float64), pred.astype(np.float64)
        known = self.variables[1:]
        if pred.ndim != 2 or (known and known[0].shape != pred.shape[1:]):
            raise ShapeError(f"y_pred must have shape (batch, columns), with the columns of the batches before, got {pred.shape}")
        weights = np.ones(()) if sample_weight is None else cell_weights(sample_weight, pred.shape)
        weights = np.broadcast_to(weights, pred.shape)
        if not known:
            known = [self.add_variable(pred.shape[1:], name=name) for name in ("squared_sum", "sum", "residual", "count")]
        cells = [true**2 * weights, true * weights, (true - pred) ** 2 * weights, weights]
        for variable, values in zip(known, cells, strict=True):
            variable.data += values.sum(axis=0)
        self.num_samples.data += true.size

    def result(self) -> float | NDArray[np.float64]:
        if len(self.variables) == 1:
            return 0.0
        squares, total, residual, count = (variable.data for variable in self.variables[1:])
        with np.errstate(divide="ignore", invalid="ignore"):
            variation = squares - total * (total / count)
            scores = 1 - residual / variation
        scores = np.where(np.isinf(scores), 0, scores)
        if self.class_aggregation == "variance_weighted_average":
            scores = (variation * scores).sum() / variation.sum()
        elif self.class_aggregation == "uniform_average":
            scores = scores.mean()
        scores = self._adjusted(scores)
        return float(scores) if scores.ndim == 0 else scores

    def _adjusted(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.num_regressors:
            return scores
        n = float(self.num_samples.data)
        if self.num_regressors >= n - 1:
            warnings.warn(
                f"num_regressors is {self.num_regressors}, too many for {n:.0f} numbers: the R2 score is not adjusted", stacklevel=3
            )
            return scores
        return np.asarray(1 - (1 - scores) * (n - 1) / (n - self.num_regressors - 1))


def pearson_correlation(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """Pearson's correlation coefficient along `axis`, from -1 to 1. Raises ShapeError if the shapes differ."""
    y_true, y_pred = (x - ops.mean(x, axis, keepdims=True) for x in align(y_true, y_pred))
    return ops.mean(y_true / ops.std(y_true, axis, keepdims=True) * (y_pred / ops.std(y_pred, axis, keepdims=True)), axis)


def concordance_correlation(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """2 * covariance / (both variances + squared difference of the means + 1e-7) along `axis` (Lin 1989): 1 if targets and outputs agree.

    Raises:
        ShapeError: if the shapes differ.
    """
    y_true, y_pred = align(y_true, y_pred)
    true_mean, pred_mean = ops.mean(y_true, axis, keepdims=True), ops.mean(y_pred, axis, keepdims=True)
    covariance = ops.mean((y_true - pred_mean) * (y_pred - pred_mean), axis)
    spread = ops.var(y_true, axis) + ops.var(y_pred, axis) + ops.mean(ops.square(true_mean - pred_mean), axis)
    return 2 * covariance / (spread + epsilon())


@register("metric", "pearson_correlation")
class PearsonCorrelation(MeanMetricWrapper):
    """The mean of `pearson_correlation`."""

    def __init__(self, name: str = "pearson_correlation", dtype: DTypeLike | None = None, axis: int = -1) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)


@register("metric", "concordance_correlation")
class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of `concordance_correlation`."""

    def __init__(self, name: str = "concordance_correlation", dtype: DTypeLike | None = None, axis: int = -1) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
