"""Penalties on weights."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import Tensor, regularizers, testing
from tinycnn.errors import ArgumentError, DTypeError, ShapeError

WEIGHTS = np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)


@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [
        (regularizers.L1(0.1), 0.65),
        (regularizers.L2(0.1), 1.425),
        (regularizers.L1L2(0.1, 0.2), 3.5),
        (regularizers.get("l1"), 0.065),
        (regularizers.get("l2"), 0.1425),
        (regularizers.get("l1_l2"), 0.0),
        (regularizers.l2(0.1), 1.425),
        (regularizers.OrthogonalRegularizer(0.1), 0.08087361),  # Keras 3.15.1
        (regularizers.OrthogonalRegularizer(0.5, mode="columns"), 0.06201736),
        (regularizers.get("orthogonal_regularizer"), 0.008087361),
    ],
)
def test_values_and_gradients(regularizer, expected) -> None:
    penalty = regularizer(Tensor(WEIGHTS))
    assert penalty.shape == ()
    assert penalty.dtype == np.float32
    assert float(penalty) == pytest.approx(expected, rel=1e-6)
    testing.check_grads(regularizer, WEIGHTS)


@pytest.mark.parametrize(
    "regularizer",
    [regularizers.L1(0.5), regularizers.L2(0.25), regularizers.L1L2(0.5, 0.25), regularizers.OrthogonalRegularizer(0.5, "columns")],
)
def test_configs(regularizer) -> None:
    again = regularizers.deserialize(regularizers.serialize(regularizer))
    assert type(again) is type(regularizer)
    assert again.get_config() == regularizer.get_config()


def test_orthogonal_vectors_cost_nothing() -> None:
    regularizer = regularizers.OrthogonalRegularizer()
    assert float(regularizer(Tensor(np.diag([1.0, 2.0, 3.0])))) == 0
    assert float(regularizer(Tensor(np.ones((1, 4))))) == 0
    with pytest.raises(ShapeError, match="matrix"):
        regularizer(Tensor(np.ones(3)))
    with pytest.raises(ArgumentError, match="mode"):
        regularizers.OrthogonalRegularizer(mode="diagonal")


def test_get() -> None:
    assert regularizers.get(None) is None
    assert isinstance(regularizers.get(regularizers.L2), regularizers.L2)
    own = lambda x: (x * x).sum()  # noqa: E731
    assert regularizers.get(own) is own
    with pytest.raises(ArgumentError, match="l3"):
        regularizers.get("l3")
    with pytest.raises(DTypeError):
        regularizers.get(0.01)


@pytest.mark.parametrize("factor", [-0.1, float("nan"), float("inf"), "0.1", None, True])
def test_bad_factors(factor) -> None:
    for make in (regularizers.L1, regularizers.L2, regularizers.L1L2, regularizers.OrthogonalRegularizer):
        with pytest.raises(ArgumentError, match="must be a number >= 0"):
            make(factor)
