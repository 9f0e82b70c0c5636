"""The base of learning rate schedules."""

from __future__ import annotations

from typing import Any

__all__ = ["LearningRateSchedule"]


class LearningRateSchedule:
    """A learning rate that depends on the step. A subclass defines `__call__` and `get_config`, and is registered as "schedule"."""

    def __call__(self, step: int) -> float:
        """The rate of the step after `step` finished ones."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this schedule again, plain data."""
        raise NotImplementedError(f"{type(self).__name__} must define get_config()")
