"""LAMB."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from tinycnn.checks import check_number
from tinycnn.optimizers.by_variable import ByVariable
from tinycnn.optimizers.optimizer import Array, Options, Rate
from tinycnn.registry import register

__all__ = ["Lamb"]


@register("optimizer", "lamb")
class Lamb(ByVariable):
    """Adam's step u, scaled for each variable to the variable's own norm (You et al. 2020, https://arxiv.org/abs/1904.00962).

    m += (g - m) * (1 - beta_1); v += (g * g - v) * (1 - beta_2); u = m / (1 - beta_1 ** t) / (sqrt(v / (1 - beta_2 ** t)) + epsilon) in
    step t = 1, 2, ...; w -= lr * u * |w| / |u|, or lr * u where one of the norms is 0.

    Args:
        learning_rate: see `Optimizer`.
        beta_1, beta_2: the fractions of the moments that are kept, from 0 to below 1.
        epsilon: at least 0, keeps the divisor away from 0.
        **options: see `Optimizer`.
    """

    slots = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        self.beta_1 = check_number("beta_1", beta_1, 0, 1, open_end=True)
        self.beta_2 = check_number("beta_2", beta_2, 0, 1, open_end=True)
        self.epsilon = check_number("epsilon", epsilon)
        super().__init__(learning_rate, **options)

    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        t, m, v = self._updates + 1, slots["momentum"], slots["velocity"]
        m += (gradients - m) * (1 - self.beta_1)
        v += (np.square(gradients) - v) * (1 - self.beta_2)
        step = m / (1 - self.beta_1**t) / (np.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        norms = float(np.linalg.norm(weights)), float(np.linalg.norm(step))
        weights -= learning_rate * (norms[0] / norms[1] if min(norms) > 0 else 1.0) * step
