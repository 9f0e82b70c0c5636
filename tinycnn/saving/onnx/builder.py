"""An ONNX graph under construction: nodes, constants, names, and which way round each tensor is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinycnn.layers.shapes import Shape

__all__ = ["Builder", "Node", "Order", "Unsupported", "Value", "channels_front", "straight"]

#: Stored axis i is axis order[i] of the tensor.
Order = tuple[int, ...]


class Unsupported(Exception):
    """What a converter raises on what ONNX, or this exporter, has no words for; the message is a noun phrase."""


@dataclass(frozen=True)
class Value:
    """A tensor of the model and where the graph has it.

    Layers of windows want channels in front, while tinycnn's tensors have them last. So a tensor is stored as the node that made it likes
    it, and turned round only where a later node insists (`Builder.ordered`): between convolutions no transposition is left.
    """

    name: str
    #: As the model sees it.
    shape: Shape
    order: Order

    def stored_axis(self, axis: int) -> int:
        """Where `axis` of the tensor is stored."""
        return self.order.index(axis % len(self.order))


@dataclass(frozen=True)
class Node:
    """A node with one output."""

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


def straight(rank: int) -> Order:
    """The order of a tensor that is stored as it is."""
    return tuple(range(rank))


def channels_front(rank: int, channel_axis: int = -1) -> Order:
    """(N, ..., C) stored as (N, C, ...)."""
    axis = channel_axis % rank
    return (0, axis, *(i for i in range(1, rank) if i != axis))


class Builder:
    """Collects nodes and constants.

    Args:
        opset: the version of ONNX's operators to write.
        dtype: of the model's weights.
        reserved: names that no node may take: the graph's inputs and outputs.
    """

    def __init__(self, opset: int, dtype: str, reserved: Sequence[str] = ()) -> None:
        self.opset = opset
        self.dtype = np.dtype(dtype)
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray[Any, Any]] = {}
        #: The layer that is being written; names begin with it.
        self.scope = ""
        self._taken = set(reserved)
        self._turned: dict[tuple[str, Order], str] = {}
        self._weights: dict[tuple[int, str], str] = {}

    def name(self, base: str) -> str:
        """`scope/base`, with a number from the second on."""
        stem = name = f"{self.scope}/{base}" if self.scope else base
        count = 1
        while name in self._taken:
            name = f"{stem}_{count}"
            count += 1
        self._taken.add(name)
        return name

    # ---- constants
    def constant(self, value: Any, label: str = "constant") -> str:
        """An array of the graph's own."""
        name = self.name(label)
        self.constants[name] = np.ascontiguousarray(value).reshape(np.shape(value))
        return name

    def integers(self, values: Sequence[int], label: str = "integers") -> str:
        """A list of int64, as shapes, axes and widths are given."""
        return self.constant(np.array(values, np.int64).reshape(len(values)), label)

    def number(self, value: float) -> str:
        """A scalar in the model's dtype."""
        return self.constant(np.array(value, self.dtype), "number")

    def weight(self, owner: Any, label: str, array: Any) -> str:
        """An array made of a layer's weights; once, however often the layer is called."""
        key = id(owner), label
        if key not in self._weights:
            self._weights[key] = self.constant(array, label)
        return self._weights[key]

    # ---- nodes
    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """A new node; the name of its output. An empty name stands for an input that is left out."""
        output = self.name(op.lower())
        self.nodes.append(Node(op, inputs, output, attributes))
        return output

    def apply(self, op: str, inputs: Sequence[str], shape: Shape, order: Order | None = None, **attributes: Any) -> Value:
        """A node whose result is a tensor of the model."""
        return Value(self.node(op, *inputs, **attributes), tuple(shape), straight(len(shape)) if order is None else order)

    def each(self, op: str, x: Value, *more: str, **attributes: Any) -> Value:
        """A node that works cell by cell: the order stays."""
        return Value(self.node(op, x.name, *more, **attributes), x.shape, x.order)

    def ordered(self, x: Value, order: Order | None = None) -> str:
        """The name under which `x` is stored in `order` (default: as it is), transposed if it was not there yet."""
        order = straight(len(x.order)) if order is None else order
        if x.order == order:
            return x.name
        key = x.name, tuple(x.order.index(axis) for axis in order)
        if key not in self._turned:
            self._turned[key] = self.node("Transpose", x.name, perm=list(key[1]))
        return self._turned[key]

    def reduced(self, op: str, x: str, axes: Sequence[int], keepdims: bool) -> str:
        """ReduceMean and its kin; their axes became an input in opset 18, those of ReduceSum in 13."""
        if self.opset >= (13 if op == "ReduceSum" else 18):
            return self.node(op, x, self.integers(axes, "axes"), keepdims=int(keepdims))
        return self.node(op, x, axes=list(axes), keepdims=int(keepdims))
