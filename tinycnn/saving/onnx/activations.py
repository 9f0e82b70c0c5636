"""Activations in ONNX's words: one short function each, found by the activation's name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinycnn import activations
from tinycnn.layers import Layer
from tinycnn.saving.onnx.builder import Builder, Unsupported, Value

__all__ = ["activate", "relu"]


def activate(b: Builder, function: Any, x: Value) -> Value:
    """`function(x)`, for an activation function or layer.

    Raises:
        Unsupported: it is not one of those below.
    """
    if isinstance(function, Layer):
        from tinycnn.saving.onnx.layers import convert_layer  # layers and activations contain each other

        return convert_layer(b, function, [x])
    name = getattr(function, "__name__", repr(function))
    if name not in _ACTIVATIONS or getattr(activations, name, None) is not function:
        raise Unsupported(f"the activation {name!r}")
    return _ACTIVATIONS[name](b, x)


def _linear(b: Builder, x: Value) -> Value:
    return x


def relu(b: Builder, x: Value, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Value:
    """As `activations.relu`."""
    if threshold:
        t = b.number(threshold)
        below = b.each("Mul", b.each("Sub", x, t), b.number(negative_slope))
        y = Value(b.node("Where", b.node("Greater", x.name, t), x.name, below.name), x.shape, x.order)
    elif negative_slope:
        y = b.each("LeakyRelu", x, alpha=negative_slope)
    elif max_value is not None:
        return b.each("Clip", x, b.number(0), b.number(max_value))
    else:
        return b.each("Relu", x)
    return y if max_value is None else b.each("Min", y, b.number(max_value))


def _celu(b: Builder, x: Value) -> Value:
    return b.each("Elu", x, alpha=1.0)  # an alpha other than 1 cannot be asked for by name


def _selu(b: Builder, x: Value) -> Value:
    return b.each("Selu", x, alpha=1.6732632423543772, gamma=1.0507009873554805)


def _gelu(b: Builder, x: Value) -> Value:
    if b.opset >= 20:
        return b.each("Gelu", x, approximate="none")
    doubled = b.each("Add", b.each("Erf", b.each("Mul", x, b.number(math.sqrt(0.5)))), b.number(1))
    return b.each("Mul", b.each("Mul", x, b.number(0.5)), doubled.name)


def _silu(b: Builder, x: Value) -> Value:
    return b.each("Mul", x, b.each("Sigmoid", x).name)


def _hard_silu(b: Builder, x: Value) -> Value:
    return b.each("HardSwish", x) if b.opset >= 14 else b.each("Mul", x, _hard_sigmoid(b, x).name)


def _hard_sigmoid(b: Builder, x: Value) -> Value:
    return b.each("HardSigmoid", x, alpha=1 / 6, beta=0.5)


def _hard_tanh(b: Builder, x: Value) -> Value:
    return b.each("Clip", x, b.number(-1), b.number(1))


def _relu6(b: Builder, x: Value) -> Value:
    return relu(b, x, max_value=6.0)


def _leaky_relu(b: Builder, x: Value) -> Value:
    return relu(b, x, negative_slope=0.2)


def _mish(b: Builder, x: Value) -> Value:
    return b.each("Mul", x, b.each("Tanh", b.each("Softplus", x)).name)


def _log_sigmoid(b: Builder, x: Value) -> Value:
    return b.each("Neg", b.each("Softplus", b.each("Neg", x)))


def _tanh_shrink(b: Builder, x: Value) -> Value:
    return b.each("Sub", x, b.each("Tanh", x).name)


def _hard_shrink(b: Builder, x: Value) -> Value:
    return b.each("Shrink", x, lambd=0.5, bias=0.0)


def _soft_shrink(b: Builder, x: Value) -> Value:
    return b.each("Shrink", x, lambd=0.5, bias=0.5)


def _sparse_plus(b: Builder, x: Value) -> Value:
    """0 up to -1, (x + 1) ** 2 / 4 up to 1, then x: with c = clip(x, -1, 1), (c + 1) ** 2 / 4 + x - min(x, 1)."""
    raised = b.each("Add", b.each("Clip", x, b.number(-1), b.number(1)), b.number(1))
    curve = b.each("Mul", b.each("Mul", raised, raised.name), b.number(0.25))
    return b.each("Add", curve, b.each("Sub", x, b.each("Min", x, b.number(1)).name).name)


def _sparse_sigmoid(b: Builder, x: Value) -> Value:
    return b.each("HardSigmoid", x, alpha=0.5, beta=0.5)


def _squareplus(b: Builder, x: Value) -> Value:
    """(x + sqrt(x ** 2 + 4)) / 2"""
    root = b.each("Sqrt", b.each("Add", b.each("Mul", x, x.name), b.number(4)))
    return b.each("Mul", b.each("Add", x, root.name), b.number(0.5))


def _alone(op: str) -> Callable[[Builder, Value], Value]:
    """An activation that ONNX has under a name of its own."""
    return lambda b, x: b.each(op, x)


def _along_last(op: str) -> Callable[[Builder, Value], Value]:
    """One that works along the last axis, wherever that is stored."""
    return lambda b, x: b.each(op, x, axis=x.stored_axis(-1))


_ACTIVATIONS: dict[str, Callable[[Builder, Value], Value]] = {
    "celu": _celu,
    "elu": lambda b, x: b.each("Elu", x, alpha=1.0),
    "exponential": _alone("Exp"),
    "gelu": _gelu,
    "hard_shrink": _hard_shrink,
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": _hard_silu,
    "hard_tanh": _hard_tanh,
    "leaky_relu": _leaky_relu,
    "linear": _linear,
    "log_sigmoid": _log_sigmoid,
    "log_softmax": _along_last("LogSoftmax"),
    "mish": _mish,
    "relu": relu,
    "relu6": _relu6,
    "selu": _selu,
    "sigmoid": _alone("Sigmoid"),
    "silu": _silu,
    "soft_shrink": _soft_shrink,
    "softmax": _along_last("Softmax"),
    "softplus": _alone("Softplus"),
    "softsign": _alone("Softsign"),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
    "squareplus": _squareplus,
    "tanh": _alone("Tanh"),
    "tanh_shrink": _tanh_shrink,
}
