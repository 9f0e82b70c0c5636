"""The progress bar as a callback: what `verbose` switches on."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from tinycnn.callbacks.callback import Callback, Logs
from tinycnn.config import is_interactive_logging_enabled
from tinycnn.errors import ArgumentError
from tinycnn.utils.progress import Progbar, is_interactive

__all__ = ["ProgbarLogger", "resolve_verbose"]


def resolve_verbose(verbose: Any) -> int:
    """0, 1 or 2; "auto" is 1 on a terminal or in a notebook (unless `utils.disable_interactive_logging()` was called), and 2 elsewhere.

    Raises:
        ArgumentError: for anything else.
    """
    if verbose not in ("auto", 0, 1, 2):
        raise ArgumentError(f"verbose must be 'auto', 0, 1 or 2, got {verbose!r}")
    if verbose == "auto":
        return 1 if is_interactive_logging_enabled() and is_interactive() else 2
    return int(verbose)


class ProgbarLogger(Callback):
    """Draws the epochs of `fit`, or the batches of `evaluate` and `predict`.

    The bar is redrawn about ten times a second; between that, a batch costs it one look at the clock. Of a metric with several values, as
    F1Score(average=None), it shows the mean; the History has them all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bar: Progbar | None = None
        self._fitting = False
        self._steps = 0

    def _begin(self) -> None:
        self._steps = 0
        self._bar = Progbar(self.params["steps"], verbose=self.params["verbose"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._fitting = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.params["verbose"] and self.params["epochs"] > 1:
            print(f"Epoch {epoch + 1}/{self.params['epochs']}", flush=True)
        self._begin()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._step(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._end(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._fitting:
            self._begin()

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not self._fitting:
            self._step(batch, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._fitting:
            self._end(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._step(batch, None)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._end(None)

    def _step(self, batch: int, logs: Logs | None) -> None:
        assert self._bar is not None  # _begin has made it
        self._steps = batch + 1
        if self._bar.is_due(time.perf_counter()):
            self._show(logs, finalize=False)

    def _end(self, logs: Logs | None) -> None:
        self._show(logs, finalize=True)

    def _show(self, logs: Logs | None, finalize: bool) -> None:
        assert self._bar is not None
        numbers = {name: _number(value) for name, value in (logs or {}).items()}
        values = {name: value for name, value in numbers.items() if value is not None}
        self._bar.stateful_metrics = frozenset(values)
        self._bar.update(self._steps, values.items(), finalize=finalize)


def _number(value: Any) -> float | None:
    """A number, or the mean of several; None for what cannot be shown as one."""
    if isinstance(value, (int, float)):
        return value
    try:
        values = np.asarray(value)
    except (TypeError, ValueError):
        return None
    return float(values.mean()) if values.size and values.dtype.kind in "fiub" else None
