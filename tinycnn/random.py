"""The one source of randomness: initializers, dropout, shuffling and splits all draw from here.

`utils.set_random_seed` seeds it (and Python's and NumPy's global generators, for the user's own code); a model trained twice
from the same seed is the same, byte for byte.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinycnn.errors import ArgumentError, DTypeError

__all__ = ["generator", "get_state", "next_seed", "set_seed", "set_state"]

_generator = np.random.Generator(np.random.PCG64())


def generator(seed: int | None = None) -> np.random.Generator:
    """The shared generator, or a new one made from `seed`."""
    return _generator if seed is None else np.random.Generator(np.random.PCG64(_check(seed)))


def next_seed() -> int:
    """A fresh 64-bit seed, drawn from the shared generator."""
    return int(_generator.integers(0, 2**64, dtype=np.uint64))


def set_seed(seed: int) -> None:
    """Restart the shared generator from `seed`, an int >= 0."""
    _generator.bit_generator.state = np.random.PCG64(_check(seed)).state


def get_state() -> dict[str, Any]:
    """The state of the shared generator, plain data."""
    return dict(_generator.bit_generator.state)


def set_state(state: dict[str, Any]) -> None:
    """Put back what `get_state` gave."""
    _generator.bit_generator.state = state


def _check(seed: int) -> int:
    try:
        value = operator.index(seed)
    except TypeError:
        raise DTypeError(f"seed must be an int, got {seed!r}") from None
    if value < 0:
        raise ArgumentError(f"seed must be >= 0, got {seed!r}")
    return value
