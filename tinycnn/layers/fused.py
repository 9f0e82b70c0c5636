"""Bias and activation in one pass, where the activation has a kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinycnn import activations, ops
from tinycnn.autograd import Tensor

__all__ = ["activate"]

#: Activation functions that `ops.bias_activation` computes together with the bias.
_KERNELS: dict[Any, Any] = {activations.linear: "linear", activations.relu: "relu", activations.tanh: "tanh"}


def activate(x: Tensor, bias: Tensor | None, activation: Callable[[Any], Tensor]) -> Tensor:
    """activation(x + bias)"""
    kind = _KERNELS.get(activation)
    if kind is not None:
        return x if bias is None and kind == "linear" else ops.bias_activation(x, bias, kind)
    return activation(x if bias is None else ops.bias_activation(x, bias))
