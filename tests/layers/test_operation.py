"""Ops on symbolic tensors: the shapes, results and configs of the nodes that they become."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tinycnn import errors, layers, models, ops, registry
from tinycnn.layers import Operation

X = np.sin(np.arange(12)).reshape(3, 4).astype(np.float32)
KERNEL = np.cos(np.arange(12)).reshape(2, 2, 1, 3).astype(np.float32)

#: The ops that need more than tensors: what they are tried with.
CASES: dict[str, Any] = {
    "average_pool": lambda o, x: o.average_pool(o.reshape(x, (-1, 2, 2, 1)), 2),
    "broadcast_to": lambda o, x: o.broadcast_to(o.expand_dims(o.sum(x, axis=0), 0), (2, 4)),
    "cast": lambda o, x: o.cast(x, "int32"),
    "clip": lambda o, x: o.clip(x, 0, 1),
    "concatenate": lambda o, x: o.concatenate([x, 2 * x], axis=1),
    "conv": lambda o, x: o.conv(o.reshape(x, (-1, 2, 2, 1)), KERNEL),
    "depthwise_conv": lambda o, x: o.depthwise_conv(o.reshape(x, (-1, 2, 2, 1)), KERNEL),
    "divide": lambda o, x: o.divide(1, x),
    "expand_dims": lambda o, x: o.expand_dims(x, 1),
    "flip": lambda o, x: o.flip(x, axis=1),
    "get_item": lambda o, x: x[:, None, 1:3],
    "matmul": lambda o, x: x @ np.ones((4, 2), np.float32),
    "max_pool": lambda o, x: o.max_pool(o.reshape(x, (-1, 2, 2, 1)), 2),
    "mean": lambda o, x: o.mean(x, axis=-1, keepdims=True),
    "moveaxis": lambda o, x: o.moveaxis(x, 0, 1),
    "power": lambda o, x: x**2,
    "repeat": lambda o, x: o.repeat(x, 2, axis=1),
    "reshape": lambda o, x: o.reshape(x, (-1, 2)),
    "split": lambda o, x: o.split(x, 2, axis=1)[1],
    "squeeze": lambda o, x: o.squeeze(o.expand_dims(x, 1), 1),
    "stack": lambda o, x: o.stack([x, x], axis=1),
    "subtract": lambda o, x: 1 - x,
    "sum": lambda o, x: o.sum(x, (0, 1)),
    "swapaxes": lambda o, x: o.swapaxes(x, 0, 1),
    "take": lambda o, x: o.take(x, np.array([0, 3]), axis=1),
    "transpose": lambda o, x: o.transpose(x, (1, 0)),
    "where": lambda o, x: o.where(x > 0, x, 0.0),
}
UNARY = [
    *("abs", "argmax", "cos", "elu", "erf", "exp", "isnan", "log_softmax", "negative", "relu"),
    *("sigmoid", "softmax", "sqrt", "square", "std", "tanh", "var", "zeros_like"),
]
BINARY = ["add", "equal", "greater", "less_equal", "logical_and", "maximum", "minimum", "multiply", "not_equal"]
NAMES = sorted([*CASES, *UNARY, *BINARY])


def applied(name: str, o: Any, x: Any) -> Any:
    if name in CASES:
        return CASES[name](o, x)
    return getattr(o, name)(x) if name in UNARY else getattr(o, name)(x, 0.5)


@pytest.mark.parametrize("name", NAMES)
def test_a_node_computes_what_the_op_does(name) -> None:
    x = layers.Input((4,))
    y = applied(name, ops, x)
    assert (y.layer.function, type(y.layer)) == (name, Operation)
    want = applied(name, ops, ops.convert_to_tensor(X)).numpy()
    assert y.dtype == want.dtype.name
    assert len(y.shape) == want.ndim
    assert all(n in (None, m) for n, m in zip(y.shape, want.shape, strict=True))
    model = models.Model(x, y)
    config = json.loads(json.dumps(model.get_config()))
    copy = models.Model.from_config(config)
    for one in (model, copy):
        np.testing.assert_array_equal(one(X).numpy(), want)
    assert json.loads(json.dumps(copy.get_config())) == config


@pytest.mark.parametrize("name", NAMES)
def test_a_node_is_what_keras_makes_of_it(name) -> None:
    keras = pytest.importorskip("keras")
    ours = applied(name, ops, layers.Input((4,)))
    theirs = applied(name, keras.ops, keras.Input((4,)))
    operation, node, _ = theirs._keras_history
    assert ours.shape == theirs.shape
    assert [type(arg).__name__ for arg in ours.node.args] == [type(arg).__name__ for arg in operation._inbound_nodes[node].arguments.args]
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(operation)))
    arguments = {key: value for key, value in config["config"].items() if key not in ("name", "initial", "sparse")}
    assert config["class_name"].lower() == {"abs": "absolute"}.get(name, name.replace("_", ""))
    assert ours.layer.get_config()["arguments"] == arguments


def test_every_op_can_be_drawn_and_is_named() -> None:
    assert set(NAMES) <= set(registry.names("operation"))
    with pytest.raises(errors.ArgumentError, match="unknown operation 'maen'; did you mean 'mean'"):
        Operation("maen")


def test_names_are_those_of_keras() -> None:
    x = layers.Input((4,))
    y = abs(-(x + 1) + x)
    names = [operation.name.rstrip("_0123456789") for operation in models.Model(x, y).operations[1:]]
    assert names == ["add", "negative", "add", "absolute"]


def test_arrays_and_tensors_on_the_left() -> None:
    x = layers.Input((4,))
    for one in (np.ones(4, np.float32), ops.ones(4), 1.0):
        np.testing.assert_allclose(models.Model(x, one - x)(X).numpy(), 1 - X)
    np.testing.assert_allclose(models.Model(x, np.exp(x))(X).numpy(), np.exp(X), rtol=1e-6)
    with pytest.raises(errors.DTypeError, match="symbolic"):
        np.cumsum(x)


def test_an_op_within_layers_trains() -> None:
    x = layers.Input((4,))
    h = layers.Dense(4, use_bias=False)(x)
    model = models.Model(x, ops.relu(h) * 0.5 + x)
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Dense"]
    model.compile("sgd", "mse")
    weight = model.get_weights()[0]
    residual = np.maximum(X @ weight, 0) * 0.5
    model.train_on_batch(X, X)
    gradient = X.T @ (2 * residual / X.size * 0.5 * (X @ weight > 0))
    np.testing.assert_allclose(model.get_weights()[0], weight - 0.01 * gradient, atol=1e-6)


def test_unknown_sizes_stay_unknown() -> None:
    x = layers.Input((None, None, 3))
    assert ops.max_pool(x, 2).shape == (None, None, None, 3)
    assert ops.mean(x, axis=(1, 2)).shape == (None, 3)
    assert x[0].shape == (None, None, 3)
    assert x[:1].shape == (1, None, None, 3)
    assert ops.shape(x) == (None, None, None, 3)
    assert ops.convert_to_tensor(x) is x


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda x: x + layers.Input((5,)), r"operation 'add.*shapes \[\(None, 4\), \(None, 5\)\].*broadcast"),
        (lambda x: ops.concatenate([x, ops.expand_dims(x, 1)]), r"'concatenate.*\(None, 1, 4\)"),
        (lambda x: ops.reshape(x, (3,)), r"'reshape.*\(None, 4\)"),
        (lambda x: ops.mean(x, axis=2), "'mean.*axis must be in"),
        (lambda x: ops.mean(x, along=1), "ops.mean cannot be called so"),
        (lambda x: ops.zeros(x), "no symbolic tensors"),
        (lambda x: ops.clip(x, 0, x), "no symbolic tensors"),
        (lambda x: x[:, 9], "'get_item"),
    ],
)
def test_errors_come_when_drawing(use, message) -> None:
    with pytest.raises((errors.ArgumentError, errors.DTypeError), match=message):
        use(layers.Input((4,)))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"name": "a", "function": "system", "arguments": {}}, "unknown operation"),
        ({"name": "a", "function": "mean"}, "must have name"),
        ({"name": "a", "function": "mean", "arguments": {"x": 1, "y": 2}}, "must be its own"),
        ({"name": "a", "function": "mean", "arguments": []}, "must have name"),
        ({"name": "a", "function": "mean", "arguments": {"axis": {"class_name": "Dense", "config": {}}}}, "unknown kind"),
    ],
)
def test_bad_configs(config, message) -> None:
    with pytest.raises(errors.ArgumentError, match=message):
        Operation.from_config(config)
