"""Slices and scattered cells: values against plain NumPy loops, gradients against differences, what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinycnn import ops
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.testing import check_grads

R = np.random.default_rng(44)
X = R.standard_normal((4, 5))
PLACES = np.array([[1, 2], [3, 0], [1, 2], [0, 4], [1, 2]])
COMBINED: dict[Any, Any] = {
    None: lambda old, new: new,
    "add": lambda old, new: old + new,
    "mul": lambda old, new: old * new,
    "max": max,
    "min": min,
}


def test_slices() -> None:
    np.testing.assert_array_equal(ops.slice(X, (1, 2), (3, 2)).numpy(), X[1:4, 2:4])
    updates = R.standard_normal((2, 3))
    expected = X.copy()
    expected[1:3, 2:5] = updates
    np.testing.assert_array_equal(ops.slice_update(X, (1, 2), updates).numpy(), expected)
    check_grads(lambda x: ops.slice(x, (1, 2), (3, 2)), X)
    check_grads(lambda x, new: ops.slice_update(x, (1, 2), new), X, updates)
    for function in (lambda: ops.slice(X, (1, 2), (4, 2)), lambda: ops.slice(X, (-1, 2), (1, 2)), lambda: ops.slice_update(X, (3, 0), X)):
        with pytest.raises(ArgumentError, match="must lie within"):
            function()
    with pytest.raises(ArgumentError, match="a number for each axis"):
        ops.slice(X, (1,), (2,))


@pytest.mark.parametrize("reduction", COMBINED)
def test_scattered_updates(reduction: str | None) -> None:
    updates = R.standard_normal(5)
    expected = X.copy()
    for place, update in zip(map(tuple, PLACES), updates, strict=True):
        expected[place] = COMBINED[reduction](expected[place], update)
    np.testing.assert_allclose(ops.scatter_update(X, PLACES, updates, reduction).numpy(), expected, rtol=1e-12)
    check_grads(lambda x, new: ops.scatter_update(x, PLACES, new, reduction), X, updates)
    rows = R.standard_normal((2, 1, 5))
    expected = X.copy()
    for place, row in zip((3, 0), rows[:, 0], strict=True):
        expected[place] = [COMBINED[reduction](old, new) for old, new in zip(expected[place], row, strict=True)]
    np.testing.assert_allclose(ops.scatter_update(X, [[[3]], [[0]]], rows, reduction).numpy(), expected, rtol=1e-12)


def test_nothing_is_written_into() -> None:
    before = X.copy()
    x = ops.Tensor.wrap(X)
    ops.scatter_update(x, PLACES, np.ones(5))
    ops.slice_update(x, (0, 0), np.ones((2, 2)))
    np.testing.assert_array_equal(X, before)


def test_scatter() -> None:
    values = R.standard_normal(5)
    expected = np.zeros((4, 5))
    np.add.at(expected, tuple(PLACES.T), values)
    np.testing.assert_allclose(ops.scatter(PLACES, values, (4, 5)).numpy(), expected, rtol=1e-12)
    check_grads(lambda new: ops.scatter(PLACES, new, (4, 5)), values)
    assert ops.scatter([[1], [1]], np.array([5, 7], np.int32), (3,)).tolist() == [0, 12, 0]


def test_scatter_refuses() -> None:
    with pytest.raises(ArgumentError, match=r"indices must be from 0 to below the sizes \(4, 5\)"):
        ops.scatter_update(X, [[4, 0]], [1.0])
    with pytest.raises(ShapeError, match=r"updates must have shape \(1,\), got \(2,\)"):
        ops.scatter_update(X, [[0, 0]], [1.0, 2.0])
    with pytest.raises(ShapeError, match=r"indices must have shape \(..., k\)"):
        ops.scatter([[0, 0, 0]], [1.0], (4, 5))
    with pytest.raises(ArgumentError, match="reduction must be one of None, 'add'"):
        ops.scatter_update(X, [[0, 0]], [1.0], "mean")
    with pytest.raises(ShapeError, match="values must have the shape"):
        ops.scatter([[0]], np.ones((1, 3)), (4, 5))


def test_segment_sum() -> None:
    assert ops.segment_sum(X, [0, 0, 2, 0]).numpy() == pytest.approx(np.stack([X[0] + X[1] + X[3], 0 * X[0], X[2]]))
    assert ops.segment_sum(X, [1, 1, 1, 1], num_segments=4, sorted=True).shape == (4, 5)
    check_grads(lambda x: ops.segment_sum(x, [0, 0, 2, 0]), X)
    with pytest.raises(ArgumentError, match="segment_ids must be from 0 to 1, got 0 to 3"):
        ops.segment_sum(X, [0, 1, 3, 0], num_segments=2)
    with pytest.raises(ShapeError, match=r"shape \(4,\)"):
        ops.segment_sum(X, [0, 1])
    with pytest.raises(DTypeError, match="must hold integers"):
        ops.segment_sum(X, [0.5, 1, 0, 0])


def test_select() -> None:
    conditions, choices = [X > 1, X > 0, X > -1], [X, 2 * X, np.full_like(X, 7)]
    np.testing.assert_array_equal(ops.select(conditions, choices, -1).numpy(), np.select(conditions, choices, -1))
    check_grads(lambda a, b: ops.select(conditions[:2], [a, b], 3.0), X, X)
    with pytest.raises(ArgumentError, match="as long as each other"):
        ops.select(conditions, choices[:2])


def test_places() -> None:
    x = np.array([[1, 0, 2], [0, 0, 3]])
    for got, expected in zip(ops.nonzero(x), np.nonzero(x), strict=True):
        np.testing.assert_array_equal(got.numpy(), expected)
    for invert in (False, True):
        np.testing.assert_array_equal(ops.isin(x, [1, 3], invert=invert).numpy(), np.isin(x, [1, 3], invert=invert))
    for got, expected in zip(ops.unravel_index([3, 5, -1], (2, 3)), np.unravel_index([3, 5, 5], (2, 3)), strict=True):
        np.testing.assert_array_equal(got.numpy(), expected)
    with pytest.raises(ArgumentError, match=r"indices must be from -6 to 5 for shape \(2, 3\)"):
        ops.unravel_index([6], (2, 3))


def test_joined_and_cut() -> None:
    vector, matrix, block = X[0], X, X.reshape(2, 2, 5)
    for parts in ([vector, vector], [matrix, matrix], [block, block]):
        np.testing.assert_array_equal(ops.dstack(parts).numpy(), np.dstack(parts))
    for axis in (None, 0, 1):
        np.testing.assert_array_equal(ops.append(X, X, axis).numpy(), np.append(X, X, axis))
    for name, x, cuts in [
        *(("array_split", np.arange(8), cuts) for cuts in (1, 3, 5, 9, [2, 5])),
        ("hsplit", vector, 5),
        ("hsplit", matrix, [1, 3]),
        ("vsplit", matrix, 2),
        ("dsplit", block, 5),
    ]:
        for got, expected in zip(getattr(ops, name)(x, cuts), getattr(np, name)(x, cuts), strict=True):
            np.testing.assert_array_equal(got.numpy(), expected)
    check_grads(lambda x: ops.array_split(x, 3)[0], X)
    with pytest.raises(ArgumentError, match="indices_or_sections must be >= 1, got 0"):
        ops.array_split(X, 0)
