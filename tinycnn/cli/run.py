"""A run folder: what `tinycnn train` leaves behind.

run.json            data set, arguments, versions, results
model.keras         the trained network; tinycnn.saving.load_model and Keras 3 open it
history.csv         loss and metrics of each epoch
curves.png          the same as a picture
confusion.png       by `tinycnn evaluate --plots`: which class was taken for which
mistakes.png        the same: the pictures that were missed, the surest mistakes first
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import platform
import signal
import threading
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

import tinycnn
from tinycnn.cli import tutorial
from tinycnn.cli.arguments import DATASETS
from tinycnn.errors import BackendError, DataError
from tinycnn.models import Sequential, load_model
from tinycnn.saving.atomic import replacing
from tinycnn.version import __version__

__all__ = ["Run"]

_MODEL, _HISTORY, _CURVES, _RECORD = "model.keras", "history.csv", "curves.png", "run.json"
_CONFUSION, _MISTAKES = "confusion.png", "mistakes.png"
#: Raised by one when a reader of old folders would misread new ones.
_FORMAT = 2


@dataclass(frozen=True)
class Run:
    """One run folder and the data set that its model was trained on."""

    folder: Path
    dataset: str
    #: The folder and those above it that `create` made, the innermost first.
    made: tuple[Path, ...] = ()

    @classmethod
    def create(cls, folder: Path | None, dataset: str) -> Run:
        """A new, empty folder; an existing one is never written into (DataError), an unnamed one gets a name of its own."""
        stem = f"{datetime.now():%Y%m%d-%H%M%S}-{dataset}"
        own = (Path("runs", stem if count == 1 else f"{stem}-{count}") for count in itertools.count(1))
        for new in [folder] if folder else own:
            made = tuple(path for path in (new, *new.parents) if not path.exists())
            with contextlib.suppress(FileExistsError):
                new.mkdir(parents=True)
                return cls(new, dataset, made)
        raise DataError(f"--out {folder} exists already; name a new folder, nothing is overwritten")

    @classmethod
    def open(cls, folder: Path) -> Run:
        """A folder that `save` wrote; DataError if it is none."""
        file = folder / _RECORD
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f"{folder} is not a run folder: it has no {_RECORD}; `tinycnn train` makes one and prints its path") from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"{file} is damaged: {error}") from None
        if not isinstance(record, dict) or record.get("format") != _FORMAT or record.get("dataset") not in DATASETS:
            raise DataError(f"{file} is damaged or of another version: expected format {_FORMAT} and a dataset of {', '.join(DATASETS)}")
        return cls(folder, record["dataset"])

    def discard_if_empty(self) -> None:
        """Take the folder away if nothing was written into it, and those above it that were made for it."""
        with contextlib.suppress(OSError):
            for path in self.made:
                path.rmdir()

    def load_model(self) -> Sequential:
        """The trained network. Raises DataError where the file holds another."""
        model = load_model(self.folder / _MODEL)
        if not (isinstance(model, Sequential) and _interface(model) == _interface(tutorial.build_model())):
            raise DataError(f"{self.folder / _MODEL} does not hold a network that `tinycnn train` made")
        return model

    def plot_results(self, images: Any, labels: Any, probabilities: Any, class_names: Sequence[str]) -> Iterator[str]:
        """Draw what was missed; one line for each file, when it is written. Raises BackendError if matplotlib is not installed."""
        from tinycnn.utils.plotting import plot_confusion_matrix, plot_mistakes

        try:
            plot_confusion_matrix(labels, probabilities.argmax(axis=1), class_names, self.folder / _CONFUSION)
            yield f"{self.folder / _CONFUSION}: which class was taken for which"
            plot_mistakes(images, labels, probabilities, class_names, self.folder / _MISTAKES)
            yield f"{self.folder / _MISTAKES}: the surest mistakes"
        except ModuleNotFoundError as error:
            raise BackendError(f"--plots needs matplotlib: {error}") from None

    def save(self, model: Sequential, history: Mapping[str, Sequence[float]], arguments: Namespace, **results: Any) -> str:
        """Write everything; a second Ctrl-C waits until it is written. Returns what to tell the user, or an empty string."""
        with _uninterrupted():
            model.save(self.folder / _MODEL)
            _write(self.folder / _HISTORY, _table(history))
            record = {
                "format": _FORMAT,
                "dataset": self.dataset,
                "arguments": {name: str(value) if isinstance(value, Path) else value for name, value in vars(arguments).items()},
                "versions": {"tinycnn": __version__, "numpy": np.__version__, "python": platform.python_version()},
                "backend": tinycnn.backend(),
                "threads": tinycnn.get_num_threads(),
                "epochs": len(history.get("loss", ())),
                **results,
            }
            _write(self.folder / _RECORD, json.dumps(record, indent=2) + "\n")
            return _draw_curves(self.folder / _CURVES, history)


def _interface(model: Sequential) -> tuple[Any, ...]:
    """What `evaluate` and `predict` rely on: the shapes, and what is computed beside the output."""
    compiled = model.get_compile_config() or {}
    return (model.input_shape, model.output_shape, *map(compiled.get, ("loss", "loss_weights", "metrics", "weighted_metrics")))


def _write(file: Path, text: str) -> None:
    with replacing(file) as stream:
        stream.write(text.encode())


def _table(history: Mapping[str, Sequence[float]]) -> str:
    """CSV, one row an epoch; the columns are epoch, from 1, then the sorted names."""
    names = sorted(history)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["epoch", *names])
    for epoch, values in enumerate(zip(*(history[name] for name in names), strict=True), 1):
        writer.writerow([epoch, *values])
    return text.getvalue()


def _draw_curves(file: Path, history: Mapping[str, Sequence[float]]) -> str:
    """The picture, or one line on why there is none: it is not worth a run, whatever it stumbles over."""
    if not history:
        return f"{file.name} was left out: no epoch was finished"
    try:
        from tinycnn.utils.plotting import plot_history

        plot_history(history, file)
    except Exception as error:
        return f"{file.name} was left out: {' '.join(str(error).split()) or type(error).__name__}"
    return ""


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C is put off until the end of the block (signals reach the main thread only)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
