"""A learning rate as an optimizer keeps it: a number, a schedule or a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from tinycnn.checks import check_number
from tinycnn.optimizers.schedules import LearningRateSchedule
from tinycnn.saving.configurable import resolve

__all__ = ["RateNow", "as_rate", "current_rate"]


class RateNow(float):
    """A learning rate as it is now: a float that answers to what Keras's scripts say to a variable, `numpy()` and `assign(value)`."""

    def __new__(cls, value: float, assign: Callable[[Any], None]) -> RateNow:
        rate = super().__new__(cls, value)
        rate.assign = assign
        return rate

    #: Sets the learning rate of the optimizer that it is of.
    assign: Callable[[Any], None]

    def numpy(self) -> np.float64:
        """The number, as NumPy has it."""
        return np.float64(self)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """As a plain float, beside which float32 arrays stay float32."""
        return getattr(ufunc, method)(*[float(x) if isinstance(x, RateNow) else x for x in inputs], **kwargs)

    def __reduce__(self) -> Any:
        return float, (float(self),)


def as_rate(rate: Any) -> float | Callable[..., float]:
    """What a user gave as a learning rate, checked; a config becomes the schedule it describes."""
    if isinstance(rate, dict):
        rate = resolve("schedule", rate)
    return rate if callable(rate) else check_number("learning_rate", rate)


def current_rate(rate: float | Callable[..., float], step: int) -> float:
    """The learning rate of the step after `step` finished ones. Raises ArgumentError or DTypeError if a function gives no rate."""
    if isinstance(rate, float):
        return rate
    counts = isinstance(rate, LearningRateSchedule) or bool(inspect.signature(rate).parameters)
    return check_number("learning_rate", rate(step) if counts else rate())
