"""What a training or a prediction survives. `benchmarks/faults/` has the same in large."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

from tinycnn.callbacks import LambdaCallback
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from tinycnn.models import Sequential
from tinycnn.utils import PyDataset, set_random_seed

X = np.sin(np.arange(64 * 8 * 8) * 0.7).reshape(64, 8, 8, 1).astype(np.float32)
Y = np.cos(np.arange(64.0))[:, None]


def build() -> Sequential:
    set_random_seed(0)
    layers = [Conv2D(8, 3, activation="relu"), MaxPooling2D(), BatchNormalization(), Dropout(0.2), Flatten(), Dense(1)]
    model = Sequential([Input((8, 8, 1)), *layers])
    model.compile("adam", "mse")
    model.fit(X, Y, batch_size=16, epochs=1, verbose=0)
    return model


def test_predict_from_eight_threads() -> None:
    model = build()
    expected = [model.predict(X[8 * i : 8 * i + 8], verbose=0) for i in range(8)]
    wrong: list[Any] = []

    def work(i: int) -> None:
        for _ in range(20):
            got = model.predict(X[8 * i : 8 * i + 8], verbose=0)
            if got.tobytes() != expected[i].tobytes():
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


FORK = """
import os, sys
sys.path.insert(0, sys.argv[1])
from test_reliability import X, Y, build
import numpy as np

model = build()
expected = model.predict(X, verbose=0)
child = os.fork()
if not child:
    same = (model.predict(X, verbose=0) == expected).all()
    model.fit(X, Y, batch_size=16, verbose=0)
    os._exit(0 if same and np.isfinite(model.get_weights()[0]).all() else 1)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert (model.predict(X, verbose=0) == expected).all()
sys.exit(code)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_trains_and_predicts() -> None:
    """In a process of its own, where no other library has threads."""
    command = [sys.executable, "-P", "-W", "ignore::DeprecationWarning", "-c", FORK, os.path.dirname(__file__)]
    assert subprocess.run(command, check=False, timeout=120).returncode == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c(workers: int) -> None:
    """A real SIGINT in the middle of an epoch."""

    class Batches(PyDataset):
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int) -> Any:
            return X[8 * index : 8 * index + 8], Y[8 * index : 8 * index + 8]

    model = build()
    before = model.optimizer.iterations
    seen: list[int] = []

    def interrupt(batch: int, logs: Any) -> None:
        seen.append(batch)
        if len(seen) == 11:
            signal.raise_signal(signal.SIGINT)

    data = (Batches(workers),) if workers else (X, Y, 8)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data, epochs=9, verbose=0, callbacks=[LambdaCallback(on_train_batch_end=interrupt)])
    assert len(seen) == 11
    assert model.optimizer.iterations == before + 11
    assert model.history.epoch == [0]
    assert not [t for t in threading.enumerate() if t.name.startswith("tinycnn-data")]
    assert np.isfinite(model.predict(X, verbose=0)).all()
    assert model.fit(*data, epochs=2, verbose=0).epoch == [0, 1]


@pytest.mark.parametrize("fails_at", [1, 2, 4])
def test_out_of_memory_for_the_optimizer(fails_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it makes its buffers; `benchmarks/faults/out_of_memory.py` takes the memory away for real."""
    from tinycnn.optimizers import flat

    real, calls = flat._aligned_zeros, []

    def scarce(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == fails_at:
            raise MemoryError
        return real(*arguments)

    model = Sequential([Input((4,)), Dense(2)])
    model.compile("adam", "mse")
    before = model.get_weights()
    monkeypatch.setattr(flat, "_aligned_zeros", scarce)
    with pytest.raises(MemoryError):
        model.fit(X[:8, 0, :4, 0], np.zeros((8, 2)), verbose=0)
    assert set(model.optimizer.get_state()) == {"iterations", "learning_rate"}
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    model.fit(X[:8, 0, :4, 0], np.zeros((8, 2)), verbose=0)
    assert model.optimizer.iterations == 1


@pytest.fixture
def eager_threads():
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_a_model_that_many_threads_call_first_is_built_once(eager_threads) -> None:
    x = np.ones((4, 6, 6, 1), "f4")
    for _ in range(20):
        model = Sequential([Conv2D(3, 3), Flatten(), Dense(2)])
        start, found = threading.Barrier(8), []

        def work(model=model, start=start, found=found) -> None:
            start.wait()
            found.append(model.predict(x, verbose=0).tobytes())

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(model.weights) == 4
        assert len(found) == 8
        assert len(set(found)) == 1
