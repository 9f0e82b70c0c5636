"""Data sets that make a batch when asked for its number."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from tinycnn.errors import ArgumentError

__all__ = ["PyDataset"]


class PyDataset:
    """Base of data sets whose batches are made by Python code, if wanted by several threads ahead of the training.

    A subclass defines `__getitem__(index)`, which returns the whole batch x, (x, y) or (x, y, sample_weight), and `__len__`, the number
    of batches. `fit` asks for them in a new random order each epoch (`shuffle=False`: in their own), and puts them back into that order
    however long each takes. Classes that only look like this, such as Keras's, are taken too.

    Args:
        workers: with 2 or more, so many threads make batches ahead. `__getitem__` then runs in several threads at once.
        use_multiprocessing: accepted for Keras's sake; 1 worker is then a thread, too. Always threads are used, never processes: NumPy,
            image decoders and tinycnn itself let go of Python's lock while they work.
        max_queue_size: batches that may be ready or in the making.

    Raises:
        ArgumentError: workers or max_queue_size is not a count.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        for name, value, least in (("workers", workers, 0), ("max_queue_size", max_queue_size, 1)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ArgumentError(f"{name} must be an int >= {least}, got {value!r}")
        self.workers = workers
        self.use_multiprocessing = bool(use_multiprocessing)
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """The batch of this number, from 0."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index)")

    @property
    def num_batches(self) -> int | None:
        """The number of batches: what `__len__` says. A subclass may override it and say None, for no end."""
        if not hasattr(self, "__len__"):
            raise NotImplementedError(f"{type(self).__name__} must define __len__() or num_batches")
        return len(self)

    def __iter__(self) -> Iterator[Any]:
        """The batches in their own order, one at a time."""
        batches = self.num_batches
        return (self[i] for i in (count() if batches is None else range(batches)))

    def on_epoch_begin(self) -> None:
        """Called before each pass over the batches."""

    def on_epoch_end(self) -> None:
        """Called after each whole pass."""
