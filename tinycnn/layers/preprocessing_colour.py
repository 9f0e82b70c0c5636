"""Augmentation of colours and sharpness, in training only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError
from tinycnn.geometry import normalize_pair
from tinycnn.layers.preprocessing_random import RandomBrightness, RandomContrast, RandomImageLayer, as_range, as_value_range
from tinycnn.registry import register

__all__ = [
    "RandomColorJitter",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomSaturation",
    "RandomSharpness",
]


def _per_image(numbers: NDArray[Any], like: Tensor) -> NDArray[Any]:
    """One number an image, beside images."""
    return numbers[:, None, None, None].astype(like.dtype)


@register("layer")
class RandomGrayscale(RandomImageLayer):
    """In training: takes the colours of an image away with probability `factor`; see `ops.image.rgb_to_grayscale`.

    Args:
        factor: in [0, 1].
        data_format: "channels_last" (default) or "channels_first".
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = as_range((factor, factor), "factor", 0.0)[0]

    def augment(self, images: Tensor) -> Tensor:
        chosen = self.uniform((0, 1), len(images)) < self.factor
        return ops.where(chosen[:, None, None, None], ops.image.rgb_to_grayscale(images, self.data_format), images)


class _RandomColour(RandomImageLayer):
    """Base: an implementation gives `recoloured`, of images from 0 to 1 in hue, saturation and value, channels last.

    Args:
        factor: see the implementation.
        value_range: the lowest and the highest value that images have.
        data_format: "channels_last" (default) or "channels_first".
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: of `Layer`.
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = as_range(factor, "factor", 0.0)
        self.value_range = as_value_range(value_range)

    def augment(self, images: Tensor) -> Tensor:
        low, high = self.value_range
        hsv = ops.image.rgb_to_hsv((images - low) / (high - low), self.data_format)
        axis = 1 if self.data_format == "channels_first" else -1
        changed = self.recoloured(*ops.unstack(hsv, axis=axis))
        rgb = ops.image.hsv_to_rgb(ops.stack(changed, axis=axis), self.data_format)
        return ops.clip(rgb, 0, 1) * (high - low) + low

    def recoloured(self, hue: Tensor, saturation: Tensor, value: Tensor) -> list[Tensor]:
        """The three planes (N, H, W), changed."""
        raise NotImplementedError(f"{type(self).__name__} must implement recoloured()")


@register("layer")
class RandomHue(_RandomColour):
    """In training: turns the hue of each image by a random part of half a turn, this way or that.

    Args:
        factor: range of that part, at most from 0 to 1; of one number f, from 0 to f.
        value_range: the lowest and the highest value that images have.
        data_format: "channels_last" (default) or "channels_first".
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def recoloured(self, hue: Tensor, saturation: Tensor, value: Tensor) -> list[Tensor]:
        turn = 0.5 * self.generator.choice([-1.0, 1.0], len(hue)) * self.uniform(self.factor, len(hue))
        return [hue + turn[:, None, None].astype(hue.dtype), saturation, value]


@register("layer")
class RandomSaturation(_RandomColour):
    """In training: multiplies the saturation of each image by f / (1 - f), and cuts it at 1, with a random f.

    Args:
        factor: range of f, at most from 0 (grey) over 0.5 (nothing changes) to 1 (full colours); of one number f, from 0 to f.
        value_range: the lowest and the highest value that images have.
        data_format: "channels_last" (default) or "channels_first".
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def recoloured(self, hue: Tensor, saturation: Tensor, value: Tensor) -> list[Tensor]:
        part = self.uniform(self.factor, len(hue))
        more = (part / (1 - part + 1e-7))[:, None, None].astype(hue.dtype)
        return [hue, ops.clip(saturation * more, 0, 1), value]


@register("layer")
class RandomColorJitter(RandomImageLayer):
    """In training: RandomBrightness, RandomContrast, RandomSaturation and RandomHue, one after the other.

    Args:
        value_range: the lowest and the highest value that images have.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: the `factor` of each; None leaves it out.
        seed: int >= 0, of all four; default: `tinycnn.random`'s.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = as_value_range(value_range)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        given: dict[type[Any], Any] = {
            RandomBrightness: brightness_factor,
            RandomContrast: contrast_factor,
            RandomSaturation: saturation_factor,
            RandomHue: hue_factor,
        }
        shared = {"value_range": value_range, "seed": seed, "data_format": data_format, "dtype": self.dtype}
        self._steps = [step(factor, **shared) for step, factor in given.items() if factor is not None]

    def augment(self, images: Tensor) -> Tensor:
        for step in self._steps:
            images = step.augment(images)
        return images


@register("layer")
class RandomSharpness(RandomImageLayer):
    """In training: x + (1 - 2 f) * (smooth(x) - x) with a random f, where smooth is a mean over 3 x 3 cells; cut to `value_range`.

    Args:
        factor: range of f, at most from 0 (smooth) over 0.5 (nothing changes) to 1 (sharp); of one number f, from 0 to f.
        value_range: the lowest and the highest value that images have.
        data_format: "channels_last" (default) or "channels_first".
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = as_range(factor, "factor", 0.0)
        self.value_range = as_value_range(value_range)

    def augment(self, images: Tensor) -> Tensor:
        mean = np.full((3, 3), 1 / 13)
        mean[1, 1] = 5 / 13  # the middle counts as much as five neighbours
        channels = images.shape[1 if self.data_format == "channels_first" else -1]
        kernel = np.repeat(mean[:, :, None, None], channels, axis=2).astype(images.dtype)
        smooth = ops.depthwise_conv(images, kernel, padding="same", data_format=self.data_format)
        part = _per_image(1 - 2 * self.uniform(self.factor, len(images)), images)
        return ops.clip(images + part * (smooth - images), *self.value_range)


@register("layer")
class RandomGaussianBlur(RandomImageLayer):
    """In training: blurs some images; see `ops.image.gaussian_blur`. Cut to `value_range`.

    Args:
        factor: range of the probability that an image is blurred, at most from 0 to 1; of one number f, from 0 to f.
        kernel_size: cells of the bell, an odd int or (height, width) of them.
        sigma: range of the bell's standard deviations, the same for a batch, at most from 0 to 1; of one number s, from 0 to s.
        value_range: the lowest and the highest value that images have.
        data_format: "channels_last" (default) or "channels_first".
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = as_range(factor, "factor", 0.0)
        self.kernel_size = normalize_pair(kernel_size, "kernel_size")
        if 0 in (n % 2 for n in self.kernel_size):
            raise ArgumentError(f"kernel_size must be odd, got {kernel_size!r}")
        self.sigma = as_range(sigma, "sigma", 0.0)
        self.value_range = as_value_range(value_range)

    def augment(self, images: Tensor) -> Tensor:
        chosen = self.uniform((0, 1), len(images)) < self.uniform(self.factor, len(images))
        sigma = self.uniform(self.sigma, 2) + 1e-6
        blurred = ops.image.gaussian_blur(images, self.kernel_size, (float(sigma[0]), float(sigma[1])), self.data_format)
        return ops.clip(ops.where(chosen[:, None, None, None], blurred, images), *self.value_range)
