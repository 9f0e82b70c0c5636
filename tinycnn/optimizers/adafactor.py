"""Adafactor."""

from __future__ import annotations

import math
from typing import Unpack

import numpy as np

from tinycnn.checks import check_number
from tinycnn.errors import ArgumentError
from tinycnn.optimizers.by_variable import ByVariable
from tinycnn.optimizers.optimizer import Array, Options, Rate
from tinycnn.registry import register

__all__ = ["Adafactor"]


def _rms(x: Array) -> float:
    return math.sqrt(float(np.mean(np.square(x))))


@register("optimizer", "adafactor")
class Adafactor(ByVariable):
    """Steps divided by the root of v, of which the rows' means r and the columns' means c are enough to keep (Shazeer & Stern 2018).

    With b = 1 - t ** beta_2_decay in step t = 1, 2, ..., moving averages x = b * x + (1 - b) * mean(g ** 2 + epsilon_1) give r over the
    last axis, c over the last but one, and v = r * c / mean(r); v itself is one for weights with fewer than two axes.
    u = g / sqrt(v); w -= max(epsilon_2, rms(w)) * min(lr, 1 / sqrt(t)) * u / max(1, rms(u) / clip_threshold).

    Args:
        learning_rate: see `Optimizer`; at most 1 / sqrt(t) is used of it.
        beta_2_decay: < 0.
        epsilon_1: at least 0, keeps v away from 0.
        epsilon_2: at least 0, what the rms of the weights counts at least.
        clip_threshold: above 0, the largest rms of u.
        relative_step: kept for configs: the rate is bounded in either case, as in Keras.
        **options: see `Optimizer`.
    """

    slots = ("r", "c", "velocity")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 0.001,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **options: Unpack[Options],
    ) -> None:
        check_number("-beta_2_decay", -beta_2_decay)
        self.beta_2_decay = float(beta_2_decay)
        self.epsilon_1 = check_number("epsilon_1", epsilon_1)
        self.epsilon_2 = check_number("epsilon_2", epsilon_2)
        self.clip_threshold = check_number("clip_threshold", clip_threshold)
        if self.clip_threshold == 0:
            raise ArgumentError("clip_threshold must be > 0, got 0")
        self.relative_step = bool(relative_step)
        super().__init__(learning_rate, **options)

    def slot_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        if name not in ("r", "c"):
            return shape
        if len(shape) < 2:
            return ()
        return shape[:-1] if name == "r" else (*shape[:-2], shape[-1])

    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        r, c, v = slots["r"], slots["c"], slots["velocity"]
        t = self._updates + 1
        new = t**self.beta_2_decay
        squares = np.square(gradients) + self.epsilon_1
        if weights.ndim < 2:
            v += (squares - v) * new
        else:
            r += (squares.mean(axis=-1) - r) * new
            c += (squares.mean(axis=-2) - c) * new
            v[...] = (r / r.mean(axis=-1, keepdims=True))[..., None] * c[..., None, :]
        step = gradients / np.sqrt(v)
        size = max(self.epsilon_2, _rms(weights)) * min(learning_rate, 1 / math.sqrt(t))
        weights -= size / max(1.0, _rms(step) / self.clip_threshold) * step
