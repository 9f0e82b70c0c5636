"""Layers around a layer."""

from __future__ import annotations

from typing import Any

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.errors import DTypeError, ShapeError, shown
from tinycnn.layers.layer import Layer
from tinycnn.layers.shapes import Shape
from tinycnn.registry import register
from tinycnn.saving import configurable

__all__ = ["TimeDistributed", "Wrapper"]


class Wrapper(Layer):
    """Base of layers that change what another one does; an implementation gives `call`.

    Args:
        layer: the other one.
        **kwargs: of `Layer`.

    Raises:
        DTypeError: layer is no Layer.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(layer, dict):  # from a config
            layer = configurable.deserialize("layer", layer)
        if not isinstance(layer, Layer):
            raise DTypeError(f"layer must be a Layer, got {shown(layer)}")
        self.layer = layer

    def build(self, input_shape: Any) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)


@register("layer")
class TimeDistributed(Wrapper):
    """A layer applied to each step of (N, steps, ...) for itself: batch and steps are one batch to it.

    Args:
        layer: any layer with one tensor in and one out.
        **kwargs: of `Layer`.

    Raises:
        DTypeError, ShapeError: naming the argument.
    """

    def build(self, input_shape: Shape) -> None:
        super().build(self._of_a_step(input_shape))

    def call(self, inputs: Tensor) -> Tensor:
        n, steps = inputs.shape[:2]
        self._of_a_step(inputs.shape)
        y = self.layer(ops.reshape(inputs, (n * steps, *inputs.shape[2:])))
        return ops.reshape(y, (n, steps, *y.shape[1:]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *rest = self.layer.compute_output_shape(self._of_a_step(input_shape))
        return (batch, input_shape[1], *rest)

    def _of_a_step(self, shape: Shape) -> Shape:
        if len(shape) < 3:
            raise ShapeError(f"{self.who} expects inputs with 3 dimensions (batch, steps, ...) or more, got shape {shape}")
        return (shape[0], *shape[2:])
