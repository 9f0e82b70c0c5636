"""Data sets with `__getitem__`: order, threads, errors."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from tinycnn import errors, utils
from tinycnn.data import Epochs, PyDataset, StreamBatches
from tinycnn.data.prefetch import prefetched
from tinycnn.utils import set_random_seed


class Numbers(PyDataset):
    """Batch i is the number i; the later the number, the sooner it is ready."""

    def __init__(self, count: int = 12, fails_at: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count
        self.fails_at = fails_at
        self.events: list[str] = []
        self.threads: set[str] = set()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        if index == self.fails_at:
            raise OSError(f"no picture {index}")
        self.threads.add(threading.current_thread().name)
        time.sleep(0.001 * (self.count - index) / self.count)
        return index

    def on_epoch_begin(self) -> None:
        self.events.append("begin")

    def on_epoch_end(self) -> None:
        self.events.append("end")


def batches(dataset: Any, **options: Any) -> StreamBatches:
    return StreamBatches(dataset, lambda parts: parts[0], **options)


def worker_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("tinycnn-data")]


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_batches_come_in_order_however_long_each_takes(workers: int) -> None:
    dataset = Numbers(workers=workers, max_queue_size=5)
    assert list(dataset) == list(range(12))
    assert list(batches(dataset)) == list(range(12))
    assert dataset.events == ["begin", "end"]
    assert any(name.startswith("tinycnn-data") for name in dataset.threads) == (workers > 1)
    assert worker_threads() == []


def test_processes_become_threads() -> None:
    dataset = Numbers(workers=1, use_multiprocessing=True)
    assert list(batches(dataset)) == list(range(12))
    assert {name[:12] for name in dataset.threads} == {"tinycnn-data"}


@pytest.mark.parametrize("workers", [1, 3])
def test_a_fresh_order_each_pass(workers: int) -> None:
    source = batches(Numbers(workers=workers), shuffle=True)
    set_random_seed(0)
    first, second = list(source), list(source)
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second
    set_random_seed(0)
    assert list(source.start(5)) == first[5:]


@pytest.mark.parametrize("workers", [1, 3])
def test_an_exception_comes_out_in_its_place(workers: int) -> None:
    seen = []
    with pytest.raises(OSError, match="no picture 7"):
        for number in batches(Numbers(fails_at=7, workers=workers)):
            seen.append(number)  # noqa: PERF402
    assert seen == list(range(7))
    assert worker_threads() == []


def test_threads_end_when_the_consumer_does() -> None:
    epochs = Epochs(batches(Numbers(workers=3)), 2)
    assert list(epochs) == [0, 1]
    assert worker_threads() != []
    epochs.close()
    assert worker_threads() == []


def test_no_more_is_made_than_asked_for() -> None:
    made: list[int] = []
    results = prefetched(lambda key: made.append(key) or key, iter(range(100)), 2, 3)
    assert next(results) == 0
    results.close()
    assert set(made) <= set(range(4))


def test_without_an_end() -> None:
    class Endless(PyDataset):
        num_batches = None

        def __getitem__(self, index: int) -> int:
            return index

    for workers in (1, 2):
        source = batches(Endless(workers=workers), shuffle=True)
        assert source.steps is None
        epochs = Epochs(source, 3)
        assert list(epochs) + list(epochs) == [0, 1, 2, 3, 4, 5]
        epochs.close()


def test_arguments_are_checked() -> None:
    assert utils.PyDataset is utils.Sequence is PyDataset
    for wrong in ({"workers": -1}, {"workers": 1.5}, {"max_queue_size": 0}):
        with pytest.raises(errors.ArgumentError, match=next(iter(wrong))):
            PyDataset(**wrong)
    for method in (lambda d: d[0], lambda d: d.num_batches):
        with pytest.raises(NotImplementedError, match="PyDataset must define"):
            method(PyDataset())


def test_keras_classes_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class made like Keras 3.15's: attributes of its own behind properties."""

    class Theirs:
        workers, use_multiprocessing, max_queue_size = 2, False, 10

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            return np.full((2, 1), index), np.zeros(2)

        @property
        def num_batches(self) -> int:
            return 4

    source = StreamBatches(Theirs(), lambda parts: int(parts[0][0, 0]))
    assert source.steps == 4
    assert list(source) == [0, 1, 2, 3]
