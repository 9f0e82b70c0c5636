"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Unpack

from tinycnn.checks import check_number
from tinycnn.kernels.select import current
from tinycnn.optimizers.optimizer import Array, Optimizer, Options, Rate
from tinycnn.registry import register

__all__ = ["SGD"]


@register("optimizer", "sgd")
class SGD(Optimizer):
    """w -= lr * g; with momentum m = momentum * m - lr * g, w += m (nesterov: w += momentum * m - lr * g; Sutskever et al. 2013).

    Args:
        learning_rate: see `Optimizer`.
        momentum: from 0 to 1.
        nesterov: look ahead along the momentum.
        **options: see `Optimizer`.
    """

    def __init__(self, learning_rate: Rate = 0.01, momentum: float = 0.0, nesterov: bool = False, **options: Unpack[Options]) -> None:
        self.momentum = check_number("momentum", momentum, 0, 1)
        self.nesterov = bool(nesterov)
        self.slots = ("momentum",) if self.momentum else ()
        super().__init__(learning_rate, **options)

    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        m = slots.get("momentum")
        current().sgd_step(weights, gradients, m, learning_rate=learning_rate, momentum=self.momentum, nesterov=self.nesterov)
