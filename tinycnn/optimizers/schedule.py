"""The base of learning rate schedules."""

from __future__ import annotations

from tinycnn.saving.configurable import Configurable

__all__ = ["LearningRateSchedule"]


class LearningRateSchedule(Configurable):
    """A learning rate that depends on the step. A subclass defines `__call__`, and is registered as "schedule"."""

    def __call__(self, step: int) -> float:
        """The rate of the step after `step` finished ones."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")
