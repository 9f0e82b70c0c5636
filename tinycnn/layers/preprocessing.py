"""Rescaling and Normalization: numbers brought into a range that networks learn well from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn import config, ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.layers.layer import Layer
from tinycnn.layers.shapes import Shape, known_size
from tinycnn.registry import register
from tinycnn.rules.op import normalize_axes
from tinycnn.saving.configurable import serialize

__all__ = ["Normalization", "Rescaling"]

#: Samples that `adapt` looks at together.
_ROWS = 1024


def _check_numbers(value: Any, name: str) -> Any:
    """`value`, if it is a number or an array or list of finite ones."""
    try:
        fits = np.isfinite(ops.convert_to_numpy(value)).all()
    except DTypeError:
        fits = False
    if not fits:
        raise ArgumentError(f"{name} must be a finite number or several, got {value!r}")
    return value


@register("layer")
class Rescaling(Layer):
    """inputs * scale + offset, as floats: Rescaling(1 / 255) takes uint8 images to [0, 1], Rescaling(1 / 127.5, -1) to [-1, 1].

    Args:
        scale, offset: numbers, or arrays that broadcast against the inputs.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = _check_numbers(scale, "scale")
        self.offset = _check_numbers(offset, "offset")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.cast(inputs, self.dtype) * np.asarray(self.scale, self.dtype) + np.asarray(self.offset, self.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@register("layer")
class Normalization(Layer):
    """(inputs - mean) / standard deviation, with statistics that `adapt` takes from data, or that are given.

    Args:
        axis: the axis or axes along which each index has a mean and a variance of its own; None: one of each for all.
        mean, variance: the statistics, both or none: numbers, or arrays over the last of those axes. Default: `adapt` finds them.
        invert: the way back: inputs * standard deviation + mean.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(
        self, axis: int | Sequence[int] | None = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        axes = () if axis is None else tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
        if not all(hasattr(a, "__index__") and not isinstance(a, bool) for a in axes):
            raise DTypeError(f"axis must be an int, several, or None, got {axis!r}")
        if (mean is None) != (variance is None):
            raise ArgumentError(f"mean and variance must be given together, got mean={mean!r} and variance={variance!r}")
        if mean is not None:
            shape = np.shape(_check_numbers(mean, "mean"))
            if shape != np.shape(_check_numbers(variance, "variance")) or len(shape) > len(axes):
                raise ShapeError(
                    f"mean and variance must have one shape of at most {len(axes)} axes (as many as axis names), "
                    f"got {shape} and {np.shape(variance)}"
                )
        self.axis = axes
        self.input_mean, self.input_variance = mean, variance
        self.invert = bool(invert)

    def build(self, input_shape: Shape) -> None:
        axes = normalize_axes(self.axis, len(input_shape))
        sizes = tuple(known_size(input_shape, a, self.who) for a in axes)
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(sizes, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(sizes, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")  # Keras's files have it, always 0
            return
        given = np.shape(self.input_mean)
        if any(n not in (1, size) for n, size in zip(reversed(given), reversed(sizes), strict=False)):
            raise ShapeError(f"mean and variance of {self.who} have shape {given}, but its inputs {tuple(input_shape)} ask for {sizes}")

    def adapt(self, data: Any) -> None:
        """Take mean and variance from `data`; earlier ones are forgotten.

        Args:
            data: an array or a Tensor; or an iterable of batches, which are arrays, or tuples or lists of x and more. Memory is needed
                for a batch only.

        Raises:
            ArgumentError, DTypeError, ShapeError: naming what is wrong; the statistics are as before.
        """
        if self.input_mean is not None:
            raise ArgumentError(f"{self.who} was given mean and variance, so there is nothing to adapt")
        count, mean, deviation = 0, np.zeros(()), np.zeros(())
        shape: Shape = ()
        for batch in _batches(data, whole=0 in self.axis):
            kept = normalize_axes(self.axis, batch.ndim)
            reduced = tuple(a for a in range(batch.ndim) if a not in kept)
            if not count:
                shape = batch.shape if 0 in kept else (None, *batch.shape[1:])
            # Chan, Golub and LeVeque 1983: merging the moments of two parts
            n = math.prod(batch.shape[a] for a in reduced)
            batch = batch.astype(np.float64)
            found = batch.mean(axis=reduced)
            if count and found.shape != mean.shape:
                raise ShapeError(f"data must hold batches of one shape, got {shape} and {batch.shape}")
            step = found - mean
            mean = mean + step * (n / (count + n))
            deviation = deviation + batch.var(axis=reduced) * n + step**2 * (count * n / (count + n))
            count += n
        if not count:
            raise ArgumentError("data must hold at least one sample to adapt to")
        self.build(shape)
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(deviation / count)

    def _statistic(self, given: Any, found: str, ndim: int) -> NDArray[Any]:
        """Mean or variance, with an axis of size 1 wherever the inputs are reduced."""
        value = getattr(self, found).data if given is None else np.asarray(given, self.dtype)
        sizes = [1] * ndim
        for axis, size in zip(reversed(normalize_axes(self.axis, ndim)), reversed(value.shape), strict=False):
            sizes[axis] = size
        return value.reshape(sizes)

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, self.dtype)
        mean = self._statistic(self.input_mean, "adapt_mean", x.ndim)
        scale = np.maximum(np.sqrt(self._statistic(self.input_variance, "adapt_variance", x.ndim)), x.dtype.type(config.epsilon()))
        return x * scale + mean if self.invert else (x - mean) / scale

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    @property
    def mean(self) -> Tensor:
        """The mean in use, with an axis of size 1 wherever the inputs are reduced. Raises NotBuiltError before there is one."""
        return Tensor.wrap(self._statistic(self.input_mean, "adapt_mean", len(self.input_shape)))

    @property
    def variance(self) -> Tensor:
        """The variance in use, likewise."""
        return Tensor.wrap(self._statistic(self.input_variance, "adapt_variance", len(self.input_shape)))

    def get_config(self) -> dict[str, Any]:
        own = {"axis": self.axis, "mean": self.input_mean, "variance": self.input_variance, "invert": self.invert}
        plain: dict[str, Any] = serialize({**own, "name": self.name, "trainable": self.trainable, "dtype": self.dtype})
        return plain


def _batches(data: Any, whole: bool) -> Iterator[NDArray[Any]]:
    """The arrays that `data` is made of; one array is cut into rows, unless it is to stay `whole`."""
    if hasattr(data, "__array__"):
        array = ops.convert_to_numpy(data)
        if not array.ndim:
            raise ShapeError("data must have an axis of samples, got a single number")
        rows = len(array) if whole else _ROWS
        yield from (array[start : start + rows] for start in range(0, len(array), max(rows, 1)))
        return
    if not isinstance(data, Iterable):
        raise DTypeError(f"data must be an array or an iterable of batches, got {type(data).__name__}")
    for item in data:
        batch = item[0] if isinstance(item, (tuple, list)) and item else item
        if not hasattr(batch, "__array__") or not np.ndim(batch):
            raise DTypeError(f"data must yield batches that are arrays with an axis of samples, got {type(batch).__name__}")
        if len(batch):
            yield ops.convert_to_numpy(batch)
