"""Losses watched as metrics: the mean of the loss function over all samples."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import DTypeLike

from tinycnn import losses, ops
from tinycnn.autograd import Tensor
from tinycnn.losses.targets import align
from tinycnn.metrics.metric import MeanMetricWrapper, PlainMetric, cell_weights
from tinycnn.ops.convert import TensorLike, convert_to_numpy
from tinycnn.registry import register

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
]


@register("metric", "mean_squared_error", "mse", "MSE")
class MeanSquaredError(PlainMetric):
    """The mean of `losses.mean_squared_error`."""

    function = staticmethod(losses.mean_squared_error)


def squared_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """(t - p) ** 2, cell by cell. Raises ShapeError if the shapes differ."""
    y_true, y_pred = align(y_true, y_pred)
    return ops.square(y_true - y_pred)


@register("metric", "root_mean_squared_error", "rmse", "RMSE")
class RootMeanSquaredError(PlainMetric):
    """The root of the mean of the squared errors."""

    function = staticmethod(squared_error)

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)

    def result(self) -> float:
        return math.sqrt(super().result())


@register("metric", "mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(PlainMetric):
    """The mean of `losses.mean_absolute_error`."""

    function = staticmethod(losses.mean_absolute_error)


@register("metric", "mean_absolute_percentage_error", "mape", "MAPE")
class MeanAbsolutePercentageError(PlainMetric):
    """The mean of `losses.mean_absolute_percentage_error`."""

    function = staticmethod(losses.mean_absolute_percentage_error)


@register("metric", "mean_squared_logarithmic_error", "msle", "MSLE")
class MeanSquaredLogarithmicError(PlainMetric):
    """The mean of `losses.mean_squared_logarithmic_error`."""

    function = staticmethod(losses.mean_squared_logarithmic_error)


@register("metric", "log_cosh_error", "logcosh")
class LogCoshError(PlainMetric):
    """The mean of `losses.log_cosh`."""

    function = staticmethod(losses.log_cosh)

    def __init__(self, name: str | None = "logcosh", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


def cosine(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """The cosine of the angle along `axis`; 1 is the same direction, unlike the loss."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


@register("metric", "cosine_similarity")
class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine between targets and outputs: 1 is the same direction, where the loss has -1."""

    def __init__(self, name: str = "cosine_similarity", dtype: DTypeLike | None = None, axis: int = -1) -> None:
        super().__init__(cosine, name, dtype, axis=axis)


@register("metric", "categorical_crossentropy")
class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of `losses.categorical_crossentropy`."""

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        settings: dict[str, Any] = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(losses.categorical_crossentropy, name, dtype, **settings)


@register("metric", "sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of `losses.sparse_categorical_crossentropy`; with sample weights, samples of `ignore_class` are no part of it."""

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        settings: dict[str, Any] = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **settings)

    def update_state(  # type: ignore[override]
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        if sample_weight is not None and self.settings["ignore_class"] is not None:
            labels = convert_to_numpy(y_true)
            sample_weight = cell_weights(sample_weight, labels.shape) * (labels != self.settings["ignore_class"])
        super().update_state(y_true, y_pred, sample_weight)


@register("metric", "binary_crossentropy", "bce", "BCE")
class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of `losses.binary_crossentropy`."""

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(losses.binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


@register("metric", "kl_divergence", "kld", "KLD")
class KLDivergence(PlainMetric):
    """The mean of `losses.kl_divergence`."""

    function = staticmethod(losses.kl_divergence)


@register("metric", "poisson")
class Poisson(PlainMetric):
    """The mean of `losses.poisson`."""

    function = staticmethod(losses.poisson)


@register("metric", "hinge")
class Hinge(PlainMetric):
    """The mean of `losses.hinge`."""

    function = staticmethod(losses.hinge)


@register("metric", "squared_hinge")
class SquaredHinge(PlainMetric):
    """The mean of `losses.squared_hinge`."""

    function = staticmethod(losses.squared_hinge)


@register("metric", "categorical_hinge")
class CategoricalHinge(PlainMetric):
    """The mean of `losses.categorical_hinge`."""

    function = staticmethod(losses.categorical_hinge)
