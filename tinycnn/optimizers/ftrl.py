"""FTRL-proximal."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from tinycnn.checks import check_number
from tinycnn.errors import ArgumentError
from tinycnn.optimizers.optimizer import Array, Optimizer, Options, Rate
from tinycnn.registry import register

__all__ = ["Ftrl"]


@register("optimizer", "ftrl")
class Ftrl(Optimizer):
    """ "Follow the regularized leader" (McMahan et al. 2013): sparse weights for large linear models.

    With n = a + g ** 2 and p = -learning_rate_power: z += g + 2 * l2_shrinkage * w - (n ** p - a ** p) / lr * w; a = n;
    w = (clip(z, -l1, l1) - z) / (n ** p / lr + 2 * l2 + beta / lr).

    Args:
        learning_rate: see `Optimizer`; > 0 here.
        learning_rate_power: <= 0.
        initial_accumulator_value: at least 0, what a starts with.
        l1_regularization_strength, l2_regularization_strength, l2_shrinkage_regularization_strength: at least 0.
        beta: at least 0.
        **options: see `Optimizer`.
    """

    slots = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **options: Unpack[Options],
    ) -> None:
        check_number("-learning_rate_power", -learning_rate_power)
        self.learning_rate_power = float(learning_rate_power)
        self.initial_accumulator_value = check_number("initial_accumulator_value", initial_accumulator_value)
        self.l1_regularization_strength = check_number("l1_regularization_strength", l1_regularization_strength)
        self.l2_regularization_strength = check_number("l2_regularization_strength", l2_regularization_strength)
        self.l2_shrinkage_regularization_strength = check_number(
            "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength
        )
        self.beta = check_number("beta", beta)
        super().__init__(learning_rate, **options)
        self.initial_values = {"accumulator": self.initial_accumulator_value}

    def begin_update(self) -> None:
        if self.learning_rate == 0:
            raise ArgumentError("learning_rate of Ftrl must be > 0, got 0")

    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        a, z = slots["accumulator"], slots["linear"]
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength + self.beta / (2 * learning_rate)
        squares = a + np.square(gradients)
        scale = squares**-self.learning_rate_power / learning_rate
        shrunk = gradients + 2 * self.l2_shrinkage_regularization_strength * weights
        z += shrunk - (scale - a**-self.learning_rate_power / learning_rate) * weights
        weights[...] = (np.clip(z, -l1, l1) - z) / (scale + 2 * l2)
        a[...] = squares
