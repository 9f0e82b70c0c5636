"""Activation functions, under Keras's names: Tensors in, Tensors out, of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinycnn import ops
from tinycnn.autograd import Prepared, Tensor, apply
from tinycnn.ops import (
    TensorLike,
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu6,
    selu,
    silu,
    soft_shrink,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh,
    tanh_shrink,
    threshold,
)
from tinycnn.registry import register
from tinycnn.rules.activation import Softmax
from tinycnn.saving import configurable
from tinycnn.saving.custom import within

__all__ = [
    "KERNEL_ACTIVATIONS",
    "affine",
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
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
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

Function = Callable[..., Tensor]

for _function in (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu6,
    selu,
    soft_shrink,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
):
    register("activation")(_function)
register("activation", "swish")(silu)
register("activation", "hard_swish")(hard_silu)


@register("activation")
def linear(x: TensorLike) -> Tensor:
    """x"""
    return ops.convert_to_tensor(x)


@register("activation")
def relu(x: TensorLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """max(x, 0); in general max_value where x >= max_value, x where x > threshold, else negative_slope * (x - threshold).

    Args:
        x: any shape.
        negative_slope: at least 0.
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
def gelu(x: TensorLike, approximate: bool = False) -> Tensor:
    """x * P(Z <= x) for a standard normal Z; see `ops.gelu`."""
    return ops.gelu(x, approximate)


@register("activation")
def mish(x: TensorLike) -> Tensor:
    """x * tanh(softplus(x)) (Misra 2019)."""
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


@register("activation")
def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + e ** -x). The result remembers x, from which a cross-entropy is computed exactly."""
    (logits,) = ops.convert.floats(x)
    y = ops.sigmoid(logits)
    y._logits = "sigmoid", logits
    return y


@register("activation")
def exponential(x: TensorLike) -> Tensor:
    """e ** x"""
    return ops.exp(x)


_softmax = Prepared(Softmax)


@register("activation")
def softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """e ** x / sum(e ** x) along `axis`. The result remembers x (for the last axis), from which a cross-entropy is computed exactly."""
    (logits,) = ops.convert.floats(x)
    y = _softmax(logits) if axis == -1 else apply(Softmax, logits, axis=axis)
    if axis in (-1, y.data.ndim - 1):
        y._logits = "softmax", logits
    return y


#: Activations that the kernels know, and compute together with a bias: function -> (name, alpha) there.
KERNEL_ACTIVATIONS: dict[Function, tuple[Any, float]] = {
    linear: ("linear", 0.0),
    relu: ("relu", 0.0),
    leaky_relu: ("leaky_relu", 0.2),
    elu: ("elu", 1.0),
    tanh: ("tanh", 0.0),
}


def affine(x: Tensor, kernel: Tensor, bias: Tensor | None, activation: Function) -> Tensor:
    """activation(x @ kernel + bias), as one op where there is a kernel for the activation; bias (O,) along the last axis, or None."""
    if activation in KERNEL_ACTIVATIONS:
        return ops.affine(x, kernel, bias, *KERNEL_ACTIVATIONS[activation])
    return activation(ops.affine(x, kernel, bias))


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


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Function:
    """The inverse of `serialize`; `custom_objects`: name -> function or class of your own, beside the registered ones."""
    with within(custom_objects):
        return get(config)
