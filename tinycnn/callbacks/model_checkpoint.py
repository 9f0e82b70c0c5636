"""Keep the model, after each epoch or only the best."""

from __future__ import annotations

import os
import warnings

from tinycnn.callbacks.callback import Logs
from tinycnn.callbacks.finite import is_finite
from tinycnn.callbacks.monitor import MonitorCallback
from tinycnn.checks import check_path
from tinycnn.errors import ArgumentError

__all__ = ["ModelCheckpoint"]

#: Ends of the names of files that hold weights only, and of those that hold models.
_WEIGHTS, _MODELS = (".weights.h5", ".npz"), (".keras", ".h5")


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, while it trains.

    A file is replaced at once or not at all: what was the last good checkpoint stays loadable whatever happens while the next is written.
    A model whose loss or weights are not finite is not saved, with a warning.

    Args:
        filepath: ends in ".keras" or ".h5" for whole models, in ".weights.h5" or ".npz" for weights. May hold {epoch} (from 1), {batch}
            and names of logs: "{epoch:02d}-{val_loss:.4f}.keras". Folders are made.
        monitor: the key of the logs by which the best is chosen.
        verbose: 1 says when it saves.
        save_best_only: save only when the monitored value gets better.
        save_weights_only: save the weights. What the end of `filepath` says counts where this is False.
        mode: "min", "max" or "auto"; only looked at with save_best_only.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: the value that the first best must beat.

    Raises:
        ArgumentError: one of these is not as described; at the first saving also if filepath names an unknown log.
    """

    resumed = ("best", "_batches", "_last_batch")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode if save_best_only else "min", initial_value_threshold, 0)
        self.filepath = check_path("filepath", filepath)
        self.save_weights_only = save_weights_only or self.filepath.endswith(_WEIGHTS)
        ends = _WEIGHTS if self.save_weights_only else _MODELS
        if not self.filepath.endswith(ends):
            what = "save_weights_only=True" if save_weights_only else "whole models"
            raise ArgumentError(f"filepath must end in {' or '.join(map(repr, ends))} for {what}, got {self.filepath!r}")
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ArgumentError(f"save_freq must be 'epoch' or a number of batches >= 1, got {save_freq!r}")
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_freq = save_freq
        self._epoch = 0
        self._batches = 0  # since the last saving
        self._last_batch = -1

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch
        self._last_batch = -1

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += batch - self._last_batch
        self._last_batch = batch
        if self.save_freq != "epoch" and self._batches >= int(self.save_freq):
            self._batches = 0
            self._save(logs, batch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(logs, None)

    def _save(self, logs: Logs | None, batch: int | None) -> None:
        """Save, if the time has come."""
        path = self._path(logs, batch)
        if not is_finite(self.model, logs):
            warnings.warn(f"ModelCheckpoint did not save {path}: the loss or a weight is not finite", stacklevel=4)
            return
        said = self._reason(logs)
        if said is None:
            return
        if self.verbose:
            print(f"\nEpoch {self._epoch + 1}: {said}saving model to {path}")
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def _reason(self, logs: Logs | None) -> str | None:
        """Why to save, as a beginning of what is said; None for not to."""
        if not self.save_best_only:
            return ""
        value = self.monitored(logs)
        if value is None:
            return ""
        before = self.best
        if not self.is_better(value, before):
            if self.verbose:
                print(f"\nEpoch {self._epoch + 1}: {self.monitor} did not improve from {before:.5f}")
            return None
        self.best = value
        return f"{self.monitor} improved from {before:.5f} to {value:.5f}, "

    def _path(self, logs: Logs | None, batch: int | None) -> str:
        """`filepath` with its places filled."""
        known = {**(logs or {}), "epoch": self._epoch + 1} | ({} if batch is None else {"batch": batch + 1})
        try:
            return self.filepath.format(**known)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ArgumentError(f"filepath {self.filepath!r} cannot be filled from {', '.join(known)}: {error}") from None
