"""Elementary functions: values against NumPy, gradients against differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinycnn import ops
from tinycnn.testing import check_grads

R = np.random.default_rng(41)
INSIDE, ABOVE, X, Y = R.uniform(-0.9, 0.9, (3, 4)), R.uniform(1.1, 3, (3, 4)), R.standard_normal((3, 4)), R.standard_normal((3, 4))
HOLES = np.array([np.nan, 0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, np.nan])
OTHERS = np.array([1.0, np.nan, 0.5, -1.5, 2.0, np.inf, 1.0, np.nan])

UNARY = {
    **dict.fromkeys(("arcsin", "arccos", "arctan", "arcsinh", "arctanh", "cbrt", "deg2rad", "rad2deg", "fabs"), INSIDE),
    "arccosh": ABOVE,
}
BINARY = ("arctan2", "hypot", "fmod", "fmax", "fmin", "logaddexp", "logaddexp2", "heaviside")


@pytest.mark.parametrize("name", UNARY)
def test_one_operand(name: str) -> None:
    np.testing.assert_allclose(getattr(ops, name)(UNARY[name]).numpy(), getattr(np, name)(UNARY[name]), rtol=1e-12)
    check_grads(getattr(ops, name), UNARY[name])


@pytest.mark.parametrize("name", BINARY)
def test_two_operands(name: str) -> None:
    for a, b in ((X, Y), (X, Y[0]), (X[0, 0], Y), (HOLES, OTHERS)):
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(getattr(ops, name)(a, b).numpy(), getattr(np, name)(a, b), rtol=1e-12)
    check_grads(getattr(ops, name), X, Y[0])


@pytest.mark.parametrize("name", ["isposinf", "isneginf", "signbit"])
def test_questions(name: str) -> None:
    found = getattr(ops, name)(HOLES).numpy()
    assert found.dtype == bool
    np.testing.assert_array_equal(found, getattr(np, name)(HOLES))


def test_erfc_is_exact_in_the_tail() -> None:
    assert ops.erfc(np.array(20.0)).item() == math.erfc(20.0) > 0
    check_grads(ops.erfc, X)


def test_integers_become_floats_and_float32_stays() -> None:
    for name in UNARY:
        assert getattr(ops, name)(1).dtype == getattr(ops, name)(np.array([1], np.int64)).dtype == np.float32, name
        assert getattr(ops, name)(np.ones(2, np.float32)).dtype == np.float32, name
    for name in BINARY:
        assert getattr(ops, name)(np.ones(2, np.float32), 2.0).dtype == np.float32, name
    assert ops.fmod(np.array([-5, 5]), np.array([3, -3])).tolist() == [-2, 2]


def test_heaviside_gives_its_gradient_to_what_stands_at_0() -> None:
    check_grads(lambda x: ops.heaviside(np.array([-1.0, 0.0, 2.0]), x), np.array([0.3, 0.4, 0.5]))


def test_no_gradient_is_lost_at_0() -> None:
    check_grads(ops.arcsinh, np.zeros(2))
    check_grads(lambda x: ops.arctan2(x, 1.0), np.zeros(2))


def test_hyperbolic_functions_keep_their_digits() -> None:
    x = np.array([1e-6, -3e-4, 0.0, 88.9, -89.0], np.float32)
    for name in ("sinh", "cosh"):
        np.testing.assert_allclose(getattr(ops, name)(x).numpy(), getattr(np, name)(x.astype(np.float64)), rtol=3e-7)
        check_grads(getattr(ops, name), np.array([1e-3, -0.7, 2.0]))
