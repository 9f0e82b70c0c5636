"""Augmentation: layers that change each image of a batch by chance, in training only.

The random numbers are a few for each image, drawn at once; images are then computed together, without a loop over them. Parameters
such as `factor` give the range: a number f stands for -f to f, a pair for its two ends, so (f, f) leaves nothing to chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError
from tinycnn.layers.preprocessing_image import ImageLayer
from tinycnn.layers.random_layer import RandomLayer
from tinycnn.registry import register

__all__ = [
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomImageLayer",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "as_range",
    "as_value_range",
]


def _pair(value: Any, name: str) -> tuple[float, float] | None:
    """Two numbers as floats, or None for one number; ArgumentError for anything else."""
    several = isinstance(value, (tuple, list))
    parts = list(value) if several else [value]
    if len(parts) != 1 + several or not all(hasattr(p, "__float__") and not isinstance(p, bool) and np.isfinite(float(p)) for p in parts):
        raise ArgumentError(f"{name} must be a number or a pair of numbers, got {value!r}")
    return (float(parts[0]), float(parts[1])) if several else None


def as_range(value: Any, name: str, least: float = -1.0) -> tuple[float, float]:
    """The range that `value` stands for, in [least, 1]."""
    pair = _pair(value, name)
    ends = sorted(pair or (float(value), float(value)))
    if not least <= ends[0] <= ends[1] <= 1:
        raise ArgumentError(f"{name} must be in [{least:g}, 1], got {value!r}")
    return (ends[0], ends[1]) if pair else (max(least, -abs(ends[0])), abs(ends[0]))


def as_value_range(value_range: Any) -> tuple[float, float]:
    """(low, high) of a pair."""
    pair = _pair(value_range, "value_range")
    if pair is None or pair[0] == pair[1]:
        raise ArgumentError(f"value_range must be a pair of different numbers, got {value_range!r}")
    return min(pair), max(pair)


class RandomImageLayer(ImageLayer, RandomLayer):
    """Base: an implementation gives `augment`, which is called in training only."""

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        images = ops.cast(inputs, self.dtype)
        if not training:
            return images
        if images.ndim == 4:
            return self.augment(images)
        return ops.squeeze(self.augment(ops.expand_dims(images, 0)), 0)

    def augment(self, images: Tensor) -> Tensor:
        """The images (N, H, W, C), or (N, C, H, W), changed."""
        raise NotImplementedError(f"{type(self).__name__} must implement augment()")

    def uniform(self, ends: tuple[float, float], n: int) -> NDArray[Any]:
        """`n` random numbers between `ends`."""
        return self.generator.uniform(*ends, n)


@register("layer")
class RandomFlip(RandomImageLayer):
    """In training: flips each image with probability 1/2.

    Args:
        mode: "horizontal" exchanges left and right, "vertical" top and bottom, "horizontal_and_vertical" both at the same time.
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(
        self, mode: str = "horizontal_and_vertical", seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            raise ArgumentError(f"mode must be 'horizontal', 'vertical' or 'horizontal_and_vertical', got {mode!r}")
        self.mode = mode

    def augment(self, images: Tensor) -> Tensor:
        vertical, horizontal = self.rows_and_columns(4)
        axes = {"horizontal": (horizontal,), "vertical": (vertical,)}.get(self.mode, (vertical, horizontal))
        flipped = self.uniform((0, 1), len(images)) <= 0.5
        return ops.where(flipped[:, None, None, None], ops.flip(images, axes), images)


class _RandomAffine(RandomImageLayer):
    """Base: an implementation gives the `transforms`.

    Args:
        fill_mode: what lies outside of an image: "reflect" it is mirrored at its edges, "wrap" it comes again, "nearest" its edges go on,
            "constant" `fill_value`.
        interpolation: "bilinear" or "nearest".
        fill_value: see `fill_mode`.
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: `data_format`, and those of `Layer`.
    """

    def __init__(self, fill_mode: str, interpolation: str, fill_value: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if fill_mode not in ops.image.FILL_MODES:
            raise ArgumentError(f"fill_mode must be one of {', '.join(ops.image.FILL_MODES)}, got {fill_mode!r}")
        if interpolation not in ("nearest", "bilinear"):
            raise ArgumentError(f"interpolation must be 'nearest' or 'bilinear', got {interpolation!r}")
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = float(fill_value)

    def augment(self, images: Tensor) -> Tensor:
        rows, columns = self.rows_and_columns(4)
        transform = np.zeros((len(images), 8))
        transform[:, :6] = np.stack(self.transforms(len(images), images.shape[rows], images.shape[columns]), axis=1)
        return ops.image.affine_transform(
            images, transform, self.interpolation, self.fill_mode, self.fill_value, data_format=self.data_format
        )

    def transforms(self, n: int, height: int, width: int) -> list[NDArray[Any]]:
        """a0, a1, a2, b0, b1, b2 of `ops.image.affine_transform`, for each of `n` images."""
        raise NotImplementedError(f"{type(self).__name__} must implement transforms()")


@register("layer")
class RandomRotation(_RandomAffine):
    """In training: turns each image about its middle by a random angle.

    Args:
        factor: range of the angle, in full turns, counter-clockwise; at most from -1 to 1.
        fill_mode: what lies outside of an image: "reflect" it is mirrored at its edges, "wrap" it comes again, "nearest" its edges go on,
            "constant" `fill_value`.
        interpolation: "bilinear" or "nearest".
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        fill_value: see `fill_mode`.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs)
        self.factor = as_range(factor, "factor")

    def transforms(self, n: int, height: int, width: int) -> list[NDArray[Any]]:
        angle = 2 * np.pi * self.uniform(self.factor, n)
        cos, sin = np.cos(angle), np.sin(angle)
        x, y = (width - 1) / 2, (height - 1) / 2
        return [cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos]


@register("layer")
class RandomTranslation(_RandomAffine):
    """In training: shifts each image by a random part of its size.

    Args:
        height_factor, width_factor: ranges of the shift down and to the right, in heights and widths; at most from -1 to 1.
        fill_mode: what lies outside of an image: "reflect" it is mirrored at its edges, "wrap" it comes again, "nearest" its edges go on,
            "constant" `fill_value`.
        interpolation: "bilinear" or "nearest".
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        fill_value: see `fill_mode`.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs)
        self._ranges = as_range(height_factor, "height_factor"), as_range(width_factor, "width_factor")
        self.height_factor = height_factor
        self.width_factor = width_factor

    def transforms(self, n: int, height: int, width: int) -> list[NDArray[Any]]:
        down, right = (self.uniform(ends, n) for ends in self._ranges)
        one, zero = np.ones(n), np.zeros(n)
        return [one, zero, -right * width, zero, one, -down * height]


@register("layer")
class RandomZoom(_RandomAffine):
    """In training: shrinks or enlarges each image about its middle by a random factor.

    Args:
        height_factor: range of the growth of what is seen, at most from above -1 to 1: 0.2 shows 20% more (zooms out), -0.2 20% less.
        width_factor: the same for the width; default: the factor that the height has drawn, so that the aspect ratio stays.
        fill_mode: what lies outside of an image: "reflect" it is mirrored at its edges, "wrap" it comes again, "nearest" its edges go on,
            "constant" `fill_value`.
        interpolation: "bilinear" or "nearest".
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        fill_value: see `fill_mode`.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs)
        above = float(np.nextafter(-1.0, 0.0))  # -1 would show nothing
        self._height_range = as_range(height_factor, "height_factor", above)
        self._width_range = None if width_factor is None else as_range(width_factor, "width_factor", above)
        self.height_factor = height_factor
        self.width_factor = width_factor

    def transforms(self, n: int, height: int, width: int) -> list[NDArray[Any]]:
        y = 1 + self.uniform(self._height_range, n)
        x = y if self._width_range is None else 1 + self.uniform(self._width_range, n)
        zero = np.zeros(n)
        return [x, zero, (width - 1) / 2 * (1 - x), zero, y, (height - 1) / 2 * (1 - y)]


@register("layer")
class RandomShear(_RandomAffine):
    """In training: shears each image, rows to the side and columns down by a random part of their distance from its corner.

    Args:
        x_factor, y_factor: ranges of the two parts, at most from 0 to 1; of one number f, from -f to f. By chance, both are negated.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside of an image: "reflect" it is mirrored at its edges, "wrap" it comes again, "nearest" its edges go on,
            "constant" `fill_value`.
        fill_value: see `fill_mode`.
        data_format: "channels_last" (default) or "channels_first".
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs)
        self._ranges = as_range(x_factor, "x_factor"), as_range(y_factor, "y_factor")
        self.x_factor = x_factor
        self.y_factor = y_factor

    def transforms(self, n: int, height: int, width: int) -> list[NDArray[Any]]:
        sign = self.generator.choice([-1.0, 1.0], n)
        x, y = (sign * self.uniform(ends, n) for ends in self._ranges)
        one, zero = np.ones(n), np.zeros(n)
        return [one, x, zero, y, one, zero]


@register("layer")
class RandomContrast(RandomImageLayer):
    """In training: (x - mean) * contrast + mean, the mean taken over each channel of each image; cut to `value_range`.

    Args:
        factor: (lower, upper), both in [0, 1], or one number for both: the contrast is drawn from 1 - lower to 1 + upper.
        value_range: the lowest and the highest value that images have.
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: `data_format`, and those of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        self.factor = as_range(factor if isinstance(factor, (tuple, list)) else (factor, factor), "factor", 0.0)
        self.value_range = as_value_range(value_range)

    def augment(self, images: Tensor) -> Tensor:
        contrast = self.uniform((1 - self.factor[0], 1 + self.factor[1]), len(images))[:, None, None, None].astype(self.dtype)
        mean = ops.mean(images, self.rows_and_columns(4), keepdims=True)
        return ops.clip((images - mean) * contrast + mean, *self.value_range)


@register("layer")
class RandomBrightness(RandomImageLayer):
    """In training: adds a random part of `value_range` to each image; cut to `value_range`.

    Args:
        factor: range of that part, at most from -1 (black) to 1 (white).
        value_range: the lowest and the highest value that images have.
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: `data_format`, and those of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        self.factor = as_range(factor, "factor")
        self.value_range = as_value_range(value_range)

    def augment(self, images: Tensor) -> Tensor:
        low, high = self.value_range
        added = (high - low) * self.uniform(self.factor, len(images))[:, None, None, None].astype(self.dtype)
        return ops.clip(images + added, low, high)
