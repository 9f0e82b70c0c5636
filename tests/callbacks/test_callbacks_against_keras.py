"""Callbacks that count, beside Keras's own over the same values."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinycnn.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau


@pytest.fixture(scope="module")
def theirs() -> Any:
    """`keras.callbacks`."""
    return pytest.importorskip("keras").callbacks


class Fake:
    """Enough of a model: its weights are the number of the epoch."""

    metrics: tuple[()] = ()
    weights: tuple[()] = ()

    def __init__(self) -> None:
        self.stop_training = False
        self.optimizer = SimpleNamespace(learning_rate=1.0)
        self.now: Any = None
        self.saved: list[str] = []

    def get_weights(self) -> Any:
        return self.now

    def set_weights(self, weights: Any) -> None:
        self.now = weights

    def save_weights(self, path: str, overwrite: bool = True) -> None:
        self.saved.append(os.path.basename(path))


def drive(callback: Any, values: list[float]) -> Fake:
    model = Fake()
    callback.set_model(model)
    callback.set_params({"epochs": len(values), "steps": 1, "verbose": 0})
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_begin(epoch)
        model.now = epoch
        for batch in range(3):
            callback.on_train_batch_end(batch, {"loss": value, "val_loss": value})
        callback.on_epoch_end(epoch, {"loss": value, "val_loss": value})
        if model.stop_training:
            break
    callback.on_train_end()
    return model


#: Few values, so that equal ones are frequent; differences around min_delta.
VALUES = st.lists(st.sampled_from([3.0, 2.0, 2.0 - 1e-4, 1.99, 1.5, 1.0, 0.0]), min_size=1, max_size=14)


@given(
    values=VALUES,
    patience=st.integers(0, 3),
    mode=st.sampled_from(["min", "max"]),
    min_delta=st.sampled_from([0, 0.1, -0.1]),
    baseline=st.sampled_from([None, 1.7, 0.5]),
    restore=st.booleans(),
    start=st.integers(0, 4),
)
@settings(deadline=None, max_examples=80)
def test_early_stopping(theirs, values, patience, mode, min_delta, baseline, restore, start) -> None:
    arguments = {
        **{"patience": patience, "mode": mode, "min_delta": min_delta, "baseline": baseline},
        **{"restore_best_weights": restore, "start_from_epoch": start},
    }
    mine, keras = EarlyStopping(**arguments), theirs.EarlyStopping(**arguments)
    got, wanted = drive(mine, values), drive(keras, values)
    assert (got.now, got.stop_training) == (wanted.now, wanted.stop_training)
    assert (mine.stopped_epoch, mine.best_epoch, mine.wait) == (keras.stopped_epoch, keras.best_epoch, keras.wait)


@given(
    values=VALUES,
    patience=st.integers(0, 3),
    mode=st.sampled_from(["min", "max"]),
    min_delta=st.sampled_from([1e-4, 0, 0.1]),
    cooldown=st.integers(0, 3),
    min_lr=st.sampled_from([0.0, 0.2]),
)
@settings(deadline=None, max_examples=80)
def test_reduce_on_plateau(theirs, values, patience, mode, min_delta, cooldown, min_lr) -> None:
    arguments = {
        **{"factor": 0.5, "patience": patience, "mode": mode},
        **{"min_delta": min_delta, "cooldown": cooldown, "min_lr": min_lr},
    }
    mine, keras = ReduceLROnPlateau(**arguments), theirs.ReduceLROnPlateau(**arguments)
    assert drive(mine, values).optimizer.learning_rate == drive(keras, values).optimizer.learning_rate
    assert (mine.wait, mine.cooldown_counter) == (keras.wait, keras.cooldown_counter)


@given(
    values=VALUES,
    best=st.booleans(),
    mode=st.sampled_from(["min", "max"]),
    frequency=st.sampled_from(["epoch", 1, 2, 4, 7]),
    threshold=st.sampled_from([None, 1.7]),
)
@settings(deadline=None, max_examples=100)
def test_checkpoints(theirs, tmp_path_factory, values, best, mode, frequency, threshold) -> None:
    saved = []
    for cls in (ModelCheckpoint, theirs.ModelCheckpoint):
        path = os.path.join(str(tmp_path_factory.getbasetemp()), "{epoch}-{val_loss:.4f}.weights.h5")
        callback = cls(path, "val_loss", 0, best, True, mode, frequency, threshold)
        if cls is not ModelCheckpoint:
            callback._set_monitor_op = lambda c=callback: _set_once(c)  # Keras 3.15 chooses it at the end of an epoch only
            callback._set_monitor_op()
        saved.append(drive(callback, values).saved)
    assert saved[0] == saved[1]


def _set_once(callback: Any) -> None:
    if callback.monitor_op is None:
        type(callback)._set_monitor_op(callback)
