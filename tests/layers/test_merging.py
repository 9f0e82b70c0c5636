"""Layers of several inputs."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import layers
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers import Add, Average, Concatenate, Dense, Input, Maximum, Minimum, Multiply, Subtract

A = np.arange(6, dtype=np.float32).reshape(2, 3)
B = A[::-1] * 2 - 3
C = A * A


@pytest.mark.parametrize(
    ("layer", "function", "expected"),
    [
        (Add(), layers.add, A + B + C),
        (Multiply(), layers.multiply, A * B * C),
        (Average(), layers.average, (A + B + C) / 3),
        (Maximum(), layers.maximum, np.maximum(np.maximum(A, B), C)),
        (Minimum(), layers.minimum, np.minimum(np.minimum(A, B), C)),
        (Concatenate(), layers.concatenate, np.concatenate([A, B, C], -1)),
    ],
)
def test_three_inputs(layer, function, expected) -> None:
    np.testing.assert_allclose(layer([A, B, C]).numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(function([A, B, C]).numpy(), expected, rtol=1e-6)


def test_subtract_takes_two() -> None:
    np.testing.assert_array_equal(Subtract()([A, B]).numpy(), A - B)
    np.testing.assert_array_equal(layers.subtract([A, B]).numpy(), A - B)
    with pytest.raises(ShapeError, match="2 inputs, got 3"):
        Subtract()([A, B, C])


@pytest.mark.parametrize("inputs", [A, [A]])
def test_one_input_is_not_enough(inputs) -> None:
    with pytest.raises(ShapeError, match="list of at least 2 inputs"):
        Add()(inputs)


def test_shapes_must_fit() -> None:
    with pytest.raises(ShapeError, match="broadcast"):
        Add()([A, A[:, :2]])
    with pytest.raises(ShapeError, match="same number of dimensions"):
        Add()([A, A[0]])
    with pytest.raises(ShapeError, match="axis -1"):
        Concatenate()([A, A[:1]])
    with pytest.raises(ArgumentError, match="axis"):
        Concatenate(axis=2)([A, A])
    with pytest.raises(ArgumentError, match="axis must be an int"):
        Concatenate(axis="last")


def test_shapes_with_unknown_sizes() -> None:
    assert Add().compute_output_shape([(None, None, 3), (None, 4, 1)]) == (None, 4, 3)
    assert Add().compute_output_shape([(None, 1), (None, 1)]) == (None, 1)
    assert Concatenate(1).compute_output_shape([(None, 4, 3), (8, None, 3)]) == (8, None, 3)
    assert Concatenate().compute_output_shape([(None, 4, 3), (None, 4, 5)]) == (None, 4, 8)


def test_a_residual_connection() -> None:
    x = Input((4,))
    y = Add()([x, Dense(4)(x)])
    assert y.shape == (None, 4)
