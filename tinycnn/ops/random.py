"""Random Tensors, under the names and signatures of `keras.random`; users name them `tinycnn.random`.

`seed` is an int >= 0, which gives the same numbers at every call; a `random.SeedGenerator`, which gives others at each; or None for
`tinycnn.random`'s shared generator. Numbers are drawn in float64 and rounded, so that float32 and float64 programs see the same ones.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import config, random
from tinycnn.autograd.tensor import Tensor
from tinycnn.errors import ArgumentError, DTypeError, ShapeError, shown
from tinycnn.ops import array, math, nn
from tinycnn.ops.convert import TensorLike, convert_to_numpy, convert_to_tensor, integers
from tinycnn.random import SeedGenerator
from tinycnn.rules.op import normalize_axis

__all__ = ["beta", "binomial", "categorical", "dropout", "gamma", "normal", "randint", "shuffle", "truncated_normal", "uniform"]

Seed: TypeAlias = int | SeedGenerator | None


def normal(shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: DTypeLike | None = None, seed: Seed = None) -> Tensor:
    """Normal numbers of the given mean and standard deviation, in `dtype` (default: `config.floatx`).

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    return _floats(mean + stddev * random.source(seed).standard_normal(_sizes(shape)), dtype)


def truncated_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: DTypeLike | None = None, seed: Seed = None
) -> Tensor:
    """As `normal`, but what is farther than two standard deviations from the mean is drawn again."""
    return _floats(mean + stddev * random.standard_normal_within(2, _sizes(shape), random.source(seed)), dtype)


def uniform(shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: DTypeLike | None = None, seed: Seed = None) -> Tensor:
    """Numbers spread evenly over [minval, maxval), in `dtype` (default: `config.floatx`); of an integer dtype, whole ones.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    if dtype is not None and np.dtype(dtype).kind in "iu":
        return randint(shape, int(minval), int(maxval), dtype, seed)
    return _floats(minval + (maxval - minval) * random.source(seed).random(_sizes(shape)), dtype)


def randint(shape: Sequence[int], minval: int, maxval: int, dtype: DTypeLike = "int32", seed: Seed = None) -> Tensor:
    """Whole numbers spread evenly over minval, ..., maxval - 1.

    Raises:
        ArgumentError: if there is no number in between; or a wrong seed.
        DTypeError, ShapeError: naming the argument.
    """
    if maxval <= minval:
        raise ArgumentError(f"maxval must be above minval, got {minval} and {maxval}")
    return convert_to_tensor(np.asarray(random.source(seed).integers(minval, maxval, _sizes(shape))), dtype)


def gamma(shape: Sequence[int], alpha: TensorLike, dtype: DTypeLike | None = None, seed: Seed = None) -> Tensor:
    """Numbers of the gamma distribution with shape parameter `alpha` > 0, which broadcasts to `shape`, and scale 1.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    sizes = _sizes(shape)
    return _floats(random.source(seed).standard_gamma(_parameter("alpha", alpha, sizes), sizes), dtype)


def beta(shape: Sequence[int], alpha: TensorLike, beta: TensorLike, dtype: DTypeLike | None = None, seed: Seed = None) -> Tensor:
    """Numbers of the beta distribution with parameters `alpha` and `beta` > 0, which broadcast to `shape`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    sizes = _sizes(shape)
    return _floats(random.source(seed).beta(_parameter("alpha", alpha, sizes), _parameter("beta", beta, sizes), sizes), dtype)


def binomial(
    shape: Sequence[int], counts: TensorLike, probabilities: TensorLike, dtype: DTypeLike | None = None, seed: Seed = None
) -> Tensor:
    """How many of `counts` trials succeed, each with its probability in [0, 1], as floats; both broadcast to `shape`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    sizes = _sizes(shape)
    trials, chances = integers(counts, "counts"), convert_to_numpy(probabilities)
    if (trials < 0).any() or not ((chances >= 0) & (chances <= 1)).all():
        raise ArgumentError(f"counts must be >= 0 and probabilities in [0, 1], got {shown(counts)} and {shown(probabilities)}")
    return _floats(random.source(seed).binomial(_fitting("counts", trials, sizes), _fitting("probabilities", chances, sizes)), dtype)


def categorical(logits: TensorLike, num_samples: int, dtype: DTypeLike = "int32", seed: Seed = None) -> Tensor:
    """Classes drawn with the probabilities softmax(logits), by the Gumbel-max trick (Maddison et al. 2014, section 2).

    Args:
        logits: (batch, classes), logarithms of probabilities up to a constant.
        num_samples: how many to draw for each row.
        dtype: of the result, an integer one.
        seed: as everywhere in this module.

    Returns:
        (batch, num_samples), numbers of classes.

    Raises:
        ShapeError: if logits do not have two axes, or no class.
    """
    values = convert_to_numpy(logits).astype(np.float64)
    if values.ndim != 2 or not values.shape[1]:
        raise ShapeError(f"logits must have shape (batch, classes), got {values.shape}")
    noise = random.source(seed).gumbel(size=(len(values), *_sizes((num_samples,)), values.shape[1]))
    return convert_to_tensor(np.argmax(values[:, None] + noise, axis=-1), dtype)


def shuffle(x: TensorLike, axis: int = 0, seed: Seed = None) -> Tensor:
    """The parts of `x` along `axis` in a random order, the same one for all; gradients find their way back."""
    x = convert_to_tensor(x)
    axis = normalize_axis(axis, x.ndim)
    return array.take(x, random.source(seed).permutation(x.shape[axis]), axis)


def dropout(inputs: TensorLike, rate: float, noise_shape: Sequence[int] | None = None, seed: Seed = None) -> Tensor:
    """`inputs` with each cell set to 0 with probability `rate`, the others divided by 1 - rate; as in training, always.

    Args:
        inputs: any shape.
        rate: in [0, 1).
        noise_shape: of the random mask, which is broadcast; default: that of the inputs.
        seed: as everywhere in this module.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    bits = int(random.source(seed).integers(0, 2**64, dtype=np.uint64))
    if noise_shape is None:
        return nn.dropout(inputs, rate, bits)
    inputs = convert_to_tensor(inputs)
    return math.multiply(inputs, nn.dropout(array.ones(_sizes(noise_shape), inputs.dtype), rate, bits))


def _parameter(name: str, value: TensorLike, sizes: tuple[int, ...]) -> NDArray[Any]:
    """A parameter of a distribution: above 0."""
    array = convert_to_numpy(value)
    if not (array > 0).all():
        raise ArgumentError(f"{name} must be above 0, got {shown(value)}")
    return _fitting(name, array, sizes)


def _fitting(name: str, array: NDArray[Any], sizes: tuple[int, ...]) -> NDArray[Any]:
    """`array` broadcast to a shape."""
    try:
        return np.broadcast_to(array, sizes)
    except ValueError:
        raise ShapeError(f"{name} must broadcast to shape {sizes}, got shape {array.shape}") from None


def _sizes(shape: Any) -> tuple[int, ...]:
    """`shape` as ints >= 0."""
    try:
        sizes = tuple(operator.index(n) for n in shape)
    except TypeError:
        raise DTypeError(f"shape must hold ints, got {shape!r}") from None
    if any(n < 0 for n in sizes):
        raise ShapeError(f"shape must hold sizes >= 0, got {shape!r}")
    return sizes


def _floats(values: Any, dtype: DTypeLike | None) -> Tensor:
    target = np.dtype(config.floatx() if dtype is None else dtype)
    if target.kind != "f":
        raise DTypeError(f"dtype must be a floating-point one, got {target}")
    return convert_to_tensor(np.asarray(values), target)
