"""What a layer finds of weights below it, after every kind of change: a walk from scratch is the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinycnn import Variable, layers, models
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers import Dense, Layer


class Box(Layer):
    """Holds layers in every way that there is."""

    def __init__(self) -> None:
        super().__init__()
        self.one = dense()
        self.some: list[Any] = [dense(), [dense()]]
        self.named: dict[str, Any] = {"a": dense(), "b": (dense(), [dense()])}

    def call(self, inputs):
        return inputs


def dense(regularizer: str | None = None) -> Dense:
    layer = Dense(1, kernel_regularizer=regularizer)
    layer.build((None, 1))
    return layer


def check(layer: Layer) -> None:
    """Compare what is found quickly with what a walk finds."""
    every = {id(v): v for inner in layer.walk() for v in inner.own_weights}
    assert [id(v) for v in layer.weights] == list(every)
    trained = [key for key, v in every.items() if v.trainable] if layer.trainable else []
    assert [id(v) for v in layer.trainable_variables] == trained
    assert [id(v) for v in layer.non_trainable_variables] == [key for key in every if key not in trained]
    regularized = [v for inner in layer.walk() for v, _ in inner._regularized if v.trainable]
    assert [id(v) for v, _ in layer.regularized] == [id(v) for v in regularized]


CHANGES = {
    "an attribute": lambda box: setattr(box, "one", dense("l2")),
    "a new attribute": lambda box: setattr(box, "other", dense()),
    "no layer any more": lambda box: setattr(box, "one", 1),
    "an attribute less": lambda box: delattr(box, "some") if hasattr(box, "some") else None,
    "a list": lambda box: setattr(box, "some", [dense()]),
    "one more in a list": lambda box: getattr(box, "some", []).append(dense("l1")),
    "another in a list": lambda box: getattr(box, "some", [0]).__setitem__(0, dense()),
    "a list the other way round": lambda box: getattr(box, "some", []).reverse(),
    "one more in an inner list": lambda box: box.named["b"][1].append(dense()),
    "another in a dict": lambda box: box.named.update(a=dense("l2")),
    "a dict in another order": lambda box: box.named.update(a=box.named.pop("a")),
    "in a layer below": lambda box: setattr(box.named["a"], "inner", dense()),
    "a weight": lambda box: box.add_weight((1,), regularizer="l2"),
    "a weight below": lambda box: box.named["a"].add_weight((1,), trainable=False, regularizer="l2"),
    "a variable": lambda box: setattr(box, "variable", Variable([1.0])),
    "a frozen layer": lambda box: setattr(box.named["a"], "trainable", False),
    "a thawed layer": lambda box: setattr(box, "trainable", True),
    "a frozen variable": lambda box: setattr(box.named["a"].kernel, "trainable", False),
    "all frozen": lambda box: setattr(box, "trainable", False),
    "the layer in itself": lambda box: box.named.update(c=box),
}


@given(st.lists(st.sampled_from(sorted(CHANGES)), max_size=6))
@settings(deadline=None, max_examples=60)
def test_every_change_is_seen_at_once(names) -> None:
    box, around = Box(), Box()
    around.inner = box
    check(box)
    check(around)
    for name in names:
        CHANGES[name](box)
        check(box)
        check(around)


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_each_change_is_seen(name) -> None:
    box = Box()
    before = [(id(v), v.trainable) for v in box.weights], [id(v) for v, _ in box.regularized], box.trainable
    CHANGES[name](box)
    check(box)
    after = [(id(v), v.trainable) for v in box.weights], [id(v) for v, _ in box.regularized], box.trainable
    assert (before != after) == (name not in ("a thawed layer", "the layer in itself"))


def test_what_was_found_can_be_changed_without_harm() -> None:
    box = Box()
    box.weights.clear()
    box.regularized.append(None)
    check(box)
    assert len(box.weights) == 12


def test_layers_of_a_sequential_come_and_go() -> None:
    model = models.Sequential([layers.Input((2,)), dense_of(3)])
    assert len(model.weights) == 2
    model.add(dense_of(4))
    assert len(model.weights) == 4
    model.pop()
    model.add(layers.BatchNormalization())
    assert [len(model.trainable_weights), len(model.non_trainable_weights)] == [4, 2]


def dense_of(units: int) -> Dense:
    return Dense(units, kernel_regularizer="l2")


def test_weights_that_an_error_takes_back_are_not_found() -> None:
    class Half(Layer):
        def build(self, input_shape):
            self.add_weight((1,), regularizer="l2")
            assert len(self.weights) == len(self.regularized) == 1
            raise ShapeError("no")

        def call(self, inputs):
            return inputs

    layer = Half()
    assert not layer.weights
    with pytest.raises(ShapeError):
        layer.build((None, 2))
    check(layer)
    assert not layer.weights


def test_a_wrong_fit_unbuilds_what_it_built() -> None:
    model = models.Sequential([dense_of(3), dense_of(2)])
    model.compile("sgd", "mse")
    assert not model.weights
    with pytest.raises((ShapeError, ArgumentError)):
        model.fit(np.zeros((4, 3)), np.zeros((4, 5)), verbose=0)
    assert not model.weights
    assert not model.regularized
    model.fit(np.zeros((4, 3)), np.zeros((4, 2)), verbose=0)
    assert len(model.weights) == 4
    assert len(model.regularized) == 2
    check(model)


@pytest.mark.parametrize("change", ["layer", "variable", "new layer", "regularizer"])
def test_between_two_steps(change) -> None:
    """A step changes just the weights that are to be changed by then, and minds the regularizers there are."""

    def trained(model: Any) -> list[bool]:
        before = [v.numpy().copy() for v in model.weights]
        model.train_on_batch(np.ones((2, 3), "f4"), np.full((2, 2), 7, "f4"))
        return [not np.array_equal(v.numpy(), old) for v, old in zip(model.weights, before, strict=True)]

    model = models.Sequential([layers.Input((3,)), Dense(2), Dense(2)])
    model.compile("sgd", "mse")
    assert trained(model) == [True] * 4
    if change == "layer":
        model.layers[0].trainable = False
        assert trained(model) == [False, False, True, True]
        model.layers[0].trainable = True
        assert trained(model) == [True] * 4
    elif change == "variable":
        model.layers[1].kernel.trainable = False
        assert trained(model) == [True, True, False, True]
    elif change == "new layer":
        model.add(Dense(2))
        assert trained(model) == [True] * 6
    else:
        x, y = np.zeros((2, 3), "f4"), model.predict_on_batch(np.zeros((2, 3), "f4"))
        assert model.test_on_batch(x, y) == pytest.approx(0, abs=1e-9)
        added = model.layers[0].add_weight((1,), "ones", regularizer="l2")
        assert model.test_on_batch(x, y) == pytest.approx(0.01, rel=1e-5)
        added.trainable = False
        assert model.test_on_batch(x, y) == pytest.approx(0, abs=1e-9)
