"""Random Tensors, under the names and signatures of `keras.random`; users name them `tinycnn.random`.

`seed` is an int >= 0, which gives the same numbers at every call; a `random.SeedGenerator`, which gives others at each; or None for
`tinycnn.random`'s shared generator. Numbers are drawn in float64 and rounded, so that float32 and float64 programs see the same ones.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import config, random
from tinycnn.autograd.tensor import Tensor
from tinycnn.checks import check_int, check_number
from tinycnn.errors import ArgumentError, DTypeError, ShapeError, shown
from tinycnn.ops import activation, array
from tinycnn.ops.convert import TensorLike, as_dtype, convert_to_numpy, convert_to_tensor, integers
from tinycnn.ops.math import multiply
from tinycnn.random import SeedGenerator
from tinycnn.rules.op import normalize_axis

__all__ = ["beta", "binomial", "categorical", "dropout", "gamma", "normal", "randint", "shuffle", "truncated_normal", "uniform"]

Seed: TypeAlias = int | SeedGenerator | None

_TINY, _HUGE = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)


def normal(shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: DTypeLike | None = None, seed: Seed = None) -> Tensor:
    """Normal numbers of the given mean and standard deviation, in `dtype` (default: `config.floatx`).

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    return _normal(random.source(seed).standard_normal(_sizes(shape)), mean, stddev, dtype)


def truncated_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: DTypeLike | None = None, seed: Seed = None
) -> Tensor:
    """As `normal`, but what is farther than two standard deviations from the mean is drawn again."""
    return _normal(random.standard_normal_within(2, _sizes(shape), random.source(seed)), mean, stddev, dtype)


def uniform(shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: DTypeLike | None = None, seed: Seed = None) -> Tensor:
    """Numbers spread evenly over [minval, maxval), in `dtype` (default: `config.floatx`); of an integer dtype, whole ones.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    low, high = check_number("minval", minval, -math.inf), check_number("maxval", maxval, -math.inf)
    if dtype is not None and as_dtype(dtype).kind in "iu":
        return randint(shape, int(low), int(high), dtype, seed)
    if high < low:
        raise ArgumentError(f"maxval must not be below minval, got {minval} and {maxval}")
    drawn = _floats(low + (high - low) * random.source(seed).random(_sizes(shape)), dtype)
    if high > low:  # rounding may have reached it
        end = drawn.dtype.type(high)
        np.minimum(drawn.data, np.nextafter(end, drawn.dtype.type(-np.inf)), out=drawn.data)
    return drawn


def randint(shape: Sequence[int], minval: int, maxval: int, dtype: DTypeLike = "int32", seed: Seed = None) -> Tensor:
    """Whole numbers spread evenly over minval, ..., maxval - 1.

    Raises:
        ArgumentError: if there is no number in between, or one that `dtype` cannot hold; or a wrong seed.
        DTypeError, ShapeError: naming the argument.
    """
    low, high, target = check_int("minval", minval), check_int("maxval", maxval), as_dtype(dtype)
    if target.kind not in "iu":
        raise DTypeError(f"dtype must be an integer one, got {target}")
    if high <= low:
        raise ArgumentError(f"maxval must be above minval, got {minval} and {maxval}")
    if low < np.iinfo(target).min or high - 1 > np.iinfo(target).max:
        raise ArgumentError(f"minval and maxval must be in the range of {target}, got {minval} and {maxval}")
    drawn = random.source(seed).integers(low, high, _sizes(shape), np.uint64 if high > 2**63 else np.int64)
    return convert_to_tensor(np.asarray(drawn), target)


def gamma(shape: Sequence[int], alpha: TensorLike, dtype: DTypeLike | None = None, seed: Seed = None) -> Tensor:
    """Numbers of the gamma distribution of shape `alpha` and scale 1; `alpha`, above 0, is broadcast to `shape`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    sizes = _sizes(shape)
    return _floats(random.source(seed).standard_gamma(_parameter("alpha", alpha, sizes)), dtype)


def beta(shape: Sequence[int], alpha: TensorLike, beta: TensorLike, dtype: DTypeLike | None = None, seed: Seed = None) -> Tensor:
    """Numbers of the beta distribution, from 0 to 1; `alpha` and `beta`, above 0, are broadcast to `shape`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    sizes = _sizes(shape)
    return _floats(random.source(seed).beta(_parameter("alpha", alpha, sizes), _parameter("beta", beta, sizes)), dtype)


def binomial(
    shape: Sequence[int], counts: TensorLike, probabilities: TensorLike, dtype: DTypeLike | None = None, seed: Seed = None
) -> Tensor:
    """How many of `counts` trials succeed, each with a probability from `probabilities`; both are broadcast to `shape`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    sizes = _sizes(shape)
    trials, chances = _parameter("counts", counts, sizes, least=0), _parameter("probabilities", probabilities, sizes, least=0, most=1)
    return _floats(random.source(seed).binomial(integers(trials, "counts"), chances), dtype)


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
        noise_shape: of the random mask, which is broadcast; None in it stands for the inputs' own size. Default: all of theirs.
        seed: as everywhere in this module.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    inputs = convert_to_tensor(inputs)
    mask = inputs.shape if noise_shape is None else mask_shape(noise_shape, inputs.shape)
    return dropped(inputs, rate, mask, int(random.source(seed).integers(0, 2**64, dtype=np.uint64)))


def mask_shape(noise_shape: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """`noise_shape` with the inputs' own sizes in the place of None. Raises ShapeError unless it is broadcast to their `shape`."""
    if len(noise_shape) != len(shape):
        raise ShapeError(f"noise_shape must have one size for each of the inputs' {len(shape)} axes, got {noise_shape}")
    sizes = _sizes([n if size is None else size for n, size in zip(shape, noise_shape, strict=True)])
    if any(size not in (1, n) for size, n in zip(sizes, shape, strict=True)):
        raise ShapeError(f"noise_shape must have 1 or the inputs' own size along each axis of {shape}, got {noise_shape}")
    return sizes


def dropped(inputs: Tensor, rate: float, mask: tuple[int, ...], bits: int) -> Tensor:
    """`dropout` with a mask of shape `mask` that follows from a 64-bit seed."""
    if mask == inputs.shape:
        return activation.dropout(inputs, rate, bits)
    return multiply(inputs, activation.dropout(array.ones(mask, inputs.dtype), rate, bits))


def _sizes(shape: Any) -> tuple[int, ...]:
    """`shape` as ints >= 0."""
    try:
        sizes = tuple(operator.index(n) for n in shape)
    except TypeError:
        raise DTypeError(f"shape must hold ints, got {shape!r}") from None
    if any(n < 0 for n in sizes):
        raise ShapeError(f"shape must hold sizes >= 0, got {shape!r}")
    return sizes


def _normal(values: Any, mean: float, stddev: float, dtype: DTypeLike | None) -> Tensor:
    return _floats(check_number("mean", mean, -math.inf) + check_number("stddev", stddev) * values, dtype)


def _parameter(name: str, value: TensorLike, sizes: tuple[int, ...], least: float = _TINY, most: float = _HUGE) -> NDArray[np.float64]:
    """One finite number for each cell, by default above 0."""
    numbers = np.asarray(convert_to_numpy(value), np.float64)
    if not ((numbers >= least) & (numbers <= most)).all():
        bounds = "above 0" if least else "from 0 to 1" if most == 1 else ">= 0"
        raise ArgumentError(f"{name} must be {bounds}, got {shown(value)}")
    try:
        return np.broadcast_to(numbers, sizes)
    except ValueError:
        raise ShapeError(f"{name} of shape {numbers.shape} cannot be broadcast to shape {sizes}") from None


def _floats(values: Any, dtype: DTypeLike | None) -> Tensor:
    target = as_dtype(config.floatx() if dtype is None else dtype)
    if target.kind != "f":
        raise DTypeError(f"dtype must be a floating-point one, got {target}")
    return convert_to_tensor(np.asarray(values), target)
