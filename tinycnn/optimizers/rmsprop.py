"""RMSprop."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from tinycnn.checks import check_number
from tinycnn.optimizers.optimizer import Array, Optimizer, Options, Rate
from tinycnn.registry import register

__all__ = ["RMSprop"]


@register("optimizer", "rmsprop")
class RMSprop(Optimizer):
    """w -= lr * g / sqrt(v + epsilon), v = rho * v + (1 - rho) * g ** 2 (Hinton 2012, lecture 6e).

    Args:
        learning_rate: see `Optimizer`.
        rho: the fraction of v that is kept, from 0 to below 1.
        momentum: from 0 to 1; steps are collected in m = momentum * m + step, w -= m.
        epsilon: at least 0, inside the root.
        centered: divide by the root of the variance, v - mean(g) ** 2 + epsilon (Graves 2013).
        **options: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Unpack[Options],
    ) -> None:
        self.rho = check_number("rho", rho, 0, 1, open_end=True)
        self.momentum = check_number("momentum", momentum, 0, 1)
        self.epsilon = check_number("epsilon", epsilon)
        self.centered = bool(centered)
        self.slots = ("velocity", *["momentum"] * bool(self.momentum), *["average_gradient"] * self.centered)
        super().__init__(learning_rate, **options)

    def slot_blocks(self) -> tuple[tuple[str, ...], ...]:
        return tuple((name,) for name in self.slots)

    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        v = slots["velocity"]
        v *= self.rho
        v += (1 - self.rho) * np.square(gradients)
        variance = v
        if self.centered:
            mean = slots["average_gradient"]
            mean *= self.rho
            mean += (1 - self.rho) * gradients
            variance = v - np.square(mean)
        step = learning_rate * gradients / np.sqrt(variance + self.epsilon)
        if self.momentum:
            m = slots["momentum"]
            m *= self.momentum
            m += step
            step = m
        weights -= step
