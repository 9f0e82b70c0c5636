"""Projections of weights: values, configs, and that optimizers apply them."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import Tensor, Variable, constraints, optimizers
from tinycnn.errors import ArgumentError, DTypeError

WEIGHTS = np.array([[3.0, -0.3], [4.0, 0.4]], np.float32)  # the columns have lengths 5 and 0.5


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        (constraints.MaxNorm(), [[1.2, -0.3], [1.6, 0.4]]),
        (constraints.MaxNorm(1.0, axis=1), [[0.995037, -0.0995037], [0.995037, 0.0995037]]),
        (constraints.MaxNorm(1.0, axis=[0, 1]), [[0.5970223, -0.0597022], [0.7960297, 0.0796030]]),
        (constraints.UnitNorm(), [[0.6, -0.6], [0.8, 0.8]]),
        (constraints.NonNeg(), [[3, 0], [4, 0.4]]),
        (constraints.MinMaxNorm(1.0, 2.0), [[1.2, -0.6], [1.6, 0.8]]),
        (constraints.MinMaxNorm(1.0, 2.0, rate=0.5), [[2.1, -0.45], [2.8, 0.6]]),
        (constraints.get("max_norm"), [[1.2, -0.3], [1.6, 0.4]]),
        (constraints.min_max_norm(), [[0.6, -0.3], [0.8, 0.4]]),
    ],
)
def test_values(constraint, expected) -> None:
    result = constraint(Tensor(WEIGHTS))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5)


def test_configs_and_names() -> None:
    made = constraints.MinMaxNorm(0.5, 1.5, 0.25, axis=(0, 1))
    again = constraints.deserialize(constraints.serialize(made))
    assert again.get_config() == made.get_config() == {"min_value": 0.5, "max_value": 1.5, "rate": 0.25, "axis": [0, 1]}
    assert constraints.get(None) is None
    assert isinstance(constraints.get(constraints.UnitNorm), constraints.UnitNorm)
    own = lambda w: w * 0  # noqa: E731
    assert constraints.get(own) is own


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: constraints.get("max"), ArgumentError, "max_norm"),
        (lambda: constraints.get(2.0), DTypeError, "constraint"),
        (lambda: constraints.MaxNorm(-1), ArgumentError, "max_value"),
        (lambda: constraints.MaxNorm("2"), ArgumentError, "max_value"),
        (lambda: constraints.MinMaxNorm(2.0, 1.0), ArgumentError, "min_value"),
        (lambda: constraints.UnitNorm(axis="rows"), DTypeError, "axis"),
    ],
)
def test_refusals(make, error, word) -> None:
    with pytest.raises(error, match=word):
        make()


@pytest.mark.parametrize("use_ema", [False, True])
def test_an_optimizer_constrains_what_it_changed(use_ema) -> None:
    changed, untouched, frozen = (
        Variable(WEIGHTS, constraint=constraints.NonNeg(), trainable=trainable) for trainable in (True, True, False)
    )
    optimizer = optimizers.SGD(0.5, use_ema=use_ema)
    optimizer.build([changed, untouched, frozen])
    changed.grad = np.array([[1, 1], [10, -1]], np.float32)
    optimizer.step()
    np.testing.assert_allclose(changed.numpy(), [[2.5, 0], [0, 0.9]], rtol=1e-6)
    np.testing.assert_array_equal(untouched.numpy(), WEIGHTS)
    np.testing.assert_array_equal(frozen.numpy(), WEIGHTS)
    assert not changed.requires_grad or changed.is_leaf


def test_a_function_may_be_a_constraint() -> None:
    weight = Variable(WEIGHTS, constraint=lambda w: np.round(w.numpy()))
    optimizer = optimizers.Adam(0.01)
    optimizer.build([weight])
    weight.grad = np.ones_like(WEIGHTS)
    optimizer.step()
    np.testing.assert_array_equal(weight.numpy(), [[3, 0], [4, 0]])
