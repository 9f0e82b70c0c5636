"""Learning rates that depend on the step, under Keras's names and with its formulas; `step` counts the finished steps."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from tinycnn.checks import check_number
from tinycnn.errors import ArgumentError, DTypeError
from tinycnn.registry import register
from tinycnn.saving import configurable
from tinycnn.saving.configurable import Configurable

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule(Configurable):
    """A learning rate that depends on the step. A subclass defines `__call__`, and is registered as "schedule"."""

    def __call__(self, step: int) -> float:
        """The rate of the step after `step` finished ones."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")


def _check_steps(name: str, value: Any) -> float:
    """A positive number of steps, an int where it was one."""
    if not check_number(name, value) > 0:
        raise ArgumentError(f"{name} must be > 0, got {value!r}")
    return int(value) if float(value).is_integer() else float(value)


class _Decay(LearningRateSchedule):
    """A rate that falls with p = step / decay_steps, which `staircase` rounds down."""

    def __init__(self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool, name: str) -> None:
        self.initial_learning_rate = check_number("initial_learning_rate", initial_learning_rate)
        self.decay_steps = _check_steps("decay_steps", decay_steps)
        self.decay_rate = check_number("decay_rate", decay_rate)
        self.staircase = bool(staircase)
        self.name = name

    def _periods(self, step: int) -> float:
        return step // self.decay_steps if self.staircase else step / self.decay_steps


@register("schedule")
class ExponentialDecay(_Decay):
    """initial_learning_rate * decay_rate ** (step / decay_steps).

    Args:
        initial_learning_rate: at least 0.
        decay_steps: above 0.
        decay_rate: at least 0.
        staircase: round the exponent down.
        name: for logs.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: int) -> float:
        return float(self.initial_learning_rate * self.decay_rate ** self._periods(step))


@register("schedule")
class InverseTimeDecay(_Decay):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps).

    Args:
        initial_learning_rate: at least 0.
        decay_steps: above 0.
        decay_rate: at least 0.
        staircase: round step / decay_steps down.
        name: for logs.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate / (1 + self.decay_rate * self._periods(step))


@register("schedule")
class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i], i being the number of boundaries that the step has passed.

    Args:
        boundaries: steps, ascending; `values[i]` holds up to and including step `boundaries[i]`.
        values: one number more than boundaries.
        name: for logs.
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(f"values must be one more than the {len(boundaries)} boundaries, got {len(values)}")
        if list(boundaries) != sorted(boundaries):
            raise ArgumentError(f"boundaries must ascend, got {list(boundaries)}")
        self.boundaries = list(boundaries)
        self.values = [check_number("values", value) for value in values]
        self.name = name

    def __call__(self, step: int) -> float:
        return self.values[bisect_left(self.boundaries, step)]


@register("schedule")
class PolynomialDecay(LearningRateSchedule):
    """(initial_learning_rate - end_learning_rate) * (1 - step / decay_steps) ** power + end_learning_rate.

    Args:
        initial_learning_rate: at least 0.
        decay_steps: above 0; the end is reached then, and kept.
        end_learning_rate: at least 0.
        power: at least 0; 1 is a straight line.
        cycle: instead of keeping the end, multiply decay_steps so that the step is in the last cycle.
        name: for logs.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = check_number("initial_learning_rate", initial_learning_rate)
        self.decay_steps = _check_steps("decay_steps", decay_steps)
        self.end_learning_rate = check_number("end_learning_rate", end_learning_rate)
        self.power = check_number("power", power)
        self.cycle = bool(cycle)
        self.name = name

    def __call__(self, step: int) -> float:
        cycles = max(1, math.ceil(step / self.decay_steps)) if self.cycle else 1
        left = 1 - min(step / (self.decay_steps * cycles), 1)
        return float((self.initial_learning_rate - self.end_learning_rate) * left**self.power + self.end_learning_rate)


def _half_cosine(fraction: float) -> float:
    """From 1 down to 0 as `fraction` goes from 0 to 1."""
    return 0.5 * (1 + math.cos(math.pi * fraction))


@register("schedule")
class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate down to alpha times that (Loshchilov & Hutter 2017), after an optional warm-up.

    Args:
        initial_learning_rate: at least 0; where the warm-up starts, if there is one.
        decay_steps: above 0, warm-up not included; the end is kept.
        alpha: the last rate as a fraction of the one that the decay starts from.
        name: for logs.
        warmup_target: where a straight line from the initial rate ends and the decay starts; None: no warm-up.
        warmup_steps: at least 0, the length of that line.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate = check_number("initial_learning_rate", initial_learning_rate)
        self.decay_steps = _check_steps("decay_steps", decay_steps)
        self.alpha = check_number("alpha", alpha)
        self.name = name
        self.warmup_target = None if warmup_target is None else check_number("warmup_target", warmup_target)
        check_number("warmup_steps", warmup_steps)
        self.warmup_steps = warmup_steps

    def __call__(self, step: int) -> float:
        start = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return start + (self.warmup_target - start) * step / self.warmup_steps
            start, step = self.warmup_target, step - int(self.warmup_steps)
        return start * ((1 - self.alpha) * _half_cosine(min(step / self.decay_steps, 1)) + self.alpha)


@register("schedule")
class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines one after the other (SGDR, Loshchilov & Hutter 2017).

    Args:
        initial_learning_rate: at least 0.
        first_decay_steps: above 0, the length of the first one.
        t_mul: at least 1, how much longer each is than the one before.
        m_mul: at least 0, how much higher each starts than the one before.
        alpha: the last rate of each as a fraction of the initial rate.
        name: for logs.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = check_number("initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = _check_steps("first_decay_steps", first_decay_steps)
        self.t_mul = check_number("t_mul", t_mul, 1)
        self.m_mul = check_number("m_mul", m_mul)
        self.alpha = check_number("alpha", alpha)
        self.name = name

    def __call__(self, step: int) -> float:
        passed = step / self.first_decay_steps
        if self.t_mul == 1:
            restarts = math.floor(passed)
            fraction = passed - restarts
        else:  # the first n together last (t ** n - 1) / (t - 1); the small number is against the logarithm's rounding
            restarts = math.floor(math.log(1 + passed * (self.t_mul - 1), self.t_mul) + 1e-9)
            fraction = (passed - (self.t_mul**restarts - 1) / (self.t_mul - 1)) / self.t_mul**restarts
        height = (1 - self.alpha) * self.m_mul**restarts * _half_cosine(fraction) + self.alpha
        return float(self.initial_learning_rate * height)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """{"class_name", "config"} of a schedule."""
    plain: dict[str, Any] = configurable.serialize(learning_rate_schedule)
    return plain


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> LearningRateSchedule:
    """The schedule that a config describes, the inverse of `serialize`.

    Args:
        config: {"class_name", "config"}.
        custom_objects: name -> class of your own, beside the registered ones.

    Raises:
        ArgumentError, DTypeError: it describes none.
    """
    found = configurable.deserialize("schedule", config, custom_objects)
    if not isinstance(found, LearningRateSchedule):
        raise DTypeError(f"the config must be that of a learning rate schedule, got {config!r}")
    return found
