"""Losses under Keras's names: functions give one number for each sample, classes one for the batch."""

from collections.abc import Callable, Mapping
from typing import Any

from tinycnn.autograd import Tensor
from tinycnn.losses import classification, crossentropy, focal, metric_learning, overlap, regression
from tinycnn.losses.classification import *  # noqa: F403
from tinycnn.losses.classification import kl_divergence
from tinycnn.losses.crossentropy import *  # noqa: F403
from tinycnn.losses.crossentropy import binary_crossentropy
from tinycnn.losses.focal import *  # noqa: F403
from tinycnn.losses.loss import Loss, LossFunctionWrapper
from tinycnn.losses.metric_learning import *  # noqa: F403
from tinycnn.losses.overlap import *  # noqa: F403
from tinycnn.losses.regression import *  # noqa: F403
from tinycnn.losses.regression import (
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from tinycnn.saving import configurable
from tinycnn.saving.custom import within

__all__ = [
    "Loss",
    "LossFunctionWrapper",
    "deserialize",
    "get",
    "serialize",
    *classification.__all__,
    *crossentropy.__all__,
    *focal.__all__,
    *metric_learning.__all__,
    *overlap.__all__,
    *regression.__all__,
]

# Keras's short names.
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kl_divergence
logcosh = log_cosh


def get(identifier: Any) -> Loss | Callable[..., Tensor] | None:
    """A loss from a name ("mse" is the function, "MeanSquaredError" an instance), a class, an instance, a config or a function.

    None stays None. Raises ArgumentError for an unknown name.
    """
    found: Loss | Callable[..., Tensor] | None = None if identifier is None else configurable.resolve("loss", identifier)
    return found


def serialize(loss: Loss | Callable[..., Tensor]) -> Any:
    """{"class_name", "config"} of a loss; the name of a loss function."""
    return configurable.serialize(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss | Callable[..., Tensor] | None:
    """The inverse of `serialize`, as `get`; `custom_objects`: name -> class or function of your own, beside the registered ones."""
    with within(custom_objects):
        return get(name)
