"""What `fit` returns: the value of every loss and metric after each epoch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from tinycnn.callbacks.callback import Callback, Logs
from tinycnn.errors import ArgumentError

__all__ = ["History", "find_key"]

#: Names that old scripts use <-> today's.
_OTHER_NAMES = {"acc": "accuracy", "accuracy": "acc", "lr": "learning_rate", "learning_rate": "lr"}


def find_key(values: Logs, key: str) -> str | None:
    """`key`, or its other name (acc <-> accuracy, lr <-> learning_rate, also after "val_"), whichever is in `values`; else None."""
    if key in values:
        return key
    prefix, name = ("val_", key[4:]) if key.startswith("val_") else ("", key)
    other = prefix + _OTHER_NAMES.get(name, name)
    return other if other in values else None


class _Record(dict[str, list[float]]):
    """A dict in which `record["acc"]` finds "accuracy" and the other way round. Iteration, `in` and `len` know the real keys only."""

    def __missing__(self, key: str) -> list[float]:
        found = find_key(self, key) if isinstance(key, str) else None
        if found is None:
            raise KeyError(f"{key!r}; there are {', '.join(map(repr, self)) or 'no keys'}")
        return self[found]

    def get(self, key: str, default: Any = None) -> Any:
        """As `[key]`, with a default."""
        found = find_key(self, key)
        return default if found is None else self[found]


class History(Callback):
    """Every model has one; `fit` returns it.

    Attributes:
        history: name -> one float an epoch. Lookups take "acc" for "accuracy" and "lr" for "learning_rate", as old scripts have it.
        epoch: the numbers of the epochs, from 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = _Record()
        self.epoch: list[int] = []
        #: Name -> the numbers, from 1, of the epochs that its values are of: there is not a validation after each.
        self._epochs_of: dict[str, list[int]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self._epochs_of.setdefault(name, []).append(epoch + 1)

    def plot(self, ax: Any = None, path: str | os.PathLike[str] | None = None, metrics: str | Sequence[str] | None = None) -> Any:
        """Draw the curves: a panel for each metric, training and validation together.

            model.fit(x, y, validation_split=0.1).plot(path="curves.png")

        Args:
            ax: matplotlib's Axes to draw into, one for each metric; default: a new figure.
            path: where the picture is written (.png, .svg, .pdf); default: nowhere.
            metrics: a name or several, as "loss"; default: all there are.

        Returns:
            The matplotlib Figure; a notebook shows it.

        Raises:
            ArgumentError: there is nothing to draw, no such metric, or not one of `ax` for each.
            ModuleNotFoundError: matplotlib (extra `plot`) is not installed.
            OSError: the file cannot be written.
        """
        from tinycnn.utils import plotting

        known = plotting.history_metrics(self.history)
        names = known if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
        found = [find_key(self.history, name) or name for name in names]
        if not found or not set(found) <= set(known):
            raise ArgumentError(f"metrics must be among {', '.join(known) or 'none, for no epoch is finished'}, got {metrics!r}")
        if ax is None:
            figure, axes = plotting.history_panels(len(found))
        else:
            axes = [ax] if hasattr(ax, "plot") else list(getattr(ax, "flat", ax))
            if len(axes) != len(found):
                raise ArgumentError(f"ax must be one for each of {', '.join(found)} (choose with metrics=), got {len(axes)}")
            figure = axes[0].figure
        plotting.draw_history(self.history, axes, found, self._epochs_of)
        if path is not None:
            plotting.save_figure(figure, path)
        return figure
