"""Layers on images whose result has another size: Resizing, CenterCrop, RandomCrop."""

from __future__ import annotations

from typing import Any

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers.layer import Layer
from tinycnn.layers.random_layer import RandomLayer
from tinycnn.layers.shapes import Shape, check_data_format, positive_int
from tinycnn.registry import register

__all__ = ["CenterCrop", "ImageLayer", "RandomCrop", "Resizing"]


class ImageLayer(Layer):
    """Base of layers on one image (H, W, C) or a batch (N, H, W, C) of floats or integers; the result is floats.

    Args:
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format)

    def _check_inputs(self, shape: Any) -> None:
        if not isinstance(shape, tuple) or len(shape) not in (3, 4):
            raise ShapeError(f"{self.who} expects inputs with 3 dimensions (one image) or 4 (a batch of images), got shape {shape}")

    def rows_and_columns(self, ndim: int) -> tuple[int, int]:
        """The axes of height and width in inputs of `ndim` axes."""
        return (ndim - 2, ndim - 1) if self.data_format == "channels_first" else (ndim - 3, ndim - 2)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


class _SizedLayer(ImageLayer):
    """Base of layers whose result has a given `height` and `width`."""

    def __init__(self, height: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height = positive_int(height, "height")
        self.width = positive_int(width, "width")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = list(input_shape)
        rows, columns = self.rows_and_columns(len(sizes))
        sizes[rows], sizes[columns] = self.height, self.width
        return tuple(sizes)

    def _margins(self, images: Tensor) -> tuple[int, int]:
        """How many rows and columns the images have more than the result; negative if they are smaller."""
        rows, columns = self.rows_and_columns(images.ndim)
        return images.shape[rows] - self.height, images.shape[columns] - self.width

    def _cropped(self, images: Tensor, top: int, left: int) -> Tensor:
        index = [slice(None)] * images.ndim
        rows, columns = self.rows_and_columns(images.ndim)
        index[rows], index[columns] = slice(top, top + self.height), slice(left, left + self.width)
        return images[tuple(index)]

    def _resized(self, images: Tensor, **how: Any) -> Tensor:
        return ops.image.resize(images, (self.height, self.width), data_format=self.data_format, **how)


@register("layer")
class Resizing(_SizedLayer):
    """`ops.image.resize` as a layer, in training and out of it. Arguments and errors are those of `ops.image.resize` and `Layer`."""

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(height, width, data_format=data_format, **kwargs)
        if interpolation not in ops.image.INTERPOLATIONS:
            raise ArgumentError(f"interpolation must be one of {', '.join(ops.image.INTERPOLATIONS)}, got {interpolation!r}")
        if fill_mode != "constant":
            raise ArgumentError(f"fill_mode must be 'constant', got {fill_mode!r}")
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ArgumentError("crop_to_aspect_ratio and pad_to_aspect_ratio cannot both be true")
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = bool(crop_to_aspect_ratio)
        self.pad_to_aspect_ratio = bool(pad_to_aspect_ratio)
        self.fill_mode = fill_mode
        self.fill_value = float(fill_value)
        self.antialias = bool(antialias)

    def call(self, inputs: Tensor) -> Tensor:
        return self._resized(
            ops.cast(inputs, self.dtype),
            interpolation=self.interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_value=self.fill_value,
        )


@register("layer")
class CenterCrop(_SizedLayer):
    """The middle of the images. Of smaller ones, the largest window in the middle with the right aspect ratio, resized.

    Args:
        height, width: of the result.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(height, width, data_format=data_format, **kwargs)

    def call(self, inputs: Tensor) -> Tensor:
        images = ops.cast(inputs, self.dtype)
        rows, columns = self._margins(images)
        if min(rows, columns) < 0:
            return self._resized(images, crop_to_aspect_ratio=True)
        return self._cropped(images, rows // 2, columns // 2)


@register("layer")
class RandomCrop(_SizedLayer, RandomLayer):
    """In training: a window at a random place, the same for all images of a batch.

    Out of training, and for smaller images: the largest window in the middle with the right aspect ratio, resized.

    Args:
        height, width: of the result.
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(self, height: int, width: int, seed: int | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(height, width, seed=seed, data_format=data_format, **kwargs)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        images = ops.cast(inputs, self.dtype)
        rows, columns = self._margins(images)
        if not training or min(rows, columns) < 0:
            return self._resized(images, crop_to_aspect_ratio=True)
        top, left = self.generator.integers(0, (rows, columns), endpoint=True)
        return self._cropped(images, int(top), int(left))
