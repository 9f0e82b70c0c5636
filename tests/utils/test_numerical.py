"""to_categorical, normalize, seeds."""

from __future__ import annotations

import random as python_random

import numpy as np
import pytest

import tinycnn.random
from tinycnn import errors
from tinycnn.layers import Dense
from tinycnn.utils import clear_session, normalize, set_random_seed, standardize_dtype, to_categorical
from tinycnn.utils.np_utils import to_categorical as old_home


def test_to_categorical() -> None:
    expected = np.array([[1.0, 0, 0], [0, 0, 1]])
    for x in ([0, 2], np.array([0, 2], np.uint8), np.array([[0], [2]]), np.array([0.0, 2.0])):
        got = to_categorical(x)
        np.testing.assert_array_equal(got, expected)
        assert got.dtype == np.float64
    assert to_categorical([[0, 1], [1, 1]], 4).shape == (2, 2, 4)
    assert to_categorical([], 3).shape == (0, 3)
    assert old_home is to_categorical


@pytest.mark.parametrize(("x", "classes"), [([3], 3), ([-1], None), ([0.5], None), ([], None), (["a"], None), ([1], 2.0), ([1], "2")])
def test_to_categorical_refuses(x, classes) -> None:
    with pytest.raises(errors.TinyCNNError):
        to_categorical(x, classes)


def test_normalize() -> None:
    np.testing.assert_allclose(normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(normalize([[1.0, -3.0]], order=1), [[0.25, -0.75]])
    np.testing.assert_allclose(normalize([[3.0], [4.0]], axis=0), [[0.6], [0.8]])
    with pytest.raises(errors.ShapeError):
        normalize([1.0], axis=1)


def test_one_seed_for_all_generators() -> None:
    def draw() -> tuple[float, ...]:
        return python_random.random(), np.random.rand(), tinycnn.random.generator().random()  # noqa: NPY002

    set_random_seed(7)
    first = draw()
    set_random_seed(7)
    assert draw() == first
    for seed in (-1, 2**32, 1.5, "a", None):
        with pytest.raises(errors.TinyCNNError):
            set_random_seed(seed)


def test_clear_session_counts_names_from_the_start() -> None:
    clear_session()
    assert [Dense(1).name for _ in range(2)] == ["dense", "dense_1"]
    clear_session()
    assert Dense(1).name == "dense"


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(None, "float32"), (int, "int32"), (float, "float32"), (bool, "bool"), ("int", "int32"), (np.uint8, "uint8"), ("float16", "float16")],
)
def test_standardize_dtype(dtype, name) -> None:
    assert standardize_dtype(dtype) == name
    assert standardize_dtype(np.dtype(name)) == name


def test_what_is_no_dtype() -> None:
    for dtype in ("complex64", str, 3, "flo"):
        with pytest.raises(errors.ArgumentError, match="dtype must be one of bool, float16"):
            standardize_dtype(dtype)
