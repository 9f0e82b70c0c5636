from __future__ import annotations

import threading

import numpy as np
import pytest

from tinycnn import Tensor, no_grad, ops
from tinycnn.autograd import is_grad_enabled
from tinycnn.errors import DTypeError, GraphError, ShapeError
from tinycnn.testing import check_grads


def test_gradients_accumulate_into_leaves() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x * 3).sum().backward()
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [5, 7])
    x.zero_grad()
    assert x.grad is None


def test_a_tensor_used_twice_gets_both_gradients() -> None:
    x = Tensor([3.0], requires_grad=True)
    y = x * x
    (y * y + y).backward()
    np.testing.assert_array_equal(x.grad, [4 * 27 + 6])


def test_leaves_never_share_memory() -> None:
    a, b = Tensor([1.0], requires_grad=True), Tensor([2.0], requires_grad=True)
    seed = np.ones(1, np.float32)
    (a + b).backward(seed)
    a.grad += 5
    np.testing.assert_array_equal(b.grad, [1])
    np.testing.assert_array_equal(seed, [1])


def test_a_deep_graph_does_not_recurse() -> None:
    x = Tensor([1.0], requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    np.testing.assert_array_equal(x.grad, [1])
    y = x
    for _ in range(100_000):
        y = y * 1
    del y  # an unwalked graph is let go without recursion, too


def test_second_backward_says_that_the_graph_is_freed() -> None:
    x = Tensor([1.0], requires_grad=True)
    y = x * 2
    z = y * 3
    z.backward()
    with pytest.raises(GraphError, match="freed"):
        z.backward()
    with pytest.raises(GraphError, match="freed"):
        (y * 5 + x).backward()  # meets the freed part from elsewhere
    np.testing.assert_array_equal(x.grad, [6])  # and has changed nothing


def test_retain_graph() -> None:
    x = Tensor([1.0], requires_grad=True)
    z = x * x
    z.backward(retain_graph=True)
    z.backward()
    np.testing.assert_array_equal(x.grad, [4])


def test_no_grad_nests_and_is_per_thread() -> None:
    x = Tensor([1.0], requires_grad=True)
    seen = []
    with no_grad():
        with no_grad():
            pass
        assert not is_grad_enabled()
        assert not (x * 2).requires_grad
        thread = threading.Thread(target=lambda: seen.append(is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]
    assert (x * 2).requires_grad

    @no_grad()
    def quiet() -> Tensor:
        return x * 2

    assert not quiet().requires_grad
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert is_grad_enabled()


def test_what_backward_refuses() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ShapeError, match="needs a gradient"):
        (x * 2).backward()
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        (x * 2).backward(np.ones(3))
    with pytest.raises(GraphError, match="requires_grad"):
        Tensor([1.0]).backward()
    with pytest.raises(DTypeError, match="floating"):
        Tensor([1], requires_grad=True)
    assert x.grad is None


def test_an_error_on_the_way_leaves_all_gradients_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinycnn.rules.elementwise import Exp

    x, w = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    z = ops.exp(x) * w

    def broken(*args: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Exp, "vjp", staticmethod(broken))
    with pytest.raises(MemoryError):
        z.backward()
    assert x.grad is None
    assert w.grad is None


def test_gradients_nobody_asked_for_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinycnn.rules.convolution import Conv2d

    asked = []
    real = Conv2d.vjp
    monkeypatch.setattr(Conv2d, "vjp", staticmethod(lambda k, g, s, dy, needs: asked.append(tuple(needs)) or real(k, g, s, dy, needs)))
    w = Tensor(np.ones((1, 1, 1, 1)), requires_grad=True)
    ops.conv(np.ones((1, 2, 2, 1)), w).sum().backward()
    assert asked == [(False, True)]


def test_intermediates_are_freed_during_backward() -> None:
    import weakref

    x = Tensor(np.ones(4), requires_grad=True)
    y = ops.exp(x)
    z = y.sum()
    held = weakref.ref(y)
    del y
    assert held() is None  # the graph links nodes, not tensors
    z.backward()
    np.testing.assert_allclose(x.grad, np.e)


@pytest.mark.parametrize("name", ["negative", "exp", "log", "square", "sqrt", "sin", "relu", "tanh", "sigmoid", "softplus", "abs", "elu"])
def test_results_without_axes_are_arrays_all_the_way(name: str) -> None:
    function = getattr(ops, name)
    x = Tensor(0.5, requires_grad=True)
    y = function(x * 2 - 0.25)
    z = function(y * y + 1.0) * 3  # on a result without axes again: NumPy would give scalars, which no kernel takes
    assert type(y.numpy()) is type(z.numpy()) is np.ndarray
    y.retain_grad()
    z.backward()
    assert type(x.grad) is type(y.grad) is np.ndarray
    check_grads(lambda x: function(ops.square(function(x * 2 - 0.25)) + 1.0) * 3, np.array(0.5))


def test_a_loss_can_go_through_a_kernel() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    ops.relu(x.sum() - 1).backward()
    np.testing.assert_array_equal(x.grad, [1, 1])


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_no_gradient_passes_through_whole_numbers(dtype: str) -> None:
    x = Tensor([0.25, 1.75, 2.5], requires_grad=True)
    whole = x.astype(dtype)
    assert not whole.requires_grad
    (whole.astype("float32") * x).sum().backward()
    np.testing.assert_array_equal(x.grad, whole.numpy().astype("f4"))
    assert not ops.cast(ops.cast(x, dtype), "float32").requires_grad
    assert ops.cast(x, "float64").requires_grad


def test_parameters_that_compare_equal_are_not_taken_for_each_other() -> None:
    x = Tensor(np.arange(6.0).reshape(2, 3))
    assert x[(1,)].shape == (3,)
    assert x[(True,)].shape == (1, 2, 3)
    assert x[(0,)].shape == (3,)
    assert x[(False,)].shape == (0, 2, 3)
    assert ops.sum(x, axis=(1,)).shape == (2,)
    with pytest.raises(DTypeError):
        ops.sum(x, axis=(1.0,))
    image = np.ones((1, 4, 4, 1), "f4")
    assert ops.max_pool(image, 2, (1, 1)).shape == (1, 3, 3, 1)
    with pytest.raises(DTypeError):
        ops.max_pool(image, 2, (1.0, 1.0))


def test_an_index_may_change_after_its_use() -> None:
    x, index = Tensor(np.arange(4.0), requires_grad=True), np.array([0, 1])
    y = x[index]
    index[:] = 2, 3
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 0, 0])


def test_one_no_grad_may_be_entered_twice() -> None:
    paused = no_grad()
    with paused:
        with paused:
            assert not is_grad_enabled()
        assert not is_grad_enabled()
    assert is_grad_enabled()
