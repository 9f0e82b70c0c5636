"""Adagrad and Adadelta: steps divided by what the gradients have been."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from tinycnn.checks import check_number
from tinycnn.optimizers.optimizer import Array, Optimizer, Options, Rate
from tinycnn.registry import register

__all__ = ["Adadelta", "Adagrad"]


@register("optimizer", "adagrad")
class Adagrad(Optimizer):
    """a += g ** 2; w -= lr * g / sqrt(a + epsilon) (Duchi et al. 2011).

    Args:
        learning_rate: see `Optimizer`.
        initial_accumulator_value: at least 0, what a starts with.
        epsilon: at least 0, inside the root.
        **options: see `Optimizer`.
    """

    slots = ("accumulator",)

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        self.initial_accumulator_value = check_number("initial_accumulator_value", initial_accumulator_value)
        self.epsilon = check_number("epsilon", epsilon)
        super().__init__(learning_rate, **options)
        self.initial_values = {"accumulator": self.initial_accumulator_value}

    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        a = slots["accumulator"]
        a += np.square(gradients)
        weights -= learning_rate * gradients / np.sqrt(a + self.epsilon)


@register("optimizer", "adadelta")
class Adadelta(Optimizer):
    """step = sqrt(d + epsilon) / sqrt(a + epsilon) * g; w -= lr * step (Zeiler 2012).

    a and d are moving averages of g ** 2 and of step ** 2: a = rho * a + (1 - rho) * g ** 2.

    Args:
        learning_rate: see `Optimizer`; 1 is the paper's.
        rho: the fraction of a and d that is kept, from 0 to below 1.
        epsilon: at least 0, inside the roots.
        **options: see `Optimizer`.
    """

    slots = ("accumulated_grad", "accumulated_delta_var")

    def __init__(self, learning_rate: Rate = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **options: Unpack[Options]) -> None:
        self.rho = check_number("rho", rho, 0, 1, open_end=True)
        self.epsilon = check_number("epsilon", epsilon)
        super().__init__(learning_rate, **options)

    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        a, d = slots["accumulated_grad"], slots["accumulated_delta_var"]
        a *= self.rho
        a += (1 - self.rho) * np.square(gradients)
        step = np.sqrt(d + self.epsilon) * gradients / np.sqrt(a + self.epsilon)
        d *= self.rho
        d += (1 - self.rho) * np.square(step)
        weights -= learning_rate * step
