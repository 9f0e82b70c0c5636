"""Lion."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from tinycnn.checks import check_number
from tinycnn.errors import ArgumentError
from tinycnn.optimizers.optimizer import Array, Optimizer, Options, Rate
from tinycnn.registry import register

__all__ = ["Lion"]


@register("optimizer", "lion")
class Lion(Optimizer):
    """w -= lr * sign(beta_1 * m + (1 - beta_1) * g); m = beta_2 * m + (1 - beta_2) * g (Chen et al. 2023).

    Args:
        learning_rate: see `Optimizer`; every weight moves by just this much in every step.
        beta_1: above 0, at most 1.
        beta_2: from 0 to 1.
        **options: see `Optimizer`.
    """

    slots = ("momentum",)

    def __init__(self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **options: Unpack[Options]) -> None:
        self.beta_1 = check_number("beta_1", beta_1, 0, 1)
        if self.beta_1 == 0:
            raise ArgumentError("beta_1 of Lion must be > 0, got 0")
        self.beta_2 = check_number("beta_2", beta_2, 0, 1)
        super().__init__(learning_rate, **options)

    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        m = slots["momentum"]
        weights -= learning_rate * np.sign(m * self.beta_1 + gradients * (1 - self.beta_1))
        m *= self.beta_2
        m += gradients * (1 - self.beta_2)
