"""The base of all callbacks, and the one made of functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tinycnn.errors import ArgumentError

__all__ = ["HOOKS", "Callback", "LambdaCallback", "Logs"]

#: Names and values of the loss and the metrics.
Logs = Mapping[str, Any]

#: Every moment a callback may act at.
HOOKS = (
    *("on_train_begin", "on_train_end", "on_test_begin", "on_test_end", "on_predict_begin", "on_predict_end"),
    *("on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end"),
    *("on_test_batch_begin", "on_test_batch_end", "on_predict_batch_begin", "on_predict_batch_end", "on_interrupt"),
)


class Callback:
    """Override the hooks you need.

    `model` is the model at work; `params` has "verbose", "epochs", "steps" (None if unknown) and "validation". Setting
    `model.stop_training = True` ends the epoch after the batch, if a batch's hook does it, and the training after the epoch.
    `logs` at the end of a batch has the means so far; at the end of an epoch also those of the validation, as "val_...".
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}

    #: Whether it is called after all others, since it depends on what they do.
    comes_last: ClassVar[bool] = False
    #: Its attributes - numbers, None or lists of arrays - that a training needs to go on as if it had not been interrupted.
    resumed: ClassVar[tuple[str, ...]] = ()

    #: The model at work, from the moment `fit`, `evaluate` or `predict` begins.
    model: Any = None

    def set_params(self, params: dict[str, Any]) -> None:
        """Called once, before the first hook."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Called once, before the first hook."""
        self.model = model

    def set_callbacks(self, callbacks: list[Callback]) -> None:
        """Called once, before the first hook, with all callbacks at work; tinycnn's own."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before the epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After the epoch and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a training step; by default calls `on_batch_begin`, its old name."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training step; by default calls `on_batch_end`, its old name."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Old name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Old name of `on_train_batch_end`."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of `evaluate` or of the validation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of `evaluate` or of the validation."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of `predict`; logs["outputs"] has its results."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch, with its logs. Not called when an exception ends the training."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before `evaluate` or a validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After `evaluate` or a validation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before `predict`."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After `predict`."""

    def on_interrupt(self) -> None:
        """An exception, Ctrl-C among them, ends the work: leave model and files as they can be used. None of the ..._end follows. This
        hook is tinycnn's own."""


class LambdaCallback(Callback):
    """A callback made of functions: `LambdaCallback(on_epoch_end=lambda epoch, logs: print(logs["loss"]))`.

    Args:
        on_epoch_begin, on_epoch_end: functions of (epoch, logs).
        on_train_begin, on_train_end: functions of (logs).
        on_train_batch_begin, on_train_batch_end: functions of (batch, logs).
        **hooks: the name of any other hook -> function of that hook's arguments.

    Raises:
        ArgumentError: there is no hook of that name.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **hooks: Callable[..., Any] | None,
    ) -> None:
        super().__init__()
        unknown = set(hooks) - {*HOOKS, "on_batch_begin", "on_batch_end"}
        if unknown:
            raise ArgumentError(f"LambdaCallback knows no hook {sorted(unknown)}; expected some of {', '.join(HOOKS)}")
        hooks |= {"on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end}
        hooks |= {"on_train_begin": on_train_begin, "on_train_end": on_train_end}
        hooks |= {"on_train_batch_begin": on_train_batch_begin, "on_train_batch_end": on_train_batch_end}
        for name, function in hooks.items():
            if function is not None:
                setattr(self, name, function)
