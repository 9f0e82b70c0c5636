"""Activations with parameters, as layers."""

from __future__ import annotations

import math
from typing import Any

from tinycnn import activations, ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError
from tinycnn.layers.layer import Layer
from tinycnn.layers.shapes import Shape
from tinycnn.registry import register

__all__ = ["ELU", "LeakyReLU", "ReLU", "Softmax"]


class _SameShape(Layer):
    """A layer whose result has the shape of its inputs."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@register("layer")
class LeakyReLU(_SameShape):
    """x where x > 0, else negative_slope * x (Maas et al. 2013).

    Args:
        negative_slope: >= 0; `alpha` is its old name.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError: negative_slope is no number >= 0.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        self.negative_slope = _number(negative_slope, "negative_slope")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.leaky_relu(inputs, self.negative_slope)


@register("layer")
class ReLU(_SameShape):
    """max_value where x >= max_value, x where x > threshold, else negative_slope * (x - threshold): by default max(x, 0).

    Args:
        max_value: >= 0, or None for no limit.
        negative_slope: >= 0.
        threshold: >= 0.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError: naming the argument.
    """

    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else _number(max_value, "max_value")
        self.negative_slope = _number(negative_slope, "negative_slope")
        self.threshold = _number(threshold, "threshold")

    def call(self, inputs: Tensor) -> Tensor:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


@register("layer")
class ELU(_SameShape):
    """x where x > 0, else alpha * (e ** x - 1), alpha >= 0 (Clevert et al. 2016)."""

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = _number(alpha, "alpha")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.elu(inputs, self.alpha)


@register("layer")
class Softmax(_SameShape):
    """e ** x / sum(e ** x) along `axis`."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not hasattr(axis, "__index__"):
            raise ArgumentError(f"axis must be an int, got {axis!r}")
        self.axis = int(axis)

    def call(self, inputs: Tensor) -> Tensor:
        return activations.softmax(inputs, self.axis)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__") or not 0 <= float(value) < math.inf:
        raise ArgumentError(f"{name} must be a number >= 0, got {value!r}")
    return float(value)
