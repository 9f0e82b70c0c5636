"""Metrics under Keras's names: running values over batches. The functions give one number for each sample."""

from collections.abc import Mapping
from typing import Any

from tinycnn.errors import DTypeError
from tinycnn.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from tinycnn.metrics import accuracies, confusion, curves, from_losses, fscore, iou, regression
from tinycnn.metrics.accuracies import *  # noqa: F403
from tinycnn.metrics.accuracies import BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy
from tinycnn.metrics.confusion import *  # noqa: F403
from tinycnn.metrics.curves import *  # noqa: F403
from tinycnn.metrics.from_losses import *  # noqa: F403
from tinycnn.metrics.fscore import *  # noqa: F403
from tinycnn.metrics.iou import *  # noqa: F403
from tinycnn.metrics.metric import Mean, MeanMetricWrapper, Metric, Sum
from tinycnn.metrics.regression import *  # noqa: F403
from tinycnn.saving import configurable
from tinycnn.saving.custom import within

__all__ = [
    "Mean",
    "MeanMetricWrapper",
    "Metric",
    "Sum",
    "deserialize",
    "get",
    "resolve",
    "serialize",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    *accuracies.__all__,
    *confusion.__all__,
    *curves.__all__,
    *from_losses.__all__,
    *fscore.__all__,
    *iou.__all__,
    *regression.__all__,
]

Shape = tuple[int | None, ...]


def get(identifier: Any) -> Any:
    """A metric from a name ("mse" or "MeanSquaredError"), a class, an instance or a config; a function comes back as it is.

    None stays None. Raises ArgumentError for an unknown name.
    """
    return None if identifier is None else configurable.resolve("metric", identifier)


def serialize(metric: Any) -> Any:
    """{"class_name", "config"} of a metric; the name of a registered function."""
    return configurable.serialize(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The inverse of `serialize`, as `get`; `custom_objects`: name -> class or function of your own, beside the registered ones."""
    with within(custom_objects):
        return get(config)


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
