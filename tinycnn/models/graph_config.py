"""A graph of layers as plain data, in the form of Keras 3's configs of functional models, and back.

    {"layers": [{"class_name", "config", "name", "inbound_nodes": [{"args": [...], "kwargs": {...}}, ...]}, ...],
     "input_layers": [layer, call, result], "output_layers": {"a": [layer, call, result], ...}}

Each call of a layer is an entry in its `inbound_nodes`; calls made outside of the model are not counted. Keras 3 counts the calls of
a nested functional model from 0 in `args` and from 1 in `output_layers`, and so do we. Keras 2 wrote a call as
[[layer, call, result, kwargs], ...] and counted those of such models always from 1.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tinycnn.errors import ArgumentError
from tinycnn.layers import InputLayer
from tinycnn.layers.calls import decode, encode, read_history
from tinycnn.layers.symbolic import KerasHistory, KerasTensor, Node
from tinycnn.layers.tree import leaves, map_leaves
from tinycnn.models.graph import Graph, places
from tinycnn.saving.configurable import SHARED, deserialize, serialize

__all__ = ["check_bounds", "graph_config", "graph_from_config"]

#: Larger configs, or deeper ones, are no models.
MAX_ITEMS = 2_000_000
MAX_DEPTH = 200


# ---- writing
def graph_config(graph: Graph, inputs: Any, outputs: Any, functional: type) -> dict[str, Any]:
    """`layers`, `input_layers` and `output_layers`; `functional` is the class whose calls count from 1."""
    calls: dict[int, list[Node]] = defaultdict(list)
    for node in sorted(graph.nodes, key=lambda node: node.number):
        calls[id(node.layer)].append(node)
    numbers = places(graph.nodes)

    def history(tensor: KerasTensor) -> KerasHistory:
        assert tensor.node is not None  # it is in the graph
        return KerasHistory(tensor.layer.name, numbers[id(tensor.node)], tensor.index)

    def end(tensor: KerasTensor) -> list[Any]:
        place = history(tensor)
        return [place.layer, place.node_index + isinstance(tensor.layer, functional), place.tensor_index]

    layers = []
    for layer in graph.layers:
        nodes = [{"args": encode(node.args, history), "kwargs": encode(node.kwargs, history)} for node in calls[id(layer)] if node.inputs]
        layers.append({**serialize(layer), "name": layer.name, "inbound_nodes": nodes})
    return {"layers": layers, "input_layers": map_leaves(end, inputs), "output_layers": map_leaves(end, outputs)}


# ---- reading
def graph_from_config(config: Mapping[str, Any], functional: type) -> tuple[Any, Any]:
    """Inputs and outputs of the graph, drawn anew with new layers.

    Raises:
        ArgumentError: naming what is wrong.
    """
    check_bounds(config)
    entries = config.get("layers")
    if not isinstance(entries, list) or "input_layers" not in config or "output_layers" not in config:
        raise ArgumentError(f"the config of a functional model must have layers, input_layers and output_layers, got {sorted(config)}")
    reader = _Reader(functional)
    for entry in entries:
        reader.add_layer(entry)
    reader.draw()
    return reader.ends(config["input_layers"]), reader.ends(config["output_layers"])


def check_bounds(config: Any) -> None:
    """ArgumentError if `config` has too many items, or too many levels, to be a model."""
    pending = [(config, 0)]
    items = 0
    while pending:
        value, depth = pending.pop()
        parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
        items += len(parts)
        if items > MAX_ITEMS or depth > MAX_DEPTH:
            raise ArgumentError(f"the config of a model may have {MAX_ITEMS:,} items and {MAX_DEPTH} levels, got more")
        pending.extend((part, depth + 1) for part in parts if isinstance(part, (Mapping, list, tuple)))


#: What a layer's entry may hold; all but the first four only Keras needs.
_ENTRY = {"class_name", "config", "name", "inbound_nodes", "module", "registered_name", "build_config", "compile_config", SHARED}


class _Reader:
    """Layers by name, and the calls that are still to be made."""

    def __init__(self, functional: type) -> None:
        self._functional = functional
        self._layers: dict[str, Any] = {}
        self._unread: dict[str, list[Any]] = {}
        #: By layer name: the arguments of its calls, with a KerasHistory for each tensor; and the results of the calls made so far.
        self._calls: dict[str, list[tuple[list[Any], dict[str, Any]]]] = {}
        self._results: dict[str, list[list[KerasTensor]]] = {}

    def add_layer(self, entry: Any) -> None:
        """Make a layer; note its calls."""
        if not isinstance(entry, dict) or not isinstance(entry.get("inbound_nodes"), list) or not set(entry) <= _ENTRY:
            raise ArgumentError(
                f"a layer in the config of a model must be a dict of class_name, config, name, inbound_nodes, got {entry!r:.200}"
            )
        layer = deserialize("layer", {key: entry[key] for key in ("class_name", "config", SHARED) if key in entry})
        name = entry.get("name", layer.name)
        if name != layer.name and "name" not in entry.get("config", {}) and isinstance(name, str):
            layer.name = name  # a get_config of the user's own, which leaves it out
        if name != layer.name:
            raise ArgumentError(f"the config of layer {name!r} has another name inside, {layer.name!r}")
        if name in self._layers:
            raise ArgumentError(f"layer names must be unique, and two layers in the config are named {name!r}")
        is_input = isinstance(layer, InputLayer)
        if is_input and entry["inbound_nodes"]:
            raise ArgumentError(f"the input {name!r} cannot be called, but has inbound_nodes in the config")
        self._layers[name] = layer
        self._results[name] = [[layer.output]] if is_input else []
        self._unread[name] = entry["inbound_nodes"]

    def _read_call(self, name: str, call: Any) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a call of layer `name`."""
        if isinstance(call, list):
            args, kwargs = _read_old_call(call)
            args = map_leaves(self._counted_from_0, args)
        elif isinstance(call, dict) and isinstance(call.get("args"), list) and isinstance(call.get("kwargs"), dict):
            args, kwargs = decode(call["args"], _itself), decode(call["kwargs"], _itself)
        else:
            raise ArgumentError(f"a call of layer {name!r} must have a list of args and a dict of kwargs in the config, got {call!r:.200}")
        if not _histories((args, kwargs)):
            raise ArgumentError(f"a call of layer {name!r} reads no tensor in the config, got {call!r:.200}")
        return args, kwargs

    def draw(self) -> None:
        """Make all calls, each as soon as what it reads is there."""
        self._calls = {name: [self._read_call(name, call) for call in calls] for name, calls in self._unread.items()}
        for name, calls in self._calls.items():
            for history in _histories(calls):
                self._check(history, f"layer {name!r} reads")
        ready = deque(self._calls)
        waiting: dict[tuple[str, int], list[str]] = defaultdict(list)  # (layer, call) -> the layers whose next call reads its results
        while ready:
            name = ready.popleft()
            calls, made = self._calls[name], self._results[name]
            while len(made) < len(calls):
                args, kwargs = calls[len(made)]
                missing = next((h for h in _histories((args, kwargs)) if h.node_index >= len(self._results[h.layer])), None)
                if missing:
                    waiting[missing.layer, missing.node_index].append(name)
                    break
                made.append(leaves(self._layers[name](*map_leaves(self._filled, args), **map_leaves(self._filled, kwargs))))
                ready.extend(waiting.pop((name, len(made) - 1), ()))
        circle = [name for name, calls in self._calls.items() if len(self._results[name]) < len(calls)]
        if circle:
            raise ArgumentError(f"the layers {circle[:5]} in the config read each other's results in a circle")

    def _check(self, history: KerasHistory, who: str) -> None:
        """ArgumentError unless there is such a call."""
        if history.layer not in self._layers:
            raise ArgumentError(f"{who} layer {history.layer!r}, which is not in the config")
        is_input = isinstance(self._layers[history.layer], InputLayer)
        if not 0 <= history.node_index < (1 if is_input else len(self._calls[history.layer])):
            raise ArgumentError(f"{who} call {history.node_index} of layer {history.layer!r}, which the config does not have")

    def _counted_from_0(self, history: KerasHistory) -> KerasHistory:
        """The calls of functional models, where they are counted from 1."""
        return replace(history, node_index=history.node_index - isinstance(self._layers.get(history.layer), self._functional))

    def _filled(self, value: Any) -> Any:
        """The tensor of a history; other values as they are."""
        if not isinstance(value, KerasHistory):
            return value
        results = self._results[value.layer][value.node_index]
        if value.tensor_index >= len(results):
            raise ArgumentError(f"layer {value.layer!r} has {len(results)} results, but the config asks for number {value.tensor_index}")
        return results[value.tensor_index]

    def ends(self, value: Any) -> Any:
        """The tensors that `input_layers` or `output_layers` names, in the form that it has."""
        if isinstance(value, dict):
            return {key: self.ends(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)) and value and not isinstance(value[0], str):
            return [self.ends(part) for part in value]
        history = self._counted_from_0(read_history(value))
        self._check(history, "an end of the model is")
        return self._filled(history)


def _read_old_call(call: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    """Keras 2's [[layer, call, result, kwargs], ...]."""
    kwargs: dict[str, Any] = {}
    for place in call:
        if not isinstance(place, list) or len(place) not in (3, 4) or not isinstance(place[-1], dict if len(place) == 4 else int):
            raise ArgumentError(f"a call in the config of a model must be a list of [layer, call, result, kwargs], got {call!r:.200}")
        kwargs |= place[3] if len(place) == 4 else {}
    histories = [read_history(place[:3]) for place in call]
    return [histories[0] if len(histories) == 1 else histories], kwargs


def _itself(history: KerasHistory) -> KerasHistory:
    return history


def _histories(value: Any) -> list[KerasHistory]:
    return [leaf for leaf in leaves(value) if isinstance(leaf, KerasHistory)]
