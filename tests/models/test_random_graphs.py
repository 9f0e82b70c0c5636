"""Graphs drawn at random: what configs, copies, clones and fusion must not change."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinycnn import layers, models, ops
from tinycnn.layers.symbolic import KerasTensor

KINDS = ("conv", "shared conv", "relu", "leaky", "pool", "shared pool", "add", "+", "scale", "slice", "concatenate", "nested", "stack")
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=12)


def draw(steps: list[tuple[str, int, int]], ends: int) -> models.Functional:
    """A model whose every step reads tensors that came before it."""
    made = [layers.Input((7, 6, 2)), layers.Input((7, 6, 2))]
    inputs = list(made)
    conv = layers.Conv2D(2, 3, padding="same", activation="relu")
    pool = layers.MaxPooling2D(2, padding="same")
    stack = models.Sequential([layers.Input((None, None, 2)), layers.Conv2D(2, 2, padding="same"), layers.MaxPooling2D(2, padding="same")])
    inside = layers.Input((None, None, 2))
    nested = models.Model(inside, layers.MaxPooling2D(2, padding="same")(layers.ReLU()(layers.Conv2D(2, 3, padding="same")(inside))))
    apply: dict[str, Any] = {
        "conv": lambda x, y: layers.Conv2D(2, 3, padding="same")(x),
        "shared conv": lambda x, y: conv(x),
        "relu": lambda x, y: layers.ReLU()(x),
        "leaky": lambda x, y: layers.LeakyReLU(0.2)(x),
        "pool": lambda x, y: layers.MaxPooling2D(2, padding="same")(x),
        "shared pool": lambda x, y: pool(x),
        "add": lambda x, y: layers.Add()([x, y]),
        "+": lambda x, y: x + y,
        "scale": lambda x, y: 0.5 * x,
        "slice": lambda x, y: x[:, ::2],
        "concatenate": lambda x, y: ops.concatenate([x, y], axis=1),
        "nested": lambda x, y: nested(x),
        "stack": lambda x, y: stack(x),
    }
    for kind, first, second in steps:
        x = made[first % len(made)]
        alike = [t for t in made if t.shape == x.shape]
        made.append(apply[kind](x, alike[second % len(alike)]))
    return models.Model(inputs, made[-ends:] if ends > 1 else made[-1])


@settings(max_examples=40, deadline=None)
@given(STEPS, st.integers(1, 3))
def test_they_survive(steps: list[tuple[str, int, int]], ends: int) -> None:
    model = draw(steps, ends)
    x = [np.sin(np.arange(2 * 7 * 6 * 2) * (i + 1.5)).reshape(2, 7, 6, 2).astype(np.float32) for i in range(2)]
    want = [y.numpy() for y in _listed(model(x))]
    assert [(None, *y.shape[1:]) for y in want] == [t.shape for t in model.outputs]

    config = json.loads(json.dumps(model.get_config()))
    again, clone, twin = models.Model.from_config(config), models.clone_model(model), copy.deepcopy(model)
    assert json.loads(json.dumps(again.get_config())) == config
    for other in (again, clone, twin):
        assert [layer.name for layer in other.operations] == [layer.name for layer in model.operations]
        if other is not twin:
            other.set_weights(model.get_weights())
        for got, y in zip(_listed(other(x)), want, strict=True):
            np.testing.assert_array_equal(got.numpy(), y)

    model.compile("sgd", "mse")
    for got, y in zip(_listed(model(x)), want, strict=True):
        np.testing.assert_allclose(got.numpy(), y, rtol=0, atol=1e-5 * (1 + np.abs(y).max()))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_steps_are_drawn() -> None:
    """Each kind of step gives a tensor."""
    for kind in KINDS:
        assert isinstance(draw([(kind, 0, 1)], 1).output, KerasTensor)
