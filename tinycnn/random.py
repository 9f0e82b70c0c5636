"""The one source of randomness: initializers, dropout, shuffling and splits all draw from here. With it the names of `keras.random`.

`utils.set_random_seed` seeds it (and Python's and NumPy's global generators, for the user's own code); a model trained twice
from the same seed is the same, byte for byte. The functions of `keras.random` give Tensors, so they stand a few floors higher, in
`ops.random`, and are found when they are first named.
"""

from __future__ import annotations

import importlib
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.errors import ArgumentError, DTypeError, shown
from tinycnn.registry import register

#: What `ops.random` holds.
_ON_TENSORS = ("beta", "binomial", "categorical", "dropout", "gamma", "normal", "randint", "shuffle", "truncated_normal", "uniform")

__all__ = [
    "SeedGenerator",
    "generator",
    "get_state",
    "next_seed",
    "set_seed",
    "set_state",
    "source",
    "standard_normal_within",
    *_ON_TENSORS,
]

_generator = np.random.Generator(np.random.PCG64())


def generator(seed: int | None = None) -> np.random.Generator:
    """The shared generator, or a new one made from `seed`."""
    return _generator if seed is None else np.random.Generator(np.random.PCG64(_check(seed)))


def source(seed: int | SeedGenerator | None = None) -> np.random.Generator:
    """What the functions of this module draw from: as `generator` has it; of a SeedGenerator its next one."""
    return np.random.Generator(np.random.PCG64(seed.next().tolist())) if isinstance(seed, SeedGenerator) else generator(seed)


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


@register("seed")
class SeedGenerator:
    """A random sequence of its own: given as `seed`, each call of a function or an initializer draws the next numbers of it.

    Args:
        seed: int >= 0; default: drawn from the shared generator.
        name: default "seed_generator".

    Raises:
        ArgumentError, DTypeError: if seed is no such int.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.seed = seed
        self.name = name or "seed_generator"
        #: The seed, and how many were drawn.
        self.state: NDArray[np.uint64] = np.array([next_seed() if seed is None else _check(seed) % 2**64, 0], np.uint64)

    def next(self) -> NDArray[np.uint64]:
        """The next seed: two numbers, `state` as it was before."""
        drawn = self.state.copy()
        self.state[1] += 1
        return drawn

    def get_config(self) -> dict[str, Any]:
        """The arguments that make another one of the same seed."""
        return {"seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """One that starts anew, from what `get_config` gave."""
        return cls(**config)


def standard_normal_within(limit: float, shape: Any, draws: np.random.Generator) -> NDArray[np.float64]:
    """Standard normal numbers; those farther than `limit` from 0 are drawn again."""
    values = np.asarray(draws.standard_normal(shape))
    while (outside := np.abs(values) > limit).any():
        values[outside] = draws.standard_normal(np.count_nonzero(outside))
    return values


def __getattr__(name: str) -> Any:
    if name not in _ON_TENSORS:
        raise AttributeError(f"module 'tinycnn.random' has no attribute {name!r}")
    return getattr(importlib.import_module("tinycnn.ops.random"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def _check(seed: int) -> int:
    try:
        value = operator.index(seed)
    except TypeError:
        raise DTypeError(f"seed must be an int, got {shown(seed)}") from None
    if value < 0:
        raise ArgumentError(f"seed must be >= 0, got {seed!r}")
    return value
