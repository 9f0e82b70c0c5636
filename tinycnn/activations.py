"""Activation functions, under Keras's names: Tensors in, Tensors out, of the same shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.ops import TensorLike
from tinycnn.registry import register
from tinycnn.saving import configurable

__all__ = [
    "KERNEL_ACTIVATIONS",
    "add_bias",
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]

Function = Callable[..., Tensor]


@register("activation")
def linear(x: TensorLike) -> Tensor:
    """x"""
    return ops.convert_to_tensor(x)


@register("activation")
def relu(x: TensorLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """max(x, 0); in general max_value where x >= max_value, x where x > threshold, else negative_slope * (x - threshold).

    Args:
        x: any shape.
        negative_slope: >= 0.
        max_value: None for no limit.
        threshold: where the function begins to rise with slope 1.
    """
    if threshold == 0:
        y = ops.leaky_relu(x, negative_slope) if negative_slope else ops.relu(x)
    else:
        x = ops.convert_to_tensor(x)
        y = ops.where(ops.greater(x, threshold), x, negative_slope * (x - threshold))
    return y if max_value is None else ops.minimum(y, max_value)


@register("activation")
def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """x where x > 0, else negative_slope * x."""
    return ops.leaky_relu(x, negative_slope)


@register("activation")
def relu6(x: TensorLike) -> Tensor:
    """min(max(x, 0), 6)"""
    return relu(x, max_value=6.0)


@register("activation")
def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha * (e ** x - 1) (Clevert et al. 2016)."""
    return ops.elu(x, alpha)


@register("activation")
def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha * (e ** (x / alpha) - 1) (Barron 2017)."""
    return alpha * ops.elu(ops.divide(x, alpha))


@register("activation")
def selu(x: TensorLike) -> Tensor:
    """1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1 through layers (Klambauer et al. 2017)."""
    return 1.0507009873554804934193349852946 * ops.elu(x, 1.6732632423543772848170429916717)


@register("activation")
def gelu(x: TensorLike, approximate: bool = False) -> Tensor:
    """x * P(Z <= x) for a standard normal Z (Hendrycks & Gimpel 2016).

    Args:
        x: any shape.
        approximate: use the authors' 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))).
    """
    x = ops.convert_to_tensor(x)
    if approximate:
        doubled = 1 + ops.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * ops.square(x)))
    else:
        doubled = 1 + ops.erf(x * math.sqrt(0.5))
    return ops.multiply(0.5 * x, doubled)


@register("activation", "swish")
def silu(x: TensorLike) -> Tensor:
    """x * sigmoid(x) (Elfwing et al. 2017)."""
    return ops.multiply(x, ops.sigmoid(x))


@register("activation", "hard_swish")
def hard_silu(x: TensorLike) -> Tensor:
    """x * relu6(x + 3) / 6 (Howard et al. 2019)."""
    return ops.multiply(x, hard_sigmoid(x))


@register("activation")
def mish(x: TensorLike) -> Tensor:
    """x * tanh(softplus(x)) (Misra 2019)."""
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


@register("activation")
def softplus(x: TensorLike) -> Tensor:
    """ln(1 + e ** x)"""
    return ops.softplus(x)


@register("activation")
def softsign(x: TensorLike) -> Tensor:
    """x / (1 + |x|)"""
    return ops.divide(x, 1 + ops.abs(x))


@register("activation")
def tanh(x: TensorLike) -> Tensor:
    """The hyperbolic tangent."""
    return ops.tanh(x)


@register("activation")
def hard_tanh(x: TensorLike) -> Tensor:
    """x, but at least -1 and at most 1."""
    return ops.clip(x, -1.0, 1.0)


@register("activation")
def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + e ** -x). The result remembers x, from which a cross-entropy is computed exactly."""
    (logits,) = ops.convert.floats(x)
    y = ops.sigmoid(logits)
    y._logits = "sigmoid", logits
    return y


@register("activation")
def hard_sigmoid(x: TensorLike) -> Tensor:
    """relu6(x + 3) / 6"""
    return relu6(ops.add(x, 3.0)) / 6.0


@register("activation")
def log_sigmoid(x: TensorLike) -> Tensor:
    """ln(sigmoid(x))"""
    return -ops.softplus(ops.negative(x))


@register("activation")
def exponential(x: TensorLike) -> Tensor:
    """e ** x"""
    return ops.exp(x)


@register("activation")
def softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """e ** x / sum(e ** x) along `axis`. The result remembers x (for the last axis), from which a cross-entropy is computed exactly."""
    (logits,) = ops.convert.floats(x)
    y = ops.softmax(logits, axis)
    if axis in (-1, y.ndim - 1):
        y._logits = "softmax", logits
    return y


@register("activation")
def log_softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """ln(softmax(x)) along `axis`."""
    return ops.log_softmax(x, axis)


swish, hard_swish = silu, hard_silu

#: Activations that the kernels know, and compute together with a bias: function -> (name, alpha) there.
KERNEL_ACTIVATIONS: dict[Function, tuple[Any, float]] = {
    linear: ("linear", 0.0),
    relu: ("relu", 0.0),
    leaky_relu: ("leaky_relu", 0.2),
    elu: ("elu", 1.0),
    tanh: ("tanh", 0.0),
}


def add_bias(x: Tensor, bias: Tensor | None, activation: Function) -> Tensor:
    """activation(x + bias), in one pass over memory where there is a kernel for it; bias (C,) along the last axis, or None."""
    if bias is not None and activation in KERNEL_ACTIVATIONS:
        return ops.bias_activation(x, bias, *KERNEL_ACTIVATIONS[activation])
    return activation(x if bias is None else ops.bias_activation(x, bias))


def get(identifier: Any) -> Function:
    """An activation from a name, a function, a layer such as LeakyReLU(), or the config of one; None is `linear`.

    Raises:
        ArgumentError, DTypeError: the name is unknown, or it is none of these.
    """
    if identifier is None:
        return linear
    found: Function = configurable.resolve("layer" if isinstance(identifier, dict) else "activation", identifier)
    return found


def serialize(activation: Function) -> Any:
    """The name of an activation function; {"class_name", "config"} of a layer. Raises DTypeError for a function of the user's own."""
    return configurable.serialize(activation)


def deserialize(config: Any) -> Function:
    """The inverse of `serialize`."""
    return get(config)
