"""Losses watched as metrics: the mean of the loss function over all samples."""

from __future__ import annotations

import math

from tinycnn import losses
from tinycnn.autograd import Tensor
from tinycnn.metrics.metric import MeanMetricWrapper
from tinycnn.ops.convert import TensorLike
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
class MeanSquaredError(MeanMetricWrapper):
    """The mean of `losses.mean_squared_error`."""

    def __init__(self, name: str = "mean_squared_error") -> None:
        super().__init__(losses.mean_squared_error, name)


@register("metric", "root_mean_squared_error", "rmse", "RMSE")
class RootMeanSquaredError(MeanMetricWrapper):
    """The root of the mean of `losses.mean_squared_error`."""

    def __init__(self, name: str = "root_mean_squared_error") -> None:
        super().__init__(losses.mean_squared_error, name)

    def result(self) -> float:
        return math.sqrt(super().result())


@register("metric", "mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of `losses.mean_absolute_error`."""

    def __init__(self, name: str = "mean_absolute_error") -> None:
        super().__init__(losses.mean_absolute_error, name)


@register("metric", "mean_absolute_percentage_error", "mape", "MAPE")
class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean of `losses.mean_absolute_percentage_error`."""

    def __init__(self, name: str = "mean_absolute_percentage_error") -> None:
        super().__init__(losses.mean_absolute_percentage_error, name)


@register("metric", "mean_squared_logarithmic_error", "msle", "MSLE")
class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of `losses.mean_squared_logarithmic_error`."""

    def __init__(self, name: str = "mean_squared_logarithmic_error") -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name)


@register("metric", "log_cosh_error", "logcosh")
class LogCoshError(MeanMetricWrapper):
    """The mean of `losses.log_cosh`."""

    def __init__(self, name: str = "logcosh") -> None:
        super().__init__(losses.log_cosh, name)


def cosine(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """The cosine of the angle along `axis`; 1 is the same direction, unlike the loss."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


@register("metric", "cosine_similarity")
class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine between targets and outputs: 1 is the same direction, where the loss has -1."""

    def __init__(self, name: str = "cosine_similarity", axis: int = -1) -> None:
        super().__init__(cosine, name, axis=axis)


@register("metric", "categorical_crossentropy")
class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of `losses.categorical_crossentropy`."""

    def __init__(
        self, name: str = "categorical_crossentropy", from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
    ) -> None:
        super().__init__(losses.categorical_crossentropy, name, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


@register("metric", "sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of `losses.sparse_categorical_crossentropy`."""

    def __init__(self, name: str = "sparse_categorical_crossentropy", from_logits: bool = False, axis: int = -1) -> None:
        super().__init__(losses.sparse_categorical_crossentropy, name, from_logits=from_logits, axis=axis)


@register("metric", "binary_crossentropy", "bce", "BCE")
class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of `losses.binary_crossentropy`."""

    def __init__(self, name: str = "binary_crossentropy", from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(losses.binary_crossentropy, name, from_logits=from_logits, label_smoothing=label_smoothing)


@register("metric", "kl_divergence", "kld", "KLD")
class KLDivergence(MeanMetricWrapper):
    """The mean of `losses.kl_divergence`."""

    def __init__(self, name: str = "kl_divergence") -> None:
        super().__init__(losses.kl_divergence, name)


@register("metric", "poisson")
class Poisson(MeanMetricWrapper):
    """The mean of `losses.poisson`."""

    def __init__(self, name: str = "poisson") -> None:
        super().__init__(losses.poisson, name)


@register("metric", "hinge")
class Hinge(MeanMetricWrapper):
    """The mean of `losses.hinge`."""

    def __init__(self, name: str = "hinge") -> None:
        super().__init__(losses.hinge, name)


@register("metric", "squared_hinge")
class SquaredHinge(MeanMetricWrapper):
    """The mean of `losses.squared_hinge`."""

    def __init__(self, name: str = "squared_hinge") -> None:
        super().__init__(losses.squared_hinge, name)


@register("metric", "categorical_hinge")
class CategoricalHinge(MeanMetricWrapper):
    """The mean of `losses.categorical_hinge`."""

    def __init__(self, name: str = "categorical_hinge") -> None:
        super().__init__(losses.categorical_hinge, name)
