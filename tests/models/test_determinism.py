"""Same seed, same bytes: run to run, and for one thread or two."""

from __future__ import annotations

import numpy as np
import pytest

import tinycnn
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, LeakyReLU, MaxPooling2D
from tinycnn.models import Sequential


@pytest.fixture(autouse=True)
def _threads():
    before = tinycnn.get_num_threads()
    yield
    tinycnn.set_num_threads(before)


def trained(threads: int) -> bytes:
    """The weights after 50 steps of every kind of layer, as bytes."""
    tinycnn.set_num_threads(threads)
    tinycnn.utils.set_random_seed(11)
    model = Sequential([Input((12, 12, 1))])
    for filters in (8, 16):
        for layer in (Conv2D(filters, 3, padding="same"), BatchNormalization(), LeakyReLU(), MaxPooling2D(padding="same")):
            model.add(layer)
    for layer in (Flatten(), Dropout(0.3), Dense(24, activation="relu"), Dense(10, activation="softmax")):
        model.add(layer)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = np.sin(np.arange(250 * 144) * 0.37).reshape(250, 12, 12, 1)
    history = model.fit(x, np.arange(250) * 7 % 10, batch_size=50, epochs=10, verbose=0).history
    assert model.optimizer.iterations == 50
    return b"".join(w.tobytes() for w in model.get_weights()) + repr(dict(history)).encode()


def test_threads_and_runs_do_not_matter() -> None:
    with tinycnn.use_backend("auto"):
        one = trained(1)
        assert trained(1) == one
        assert trained(2) == one
