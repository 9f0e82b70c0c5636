"""Keep the weights, after each epoch or only the best."""

from __future__ import annotations

import os

from tinycnn.callbacks.callback import Logs
from tinycnn.callbacks.monitor import MonitorCallback
from tinycnn.errors import ArgumentError

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(MonitorCallback):
    """Saves the model's weights while it trains.

    A file is replaced at once or not at all: what was the last good checkpoint stays loadable whatever happens while the next is written.

    Args:
        filepath: ends in ".npz"; may hold {epoch} (from 1), {batch} and names of logs: "{epoch:02d}-{val_loss:.4f}.weights.npz".
        monitor: the key of the logs by which the best is chosen.
        verbose: 1 says when it saves.
        save_best_only: save only when the monitored value gets better.
        save_weights_only: must be True.
        mode: "min", "max" or "auto"; only looked at with save_best_only.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: the value that the first best must beat.

    Raises:
        ArgumentError: one of these is not as described; at the first saving also if filepath names an unknown log.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = True,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode if save_best_only else "min", initial_value_threshold, 0)
        self.filepath = os.fspath(filepath)
        if not save_weights_only:
            raise ArgumentError("save_weights_only must be True: whole models cannot be saved")
        if not self.filepath.endswith(".npz"):
            raise ArgumentError(f"filepath must end in '.npz', got {self.filepath!r}")
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ArgumentError(f"save_freq must be 'epoch' or a number of batches >= 1, got {save_freq!r}")
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_freq = save_freq
        self._epoch = 0
        self._batches = 0  # since the last saving

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._batches == self.save_freq:
            self._batches = 0
            self._save(logs, batch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(logs, None)

    def _save(self, logs: Logs | None, batch: int | None) -> None:
        """Save, if the time has come."""
        when = f"Epoch {self._epoch + 1}"
        path = self._path(logs, batch)
        if self.save_best_only:
            value = self.monitored(logs)
            if value is None:
                return
            if not self.is_better(value, self.best):
                if self.verbose:
                    print(f"{when}: {self.monitor} did not improve from {self.best:.5f}")
                return
            if self.verbose:
                print(f"{when}: {self.monitor} improved from {self.best:.5f} to {value:.5f}, saving model to {path}")
            self.best = value
        elif self.verbose:
            print(f"{when}: saving model to {path}")
        self.model.save_weights(path)

    def _path(self, logs: Logs | None, batch: int | None) -> str:
        """`filepath` with its places filled."""
        known = {**(logs or {}), "epoch": self._epoch + 1} | ({} if batch is None else {"batch": batch + 1})
        try:
            return self.filepath.format(**known)
        except (KeyError, ValueError, IndexError) as error:
            raise ArgumentError(f"filepath {self.filepath!r} cannot be filled from {', '.join(known)}: {error}") from None
