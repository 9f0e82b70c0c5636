"""The layer that runs an ONNX graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinycnn import ops
from tinycnn.autograd import Tensor, Variable, no_grad
from tinycnn.errors import ArgumentError, DataError, ShapeError, TinyCNNError
from tinycnn.layers import Layer
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.shapes import Shape
from tinycnn.saving import budget
from tinycnn.saving.onnx import operators, shape_operators, window_operators
from tinycnn.saving.onnx.operator import OPERATORS, Context, check_call
from tinycnn.saving.onnx.reading import Graph, Step, shortened
from tinycnn.saving.onnx.work import multiply_adds

__all__ = ["OnnxGraph"]

#: The three files whose import fills the table.
_HOMES = (operators, shape_operators, window_operators)

#: What operators raise on inputs that do not fit, apart from tinycnn's own errors.
_MISFITS = (ArithmeticError, IndexError, TypeError, ValueError)
#: Cells of all values alive at a time, for one sample: 512 MiB in float32.
_MAX_CELLS = 2**27


class OnnxGraph(Layer):
    """Runs a graph: inputs in a list if there are several, outputs as well.

    Every floating-point initializer that has an axis is a weight, under its name in the file: trained, but for the moving averages of
    batch normalisations. Settings, such as the scales of a Resize, and single numbers stay as they are.

    Args:
        graph: as `reading.read_graph` gives it.
        name: default: "onnx_graph" and a number.

    Raises:
        DataError: a node has inputs or attributes that its operator does not take.
    """

    def __init__(self, graph: Graph, name: str | None = None) -> None:
        super().__init__(name=name, dtype="float64" if "float64" in [port.dtype for port in graph.inputs] else "float32")
        self._graph = graph
        self._constants: dict[str, Tensor] = {}
        for step in graph.steps:
            _check(step, graph)
        fixed = {name for step in graph.steps for name in _at(step, OPERATORS[step.op].fixed)}
        moving = {name for step in graph.steps for name in _at(step, OPERATORS[step.op].moving)}
        for name_, array in graph.constants.items():
            array = array.astype(self.dtype) if array.dtype.kind == "f" else array
            if array.dtype.kind == "f" and array.ndim and name_ not in fixed:
                variable = Variable(array, trainable=name_ not in moving, name=name_, path=f"{self.name}/{name_}")
                self._track(variable)
                self._constants[name_] = variable
            else:
                self._constants[name_] = Tensor.wrap(array)
        specs = [_spec(port.shape) for port in graph.inputs]
        self.input_spec = specs[0] if len(specs) == 1 else specs

    def call(self, inputs: Any, training: bool = False) -> Any:
        given = inputs if isinstance(inputs, list) else [inputs]
        limit = _MAX_CELLS * max([1, *(len(tensor) for tensor in given if tensor.ndim)])
        results = self._results(given, training, limit)
        return results if len(results) > 1 else results[0]

    def _results(self, given: Sequence[Tensor], training: bool, limit: int) -> list[Any]:
        """The outputs, if no more than `limit` cells are needed at a time."""
        values: dict[str, Any] = {}
        for port, tensor in zip(self._graph.inputs, given, strict=True):
            values[port.name] = tensor if tensor.dtype.kind == "f" == np.dtype(port.dtype).kind else ops.cast(tensor, self._dtype_of(port))
        for place, step in enumerate(self._graph.steps):
            self._run(step, values, training, limit, place)
        return [self._look_up(port.name, values) for port in self._graph.outputs]

    def _look_up(self, name: str, values: dict[str, Any]) -> Tensor | None:
        """A value by its name; None for an input that is left out."""
        return values.get(name, self._constants.get(name))

    def _dtype_of(self, port: Any) -> str:
        """Of an input: floats are all of the layer's dtype."""
        return self.dtype if np.dtype(port.dtype).kind == "f" else port.dtype

    def _run(self, step: Step, values: dict[str, Any], training: bool, limit: int, place: int) -> None:
        """One node: its results go into `values`, and what nobody reads any more goes out."""
        operator = OPERATORS[step.op]
        at = Context(self._graph.opset, training, np.dtype(self.dtype), limit, len(step.outputs))
        inputs = [self._look_up(name, values) for name in step.inputs]
        shapes = [value.shape for value in inputs if value is not None]
        try:
            budget.check_result(step.op, 0, multiply_adds(step.op, shapes, step.attributes))
            with np.errstate(all="ignore"):
                found = operator.function(at, *inputs, **step.attributes)
            results = found if isinstance(found, list) else [found]
            budget.check_result(step.op, 0, 8 * sum(result.size for result in results))
            values.update(zip(step.outputs, results, strict=False))
            for name in self._graph.last_reads.get(place, ()):
                values.pop(name, None)
            at.allow((sum(value.size for value in values.values()),))
        except TinyCNNError as error:
            raise type(error)(f"{_who(step)}: {error}") from None
        except _MISFITS as error:
            raise DataError(f"{_who(step)} cannot take its inputs of shapes {shapes}: {error}") from None

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = [input_shape] if len(self._graph.inputs) == 1 else input_shape
        if all(n is not None for shape in shapes for n in shape[1:]):
            return self._found_on_zeros(shapes)
        found = [port.shape for port in self._graph.outputs]
        if None in found:
            raise ShapeError(
                f"{self.who} has inputs of unknown size {input_shape}, and its file does not say of what shape the outputs are"
            )
        return found if len(found) > 1 else found[0]

    def _found_on_zeros(self, shapes: Sequence[Shape]) -> Any:
        """The outputs' shapes, found by a run on zeros, with one sample for an unknown batch."""
        zeros = [
            Tensor.wrap(np.zeros([1 if n is None else n for n in shape], self._dtype_of(port)))
            for shape, port in zip(shapes, self._graph.inputs, strict=True)
        ]
        with no_grad():
            results = self._results(zeros, False, _MAX_CELLS)
        is_open = any(shape and shape[0] is None for shape in shapes)
        found = [(None, *result.shape[1:]) if is_open and result.ndim else result.shape for result in results]
        return found if len(found) > 1 else found[0]

    def get_config(self) -> dict[str, Any]:
        raise ArgumentError(
            f"{self.who} came from an ONNX file and cannot be written into a config: keep the file, and its weights by save_weights()"
        )


def _check(step: Step, graph: Graph) -> None:
    """DataError, naming the node, if its operator does not take what it has or give what is read of it."""
    try:
        check_call(step.op, step.inputs, step.attributes)
        given = OPERATORS[step.op].results
        more = set(step.outputs[given:] if given is not None else ()) - {""}
        if more and more & {*(name for other in graph.steps for name in other.inputs), *(port.name for port in graph.outputs)}:
            raise DataError(f"only {given} of its results is supported, and others are used")
    except DataError as error:
        raise DataError(f"{_who(step)}: {error}") from None


def _who(step: Step) -> str:
    return f"the node {shortened(step.name)} ({step.op})"


def _at(step: Step, places: Sequence[int] | frozenset[int]) -> list[str]:
    """The names of a node's inputs at these places."""
    return [step.inputs[place] for place in places if place < len(step.inputs)]


def _spec(shape: Shape | None) -> InputSpec:
    """What an input must look like, as far as the file says."""
    if shape is None:
        return InputSpec()
    if math.prod(n for n in shape if n) > _MAX_CELLS:
        raise DataError(f"an input of shape {shape} has more than {_MAX_CELLS} cells")
    return InputSpec(ndim=len(shape), axes={axis: n for axis, n in enumerate(shape) if n is not None})
