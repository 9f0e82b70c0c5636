"""Optimizers under Keras's names and with its formulas."""

from collections.abc import Mapping
from typing import Any

from tinycnn.errors import DTypeError
from tinycnn.optimizers import legacy, schedules
from tinycnn.optimizers.adafactor import Adafactor
from tinycnn.optimizers.adagrad import Adadelta, Adagrad
from tinycnn.optimizers.adam import Adam, AdamW
from tinycnn.optimizers.adamax import Adamax, Nadam
from tinycnn.optimizers.ftrl import Ftrl
from tinycnn.optimizers.lamb import Lamb
from tinycnn.optimizers.lion import Lion
from tinycnn.optimizers.optimizer import Optimizer
from tinycnn.optimizers.rmsprop import RMSprop
from tinycnn.optimizers.schedules import LearningRateSchedule
from tinycnn.optimizers.sgd import SGD
from tinycnn.saving import configurable
from tinycnn.saving.custom import within

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "LearningRateSchedule",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]


def get(identifier: Any) -> Optimizer:
    """An optimizer from a name ("adam", "Adam"), a class, an instance or a config.

    Raises:
        ArgumentError, DTypeError: for an unknown name, or for what is no optimizer.
    """
    found = configurable.resolve("optimizer", identifier) if not isinstance(identifier, Optimizer) else identifier
    if not isinstance(found, Optimizer):
        raise DTypeError(f"optimizer must be a name, a class, an instance or a config, got {identifier!r}")
    return found


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """{"class_name", "config"} of an optimizer."""
    plain: dict[str, Any] = configurable.serialize(optimizer)
    return plain


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """The inverse of `serialize`, as `get`; `custom_objects`: name -> class of your own, beside the registered ones."""
    with within(custom_objects):
        return get(config)
