"""From symbolic tensors back to the calls that made them: which layers, in which order, and which values until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tinycnn.errors import ArgumentError
from tinycnn.layers import InputLayer, Layer
from tinycnn.layers.symbolic import SymbolicTensor

__all__ = ["Node", "ordered_layers", "run", "trace"]


@dataclass
class Node:
    """One call of one layer."""

    layer: Layer
    #: What it read, and whether that was given as a list.
    inputs: list[SymbolicTensor]
    takes_list: bool
    #: The `training` it was called with; None: as the model is.
    training: bool | None
    #: What it made, as far as the model uses it.
    outputs: list[SymbolicTensor] = field(default_factory=list)
    #: The longest way from here to an output of the model.
    depth: int = 0
    #: Ids of the tensors that no later node reads.
    last_reads: list[int] = field(default_factory=list)


def trace(inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]) -> tuple[list[Node], list[Node]]:
    """The calls that lead from `inputs` to `outputs`: in an order in which they can run, and in the order of discovery from the outputs.

    Raises:
        ArgumentError: an output depends on an Input that is not among `inputs`.
    """
    nodes: dict[int, Node] = {}  # by the identity of `history`, which the outputs of one call share
    given = {id(t) for t in inputs}
    found: list[Node] = []
    runnable: list[Node] = []

    def enter(tensor: SymbolicTensor) -> Node | None:
        """The node of `tensor`, if it is met for the first time."""
        assert tensor.history is not None  # every symbolic tensor is made by a layer
        layer, read = tensor.history
        is_source = id(tensor) in given
        if isinstance(layer, InputLayer) and not is_source:
            raise ArgumentError(f"outputs depend on the input {tensor.name!r}, which is not among inputs {[t.name for t in inputs]}")
        key = id(tensor) if is_source else id(tensor.history)
        is_new = key not in nodes
        if is_new:
            takes_list = isinstance(read, (list, tuple))
            nodes[key] = Node(layer, [] if is_source else list(read) if takes_list else [read], takes_list, tensor.training)
            found.append(nodes[key])
        node = nodes[key]
        if all(tensor is not known for known in node.outputs):
            node.outputs.append(tensor)
        return node if is_new else None

    for output in outputs:
        first = enter(output)
        stack = [(first, iter(first.inputs))] if first else []
        while stack:
            node, pending = stack[-1]
            below = next((n for n in map(enter, pending) if n), None)
            if below:
                stack.append((below, iter(below.inputs)))
            else:
                runnable.append(node)
                stack.pop()
    for tensor in inputs:  # an input that no output depends on is an input all the same
        unused = enter(tensor)
        if unused:
            runnable.append(unused)
    _measure(runnable, outputs)
    return runnable, found


def _measure(runnable: list[Node], outputs: Sequence[SymbolicTensor]) -> None:
    """Fill in depths and last reads."""
    maker = {id(t): node for node in runnable for t in node.outputs}
    read = {id(t) for t in outputs}
    for node in reversed(runnable):
        for tensor in node.inputs:
            maker[id(tensor)].depth = max(maker[id(tensor)].depth, node.depth + 1)
            if id(tensor) not in read:
                read.add(id(tensor))
                node.last_reads.append(id(tensor))


def ordered_layers(found: list[Node]) -> list[Layer]:
    """Each layer once, the farthest from the outputs first, then as discovered: Keras's order of `layers` and of weights."""
    depths: dict[int, int] = {}
    layers: dict[int, Layer] = {}
    for node in found:
        layers.setdefault(id(node.layer), node.layer)
        depths[id(node.layer)] = max(depths.get(id(node.layer), 0), node.depth)
    return sorted(layers.values(), key=lambda layer: -depths[id(layer)])


def run(runnable: list[Node], values: dict[int, Any], training: bool | None) -> None:
    """Run the nodes. `values`, id of symbolic tensor -> value, holds the inputs; what is needed no more is taken out of it."""
    for node in runnable:
        if not node.inputs:  # an input of the model
            continue
        read = [values[id(t)] for t in node.inputs]
        result = node.layer(read if node.takes_list else read[0], training=training if node.training is None else node.training)
        for tensor in node.outputs:
            values[id(tensor)] = result if tensor.index is None else result[tensor.index]
        for key in node.last_reads:
            del values[key]
