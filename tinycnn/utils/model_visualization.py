"""`plot_model` and `model_to_dot`: a model as a picture, through Graphviz (https://graphviz.org), or as text without it."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from tinycnn.checks import check_path
from tinycnn.errors import ArgumentError, BackendError
from tinycnn.layers import InputLayer, Layer
from tinycnn.models import Model
from tinycnn.saving.atomic import replacing
from tinycnn.utils.model_graph import Box, Drawing, draw
from tinycnn.utils.model_text import text_drawing

__all__ = ["model_to_dot", "model_to_text", "plot_model"]

#: Ending of a file -> what Graphviz calls the format.
_PICTURES = {".png": "png", ".svg": "svg", ".pdf": "pdf", ".jpg": "jpg", ".jpeg": "jpg"}
_DIRECTIONS = ("TB", "LR", "BT", "RL")
_SECONDS = 120

#: Part of a class name -> the colour of the head: light tints, on which black is read well. The class is written there, too.
_TINTS = {"Conv": "#cfe3f3", "Pool": "#fde3c8", "Normalization": "#e6dcef", "InputLayer": "#d4ead9"}
_JOINTS = {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"}
_JOINT_TINT = "#fbd9e2"
_MODEL_TINT, _OTHER_TINT = "#f7efc5", "#ececec"


@dataclass(frozen=True)
class _Wanted:
    """What is written into the boxes."""

    shapes: bool
    dtype: bool
    names: bool
    activations: bool
    trainable: bool

    def head(self, box: Box) -> str:
        """The first line."""
        kind = getattr(box.layer, "function", type(box.layer).__name__)  # of an operation, what it does
        name = f"{box.layer.name} ({kind})" if self.names else kind
        return f"{name}, call {box.call}" if box.call else name

    def rows(self, box: Box) -> list[tuple[str, str]]:
        """Pairs of what it is and what it is like."""
        found = []
        activation = _activation(box.layer)
        if self.activations and activation:
            found.append(("activation", activation))
        if self.shapes and not isinstance(box.layer, InputLayer):
            found.append(("input", _shape(box.input_shape)))
        if self.shapes:
            found.append(("output", _shape(box.output_shape)))
        if self.dtype and hasattr(box.layer, "dtype"):
            found.append(("dtype", str(box.layer.dtype)))
        if self.trainable and getattr(box.layer, "weights", None):
            found.append(("trainable", "yes" if box.layer.trainable else "no"))
        return found

    def cells(self, box: Box) -> list[str]:
        """The same for a line of text: the output's shape says enough there, and each kind has its column."""
        found = dict(self.rows(box))
        path = "".join(f"{name} / " for name in box.inside)
        wanted = {"output": self.shapes, "activation": self.activations, "dtype": self.dtype}
        cells = [path + self.head(box), *(found.get(name, "") for name, is_wanted in wanted.items() if is_wanted)]
        if self.trainable:
            cells.append({"yes": "trainable", "no": "frozen"}.get(found.get("trainable", ""), ""))
        return cells


def _activation(layer: Layer) -> str | None:
    """The name of its activation; None if it has none."""
    function = getattr(layer, "activation", None)
    return None if function is None else getattr(function, "__name__", type(function).__name__)


def _shape(shape: Any) -> str:
    if shape is None:
        return "?"
    return ", ".join(map(str, shape)) if isinstance(shape, list) else str(tuple(shape))


def model_to_dot(
    model: Model,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> str:
    """A model in DOT, the language of Graphviz. Arguments and errors are those of `plot_model`.

    Returns:
        Text for `dot` and its kin. (In Keras it is an object of the package pydot.)
    """
    wanted = _Wanted(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    _check(rankdir, dpi)
    return _dot(draw(model, expand_nested), wanted, rankdir, dpi, splines)


def model_to_text(
    model: Model,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    expand_nested: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> str:
    """A model drawn with characters, a line for each call of a layer. Arguments and errors are those of `plot_model`."""
    wanted = _Wanted(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    drawing = draw(model, expand_nested)
    return text_drawing(drawing, [wanted.cells(box) for box in drawing.boxes])


def plot_model(
    model: Model,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> str | None:
    """Draw the layers of a model and what leads from one to the other.

    The picture is made by Graphviz's program `dot`. Where that is not installed, a drawing in characters is written beside it, with the
    ending .txt, and a line on stdout says so.

    Args:
        model: built.
        to_file: ends in .png, .svg, .pdf or .jpg; or in .dot for the text that Graphviz reads, or in .txt for the drawing in characters.
        show_shapes: the shapes of inputs and outputs.
        show_dtype: the layers' dtypes.
        show_layer_names: names beside the classes.
        rankdir: "TB" from top to bottom, "LR" from left to right; "BT", "RL".
        expand_nested: draw what is in nested models, too, with a frame around it.
        dpi: dots an inch, of .png and .jpg.
        show_layer_activations: the activations of layers that have one.
        show_trainable: whether layers with weights are trainable.
        splines: how arrows run: "ortho", "curved", "polyline", "spline" or "line".

    Returns:
        The drawing in characters if that was written, else None.

    Raises:
        ArgumentError: rankdir, dpi, splines or the ending of to_file is none of these.
        NotBuiltError: the model has no shapes yet.
        BackendError: Graphviz fails.
        OSError: the file cannot be written.
    """
    path = check_path("to_file", to_file)
    stem, ending = os.path.splitext(path)
    if ending.lower() not in (*_PICTURES, ".dot", ".txt"):
        raise ArgumentError(f"to_file must end in {', '.join(_PICTURES)}, .dot or .txt, got {path!r}")
    if splines not in ("ortho", "curved", "polyline", "spline", "line"):
        raise ArgumentError(f"splines must be 'ortho', 'curved', 'polyline', 'spline' or 'line', got {splines!r}")
    _check(rankdir, dpi)
    wanted = _Wanted(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    drawing = draw(model, expand_nested)
    program = shutil.which("dot")
    if ending.lower() == ".dot" or (program and ending.lower() in _PICTURES):
        dot = _dot(drawing, wanted, rankdir, dpi, splines).encode()
        _write(path, dot if ending.lower() == ".dot" or program is None else _rendered(program, dot, _PICTURES[ending.lower()]))
        return None
    text = text_drawing(drawing, [wanted.cells(box) for box in drawing.boxes])
    if ending.lower() != ".txt":
        why = f"{os.path.basename(path)} was drawn with characters, for Graphviz's program dot, which makes pictures, is not installed."
        print(f"{why} See {stem}.txt")
        text = f"{why}\n\n{text}"
    _write(f"{stem}.txt", text.encode())
    return text


def _check(rankdir: str, dpi: int) -> None:
    if rankdir not in _DIRECTIONS:
        raise ArgumentError(f"rankdir must be one of {', '.join(map(repr, _DIRECTIONS))}, got {rankdir!r}")
    if isinstance(dpi, bool) or not isinstance(dpi, int) or not 1 <= dpi <= 2400:
        raise ArgumentError(f"dpi must be an int from 1 to 2400, got {dpi!r}")


def _write(path: str, data: bytes) -> None:
    with replacing(path) as stream:
        stream.write(data)


def _rendered(program: str, dot: bytes, kind: str) -> bytes:
    """What Graphviz makes of it."""
    try:
        done = subprocess.run([program, f"-T{kind}"], input=dot, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise BackendError(f"Graphviz needed more than {_SECONDS} seconds for the picture; splines='line' is faster") from None
    if done.returncode or not done.stdout:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"status {done.returncode}"]
        raise BackendError(f"Graphviz cannot draw the model: {told[0]}")
    return done.stdout


# ---- DOT
def _dot(drawing: Drawing, wanted: _Wanted, rankdir: str, dpi: int, splines: str) -> str:
    lines = [
        f"digraph {_quoted(drawing.name)} {{",
        f'  graph [rankdir={rankdir}, dpi={dpi}, splines={splines}, fontname="Helvetica", nodesep=0.35, ranksep=0.4, pad=0.15];',
        '  node [shape=plain, fontname="Helvetica", fontsize=11];',
        '  edge [color="#555555", arrowsize=0.7, penwidth=1.1];',
        *_clusters(drawing.boxes, wanted, ()),
        *[f"  n{source} -> n{target};" for source, target in drawing.arrows],
        "}",
    ]
    return "\n".join(lines) + "\n"


def _clusters(boxes: list[Box], wanted: _Wanted, inside: tuple[str, ...]) -> list[str]:
    """The boxes of one model, those of models in it with a frame around them."""
    pad = "  " * (len(inside) + 1)
    lines: list[str] = []
    nested: dict[str, list[Box]] = {}
    for box in boxes:
        if box.inside == inside:
            lines.append(f"{pad}n{box.key} [label=<{_label(box, wanted)}>];")
        else:
            nested.setdefault(box.inside[len(inside)], []).append(box)
    for name, contents in nested.items():
        lines += [
            f"{pad}subgraph {_quoted('cluster_' + '/'.join((*inside, name)))} {{",
            f'{pad}  label={_quoted(name)}; labeljust=l; style="rounded"; color="#999999"; fontcolor="#444444"; fontsize=11; margin=12;',
            *_clusters(contents, wanted, (*inside, name)),
            f"{pad}}}",
        ]
    return lines


def _label(box: Box, wanted: _Wanted) -> str:
    """A table in Graphviz's HTML: a coloured head, then two columns."""
    rows = wanted.rows(box)
    span = ' colspan="2"' if rows else ""
    head = f'<tr><td{span} bgcolor="{_tint(box.layer)}" cellpadding="6"><b>{html.escape(wanted.head(box))}</b></td></tr>'
    body = "".join(
        f'<tr><td align="right"><font color="#666666" point-size="9">{name}</font></td>'
        f'<td align="left"><font point-size="10">{html.escape(value)}</font></td></tr>'
        for name, value in rows
    )
    return f'<table border="1" cellborder="0" cellspacing="0" cellpadding="4" color="#777777" bgcolor="white">{head}{body}</table>'


def _tint(layer: Layer) -> str:
    if isinstance(layer, Model):
        return _MODEL_TINT
    name = type(layer).__name__
    return _JOINT_TINT if name in _JOINTS else next((tint for part, tint in _TINTS.items() if part in name), _OTHER_TINT)


def _quoted(name: str) -> str:
    """A string in DOT."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
