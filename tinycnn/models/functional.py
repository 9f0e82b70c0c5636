"""A model drawn with symbolic tensors: any graph of layers without cycles."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinycnn.data import ArrayData
from tinycnn.errors import ArgumentError, DTypeError, ShapeError, shown
from tinycnn.layers import Layer
from tinycnn.layers.symbolic import KerasTensor, Node, Shape
from tinycnn.layers.tree import leaves, like, map_leaves
from tinycnn.models import graph
from tinycnn.models.graph_config import graph_config, graph_from_config
from tinycnn.models.model import Model, check_shape
from tinycnn.models.stepwise import Stepwise
from tinycnn.registry import register

__all__ = ["Functional"]


@register("layer", "Model")
class Functional(Stepwise):
    """Made by ``Model(inputs, outputs)``; see there.

    Args:
        inputs, outputs: KerasTensors, or lists or dicts of them. The model takes and gives the same form; dicts are gone through
            in the order of their sorted keys. In place of an input that no Input made a new Input is put: so parts of models are models.
        name: default: "functional" and a number.
        trainable: what `trainable` says; the layers stay as they are.

    Raises:
        DTypeError: one of them is not symbolic.
        ArgumentError: an output depends on an input that is not among `inputs`, or two layers have the same name.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name=name)
        inputs, outputs = [dict(sorted(form.items())) if isinstance(form, Mapping) else form for form in (inputs, outputs)]
        given, wanted = _checked(inputs, "inputs"), _checked(outputs, "outputs")
        self._inputs, self._outputs = graph.from_inputs(given, wanted)
        self._input_form = like(inputs, self._inputs)
        self._output_form = like(outputs, self._outputs)
        self._graph = graph.trace(self._inputs, self._outputs)
        self._sublayers = [layer for layer in self._graph.layers if isinstance(layer, Layer)]
        for name, count in Counter(layer.name for layer in self._graph.layers).items():
            if count > 1:
                raise ArgumentError(f"layer names must be unique, and {count} layers are named {name!r}")
        self._input_names = list(inputs) if isinstance(inputs, Mapping) else [_name(t) for t in self._inputs]
        self._output_names = list(outputs) if isinstance(outputs, Mapping) else _unique([_name(t) for t in self._outputs])
        self._trainable = bool(trainable)
        self.built = True

    # ---- running it
    def _taken(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None
    ) -> tuple[tuple[Any, ...], dict[str, Any], bool | None]:
        if args:
            args = (self._formed(args[0]), *args[1:])
        elif "inputs" in kwargs:
            kwargs = {**kwargs, "inputs": self._formed(kwargs["inputs"])}
        return super()._taken(args, kwargs, training)

    def _formed(self, inputs: Any) -> Any:
        """Inputs in the form the model has: of a dict by name its values, of a lone input in brackets the input."""
        if isinstance(inputs, Mapping):
            if set(inputs) != set(self._input_names):
                raise ArgumentError(f"inputs must be a dict with the keys {self._input_names}, got {list(inputs)}")
            if not isinstance(self._input_form, Mapping):
                inputs = [inputs[name] for name in self._input_names]
        is_lone = isinstance(inputs, (list, tuple)) and len(inputs) == 1 == len(self._inputs) and hasattr(inputs[0], "shape")
        return inputs[0] if is_lone else inputs

    def _make_steps(self, fuses: bool) -> list[graph.Step]:
        return graph.steps(self._graph.nodes, self._outputs, fuses)

    def _run(self, steps: list[Any], inputs: Any, training: bool | None) -> Any:
        values = {id(t): value for t, value in zip(self._inputs, leaves(inputs), strict=True)}
        graph.run(steps, values, training)
        if isinstance(self._output_form, KerasTensor):
            return values[id(self._output_form)]
        return map_leaves(lambda t: values[id(t)], self._output_form)

    def _check_inputs(self, input_shape: Any) -> None:
        """ShapeError unless the inputs are as many, and of the shapes, as the model was drawn with."""
        shapes = _shapes(input_shape)
        if len(shapes) != len(self._inputs):
            raise ShapeError(f"model {self.name!r} expects {len(self._inputs)} inputs {self._input_names}, got {len(shapes)}")
        for name, shape, tensor in zip(self._input_names, shapes, self._inputs, strict=True):
            check_shape(self.name, shape, tensor.shape, f"input {name!r}")

    def compute_output_shape(self, input_shape: Any) -> Any:
        found = iter(self._output_shapes(_shapes(input_shape)))
        return map_leaves(lambda _: next(found), self._output_form)

    def _output_shapes(self, shapes: list[Shape]) -> list[Shape]:
        """The outputs' shapes for the inputs' shapes."""
        if all(tuple(shape) == t.shape for shape, t in zip(shapes, self._inputs, strict=True)):
            return [t.shape for t in self._outputs]
        inputs = [KerasTensor(shape, t.dtype, t.name) for t, shape in zip(self._inputs, shapes, strict=True)]
        return [t.shape for t in self.redrawn(inputs, _results)]

    def redrawn(self, inputs: Sequence[KerasTensor], call: Callable[[Any, Any, Any], Any]) -> list[KerasTensor]:
        """The outputs for other symbolic inputs, where `call` (layer, args, kwargs) gives the results of each call in the model."""
        drawn = graph.redraw(self._graph, self._inputs, inputs, call)
        return [drawn[id(t)] for t in self._outputs]

    def remade(self, inputs: Any, outputs: Any) -> Functional:
        """A model of this name and, if it can be made so, of this class."""
        cls = type(self) if _takes_graph(type(self)) else Functional
        return cls(inputs, outputs, name=self.name)

    def _predicted_shapes(self, data: ArrayData) -> list[Shape]:
        shapes: list[Shape] = [(None, *a.shape[1:]) for a in data.x]
        self._check_inputs(shapes)
        return self._output_shapes(shapes)

    # ---- looking at it
    @property
    def layers(self) -> list[Layer]:
        """The layers, without those inside of nested models; the functions of `tinycnn.ops` in between are in `operations`."""
        return list(self._sublayers)

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
        """The symbolic input, or a list or dict of them as the model was made with."""
        return self._input_form

    @property
    def output(self) -> Any:
        """The symbolic output, or a list or dict of them as the model was made with."""
        return self._output_form

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs."""
        return list(self._inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs."""
        return list(self._outputs)

    @property
    def operations(self) -> list[Any]:
        """The layers and, among them, the functions of `tinycnn.ops` that were applied to symbolic tensors."""
        return list(self._graph.layers)

    @property
    def nodes(self) -> list[Node]:
        """The calls of its layers, each after those it reads from."""
        return list(self._graph.nodes)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: of their layers, or the keys of the dict they came in."""
        return list(self._input_names)

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: of their layers, or the keys of the dict they came in."""
        return list(self._output_names)

    # ---- configs
    def get_config(self) -> dict[str, Any]:
        """Name, layers and how they are connected: plain data in the form that Keras 3 writes."""
        if not _takes_graph(type(self)):
            raise ArgumentError(f"{type(self).__name__} has an __init__ of its own arguments: override get_config() to give them")
        form = graph_config(self._graph, self._input_form, self._output_form, Functional)
        return {"name": self.name, "trainable": self.trainable, **form}

    @staticmethod
    def from_graph(config: Mapping[str, Any], cls: type[Model]) -> Any:
        """A new model of new layers, with new weights: a `cls`, from inputs and outputs. See `from_config`.

        Raises:
            ArgumentError: naming what the config lacks, or the reference in it that leads nowhere or in a circle.
        """
        unknown = set(config) - {"name", "trainable", "layers", "input_layers", "output_layers"}
        if unknown:
            raise ArgumentError(f"the config of a {cls.__name__} holds the unknown {sorted(unknown)}")
        if not _takes_graph(cls):
            raise ArgumentError(f"{cls.__name__} has an __init__ of its own arguments: its config must give them, got {sorted(config)}")
        inputs, outputs = graph_from_config(config, Functional)
        return cls(inputs, outputs, name=config.get("name"), trainable=config.get("trainable") is not False)


def _results(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a call would give, without making it."""
    return layer.symbolic_results(args, {name: value for name, value in kwargs.items() if name not in ("training", "mask")})


def _takes_graph(cls: type) -> bool:
    """Whether such a model can be made of inputs and outputs."""
    parameters = inspect.signature(cls.__init__).parameters  # type: ignore[misc]  # it is called on classes
    kinds = {parameter.kind for parameter in parameters.values()}
    passes_on = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds
    return {"inputs", "outputs"} <= set(parameters) or passes_on


def _checked(tensors: Any, argument: str) -> list[KerasTensor]:
    """One symbolic tensor, a list or a dict of them, as a list."""
    parts = leaves(tensors)
    for part in parts:
        if not isinstance(part, KerasTensor):
            raise DTypeError(f"{argument} must be symbolic tensors (of Input(...), or a layer's output), got {shown(part)}")
    if not parts:
        raise ArgumentError(f"{argument} must not be empty")
    return parts


def _shapes(value: Any) -> list[Shape]:
    """One shape, or those in a list or dict, as a list."""
    if isinstance(value, Mapping):
        return [shape for key in sorted(value) for shape in _shapes(value[key])]
    if all(n is None or hasattr(n, "__index__") for n in value):
        return [tuple(value)]
    return [shape for part in value for shape in _shapes(part)]


def _name(tensor: KerasTensor) -> str:
    """The name of the layer that made it."""
    name: str = tensor.layer.name
    return name


def _unique(names: list[str]) -> list[str]:
    """A number behind every name that was there before: two outputs of one layer."""
    counts: dict[str, int] = {}
    result = []
    for name in names:
        result.append(f"{name}_{counts[name]}" if name in counts else name)
        counts[name] = counts.get(name, 0) + 1
    return result
