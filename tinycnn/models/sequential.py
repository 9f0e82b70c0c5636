"""A stack of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tinycnn.autograd.engine import quiet
from tinycnn.data import ArrayData, Batch
from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError, ShapeError, shown
from tinycnn.layers import Input, InputLayer, Layer
from tinycnn.layers.symbolic import KerasTensor, Shape
from tinycnn.models.building import undone_on_error
from tinycnn.models.fusion import FusedStep, Step, fused_steps
from tinycnn.models.graph_config import check_bounds
from tinycnn.models.model import Model, check_shape
from tinycnn.models.stepwise import Stepwise
from tinycnn.registry import register
from tinycnn.saving.configurable import deserialize, serialize
from tinycnn.saving.custom import within

__all__ = ["Sequential"]


@register("layer")
class Sequential(Stepwise):
    """A model whose layers run one after the other.

    It is built as soon as the input's shape is known: from an `Input` in front, from the first layer's `input_shape`, by `build`, or by the
    first data.

    Args:
        layers: the first ones; more by `add`.
        trainable: what `trainable` says; the layers stay as they are.
        name: default: "sequential" and a number.
    """

    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(name=name)
        self._sublayers: list[Layer] = []
        self._drawn_tensors: list[KerasTensor] = []  # the input, then each layer's output; empty while the input is unknown
        if not isinstance(layers, (Iterable, type(None))):
            raise DTypeError(f"layers must be a list of layers, got {shown(layers)}")
        for layer in layers or ():
            self.add(layer)
        self._trainable = bool(trainable)

    # ---- putting it together
    def add(self, layer: Any) -> None:
        """Put a layer on top.

        Args:
            layer: a Layer; or, as the very first, an `Input`.

        Raises:
            DTypeError: it is neither.
            ArgumentError: an input that is not first, or a name that another layer has.
            ShapeError: it cannot take the output of the layers below. The model stays as it was.
        """
        source = layer.layer if isinstance(layer, KerasTensor) else layer
        if isinstance(source, InputLayer):
            self._add_input(source)
            return
        if not isinstance(layer, Layer):
            raise DTypeError(f"layer must be a Layer or an Input, got {shown(layer)}")
        if any(layer is other for other in self._sublayers):
            raise ArgumentError(f"layer {layer.name!r} is in this model already: add another one, or share it in a functional model")
        if any(layer.name == other.name for other in self._sublayers):
            raise ArgumentError(f"layer names must be unique, and there is a {layer.name!r} already")
        if self._drawn_tensors:
            with undone_on_error(layer):
                self._drawn_tensors.append(layer(self._drawn_tensors[-1]))
        self._sublayers.append(layer)
        self._forget_steps()
        if not self._drawn_tensors and len(self._sublayers) == 1:
            self._build_from_first_layer(layer)

    def _add_input(self, source: InputLayer) -> None:
        if self._sublayers or self._drawn_tensors:
            raise ArgumentError("an Input can only be the first entry of a Sequential")
        self._drawn_tensors = [source.output]
        self.built = True

    def _build_from_first_layer(self, layer: Layer) -> None:
        """Take the shape of the input from the first layer, if that knows it."""
        shape = layer.batch_input_shape
        if shape is None and isinstance(layer, Model) and layer.inputs and len(layer.inputs) == 1:
            shape = layer.inputs[0].shape
        if shape is None:
            return
        try:
            self.build(shape)
        except BaseException:
            self._sublayers.clear()
            raise

    def pop(self) -> Layer:
        """Take the top layer off. Raises ArgumentError if there is none."""
        if not self._sublayers:
            raise ArgumentError("there is no layer to pop")
        del self._drawn_tensors[len(self._sublayers) :]
        self._forget_steps()
        return self._sublayers.pop()

    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        """Make the weights.

        Args:
            input_shape: with the batch in front (None for any); may be left out where the model knows it.

        Raises:
            NotBuiltError: the shape is not known.
            ShapeError: some layer cannot take what comes; nothing was built.
        """
        if self._drawn_tensors:
            if input_shape is not None:
                self._check_inputs(tuple(input_shape))
            return
        if input_shape is None:
            raise NotBuiltError(f"model {self.name!r} does not know its input's shape: pass input_shape, or put an Input in front")
        with undone_on_error(self):
            if self._drawn_tensors:  # another thread was first
                return
            drawn = [Input(batch_shape=(None, *input_shape[1:]), dtype=self.dtype)]
            for layer in self._sublayers:
                drawn.append(layer(drawn[-1]))
            self._drawn_tensors = drawn
            self.built = True

    # ---- running it
    def _taken(self, args: Any, kwargs: dict[str, Any], training: bool | None) -> tuple[tuple[Any, ...], dict[str, Any], bool | None]:
        args, kwargs, training = super()._taken(args, kwargs, training)
        if self._drawn_tensors and args:  # as `predict` takes it
            if isinstance(args[0], (list, tuple)) and len(args[0]) == 1:
                args = (args[0][0], *args[1:])
            elif isinstance(args[0], dict) and list(args[0]) == self.input_names:
                args = (args[0][self.input_names[0]], *args[1:])
        return args, kwargs, training

    def _make_steps(self, fuses: bool) -> list[Step]:
        return fused_steps(self._sublayers) if fuses else list(self._sublayers)

    def _run(self, steps: list[Any], inputs: Any, training: bool | None) -> Any:
        for step in steps:
            inputs = step(inputs, training=training)
        return inputs

    def _forward(self, batch: Batch) -> Any:
        """As every model predicts; but on arrays, where all steps are fused and nobody has replaced a method on the way."""
        steps = self._runnable()
        if type(self) is not Sequential or not vars(self).keys().isdisjoint(("call", "predict_step")):
            return super()._forward(batch)
        for step in steps:
            if not isinstance(step, FusedStep):
                return super()._forward(batch)
        array = batch.x[0]
        with quiet():
            for step in steps:
                array = step.compute(array)
        return array

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self._sublayers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def _check_inputs(self, input_shape: Any) -> None:
        """ShapeError if the model is built for another shape."""
        if self._drawn_tensors:
            check_shape(self.name, input_shape, self._drawn_tensors[0].shape)

    def _predicted_shapes(self, data: ArrayData) -> list[Shape]:
        if len(data.x) != 1:
            raise ShapeError(f"x must be one array: a Sequential has one input, got {len(data.x)} arrays")
        self.build((None, *data.x[0].shape[1:]))
        return [self.compute_output_shape((None, *data.x[0].shape[1:]))]

    # ---- looking at it
    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic input, in a list; empty while it is unknown."""
        return self._drawn_tensors[:1]

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic output, in a list; empty while it is unknown."""
        return self._drawn_tensors[-1:]

    @property
    def input_shape(self) -> Shape:
        """The shape of the input. Raises NotBuiltError while it is unknown."""
        return self.input.shape

    @property
    def output_shape(self) -> Shape:
        """The shape of the output. Raises NotBuiltError while it is unknown."""
        return self.output.shape

    @property
    def input(self) -> KerasTensor:
        """The symbolic input. Raises NotBuiltError while it is unknown."""
        return self._end(0)

    @property
    def output(self) -> KerasTensor:
        """The symbolic output. Raises NotBuiltError while it is unknown."""
        return self._end(-1)

    def _end(self, place: int) -> KerasTensor:
        if not self._drawn_tensors:
            raise NotBuiltError(f"model {self.name!r} does not know its input's shape yet: build it first")
        return self._drawn_tensors[place]

    @property
    def input_names(self) -> list[str] | None:
        return [self._drawn_tensors[0].name] if self._drawn_tensors else None

    @property
    def output_names(self) -> list[str] | None:
        return [self._sublayers[-1].name] if self._sublayers else None

    # ---- configs
    def get_config(self) -> dict[str, Any]:
        """Name and layers, plain data."""
        first = [tensor.layer for tensor in self._drawn_tensors[:1]]
        return {"name": self.name, "trainable": self.trainable, "layers": [serialize(layer) for layer in (*first, *self._sublayers)]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Sequential:
        """A new model of new layers, with new weights. Arguments and errors are those of `Model.from_config`."""
        check_bounds(config)
        unknown = set(config) - {"name", "trainable", "layers"}
        if unknown or not isinstance(config.get("layers"), list):
            raise ArgumentError(f"the config of a Sequential must have name, trainable and a list of layers, got {sorted(config)}")
        with within(custom_objects):
            layers = [deserialize("layer", layer) for layer in config["layers"]]
        return cls(layers, trainable=config.get("trainable") is not False, name=config.get("name"))
