"""Fused steps that follow each other, as one op of the graph: what is chained, and the same result to the bit."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from test_fusion import POOL, X, compiled, conv, small_model

from tinycnn import layers, models, ops
from tinycnn.autograd import Tensor, engine, grad, no_grad
from tinycnn.errors import GraphError
from tinycnn.models.fusion import ChainStep, ConvPoolStep, DenseStep, fused_steps
from tinycnn.profiler import profile
from tinycnn.rules.fused import ConvPool2d


def kinds(stack: list[layers.Layer]) -> list[object]:
    """The classes of what runs a stack, those in a chain as a list."""
    return [[type(one) for one in step.steps] if isinstance(step, ChainStep) else type(step) for step in fused_steps(stack)]


def test_steps_that_follow_each_other_are_chained():
    between = layers.Dropout(0.5)
    stack = [conv(), POOL, conv(), POOL, between, layers.Dense(3), between, layers.Flatten(), layers.Dense(3), layers.Dense(3)]
    assert kinds(stack) == [[ConvPoolStep] * 2, layers.Dropout, DenseStep, layers.Dropout, [DenseStep] * 2]
    assert kinds([conv(), POOL, layers.Flatten(), layers.Dense(3), layers.ReLU()]) == [[ConvPoolStep, DenseStep]]
    assert kinds([]) == []


def test_a_layer_is_in_a_chain_once():
    one, other = layers.Dense(3), layers.Dense(3)
    assert kinds([one, other, one, other, other]) == [[DenseStep] * 2, [DenseStep] * 2, DenseStep]


def test_what_ends_a_chain():
    doubles = [layers.Dense(3, dtype="float64"), layers.Dense(3, dtype="float64")]
    assert kinds([layers.Dense(3), *doubles]) == [DenseStep, [DenseStep] * 2]
    one = layers.Dense(3)
    assert kinds([one, layers.Dense(3, activation="softmax"), layers.Dense(3, activation="gelu")]) == [[DenseStep] * 2, DenseStep]


def test_chains_in_functional_models():
    x = layers.Input((9, 10, 3))
    y = layers.MaxPooling2D(2)(conv(activation="relu")(x))
    y = layers.MaxPooling2D(2, padding="same")(conv()(y))
    z = layers.Dense(4)(layers.Dense(5)(layers.Flatten()(y)))
    whole = compiled(models.Model(x, z))
    assert [len(step.run.steps) for step in whole._runnable()] == [4]
    apart = compiled(models.Model(x, [y, z]))  # what somebody reads is computed
    assert [len(step.run.steps) for step in apart._runnable()] == [2, 2]
    plain = compiled(models.Model(x, z), False)
    for got, want in zip(all_gradients(whole, Tensor(X)), all_gradients(plain, Tensor(X)), strict=True):
        if want is not None:
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * np.abs(want).max())


def deep_model() -> models.Sequential:
    model = small_model()
    model.pop()
    for layer in (layers.Dense(5, use_bias=False), layers.ReLU(), layers.Dense(4, activation="softmax")):
        model.add(layer)
    return model


def singly(model: models.Sequential) -> models.Sequential:
    """The same model, its fused steps run one by one."""
    (chain,) = model._runnable()
    model._steps = {True: chain.steps}
    return model


def all_gradients(model: models.Sequential, x: Tensor) -> list[np.ndarray | None]:
    for variable in model.trainable_variables:
        variable.grad = None
    y = model(x, training=True)
    ops.sum(ops.square(y)).backward()
    return [y.data, x.grad, *(None if v.grad is None else v.grad.copy() for v in model.weights)]


@pytest.mark.parametrize("wants_inputs", [False, True])
@pytest.mark.parametrize("frozen", [(), (0,), (3,), (0, 3), (6,), (0, 3, 6)])
def test_a_chain_gives_what_its_steps_give_to_the_bit(frozen, wants_inputs):
    found = []
    for prepare in (compiled, lambda model: singly(compiled(model))):
        model = prepare(deep_model())
        for place in frozen:
            model.layers[place].trainable = False
        found.append(all_gradients(model, Tensor(X, requires_grad=wants_inputs)))
    for got, want in zip(*found, strict=True):
        assert (got is None) == (want is None)
        np.testing.assert_array_equal(got, want)


def n_nodes(y: Tensor) -> int:
    return 0 if y.node is None else len(engine._sorted(y.node))


def test_a_chain_is_one_node_unless_nothing_is_learnt_at_its_beginning():
    model = compiled(deep_model())
    chain = model._runnable()[0]
    assert n_nodes(model(X)) == 2  # and the softmax
    assert chain.layer is model.layers[0]
    with no_grad():
        assert n_nodes(model(X)) == 0
    model.layers[0].trainable = False
    assert n_nodes(model(X)) == 4  # as many steps as learn, and the softmax
    model.layers[0].trainable = True
    assert n_nodes(model(X)) == 2
    assert n_nodes(compiled(model, False)(X)) > 4


def test_a_chain_can_be_walked_twice():
    model = compiled(deep_model())
    y = ops.sum(ops.square(model(X)))
    y.backward(retain_graph=True)
    once = [v.grad.copy() for v in model.trainable_variables]
    y.backward()
    for variable, gradient in zip(model.trainable_variables, once, strict=True):
        np.testing.assert_array_equal(variable.grad, gradient + gradient)
    with pytest.raises(GraphError, match="freed"):
        y.backward()


def test_only_what_is_needed_of_a_chain_is_computed():
    """With the layers below frozen, and for `grad` of one tensor, no kernel runs in vain."""
    model = compiled(deep_model())
    x = Tensor(X, requires_grad=True)
    last = model.layers[-1].kernel
    with profile() as p:
        grad(ops.sum(model(x)), [last])
    assert "conv2d_pool_backward" not in str(p)
    with profile() as p:
        grad(ops.sum(model(x)), [x])
    assert "conv2d_pool_backward" in str(p)


def test_what_lies_between_is_freed(monkeypatch):
    model = compiled(deep_model())
    seen, forward = [], ConvPool2d.forward

    def watched(k, geometry, x, *operands):
        seen.append(weakref.ref(x))
        return forward(k, geometry, x, *operands)

    def is_held() -> bool:
        """Whether what the last convolution was given is still there."""
        return seen[-1]() is not None

    monkeypatch.setattr(ConvPool2d, "forward", staticmethod(watched))
    y = model(X)
    assert is_held()  # for the gradient
    ops.sum(y).backward()
    assert not is_held()
    with no_grad():
        y = model(X)
        assert not is_held()
    model.layers[0].trainable = model.layers[3].trainable = False
    y = model(X)
    assert y.requires_grad
    assert not is_held()
