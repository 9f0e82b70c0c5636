"""Models and layers of one's own: calls with several tensors, layers in nested lists, freezing, training by hand, orders as in Keras."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tinycnn import autograd, errors, layers, losses, models, ops, optimizers
from tinycnn.layers import Layer
from tinycnn.saving.custom import CustomObjectScope

X = np.sin(np.arange(24)).reshape(6, 4).astype(np.float32)
Y = np.cos(np.arange(6)).reshape(6, 1).astype(np.float32)


class TinyCNN:
    """The names that models are written with here; Keras's module has them, too."""

    layers, Input, Model, Sequential, ops = layers, layers.Input, models.Model, models.Sequential, ops


def two_inputs(k: Any) -> Any:
    class Bilinear(k.layers.Layer):
        """(a @ w) * b, then an inner layer that only `call` builds."""

        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.inner = k.layers.Dense(units)

        def build(self, a_shape, b_shape):
            self.w = self.add_weight(shape=(a_shape[-1], b_shape[-1]), initializer="ones", name="w")
            self.built = True

        def call(self, a, b, training=False):
            return self.inner(k.ops.matmul(a, self.w) * b) if not training else k.ops.matmul(a, self.w)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return Bilinear


def block(k: Any) -> Any:
    class Block(k.Model):
        """Layers in nested lists and dicts, and weights of its own."""

        def __init__(self, width=3, **kwargs):
            super().__init__(**kwargs)
            self.width = width
            self.stages = [[k.layers.Dense(width), k.layers.BatchNormalization()], {"z": k.layers.Dense(2), "a": k.layers.Dense(4)}]
            self.head = k.layers.Dense(1)
            self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")

        def call(self, inputs, training=False):
            h = self.stages[0][1](self.stages[0][0](inputs), training=training)
            return self.head(self.stages[1]["a"](self.stages[1]["z"](h))) * self.scale

    return Block


# ---- several tensors
def test_a_layer_of_two_arguments() -> None:
    layer = two_inputs(TinyCNN)(3)
    b = X[:, :2] + 1
    want = layer(X, b).numpy()
    assert layer.w.shape == (4, 2)
    for got in (layer(X, b=b), layer(a=X, b=b), layer(X, b, False), layer(X, b, training=False)):
        np.testing.assert_array_equal(got.numpy(), want)
    assert layer(X, b, True).shape == (6, 2)
    assert layer.output_shape == (None, 3)


def test_it_takes_part_in_functional_models() -> None:
    cls = two_inputs(TinyCNN)
    left, right = layers.Input((4,), name="left"), layers.Input((2,), name="right")
    model = models.Model([left, right], cls(3)(left, b=right))
    assert model.output_shape == (None, 3)
    assert len(model.weights) == 3
    with CustomObjectScope({"Bilinear": cls}):
        copy = models.Model.from_config(json.loads(json.dumps(model.get_config())))
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict([X, X[:, :2]], verbose=0), model.predict([X, X[:, :2]], verbose=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda layer: layer(X), "missing a required argument: 'b'"),
        (lambda layer: layer(X, X, c=X), "unexpected keyword argument 'c'"),
        (lambda layer: layer(), "missing a required argument: 'a'"),
        (lambda layer: layer(X, X, mask=X), "unexpected keyword argument 'mask'"),
    ],
)
def test_wrong_calls(call, message) -> None:
    layer = two_inputs(TinyCNN)(3, name="mine")
    with pytest.raises(errors.ArgumentError, match=f"layer 'mine'.*{message}"):
        call(layer)
    assert not layer.built


def test_masks() -> None:
    """There is nothing that makes one; None is passed as in Keras."""
    seen = []

    class Masked(Layer):
        def call(self, inputs, mask=None):
            seen.append(mask)
            return inputs

    x = layers.Input((4,))
    model = models.Model(x, Masked()(x))
    model(X, mask=None)
    layers.Dense(1)(X, mask=None)
    assert seen
    assert set(seen) == {None}
    for call in (lambda: model(X, mask=np.ones(6, bool)), lambda: model(X, False, np.ones(6, bool))):
        with pytest.raises(errors.ArgumentError, match="mask must be None"):
            call()


def test_structures_go_through_layers() -> None:
    class Swap(Layer):
        def call(self, inputs):
            return {"a": inputs["b"][0], "b": (inputs["a"], inputs["b"][1])}

    x, y = layers.Input((4,)), layers.Input((2,))
    result = Swap()({"a": x, "b": [y, x]})
    assert (result["a"].shape, [t.shape for t in result["b"]]) == ((None, 2), [(None, 4), (None, 4)])
    model = models.Model([x, y], [result["a"], result["b"][0]])
    for got, want in zip(model.predict([X, X[:, :2]], verbose=0), (X[:, :2], X), strict=True):
        np.testing.assert_array_equal(got, want)


# ---- orders and freezing, as in Keras
def facts(model: Any) -> dict[str, Any]:
    def shapes(weights: Any) -> list[tuple[int, ...]]:
        return [tuple(w.shape) for w in weights]

    found = {"layers": [type(layer).__name__ for layer in model.layers], "count": model.count_params()}
    for step in ("free", "inner frozen", "frozen", "only the model thawed"):
        if step == "inner frozen":
            model.layers[0].trainable = model.layers[1].trainable = False
        elif step == "frozen":
            model.trainable = False
        elif step == "only the model thawed":
            model.trainable = True
            model.layers[-1].trainable = False
        found[step] = [shapes(w) for w in (model.weights, model.trainable_weights, model.non_trainable_weights)]
    return found


def test_orders_are_those_of_keras() -> None:
    keras = pytest.importorskip("keras")
    ours, theirs = block(TinyCNN)(), block(keras)()
    ours(X)
    theirs(X)
    assert facts(ours) == facts(theirs)


def test_a_frozen_base_stays_and_its_normalization_infers() -> None:
    base = models.Sequential([layers.Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    base.layers[1].moving_mean.assign(np.full(3, 2.0))
    base.trainable = False
    x = layers.Input((4,))
    model = models.Model(x, layers.Dense(1)(base(x, training=True)))
    assert [len(w) for w in (model.weights, model.trainable_weights, model.non_trainable_weights)] == [8, 2, 6]
    np.testing.assert_array_equal(model(X, training=True).numpy(), model(X).numpy())
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)] == [True] * 6 + [False] * 2


def test_a_part_of_a_model_is_a_model() -> None:
    x = layers.Input((4,))
    h = layers.Dense(3, name="hidden")(x)
    model = models.Model(x, layers.Dense(1, name="out")(layers.ReLU()(h)))
    hidden = models.Model(model.input, model.get_layer("hidden").output)
    rest = models.Model(model.get_layer("hidden").output, model.output)
    np.testing.assert_allclose(rest(hidden(X)).numpy(), model(X).numpy(), rtol=1e-6)
    assert [layer.name for layer in hidden.layers] == [x.layer.name, "hidden"]
    assert [type(layer).__name__ for layer in rest.layers] == ["InputLayer", "ReLU", "Dense"]
    assert rest.weights == [model.get_layer("out").kernel, model.get_layer("out").bias]
    assert json.dumps(rest.get_config())


# ---- training by hand
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_loop_by_hand_is_fit(optimizer) -> None:
    def make() -> models.Model:
        x = layers.Input((4,))
        model = models.Model(x, layers.Dense(1)(layers.Dense(3, activation="relu")(x)))
        model.set_weights([np.sin(np.arange(w.size) + 1).reshape(w.shape) for w in model.get_weights()])
        return model

    fitted, looped = make(), make()
    fitted.compile(optimizer, "mse")
    fitted.fit(X, Y, batch_size=2, epochs=3, shuffle=False, verbose=0)
    loss, steps = losses.MeanSquaredError(), optimizers.get(optimizer)
    for _ in range(3):
        for start in range(0, 6, 2):
            steps.zero_grad()
            loss(Y[start : start + 2], looped(X[start : start + 2], training=True)).backward()
            weights = looped.trainable_weights
            steps.apply([w.grad for w in weights], weights)
    for got, want in zip(looped.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_gradients_go_to_the_inputs_of_a_model() -> None:
    x = autograd.Tensor(X, requires_grad=True)
    model = models.Sequential([layers.Input((4,)), layers.Dense(1, use_bias=False)])
    ops.sum(models.Sequential([layers.Input((4,)), model])(x)).backward()
    np.testing.assert_allclose(x.grad, np.repeat(model.get_weights()[0].T, 6, axis=0), rtol=1e-6)


# ---- drawn by subclasses
class Drawn(models.Model):
    """Made of inputs and outputs, with a method of its own."""

    def double(self, x: Any) -> Any:
        return self(x) * 2


class Inside(models.Model):
    """Draws itself."""

    def __init__(self, units: int) -> None:
        x = layers.Input((4,))
        super().__init__(inputs=x, outputs=layers.Dense(units)(x))
        self.units = units


class Described(Inside):
    def get_config(self) -> dict[str, Any]:
        return {"units": self.units}


def test_a_subclass_may_be_drawn() -> None:
    x = layers.Input((4,))
    for _ in range(2):
        model = Drawn(x, layers.Dense(2)(x), name="drawn")
        assert (type(model), isinstance(model, models.Functional), model.name) == (Drawn, True, "drawn")
        np.testing.assert_allclose(model.double(X).numpy(), 2 * model.predict(X, verbose=0), rtol=1e-6)
    copy = Drawn.from_config(model.get_config())
    assert type(copy) is Drawn
    inside = Inside(3)
    assert inside.output_shape == (None, 3)
    with pytest.raises(errors.ArgumentError, match="override get_config"):
        inside.get_config()
    assert Described.from_config(Described(2).get_config()).output_shape == (None, 2)


def test_summaries_of_subclassed_and_branching_models() -> None:
    texts: list[str] = []
    model = block(TinyCNN)()
    model.summary(print_fn=texts.append)
    model(X)
    model.summary(print_fn=texts.append)
    x, y = layers.Input((4,), name="x"), layers.Input((4,), name="y")
    shared = layers.Dense(4, name="shared")
    models.Model([x, y], shared(x) + shared(y)).summary(print_fn=texts.append)
    assert "0 (unbuilt)" in texts[0]
    assert "(None, 3)" in texts[1]
    assert f"{model.count_params()}" in texts[1]
    for part in ("Connected to", "x[0][0], y[0][0]", "(Add)", "shared[0][0]", "shared[1][0]"):
        assert part in texts[2]


class TwoByName(models.Model):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = layers.Dense(1, kernel_initializer="ones"), layers.Dense(1, kernel_initializer="zeros")

    def call(self, x):
        return {"a": self.a(x), "b": self.b(x)}


def test_targets_by_name_meet_the_outputs_of_that_name() -> None:
    x, zeros, ones = np.ones((8, 2), "f4"), np.zeros((8, 1), "f4"), np.ones((8, 1), "f4")
    want = {"loss": 1.0 + 0.5 * 1.0, "a_loss": 1.0, "b_loss": 1.0}  # (2 - 1) ** 2 and |0 - 1|
    for y in ({"a": ones, "b": ones}, {"b": ones, "a": ones}):
        model = TwoByName()
        model.compile("sgd", loss={"b": "mae", "a": "mse"}, loss_weights={"a": 1.0, "b": 0.5})
        assert model.evaluate(x, y, verbose=0, return_dict=True) == want
    for _ in range(2):  # the names are not known at first
        y = {"b": zeros, "a": 2 * ones}
        assert model.evaluate(x, y, verbose=0) == [0, 0, 0]
        assert model.evaluate(x, y, sample_weight={"b": np.zeros(8), "a": np.ones(8)}, verbose=0) == [0, 0, 0]
        assert model.test_on_batch(x, y) == [0, 0, 0]
        model = TwoByName()
        model.compile("sgd", loss="mse")
    weighted = model.evaluate(x, {"b": ones, "a": ones}, sample_weight={"b": np.zeros(8), "a": np.ones(8)}, verbose=0, return_dict=True)
    assert weighted == {"loss": 1.0, "a_loss": 1.0, "b_loss": 0.0}
    history = model.fit(x, {"b": ones, "a": ones}, epochs=1, verbose=0, validation_split=0.25).history
    assert set(history) == {"loss", "a_loss", "b_loss", "val_loss", "val_a_loss", "val_b_loss"}


def test_targets_of_an_unknown_name_are_refused() -> None:
    x, y = np.ones((8, 2), "f4"), np.ones((8, 1), "f4")
    for _ in range(2):
        model = TwoByName()
        model.compile("sgd", loss="mse")
        with pytest.raises(errors.ArgumentError, match=r"y must be a dict with the keys \['a', 'b'\], got \['a', 'zzz'\]"):
            model.fit(x, {"a": y, "zzz": y}, verbose=0)
        model.evaluate(x, {"a": y, "b": y}, verbose=0)


def test_weights_that_only_a_call_makes_are_named_so() -> None:
    model = TwoByName()
    model.build((None, 2))
    with pytest.raises(errors.NotBuiltError, match="call the model on data first"):
        model.save_weights("unused.weights.h5")
    with pytest.raises(errors.NotBuiltError, match=r"call build\(input_shape\) first"):
        models.Sequential([layers.Dense(2)]).save_weights("unused.weights.h5")
