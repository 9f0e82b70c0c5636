"""Models as pictures and as text."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from tinycnn.errors import ArgumentError, BackendError, NotBuiltError
from tinycnn.layers import Activation, Add, Conv2D, Dense, Flatten, Input, MaxPooling2D
from tinycnn.models import Model, Sequential
from tinycnn.utils import model_to_dot, model_to_text, plot_model


def residual() -> Model:
    x = Input((8, 8, 3), name="image")
    y = Conv2D(4, 3, padding="same", activation="relu", name="stem")(x)
    z = Activation("tanh", name="act")(Conv2D(4, 3, padding="same", name="conv")(y))
    y = Add(name="add")([y, z])
    body = Sequential([Input((8, 8, 4), name="in"), MaxPooling2D(name="pool"), Flatten(name="flat")], name="body")
    return Model(x, Dense(2, name="head")(body(y)), name="net")


def shared() -> Model:
    dense, left, right = Dense(3, name="both"), Input((4,), name="left"), Input((4,), name="right")
    return Model([left, right], Add(name="sum")([dense(left), dense(right)]))


@pytest.fixture
def no_graphviz(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))


def fake_dot(monkeypatch, folder, body):
    """A program `dot` on the path: a script in Python."""
    if os.name != "posix":
        pytest.skip("a script as a program needs POSIX")
    folder.mkdir()
    program = folder / "dot"
    program.write_text(f"#!{sys.executable} -I\nimport sys\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


# ---- text
def test_text_of_a_graph():
    assert model_to_text(residual(), show_shapes=True, show_layer_names=True) == (
        "●   image (InputLayer)  (None, 8, 8, 3)\n"
        "●   stem (Conv2D)       (None, 8, 8, 4)\n"
        "├─● conv (Conv2D)       (None, 8, 8, 4)\n"
        "│ ● act (Activation)    (None, 8, 8, 4)\n"
        "●─╯ add (Add)           (None, 8, 8, 4)\n"
        "●   body (Sequential)   (None, 64)\n"
        "●   head (Dense)        (None, 2)\n"
    )


def test_text_of_a_stack_and_its_columns():
    model = Sequential([Input((4, 4, 1)), Conv2D(2, 3, activation="relu"), Flatten(), Dense(1)])
    model.layers[0].trainable = False
    text = model_to_text(model, show_dtype=True, show_layer_activations=True, show_trainable=True)
    assert text == (
        "● InputLayer          float32\n"
        "● Conv2D      relu    float32  frozen\n"
        "● Flatten             float32\n"
        "● Dense       linear  float32  trainable\n"
    )


def test_nested_models_are_opened():
    text = model_to_text(residual(), expand_nested=True, show_layer_names=True)
    assert [line.split(" ", 1)[1].strip() for line in text.splitlines()[5:]] == [
        "body / in (InputLayer)",
        "body / pool (MaxPooling2D)",
        "body / flat (Flatten)",
        "head (Dense)",
    ]


def test_a_shared_layer_is_drawn_once_a_call():
    assert model_to_text(shared(), show_layer_names=True) == (
        "●   left (InputLayer)\n●   both (Dense), call 1\n│ ● right (InputLayer)\n│ ● both (Dense), call 2\n●─╯ sum (Add)\n"
    )


def test_lanes_cross():
    a, b = Input((2,), name="a"), Input((2,), name="b")
    late = Dense(2, name="late")(a)
    mixed = Add(name="mixed")([a, b])
    text = model_to_text(Model([a, b], [Add(name="x")([mixed, late]), Add(name="y")([late, b])]), show_layer_names=True)
    assert text == (
        "●     a (InputLayer)\n"
        "│ ●   b (InputLayer)\n"
        "├─├─● mixed (Add)\n"
        "● │ │ late (Dense)\n"
        "├─┼─● x (Add)\n"
        "●─╯   y (Add)\n"
    )  # fmt: skip


def test_several_lanes_end_in_one_box():
    first, *others = [Input((2,), name=name) for name in "abc"]
    text = model_to_text(Model([first, *others], Add(name="sum")([first, *others])), show_layer_names=True)
    assert text.splitlines()[-1] == "●─┴─╯ sum (Add)"


# ---- DOT
def test_dot():
    dot = model_to_dot(residual(), show_shapes=True, show_layer_names=True, rankdir="LR", dpi=70)
    assert dot.startswith('digraph "net" {\n  graph [rankdir=LR, dpi=70, splines=ortho')
    assert dot.count(" -> ") == 7
    assert "<b>stem (Conv2D)</b>" in dot
    assert "(None, 8, 8, 3)" in dot
    assert "cluster" not in dot


def test_dot_of_nested_models():
    dot = model_to_dot(residual(), expand_nested=True, show_layer_names=True)
    assert dot.count("subgraph") == 1
    assert 'subgraph "cluster_body"' in dot
    assert "body (Sequential)" not in dot
    assert dot.count(" -> ") == 9


def test_names_are_escaped():
    model = Sequential([Input((2,)), Dense(1, name='<b>"&\\')], name='a"b\\')
    dot = model_to_dot(model, show_layer_names=True)
    assert "&lt;b&gt;&quot;&amp;\\ (Dense)" in dot
    assert dot.startswith('digraph "a\\"b\\\\" {')


# ---- files
def test_without_graphviz_a_text_is_written(tmp_path, no_graphviz, capsys):
    text = plot_model(shared(), tmp_path / "m.png", show_layer_names=True)
    assert [path.name for path in tmp_path.iterdir()] == ["m.txt"]
    assert (tmp_path / "m.txt").read_text(encoding="utf-8") == text
    assert text.startswith("m.png was drawn with characters, for Graphviz's program dot, which makes pictures, is not installed.\n\n●")
    assert capsys.readouterr().out.strip().endswith(f"See {tmp_path / 'm.txt'}")


def test_text_and_dot_need_no_graphviz(tmp_path, no_graphviz, capsys):
    assert plot_model(shared(), tmp_path / "m.txt") == model_to_text(shared())
    assert plot_model(shared(), tmp_path / "m.dot", dpi=100) is None
    assert (tmp_path / "m.dot").read_text().startswith("digraph")
    assert capsys.readouterr().out == ""


def test_graphviz_gets_the_text_and_gives_the_picture(tmp_path, monkeypatch):
    fake_dot(monkeypatch, tmp_path / "bin", "print(sys.argv[1:], sys.stdin.read())")
    assert plot_model(residual(), tmp_path / "m.svg", show_shapes=True) is None
    assert (tmp_path / "m.svg").read_text() == f"['-Tsvg'] {model_to_dot(residual(), show_shapes=True)}\n"


def test_graphviz_fails(tmp_path, monkeypatch):
    fake_dot(monkeypatch, tmp_path / "bin", "sys.exit('Error: no layout')")
    with pytest.raises(BackendError, match="Graphviz cannot draw the model: Error: no layout"):
        plot_model(residual(), tmp_path / "m.png")
    assert not (tmp_path / "m.png").exists()


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not installed")
@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_real_graphviz(tmp_path, ending, magic):
    plot_model(residual(), tmp_path / f"m.{ending}", True, True, True, expand_nested=True, show_layer_activations=True, show_trainable=True)
    assert (tmp_path / f"m.{ending}").read_bytes().startswith(magic)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"to_file": "m.bmp"}, "to_file must end in .png"),
        ({"rankdir": "XX"}, "rankdir must be one of 'TB'"),
        ({"dpi": 0}, "dpi must be an int from 1"),
        ({"splines": "bent"}, "splines must be"),
    ],
)
def test_refusals(tmp_path, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        plot_model(shared(), **arguments)
    assert list(tmp_path.iterdir()) == []


def test_models_without_a_graph():
    with pytest.raises(NotBuiltError, match="before it is built"):
        model_to_text(Sequential([Dense(1)]))

    class Own(Model):
        def __init__(self):
            super().__init__(name="own")
            self.dense = Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

    model = Own()
    model.build((None, 2))
    assert model_to_text(model, show_layer_names=True) == "● own (Own)\n"
