"""What layers that draw random numbers have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn import random
from tinycnn.errors import ArgumentError
from tinycnn.layers.layer import Layer

__all__ = ["RandomLayer", "check_rate"]


class RandomLayer(Layer):
    """Base of layers with a `seed`.

    Without one, a layer draws from the generator that `utils.set_random_seed` restarts. With one, it has a sequence of its own, which
    begins when the layer is made: the same in two models, other numbers at each call. A copy, made from the config, begins anew.

    Args:
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self._generator = None if seed is None else random.generator(seed)

    @property
    def generator(self) -> np.random.Generator:
        """Where the layer's random numbers come from."""
        return random.generator() if self._generator is None else self._generator


def check_rate(rate: Any) -> float:
    """`rate` as a float in [0, 1)."""
    if isinstance(rate, bool) or not hasattr(rate, "__float__") or not 0 <= float(rate) < 1:
        raise ArgumentError(f"rate must be a number in [0, 1), got {rate!r}")
    return float(rate)
