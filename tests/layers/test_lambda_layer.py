"""Lambda and Identity."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import Tensor, layers, ops
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.layers import Identity, Input, Lambda
from tinycnn.models import Model, Sequential

X = np.random.default_rng(0).random((4, 6)).astype(np.float32)


def test_a_function_as_a_layer() -> None:
    np.testing.assert_array_equal(Lambda(lambda x: x * 2)(X).numpy(), X * 2)
    np.testing.assert_array_equal(Lambda(lambda x, by: x * by, arguments={"by": 3})(X).numpy(), X * 3)
    assert isinstance(Lambda(lambda x: x.numpy() + 1)(X), Tensor)
    a, b = Lambda(lambda x: ops.split(x, 2, axis=1))(X)
    np.testing.assert_array_equal(np.concatenate([a.numpy(), b.numpy()], 1), X)


def test_it_is_told_whether_it_trains() -> None:
    layer = Lambda(lambda x, training: x * (10 if training else 1))
    np.testing.assert_array_equal(layer(X).numpy(), X)
    np.testing.assert_array_equal(layer(X, training=True).numpy(), X * 10)


def test_output_shapes() -> None:
    assert Lambda(lambda x: x[:, :2]).compute_output_shape((None, 6)) == (None, 2)
    assert Lambda(lambda x: x, output_shape=(3,)).compute_output_shape((None, 6)) == (None, 3)
    assert Lambda(lambda x: x, output_shape=lambda s: (*s, 1)).compute_output_shape((None, 6)) == (None, 6, 1)
    assert Lambda(lambda xs: xs[0], output_shape=(3,)).compute_output_shape([(None, 3), (None, 3)]) == (None, 3)
    with pytest.raises(ShapeError, match="output_shape"):
        Lambda(lambda x: x, output_shape="large")


def test_it_trains_in_a_model_and_in_a_drawing() -> None:
    model = Sequential([Input((6,)), layers.Dense(3), Lambda(ops.tanh), layers.Dense(2)])
    model.compile("sgd", "mse")
    before = model.get_weights()[0]
    model.fit(X, np.ones((4, 2)), verbose=0)
    assert (model.get_weights()[0] != before).any()
    inputs = Input((6,))
    drawn = Model(inputs, Lambda(lambda xs: xs[0] + xs[1])([inputs, Identity()(inputs)]))
    np.testing.assert_allclose(drawn.predict(X, verbose=0), 2 * X)


def test_saving_is_refused_with_the_reason() -> None:
    layer = Lambda(lambda x: x, name="mine")
    with pytest.raises(ArgumentError, match=r"layer 'mine' \(Lambda\) cannot be written .*never holds code: write a subclass of Layer"):
        layers.serialize(layer)
    config = {"class_name": "Lambda", "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}}}
    with pytest.raises(ArgumentError, match=r"cannot be made from a config .*never holds code"):
        layers.deserialize(config)


def test_it_needs_a_function() -> None:
    with pytest.raises(DTypeError, match="function must be a function"):
        Lambda("x * 2")


def test_identity() -> None:
    x = Tensor(X)
    assert Identity()(x) is x
    assert Identity().compute_output_shape((None, 3)) == (None, 3)
