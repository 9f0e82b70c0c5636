"""Functions with a gradient of the user's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinycnn import Tensor, layers, ops
from tinycnn.errors import DTypeError, ShapeError
from tinycnn.testing import check_grads


@ops.custom_gradient
def log1pexp(x: Tensor) -> Any:
    """ln(1 + e ** x), as Keras's documentation has it."""
    e = ops.exp(x)

    def grad(*args: Any, upstream: Any = None) -> Tensor:
        if upstream is None:
            (upstream,) = args
        return ops.multiply(upstream, 1.0 - 1.0 / ops.add(1, e))

    return ops.log(1 + e), grad


@ops.custom_gradient
def scaled(x: Tensor, y: Tensor, factor: float = 1.0) -> Any:
    return x * y * factor, lambda upstream: (upstream * y * factor, 7 * upstream)


def test_the_gradient_is_the_users() -> None:
    check_grads(lambda x: log1pexp(x * 2) * 3, np.array([0.3, -1.0]))
    assert log1pexp.__name__ == "log1pexp"
    x, y = Tensor(np.array([2.0]), requires_grad=True), Tensor(np.array([3.0]), requires_grad=True)
    z = scaled(x * x, y, factor=0.5)
    assert z.item() == 6
    z.backward()
    assert (x.grad.item(), y.grad.item()) == (6, 7)


def test_without_gradients_nothing_is_recorded() -> None:
    assert not log1pexp(Tensor(1.0)).requires_grad
    constant, y = Tensor(np.array([2.0])), Tensor(np.array([3.0]), requires_grad=True)
    scaled(constant, y).backward()
    assert constant.grad is None
    assert y.grad.item() == 7


def test_in_a_layer() -> None:
    class Reversed(layers.Layer):
        """Passes inputs on, and turns their gradients round."""

        def call(self, inputs: Tensor) -> Tensor:
            return ops.custom_gradient(lambda x: (x, lambda upstream: -upstream))(inputs)

    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    ops.sum(Reversed()(x)).backward()
    assert (x.grad == -1).all()


def test_wrong_gradients() -> None:
    x = Tensor(np.ones(2), requires_grad=True)
    with pytest.raises(DTypeError, match=r"must return \(result, grad\), got None"):
        ops.custom_gradient(lambda x: (x, None))(x)
    with pytest.raises(ShapeError, match="one part for each of 1 tensors, got 2"):
        ops.sum(ops.custom_gradient(lambda x: (x, lambda dy: (dy, dy)))(x)).backward()
    with pytest.raises(ShapeError, match=r"the shape \(2,\) of its tensor, got \(\)"):
        ops.sum(ops.custom_gradient(lambda x: (x, lambda dy: ops.sum(dy)))(x)).backward()
    assert x.grad is None
