"""A learning rate as an optimizer keeps it - a number, a schedule or a function - and as it shows it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.checks import check_number
from tinycnn.optimizers.schedules import LearningRateSchedule
from tinycnn.saving.configurable import resolve

__all__ = ["IntSetting", "Setting", "as_rate", "current_rate"]

#: A number in an array without axes, which Variables can share; or what gives a number.
Kept = NDArray[Any] | Callable[..., float]


def as_rate(rate: Any) -> Kept:
    """What a user gave as a learning rate, checked; a config becomes the schedule it describes."""
    if isinstance(rate, dict):
        rate = resolve("schedule", rate)
    return rate if callable(rate) else np.array(check_number("learning_rate", rate))


def current_rate(rate: Kept, step: int) -> float:
    """The learning rate of the step after `step` finished ones. Raises ArgumentError or DTypeError if a function gives no rate."""
    if isinstance(rate, np.ndarray):
        return float(rate)
    counts = isinstance(rate, LearningRateSchedule) or bool(inspect.signature(rate).parameters)
    return check_number("learning_rate", rate(step) if counts else rate())


class _Assigned:
    """A number that was read from an attribute of an optimizer, with the methods of a Keras variable that set it there."""

    _owner: Any
    _attribute: str

    def assign(self, value: Any) -> None:
        """Set the optimizer's number, as `optimizer.<attribute> = value` does; the one at hand stays as it was read."""
        setattr(self._owner, self._attribute, value)

    def assign_add(self, value: Any) -> None:
        """Add to the optimizer's number."""
        self.assign(getattr(self._owner, self._attribute) + value)

    def assign_sub(self, value: Any) -> None:
        """Subtract from the optimizer's number."""
        self.assign(getattr(self._owner, self._attribute) - value)

    def numpy(self) -> NDArray[Any]:
        """The number as an array without axes."""
        return np.array(self.plain())

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """As a plain number, beside which float32 arrays stay float32."""
        return getattr(ufunc, method)(*[x.plain() if isinstance(x, _Assigned) else x for x in inputs], **kwargs)

    def plain(self) -> Any:
        """The number, without the methods."""
        raise NotImplementedError

    def __reduce__(self) -> Any:
        plain = self.plain()
        return type(plain), (plain,)

    @property
    def value(self) -> NDArray[Any]:
        """The number as an array without axes."""
        return self.numpy()


class Setting(_Assigned, float):
    """A float of an optimizer's, such as its learning rate."""

    def __new__(cls, value: float, owner: Any, attribute: str) -> Setting:
        setting = super().__new__(cls, value)
        setting._owner, setting._attribute = owner, attribute
        return setting

    def plain(self) -> float:
        return float(self)


class IntSetting(_Assigned, int):
    """A whole number of an optimizer's, such as its iterations."""

    def __new__(cls, value: int, owner: Any, attribute: str) -> IntSetting:
        setting = super().__new__(cls, value)
        setting._owner, setting._attribute = owner, attribute
        return setting

    def plain(self) -> int:
        return int(self)
