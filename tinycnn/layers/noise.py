"""Layers that add noise or drop cells, in training only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError
from tinycnn.layers.core import Dropout
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.random_layer import RandomLayer, check_rate
from tinycnn.layers.shapes import Shape, check_data_format
from tinycnn.registry import register

__all__ = ["AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D"]

# Where SELU saturates, -scale * alpha (Klambauer et al. 2017, https://arxiv.org/abs/1706.02515).
_SATURATION = -1.0507009873554805 * 1.6732632423543772


class _Noise(RandomLayer):
    """Base of layers that draw from a normal distribution."""

    def normal(self, like: Tensor) -> NDArray[Any]:
        """Normal random numbers in the shape and dtype of `like`."""
        return self.generator.standard_normal(like.shape, np.float64 if like.dtype == np.float64 else np.float32)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@register("layer")
class GaussianNoise(_Noise):
    """In training: inputs + normal noise of standard deviation `stddev`. Else: nothing.

    Args:
        stddev: from 0 to 1.
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        if isinstance(stddev, bool) or not hasattr(stddev, "__float__") or not 0 <= float(stddev) <= 1:
            raise ArgumentError(f"stddev must be a number from 0 to 1, got {stddev!r}")
        self.stddev = float(stddev)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.stddev == 0:
            return inputs
        return inputs + self.stddev * self.normal(inputs)


@register("layer")
class GaussianDropout(_Noise):
    """In training: inputs * normal noise of mean 1 and variance rate / (1 - rate), which `Dropout` has, too. Else: nothing.

    Args:
        rate: in [0, 1).
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        self.rate = check_rate(rate)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        return inputs * (1 + math.sqrt(self.rate / (1 - self.rate)) * self.normal(inputs))


@register("layer")
class AlphaDropout(Dropout):
    """In training: sets cells to where SELU saturates, and keeps mean 0 and variance 1 (Klambauer et al. 2017). Else: nothing.

    Arguments and errors are those of `Dropout`.
    """

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        kept = (self.generator.random(self.mask_shape(inputs.shape)) >= self.rate).astype(inputs.dtype)
        scale = ((1 - self.rate) * (1 + self.rate * _SATURATION**2)) ** -0.5
        return inputs * (scale * kept) + scale * _SATURATION * (1 - kept - self.rate)


@register("layer")
class SpatialDropout1D(Dropout):
    """`Dropout` of whole channels of (N, T, C) (Tompson et al. 2014, https://arxiv.org/abs/1411.4280).

    Args:
        rate: in [0, 1).
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        name, dtype: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=3, layout="(batch, steps, channels)")

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], 1, shape[2])


@register("layer")
class SpatialDropout2D(Dropout):
    """`Dropout` of whole channels of images (Tompson et al. 2014, https://arxiv.org/abs/1411.4280).

    Args:
        rate: in [0, 1).
        data_format: "channels_last" (default) or "channels_first".
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        name, dtype: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(
        self, rate: float, data_format: str | None = None, seed: int | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = check_data_format(data_format)
        self.input_spec = InputSpec(ndim=4, layout="of images, the batch counted")

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:2], 1, 1) if self.data_format == "channels_first" else (shape[0], 1, 1, shape[3])
