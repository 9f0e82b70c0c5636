"""Cutting data into batches: arrays in a given or a shuffled order, and streams of batches that the user makes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import random
from tinycnn.data.arrays import ArrayData
from tinycnn.data.structure import Structure
from tinycnn.errors import ArgumentError

__all__ = ["ArrayBatches", "Batch", "Batches", "Epochs", "StreamBatches", "check_count"]


def check_count(value: Any, name: str, least: int = 1) -> int:
    """`value` as an int >= `least`; ArgumentError naming it otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ArgumentError(f"{name} must be an int >= {least}, got {value!r}")
    return int(value)


@dataclass(slots=True)
class Batch:
    """Some samples: flat lists as in `ArrayData`. The arrays may be buffers that the next batch overwrites."""

    x: Sequence[NDArray[Any]]
    y: Sequence[NDArray[Any]]
    weights: Sequence[NDArray[Any] | None]
    structure: Structure
    size: int


class Batches(Protocol):
    """A source of batches; each `iter()` is one pass."""

    #: Batches in one pass; None if unknown.
    steps: int | None
    #: Whether there can be a second pass: a generator has but one.
    restartable: bool

    def __iter__(self) -> Iterator[Batch]: ...


class ArrayBatches:
    """`ArrayData` in batches, the last of which may be smaller.

    Args:
        data: what to cut.
        batch_size: samples in a batch.
        shuffle: go through in a fresh permutation each time, drawn from `tinycnn.random`.
        dtype: floating-point dtype that floating x, y and weights come out in. Integers in x come out so too; integer targets stay.
    """

    restartable = True

    def __init__(self, data: ArrayData, batch_size: int, *, shuffle: bool, dtype: DTypeLike) -> None:
        self.data = data
        self.batch_size = min(check_count(batch_size, "batch_size"), data.size)
        self.shuffle = shuffle
        self.dtype = np.dtype(dtype)
        self.steps: int | None = -(-data.size // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        order = random.generator().permutation(self.data.size) if self.shuffle else None
        readers = [[self._reader(a, kind, order) for a in arrays] for kind, arrays in self.data.parts()]
        for start in range(0, self.data.size, self.batch_size):
            stop = min(start + self.batch_size, self.data.size)
            x, y, weights = ([read(start, stop) for read in group] for group in readers)
            yield Batch(x, y, weights, self.data.structure, stop - start)

    def _reader(self, array: NDArray[Any] | None, kind: str, order: NDArray[np.int64] | None) -> Callable[[int, int], Any]:
        """A function (start, stop) -> the rows at these places of the order, in the dtype they shall have; None for no array."""
        if array is None:
            return lambda start, stop: None
        dtype = array.dtype if kind == "y" and array.dtype.kind != "f" else self.dtype
        if order is None:
            return lambda start, stop: array[start:stop].astype(dtype, copy=False)
        if not (array.flags.c_contiguous and array.flags.aligned):  # np.take would copy all of it, each time
            return lambda start, stop: array[order[start:stop]].astype(dtype, copy=False)
        gathered = np.empty((self.batch_size, *array.shape[1:]), array.dtype)
        converted = gathered if array.dtype == dtype else np.empty(gathered.shape, dtype)

        def gather(start: int, stop: int) -> NDArray[Any]:
            rows = gathered[: stop - start]
            np.take(array, order[start:stop], axis=0, out=rows, mode="clip")  # the other modes go through a copy
            if converted is not gathered:
                np.copyto(converted[: stop - start], rows, casting="unsafe")
            return converted[: stop - start]

        return gather


class StreamBatches:
    """Batches that the user makes: a generator, an iterator, an iterable, or an object with `__getitem__` and `__len__`.

    Args:
        stream: yields x, (x, y) or (x, y, sample_weight).
        convert: makes a `Batch` of one of these, with all checks.
    """

    def __init__(self, stream: Any, convert: Callable[[tuple[Any, ...]], Batch]) -> None:
        self.stream = stream
        self.convert = convert
        self.steps: int | None = len(stream) if hasattr(stream, "__len__") else None
        self.restartable = not isinstance(stream, Iterator)

    def __iter__(self) -> Iterator[Batch]:
        items: Iterable[Any] = self.stream if isinstance(self.stream, Iterable) else (self.stream[i] for i in range(len(self.stream)))
        for item in items:
            parts = item if isinstance(item, tuple) else (item,)
            if not 1 <= len(parts) <= 3:
                raise ArgumentError(f"a batch must be x, (x, y) or (x, y, sample_weight), got a tuple of {len(parts)}")
            yield self.convert(parts)


class Epochs:
    """A source cut into epochs; each `iter()` is one.

    Args:
        source: where the batches come from.
        steps: batches in an epoch. An epoch goes on where the last one stopped, and into the next pass where the source allows one. By
            default an epoch is one pass.

    Raises:
        ArgumentError: steps is not an int >= 1.
    """

    def __init__(self, source: Batches, steps: int | None = None) -> None:
        self.source = source
        self.steps = source.steps if steps is None else check_count(steps, "steps")
        self._whole_passes = steps is None
        self._running = iter(source)

    def __iter__(self) -> Iterator[Batch]:
        if self._whole_passes:
            yield from self.source
            return
        for done in range(self.steps or 0):
            batch = next(self._running, None)
            if batch is None and self.source.restartable:
                self._running = iter(self.source)
                batch = next(self._running, None)
            if batch is None:
                warnings.warn(f"the data ran out after {done} of {self.steps} steps", stacklevel=2)
                return
            yield batch
