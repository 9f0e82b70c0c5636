"""Checks of plain arguments: numbers, counts, flags and paths."""

from __future__ import annotations

import math
import operator
import os
from numbers import Real
from typing import Any

import numpy as np

from tinycnn.errors import ArgumentError, DTypeError, shown

__all__ = ["check_count", "check_flag", "check_int", "check_number", "check_numbers", "check_path"]


def check_number(name: str, value: Any, low: float = 0.0, high: float = math.inf, *, open_end: bool = False) -> float:
    """`value` as a float, if it is a finite number in [low, high], or [low, high) with `open_end`.

    Raises:
        DTypeError, ArgumentError: naming the argument.
    """
    if type(value) is not float and (isinstance(value, bool) or not (isinstance(value, Real) or getattr(value, "shape", None) == ())):
        raise DTypeError(f"{name} must be a number, got {shown(value)}")
    number = float(value)
    if not math.isfinite(number) or number < low or number > high or (open_end and number == high):
        bounds = f" from {low:g} to {'below ' * open_end}{high:g}" if high < math.inf else f" >= {low:g}" * (low > -math.inf)
        raise ArgumentError(f"{name} must be a finite number{bounds}, got {shown(value)}")
    return number


def check_numbers(name: str, values: Any, low: float = 0.0, high: float = math.inf) -> list[float]:
    """A number, or several but at least one, as a list; each as in `check_number`."""
    numbers = list(values) if isinstance(values, (list, tuple)) or getattr(values, "ndim", 0) == 1 else [values]
    if not numbers:
        raise ArgumentError(f"{name} must hold at least one number, got {shown(values)}")
    return [check_number(name, number, low, high) for number in numbers]


def check_int(name: str, value: Any) -> int:
    """`value` as an int; DTypeError naming it otherwise."""
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise DTypeError(f"{name} must be an int, got {shown(value)}")


def check_count(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int >= `least`; ArgumentError naming it otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ArgumentError(f"{name} must be an int >= {least}, got {shown(value)}")
    return int(value)


def check_flag(name: str, value: Any) -> bool:
    """`value` as a bool, if it is True, False, 1 or 0; DTypeError naming it otherwise."""
    if not isinstance(value, (bool, np.bool_, int)) or value not in (0, 1):
        raise DTypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def check_path(name: str, path: Any) -> str:
    """`path`, a string or an `os.PathLike`, as a string; DTypeError naming it otherwise, ArgumentError if it is empty."""
    found = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(found, str):
        raise DTypeError(f"{name} must be a path, got {shown(path)}")
    if not found or "\0" in found:
        raise ArgumentError(f"{name} must be a path, got {found!r}")
    return found
