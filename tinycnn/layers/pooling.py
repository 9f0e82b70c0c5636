"""Pooling: the largest or the mean cell of windows, or of whole images and lines."""

from __future__ import annotations

from typing import Any

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.geometry import image_pair, pool2d_geometry
from tinycnn.layers.shapes import Shape, check_string_padding
from tinycnn.layers.spatial import Size, SpatialLayer, on_lines
from tinycnn.registry import register

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
]


class _Pooling(SpatialLayer):
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
        self, pool_size: Size = 2, strides: Size | None = None, padding: str = "valid", data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = self._sizes(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else self._sizes(strides, "strides")
        self.padding = check_string_padding(padding)
        self.data_format = self._lay_out(data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        windows = {"pool_size": image_pair(self.pool_size), "strides": image_pair(self.strides)}
        return self._window_shape(input_shape, lambda shape: pool2d_geometry(shape, **windows, padding=self.padding))


class _MaxPooling(_Pooling):
    __doc__: str | None = (_Pooling.__doc__ or "").replace("Pooling over windows", "The largest cell of each window")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.max_pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


class _AveragePooling(_Pooling):
    __doc__: str | None = (_Pooling.__doc__ or "").replace("Pooling over windows", "The mean cell of each window")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.average_pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


@register("layer", "MaxPool2D")
class MaxPooling2D(_MaxPooling):
    __doc__ = _MaxPooling.__doc__


@register("layer", "MaxPool1D")
class MaxPooling1D(_MaxPooling):
    __doc__ = on_lines(_MaxPooling)

    rank = 1


@register("layer", "AvgPool2D")
class AveragePooling2D(_AveragePooling):
    __doc__ = _AveragePooling.__doc__


@register("layer", "AvgPool1D")
class AveragePooling1D(_AveragePooling):
    __doc__ = on_lines(_AveragePooling)

    rank = 1


class _GlobalPooling(SpatialLayer):
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
        self.data_format = self._lay_out(data_format)
        self.keepdims = bool(keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.keepdims:
            return tuple(1 if axis in self._spatial_axes else n for axis, n in enumerate(input_shape))
        return tuple(n for axis, n in enumerate(input_shape) if axis not in self._spatial_axes)


class _GlobalAveragePooling(_GlobalPooling):
    __doc__: str | None = (_GlobalPooling.__doc__ or "").replace("Pooling over", "The mean of each channel over")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.mean(inputs, self._spatial_axes, self.keepdims)


class _GlobalMaxPooling(_GlobalPooling):
    __doc__: str | None = (_GlobalPooling.__doc__ or "").replace("Pooling over", "The maximum of each channel over")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.max(inputs, self._spatial_axes, self.keepdims)


@register("layer", "GlobalAvgPool2D")
class GlobalAveragePooling2D(_GlobalAveragePooling):
    __doc__ = _GlobalAveragePooling.__doc__


@register("layer", "GlobalAvgPool1D")
class GlobalAveragePooling1D(_GlobalAveragePooling):
    __doc__ = on_lines(_GlobalAveragePooling)

    rank = 1


@register("layer", "GlobalMaxPool2D")
class GlobalMaxPooling2D(_GlobalMaxPooling):
    __doc__ = _GlobalMaxPooling.__doc__


@register("layer", "GlobalMaxPool1D")
class GlobalMaxPooling1D(_GlobalMaxPooling):
    __doc__ = on_lines(_GlobalMaxPooling)

    rank = 1


class _AdaptivePooling(SpatialLayer):
    """Pooling over a number of windows of nearly the same size: (N, H, W, C) -> (N, OH, OW, C).

    Args:
        output_size: int or (height, width), >= 1: how many windows.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(self, output_size: Size, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = self._sizes(output_size, "output_size")
        self.data_format = self._lay_out(data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        counts = dict(zip(self._spatial_axes, self.output_size, strict=True))
        return tuple(counts.get(axis, n) for axis, n in enumerate(input_shape))


class _AdaptiveAveragePooling(_AdaptivePooling):
    __doc__: str | None = (_AdaptivePooling.__doc__ or "").replace("Pooling over", "The mean cells of")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.adaptive_average_pool(inputs, self.output_size, self.data_format)


class _AdaptiveMaxPooling(_AdaptivePooling):
    __doc__: str | None = (_AdaptivePooling.__doc__ or "").replace("Pooling over", "The largest cells of")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.adaptive_max_pool(inputs, self.output_size, self.data_format)


@register("layer")
class AdaptiveAveragePooling2D(_AdaptiveAveragePooling):
    __doc__ = _AdaptiveAveragePooling.__doc__


@register("layer")
class AdaptiveAveragePooling1D(_AdaptiveAveragePooling):
    __doc__ = on_lines(_AdaptiveAveragePooling)

    rank = 1


@register("layer")
class AdaptiveMaxPooling2D(_AdaptiveMaxPooling):
    __doc__ = _AdaptiveMaxPooling.__doc__


@register("layer")
class AdaptiveMaxPooling1D(_AdaptiveMaxPooling):
    __doc__ = on_lines(_AdaptiveMaxPooling)

    rank = 1


MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D
AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
