"""Activation functions, under the names and signatures of `keras.ops`: those with rules of their own, then those made of other ops."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from tinycnn.autograd.tensor import Tensor, apply
from tinycnn.errors import ShapeError
from tinycnn.kernels.spec import Activation
from tinycnn.ops import array, math
from tinycnn.ops.convert import TensorLike, floats
from tinycnn.rules.activation import BiasActivation, Dropout, LogSoftmax, Softmax
from tinycnn.rules.elementwise import Softplus
from tinycnn.rules.fused import Affine
from tinycnn.rules.op import normalize_axis

__all__ = [
    "affine",
    "bias_activation",
    "celu",
    "dropout",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
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


# ---- with rules of their own
def bias_activation(x: TensorLike, bias: TensorLike | None = None, activation: Activation = "linear", alpha: float = 0.0) -> Tensor:
    """act(x + bias) in one pass over memory.

    Args:
        x: (..., C).
        bias: (C,) or None.
        activation: "linear", "relu", "leaky_relu", "elu", "sigmoid" or "tanh".
        alpha: slope of leaky_relu below 0, scale of elu below 0; >= 0.

    Raises:
        ShapeError, ArgumentError: if the bias does not fit, the activation is unknown or alpha is negative.
    """
    if bias is None:
        return apply(BiasActivation, *floats(x), kind=activation, alpha=alpha)
    return apply(BiasActivation, *floats(x, bias), kind=activation, alpha=alpha)


def affine(
    x: TensorLike, kernel: TensorLike, bias: TensorLike | None = None, activation: Activation = "linear", alpha: float = 0.0
) -> Tensor:
    """act(x @ kernel + bias), as one op.

    Args:
        x: (..., K).
        kernel: (K, O).
        bias: (O,) or None.
        activation, alpha: as in `bias_activation`.

    Raises:
        ShapeError, ArgumentError: naming what does not fit.
    """
    tensors = floats(x, kernel) if bias is None else floats(x, kernel, bias)
    return apply(Affine, *tensors, kind=activation, alpha=alpha)


def relu(x: TensorLike) -> Tensor:
    """max(x, 0); the derivative at 0 is 0."""
    return bias_activation(x, None, "relu")


def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """x where x > 0, else negative_slope * x; the derivative at 0 is negative_slope, which must be >= 0."""
    return bias_activation(x, None, "leaky_relu", negative_slope)


def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha * (e ** x - 1), alpha >= 0 (Clevert et al. 2016)."""
    return bias_activation(x, None, "elu", alpha)


def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + e ** -x)"""
    return bias_activation(x, None, "sigmoid")


def tanh(x: TensorLike) -> Tensor:
    """The hyperbolic tangent."""
    return bias_activation(x, None, "tanh")


def softplus(x: TensorLike) -> Tensor:
    """ln(1 + e ** x), without overflow."""
    return apply(Softplus, *floats(x))


def softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """e ** x / sum(e ** x) along `axis`."""
    return apply(Softmax, *floats(x), axis=axis)


def log_softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """ln(softmax(x)) along `axis`, exact where the softmax itself would round to 0."""
    return apply(LogSoftmax, *floats(x), axis=axis)


def dropout(x: TensorLike, rate: float, seed: int) -> Tensor:
    """x with each cell set to 0 with probability `rate`, the others divided by 1 - rate (Srivastava et al. 2014, inverted).

    Args:
        x: any shape.
        rate: in [0, 1).
        seed: 64 bits; the same seed gives the same cells in every backend.

    Raises:
        ArgumentError: if rate is out of range.
    """
    return apply(Dropout, *floats(x), rate=rate, seed=seed)


# ---- made of other ops
def relu6(x: TensorLike) -> Tensor:
    """min(max(x, 0), 6)"""
    return math.minimum(relu(x), 6.0)


def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha * (e ** (x / alpha) - 1) (Barron 2017)."""
    return alpha * elu(math.divide(x, alpha))


def selu(x: TensorLike) -> Tensor:
    """1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1 through layers (Klambauer et al. 2017)."""
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def gelu(x: TensorLike, approximate: bool = True) -> Tensor:
    """x * P(Z <= x) for a standard normal Z (Hendrycks & Gimpel 2016).

    Args:
        x: any shape.
        approximate: use the authors' 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))).
    """
    (x,) = floats(x)
    if approximate:
        doubled = 1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x * math.square(x)))
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
    return a * sigmoid(b)


def silu(x: TensorLike) -> Tensor:
    """x * sigmoid(x) (Elfwing et al. 2017)."""
    return math.multiply(x, sigmoid(x))


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
    return -softplus(math.negative(x))


def softsign(x: TensorLike) -> Tensor:
    """x / (1 + |x|)"""
    return math.divide(x, 1 + math.abs(x))


def squareplus(x: TensorLike, b: float = 4) -> Tensor:
    """(x + sqrt(x ** 2 + b)) / 2 (Barron 2021)."""
    (x,) = floats(x)
    return math.multiply(0.5, x + math.sqrt(math.square(x) + b))


def tanh_shrink(x: TensorLike) -> Tensor:
    """x - tanh(x)"""
    return math.subtract(x, tanh(x))


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
    return math.where(x < 1, 0.25 * math.square(relu(x + 1)), x)


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
    return relu(x - (math.sum(x * support, axis, keepdims=True) - 1) / size)
