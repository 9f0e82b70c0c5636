"""Initial values of weights, under Keras's names, with Keras's formulas.

An initializer is called with a shape and gives an array. Made with a seed it gives the same values at every call, with a
`random.SeedGenerator` others at each; without one it draws from `tinycnn.random`, as everything else does. Values are drawn in float64
and rounded, so that float32 and float64 models start alike.

Sources: Glorot & Bengio 2010 (glorot), He et al. 2015 (he), LeCun et al. 1998 (lecun), Saxe et al. 2014 (orthogonal).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import config, random
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.random import SeedGenerator
from tinycnn.registry import register
from tinycnn.saving import configurable

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

Array = NDArray[Any]
Shape = Sequence[int]
Seed = int | SeedGenerator | None

#: The standard deviation of a standard normal cut at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer(configurable.Configurable):
    """Base of all initializers: implement `__call__(shape, dtype=None)`."""

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        """An array of `shape` in `dtype`, default `config.floatx`."""
        raise NotImplementedError(f"{type(self).__name__} must implement __call__()")


def _array(values: Any, dtype: DTypeLike | None) -> Array:
    return np.asarray(values, dtype=config.floatx() if dtype is None else dtype)


@register("initializer", "zeros", "zero")
class Zeros(Initializer):
    """All 0."""

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        return _array(np.zeros(shape), dtype)


@register("initializer", "ones", "one")
class Ones(Initializer):
    """All 1."""

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        return _array(np.ones(shape), dtype)


@register("initializer", "constant")
class Constant(Initializer):
    """All `value`: a number, or an array that broadcasts to the shape asked for."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        try:
            return _array(np.broadcast_to(self.value, shape), dtype).copy()
        except ValueError:
            raise ShapeError(f"value must broadcast to shape {tuple(shape)}, got shape {np.shape(self.value)}") from None


class RandomInitializer(Initializer):
    """Base of those that draw; `seed` is an int >= 0, a `random.SeedGenerator` or None."""

    def __init__(self, seed: Seed = None) -> None:
        if isinstance(seed, dict):  # from a config
            seed = configurable.deserialize("seed", seed)
        elif not isinstance(seed, (SeedGenerator, type(None))):
            random.generator(seed)  # refuses a seed of the wrong kind now, not at the first call
        self.seed = seed

    def _generator(self) -> np.random.Generator:
        return random.source(self.seed)


@register("initializer", "random_uniform", "uniform")
class RandomUniform(RandomInitializer):
    """Uniform in [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        return _array(self._generator().uniform(self.minval, self.maxval, shape), dtype)


@register("initializer", "random_normal", "normal")
class RandomNormal(RandomInitializer):
    """Normal with the given mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        return _array(self._generator().normal(self.mean, self.stddev, shape), dtype)


@register("initializer", "truncated_normal")
class TruncatedNormal(RandomInitializer):
    """Normal, but values farther than two standard deviations from the mean are drawn again."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        return _array(self.mean + self.stddev * random.standard_normal_within(2, shape, self._generator()), dtype)


@register("initializer", "variance_scaling")
class VarianceScaling(RandomInitializer):
    """Random numbers of variance scale / n, where n is a number of connections of the layer (`compute_fans`).

    Args:
        scale: above 0.
        mode: n is "fan_in", "fan_out" or their mean, "fan_avg".
        distribution: "truncated_normal" (cut at two standard deviations, and widened to make up for it), "untruncated_normal" or "uniform"
            (from -sqrt(3 * variance) to sqrt(3 * variance)).
        seed: int >= 0, a `random.SeedGenerator` or None.
        input_axes, output_axes: the axes of a weight that stand for inputs and for outputs; both or none. Default: those of a kernel.

    Raises:
        ArgumentError: naming the argument.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed)
        if not scale > 0:
            raise ArgumentError(f"scale must be > 0, got {scale!r}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ArgumentError(f"mode must be 'fan_in', 'fan_out' or 'fan_avg', got {mode!r}")
        distribution = {"normal": "truncated_normal"}.get(distribution, distribution)
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ArgumentError(f"distribution must be 'truncated_normal', 'untruncated_normal' or 'uniform', got {distribution!r}")
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in ("input_axes", "output_axes"):
            if config[name] is None:  # not known to Keras before 3.15
                del config[name]
        return config

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        generator = self._generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return _array(generator.uniform(-limit, limit, shape), dtype)
        if self.distribution == "untruncated_normal":
            return _array(generator.normal(0, math.sqrt(variance), shape), dtype)
        return _array(math.sqrt(variance) / _TRUNCATED_STDDEV * random.standard_normal_within(2, shape, generator), dtype)


def compute_fans(shape: Shape, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None) -> tuple[int, int]:
    """(fan_in, fan_out): inputs of one output and outputs of one input; of a kernel (KH, KW, C, O) `KH * KW * C` and `KH * KW * O`.

    Where the axes that stand for them are given, they are the products of the sizes along these.
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[i] for i in input_axes), math.prod(shape[i] for i in output_axes)
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


class _Scaled(VarianceScaling):
    """A VarianceScaling whose scale, mode and distribution have a name."""

    _scaling: tuple[float, str, str]

    def __init__(self, seed: Seed = None, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None) -> None:
        super().__init__(*self._scaling, seed, input_axes, output_axes)


@register("initializer", "glorot_uniform")
class GlorotUniform(_Scaled):
    """Uniform within +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010): the default of kernels."""

    _scaling = (1.0, "fan_avg", "uniform")


@register("initializer", "glorot_normal")
class GlorotNormal(_Scaled):
    """Truncated normal of standard deviation sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""

    _scaling = (1.0, "fan_avg", "truncated_normal")


@register("initializer", "he_uniform")
class HeUniform(_Scaled):
    """Uniform within +-sqrt(6 / fan_in) (He et al. 2015): for ReLU layers."""

    _scaling = (2.0, "fan_in", "uniform")


@register("initializer", "he_normal")
class HeNormal(_Scaled):
    """Truncated normal of standard deviation sqrt(2 / fan_in) (He et al. 2015): for ReLU layers."""

    _scaling = (2.0, "fan_in", "truncated_normal")


@register("initializer", "lecun_uniform")
class LecunUniform(_Scaled):
    """Uniform within +-sqrt(3 / fan_in) (LeCun et al. 1998)."""

    _scaling = (1.0, "fan_in", "uniform")


@register("initializer", "lecun_normal")
class LecunNormal(_Scaled):
    """Truncated normal of standard deviation sqrt(1 / fan_in) (LeCun et al. 1998): for SELU layers."""

    _scaling = (1.0, "fan_in", "truncated_normal")


@register("initializer", "orthogonal", "OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """`gain` times a matrix with orthonormal columns (or rows, if there are fewer), the last axis being the columns (Saxe et al. 2014)."""

    def __init__(self, gain: float = 1.0, seed: Seed = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        if len(shape) < 2:
            raise ShapeError(f"shape must have at least 2 dimensions to be orthogonal, got {tuple(shape)}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(self._generator().standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))  # makes the distribution uniform
        return _array(self.gain * (q if rows >= columns else q.T).reshape(shape), dtype)


@register("initializer", "identity", "IdentityInitializer")
class Identity(Initializer):
    """`gain` times the identity matrix; for two dimensions."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        if len(shape) != 2:
            raise ShapeError(f"shape must have 2 dimensions for an identity matrix, got {tuple(shape)}")
        rows, columns = shape
        return _array(self.gain * np.eye(rows, columns), dtype)


constant, zeros, ones, identity, orthogonal = Constant, Zeros, Ones, Identity, Orthogonal
random_normal, random_uniform, truncated_normal, variance_scaling = RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling
glorot_normal, glorot_uniform, he_normal, he_uniform = GlorotNormal, GlorotUniform, HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal


def get(identifier: Any) -> Callable[..., Array] | None:
    """An initializer from a name ("glorot_uniform", "GlorotUniform"), a class, a config, an instance or a function (shape, dtype) -> array.

    An array or a Tensor stands for itself: its shape must be the weight's. None stays None, for the default of `Layer.add_weight`.

    Raises:
        ArgumentError, DTypeError: the name is unknown, or it is none of these.
    """
    if identifier is None:
        return None
    if isinstance(identifier, (np.ndarray, Tensor)):
        values = np.array(identifier)
        return lambda shape, dtype=None: _array(values, dtype)  # who asks checks the shape
    found: Callable[..., Array] = configurable.resolve("initializer", identifier)
    return found


def serialize(initializer: Initializer) -> dict[str, Any]:
    """{"class_name", "config"} of an initializer."""
    plain: dict[str, Any] = configurable.serialize(initializer)
    return plain


def deserialize(config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Initializer:
    """The inverse of `serialize`; `custom_objects`: name -> class of your own, beside the registered ones."""
    initializer: Initializer = configurable.deserialize("initializer", config, custom_objects)
    return initializer
