"""Metrics under Keras's names: running values over batches. The functions give one number for each sample."""

from typing import Any

from tinycnn.errors import DTypeError
from tinycnn.losses import (
    binary_crossentropy,
    categorical_crossentropy,
    kl_divergence,
    mae,
    mean_absolute_error,
    mean_squared_error,
    mse,
    sparse_categorical_crossentropy,
)
from tinycnn.metrics import accuracies, from_losses
from tinycnn.metrics.accuracies import *  # noqa: F403
from tinycnn.metrics.accuracies import BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy
from tinycnn.metrics.from_losses import *  # noqa: F403
from tinycnn.metrics.metric import Mean, MeanMetricWrapper, Metric, Sum
from tinycnn.saving import configurable
from tinycnn.saving.configurable import serialize

__all__ = [
    "Mean",
    "MeanMetricWrapper",
    "Metric",
    "Sum",
    "binary_crossentropy",
    "categorical_crossentropy",
    "deserialize",
    "get",
    "kl_divergence",
    "mae",
    "mean_absolute_error",
    "mean_squared_error",
    "mse",
    "resolve",
    "serialize",
    "sparse_categorical_crossentropy",
    *accuracies.__all__,
    *from_losses.__all__,
]

Shape = tuple[int | None, ...]


def get(identifier: Any) -> Any:
    """A metric from a name ("mse" or "MeanSquaredError"), a class, an instance or a config; a function comes back as it is.

    None stays None. Raises ArgumentError for an unknown name.
    """
    return None if identifier is None else configurable.resolve("metric", identifier)


deserialize = get


def resolve(identifier: Any, y_true_shape: Shape, y_pred_shape: Shape) -> Metric:
    """What `compile` makes of an entry of `metrics`: always a Metric, named as the user wrote it.

    "accuracy" and "acc" are the one that fits the shapes: BinaryAccuracy for outputs with a last axis of size 1,
    SparseCategoricalAccuracy for class numbers, CategoricalAccuracy for one-hot rows.

    Args:
        identifier: a name, a function or anything else that `get` takes.
        y_true_shape, y_pred_shape: with the batch axis, whose size may be None.

    Raises:
        ArgumentError, DTypeError: for an unknown name, or for what is no metric.
    """
    if isinstance(identifier, str):
        if identifier.lower() in ("accuracy", "acc"):
            return _accuracy_for(y_true_shape, y_pred_shape)(name=identifier)
        metric: Metric = configurable.resolve("metric", identifier)
        metric.name = identifier
        return metric
    metric = get(identifier)
    if isinstance(metric, Metric):
        return metric
    if not callable(metric):
        raise DTypeError(f"metrics must hold names, metrics or functions, got {identifier!r}")
    return MeanMetricWrapper(metric)


def _accuracy_for(y_true_shape: Shape, y_pred_shape: Shape) -> type[BinaryAccuracy | SparseCategoricalAccuracy | CategoricalAccuracy]:
    if y_pred_shape[-1] == 1:
        return BinaryAccuracy
    if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1:
        return SparseCategoricalAccuracy
    return CategoricalAccuracy
