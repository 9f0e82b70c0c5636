"""Rescaling and Normalization."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinycnn import Tensor
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.layers import Normalization, Rescaling

X = np.random.default_rng(0).normal(100, 30, (50, 4, 3)).astype(np.float32)


# ---- Rescaling
def test_rescaling_takes_bytes_to_the_unit_interval() -> None:
    x = np.array([[[0, 51, 255]]], np.uint8)
    y = Rescaling(1 / 255)(x).numpy()
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.ravel(), [0, 0.2, 1], rtol=1e-6)
    np.testing.assert_allclose(Rescaling(np.array([1.0, 2, 3]), offset=[-1, 0, 1])(x).numpy().ravel(), [-1, 102, 766], rtol=1e-6)


@pytest.mark.parametrize("value", ["big", None, float("nan"), [1, "2"]])
def test_rescaling_needs_numbers(value) -> None:
    with pytest.raises(ArgumentError, match="scale must be a finite number"):
        Rescaling(value)
    with pytest.raises(ArgumentError, match="offset must be a finite number"):
        Rescaling(1, value)


def test_rescaling_names_shapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="broadcast"):
        Rescaling([1.0, 2.0])(X)


# ---- Normalization
@pytest.mark.parametrize("axis", [-1, None, 1, (1, 2), (2, 1)])
def test_adapted_data_has_mean_0_and_variance_1(axis) -> None:
    layer = Normalization(axis)
    layer.adapt(X)
    reduced = {-1: (0, 1), None: None, 1: (0, 2)}.get(axis, 0)
    y = layer(X).numpy()
    np.testing.assert_allclose(y.mean(reduced), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(reduced), 1, rtol=1e-5)
    inverse = Normalization(axis, invert=True)
    inverse.build(X.shape)
    inverse.set_weights(layer.get_weights())
    np.testing.assert_allclose(inverse(y).numpy(), X, rtol=1e-4)


def test_literals_of_keras() -> None:
    """Computed by Keras 3.15.1."""
    layer = Normalization()
    layer.adapt(np.array([[0.0, 7, 4], [2, 9, 6], [0, 7, 4], [2, 9, 6]], np.float32))
    np.testing.assert_array_equal(layer(np.array([[0.0, 7, 4]])).numpy(), [[-1, -1, -1]])
    np.testing.assert_allclose(
        Normalization(mean=3.0, variance=2.0)(np.array([[1.0], [2], [3]])).numpy().ravel(), [-1.4142135, -0.70710677, 0]
    )


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_batches_add_up_to_the_whole(sizes) -> None:
    data = np.random.default_rng(len(sizes)).normal(1e4, 1, (sum(sizes), 3))
    whole, parts = Normalization(dtype="float64"), Normalization(dtype="float64")
    whole.adapt(data)
    pieces = np.split(data, np.cumsum(sizes)[:-1])
    parts.adapt((piece, "labels") if len(piece) % 2 else [piece, "labels"] for piece in pieces)
    np.testing.assert_allclose(parts.adapt_mean.data, data.mean(0), rtol=1e-12)
    np.testing.assert_allclose(parts.adapt_variance.data, data.var(0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(whole.adapt_variance.data, data.var(0), rtol=1e-9, atol=1e-12)


def test_a_large_array_is_taken_in_parts_and_left_alone() -> None:
    data = np.random.default_rng(0).integers(0, 256, (2500, 2), dtype=np.uint8)
    before = data.copy()
    layer = Normalization()
    layer.adapt(data)
    np.testing.assert_array_equal(data, before)
    np.testing.assert_allclose(layer.mean.numpy().ravel(), data.mean(0), rtol=1e-6)
    np.testing.assert_allclose(layer.variance.numpy().ravel(), data.var(0), rtol=1e-6)
    layer.adapt(Tensor(data[:10]))  # forgets what it knew
    np.testing.assert_allclose(layer.mean.numpy().ravel(), data[:10].mean(0), rtol=1e-6)


def test_a_constant_feature_does_not_divide_by_zero() -> None:
    layer = Normalization()
    layer.adapt(np.full((5, 1), 3.0))
    np.testing.assert_array_equal(layer(np.array([[3.0]])).numpy(), [[0]])


def test_the_statistics_are_not_trained() -> None:
    layer = Normalization()
    layer.adapt(X)
    assert layer.trainable_weights == []
    assert [v.shape for v in layer.weights] == [(3,), (3,), ()]


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ({"axis": "last"}, DTypeError, "axis"),
        ({"axis": 1.5}, DTypeError, "axis"),
        ({"mean": 1.0}, ArgumentError, "together"),
        ({"variance": 1.0}, ArgumentError, "together"),
        ({"mean": [1.0], "variance": 1.0}, ShapeError, "one shape"),
        ({"mean": [[1.0]], "variance": [[1.0]]}, ShapeError, "at most 1"),
        ({"mean": "a", "variance": 1.0}, ArgumentError, "mean"),
    ],
)
def test_bad_arguments(arguments, error, word) -> None:
    with pytest.raises(error, match=word):
        Normalization(**arguments)


@pytest.mark.parametrize(
    ("data", "error", "word"),
    [
        ([], ArgumentError, "at least one"),
        (np.zeros((0, 3)), ArgumentError, "at least one"),
        (3, DTypeError, "iterable"),
        (np.zeros(()), ShapeError, "axis of samples"),
        ([1.0, 2.0], DTypeError, "float"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], ShapeError, "one shape"),
    ],
)
def test_bad_data_leaves_the_statistics(data, error, word) -> None:
    layer = Normalization()
    layer.adapt(X[:, 0])
    before = layer.get_weights()
    with pytest.raises(error, match=word):
        layer.adapt(data)
    for now, then in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_what_does_not_fit_the_inputs() -> None:
    with pytest.raises(ArgumentError, match="axis"):
        Normalization(axis=3)(X)
    with pytest.raises(ShapeError, match=r"\(2,\).*ask for \(3,\)"):
        Normalization(mean=[1.0, 2], variance=[1.0, 2])(X)
    with pytest.raises(ArgumentError, match="nothing to adapt"):
        Normalization(mean=1.0, variance=1.0).adapt(X)
    adapted = Normalization()
    adapted.adapt(X)
    with pytest.raises(ShapeError, match="shape"):
        adapted.adapt(X[..., :2])
