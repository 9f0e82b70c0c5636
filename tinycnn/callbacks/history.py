"""What `fit` returns: the value of every loss and metric after each epoch."""

from __future__ import annotations

from typing import Any

from tinycnn.callbacks.callback import Callback, Logs

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

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
