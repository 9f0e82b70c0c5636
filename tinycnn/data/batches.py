"""Cutting data into batches: arrays in a given or a shuffled order, and streams of batches that the user makes."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import random
from tinycnn.checks import check_count
from tinycnn.data.arrays import ArrayData
from tinycnn.data.prefetch import prefetched
from tinycnn.data.structure import Structure, is_indexable
from tinycnn.errors import ArgumentError

__all__ = ["ArrayBatches", "Batch", "Batches", "Epochs", "StreamBatches", "whole"]


@dataclass(slots=True)
class Batch:
    """Some samples: flat lists as in `ArrayData`. The arrays may be buffers that the next batch overwrites."""

    x: Sequence[NDArray[Any]]
    y: Sequence[NDArray[Any]]
    weights: Sequence[NDArray[Any] | None]
    structure: Structure
    size: int
    y_structure: Structure = None


class Batches(Protocol):
    """A source of batches."""

    #: Batches in one pass; None if unknown.
    steps: int | None
    #: Whether there can be a second pass: a generator has but one.
    restartable: bool

    def start(self, skip: int = 0) -> Iterator[Batch]:
        """A pass, without its first `skip` batches. What is random about it is drawn at once, and the same whatever `skip` is."""
        ...


def whole(data: ArrayData, dtype: np.dtype[Any]) -> Batch:
    """All of `data` as one batch, with floats in `dtype` as in `ArrayBatches`."""
    x = [a if a.dtype is dtype else a.astype(dtype, copy=False) for a in data.x]
    y = [a.astype(_dtype_of(a, "y", dtype), copy=False) for a in data.y]
    weights = [None if w is None else w.astype(dtype, copy=False) for w in data.weights]
    return Batch(x, y, weights, data.structure, data.size, data.y_structure)


def _dtype_of(array: NDArray[Any], kind: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype that a batch of such an array has: `dtype`, or for integer targets their own."""
    if kind != "y" or array.dtype.kind == "f":
        return dtype
    return array.dtype if array.dtype.isnative else array.dtype.newbyteorder("=")


class ArrayBatches:
    """`ArrayData` in batches, the last of which may be smaller.

    Args:
        data: what to cut.
        batch_size: samples in a batch.
        shuffle: go through in a fresh permutation each time, drawn from `tinycnn.random`; "batch" permutes whole batches only, so that
            what is read together lies together on the disk (a smaller last batch stays the last).
        dtype: floating-point dtype that floating x, y and weights come out in. Integers in x come out so too; integer targets stay.
    """

    restartable = True

    def __init__(self, data: ArrayData, batch_size: int, *, shuffle: bool | str, dtype: DTypeLike) -> None:
        self.data = data
        self.batch_size = min(check_count("batch_size", batch_size), data.size)
        self.shuffle = shuffle
        self.dtype = np.dtype(dtype)
        self.steps: int | None = -(-data.size // self.batch_size)

    def start(self, skip: int = 0) -> Iterator[Batch]:
        """A pass, without its first `skip` batches."""
        return self._cut(self._order(), skip * self.batch_size)

    __iter__ = start

    def _order(self) -> NDArray[np.int64] | None:
        """The samples' numbers in the order of one pass; None as they come."""
        if self.shuffle != "batch":
            return random.generator().permutation(self.data.size) if self.shuffle else None
        whole = self.data.size // self.batch_size
        numbers = np.arange(self.data.size)
        shuffled = random.generator().permutation(numbers[: whole * self.batch_size].reshape(whole, self.batch_size))
        return np.concatenate([shuffled.ravel(), numbers[whole * self.batch_size :]])

    def _cut(self, order: NDArray[np.int64] | None, first: int) -> Iterator[Batch]:
        data = self.data
        x, y, weights = ([self._reader(a, kind, order is not None) for a in arrays] for kind, arrays in data.parts())
        for start in range(first, data.size, self.batch_size):
            stop = min(start + self.batch_size, data.size)
            rows = slice(start, stop) if order is None else order[start:stop]
            yield Batch(
                [read(rows) for read in x],
                [read(rows) for read in y],
                [read(rows) for read in weights],
                data.structure,
                stop - start,
                data.y_structure,
            )

    def _reader(self, array: NDArray[Any] | None, kind: str, shuffled: bool) -> Callable[[Any], Any]:
        """A function of a slice, or of row numbers, that gives those rows in the dtype they shall have; None for no array."""
        if array is None:
            return lambda rows: None
        dtype = _dtype_of(array, kind, self.dtype)
        if not shuffled or not (array.flags.c_contiguous and array.flags.aligned):  # `take` would copy all of it, each time
            return lambda rows: array[rows].astype(dtype, copy=False)
        gathered = np.empty((self.batch_size, *array.shape[1:]), array.dtype)
        converts = array.dtype != dtype
        converted = np.empty(gathered.shape, dtype) if converts else gathered

        def gather(rows: NDArray[np.int64]) -> NDArray[Any]:
            into, result = gathered, converted
            if len(rows) < self.batch_size:
                into, result = gathered[: len(rows)], converted[: len(rows)]
            array.take(rows, 0, into, "clip")  # the other modes go through a copy
            if converts:
                np.copyto(result, into, casting="unsafe")
            return result

        return gather


class StreamBatches:
    """Batches that the user makes: a generator, an iterator, an iterable, or an object with `__getitem__` such as a `PyDataset`.

    Args:
        stream: yields x, (x, y) or (x, y, sample_weight); a list counts as a tuple.
        convert: makes a `Batch` of one of these, with all checks.
        shuffle: ask an object with `__getitem__` for its batches in a fresh permutation each time.
    """

    def __init__(self, stream: Any, convert: Callable[[tuple[Any, ...]], Batch], shuffle: bool | str = False) -> None:
        self.stream = stream
        self.convert = convert
        self.shuffle = shuffle
        self.indexable = is_indexable(stream)
        self.steps: int | None = _length(stream)
        self.restartable = not isinstance(stream, Iterator)

    def start(self, skip: int = 0) -> Iterator[Batch]:
        """A pass, without its first `skip` batches."""
        return self._run(self._numbers(skip) if self.indexable else None, skip)

    __iter__ = start

    def _numbers(self, skip: int) -> Iterable[int]:
        """The numbers of the batches to ask for, in order."""
        if self.steps is None:
            return itertools.count(skip)
        return random.generator().permutation(self.steps)[skip:].tolist() if self.shuffle else range(skip, self.steps)

    def _run(self, numbers: Iterable[int] | None, skip: int) -> Iterator[Batch]:
        _tell(self.stream, "on_epoch_begin")
        items = itertools.islice(self.stream, skip, None) if numbers is None else self._asked_for(numbers)
        try:
            for item in items:
                parts = tuple(item) if isinstance(item, (tuple, list)) else (item,)
                if not 1 <= len(parts) <= 3:
                    raise ArgumentError(f"a batch must be x, (x, y) or (x, y, sample_weight), got a tuple of {len(parts)}")
                yield self.convert(parts)
        finally:
            _close(items)  # and its threads, even while an exception's traceback keeps this frame
        _tell(self.stream, "on_epoch_end")

    def _asked_for(self, numbers: Iterable[int]) -> Iterator[Any]:
        """The batches of these numbers; by threads where the stream wants `workers`."""
        workers = getattr(self.stream, "workers", 0)
        if workers > 1 or (workers == 1 and getattr(self.stream, "use_multiprocessing", False)):
            return prefetched(self.stream.__getitem__, numbers, workers, max(1, getattr(self.stream, "max_queue_size", 10)))
        return (self.stream[number] for number in numbers)


def _length(stream: Any) -> int | None:
    """The number of batches, if the stream knows it."""
    if hasattr(stream, "num_batches"):
        found = stream.num_batches
        return None if found is None else int(found)
    try:
        return len(stream)
    except TypeError:  # it has no __len__, or has one that says so, as torch's DataLoader of an iterable
        return None


def _tell(stream: Any, event: str) -> None:
    """Call a method of a data set's, if it has it."""
    if hasattr(stream, event):
        getattr(stream, event)()


def _close(iterator: Iterator[Any] | None) -> None:
    if isinstance(iterator, Generator):
        iterator.close()


class Epochs:
    """A source cut into epochs; each `iter()` is one.

    Args:
        source: where the batches come from.
        steps: batches in an epoch. An epoch goes on where the last one stopped, and into the next pass where the source allows one. By
            default an epoch is one pass.
        afresh: begin each epoch with a new pass where the source allows one, so that a validation of some steps sees the same batches.

    Raises:
        ArgumentError: steps is not an int >= 1.
    """

    def __init__(self, source: Batches, steps: int | None = None, *, afresh: bool = False, argument: str = "steps") -> None:
        self.source = source
        self.steps = source.steps if steps is None else check_count(argument, steps)
        self._whole_passes = steps is None
        self._afresh = afresh and source.restartable
        self._running: Iterator[Batch] | None = None
        self._random_state: dict[str, Any] = {}  # before the pass that runs was started
        self._taken = 0  # batches of that pass that were given out
        self._done = 0  # batches of the epoch that runs, where it is one of some steps

    def _start(self, skip: int = 0) -> Iterator[Batch]:
        self._random_state = random.get_state()
        self._taken = skip
        self._running = self.source.start(skip)
        return self._running

    def __iter__(self) -> Iterator[Batch]:
        if self._whole_passes:
            try:
                for batch in self._running or self._start():
                    self._taken += 1
                    yield batch
            finally:
                self._running = None
            return
        if self._afresh:
            self.close()
        try:
            for done in range(self._done, self.steps or 0):
                found = next(self._running or self._start(), None)
                if found is None and self.source.restartable:
                    found = next(self._start(), None)
                if found is None:
                    warnings.warn(f"the data ran out after {done} of {self.steps} steps", stacklevel=2)
                    return
                self._taken += 1
                self._done = done + 1
                yield found
        finally:
            self._done = 0

    def close(self) -> None:
        """End the pass that runs, and the threads it may have."""
        running, self._running = self._running, None
        _close(running)

    @contextlib.contextmanager
    def held_at_the_end(self) -> Iterator[None]:
        """For what is still to be told of an epoch's last batch: `position` is behind that batch, though the pass has ended."""
        ended = self._running is None
        if ended:
            self._running = iter(())
        self._done = self.steps or 0
        try:
            yield
        finally:
            self._done = 0
            if ended:
                self._running = None

    @property
    def position(self) -> dict[str, Any] | None:
        """Where the pass that runs is, plain data; None between passes."""
        return None if self._running is None else {"random_state": self._random_state, "taken": self._taken, "done": self._done}

    @position.setter
    def position(self, position: dict[str, Any] | None) -> None:
        """Go to where another `Epochs` of the same data was. The random generator is as at the start of that pass afterwards, and more."""
        self.close()
        if position is not None:
            random.set_state(position["random_state"])
            self._start(position["taken"])
            self._done = position["done"]
