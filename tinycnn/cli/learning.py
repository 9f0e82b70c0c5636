"""`train`, `evaluate`, `predict`: each takes the parsed arguments and returns the exit status."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from tinycnn.callbacks import History
from tinycnn.cli import pictures, tutorial
from tinycnn.cli.machine import use_kernels
from tinycnn.cli.run import Run
from tinycnn.datasets.files import Split
from tinycnn.errors import ArgumentError, DataError
from tinycnn.utils import set_random_seed

__all__ = ["evaluate", "predict", "train"]

FALLBACK = "synthetic_fashion"
#: Class names shown for each picture, the likeliest first.
_TOP = 3
#: What printing raises when stdout is full, or when nobody reads on: to rich that is the end of the process.
_LOST = (OSError, SystemExit)


def train(arguments: Namespace) -> int:
    """Train the tutorial's CNN; 130 if Ctrl-C cut it short, an OSError if stdout was lost (what was trained is kept)."""
    use_kernels(arguments)
    dataset, missing, data = _load(arguments)
    run = Run.create(arguments.out, dataset)
    try:
        return _train_into(run, data, arguments, missing)
    finally:
        run.discard_if_empty()


def _train_into(run: Run, data: tuple[Split, Split], arguments: Namespace, missing: str | None) -> int:
    """Train, test, save and tell."""
    set_random_seed(arguments.seed)
    x_train, x_valid, y_train, y_valid = tutorial.split(*tutorial.prepare(data[0]))
    model = tutorial.build_model()
    history = History()  # the progress bar comes after it: an epoch that cannot be told counts all the same
    results: dict[str, float] = {}
    lost: OSError | SystemExit | None = None
    try:
        model.summary()
        how = {"batch_size": arguments.batch_size, "epochs": arguments.epochs, "callbacks": history}
        model.fit(x_train, y_train, validation_data=(x_valid, y_valid), **how)
        loss, accuracy = model.evaluate(*tutorial.prepare(data[1]), batch_size=arguments.batch_size, verbose=0)
        results = {"test_loss": loss, "test_accuracy": accuracy}
        verdict = f"test loss {loss:.4f}, test accuracy {accuracy:.4f} on {_describe(run.dataset, missing)}"
    except KeyboardInterrupt:
        verdict = "interrupted; what was trained is kept"
    except _LOST as error:
        if not history.history:
            raise OSError(f"{_told(error)} before an epoch was finished; nothing is kept") from None
        lost = error
    note = run.save(model, history.history, arguments, missing=missing, interrupted=not results, **results)
    try:
        if lost:
            raise lost
        print(*filter(None, [note, verdict, f"run folder: {run.folder}"]), sep="\n", flush=True)
    except _LOST as error:
        raise OSError(f"{_told(error)}; what was trained is kept in {run.folder}") from None
    return 0 if results else 130


def _told(lost: OSError | SystemExit) -> str:
    return f"stdout is lost ({lost.strerror if isinstance(lost, OSError) else os.strerror(errno.EPIPE)})"


def evaluate(arguments: Namespace) -> int:
    """Loss and accuracy on the test pictures, and with --plots what was missed."""
    run = Run.open(arguments.run)
    use_kernels(arguments)
    dataset = arguments.dataset or run.dataset
    _, test_set = _load_named(dataset, arguments.data)
    model = run.load_model()
    x, y = tutorial.prepare(test_set)
    loss, accuracy = model.evaluate(x, y, batch_size=arguments.batch_size, verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f} on {_describe(dataset)}")
    if arguments.plots:
        probabilities = model.predict(x, batch_size=arguments.batch_size, verbose=0)
        for told in run.plot_results(*test_set, probabilities, _module(dataset).CLASS_NAMES):
            print(told)
    return 0


def predict(arguments: Namespace) -> int:
    """The likeliest classes of each picture, with their probabilities."""
    run = Run.open(arguments.run)
    use_kernels(arguments)
    loaded = [pictures.read(path) for path in arguments.images]
    pixels = np.stack([picture.pixels for picture in loaded])
    probabilities = run.load_model().predict(tutorial.scale(pixels), verbose=0)
    names = _module(run.dataset).CLASS_NAMES
    width = max(len(str(path)) for path in arguments.images)
    for path, picture, row in zip(arguments.images, loaded, probabilities, strict=True):
        best = np.argsort(-row, kind="stable")[:_TOP]
        told = "  ".join(f"{names[label]} {row[label]:.1%}" for label in best)
        print(f"{path!s:<{width}}  {told}{'  (light background: inverted)' if picture.inverted else ''}")
    return 0


def _module(dataset: str) -> Any:
    return importlib.import_module(f"tinycnn.datasets.{dataset}")


def _load_named(dataset: str, folder: Path | None) -> tuple[Split, Split]:
    """A data set from its own module; only the drawn one has no files."""
    if folder and dataset == FALLBACK:
        raise ArgumentError(f"--data {folder} cannot be used with {dataset}, which is drawn and has no files")
    if folder and not os.path.isdir(os.path.expanduser(folder)):
        raise DataError(f"--data {folder} is not a folder; expected the one with the files of {dataset}")
    loaded: tuple[Split, Split] = _module(dataset).load_data(*([folder] if folder else []))
    return loaded


def _load(arguments: Namespace) -> tuple[str, str | None, tuple[Split, Split]]:
    """The data set asked for, or Fashion-MNIST, or else its stand-in: -> name, why Fashion-MNIST could not be had, the data.

    Who names a data set or a folder means it: then there is no stand-in.
    """
    dataset = arguments.dataset or "fashion_mnist"
    try:
        return dataset, None, _load_named(dataset, arguments.data)
    except DataError as error:
        if arguments.dataset or arguments.data:
            raise
        print(f"tinycnn: {error}. Training on the embedded {FALLBACK} instead (--dataset fashion_mnist insists)", file=sys.stderr)
        return FALLBACK, str(error), _load_named(FALLBACK, None)


def _describe(dataset: str, missing: str | None = None) -> str:
    """The data set's name, marked where it stands in for Fashion-MNIST."""
    return f"{dataset} (the embedded stand-in, NOT Fashion-MNIST)" if missing else dataset
