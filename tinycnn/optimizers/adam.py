"""Adam and AdamW."""

from __future__ import annotations

import math
from typing import Any, Unpack

import numpy as np

from tinycnn.checks import check_number
from tinycnn.errors import ArgumentError
from tinycnn.kernels.select import current
from tinycnn.optimizers.optimizer import Array, Optimizer, Options, Rate
from tinycnn.registry import register

__all__ = ["Adam", "AdamW"]


@register("optimizer", "adam")
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015), in the form of the last paragraph of its section 2, as Keras has it.

    m += (g - m) * (1 - beta_1); v += (g * g - v) * (1 - beta_2); w -= a * m / (sqrt(v) + epsilon), with
    a = lr * sqrt(1 - beta_2 ** t) / (1 - beta_1 ** t) in step t = 1, 2, ... (PyTorch adds its epsilon after the correction of v.)

    Args:
        learning_rate: see `Optimizer`.
        beta_1, beta_2: the fractions of the moments that are kept, from 0 to below 1.
        epsilon: at least 0, keeps the divisor away from 0.
        amsgrad: divide by the largest v so far (Reddi et al. 2018).
        **options: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ) -> None:
        self.beta_1 = check_number("beta_1", beta_1, 0, 1, open_end=True)
        self.beta_2 = check_number("beta_2", beta_2, 0, 1, open_end=True)
        self.epsilon = check_number("epsilon", epsilon)
        self.amsgrad = bool(amsgrad)
        self.slots = ("momentum", "velocity", "velocity_hat") if self.amsgrad else ("momentum", "velocity")
        super().__init__(learning_rate, **options)

    def slot_blocks(self) -> tuple[tuple[str, ...], ...]:
        return (self.slots[:2], self.slots[2:])

    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        t = self._updates + 1
        alpha = learning_rate * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        m, v = slots["momentum"], slots["velocity"]
        if self.amsgrad:
            self._amsgrad_step(weights, gradients, m, v, slots["velocity_hat"], alpha)
            return
        current().adam_step(weights, gradients, m, v, alpha=alpha, beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon)

    def _amsgrad_step(self, w: Array, g: Array, m: Array, v: Array, v_hat: Array, alpha: float) -> None:
        m += (g - m) * (1 - self.beta_1)
        v += (g * g - v) * (1 - self.beta_2)
        np.maximum(v_hat, v, out=v_hat)
        w -= alpha * m / (np.sqrt(v_hat) + self.epsilon)


@register("optimizer", "adamw")
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019): w -= w * weight_decay * lr before each update.

    Args:
        learning_rate, beta_1, beta_2, epsilon, amsgrad: see `Adam`.
        weight_decay: default 0.004.
        **options: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        if weight_decay is None:
            raise ArgumentError("weight_decay of AdamW must be a number, got None")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **options)
