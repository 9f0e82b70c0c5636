"""Windows as columns and back, adaptive pooling: against Keras and naive loops, gradients against differences, what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinycnn import ops
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.testing import check_grads

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

R = np.random.default_rng(45)
X = R.standard_normal((2, 3, 6, 7))
WINDOWS = [
    {"kernel_size": 2},
    {"kernel_size": (2, 3), "stride": 2, "padding": 1},
    {"kernel_size": 2, "dilation": (2, 1), "padding": (0, 2), "stride": (1, 3)},
]


@pytest.mark.parametrize("arguments", WINDOWS)
def test_columns(arguments: dict[str, Any]) -> None:
    keras = pytest.importorskip("keras")
    x = X.astype(np.float32)
    columns = ops.unfold(x, **arguments)
    np.testing.assert_array_equal(
        columns.numpy(), keras.ops.convert_to_numpy(keras.ops.unfold(keras.ops.convert_to_tensor(x), **arguments))
    )
    images = ops.fold(columns, (6, 7), **arguments)
    expected = keras.ops.fold(keras.ops.convert_to_tensor(columns.numpy()), (6, 7), **arguments)
    np.testing.assert_allclose(images.numpy(), keras.ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("arguments", WINDOWS)
def test_folding_is_the_transpose_of_unfolding(arguments: dict[str, Any]) -> None:
    x = ops.Tensor(X, requires_grad=True)
    columns = ops.unfold(x, **arguments)
    dy = R.standard_normal(columns.shape)
    columns.backward(dy)
    np.testing.assert_allclose(x.grad, ops.fold(dy, (6, 7), **arguments).numpy(), rtol=1e-12, atol=1e-12)
    check_grads(lambda t: ops.fold(t, (6, 7), **arguments), dy[:1])


def naive(x: np.ndarray, size: tuple[int, int], reduce: Any) -> np.ndarray:
    (n, h, w, c), (rows, columns) = x.shape, size
    y = np.empty((n, rows, columns, c))
    for i in range(rows):
        for j in range(columns):
            window = x[:, i * h // rows : math.ceil((i + 1) * h / rows), j * w // columns : math.ceil((j + 1) * w / columns)]
            y[:, i, j] = reduce(window, axis=(1, 2))
    return y


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_adaptive_pools(height: int, width: int, rows: int, columns: int) -> None:
    x = np.random.default_rng(height).standard_normal((2, height, width, 2))
    for pool, reduce in ((ops.adaptive_average_pool, np.mean), (ops.adaptive_max_pool, np.max)):
        expected = naive(x, (rows, columns), reduce)
        np.testing.assert_allclose(pool(x, (rows, columns)).numpy(), expected, rtol=1e-10)
        first = pool(x.transpose(0, 3, 1, 2), (rows, columns), data_format="channels_first")
        np.testing.assert_allclose(first.numpy().transpose(0, 2, 3, 1), expected, rtol=1e-10)
        np.testing.assert_allclose(pool(x[:, 0], columns).numpy(), naive(x[:, :1], (1, columns), reduce)[:, 0], rtol=1e-10)


@pytest.mark.parametrize("name", ["adaptive_average_pool", "adaptive_max_pool"])
def test_gradients_of_adaptive_pools(name: str) -> None:
    check_grads(lambda x: getattr(ops, name)(x, (4, 3)), X)
    assert getattr(ops, name)(np.ones((1, 4, 4, 1), np.float32), 2).dtype == np.float32


def test_refusals() -> None:
    with pytest.raises(ShapeError, match="kernel spans 9 cells"):
        ops.unfold(X, 9)
    with pytest.raises(ShapeError, match="x must have shape"):
        ops.unfold(X[0], 2)
    with pytest.raises(ShapeError, match=r"x must have shape \(batch, channels \* 4, 30\), got \(1, 4, 29\)"):
        ops.fold(np.zeros((1, 4, 29)), (6, 7), 2)
    with pytest.raises(DTypeError, match="kernel_size must be an int or a pair of ints, got"):
        ops.unfold(X, 1.5)
    with pytest.raises(ArgumentError, match="output_size must be an int or a pair of ints >= 1, got 0"):
        ops.adaptive_max_pool(X, 0)
    with pytest.raises(ShapeError, match="inputs must have shape"):
        ops.adaptive_max_pool(X[0, 0], 2)
    with pytest.raises(ArgumentError, match="data_format must be"):
        ops.adaptive_average_pool(X, 2, data_format="rows_first")
