"""Augmentation by boxes and mixtures, in training only: RandomErasing, CutMix, MixUp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers.preprocessing_image import ImageLayer
from tinycnn.layers.preprocessing_random import RandomImageLayer, as_range, as_value_range
from tinycnn.layers.random_layer import RandomLayer
from tinycnn.registry import register

__all__ = ["CutMix", "MixUp", "RandomErasing"]


def _boxes(source: np.random.Generator, rows: NDArray[Any], columns: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """(N, H, W), true inside of a box at a random place, of these parts of the height and the width of each of N images."""

    def inside(parts: NDArray[Any], size: int) -> NDArray[Any]:
        start = source.uniform(0, 1, len(parts)) * (size - parts * size)
        cells = np.arange(size)
        found: NDArray[Any] = (cells >= start[:, None]) & (cells < (start + parts * size)[:, None])
        return found

    boxes: NDArray[Any] = inside(rows, height)[:, :, None] & inside(columns, width)[:, None, :]
    return boxes


@register("layer")
class RandomErasing(RandomImageLayer):
    """In training: fills a box at a random place of some images with noise or a value (Zhong et al. 2020, arXiv 1708.04896).

    Args:
        factor: range of the probability that an image gets a box, at most from 0 to 1; of one number f, from 0 to f.
        scale: range of the squares of the box's height and width, in parts of the image's; at most from 0 to 1.
        fill_value: a number, or one for each channel; default: normal noise times the end of `value_range`. Cut to `value_range`.
        value_range: the lowest and the highest value that images have.
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = as_range(factor, "factor", 0.0)
        self.scale = as_range(scale, "scale", 0.0)
        self.value_range = as_value_range(value_range)
        if fill_value is not None and (np.ndim(fill_value) > 1 or np.asarray(fill_value).dtype.kind not in "iuf"):
            raise ArgumentError(f"fill_value must be a number, a list of them or None, got {fill_value!r}")
        self.fill_value = fill_value

    def augment(self, images: Tensor) -> Tensor:
        first = self.data_format == "channels_first"
        last = ops.moveaxis(images, 1, -1) if first else images
        n, height, width, channels = last.shape
        rows, columns = np.sqrt(self.generator.uniform(*self.scale, (2, n)))
        boxes = _boxes(self.generator, rows, columns, height, width)
        boxes &= (self.uniform((0, 1), n) < self.uniform(self.factor, n))[:, None, None]
        if self.fill_value is None:
            fill = self.generator.standard_normal(last.shape) * self.value_range[1]
        else:
            fill = np.asarray(self.fill_value, np.float64)
            if fill.shape not in ((), (channels,)):
                raise ShapeError(f"fill_value must be a number or one for each of {channels} channels, got {self.fill_value!r}")
        erased = ops.where(boxes[..., None], np.clip(fill, *self.value_range).astype(last.dtype), last)
        return ops.moveaxis(erased, -1, 1) if first else erased


class _Mixing(ImageLayer, RandomLayer):
    """Base of layers that mix each image with another one of its batch, and the labels as well.

    Inputs are images, or {"images": (N, H, W, C), "labels": (N, classes)}; what comes out has the same form.
    An implementation gives `mixed`.
    """

    def _check_inputs(self, shape: Any) -> None:
        if isinstance(shape, Mapping):
            if "images" not in shape or set(shape) - {"images", "labels"}:
                raise ArgumentError(f"{self.who} expects images, or a dict of 'images' and 'labels', got {list(shape)}")
            labels = shape.get("labels")
            if labels is not None and (len(labels) != 2 or labels[0] != shape["images"][0] or len(shape["images"]) != 4):
                raise ShapeError(f"labels of {self.who} must have shape (batch, classes), one-hot, got {labels}")
            shape = shape["images"]
        super()._check_inputs(shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        data = dict(inputs) if isinstance(inputs, Mapping) else {"images": inputs}
        data["images"] = images = ops.cast(data["images"], self.dtype)
        if training and images.ndim == 4 and len(images):
            order = self.generator.permutation(len(images))
            data["images"], part = self.mixed(images, ops.take(images, order, axis=0))
            if "labels" in data:
                labels = ops.cast(data["labels"], self.dtype)
                own = part[:, None].astype(self.dtype)
                data["labels"] = labels * own + ops.take(labels, order, axis=0) * (1 - own)
        return data if isinstance(inputs, Mapping) else data["images"]

    def mixed(self, images: Tensor, others: Tensor) -> tuple[Tensor, NDArray[Any]]:
        """(the mixtures, the part that each one has of its own image)."""
        raise NotImplementedError(f"{type(self).__name__} must implement mixed()")

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@register("layer")
class MixUp(_Mixing):
    """In training: w * image + (1 - w) * another one, and the labels alike (Zhang et al. 2018, arXiv 1710.09412).

    Inputs are images, or {"images": (N, H, W, C), "labels": (N, classes)}; what comes out has the same form.

    Args:
        alpha: above 0; each w is drawn from a beta distribution with both parameters alpha.
        data_format: "channels_last" (default) or "channels_first".
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if isinstance(alpha, bool) or not hasattr(alpha, "__float__") or not 0 < float(alpha) < np.inf:
            raise ArgumentError(f"alpha must be a number above 0, got {alpha!r}")
        self.alpha = float(alpha)

    def mixed(self, images: Tensor, others: Tensor) -> tuple[Tensor, NDArray[Any]]:
        part = self.generator.beta(self.alpha, self.alpha, len(images))
        own = part[:, None, None, None].astype(images.dtype)
        return images * own + others * (1 - own), part


@register("layer")
class CutMix(_Mixing):
    """In training: a box at a random place of each image comes from another one, and its part of the labels (Yun et al. 2019, 1905.04899).

    Inputs are images, or {"images": (N, H, W, C), "labels": (N, classes)}; what comes out has the same form.

    Args:
        factor: range of a, at most from 0 to 1; of one number f, from 0 to f. The part that stays is drawn from a beta distribution with
            both parameters a, which is the same for a batch.
        seed: int >= 0, for a random sequence of the layer's own; default: `tinycnn.random`'s.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(self, factor: Any = 1.0, seed: int | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = as_range(factor, "factor", 0.0)

    def mixed(self, images: Tensor, others: Tensor) -> tuple[Tensor, NDArray[Any]]:
        alpha = self.generator.uniform(*self.factor) + 1e-6
        part = np.nan_to_num(self.generator.beta(alpha, alpha, len(images)), nan=0.5)  # an alpha near 0 may underflow
        side = np.sqrt(1 - part)
        rows, columns = self.rows_and_columns(4)
        boxes = _boxes(self.generator, side, side, images.shape[rows], images.shape[columns])
        beside = boxes[:, None] if self.data_format == "channels_first" else boxes[..., None]
        return ops.where(beside, others, images), part
