"""The smallest useful set, in a few seconds: one look at each floor. It runs before every commit."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import Tensor, ops
from tinycnn.datasets import synthetic_fashion
from tinycnn.errors import ShapeError
from tinycnn.geometry import conv2d_geometry
from tinycnn.kernels.select import current
from tinycnn.layers import Conv2D, Dense, Flatten, Input, LeakyReLU, MaxPooling2D
from tinycnn.models import Sequential
from tinycnn.optimizers import Adam
from tinycnn.testing import check_grads, compare_backends
from tinycnn.utils import set_random_seed

R = np.random.default_rng(22)


def test_geometry() -> None:
    geometry = conv2d_geometry((2, 7, 8, 3), (3, 3, 3, 4), strides=2, padding="same")
    assert geometry.out_shape == (2, 4, 4, 4)
    assert (geometry.pad_top, geometry.pad_bottom, geometry.pad_left, geometry.pad_right) == (1, 1, 0, 1)


def test_kernels_agree() -> None:
    x, w = R.standard_normal((2, 6, 5, 4)), R.standard_normal((3, 3, 4, 8))
    compare_backends(lambda: ops.max_pool(ops.conv(x, w, padding="same"), 2), backends=(current().name,))


def test_gradients() -> None:
    x, w, b = R.standard_normal((2, 5, 5, 2)), R.standard_normal((3, 3, 2, 3)), R.standard_normal(3)
    check_grads(lambda x, w, b: ops.max_pool(ops.leaky_relu(ops.conv(x, w, padding="same", bias=b)), 2), x, w, b)


def test_the_engine() -> None:
    x = Tensor([2.0], requires_grad=True)
    (x * x + 3 * x).backward()
    np.testing.assert_array_equal(x.grad, [7])


def test_errors_name_the_argument() -> None:
    with pytest.raises(ShapeError, match=r"inputs have 3 channels.*expects 2"):
        ops.conv(np.ones((1, 4, 4, 3)), np.ones((3, 3, 2, 4)), padding="same")


def test_a_model_learns() -> None:
    (x, y), _ = synthetic_fashion.load_data()
    x, y = x[:640, ..., None] / 255, y[:640]
    set_random_seed(0)
    model = Sequential([Input((28, 28, 1)), Conv2D(8, 3, padding="same"), LeakyReLU(), MaxPooling2D(4), Flatten(), Dense(10, "softmax")])
    model.compile(optimizer=Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    before = model.evaluate(x, y, verbose=0)
    history = model.fit(x, y, batch_size=32, epochs=4, verbose=0)
    after = model.evaluate(x, y, verbose=0)
    assert len(history.history["loss"]) == 4
    assert after[0] < before[0] * 0.7
    assert after[1] > 0.5
