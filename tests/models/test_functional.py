"""Functional models: several inputs and outputs, shared layers, nesting, order."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import KerasTensor, errors
from tinycnn.layers import Add, Concatenate, Dense, Dropout, Flatten, Input
from tinycnn.models import Functional, Model, Sequential

A = np.sin(np.arange(80)).reshape(20, 4).astype(np.float32)
B = np.ascontiguousarray(A[::-1])
LABELS = np.arange(20) % 3
TARGETS = np.sin(LABELS).reshape(-1, 1)


def two_headed() -> Model:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    total = Add()([Dense(2, name="d1")(a), Dense(2, name="d2")(b)])
    model = Model([a, b], [Dense(3, activation="softmax", name="cls")(total), Dense(1, name="reg")(total)])
    model.set_weights([np.cos(np.arange(w.size)).reshape(w.shape) for w in model.get_weights()])
    return model


def test_several_inputs_and_outputs_train_as_in_keras() -> None:
    """The numbers are those of Keras 3.15.1, JAX backend. (TensorFlow forgets that the last batch is small.)"""
    model = two_headed()
    model.compile(
        "sgd",
        loss={"cls": "sparse_categorical_crossentropy", "reg": "mse"},
        loss_weights={"cls": 1.0, "reg": 0.5},
        metrics={"cls": ["accuracy"], "reg": ["mae"]},
    )
    history = model.fit({"a": A, "b": B}, {"cls": LABELS, "reg": TARGETS}, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    expected = {
        "cls_accuracy": [0.3499999940395355, 0.3499999940395355],
        "cls_loss": [1.5163962841033936, 1.4557245969772339],
        "loss": [6.6022233963012695, 4.453375339508057],
        "reg_loss": [10.171653747558594, 5.995301246643066],
        "reg_mae": [2.701768159866333, 2.0492336750030518],
    }
    assert set(history) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)
    result = model.evaluate([A, B], [LABELS, TARGETS], verbose=0)
    np.testing.assert_allclose(result, [3.5529885, 1.4165878, 4.2728009, 0.35, 1.7136018], rtol=1e-5)
    assert model.metrics_names == ["loss", "cls_loss", "reg_loss", "cls_accuracy", "reg_mae"]


def test_layers_and_weights_are_in_keras_order() -> None:
    model = two_headed()
    assert [layer.name for layer in model.layers[:4]] == ["a", "b", "d1", "d2"]
    assert [layer.name for layer in model.layers[5:]] == ["cls", "reg"]
    assert [w.path for w in model.weights] == [f"{layer}/{kind}" for layer in ("d1", "d2", "cls", "reg") for kind in ("kernel", "bias")]


def test_inputs_come_in_lists_or_dicts() -> None:
    model = two_headed()
    expected = model.predict([A, B], batch_size=7, verbose=0)
    assert [y.shape for y in expected] == [(20, 3), (20, 1)]
    for got, wanted in zip(model.predict({"b": B, "a": A}, verbose=0), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
    for got, wanted in zip(model({"b": B, "a": A}), expected, strict=True):
        np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (A, "2 inputs"),
        ([A], "2 inputs"),
        ([A, B[:, :3]], r"input 'b' of shape \(None, 4\)"),
        ([A, B[:5]], "number of samples"),
        ({"a": A}, "keys"),
        ({"a": A, "b": B, "c": A}, "keys"),
    ],
)
def test_wrong_inputs(x, message) -> None:
    with pytest.raises(errors.ArgumentError, match=message):
        two_headed().predict(x, verbose=0)


def test_wrong_targets_and_losses() -> None:
    model = two_headed()
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"])
    for y, message in ((LABELS, "2 arrays"), ([LABELS, TARGETS[:3]], "number of samples"), ({"cls": LABELS}, "keys")):
        with pytest.raises(errors.ArgumentError, match=message):
            model.fit([A, B], y, verbose=0)
    for compiling in (
        {"loss": ["mse"]},
        {"loss": {"other": "mse"}},
        {"loss": "mse", "metrics": "mae"},
        {"loss": "mse", "loss_weights": [1]},
    ):
        model.compile("sgd", **compiling)
        with pytest.raises(errors.ArgumentError, match=r"outputs?"):
            model.fit([A, B], [np.zeros((20, 3)), TARGETS], verbose=0)
    model.compile("sgd", {"reg": "mse"})
    assert list(model.fit([A, B], [LABELS, TARGETS], verbose=0).history) == ["loss", "reg_loss"]


def test_outputs_as_a_dict() -> None:
    x = Input((4,))
    model = Model(x, {"double": Dense(2)(x), "single": Dense(1)(x)})
    assert {name: y.shape for name, y in model.predict(A, verbose=0).items()} == {"double": (20, 2), "single": (20, 1)}
    model.compile("sgd", {"double": "mse", "single": "mae"})
    assert "single_loss" in model.fit(A, {"double": A[:, :2], "single": TARGETS}, verbose=0).history
    outer = Model(z := Input((4,)), model(z)["single"])
    np.testing.assert_array_equal(outer.predict(A, verbose=0), model.predict(A, verbose=0)["single"])


def test_a_shared_layer_gets_both_gradients() -> None:
    a, b = Input((4,)), Input((4,))
    shared = Dense(1, use_bias=False)
    model = Model([a, b], Add()([shared(a), shared(b)]))
    assert len(model.weights) == 1
    model.compile("sgd", "mse")
    before = model.get_weights()[0]
    error = (A + B) @ before - TARGETS
    model.train_on_batch([A, B], TARGETS)
    expected = before - 0.01 * 2 * (A + B).T @ error / len(A)
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-4, atol=1e-6)


def test_models_are_layers() -> None:
    x = Input((4,))
    inner = Model(x, [Dense(3)(x), Dense(2)(x)], name="inner")
    z = Input((4,))
    three, two = inner(z)
    outer = Model(z, Concatenate()([two, three]))
    assert outer.output_shape == (None, 5)
    np.testing.assert_allclose(outer(A).numpy(), np.hstack([y.numpy() for y in inner(A)][::-1]), rtol=1e-6)
    assert [layer.name for layer in outer.layers if isinstance(layer, Functional)] == ["inner"]
    assert len(outer.weights) == 4
    stacked = Sequential([outer, Dense(1)])
    stacked.compile("adam", "mse")
    before = inner.get_weights()[0]
    stacked.fit(A, TARGETS, verbose=0)
    assert (inner.get_weights()[0] != before).any()


def test_one_dropout_called_twice_draws_two_masks() -> None:
    x = Input((50,))
    dropout = Dropout(0.5)
    model = Model(x, [dropout(x), dropout(x)])
    first, second = model(np.ones((4, 50)), training=True)
    assert (first.numpy() != second.numpy()).any()
    always = Model(x, Dropout(0.5)(x, training=True))
    assert (always.predict(np.ones((4, 50)), verbose=0) == 0).any()


def test_what_is_not_a_graph_is_refused() -> None:
    a, b = Input((4,), name="left"), Input((4,))
    y = Add()([a, b])
    with pytest.raises(errors.ArgumentError, match="left"):
        Model(b, y)
    with pytest.raises(errors.DTypeError, match="symbolic"):
        Model(a, np.zeros(3))
    with pytest.raises(errors.ArgumentError, match="unique"):
        Model(a, Dense(1, name="x")(Dense(1, name="x")(a)))
    with pytest.raises(errors.ArgumentError, match="empty"):
        Model([], y)


def test_a_deep_graph_does_not_recurse() -> None:
    x = y = Input((2, 1))
    for _ in range(2000):
        y = Flatten()(y) if y.ndim == 3 else Dropout(0.0)(y)
    model = Model(x, y)
    assert len(model.layers) == 2001
    assert model(np.ones((1, 2, 1))).shape == (1, 2)


def test_a_tensor_that_nothing_made_can_be_an_input() -> None:
    x = KerasTensor((None, 4))
    model = Model(x, Dense(2)(x))
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Dense"]
    assert model(A).shape == (20, 2)


def test_unused_inputs_and_inputs_in_the_middle() -> None:
    a, b = Input((4,)), Input((3,))
    h = Dense(2)(a)
    y = Dense(1)(h)
    assert Model([a, b], y).predict([A, A[:, :3]], verbose=0).shape == (20, 1)
    assert Model(h, y).predict(A[:, :2], verbose=0).shape == (20, 1)
