"""Checks of hyperparameters."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from tinycnn.errors import ArgumentError, DTypeError

__all__ = ["check_number"]


def check_number(name: str, value: Any, low: float = 0.0, high: float = math.inf, *, open_end: bool = False) -> float:
    """`value` as a float, if it is a finite number in [low, high], or [low, high) with `open_end`.

    Raises:
        DTypeError, ArgumentError: naming the argument.
    """
    if isinstance(value, bool) or not (isinstance(value, Real) or getattr(value, "shape", None) == ()):
        raise DTypeError(f"{name} must be a number, got {value!r}")
    number = float(value)
    if not math.isfinite(number) or number < low or number > high or (open_end and number == high):
        bounds = f"from {low:g} to {'below ' * open_end}{high:g}" if high < math.inf else f">= {low:g}"
        raise ArgumentError(f"{name} must be a finite number {bounds}, got {value!r}")
    return number
