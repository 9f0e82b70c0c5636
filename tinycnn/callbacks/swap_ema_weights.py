"""Evaluate with averaged weights."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from tinycnn.callbacks.callback import Callback, Logs
from tinycnn.errors import ArgumentError

__all__ = ["SwapEMAWeights"]


class SwapEMAWeights(Callback):
    """Puts the optimizer's moving averages into the model for evaluations, validations and predictions, and the weights back afterwards.

    The optimizer must have `use_ema=True`. The weights are kept aside meanwhile.

    Args:
        swap_on_epoch: put the averages in at the end of each epoch already, until the next begins, so that callbacks that come after this
            one, such as ModelCheckpoint, see them.

    Raises:
        ArgumentError: the optimizer has no averages.
    """

    resumed = ("_weights",)

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._weights: list[NDArray[Any]] | None = None  # while the averages are in the model

    def _averaged(self) -> list[tuple[Any, NDArray[Any]]]:
        """Each trained variable and its average."""
        optimizer = self.model.optimizer
        if not optimizer.use_ema or not optimizer.iterations:
            raise ArgumentError(f"SwapEMAWeights needs an optimizer with use_ema=True that has trained the model, got {optimizer!r}")
        return [(variable, slots["average"]) for variable, slots in optimizer._slots_by_variable()]

    def _put_averages(self) -> None:
        if self._weights is None:
            pairs = self._averaged()
            self._weights = [variable.numpy().copy() for variable, _ in pairs]
            for variable, average in pairs:
                variable.assign(average)

    def _put_weights(self) -> None:
        if self._weights is not None:
            for (variable, _), weights in zip(self._averaged(), self._weights, strict=True):
                variable.assign(weights)
            self._weights = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._weights = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._put_weights()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._put_averages()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._put_averages()

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._put_weights()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._put_averages()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._put_weights()

    def on_interrupt(self) -> None:
        self._put_weights()
