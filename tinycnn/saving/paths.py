"""Names of a model's layers and weights in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tinycnn.autograd import Variable
from tinycnn.layers.layer import Layer
from tinycnn.layers.naming import snake_case

__all__ = ["layer_paths", "weight_paths"]


def layer_paths(model: Layer) -> dict[str, Layer]:
    """Path -> layer, each once, in the order and by the names that Keras has: "layers/conv2d_1", "layers/block/dense".

    The layers of a Sequential or Functional stand in "layers", others under the attribute that holds them, public attributes first. In
    lists, tuples and dicts a path is made of each layer's class and a counter, not of its name, which may differ from process to process.
    """
    paths: dict[str, Layer] = {}
    seen: set[int] = set()

    def enter(value: Any, path: str) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, Layer):
            paths[path] = value
            for name, part in _attributes(value):
                enter(part, f"{path}/{name}" if path else name)
            return
        counts: Counter[str] = Counter()
        for part in value.values() if isinstance(value, dict) else value:
            if isinstance(part, (Layer, list, tuple, dict)):
                base = snake_case(type(part).__name__) if isinstance(part, Layer) else "container"
                enter(part, f"{path}/{base}_{counts[base]}" if counts[base] else f"{path}/{base}")
                counts[base] += 1

    enter(model, "")
    return paths


def _attributes(layer: Layer) -> Iterator[tuple[str, Any]]:
    """The attributes of a layer that may hold layers."""
    own = {name: value for name, value in vars(layer).items() if isinstance(value, (Layer, list, tuple, dict))}
    if "_sublayers" in own:
        yield "layers", list(layer.layers)  # type: ignore[attr-defined]  # a model made of a list of layers
        del own["_sublayers"]
    elif hasattr(layer, "layers"):
        own["layers"] = list(layer.layers)
    yield from sorted(own.items(), key=lambda item: (item[0].startswith("_"), item[0]))


def weight_paths(model: Layer) -> dict[str, Variable]:
    """Path -> variable, as Keras names them: "layers/conv2d_1/vars/0". A variable that several layers share is named once."""
    paths: dict[str, Variable] = {}
    known: set[int] = set()
    for path, layer in layer_paths(model).items():
        for number, variable in enumerate(layer.own_weights):
            if id(variable) not in known:
                known.add(id(variable))
                paths[f"{path}/vars/{number}" if path else f"vars/{number}"] = variable
    return paths
