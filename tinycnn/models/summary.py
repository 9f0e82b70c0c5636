"""The table of a model's layers."""

from __future__ import annotations

import io
import itertools
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError, shown
from tinycnn.layers import Operation
from tinycnn.models.graph import places

if TYPE_CHECKING:
    from tinycnn.models.model import Model

__all__ = ["print_summary"]


def print_summary(
    model: Model,
    line_length: int | None,
    positions: Sequence[float] | None,
    print_fn: Callable[[str], Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Sequence[str] | None,
) -> None:
    """Print `model`; the arguments are those of `Model.summary`."""
    if line_length is not None and (isinstance(line_length, bool) or not isinstance(line_length, int)):
        raise DTypeError(f"line_length must be a number of characters or None, got {line_length!r}")
    from rich.box import HEAVY_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    layers = _in_range(list(model.operations if hasattr(model, "operations") else model.layers), layer_range)
    connected = _connections(model)
    ratios = [40, 32, 18, *([30] if connected else [])] if positions is None else _shares(positions, 4 if connected else 3)
    if show_trainable:
        ratios.append(12 if positions is None else round(sum(ratios) / 9))
    table = Table(box=HEAVY_HEAD, width=line_length or (98 if connected else 80), show_lines=True, header_style="bold")
    heads = [
        "Layer (type)",
        "Output Shape",
        "Param #",
        *(["Connected to"] if connected else []),
        *(["Trainable"] if show_trainable else []),
    ]
    for head, ratio in zip(heads, ratios, strict=True):
        table.add_column(head, ratio=ratio, justify={"Param #": "right", "Trainable": "center"}.get(head, "left"))  # type: ignore[arg-type]
    for layer, depth in _rows(layers, expand_nested):
        cells = [f"{'  ' * depth}{layer.name} ({_kind(layer)})", _shape(layer), _params(layer)]
        if connected:
            cells.append(", ".join(connected.get(id(layer), ())) or "-")
        if show_trainable:
            cells.append("-" if isinstance(layer, Operation) else "Y" if layer.trainable else "N")
        table.add_row(*map(escape, cells))

    stream = io.StringIO() if print_fn else sys.stdout
    console = Console(file=stream, width=table.width, highlight=False)
    console.print(f'[bold]Model: "{escape(model.name)}"[/bold]')
    console.print(table)
    for line in _totals(model):
        console.print(line)
    if print_fn:
        print_fn(stream.getvalue())  # type: ignore[union-attr]


def _shares(positions: Sequence[float], columns: int) -> list[int]:
    """What of a line each column takes, from where they end: in characters, or as fractions."""
    try:
        ends = [0.0, *map(float, positions)]
    except (TypeError, ValueError):
        ends = []
    if len(ends) != columns + 1 or not all(a < b < math.inf for a, b in itertools.pairwise(ends)):
        raise ArgumentError(f"positions must be {columns} growing numbers > 0, where the columns end, got {shown(positions)}")
    return [max(1, round(1000 * (b - a) / ends[-1])) for a, b in itertools.pairwise(ends)]


def _in_range(layers: list[Any], layer_range: Sequence[str] | None) -> list[Any]:
    """From the first layer whose name matches one pattern to the last one that matches the other, whichever stands first."""
    if layer_range is None:
        return layers
    if not isinstance(layer_range, (list, tuple)) or len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ArgumentError(f"layer_range must be two names of layers, or patterns of names, got {shown(layer_range)}")
    try:
        first, last = ([i for i, layer in enumerate(layers) if re.match(name, layer.name)] for name in layer_range)
    except re.error as error:
        raise ArgumentError(f"layer_range {layer_range} holds no pattern: {error}") from None
    if not first or not last:
        raise ArgumentError(f"layer_range {layer_range} matches none of {', '.join(layer.name for layer in layers)}")
    start, end = (min(first), max(last)) if min(first) <= max(last) else (min(last), max(first))
    return layers[start : end + 1]


def _rows(layers: Sequence[Any], expand_nested: bool, depth: int = 0) -> Iterator[tuple[Any, int]]:
    """(layer or operation, how deep it is nested)."""
    for layer in layers:
        yield layer, depth
        if expand_nested and hasattr(layer, "layers"):
            yield from _rows(getattr(layer, "operations", layer.layers), expand_nested, depth + 1)


def _kind(layer: Any) -> str:
    """The class of a layer; of an operation Keras's name for it."""
    return "".join(map(str.capitalize, layer.function.split("_"))) if isinstance(layer, Operation) else type(layer).__name__


def _shape(layer: Any) -> str:
    """The output shape, or "?" where the layer has not been drawn."""
    try:
        shape = layer.output_shape
    except NotBuiltError:
        return "?"
    return ", ".join(map(str, shape)) if isinstance(shape, list) else str(shape)


def _params(layer: Any) -> str:
    """The number of parameters, or "0 (unbuilt)"."""
    if isinstance(layer, Operation):
        return "0"
    return f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"


def _connections(model: Any) -> dict[int, list[str]]:
    """By id of layer: what its calls read, as "layer[call][result]"; empty for a model that is a line, whose table says it by its order."""
    nodes = model.nodes if hasattr(model, "nodes") else []
    numbers = places(nodes)
    found: dict[int, list[str]] = {}
    for node in nodes:
        for tensor in node.inputs:
            found.setdefault(id(node.layer), []).append(f"{tensor.layer.name}[{numbers[id(tensor.node)]}][{tensor.index}]")
    return found if any(len(sources) > 1 for sources in found.values()) or len(model.inputs) > 1 else {}


def _totals(model: Model) -> list[str]:
    """The lines below the table."""
    trainable = _size(model.trainable_weights)
    frozen = _size(model.non_trainable_weights)
    slots = _optimizer_size(model.optimizer)
    totals = [("Total", (trainable[0] + frozen[0] + slots[0], trainable[1] + frozen[1] + slots[1])), ("Trainable", trainable)]
    totals += [("Non-trainable", frozen)] + ([("Optimizer", slots)] if slots[0] else [])
    return [f"[bold] {name} params: [/bold]{count:,} ({_readable(size)})" for name, (count, size) in totals]


def _size(arrays: Any) -> tuple[int, int]:
    """Cells and bytes."""
    return sum(a.size for a in arrays), sum(a.size * a.dtype.itemsize for a in arrays)


def _optimizer_size(optimizer: Any) -> tuple[int, int]:
    """Cells and bytes of the optimizer's state: nothing before the first step."""
    return (0, 0) if optimizer is None or not optimizer.built else _size(optimizer.get_state().values())


def _readable(size: int) -> str:
    """Bytes as "0.00 B", "1.36 MB", ..."""
    value = float(size)
    for unit in ("B", "KB", "MB"):
        if value < 1024:
            return f"{value:.2f} {unit}"
        value /= 1024
    return f"{value:.2f} GB"
