"""Names of a model's weights in a file."""

from __future__ import annotations

from collections import Counter

from tinycnn.autograd import Variable
from tinycnn.layers.layer import Layer
from tinycnn.layers.naming import snake_case

__all__ = ["weight_paths"]


def weight_paths(model: Layer) -> dict[str, Variable]:
    """Path -> variable, as Keras names them: "layers/conv2d_1/vars/0".

    A path is made of each layer's class and a counter, not of its name, which may differ from process to process. Nested models add
    "layers/..." of their own. A variable that several layers share is named once.
    """
    paths: dict[str, Variable] = {}
    known: set[int] = set()

    def enter(layer: Layer, prefix: str) -> None:
        for number, variable in enumerate(layer.own_weights):
            if id(variable) not in known:
                known.add(id(variable))
                paths[f"{prefix}vars/{number}"] = variable
        counts: Counter[str] = Counter()
        for inner in layer.sublayers():
            base = snake_case(type(inner).__name__)
            name = f"{base}_{counts[base]}" if counts[base] else base
            counts[base] += 1
            enter(inner, f"{prefix}layers/{name}/")

    enter(model, "")
    return paths
