"""Convolutions, and the padding that may stand before one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinycnn import activations, initializers, ops, regularizers
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.geometry import conv2d_geometry, normalize_padding, normalize_pair
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.layer import Layer
from tinycnn.layers.shapes import Shape, check_data_format, check_string_padding, known_size, positive_int, window_output_shape
from tinycnn.registry import register

__all__ = ["Conv2D", "Convolution2D", "DepthwiseConv2D", "ZeroPadding2D"]

_LAYOUTS = {"channels_last": "(batch, height, width, channels)", "channels_first": "(batch, channels, height, width)"}

Size = int | Sequence[int]


class _Convolution(Layer):
    """What convolutions have in common: windows, a kernel, a bias, an activation."""

    def __init__(
        self,
        kernel_size: Size,
        strides: Size,
        padding: str,
        data_format: str | None,
        dilation_rate: Size,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_size = normalize_pair(kernel_size, "kernel_size")
        self.strides = normalize_pair(strides, "strides")
        self.padding = check_string_padding(padding)
        self.data_format = check_data_format(data_format)
        self.dilation_rate = normalize_pair(dilation_rate, "dilation_rate")
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self._channel_axis = 1 if self.data_format == "channels_first" else 3
        self.input_spec = InputSpec(ndim=4, layout=_LAYOUTS[self.data_format])

    def _kernel_shape(self, channels: int) -> tuple[int, int, int, int]:
        """(KH, KW, C / groups, O) for inputs of so many channels."""
        raise NotImplementedError

    def _add_bias_weight(self, channels: int, filters: int) -> None:
        """The second half of `build`: the bias, and the number of channels to insist on from now."""
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight((filters,), self.bias_initializer, regularizer=self.bias_regularizer, name="bias")
        self.input_spec = InputSpec(ndim=4, axes={self._channel_axis: channels}, layout=_LAYOUTS[self.data_format])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        kernel_shape = self._kernel_shape(known_size(input_shape, self._channel_axis, self.who))
        return window_output_shape(
            input_shape,
            lambda shape: conv2d_geometry(
                shape, kernel_shape, strides=self.strides, padding=self.padding, dilation_rate=self.dilation_rate
            ),
            channels_first=self._channel_axis == 1,
        )


@register("layer", "Convolution2D")
class Conv2D(_Convolution):
    """activation(conv(inputs, kernel) + bias): (N, H, W, C) -> (N, OH, OW, filters).

    Args:
        filters: output channels.
        kernel_size, strides, dilation_rate: int or (height, width), >= 1.
        padding: "valid" or "same".
        data_format: "channels_last" (default) or "channels_first".
        groups: the channels are cut into so many groups, each with its own filters.
        activation: name, function or layer; default: none.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: anything `initializers.get` takes.
        kernel_regularizer, bias_regularizer: anything `regularizers.get` takes.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Size = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer, bias_regularizer, **kwargs
        )
        self.filters = positive_int(filters, "filters")
        self.groups = positive_int(groups, "groups")
        if self.filters % self.groups:
            raise ArgumentError(f"filters must be a multiple of groups={self.groups}, got {filters!r}")
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)

    def _kernel_shape(self, channels: int) -> tuple[int, int, int, int]:
        if channels % self.groups:
            raise ShapeError(f"{self.who} expects inputs whose channels are a multiple of groups={self.groups}, got {channels}")
        return (*self.kernel_size, channels // self.groups, self.filters)

    def build(self, input_shape: Shape) -> None:
        channels = known_size(input_shape, self._channel_axis, self.who)
        shape = self._kernel_shape(channels)
        self.kernel = self.add_weight(shape, self.kernel_initializer, regularizer=self.kernel_regularizer, name="kernel")
        self._add_bias_weight(channels, self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        y = ops.conv(inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate, bias=self.bias)
        return self.activation(y)


@register("layer")
class DepthwiseConv2D(_Convolution):
    """A convolution of each channel with filters of its own: (N, H, W, C) -> (N, OH, OW, C * depth_multiplier).

    Args:
        kernel_size, strides, dilation_rate: int or (height, width), >= 1.
        padding: "valid" or "same".
        depth_multiplier: filters for each channel.
        depthwise_initializer, depthwise_regularizer: of the kernel (KH, KW, C, depth_multiplier).
        data_format, activation, use_bias, bias_initializer, bias_regularizer, **kwargs: as in `Conv2D`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(
        self,
        kernel_size: Size,
        strides: Size = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Size = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer, bias_regularizer, **kwargs
        )
        self.depth_multiplier = positive_int(depth_multiplier, "depth_multiplier")
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)

    def _kernel_shape(self, channels: int) -> tuple[int, int, int, int]:
        return (*self.kernel_size, 1, channels * self.depth_multiplier)

    def build(self, input_shape: Shape) -> None:
        channels = known_size(input_shape, self._channel_axis, self.who)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self.add_weight(shape, self.depthwise_initializer, regularizer=self.depthwise_regularizer, name="kernel")
        self._add_bias_weight(channels, channels * self.depth_multiplier)

    def call(self, inputs: Tensor) -> Tensor:
        y = ops.depthwise_conv(inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate, bias=self.bias)
        return self.activation(y)


@register("layer")
class ZeroPadding2D(Layer):
    """Rows and columns of zeros around the image.

    Args:
        padding: p, (p_h, p_w) or ((top, bottom), (left, right)), >= 0.
        data_format: "channels_last" (default) or "channels_first".
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(self, padding: Any = ((1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(padding, str):
            raise ArgumentError(f"padding must be cells: p, (p_h, p_w) or ((top, bottom), (left, right)), got {padding!r}")
        self.padding: Any = normalize_padding(padding)
        self.data_format = check_data_format(data_format)
        self.input_spec = InputSpec(ndim=4, layout=_LAYOUTS[self.data_format])

    def _widths(self) -> tuple[tuple[int, int], ...]:
        """Cells before and after, for each of the four axes."""
        rows, columns = self.padding
        return ((0, 0), (0, 0), rows, columns) if self.data_format == "channels_first" else ((0, 0), rows, columns, (0, 0))

    def call(self, inputs: Tensor) -> Tensor:
        return ops.pad(inputs, self._widths())

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(None if n is None else n + sum(width) for n, width in zip(input_shape, self._widths(), strict=True))


Convolution2D = Conv2D
