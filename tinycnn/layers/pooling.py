"""Pooling: the largest or the mean cell of windows, or of whole images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.geometry import normalize_pair, pool2d_geometry
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.layer import Layer
from tinycnn.layers.shapes import Shape, check_data_format, check_string_padding, window_output_shape
from tinycnn.registry import register

__all__ = [
    "AveragePooling2D",
    "AvgPool2D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling2D",
    "MaxPool2D",
    "MaxPooling2D",
]

Size = int | Sequence[int]


class _Pooling(Layer):
    """Pooling over windows: (N, H, W, C) -> (N, OH, OW, C).

    Args:
        pool_size: int or (height, width), >= 1.
        strides: int or (height, width), >= 1; default: pool_size.
        padding: "valid" or "same"; cells of padding do not take part.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(
        self,
        pool_size: Size = (2, 2),
        strides: Size | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = normalize_pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else normalize_pair(strides, "strides")
        self.padding = check_string_padding(padding)
        self.data_format = check_data_format(data_format)
        self.input_spec = InputSpec(ndim=4)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return window_output_shape(
            input_shape,
            lambda shape: pool2d_geometry(shape, pool_size=self.pool_size, strides=self.strides, padding=self.padding),
            channels_first=self.data_format == "channels_first",
        )


@register("layer", "MaxPool2D")
class MaxPooling2D(_Pooling):
    __doc__ = (_Pooling.__doc__ or "").replace("Pooling over windows", "The largest cell of each window")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.max_pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


@register("layer", "AvgPool2D")
class AveragePooling2D(_Pooling):
    __doc__ = (_Pooling.__doc__ or "").replace("Pooling over windows", "The mean cell of each window")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.average_pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


class _GlobalPooling(Layer):
    """Pooling over the whole image: (N, H, W, C) -> (N, C), or (N, 1, 1, C) with `keepdims`.

    Args:
        data_format: "channels_last" (default) or "channels_first".
        keepdims: whether height and width stay, as axes of size 1.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError: naming the argument.
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format)
        self.keepdims = bool(keepdims)
        self._axes = (2, 3) if self.data_format == "channels_first" else (1, 2)
        self.input_spec = InputSpec(ndim=4)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.keepdims:
            return tuple(1 if axis in self._axes else n for axis, n in enumerate(input_shape))
        return tuple(n for axis, n in enumerate(input_shape) if axis not in self._axes)


@register("layer", "GlobalAvgPool2D")
class GlobalAveragePooling2D(_GlobalPooling):
    __doc__ = (_GlobalPooling.__doc__ or "").replace("Pooling over the whole image", "The mean of each channel")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.mean(inputs, self._axes, self.keepdims)


@register("layer", "GlobalMaxPool2D")
class GlobalMaxPooling2D(_GlobalPooling):
    __doc__ = (_GlobalPooling.__doc__ or "").replace("Pooling over the whole image", "The maximum of each channel")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.max(inputs, self._axes, self.keepdims)


MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool2D = GlobalMaxPooling2D
