"""Activation functions made of other ops, under the names of `keras.ops`; those with kernels of their own are in `nn`."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from tinycnn.autograd.tensor import Tensor
from tinycnn.errors import ShapeError
from tinycnn.ops import array, math, nn
from tinycnn.ops.convert import TensorLike, floats
from tinycnn.rules.op import normalize_axis

__all__ = [
    "celu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "log_sigmoid",
    "relu6",
    "selu",
    "silu",
    "soft_shrink",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
]


def relu6(x: TensorLike) -> Tensor:
    """min(max(x, 0), 6)"""
    return math.minimum(nn.relu(x), 6.0)


def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha * (e ** (x / alpha) - 1) (Barron 2017)."""
    return alpha * nn.elu(math.divide(x, alpha))


def selu(x: TensorLike) -> Tensor:
    """1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1 through layers (Klambauer et al. 2017)."""
    return 1.0507009873554804934193349852946 * nn.elu(x, 1.6732632423543772848170429916717)


def gelu(x: TensorLike, approximate: bool = True) -> Tensor:
    """x * P(Z <= x) for a standard normal Z (Hendrycks & Gimpel 2016).

    Args:
        x: any shape.
        approximate: use the authors' 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))).
    """
    (x,) = floats(x)
    if approximate:
        doubled = 1 + nn.tanh(sqrt(2 / pi) * (x + 0.044715 * x * math.square(x)))
    else:
        doubled = 1 + math.erf(x * sqrt(0.5))
    return math.multiply(0.5 * x, doubled)


def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """a * sigmoid(b), a and b being the halves of x along `axis` (Dauphin et al. 2017). Raises ShapeError if its size is odd."""
    (x,) = floats(x)
    axis = normalize_axis(axis, x.ndim)
    if x.shape[axis] % 2:
        raise ShapeError(f"x must have an even size along axis {axis}, got shape {x.shape}")
    a, b = array.split(x, 2, axis)
    return a * nn.sigmoid(b)


def silu(x: TensorLike) -> Tensor:
    """x * sigmoid(x) (Elfwing et al. 2017)."""
    return math.multiply(x, nn.sigmoid(x))


def hard_sigmoid(x: TensorLike) -> Tensor:
    """relu6(x + 3) / 6"""
    return relu6(math.add(x, 3.0)) / 6.0


def hard_silu(x: TensorLike) -> Tensor:
    """x * relu6(x + 3) / 6 (Howard et al. 2019)."""
    return math.multiply(x, hard_sigmoid(x))


swish, hard_swish = silu, hard_silu


def hard_tanh(x: TensorLike) -> Tensor:
    """x, but at least -1 and at most 1."""
    return math.clip(x, -1.0, 1.0)


def log_sigmoid(x: TensorLike) -> Tensor:
    """ln(sigmoid(x))"""
    return -nn.softplus(math.negative(x))


def softsign(x: TensorLike) -> Tensor:
    """x / (1 + |x|)"""
    return math.divide(x, 1 + math.abs(x))


def squareplus(x: TensorLike, b: float = 4) -> Tensor:
    """(x + sqrt(x ** 2 + b)) / 2 (Barron 2021)."""
    (x,) = floats(x)
    return math.multiply(0.5, x + math.sqrt(math.square(x) + b))


def tanh_shrink(x: TensorLike) -> Tensor:
    """x - tanh(x)"""
    return math.subtract(x, nn.tanh(x))


def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by `threshold`, and 0 where it would pass it."""
    (x,) = floats(x)
    return math.subtract(x, math.clip(x, -threshold, threshold))


def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x where |x| > threshold, else 0."""
    (x,) = floats(x)
    return math.where(math.abs(x) > threshold, x, 0.0)


def threshold(x: TensorLike, threshold: float, default_value: float) -> Tensor:
    """x where x > threshold, else default_value."""
    (x,) = floats(x)
    return math.where(x > threshold, x, float(default_value))


def sparse_plus(x: TensorLike) -> Tensor:
    """0 up to -1, (x + 1) ** 2 / 4 up to 1, x from there (Jin et al. 2023)."""
    (x,) = floats(x)
    return math.where(x < 1, 0.25 * math.square(nn.relu(x + 1)), x)


def sparse_sigmoid(x: TensorLike) -> Tensor:
    """(x + 1) / 2, but at least 0 and at most 1: the slope of `sparse_plus`."""
    return math.clip(0.5 * math.add(x, 1.0), 0.0, 1.0)


def sparsemax(x: TensorLike, axis: int = -1) -> Tensor:
    """The probabilities nearest to x along `axis`; small ones are 0 (Martins & Astudillo 2016)."""
    (x,) = floats(x)
    axis = normalize_axis(axis, x.ndim)
    falling = -np.sort(-x.data, axis=axis)
    ranks = np.arange(1, x.shape[axis] + 1).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    kept = (1 + ranks * falling > falling.cumsum(axis=axis)).sum(axis=axis, keepdims=True)
    support = (x.data >= np.take_along_axis(falling, kept - 1, axis=axis)).astype(x.dtype)
    size = support.sum(axis=axis, keepdims=True)
    return nn.relu(x - (math.sum(x * support, axis, keepdims=True) - 1) / size)
