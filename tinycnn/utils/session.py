"""What is global: seeds and the counters behind automatic names."""

from __future__ import annotations

import operator
import random as python_random

import numpy as np

from tinycnn import random
from tinycnn.errors import ArgumentError, DTypeError

__all__ = ["clear_session", "set_random_seed"]


def set_random_seed(seed: int) -> None:
    """Seed tinycnn, and Python's and NumPy's global generators for the user's own code.

    Two runs from the same seed give the same bytes, for any number of threads. Layers with a `seed` of their own do not look at it.

    Args:
        seed: an int from 0 to 2**32 - 1 (NumPy's range).

    Raises:
        ArgumentError, DTypeError: it is not; no generator was touched.
    """
    try:
        value = operator.index(seed)
    except TypeError:
        raise DTypeError(f"seed must be an int, got {seed!r}") from None
    if not 0 <= value < 2**32:
        raise ArgumentError(f"seed must be from 0 to 2**32 - 1, got {seed!r}")
    python_random.seed(value)
    np.random.seed(value)  # noqa: NPY002  (the legacy generator is what users' scripts draw from)
    random.set_seed(value)


def clear_session() -> None:
    """Restart the counters of automatic names: the next Conv2D is "conv2d" again. Models that exist keep their names."""
    from tinycnn.layers import naming  # deferred: `import tinycnn.utils` need not load the layers

    naming.reset()
