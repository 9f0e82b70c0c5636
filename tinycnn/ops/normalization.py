"""Normalisation, under the names and signatures of `keras.ops`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinycnn import config
from tinycnn.autograd import engine
from tinycnn.autograd.tensor import Tensor, apply
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.kernels.spec import Array
from tinycnn.ops import array, math
from tinycnn.ops.convert import TensorLike, convert_to_tensor, floats
from tinycnn.rules.normalization import BatchNorm, BatchNormTraining, Standardize
from tinycnn.rules.op import normalize_axes, normalize_axis

__all__ = [
    "batch_normalization",
    "batch_normalization_training",
    "layer_normalization",
    "moments",
    "normalize",
    "rms_normalization",
    "standardize",
]

Axes = int | Sequence[int]


def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """scale * (x - mean) / sqrt(variance + epsilon) + offset along `axis`, with given statistics; differentiable in all inputs.

    Args:
        x: at least 2 dimensions.
        mean, variance, offset, scale: (C,), C being the size of `axis`; offset None is 0, scale None is 1.
        epsilon: at least 0, keeps the root away from 0.

    Raises:
        ShapeError, ArgumentError: if a vector does not fit the axis or epsilon is negative.
    """
    x, mean, variance = floats(x, mean, variance)
    axis = normalize_axis(axis, x.ndim)
    channels = x.shape[axis]
    scale = convert_to_tensor(np.ones(channels, x.dtype) if scale is None else scale, x.dtype)
    offset = convert_to_tensor(np.zeros(channels, x.dtype) if offset is None else offset, x.dtype)
    y = apply(BatchNorm, array.moveaxis(x, axis, -1), mean, variance, scale, offset, epsilon=epsilon)
    return array.moveaxis(y, -1, axis)


def batch_normalization_training(
    x: TensorLike, scale: TensorLike, offset: TensorLike, epsilon: float = 1e-3
) -> tuple[Tensor, Array, Array]:
    """Batch normalisation over all but the last axis with the batch's own mean and biased variance (Ioffe & Szegedy 2015).

    Args:
        x: (..., C), at least 2 dimensions.
        scale, offset: (C,).
        epsilon: at least 0.

    Returns:
        y like x; the batch's mean and variance, ndarrays (C,), for moving averages. No gradient goes through these two.

    Raises:
        ShapeError, ArgumentError: if a vector does not fit or epsilon is negative.
    """
    y, saved, node = engine.record(BatchNormTraining, floats(x, scale, offset), {"epsilon": epsilon})
    return Tensor.wrap(y, node), saved[1], saved[2]


def standardize(x: TensorLike, axes: Axes, epsilon: float = 1e-3) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon), with mean and biased variance over `axes`: mean 0 and variance about 1 there.

    Args:
        x: any shape.
        axes: an int or several.
        epsilon: at least 0, keeps the root away from 0.

    Raises:
        ShapeError, ArgumentError: for axes that x does not have or without cells, or a negative epsilon.
    """
    return apply(Standardize, *floats(x), axes=axes if isinstance(axes, int) else tuple(axes), epsilon=epsilon)


def layer_normalization(
    x: TensorLike, gamma: TensorLike | None = None, beta: TensorLike | None = None, axis: Axes = -1, epsilon: float | None = None
) -> Tensor:
    """gamma * standardize(x) + beta over `axis` (Ba et al. 2016).

    Args:
        x: any shape.
        gamma, beta: of the sizes of x along `axis`, in any order, but with the cells in the order of x's axes; None for none.
        axis: an int or several.
        epsilon: at least 0; default `config.epsilon`.

    Raises:
        ShapeError, ArgumentError: if something does not fit.
    """
    y = standardize(x, axis, config.epsilon() if epsilon is None else epsilon)
    if gamma is not None:
        y = math.multiply(y, _along(gamma, y, axis, "gamma"))
    return y if beta is None else math.add(y, _along(beta, y, axis, "beta"))


def rms_normalization(x: TensorLike, scale: TensorLike | None = None, axis: Axes = -1, epsilon: float | None = None) -> Tensor:
    """scale * x / sqrt(mean(x ** 2) + epsilon) over `axis` (Zhang & Sennrich 2019). Arguments and errors as in `layer_normalization`."""
    (x,) = floats(x)
    squares = math.mean(math.square(x), axis, keepdims=True)
    y = math.multiply(x, math.rsqrt(math.add(squares, config.epsilon() if epsilon is None else epsilon)))
    return y if scale is None else math.multiply(y, _along(scale, y, axis, "scale"))


def _along(vector: TensorLike, x: Tensor, axis: Axes, name: str) -> Tensor:
    """A weight with one cell for each place along the axes, in a shape that broadcasts against x."""
    axes = normalize_axes(axis, x.ndim)
    weight = convert_to_tensor(vector, x.dtype)
    sizes = tuple(x.shape[i] for i in axes)
    if sorted(weight.shape) != sorted(sizes):
        raise ShapeError(f"{name} must have shape {sizes} for inputs of shape {x.shape} and axis {axis}, got {weight.shape}")
    return array.reshape(weight, [n if i in axes else 1 for i, n in enumerate(x.shape)])


def moments(x: TensorLike, axes: Axes, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over `axes`. `synchronized` must be False: there is but one process."""
    if synchronized:
        raise ArgumentError("synchronized must be False: tinycnn trains in one process, got True")
    return math.mean(x, axes, keepdims), math.var(x, axes, keepdims)


def normalize(x: TensorLike, axis: Axes | None = -1, order: int = 2, epsilon: float | None = None) -> Tensor:
    """x divided by its norm over `axis`, or by `epsilon` where the norm is smaller than that.

    Args:
        x: any shape.
        axis: an int, several, or None for all.
        order: of the norm, an int >= 1; 2 is the Euclidean one.
        epsilon: above 0; default `config.epsilon`.

    Raises:
        ArgumentError: for an order that is no int >= 1, or an axis that x does not have.
    """
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise ArgumentError(f"order must be an int >= 1, got {order!r}")
    (x,) = floats(x)
    least = config.epsilon() if epsilon is None else epsilon
    powers = math.square(x) if order == 2 else math.power(math.abs(x), order)
    total = math.maximum(math.sum(powers, axis, keepdims=True), least**order)  # before the root: no infinite slope at 0
    return math.divide(x, math.sqrt(total) if order == 2 else math.power(total, 1 / order))
