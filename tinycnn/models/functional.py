"""A model drawn with symbolic tensors: any graph of layers without cycles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinycnn.data import ArrayData
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.layers.symbolic import Shape, SymbolicTensor
from tinycnn.models import graph
from tinycnn.models.model import Model, check_shape

__all__ = ["Functional"]


class Functional(Model):
    """Made by ``Model(inputs, outputs)``; see there.

    Args:
        inputs, outputs: SymbolicTensors, or lists or dicts of them. The model takes and gives the same form.
        name: default: "functional" and a number.

    Raises:
        DTypeError: one of them is not symbolic.
        ArgumentError: an output depends on an input that is not among `inputs`, or two layers have the same name.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        self._inputs = _listed(inputs, "inputs")
        self._outputs = _listed(outputs, "outputs")
        self._nodes, found = graph.trace(self._inputs, self._outputs)
        self._sublayers = graph.ordered_layers(found)
        names = [layer.name for layer in self._sublayers]
        for name in names:
            if names.count(name) > 1:
                raise ArgumentError(f"layer names must be unique, and two layers are named {name!r}")
        self._input_names = list(inputs) if isinstance(inputs, Mapping) else [_name(t) for t in self._inputs]
        self._output_names = list(outputs) if isinstance(outputs, Mapping) else _unique([_name(t) for t in self._outputs])
        self._output_form = dict if isinstance(outputs, Mapping) else list if isinstance(outputs, (list, tuple)) else None
        self.built = True

    # ---- running it
    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Apply the model, to arrays or Tensors or symbolically; several inputs come in a list, or in a dict by name."""
        if isinstance(inputs, Mapping):
            if set(inputs) != set(self._input_names):
                raise ArgumentError(f"inputs must be a dict with the keys {self._input_names}, got {list(inputs)}")
            inputs = [inputs[name] for name in self._input_names]
        if isinstance(inputs, (list, tuple)) and len(inputs) == 1 == len(self._inputs) and hasattr(inputs[0], "shape"):
            inputs = inputs[0]
        return super().__call__(inputs, training)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The layers, each after those it reads from."""
        given = inputs if isinstance(inputs, list) else [inputs]
        values = {id(t): value for t, value in zip(self._inputs, given, strict=True)}
        graph.run(self._nodes, values, training)
        results = [values[id(t)] for t in self._outputs]
        if self._output_form is dict:
            return dict(zip(self._output_names, results, strict=True))
        return results if self._output_form is list else results[0]

    def _check_inputs(self, input_shape: Any) -> None:
        """ShapeError unless the inputs are as many, and of the shapes, as the model was drawn with."""
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        if len(shapes) != len(self._inputs):
            raise ShapeError(f"model {self.name!r} expects {len(self._inputs)} inputs {self._input_names}, got {len(shapes)}")
        for name, shape, tensor in zip(self._input_names, shapes, self._inputs, strict=True):
            check_shape(self.name, shape, tensor.shape, f"input {name!r}")

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._output_form is dict:
            raise DTypeError(f"model {self.name!r} gives a dict of outputs, and so cannot be a layer of another model")
        shapes = self._shapes(input_shape if isinstance(input_shape, list) else [input_shape])
        return shapes if self._output_form is list else shapes[0]

    def _shapes(self, shapes: list[Shape]) -> list[Shape]:
        """The outputs' shapes for the inputs' shapes."""
        known: dict[int, Any] = {id(t): shape for t, shape in zip(self._inputs, shapes, strict=True)}
        for node in self._nodes:
            if node.inputs:
                read = [known[id(t)] for t in node.inputs]
                made = node.layer.compute_output_shape(read if node.takes_list else read[0])
                known |= {id(t): made if t.index is None else made[t.index] for t in node.outputs}
        return [known[id(t)] for t in self._outputs]

    def _predicted_shapes(self, data: ArrayData) -> list[Shape]:
        shapes = [(None, *a.shape[1:]) for a in data.x]
        self._check_inputs(shapes)
        return self._shapes(shapes)

    # ---- looking at it
    @property
    def input_shape(self) -> Any:
        """The shape of the input, or a list of them."""
        return self._inputs[0].shape if len(self._inputs) == 1 else [t.shape for t in self._inputs]

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or a list of them."""
        return self._outputs[0].shape if len(self._outputs) == 1 else [t.shape for t in self._outputs]

    @property
    def input(self) -> Any:
        """The symbolic input, or a list of them."""
        return self._inputs[0] if len(self._inputs) == 1 else self.inputs

    @property
    def output(self) -> Any:
        """The symbolic output, or a list of them."""
        return self._outputs[0] if len(self._outputs) == 1 else self.outputs

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic inputs."""
        return list(self._inputs)

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic outputs."""
        return list(self._outputs)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: of their layers, or the keys of the dict they came in."""
        return list(self._input_names)

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: of their layers, or the keys of the dict they came in."""
        return list(self._output_names)


def _listed(tensors: Any, argument: str) -> list[SymbolicTensor]:
    """One symbolic tensor, a list or a dict of them, as a list."""
    parts = list(tensors.values()) if isinstance(tensors, Mapping) else tensors if isinstance(tensors, (list, tuple)) else [tensors]
    for part in parts:
        if not isinstance(part, SymbolicTensor):
            raise DTypeError(f"{argument} must be symbolic tensors (of Input(...), or a layer's output), got {part!r}")
    if not parts:
        raise ArgumentError(f"{argument} must not be empty")
    return list(parts)


def _name(tensor: SymbolicTensor) -> str:
    """The name of the layer that made it."""
    return tensor.history[0].name if tensor.history is not None else tensor.name


def _unique(names: list[str]) -> list[str]:
    """A number behind every name that was there before: two outputs of one layer."""
    counts: dict[str, int] = {}
    result = []
    for name in names:
        result.append(f"{name}_{counts[name]}" if name in counts else name)
        counts[name] = counts.get(name, 0) + 1
    return result
