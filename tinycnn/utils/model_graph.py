"""What is drawn of a model: a box for each call of a layer, and arrows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tinycnn.errors import NotBuiltError
from tinycnn.layers import Layer
from tinycnn.layers.tree import leaves
from tinycnn.models import Model, graph
from tinycnn.models.model import check_model

__all__ = ["Box", "Drawing", "draw"]


@dataclass(frozen=True)
class Box:
    """One call of one layer."""

    key: int
    layer: Layer
    #: Shapes; lists of them where there are several.
    input_shape: Any
    output_shape: Any
    #: The nested models that it is in, from the outermost.
    inside: tuple[str, ...]
    #: Which call of the layer this is, from 1; 0 for the only one.
    call: int


@dataclass
class Drawing:
    """Boxes, in an order in which they can run, and arrows between their keys."""

    name: str
    boxes: list[Box] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)


def draw(model: Model, expand_nested: bool = False) -> Drawing:
    """The drawing of a model.

    Args:
        model: Sequential or functional; of a subclassed one nothing is known but that it is there.
        expand_nested: draw what is in nested models, too.

    Raises:
        NotBuiltError: a Sequential does not know its input's shape yet.
    """
    drawing = Drawing(check_model(model).name)
    if not model.inputs:
        if not model.built:
            raise NotBuiltError(f"model {model.name!r} cannot be drawn before it is built: call build(input_shape)")
        drawing.boxes.append(Box(0, model, _known(model, "input_shape"), _known(model, "output_shape"), (), 0))
        return drawing
    _enter(drawing, model, None, (), expand_nested)
    return _numbered(drawing)


def _known(layer: Layer, attribute: str) -> Any:
    try:
        return getattr(layer, attribute)
    except (NotBuiltError, TypeError, ValueError):
        return None


def _enter(drawing: Drawing, model: Model, sources: Sequence[int] | None, inside: tuple[str, ...], expand: bool) -> list[int]:
    """Add the calls of `model`; the keys of the boxes that its outputs come from.

    Args:
        sources: the boxes that its inputs come from; None for the outermost model.
    """
    makers = dict(zip(map(id, model.inputs), sources or (), strict=False))
    for call in graph.trace(model.inputs, model.outputs).nodes:
        results = leaves(call.outputs)
        read = [makers[id(tensor)] for tensor in call.inputs or results if id(tensor) in makers]
        if expand and isinstance(call.layer, Model) and call.layer.inputs and call.inputs:
            made = _enter(drawing, call.layer, read, (*inside, call.layer.name), expand)
            makers |= {id(tensor): made[tensor.index] for tensor in results}
            continue
        key = len(drawing.boxes)
        shapes_in = [tensor.shape for tensor in call.inputs or results]
        drawing.boxes.append(Box(key, call.layer, _single(shapes_in), _single([t.shape for t in results]), inside, 0))
        drawing.arrows += [(source, key) for source in dict.fromkeys(read)]
        makers |= {id(tensor): key for tensor in results}
    return [makers[id(tensor)] for tensor in model.outputs]


def _single(shapes: list[Any]) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes


def _numbered(drawing: Drawing) -> Drawing:
    """With the calls of layers that are called several times counted."""
    total = Counter(id(box.layer) for box in drawing.boxes)
    seen: Counter[int] = Counter()
    boxes = []
    for box in drawing.boxes:
        seen[id(box.layer)] += 1
        call = seen[id(box.layer)] if total[id(box.layer)] > 1 else 0
        boxes.append(Box(box.key, box.layer, box.input_shape, box.output_shape, box.inside, call))
    return Drawing(drawing.name, boxes, drawing.arrows)
