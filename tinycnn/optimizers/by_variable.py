"""Base of update rules that need the shape or the norm of each variable."""

from __future__ import annotations

from tinycnn.optimizers.flat import FlatVariables
from tinycnn.optimizers.optimizer import Optimizer

__all__ = ["ByVariable"]


class ByVariable(Optimizer):
    """An `Optimizer` whose `update_step` is given one variable at a time, its gradient and its slots, in their shapes."""

    def update_group(self, group: FlatVariables, chosen: list[int], learning_rate: float) -> None:
        for i in chosen:
            slots = {name: self._slot(group, name, i) for name in self.slots}
            self.update_step(group.view(group.weights, i), group.view(group.gradients, i), slots, learning_rate)
