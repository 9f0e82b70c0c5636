"""What summary() prints."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from tinycnn.errors import TinyCNNError
from tinycnn.layers import Add, BatchNormalization, Conv2D, Dense, Flatten, Input
from tinycnn.models import Model, Sequential


def text(model: Model, **arguments) -> str:
    parts: list[str] = []
    model.summary(print_fn=parts.append, **arguments)
    return "".join(parts)


def cells(summary: str) -> list[list[str]]:
    """The table's rows below its head."""
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in summary.splitlines() if line.startswith("│")]


def test_a_sequential(capsys: pytest.CaptureFixture[str]) -> None:
    model = Sequential(
        [Input((8, 8, 1)), Conv2D(4, 3, name="c"), BatchNormalization(name="b"), Flatten(name="f"), Dense(2, name="d")], name="net"
    )
    summary = text(model)
    assert summary.startswith('Model: "net"\n┏━')
    assert cells(summary) == [
        ["c (Conv2D)", "(None, 6, 6, 4)", "40"],
        ["b (BatchNormalization)", "(None, 6, 6, 4)", "16"],
        ["f (Flatten)", "(None, 144)", "0"],
        ["d (Dense)", "(None, 2)", "290"],
    ]
    assert " Total params: 346 (1.35 KB)\n Trainable params: 338 (1.32 KB)\n Non-trainable params: 8 (32.00 B)\n" in summary
    assert max(map(len, summary.splitlines())) == 80
    assert max(map(len, text(model, line_length=60).splitlines())) == 60
    model.summary()
    assert capsys.readouterr().out == summary


def test_the_optimizer_counts_after_a_step() -> None:
    model = Sequential([Input((4,)), Dense(1)])
    model.compile("adam", "mse")
    assert "Optimizer" not in text(model)
    model.train_on_batch(np.ones((2, 4)), np.ones(2))
    assert " Total params: 17 " in text(model)
    assert " Optimizer params: 12 " in text(model)


def test_an_unbuilt_model() -> None:
    assert cells(text(Sequential([Dense(2, name="d")]))) == [["d (Dense)", "?", "0 (unbuilt)"]]


def test_a_graph_shows_what_is_connected_and_nested() -> None:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    inner = Sequential([Input((4,)), Dense(3, name="i")], name="inner")
    model = Model([a, b], Add(name="sum")([inner(a), Dense(3, name="d")(b)]))
    model.get_layer("d").trainable = False
    rows = cells(text(model, show_trainable=True))
    assert ["sum (Add)", "(None, 3)", "0", "inner[0][0],", "Y"] in rows
    assert ["d (Dense)", "(None, 3)", "15", "b[0][0]", "N"] in rows
    assert "i (Dense)" in text(model, expand_nested=True)
    assert "i (Dense)" not in text(model)


def names(summary: str) -> list[str]:
    return [row[0].partition(" ")[0] for row in cells(summary)]


@pytest.mark.parametrize(
    ("layer_range", "expected"),
    [
        (None, ["c1", "b", "c2", "f", "d"]),
        (("b", "f"), ["b", "c2", "f"]),
        (["f", "b"], ["b", "c2", "f"]),
        (("c", "c"), ["c1", "b", "c2"]),  # the first that begins so, to the last
        (("c.$", "d"), ["c1", "b", "c2", "f", "d"]),
    ],
)
def test_a_range_of_layers(layer_range: object, expected: list[str]) -> None:
    layers = [Conv2D(2, 3, name="c1"), BatchNormalization(name="b"), Conv2D(2, 3, name="c2"), Flatten(name="f"), Dense(2, name="d")]
    model = Sequential([Input((8, 8, 1)), *layers], name="net")
    keras = pytest.importorskip("keras")
    summary = text(model, layer_range=layer_range)
    assert names(summary) == expected
    assert " Total params: 132 " in summary
    other = keras.Sequential(
        [keras.Input((8, 8, 1)), *(getattr(keras.layers, type(x).__name__).from_config(x.get_config()) for x in layers)]
    )
    parts: list[str] = []
    other.summary(print_fn=parts.append, layer_range=layer_range, line_length=80)
    assert names("".join(parts)) == expected


@pytest.mark.parametrize("layer_range", ["ab", ("c",), ("d", "none"), ("d", 1), ("d", "("), 3])
def test_a_range_that_is_none(layer_range: object) -> None:
    with pytest.raises(TinyCNNError, match="layer_range"):
        text(Sequential([Input((4,)), Dense(2, name="d")]), layer_range=layer_range)


@pytest.mark.parametrize("positions", [[0.5, 0.8, 1.0], [40, 64, 80]])
def test_positions_of_the_columns(positions: list[float]) -> None:
    model = Sequential([Input((4,)), Dense(2, name="d")])
    border = text(model, positions=positions).splitlines()[1]
    assert [place for place, sign in enumerate(border) if sign in "┳┓"] == pytest.approx([40, 64, 79], abs=2)
    trainable = text(model, positions=positions, show_trainable=True).splitlines()[1]
    assert [place for place, sign in enumerate(trainable) if sign in "┳┓"] == pytest.approx([36, 57, 71, 79], abs=2)


@pytest.mark.parametrize("positions", [[0.5, 1.0], [0.8, 0.5, 1.0], ["a", "b", "c"], 0.5, [0.0, 0.5, 1.0], [0.1, 0.2, float("nan")]])
def test_positions_that_are_none(positions: object) -> None:
    with pytest.raises(TinyCNNError, match="positions"):
        text(Sequential([Input((4,)), Dense(2)]), positions=positions)


def test_the_arguments_come_in_keras_order() -> None:
    keras = pytest.importorskip("keras")
    assert list(inspect.signature(Model.summary).parameters) == list(inspect.signature(keras.Model.summary).parameters)
