"""Layers that give images and lines another size: padding, cropping, upsampling."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.geometry import normalize_edges, normalize_pair
from tinycnn.layers.shapes import Shape
from tinycnn.layers.spatial import Size, SpatialLayer
from tinycnn.registry import register

__all__ = ["Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D"]

Pairs = tuple[tuple[int, int], ...]


def _cells(value: Any, name: str, rank: int) -> Any:
    """The argument `name`: (before, after) for lines, ((top, bottom), (left, right)) for images."""
    if isinstance(value, str):
        raise ArgumentError(f"{name} must be numbers of cells, got {value!r}")
    return normalize_pair(value, name, minimum=0) if rank == 1 else normalize_edges(value, name)


class _Edges(SpatialLayer):
    """What changes the number of cells before and after the inputs."""

    #: What happens to a size when n cells are meant: +1 they are added, -1 removed.
    _sign: int

    def _pairs(self) -> Pairs:
        """Cells before and after, for each spatial axis."""
        raise NotImplementedError

    def _by_axis(self) -> list[tuple[int, int]]:
        """The same for each axis of the inputs."""
        pairs = dict(zip(self._spatial_axes, self._pairs(), strict=True))
        return [pairs.get(axis, (0, 0)) for axis in range(self.rank + 2)]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        found = tuple(None if n is None else n + self._sign * sum(p) for n, p in zip(input_shape, self._by_axis(), strict=True))
        if any(n is not None and n < 1 for n in found[1:]):
            raise ShapeError(f"{self.who} leaves no cell of inputs of shape {tuple(input_shape)}: it takes away {self._pairs()}")
        return found


class _ZeroPadding(_Edges):
    _sign = 1
    padding: Any

    def _pairs(self) -> Pairs:
        return (self.padding,) if self.rank == 1 else self.padding

    def call(self, inputs: Tensor) -> Tensor:
        return ops.pad(inputs, self._by_axis())


class _Cropping(_Edges):
    _sign = -1
    cropping: Any

    def _pairs(self) -> Pairs:
        return (self.cropping,) if self.rank == 1 else self.cropping

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)
        return ops.get_item(inputs, tuple(slice(a, n - b) for n, (a, b) in zip(inputs.shape, self._by_axis(), strict=True)))


@register("layer")
class ZeroPadding2D(_ZeroPadding):
    """Rows and columns of zeros around the image.

    Args:
        padding: p, (p_h, p_w) or ((top, bottom), (left, right)), >= 0.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = _cells(padding, "padding", self.rank)
        self.data_format = self._lay_out(data_format)


@register("layer")
class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the line.

    Args:
        padding: p or (before, after), >= 0.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    rank = 1

    def __init__(self, padding: Size = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = _cells(padding, "padding", self.rank)
        self.data_format = self._lay_out(data_format)


@register("layer")
class Cropping2D(_Cropping):
    """Without some rows and columns at the edges of the image.

    Args:
        cropping: c, (c_h, c_w) or ((top, bottom), (left, right)), >= 0.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = _cells(cropping, "cropping", self.rank)
        self.data_format = self._lay_out(data_format)


@register("layer")
class Cropping1D(_Cropping):
    """Without some cells before and after, of lines (N, L, C).

    Args:
        cropping: c or (before, after), >= 0.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    rank = 1

    def __init__(self, cropping: Size = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = _cells(cropping, "cropping", self.rank)
        self._lay_out(None)


class _UpSampling(SpatialLayer):
    def _factors(self) -> tuple[int, ...]:
        """How often each cell is taken, along each spatial axis."""
        raise NotImplementedError

    def call(self, inputs: Tensor) -> Tensor:
        for axis, factor in zip(self._spatial_axes, self._factors(), strict=True):
            inputs = ops.repeat(inputs, factor, axis)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        factors = dict(zip(self._spatial_axes, self._factors(), strict=True))
        return tuple(None if n is None else n * factors.get(axis, 1) for axis, n in enumerate(input_shape))


@register("layer")
class UpSampling1D(_UpSampling):
    """Each cell of a line (N, L, C) `size` times in a row."""

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        (self.size,) = self._sizes(size, "size")
        self._lay_out(None)

    def _factors(self) -> tuple[int, ...]:
        return (self.size,)


@register("layer")
class UpSampling2D(_UpSampling):
    """The image enlarged by whole factors: (N, H, W, C) -> (N, H * size[0], W * size[1], C).

    Args:
        size: int or (height, width), >= 1.
        data_format: "channels_last" (default) or "channels_first".
        interpolation: "nearest" repeats cells; "bilinear", "bicubic" (Keys 1981, a = -1/2), "lanczos3" and "lanczos5" weigh those around.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(self, size: Size = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = self._sizes(size, "size")
        self.data_format = self._lay_out(data_format)
        self.interpolation = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if self.interpolation not in ("nearest", *_KERNELS):
            raise ArgumentError(f"interpolation must be one of {['nearest', *_KERNELS]}, got {interpolation!r}")

    def _factors(self) -> tuple[int, ...]:
        return self.size

    def call(self, inputs: Tensor) -> Tensor:
        if self.interpolation == "nearest":
            return super().call(inputs)
        for axis, factor in zip(self._spatial_axes, self.size, strict=True):
            weights = _weights(self.interpolation, inputs.shape[axis], factor, inputs.dtype)
            inputs = ops.moveaxis(ops.matmul(ops.moveaxis(inputs, axis, -1), weights), -1, axis)  # (..., n) * (n, n * factor)
        return inputs


def _cubic(d: NDArray[Any]) -> NDArray[Any]:
    near, far = (1.5 * d - 2.5) * d * d + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.where(d < 1, near, np.where(d < 2, far, 0))


def _lanczos(d: NDArray[Any], radius: int) -> NDArray[Any]:
    return np.where(d < radius, np.sinc(d) * np.sinc(d / radius), 0)


#: Interpolation -> the weight of a cell that is so far away.
_KERNELS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "bilinear": lambda d: np.maximum(1 - d, 0),
    "bicubic": _cubic,
    "lanczos3": functools.partial(_lanczos, radius=3),
    "lanczos5": functools.partial(_lanczos, radius=5),
}


@functools.lru_cache(maxsize=32)
def _weights(interpolation: str, n: int, factor: int, dtype: DTypeLike) -> NDArray[Any]:
    """(n, n * factor): the weight of each old cell in each new one; beyond the edge there is nothing, and the rest makes up for it."""
    centers = (np.arange(n * factor) + 0.5) / factor - 0.5
    weights = _KERNELS[interpolation](np.abs(centers - np.arange(n)[:, None]))
    scaled: NDArray[Any] = (weights / weights.sum(0)).astype(dtype)
    scaled.flags.writeable = False
    return scaled
