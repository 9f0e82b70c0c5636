"""Resuming where the callbacks hear of several batches at a time, and of fewer at the end of an epoch."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinycnn.callbacks import BackupAndRestore, Callback
from tinycnn.layers import Dense, Input
from tinycnn.models import Sequential
from tinycnn.utils import set_random_seed

X = np.random.default_rng(0).standard_normal((64, 4)).astype("f4")
Y = X[:, :2].copy()


class Stop(Callback):
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            raise InterruptedError


def trained(steps_per_execution: int, steps_per_epoch: int | None, *callbacks: Callback) -> Sequential:
    set_random_seed(1)
    model = Sequential([Input((4,)), Dense(2)])
    model.compile("sgd", "mse", steps_per_execution=steps_per_execution)
    with contextlib.suppress(InterruptedError):
        model.fit(X, Y, batch_size=8, epochs=3, steps_per_epoch=steps_per_epoch, verbose=0, callbacks=list(callbacks))
    return model


@pytest.mark.parametrize("steps_per_execution", [2, 3, 5, 20])
@pytest.mark.parametrize("steps_per_epoch", [None, 5])
@pytest.mark.parametrize("freq", [1, 3, 8, "epoch"])
def test_no_batch_is_trained_twice(tmp_path: Path, steps_per_execution: int, steps_per_epoch: int | None, freq: int | str) -> None:
    want = trained(steps_per_execution, steps_per_epoch)
    trained(steps_per_execution, steps_per_epoch, Stop(), BackupAndRestore(tmp_path, save_freq=freq))
    got = trained(steps_per_execution, steps_per_epoch, BackupAndRestore(tmp_path, save_freq=freq))
    assert got.optimizer.iterations == want.optimizer.iterations
    for one, other in zip(got.get_weights(), want.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
