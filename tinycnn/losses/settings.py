"""The settings of loss and metric functions: checked when they are given, not when the first data come."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tinycnn.checks import check_count, check_flag, check_int, check_number, check_numbers
from tinycnn.errors import ArgumentError

__all__ = ["check_setting", "check_settings", "is_own"]


def _ints(name: str, value: Any) -> None:
    """An int, several, or None where a function takes that."""
    for number in value if isinstance(value, (list, tuple)) else [value]:
        if number is not None:
            check_int(name, number)


def _anything(name: str, value: Any) -> None:
    """Data, which the function looks at itself."""


def _within(low: float, high: float, bounds: str) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if not low < check_number(name, value, -math.inf) < high:
            raise ArgumentError(f"{name} must be {bounds}, got {value!r}")

    return check


#: What the settings of these names must be.
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "alpha": partial(check_numbers, low=-math.inf),
    "apply_class_balancing": check_flag,
    "axis": _ints,
    "beta": partial(check_numbers, low=-math.inf),
    "delta": _within(0, math.inf, "> 0"),
    "from_logits": check_flag,
    "from_sorted_ids": check_flag,
    "gamma": check_number,
    "ignore_class": _ints,
    "k": check_count,
    "label_smoothing": partial(check_number, low=0, high=1),
    "margin": check_number,
    "q": _within(0, 1, "between 0 and 1"),
    "ref_embeddings": _anything,
    "ref_labels": _anything,
    "remove_diagonal": check_flag,
    "threshold": partial(check_number, low=0, high=1),
}


def check_setting(name: str, value: Any) -> None:
    """Raise ArgumentError or DTypeError unless `value` can be the setting of this name."""
    _CHECKS[name](name, value)


def is_own(thing: Any) -> bool:
    """Whether a function or a class is tinycnn's own, and not a user's."""
    return str(getattr(thing, "__module__", "")).startswith("tinycnn.")


def check_settings(function: Callable[..., Any], settings: Mapping[str, Any]) -> None:
    """Raise unless `function` of (y_true, y_pred) has arguments of these names; of tinycnn's own functions the values are checked, too.

    Raises:
        ArgumentError, DTypeError: naming the setting.
    """
    if not settings:
        return
    try:
        inspect.signature(function).bind(None, None, **settings)
    except ValueError:  # a function in C, which shows no signature
        return
    except TypeError as error:
        raise ArgumentError(f"{getattr(function, '__name__', function)} cannot take the settings {list(settings)}: {error}") from None
    if is_own(function):
        for name, value in settings.items():
            check_setting(name, value)
