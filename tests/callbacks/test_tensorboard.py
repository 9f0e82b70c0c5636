"""What TensorBoard would read."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinycnn import errors
from tinycnn.callbacks import TensorBoard
from tinycnn.layers import Add, Conv2D, Dense, Flatten, Input
from tinycnn.models import Model, Sequential

pytest.importorskip("tensorboardX")

X = np.sin(np.arange(60.0)).reshape(20, 3)
Y = X[:, :1]


def regression() -> Sequential:
    model = Sequential([Input((3,)), Dense(2, name="first"), Dense(1, name="second")])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def events(folder: Path) -> tuple[dict[str, list[tuple[int, Any]]], list[Any]]:
    """Tag -> [(step, value)] of all event files in a folder, and the nodes of the graph."""
    from tensorboardX.event_file_writer import EventFileWriter  # noqa: F401  (registers the messages)
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.graph_pb2 import GraphDef

    found: dict[str, list[tuple[int, Any]]] = defaultdict(list)
    nodes: list[Any] = []
    for file in sorted(folder.glob("events.*")):
        data = file.read_bytes()
        while data:  # a record: length (8), its checksum (4), the message, its checksum (4)
            size = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + size])
            data = data[16 + size :]
            if event.graph_def:
                nodes += GraphDef.FromString(event.graph_def).node
            for value in event.summary.value:
                found[value.tag].append((event.step, value.simple_value))
    return found, nodes


def test_scalars_of_epochs_as_in_the_history(tmp_path: Path) -> None:
    history = regression().fit(X, Y, epochs=3, verbose=0, validation_split=0.2, callbacks=[TensorBoard(tmp_path)]).history
    train, _ = events(tmp_path / "train")
    validation, _ = events(tmp_path / "validation")
    for got, prefix in ((train, ""), (validation, "val_")):
        for name in ("loss", "mae"):
            steps, values = zip(*got[f"epoch_{name}"], strict=True)
            assert steps == (0, 1, 2)
            assert values == pytest.approx(history[prefix + name])
    assert [value for _, value in train["epoch_learning_rate"]] == pytest.approx([0.01] * 3)
    assert [step for step, _ in validation["evaluation_loss_vs_iterations"]] == [1, 2, 3]
    assert not any(tag.startswith("batch_") for tag in train)


@pytest.mark.parametrize(("frequency", "steps"), [("batch", [1, 2, 3, 4, 5, 6]), (2, [2, 4, 6]), (4, [4])])
def test_scalars_of_batches(tmp_path: Path, frequency: str | int, steps: list[int]) -> None:
    board = TensorBoard(tmp_path, update_freq=frequency, write_steps_per_second=True, write_graph=False)
    regression().fit(X, Y, batch_size=7, epochs=2, verbose=0, callbacks=[board])
    train, _ = events(tmp_path / "train")
    for tag in ("batch_loss", "batch_mae", "batch_steps_per_second"):
        assert [step for step, _ in train[tag]] == steps
    assert len(train["epoch_steps_per_second"]) == 2


def test_histograms_and_pictures(tmp_path: Path) -> None:
    model = Sequential([Input((5, 5, 2)), Conv2D(4, 3, name="conv"), Flatten(), Dense(2, name="dense")])
    model.compile("sgd", "mse")
    board = TensorBoard(tmp_path, histogram_freq=2, write_images=True)
    model.fit(np.zeros((4, 5, 5, 2)), np.zeros((4, 2)), epochs=3, verbose=0, callbacks=[board])
    train, _ = events(tmp_path / "train")
    assert [step for step, _ in train["conv/kernel/histogram"]] == [0, 2]
    assert {tag for tag in train if tag.endswith("histogram")} == {f"{w.path}/histogram" for w in model.weights}
    assert {tag.split("/image")[0] for tag in train if "/image" in tag} == {"conv/bias", "dense/kernel", "dense/bias"}


def test_the_graph(tmp_path: Path) -> None:
    model = regression()
    model.fit(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path / "stack")])
    tags, nodes = events(tmp_path / "stack" / "train")
    assert {node.name: list(node.input) for node in nodes}["second"] == ["first"]
    assert [node.op for node in nodes][-2:] == ["Dense", "Dense"]
    assert any(tag.startswith("model") for tag in tags)
    a, b = Input((3,), name="a"), Input((3,), name="b")
    left, right = Dense(2, name="left")(a), Dense(2, name="right")(b)
    joined = Model([a, b], Add(name="sum")([left, right]))
    joined.compile("sgd", "mse")
    joined.fit([X, X], np.zeros((20, 2)), verbose=0, callbacks=[TensorBoard(tmp_path / "graph")])
    links = {node.name: list(node.input) for node in events(tmp_path / "graph" / "train")[1]}
    assert links["sum"] == ["left", "right"]
    assert links["left"] == ["a"]
    assert links["b"] == []


def test_evaluate_alone_and_after_an_error(tmp_path: Path) -> None:
    model = regression()
    model.fit(X, Y, verbose=0)
    board = TensorBoard(tmp_path)
    model.evaluate(X, Y, verbose=0, callbacks=[board])
    assert [step for step, _ in events(tmp_path / "validation")[0]["evaluation_mae_vs_iterations"]] == [1]
    assert board._writers == {}
    with pytest.raises(errors.ShapeError):
        model.fit(iter([(X, Y), (X[:, :2], Y)]), verbose=0, callbacks=[board])
    assert board._writers == {}


@pytest.mark.parametrize("arguments", [{"update_freq": 0}, {"update_freq": "step"}, {"profile_batch": 2}, {"embeddings_freq": 1}])
def test_arguments_are_checked(tmp_path: Path, arguments) -> None:
    with pytest.raises(errors.ArgumentError, match=next(iter(arguments))):
        TensorBoard(tmp_path, **arguments)


def test_without_tensorboardx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"tinycnn\[tensorboard\]"):
        TensorBoard(tmp_path)
