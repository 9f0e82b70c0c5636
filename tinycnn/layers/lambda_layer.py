"""Lambda and Identity: layers around a function, and around nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from tinycnn import ops
from tinycnn.errors import ArgumentError, DTypeError
from tinycnn.layers.layer import Layer
from tinycnn.layers.shapes import Shape, normalize_shape
from tinycnn.registry import register

__all__ = ["Identity", "Lambda"]

_REASON = "a Lambda layer holds a Python function, and a file never holds code: write a subclass of Layer in its place"


@register("layer")
class Lambda(Layer):
    """function(inputs, **arguments), for a model that stays in memory: it cannot be saved.

    Args:
        function: Tensors in, Tensors out, made of `tinycnn.ops`. If it takes an argument `training`, it is told that, too.
        output_shape: the shape of the result without the batch, or a function from the inputs' shape to the result's (with the batch).
            Default: found by calling the function on zeros.
        arguments: further keyword arguments of the function.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        *,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise DTypeError(f"function must be a function of Tensors, got {function!r}")
        self.function = function
        if output_shape is not None and not callable(output_shape):
            output_shape = normalize_shape(output_shape, "output_shape")
        self._given_output_shape = output_shape
        self.arguments = dict(arguments or {})
        try:
            self._told = "training" in inspect.signature(function).parameters
        except ValueError:  # a built-in function without a signature
            self._told = False

    def call(self, inputs: Any, training: bool = False) -> Any:
        told = {"training": training} if self._told else {}
        result = self.function(inputs, **self.arguments, **told)
        if isinstance(result, (list, tuple)):
            return [ops.convert_to_tensor(part) for part in result]
        return ops.convert_to_tensor(result)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if callable(self._given_output_shape):
            return self._given_output_shape(input_shape)
        if self._given_output_shape is None:
            return super().compute_output_shape(input_shape)
        first = input_shape[0]
        return (first if first is None or hasattr(first, "__index__") else first[0], *self._given_output_shape)

    def get_config(self) -> NoReturn:
        """Raises ArgumentError: there is nothing that a file could hold."""
        raise ArgumentError(f"{self.who} cannot be written into a config or a file: {_REASON}")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> NoReturn:
        """Raises ArgumentError: code does not come out of a file."""
        raise ArgumentError(f"Lambda cannot be made from a config or a file: {_REASON}")


@register("layer")
class Identity(Layer):
    """The inputs as they are."""

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape
