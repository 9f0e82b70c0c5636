"""Gradients by tensors that are no leaves."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinycnn import Tensor, no_grad, ops
from tinycnn.autograd import Variable, grad
from tinycnn.errors import DTypeError, GraphError, ShapeError
from tinycnn.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from tinycnn.models import Model
from tinycnn.rules.arithmetic import Multiply
from tinycnn.utils import set_random_seed

RNG = np.random.default_rng(0)


def test_leaves_and_results_on_the_way() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    z = y * y + x
    np.testing.assert_array_equal(grad(z.sum(), [y], retain_graph=True)[0], [2, 8])
    dx, dy, dz = grad(z, [x, y, z], np.array([1, 10]))
    np.testing.assert_array_equal(dx, [5, 330])
    np.testing.assert_array_equal(dy, [2, 80])
    np.testing.assert_array_equal(dz, [1, 10])
    assert x.grad is y.grad is z.grad is None


def test_what_is_not_connected_gives_none() -> None:
    x, other = Tensor([2.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    y = x * 3
    aside = y * other
    with no_grad():
        blind = x * 2
    z = y * x
    assert grad(z, [other, aside, blind, Tensor([1.0])]) == [None] * 4
    np.testing.assert_array_equal(grad(x, [x, other])[0], [1])


def test_only_what_lies_between_is_computed_and_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    plain = Multiply.vjp
    monkeypatch.setattr(Multiply, "vjp", staticmethod(lambda *a: (asked.append(tuple(a[-1])), plain(*a))[1]))
    x, w, v = (Tensor([2.0], requires_grad=True) for _ in range(3))
    y = x * w
    z = y * v
    grad(z, [y])
    assert asked == [(True, False)]
    y.backward()  # below y nothing was walked
    np.testing.assert_array_equal(w.grad, [2])
    with pytest.raises(GraphError, match="freed"):
        grad(z, [y])


def test_results_share_no_memory() -> None:
    x = Tensor([1.0], requires_grad=True)
    a, b = x * 1, x * 2
    da, db = grad(a + b, [a, b])
    da += 5
    np.testing.assert_array_equal(db, [1])


def test_retained_gradients() -> None:
    x = Tensor([1.0, 3.0], requires_grad=True)
    y = x * x
    y.retain_grad()
    x.retain_grad()  # a leaf does anyway
    for factor in (1, 2):
        (y * 3).sum().backward(retain_graph=True)
        np.testing.assert_array_equal(y.grad, [3 * factor, 3 * factor])
        np.testing.assert_array_equal(x.grad, [6 * factor, 18 * factor])
    y.backward(np.ones(2))
    np.testing.assert_array_equal(y.grad, [7, 7])
    y.zero_grad()
    assert y.grad is None


def test_a_retaining_tensor_is_freed_when_nobody_holds_it() -> None:
    x = Tensor(np.ones(5), requires_grad=True)
    y = x + 1
    y.retain_grad()
    z = (y * 2).sum()
    alive = weakref.ref(y)
    del y
    gc.collect()
    assert alive() is None
    z.backward()
    np.testing.assert_array_equal(x.grad, np.full(5, 2))


def test_wrong_calls_are_named_and_change_nothing() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    with pytest.raises(ShapeError, match=r"grad\(\) of a tensor of shape \(2,\) needs a gradient"):
        grad(y, [x])
    with pytest.raises(ShapeError, match="gradient must have the tensor's shape"):
        grad(y, [x], [1.0])
    with pytest.raises(DTypeError, match=r"needs Tensors, got ndarray of shape \(2,\)"):
        grad(y.sum(), [np.ones(2)])  # type: ignore[list-item]
    with pytest.raises(DTypeError, match="needs Tensors, got 3"):
        grad(3, [x])  # type: ignore[arg-type]
    with pytest.raises(GraphError, match="requires_grad"):
        grad(Tensor([1.0]), [x])
    with pytest.raises(GraphError, match="retain_grad"):
        Tensor([1.0]).retain_grad()
    np.testing.assert_array_equal(grad(y.sum(), x)[0], [2, 2])


def test_a_weight_in_a_flat_buffer_keeps_its_gradient() -> None:
    w = Variable(np.ones(2, np.float32))
    w.rebind(np.ones(2, np.float32), np.full(2, 7, np.float32))
    np.testing.assert_array_equal(grad((w * 3).sum(), [w])[0], [3, 3])
    assert w.grad is None
    np.testing.assert_array_equal(w.grad_buffer, [7, 7])


@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 4))
def test_an_inner_gradient_is_the_difference_quotient(seed: int, channels: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    x = Tensor(rng.standard_normal((1, size, size, 2)), requires_grad=True)
    kernel = Tensor(rng.standard_normal((3, 3, 2, channels)), requires_grad=True)

    def rest(inner: Tensor) -> Tensor:
        return ops.sum(ops.tanh(inner) ** 2 * inner) + ops.mean(inner) * ops.sum(ops.sigmoid(inner))

    inner = ops.conv(x, kernel, padding="same")
    (got,) = grad(rest(inner), [inner])
    expected = np.empty_like(got)
    for cell in np.ndindex(got.shape):
        step = np.zeros_like(got)
        step[cell] = 1e-6
        expected[cell] = (rest(Tensor(inner.data + step)).item() - rest(Tensor(inner.data - step)).item()) / 2e-6
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("fused", ["auto", False])
def test_the_last_convolution_of_a_model_beside_torch(fused: str | bool) -> None:
    """What Grad-CAM asks: how a score changes with a layer's output, and with the weights and the images in the same walk."""
    torch = pytest.importorskip("torch")
    set_random_seed(1)
    inputs = Input((8, 8, 1))
    conv = Conv2D(3, 3, padding="same", activation="relu")
    outputs = Dense(4)(Flatten()(MaxPooling2D(2)(conv(inputs))))
    model = Model(inputs, [conv.output, outputs])
    model.compile("sgd", ["mse", "mse"], jit_compile=fused)
    images = RNG.standard_normal((2, 8, 8, 1)).astype(np.float32)
    x = Tensor(images, requires_grad=True)
    features, scores = model(x)
    got = grad(scores[:, 1].sum(), [features, x, conv.kernel])

    tx = torch.tensor(images.transpose(0, 3, 1, 2), requires_grad=True)
    kernel, bias, dense, dense_bias = (torch.tensor(w) for w in model.get_weights())
    kernel = kernel.permute(3, 2, 0, 1).requires_grad_()
    inner = torch.relu(torch.nn.functional.conv2d(tx, kernel, bias, padding=1))
    flat = torch.nn.functional.max_pool2d(inner, 2).permute(0, 2, 3, 1).flatten(1)
    expected = torch.autograd.grad((flat @ dense + dense_bias)[:, 1].sum(), [inner, tx, kernel])
    for mine, theirs, axes in zip(got, expected, [(0, 2, 3, 1), (0, 2, 3, 1), (2, 3, 1, 0)], strict=True):
        np.testing.assert_allclose(mine, theirs.permute(*axes).numpy(), rtol=1e-4, atol=1e-6)
