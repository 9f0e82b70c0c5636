"""Adamax and Nadam: Adam with another norm, and with another momentum."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from tinycnn.checks import check_number
from tinycnn.optimizers.optimizer import Array, Optimizer, Options, Rate
from tinycnn.registry import register

__all__ = ["Adamax", "Nadam"]


class _Moments(Optimizer):
    """The arguments of both: see `Adam`."""

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


@register("optimizer", "adamax")
class Adamax(_Moments):
    """Adam with the largest gradient in place of the root of the mean square (Kingma & Ba 2015, section 7).

    m += (g - m) * (1 - beta_1); u = max(beta_2 * u, |g|); w -= lr / (1 - beta_1 ** t) * m / (u + epsilon).

    Args:
        learning_rate: see `Optimizer`.
        beta_1, beta_2: the fractions of m and u that are kept, from 0 to below 1.
        epsilon: at least 0, keeps the divisor away from 0.
        **options: see `Optimizer`.
    """

    slots = ("momentum", "norm")

    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        m, u = slots["momentum"], slots["norm"]
        m += (gradients - m) * (1 - self.beta_1)
        u *= self.beta_2
        np.maximum(u, np.abs(gradients), out=u)
        weights -= learning_rate / (1 - self.beta_1 ** (self._updates + 1)) * m / (u + self.epsilon)


@register("optimizer", "nadam")
class Nadam(_Moments):
    """Adam with Nesterov's momentum (Dozat 2016).

    With u(t) = beta_1 * (1 - 0.96 ** t / 2) and U(t) their product up to t:
    w -= lr * (u(t + 1) * m / (1 - U(t + 1)) + (1 - u(t)) * g / (1 - U(t))) / (sqrt(v / (1 - beta_2 ** t)) + epsilon).

    Args:
        learning_rate: see `Optimizer`.
        beta_1, beta_2: the fractions of m and v that are kept, from 0 to below 1.
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
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.scalars = {"u_product": np.array(1.0)}

    def _u(self, t: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def begin_update(self) -> None:
        self.scalars["u_product"] *= self._u(self._updates + 1)

    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        t = self._updates + 1
        product, m, v = float(self.scalars["u_product"]), slots["momentum"], slots["velocity"]
        m += (gradients - m) * (1 - self.beta_1)
        v += (np.square(gradients) - v) * (1 - self.beta_2)
        ahead = self._u(t + 1) / (1 - product * self._u(t + 1)) * m + (1 - self._u(t)) / (1 - product) * gradients
        weights -= learning_rate * ahead / (np.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
