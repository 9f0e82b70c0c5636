"""A learning rate as an optimizer keeps it: a number, a schedule or a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tinycnn.checks import check_number
from tinycnn.optimizers.schedules import LearningRateSchedule
from tinycnn.saving.configurable import resolve

__all__ = ["as_rate", "current_rate"]


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
