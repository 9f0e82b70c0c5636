"""split_dataset."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import utils
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.utils import split_dataset

X = np.arange(20).reshape(10, 2)
Y = np.arange(10)


@pytest.mark.parametrize(
    ("sizes", "left", "right"),
    [
        ({"left_size": 0.8}, 8, 2),
        ({"right_size": 0.25}, 8, 2),  # round(2.5) is 2, as in Keras
        ({"left_size": 3}, 3, 7),
        ({"left_size": 3, "right_size": 0.4}, 3, 4),
        ({"left_size": 0.3, "right_size": 2}, 3, 2),
    ],
)
def test_sizes(sizes, left, right) -> None:
    first, last = split_dataset(X, **sizes)
    np.testing.assert_array_equal(first, X[:left])
    np.testing.assert_array_equal(last, X[10 - right :])


def test_every_structure_comes_back() -> None:
    a, b = split_dataset((X, Y), 4)
    assert isinstance(a, tuple)
    np.testing.assert_array_equal(b[1], Y[4:])
    a, b = split_dataset([X, Y], 4)
    assert isinstance(a, list)
    np.testing.assert_array_equal(a[0], X[:4])
    for lone in ([X], (X,)):
        a, b = split_dataset(lone, 4)
        assert (type(a), len(a)) == (type(lone), 1)
    a, b = split_dataset({"x": X, "y": Y}, 4)
    np.testing.assert_array_equal(b["x"], X[4:])
    a, b = split_dataset([1, 2, 3], 2)
    np.testing.assert_array_equal(b, [3])


def test_shuffling_keeps_rows_together_and_repeats_with_the_seed() -> None:
    (x1, y1), (x2, y2) = split_dataset((X, Y), 6, shuffle=True, seed=1)
    np.testing.assert_array_equal(x1[:, 0], 2 * y1)
    np.testing.assert_array_equal(x2[:, 0], 2 * y2)
    assert sorted([*y1, *y2]) == list(range(10))
    assert y1.tolist() != list(range(6))
    again = split_dataset((X, Y), 6, shuffle=True, seed=1)
    np.testing.assert_array_equal(again[0][1], y1)
    utils.set_random_seed(2)
    drawn = split_dataset(Y, 6, shuffle=True)[0]
    utils.set_random_seed(2)
    np.testing.assert_array_equal(split_dataset(Y, 6, shuffle=True)[0], drawn)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({}, "must be given"),
        *[({"left_size": bad}, "left_size") for bad in (0, 10, -1, 0.0, 1.0, "half", True)],
        *[({"right_size": bad}, "right_size") for bad in (0, 11, 1.5)],
        ({"left_size": 6, "right_size": 5}, "not overlapping"),
        ({"left_size": 0.01}, "not empty"),
    ],
)
def test_bad_sizes(arguments, word) -> None:
    with pytest.raises(ArgumentError, match=word):
        split_dataset(X, **arguments)


def test_bad_data_sets() -> None:
    with pytest.raises(ShapeError, match=r"same number of samples, got \[10, 9\]"):
        split_dataset((X, Y[:9]), 4)
    with pytest.raises((DTypeError, ShapeError)):
        split_dataset("data", 4)
