"""Which layers run as one step: Conv2D -> activation -> MaxPooling2D, where one kernel does all three at the pooled resolution, and
Dense -> activation, which is then one op.

A step is what a stack of layers, or such a stack inside of a functional model, is run by: (tensor, training) -> tensor. A layer is
one. Fused steps use the weights of their layers as they are at each call, so weights, frozen layers, files and summaries know nothing of
them. Only layers of exactly the classes named here are taken, since a subclass may compute anything; what they are set to is read when
the model is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tinycnn.activations import KERNEL_ACTIVATIONS
from tinycnn.autograd import Tensor, apply
from tinycnn.kernels.spec import PoolableActivation
from tinycnn.layers import Activation, Conv2D, Dense, Layer, LeakyReLU, MaxPooling2D, ReLU
from tinycnn.ops.convert import floats
from tinycnn.rules.fused import Affine, ConvPool2d

__all__ = ["Step", "begins", "fused_steps", "step_at"]

Step = Callable[..., Any]
#: An activation that may go after the maximum: its name in the kernels, and its slope below 0.
Slope = tuple[PoolableActivation, float]


@dataclass(frozen=True)
class ConvPoolStep:
    """A convolution, its activation and its pooling."""

    conv: Conv2D
    parameters: dict[str, Any]

    def __call__(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        weights = (self.conv.kernel,) if self.conv.bias is None else (self.conv.kernel, self.conv.bias)
        return apply(ConvPool2d, *floats(inputs, *weights), **self.parameters)


@dataclass(frozen=True)
class DenseStep:
    """A dense layer and the activation behind it."""

    dense: Dense
    kind: PoolableActivation
    alpha: float

    def __call__(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        weights = (self.dense.kernel,) if self.dense.bias is None else (self.dense.kernel, self.dense.bias)
        return apply(Affine, *floats(inputs, *weights), kind=self.kind, alpha=self.alpha)


def fused_steps(layers: Sequence[Layer]) -> list[Step]:
    """The steps that run a stack of layers, as few as can be."""
    steps: list[Step] = []
    at = 0
    while at < len(layers):
        step, taken = step_at(layers, at)
        steps.append(step)
        at += taken
    return steps


def step_at(layers: Sequence[Any], at: int) -> tuple[Step, int]:
    """The step that begins with layer `at` of some that run one after the other, and how many it takes: one if it cannot be fused."""
    first = layers[at]
    if not begins(first):
        return first, 1
    slope, end = _activated(layers, at)
    if not slope:
        return first, 1
    if isinstance(first, Dense):
        return (DenseStep(first, *slope), end - at) if end > at + 1 else (first, 1)
    if first.data_format != "channels_last" or first.groups != 1:
        return first, 1
    if end == len(layers) or not _is_pool(layers[end]) or layers[end].dtype != first.dtype:
        return first, 1
    kind, alpha = slope
    parameters = {
        "kind": kind,
        "alpha": alpha,
        "strides": first.strides,
        "padding": first.padding,
        "dilation_rate": first.dilation_rate,
        "pool_padding": layers[end].padding,
    }
    return ConvPoolStep(first, parameters), end + 1 - at


def begins(layer: Any) -> bool:
    """Whether a fused step can begin with this layer."""
    return _is_plainly(layer, Conv2D, Dense)


def _activated(layers: Sequence[Any], at: int) -> tuple[Slope | None, int]:
    """The activation of layer `at`, with those of the activation layers behind it; and where these end."""
    slope, end = _slope(layers[at].activation), at + 1
    while slope and end < len(layers) and _is_plainly(layers[end], Activation, LeakyReLU, ReLU) and layers[end].dtype == layers[at].dtype:
        composed = _composed(slope, _slope(layers[end]))
        if composed is None:
            break
        slope, end = composed, end + 1
    return slope, end


def _is_plainly(layer: Any, *classes: type) -> bool:
    """Is it of exactly one of these classes, was its `call` not replaced, and does nobody look at its result?"""
    return type(layer) in classes and "call" not in vars(layer) and layer.activity_regularizer is None


def _is_pool(layer: Any) -> bool:
    is_2x2 = _is_plainly(layer, MaxPooling2D) and layer.pool_size == layer.strides == (2, 2)
    return is_2x2 and layer.data_format == "channels_last"


def _slope(activation: Any) -> Slope | None:
    """How an activation, a function or a layer, is done by the kernel; None if it cannot be."""
    if _is_plainly(activation, Activation):
        return _slope(activation.activation)
    if _is_plainly(activation, LeakyReLU):
        return "leaky_relu", activation.negative_slope
    if _is_plainly(activation, ReLU):
        if activation.max_value is not None or activation.threshold:
            return None
        return ("leaky_relu", activation.negative_slope) if activation.negative_slope else ("relu", 0.0)
    kind, alpha = KERNEL_ACTIVATIONS.get(activation, ("none", 0.0))
    return (kind, alpha) if kind in ("linear", "relu", "leaky_relu") else None


def _composed(first: Slope, second: Slope | None) -> Slope | None:
    """One activation after another: the one that is not linear, if there are not two."""
    if second is None or (first[0] != "linear" and second[0] != "linear"):
        return None
    return first if second[0] == "linear" else second
