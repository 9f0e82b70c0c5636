"""clone_model, pickle and copy: what comes over, what is new, and what cannot be copied."""

from __future__ import annotations

import copy
import json
import pickle
import pickletools
from typing import Any

import numpy as np
import pytest

from tinycnn import errors, initializers, layers, models, ops
from tinycnn.saving.custom import CustomObjectScope

X = np.sin(np.arange(32)).reshape(8, 4).astype(np.float32)
Y = np.cos(np.arange(8)).reshape(8, 1).astype(np.float32)


class Scale(layers.Layer):
    """A layer of the user's, not registered."""

    def __init__(self, start: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(input_shape[-1:], initializers.Constant(self.start))

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor


class Own(models.Model):
    """Subclassed, with two inputs."""

    def __init__(self, units: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.parts = [layers.Dense(units), Scale()]
        self.last = layers.Dense(1)

    def call(self, a: Any, b: Any = None) -> Any:
        return self.last(self.parts[1](self.parts[0](a if b is None else a + b)))


def sequential() -> models.Model:
    return models.Sequential([layers.Input((4,)), layers.Dense(3), Scale(2.0), layers.BatchNormalization(), layers.Dense(1)])


def functional() -> models.Model:
    x = layers.Input((4,))
    shared = layers.Dense(4)
    inner = models.Sequential([layers.Dense(4), Scale()])
    h = ops.concatenate([shared(x), inner(shared(shared(x))) * 0.5], axis=-1)
    return models.Model(x, layers.Dense(1)(layers.BatchNormalization()(h)))


def subclassed() -> models.Model:
    model = Own(3)
    model(X)
    return model


MODELS = [sequential, functional, subclassed]
COPIES = [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]  # our own bytes


def trained(make: Any) -> models.Model:
    model = make()
    model.compile("adam", "mse", metrics=["mae"], steps_per_execution=2)
    model.fit(X, Y, batch_size=4, verbose=0)
    return model


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("duplicate", COPIES)
def test_a_copy_goes_on_like_the_original(make, duplicate) -> None:
    model = trained(make)
    twin = duplicate(model)
    assert (type(twin), twin.name) == (type(model), model.name)
    assert twin.metrics_names == model.metrics_names == ["loss", "mae"]
    assert twin.steps_per_execution == model.steps_per_execution == 2
    assert not {id(w) for w in twin.weights} & {id(w) for w in model.weights}
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))
    assert twin.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    for one in (model, twin):
        one.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    for got, want in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("make", MODELS)
def test_what_was_frozen_stays_frozen(make) -> None:
    model = make()
    model.layers[-1].trainable = False
    twin = copy.deepcopy(model)
    assert [w.trainable for w in twin.weights] == [w.trainable for w in model.weights]
    assert not twin.compiled


def test_layers_and_models_without_weights() -> None:
    layer = Scale(3.0)
    assert not copy.deepcopy(layer).built
    layer(X)
    layer.factor.assign([1, 2, 3, 4])
    twin = pickle.loads(pickle.dumps(layer))
    np.testing.assert_array_equal(twin(X).numpy(), X * np.float32([1, 2, 3, 4]))
    unbuilt = copy.deepcopy(models.Sequential([layers.Dense(2)]))
    assert not unbuilt.built
    two = Own(2)
    two(X, b=X)
    np.testing.assert_array_equal(copy.deepcopy(two)(X, X).numpy(), two(X, X).numpy())


class Forgetful(layers.Layer):
    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def call(self, inputs: Any) -> Any:
        return inputs


def test_what_has_no_config_is_refused() -> None:
    with pytest.raises(errors.ArgumentError, match=r"'size'.*override get_config"):
        copy.deepcopy(models.Sequential([Forgetful(np.arange(3))]))
    with pytest.raises(errors.DTypeError, match="cannot be written into a config"):
        pickle.dumps(models.Sequential([layers.Activation(lambda x: x)]))


def test_pickles_hold_no_code_of_ours() -> None:
    """Nothing but how to begin, the classes, and NumPy's arrays."""
    texts = [arg for opcode, arg, _ in pickletools.genops(pickle.dumps(trained(sequential))) if opcode.name.endswith("UNICODE")]
    modules = {text for text in texts if isinstance(text, str) and text.startswith("tinycnn.")}
    assert modules == {"tinycnn.layers.copying", "tinycnn.models.sequential"}


# ---- clone_model
@pytest.mark.parametrize("make", MODELS)
def test_a_clone_has_new_weights(make) -> None:
    model = trained(make)
    with CustomObjectScope({"Scale": Scale}):
        clone = models.clone_model(model)
    assert clone.compiled
    if make is subclassed:
        clone(X)
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    assert not {id(w) for w in clone.weights} & {id(w) for w in model.weights}
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict(X, verbose=0), model.predict(X, verbose=0))


def test_clones_by_functions_of_ones_own() -> None:
    x = layers.Input((4,), name="x")
    model = models.Model(x, layers.Dense(1, name="b")(layers.Dense(3, name="a")(x)))
    same = models.clone_model(model, clone_function=lambda layer: layer)
    assert [id(w) for w in same.weights] == [id(w) for w in model.weights]

    def with_dropout(layer: Any, *args: Any, **kwargs: Any) -> Any:
        y = layer(*args, **kwargs)
        return layers.Dropout(0.5)(y) if layer.name == "a" else y

    more = models.clone_model(model, call_function=with_dropout)
    assert [type(layer).__name__ for layer in more.layers] == ["InputLayer", "Dense", "Dropout", "Dense"]
    other = layers.Input((4,), name="other")
    assert models.clone_model(model, input_tensors=other).inputs == [other]
    stack = models.Sequential([layers.Input((4,)), layers.Dense(2)])
    assert models.clone_model(stack, input_tensors=other).inputs == [other]


def test_recursive_clones() -> None:
    inner = models.Sequential([layers.Input((4,)), layers.Dense(4, name="deep")])
    x = layers.Input((4,))
    model = models.Model(x, inner(inner(x)))
    seen: list[str] = []

    def note(layer: Any) -> Any:
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    assert len(models.clone_model(model, clone_function=note, recursive=True).weights) == 2
    assert seen == ["deep"]
    models.clone_model(model, clone_function=note)
    assert seen == ["deep", inner.name]


def test_arguments_that_do_not_fit() -> None:
    x = layers.Input((4,))
    with pytest.raises(errors.ArgumentError, match="call_function"):
        models.clone_model(sequential(), call_function=lambda layer, *a, **k: layer(*a, **k))
    with pytest.raises(errors.ArgumentError, match="input_tensors"):
        models.clone_model(functional(), input_tensors=[x, x])
    with pytest.raises(errors.ArgumentError, match="from its config"):
        models.clone_model(subclassed(), clone_function=lambda layer: layer)


def test_a_layer_in_a_model_and_in_a_part_of_it_stays_one() -> None:
    inputs, shared = layers.Input((3,)), layers.Dense(3)
    part = models.Model(inputs, shared(inputs))
    model = models.Model(inputs, part(part.output))
    x = np.ones((2, 3), "f4")
    text = model.to_json()
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), models.model_from_json(text), models.model_from_json(text)]
    for one in copies[:2]:
        np.testing.assert_array_equal(one.predict(x, verbose=0), model.predict(x, verbose=0))
    weights = [id(weight) for one in (model, *copies) for weight in one.weights]
    assert len(weights) == len(set(weights)) == 2 * 5


class Copying(layers.Layer):
    """Its config copies the layer inside."""

    def __init__(self, inner: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = layers.Dense(2) if inner is None else inner

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "inner": layers.serialize(copy.deepcopy(self.inner))}


def test_a_config_may_be_made_while_another_is_written() -> None:
    model = models.Sequential([layers.Input((3,)), Copying(), layers.Dense(1)])
    assert json.loads(model.to_json())["config"]["layers"][1]["config"]["inner"]["class_name"] == "Dense"
