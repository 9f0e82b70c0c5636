from __future__ import annotations

import copy

import numpy as np
import pytest

from tinycnn import Tensor, Variable, ops
from tinycnn.errors import ShapeError


def test_assign_checks_then_writes_in_place() -> None:
    v = Variable(np.zeros((2, 3), np.float32), name="kernel")
    before = v.data
    with pytest.raises(ShapeError, match=r"kernel.*\(2, 3\).*\(3, 2\)"):
        v.assign(np.ones((3, 2)))
    np.testing.assert_array_equal(v.data, 0)
    v.assign(np.ones((2, 3)))
    assert v.data is before
    np.testing.assert_array_equal(before, 1)


def test_trainable_decides_on_gradients() -> None:
    v = Variable(np.ones(2), trainable=True)
    (v * 2).sum().backward()
    assert v.grad is not None
    v.trainable = False
    assert v.grad is None
    assert not (v * 2).requires_grad
    assert not Variable(np.int32(3)).requires_grad


def test_flat_buffers() -> None:
    flat, grads = np.zeros(5, np.float32), np.full(5, 9, np.float32)
    a, b = Variable(np.ones(2, np.float32)), Variable(np.full(3, 2, np.float32))
    a.rebind(flat[:2], grads[:2])
    b.rebind(flat[2:], grads[2:])
    np.testing.assert_array_equal(flat, [1, 1, 2, 2, 2])
    for expected in ([3, 3, 4, 4, 4], [6, 6, 8, 8, 8]):
        ((a * 3).sum() + (b * 4).sum()).backward()
        np.testing.assert_array_equal(grads, expected)  # overwritten first, then accumulated
    a.grad = b.grad = None
    ((a * 3).sum() + (b * 4).sum()).backward()
    np.testing.assert_array_equal(grads, [3, 3, 4, 4, 4])
    a.assign([5.0, 6.0])
    np.testing.assert_array_equal(flat[:2], [5, 6])


def test_deepcopy_is_independent() -> None:
    v = Variable(np.ones(2), name="bias")
    twin = copy.deepcopy(v)
    twin.assign(np.zeros(2))
    np.testing.assert_array_equal(v.data, 1)
    assert twin.name == "bias"


# ---------------------------------------------------------------------------------------------------- gradients in their place
def bound(*shape: int) -> tuple[Variable, np.ndarray]:
    """A variable in flat buffers, and the flat gradient."""
    variable = Variable(np.arange(1.0, 1 + np.prod(shape)).reshape(shape))
    flat, gradients = np.zeros(variable.size + 16), np.full(variable.size + 16, np.nan)
    variable.rebind(flat[8:-8].reshape(shape), gradients[8:-8].reshape(shape))
    return variable, gradients


def used_once(x: np.ndarray, w: Variable) -> Tensor:
    return ops.matmul(x, w)


def used_twice(x: np.ndarray, w: Variable) -> Tensor:
    return ops.matmul(ops.matmul(x, w), w)


def used_twice_by_one_op(x: np.ndarray, w: Variable) -> Tensor:
    return ops.matmul(w, w)


def used_with_a_copy(x: np.ndarray, w: Variable) -> Tensor:
    return ops.matmul(x, w) + ops.exp(w * 0.1)


@pytest.mark.parametrize("function", [used_once, used_twice, used_twice_by_one_op, used_with_a_copy])
def test_a_gradient_in_its_place_is_the_same(function):
    x = np.linspace(-1, 1, 9).reshape(3, 3)
    free = Tensor(np.arange(1.0, 10).reshape(3, 3), requires_grad=True)
    function(x, free).sum().backward()
    variable, gradients = bound(3, 3)
    for _ in range(2):
        variable.zero_grad()
        function(x, variable).sum().backward()
        assert variable.grad is variable.grad_buffer
        np.testing.assert_allclose(variable.grad, free.grad, rtol=1e-13)
        assert np.isnan(gradients[:8]).all()
        assert np.isnan(gradients[-8:]).all()
    function(x, variable).sum().backward()  # adds
    np.testing.assert_allclose(variable.grad, 2 * np.asarray(free.grad), rtol=1e-13)


def test_a_gradient_goes_to_its_place_without_a_copy(monkeypatch: pytest.MonkeyPatch):
    variable, _ = bound(3, 3)
    given = []
    real = Variable.accumulate
    monkeypatch.setattr(Variable, "accumulate", lambda self, gradient: given.append(gradient) or real(self, gradient))
    ops.matmul(np.ones((2, 3)), variable).sum().backward()
    assert given[0] is variable.grad_buffer


def test_an_error_after_a_gradient_was_written_leaves_none(monkeypatch: pytest.MonkeyPatch):
    from tinycnn.rules.elementwise import Exp

    variable, _ = bound(3, 3)
    loss = ops.matmul(ops.exp(Tensor(np.ones((2, 3)), requires_grad=True)), variable).sum()
    monkeypatch.setattr(Exp, "vjp", staticmethod(lambda *args: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        loss.backward()
    assert variable.grad is None
