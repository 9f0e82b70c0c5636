"""Configs of functional models: Keras's own form, node by node; and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tinycnn import errors, layers, models


def build(k: Any) -> Any:
    """Shared layers called several times and out of order, nested models, dicts, a fixed training mode; for tinycnn or Keras."""
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = k.layers.Dense(4, name="shared")
    k.layers.Dense(1, name="outside")(shared(a))  # a call that the model does not have
    x = k.layers.Add(name="sum")([shared(a), shared(b)])
    inner_input = k.Input((4,), name="inner_in")
    h = k.layers.Dense(4, name="inner_dense")(inner_input)
    inner = k.Model(inner_input, [h, k.layers.ReLU(name="inner_relu")(h)], name="inner")
    stack = k.Sequential([k.Input((4,), name="stack_in"), k.layers.Dense(4, name="stack_dense")], name="stack")
    one, two = inner(stack(x))
    three, _ = inner(stack(one))
    dropped = k.layers.Dropout(0.5, name="drop")(two, training=True)
    joined = k.layers.Concatenate(name="joined", axis=1)([three, dropped, shared(one)])
    return k.Model({"b": b, "a": a}, [k.layers.Dense(2, name="out")(joined), three, one], name="whole")


class TinyCNN:
    """The names that `build` needs."""

    layers, Input, Model, Sequential = layers, layers.Input, models.Model, models.Sequential


@pytest.fixture
def model() -> models.Functional:
    return build(TinyCNN)


def plain(config: Any) -> Any:
    """As a file would give it back."""
    return json.loads(json.dumps(config))


def form(config: dict[str, Any]) -> dict[str, Any]:
    """A functional model's config without what the layers say of themselves."""
    kept = []
    for layer in config["layers"]:
        entry = {key: layer[key] for key in ("class_name", "name", "inbound_nodes")}
        inner = layer["config"]
        kept.append({**entry, "inside": form(inner)} if "input_layers" in inner else entry)
    return {**{key: config[key] for key in ("name", "trainable", "input_layers", "output_layers")}, "layers": kept}


def test_the_form_is_that_of_keras(model) -> None:
    keras = pytest.importorskip("keras")
    assert form(plain(model.get_config())) == form(plain(build(keras).get_config()))


def test_a_copy_computes_the_same(model) -> None:
    config = plain(model.get_config())
    copy = models.Model.from_config(config)
    assert plain(copy.get_config()) == config
    assert [w.path for w in copy.weights] == [w.path for w in model.weights]
    copy.set_weights(model.get_weights())
    x = {name: np.sin(np.arange(12.0) + i).reshape(3, 4) for i, name in enumerate("ab")}
    for got, want in zip(copy.predict(x, verbose=0)[1:], model.predict(x, verbose=0)[1:], strict=True):
        np.testing.assert_array_equal(got, want)


def test_layers_names_and_weight_order_are_those_of_keras(model) -> None:
    keras = pytest.importorskip("keras")
    theirs = build(keras)
    assert [layer.name for layer in model.layers] == [layer.name for layer in theirs.layers]
    assert [w.path for w in model.weights] == [w.path.split("/", w.path.count("/") - 1)[-1] for w in theirs.weights]


# ---- what is refused
def chain() -> dict[str, Any]:
    x = layers.Input((4,), name="x")
    h = layers.Dense(4, name="first")(x)
    return plain(models.Model(x, layers.Dense(4, name="second")(h), name="chain").get_config())


def source(config: dict[str, Any], layer: int) -> list[Any]:
    """The history that the only call of a layer reads."""
    return config["layers"][layer]["inbound_nodes"][0]["args"][0]["config"]["keras_history"]


def circle(config: dict[str, Any]) -> None:
    source(config, 1)[:] = ["second", 0, 0]


def setter(layer: int, *history: Any) -> Any:
    def change(config: dict[str, Any]) -> None:
        source(config, layer)[:] = history

    return change


def nested(depth: int) -> dict[str, Any]:
    config = chain()
    for _ in range(depth):
        outer = chain()
        outer["layers"][1] |= {"class_name": "Functional", "config": {**config, "name": "first"}}
        config = outer
    return config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (circle, r"\['first', 'second'\].*circle"),
        (setter(2, "second", 0, 0), r"\['second'\].*circle"),
        (setter(2, "third", 0, 0), "'second' reads layer 'third', which is not in the config"),
        (setter(2, "first", 1, 0), "'second' reads call 1 of layer 'first'"),
        (setter(2, "first", 0, 1), "'first' has 1 results"),
        (setter(2, "first", -1, 0), "must be named by"),
        (setter(2, "first", 0), "must be named by"),
        (setter(2, ["first"], 0, 0), "must be named by"),
        (lambda c: c.pop("layers"), "must have layers"),
        (lambda c: c.update(layers={}), "must have layers"),
        (lambda c: c.update(more=1), r"unknown \['more'\]"),
        (lambda c: c["layers"].append(c["layers"][1]), "two layers in the config are named 'first'"),
        (lambda c: c["layers"][1].update(surprise=1), "must be a dict of"),
        (lambda c: c["layers"][1].update(name="other"), "another name inside"),
        (lambda c: c["layers"][1].update(class_name="os.system"), "unknown layer"),
        (lambda c: c["layers"][1]["config"].update(surprise=1), "surprise"),
        (lambda c: c["layers"][1].update(inbound_nodes=[{"args": [1.0], "kwargs": {}}]), "reads no tensor"),
        (lambda c: c["layers"][1].update(inbound_nodes=[{"args": 1, "kwargs": {}}]), "list of args"),
        (lambda c: c["layers"][1].update(inbound_nodes=[[3]]), "list of"),
        (lambda c: c["layers"][1]["inbound_nodes"][0]["kwargs"].update(self=1), "cannot be called so"),
        (lambda c: c["layers"][1]["inbound_nodes"][0]["args"].append({"class_name": "Dense", "config": {}}), "unknown kind 'Dense'"),
        (lambda c: c["layers"][0].update(inbound_nodes=c["layers"][1]["inbound_nodes"]), "'x' cannot be called"),
        (lambda c: c.update(output_layers=["second", 1, 0]), "end of the model is call 1"),
        (lambda c: c.update(output_layers=["third", 0, 0]), "'third'"),
        (lambda c: c.update(output_layers=[]), "must"),
        (lambda c: c.update(output_layers=3), "must be named by"),
        (lambda c: c.update(input_layers=["x", 0, 1]), "'x' has 1 results"),
    ],
)
def test_what_is_no_graph_is_refused(change, message) -> None:
    config = chain()
    change(config)
    with pytest.raises(errors.ArgumentError, match=message):
        models.Model.from_config(config)


def test_depth_is_bounded() -> None:
    assert len(models.Model.from_config(nested(5)).weights) == 14
    with pytest.raises(errors.ArgumentError, match="200 levels"):
        models.Model.from_config(nested(80))


def test_layers_may_stand_in_any_order() -> None:
    config = chain()
    config["layers"].reverse()
    assert [layer.name for layer in models.Model.from_config(config).layers] == ["x", "first", "second"]


def test_the_form_of_keras_2() -> None:
    config = nested(1)
    config["layers"][1]["inbound_nodes"] = [[["x", 0, 0, {}]]]
    config["layers"][2]["inbound_nodes"] = [[["first", 1, 0, {"training": False}]]]
    config |= {"input_layers": [["x", 0, 0]], "output_layers": [["second", 0, 0]]}
    assert models.Model.from_config(config)(np.ones((2, 4)))[0].shape == (2, 4)
