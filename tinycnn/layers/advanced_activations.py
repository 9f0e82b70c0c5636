"""Activations with parameters, as layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinycnn import activations, ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.layer import Layer
from tinycnn.layers.shapes import Shape, known_size
from tinycnn.layers.weights import MadeByBuild
from tinycnn.registry import register

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class _SameShape(Layer):
    """A layer whose result has the shape of its inputs."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@register("layer")
class LeakyReLU(_SameShape):
    """x where x > 0, else negative_slope * x (Maas et al. 2013).

    Args:
        negative_slope: at least 0; `alpha` is its old name.
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
        max_value: at least 0, or None for no limit.
        negative_slope: at least 0.
        threshold: at least 0.
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
class PReLU(_SameShape):
    """x where x > 0, else alpha * x, with a weight alpha for each place of a sample (He et al. 2015).

    Args:
        alpha_initializer: anything `initializers.get` takes.
        alpha_regularizer: anything `regularizers.get` takes.
        alpha_constraint: anything `constraints.get` takes.
        shared_axes: axes, the batch being 0, along which one weight serves all places: [1, 2] for one weight a channel of an image.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError: naming the argument.
    """

    alpha: Any = MadeByBuild("alpha")

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep_rules(alpha_initializer=alpha_initializer, alpha_regularizer=alpha_regularizer, alpha_constraint=alpha_constraint)
        several = () if shared_axes is None else shared_axes if isinstance(shared_axes, (list, tuple)) else (shared_axes,)
        if any(isinstance(axis, bool) or not isinstance(axis, int) or axis < 1 for axis in several):
            raise ArgumentError(f"shared_axes must be ints >= 1, got {shared_axes!r}")
        self.shared_axes: list[int] | None = None if shared_axes is None else list(several)

    def build(self, input_shape: Shape) -> None:
        shared = self.shared_axes or []
        if max(shared, default=0) >= len(input_shape):
            raise ArgumentError(f"shared_axes must name axes of inputs of shape {input_shape}, got {shared}")
        sizes = {axis: known_size(input_shape, axis, self.who) for axis in range(1, len(input_shape)) if axis not in shared}
        self.alpha = self._add_ruled("alpha", [sizes.get(axis, 1) for axis in range(1, len(input_shape))])
        self.input_spec = InputSpec(ndim=len(input_shape), axes=sizes)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)


@register("layer")
class Softmax(_SameShape):
    """e ** x / sum(e ** x) along `axis`, an int or several."""

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        several: list[Any] = list(axis) if isinstance(axis, (list, tuple)) else [axis]
        if not several or not all(hasattr(one, "__index__") for one in several):
            raise ArgumentError(f"axis must be an int or a list of ints, got {axis!r}")
        self.axis: Any = [int(one) for one in several] if isinstance(axis, (list, tuple)) else int(several[0])

    def call(self, inputs: Tensor) -> Tensor:
        if not isinstance(self.axis, list):
            return activations.softmax(inputs, self.axis)
        if len(self.axis) == 1:
            return activations.softmax(inputs, self.axis[0])
        return ops.exp(inputs - ops.logsumexp(inputs, self.axis, keepdims=True))


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__") or not 0 <= float(value) < math.inf:
        raise ArgumentError(f"{name} must be a number >= 0, got {value!r}")
    return float(value)
