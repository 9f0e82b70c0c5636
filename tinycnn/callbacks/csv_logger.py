"""The history as a CSV file, one row an epoch."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tinycnn.callbacks.callback import Callback, Logs
from tinycnn.checks import check_path

__all__ = ["CSVLogger"]


def _is_validation(name: str) -> bool:
    return name.startswith("val_")


class CSVLogger(Callback):
    """Writes epoch and logs of each epoch into a CSV file, at once.

    The columns are "epoch", from 0, then the sorted names of the first epoch's logs; an epoch without one of them (validation_freq > 1)
    has "NA" there, and several values of one metric stand in brackets.

    Args:
        filename: where; created when the training begins.
        separator: between the columns.
        append: add to an existing file, whose first line stays the header.

    Raises:
        ArgumentError, DTypeError: filename is no path.
        OSError: the file cannot be written.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = Path(check_path("filename", filename))
        self.separator = separator
        self.append = append
        self._columns: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._columns = self._header() if self.append else None
        with open(self.filename, "a" if self.append else "w", encoding="utf-8"):
            pass  # it can be written: better known now than after an epoch

    def _header(self) -> list[str] | None:
        """The columns that the file has already; None if it is empty or not there."""
        if not self.filename.exists():
            return None
        with open(self.filename, newline="", encoding="utf-8") as file:
            return next(csv.reader(file, delimiter=self.separator), [])[1:] or None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if self._columns is None:
            late = {f"val_{name}" for name in logs} if self.params.get("validation") and not any(map(_is_validation, logs)) else set()
            self._columns = sorted({*logs, *late})
            self._write(["epoch", *self._columns])
        values = [logs.get(name, "NA") for name in self._columns]
        self._write([epoch, *(np.asarray(value).tolist() if np.ndim(value) else value for value in values)])

    def _write(self, row: Iterable[Any]) -> None:
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=self.separator, lineterminator="\n").writerow(row)
