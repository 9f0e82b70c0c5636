"""The functions that are made of others: values against NumPy, gradients against differences, what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tinycnn import Tensor, layers, models, ops
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.testing import check_grads

R = np.random.default_rng(31)
X, Y = R.standard_normal((3, 4)), R.standard_normal((3, 4))
HOLES = np.array([[0.0, 1.5, np.nan], [np.inf, -np.inf, -2.5]])

SAME_AS_NUMPY: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    *[(name, (np.abs(X),), {}) for name in ("log2", "log10", "exp2", "tan", "sinh", "cosh", "reciprocal")],
    *[
        (name, (X * 3,), {})
        for name in ("floor", "ceil", "trunc", "round", "sort", "argsort", "median", "amax", "amin", "fliplr", "flipud")
    ],
    *[(name, (X * 3, Y), {}) for name in ("floor_divide", "mod", "logical_xor", "outer", "isclose")],
    *[(name, (X,), {"axis": 0}) for name in ("sort", "argsort", "median", "amax", "amin", "count_nonzero")],
    *[(name, ([X, Y],), {}) for name in ("hstack", "vstack", "concatenate")],
    *[(name, ([X[0], Y[0]],), {}) for name in ("hstack", "vstack")],
    *[(name, (X,), {"k": k}) for name in ("tril", "triu") for k in (-1, 0, 2)],
    *[("rot90", (X,), {"k": k}) for k in (-1, 0, 1, 2, 3)],
    *[("tile", (X, repeats), {}) for repeats in (2, (2, 3), (2, 1, 3), (0, 1))],
    ("rot90", (X[None], 1, (2, 0)), {}),
    ("round", (X, 2), {}),
    ("median", (X,), {"axis": 1, "keepdims": True}),
    ("median", (X,), {"keepdims": True}),
    ("isinf", (HOLES,), {}),
    ("nan_to_num", (HOLES,), {}),
    ("nan_to_num", (HOLES,), {"nan": 1.0, "posinf": 2.0, "neginf": 3.0}),
    ("allclose", (X, X + 1e-9), {}),
    ("allclose", (X, Y), {}),
    ("roll", (X, 5), {}),
    ("roll", (X, -1), {"axis": 1}),
    ("roll", (X, (1, 2)), {"axis": (0, 1)}),
    ("take_along_axis", (X, np.argsort(X, 1)[:, :2]), {"axis": 1}),
    ("eye", (3, 4, 1), {}),
    ("identity", (3,), {}),
    ("linspace", (0, 2, 7), {}),
    ("linspace", (0, 2, 7), {"endpoint": False}),
    ("full_like", (X, 3), {}),
    ("copy", (X,), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), SAME_AS_NUMPY, ids=lambda v: v if isinstance(v, str) else "")
def test_same_as_numpy(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    got, expected = getattr(ops, name)(*args, **kwargs), np.asarray(getattr(np, name)(*args, **kwargs))
    assert isinstance(got, Tensor)
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-6)
    assert got.shape == expected.shape


@pytest.mark.parametrize(("ord", "axis"), [(None, None), (None, (0, 1)), ("fro", (0, 1)), (1, 0), (2, 1), (math.inf, 0)])
def test_norm(ord: Any, axis: Any) -> None:
    np.testing.assert_allclose(ops.norm(X, ord, axis).numpy(), np.linalg.norm(X, ord, axis), rtol=1e-12)


def test_meshgrid_and_unstack() -> None:
    for indexing in ("xy", "ij"):
        for got, expected in zip(
            ops.meshgrid(X[0], Y[:, 0], indexing=indexing), np.meshgrid(X[0], Y[:, 0], indexing=indexing), strict=True
        ):
            np.testing.assert_array_equal(got.numpy(), expected)
    for got, expected in zip(ops.unstack(X, 4, axis=1), X.T, strict=True):
        np.testing.assert_array_equal(got.numpy(), expected)


def test_empty_arrays_hold_zeros() -> None:
    assert not ops.empty((2, 3)).numpy().any()
    assert not ops.empty_like(X).numpy().any()


def test_divide_no_nan() -> None:
    np.testing.assert_array_equal(ops.divide_no_nan([1.0, 2.0, 0.0], [0.0, 4.0, 0.0]).numpy(), [0, 0.5, 0])


def test_top_k() -> None:
    scores = np.array([[1, 5, 5, 2], [0, 9, 3, 3]], np.uint8)
    values, positions = ops.top_k(scores, 3)
    np.testing.assert_array_equal(positions.numpy(), [[1, 2, 3], [1, 2, 3]])
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(scores, positions.numpy(), 1))
    np.testing.assert_array_equal(ops.in_top_k([3, 0], X[:2], 2).numpy(), [(X[0] > X[0, 3]).sum() < 2, (X[1] > X[1, 0]).sum() < 2])


def test_average() -> None:
    weights = R.uniform(1, 2, (3, 4))
    for arguments in ({}, {"axis": 0}, {"axis": 1, "weights": weights}, {"weights": weights}, {"axis": 0, "weights": weights[:, 0]}):
        np.testing.assert_allclose(ops.average(X, **arguments).numpy(), np.average(X, **arguments), rtol=1e-12)
    check_grads(ops.average, X)
    check_grads(lambda x, w: ops.average(x, 1, w), X, weights[0])


def test_what_an_array_is() -> None:
    x = layers.Input((4, 5))
    assert (ops.ndim(X), ops.size(X), ops.is_tensor(X), ops.is_tensor(Tensor(X))) == (2, 12, False, True)
    assert (ops.ndim(x), ops.is_tensor(x)) == (3, True)
    assert (ops.dtype(X), ops.dtype(x), ops.dtype([1, 2])) == ("float64", "float32", "int64")
    with pytest.raises(DTypeError, match="no values"):
        ops.size(x)


def test_blocks_as_channels_and_back() -> None:
    x = np.arange(2 * 4 * 6 * 3, dtype=np.float32).reshape(2, 4, 6, 3)
    deep = ops.space_to_depth(x, 2)
    assert deep.shape == (2, 2, 3, 12)
    np.testing.assert_array_equal(deep.numpy()[1, 1, 2].reshape(2, 2, 3), x[1, 2:4, 4:6])
    np.testing.assert_array_equal(ops.depth_to_space(deep, 2).numpy(), x)
    first = ops.space_to_depth(x.transpose(0, 3, 1, 2), 2, data_format="channels_first")
    np.testing.assert_array_equal(first.numpy(), deep.numpy().transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(ops.depth_to_space(first, 2, data_format="channels_first").numpy(), x.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    "function",
    [
        *[getattr(ops, name) for name in ("log2", "log10", "exp2", "tan", "sinh", "cosh", "reciprocal", "sort", "norm", "copy", "amax")],
        lambda x: ops.top_k(x, 2)[0],
        lambda x: ops.median(x, 1),
        lambda x: ops.tile(x, (2, 3)),
        lambda x: ops.roll(x, 3),
        lambda x: ops.rot90(x),
        lambda x: ops.tril(x),
        lambda x: ops.triu(x, 1),
        lambda x: ops.hstack([x, x]),
        lambda x: ops.outer(x, x),
        lambda x: ops.divide_no_nan(x, Y),
        lambda x: ops.take_along_axis(x, [[0, 0], [1, 2], [3, 3]], 1),
    ],
)
def test_gradients(function: Any) -> None:
    check_grads(function, np.abs(X) + 0.1)


def test_they_are_drawn_in_functional_models() -> None:
    x = layers.Input((4, 4, 8))
    model = models.Model(x, ops.tile(ops.depth_to_space(x, 2), (1, 1, 2, 1)))
    assert model.output_shape == (None, 8, 16, 2)
    values = R.standard_normal((3, 4, 4, 8)).astype(np.float32)
    np.testing.assert_array_equal(model.predict(values, verbose=0), np.tile(ops.depth_to_space(values, 2).numpy(), (1, 1, 2, 1)))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.top_k(X, 5), ArgumentError, "k must be from 0 to the 4"),
        (lambda: ops.norm(X, 3), ArgumentError, "ord must be"),
        (lambda: ops.norm(X, 2), ArgumentError, "ord must be"),
        (lambda: ops.median(np.zeros((0, 2)), 0), ArgumentError, "must have cells"),
        (lambda: ops.in_top_k([4], X[:1], 1), ArgumentError, "targets"),
        (lambda: ops.average(X, 0, [1.0, 2.0]), ShapeError, "weights"),
        (lambda: ops.unstack(X, 2), ArgumentError, "num must be the 3"),
        (lambda: ops.tile(X, -1), ArgumentError, "repeats"),
        (lambda: ops.rot90(X, axes=(0, 0)), ArgumentError, "two different"),
        (lambda: ops.tril(X[0]), ShapeError, "two axes"),
        (lambda: ops.meshgrid(X, indexing="yx"), ArgumentError, "indexing"),
        (lambda: ops.take_along_axis(X, [0], 1), ShapeError, "indices"),
        (lambda: ops.depth_to_space(np.zeros((1, 2, 2, 3)), 2), ShapeError, "3 channels"),
        (lambda: ops.space_to_depth(np.zeros((1, 3, 2, 3)), 2), ShapeError, "height 3"),
        (lambda: ops.space_to_depth(X, 2), ShapeError, "four axes"),
        (lambda: ops.space_to_depth(np.zeros((1, 2, 2, 3)), 0), ArgumentError, "block_size"),
    ],
)
def test_refusals(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_a_copy_has_memory_of_its_own() -> None:
    for requires_grad in (False, True):
        x = Tensor([1.0, -0.0, np.nan], requires_grad=requires_grad)
        y = ops.copy(x)
        assert not np.shares_memory(x.numpy(), y.numpy())
        np.testing.assert_array_equal(y.numpy().view("i4"), x.numpy().view("i4"))
        assert y.requires_grad is requires_grad


def test_clip_of_whole_numbers() -> None:
    for x, low, high, want in [
        (np.array([1, 2, 200], "u1"), -1, 100, np.array([1, 2, 100], "u1")),
        (np.array([1, 2, 200], "u1"), 0, 300, np.array([1, 2, 200], "u1")),
        (np.array([-5, 5]), -np.inf, 2.0, np.array([-5, 2])),
        (np.array([0, 1, 2, 3]), 0.5, 2.5, np.array([0.5, 1, 2, 2.5], "f4")),
        (np.array([True, False]), 0, 1, np.array([1, 0], "i4")),
    ]:
        got = ops.clip(x, low, high).numpy()
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


def test_a_number_that_the_other_dtype_does_not_hold() -> None:
    with pytest.raises(ArgumentError, match="the number -1 does not fit uint8"):
        ops.maximum(np.array([1, 2], "u1"), -1)
