"""Automatic names, as Keras gives them: conv2d, conv2d_1, conv2d_2, ..."""

from __future__ import annotations

import re
import threading
from collections import Counter

__all__ = ["reset", "snake_case", "unique_name"]

_given: Counter[str] = Counter()
_lock = threading.Lock()


def snake_case(name: str) -> str:
    """MaxPooling2D -> max_pooling2d, LeakyReLU -> leaky_re_lu"""
    return re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name).lower()


def unique_name(base: str) -> str:
    """`base` the first time, then base_1, base_2, ..."""
    with _lock:
        number = _given[base]
        _given[base] += 1
    return f"{base}_{number}" if number else base


def reset() -> None:
    """Start all counters again. Layers that exist keep their names."""
    with _lock:
        _given.clear()
