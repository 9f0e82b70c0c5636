"""einsum and its kin, and diagonals: values against NumPy, gradients against differences, what they refuse."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinycnn import layers, models, ops
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.testing import check_grads

R = np.random.default_rng(42)


def normal(*shape: int) -> np.ndarray:
    return R.standard_normal(shape)


SUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ji", (2, 3)),
    ("ij->j", (2, 3)),
    ("ij->", (2, 3)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("iij->j", (3, 3, 2)),
    ("iji,jj->ij", (3, 2, 3), (2, 2)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bij,bkj->bik", (2, 3, 4), (2, 5, 4)),
    ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2)),
    ("...ij,jk", (2, 3, 4), (4, 5)),
    ("...,...", (2, 3), (3,)),
    ("i,j->ij", (2,), (3,)),
    ("i,i->", (3,), (3,)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("ij,ik,il->jkl", (2, 3), (2, 4), (2, 2)),
    ("ij,kl->ik", (2, 3), (4, 5)),
    (" ij , j k -> k i ", (2, 3), (3, 4)),
    ("nhwc,c->nhwc", (2, 3, 3, 2), (2,)),
    ("ij,j->ij", (3, 4), (1,)),
]


@pytest.mark.parametrize("case", SUMS, ids=lambda case: case[0])
def test_einsum(case: tuple) -> None:
    subscripts, *shapes = case
    arrays = [normal(*shape) for shape in shapes]
    got, expected = ops.einsum(subscripts, *arrays).numpy(), np.einsum(subscripts, *arrays)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)
    check_grads(lambda *tensors: ops.einsum(subscripts, *tensors), *arrays)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_einsum(data: st.DataObject) -> None:
    sizes = dict(zip("abcd", data.draw(st.lists(st.integers(1, 3), min_size=4, max_size=4)), strict=True))
    groups = data.draw(st.lists(st.text("abcd", min_size=1, max_size=4), min_size=1, max_size=3))
    result = data.draw(st.permutations(sorted({letter for group in groups for letter in group})))
    result = result[: data.draw(st.integers(0, len(result)))]
    subscripts = ",".join(groups) + "->" + "".join(result)
    arrays = [normal(*(sizes[letter] for letter in group)) for group in groups]
    np.testing.assert_allclose(ops.einsum(subscripts, *arrays).numpy(), np.einsum(subscripts, *arrays), rtol=1e-9, atol=1e-9)


def test_einsum_of_integers_is_exact() -> None:
    a = R.integers(-(2**40), 2**40, (2, 3))
    assert ops.einsum("ij,kj->ik", a, np.eye(3, dtype=np.int64)[::-1]).tolist() == a[:, ::-1].tolist()


@pytest.mark.parametrize(
    ("subscripts", "shapes", "error", "words"),
    [
        ("ij,jk", [(2, 3)], ArgumentError, "one for each of 1 operands"),
        ("ij", [(2, 3, 4)], ArgumentError, "name all 3 axes"),
        ("ijk", [(2, 3)], ArgumentError, "name all 2 axes"),
        ("i1", [(2, 3)], ArgumentError, "groups of letters"),
        ("ij->ik", [(2, 3)], ArgumentError, "among the operands"),
        ("ij->ii", [(2, 3)], ArgumentError, "once there"),
        ("ij,jk", [(2, 3), (4, 5)], ShapeError, "axes 'j' .* must have one size, got 3 and 4"),
        ("ii", [(2, 3)], ShapeError, "one size, got 2 and 3"),
    ],
)
def test_einsum_refuses(subscripts: str, shapes: list, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ops.einsum(subscripts, *(normal(*shape) for shape in shapes))


@pytest.mark.parametrize(
    ("a", "b", "axes"),
    [
        ((2, 3, 4), (3, 4, 5), 2),
        ((2, 3), (4, 5), 0),
        ((2, 3, 4), (4, 3), [[1, 2], [1, 0]]),
        ((2, 3), (3, 4), (1, 0)),
        ((3, 2), (4, 2), (-1, -1)),
    ],
)
def test_tensordot(a: tuple, b: tuple, axes: object) -> None:
    x, y = normal(*a), normal(*b)
    np.testing.assert_allclose(ops.tensordot(x, y, axes).numpy(), np.tensordot(x, y, axes), rtol=1e-10)
    check_grads(lambda s, t: ops.tensordot(s, t, axes), x, y)


@pytest.mark.parametrize("name", ["dot", "inner"])
@pytest.mark.parametrize(("a", "b"), [((), (2, 3)), ((3,), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 3)), ((2, 2, 3), (4, 3, 3))])
def test_dot_and_inner(name: str, a: tuple, b: tuple) -> None:
    x, y = normal(*a), normal(*b)
    np.testing.assert_allclose(getattr(ops, name)(x, y).numpy(), getattr(np, name)(x, y), rtol=1e-10)
    check_grads(getattr(ops, name), x, y)


def test_vdot() -> None:
    x, y = normal(2, 3), normal(3, 2)
    np.testing.assert_allclose(ops.vdot(x, y).numpy(), np.vdot(x, y), rtol=1e-12)


@pytest.mark.parametrize("offset", [-4, -1, 0, 2, 5])
@pytest.mark.parametrize("axes", [(0, 1), (2, 0), (-1, 1)])
def test_diagonals(offset: int, axes: tuple[int, int]) -> None:
    x = normal(3, 4, 2)
    for name in ("diagonal", "trace"):
        np.testing.assert_allclose(getattr(ops, name)(x, offset, *axes).numpy(), getattr(np, name)(x, offset, *axes), rtol=1e-12)
        check_grads(lambda t, name=name: getattr(ops, name)(t, offset, *axes), x)


@pytest.mark.parametrize("k", [-2, 0, 1])
def test_diag(k: int) -> None:
    for x in (normal(3), normal(2, 4)):
        np.testing.assert_array_equal(ops.diag(x, k).numpy(), np.diag(x, k))
        check_grads(lambda t: ops.diag(t, k), x)
        np.testing.assert_array_equal(ops.diagflat(x, k).numpy(), np.diagflat(x, k))
    np.testing.assert_array_equal(ops.tri(3, 4, k).numpy(), np.tri(3, 4, k))


def test_refusals() -> None:
    with pytest.raises(ShapeError, match=r"axes \[1\] of x1 and \[0\] of x2"):
        ops.tensordot(normal(2, 3), normal(2, 3), 1)
    with pytest.raises(ArgumentError, match="two different ones"):
        ops.diagonal(normal(2, 3), 0, 1, -1)
    with pytest.raises(ShapeError, match="vector or a matrix"):
        ops.diag(normal(2, 2, 2))


def test_they_are_drawn_in_functional_models() -> None:
    x, y = layers.Input((3, 4)), layers.Input((4, 2))
    model = models.Model([x, y], [ops.einsum("bij,bjk->bik", x, y), ops.tensordot(x, np.ones((4, 5), np.float32), 1)])
    a, b = normal(2, 3, 4).astype(np.float32), normal(2, 4, 2).astype(np.float32)
    product, ones = model([a, b])
    np.testing.assert_allclose(product.numpy(), a @ b, rtol=1e-5)
    np.testing.assert_allclose(ones.numpy(), a @ np.ones((4, 5)), rtol=1e-4, atol=1e-5)


def test_more_letters_than_the_alphabet_are_no_axes() -> None:
    with pytest.raises(ArgumentError, match="groups of letters"):
        ops.einsum(string.digits[:2], normal(2, 2))
