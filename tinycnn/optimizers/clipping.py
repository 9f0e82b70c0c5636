"""Limits on gradients, in place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["clip_norm", "clip_value"]

Array = NDArray[Any]


def clip_value(gradients: Sequence[Array], limit: float) -> None:
    """Clip every cell to [-limit, limit]."""
    for g in gradients:
        np.clip(g, -limit, limit, out=g)


def clip_norm(gradients: Sequence[Array], limit: float) -> None:
    """Scale gradients so that their common L2 norm is at most `limit` (Pascanu et al. 2013); a norm that is NaN makes all of them NaN."""
    with np.errstate(over="ignore"):  # an infinite norm makes all of them 0
        norm = math.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in gradients))
    if not norm <= limit:
        for g in gradients:
            g *= limit / norm
