from __future__ import annotations

import copy

import numpy as np
import pytest

from tinycnn import Variable
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
