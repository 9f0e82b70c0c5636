"""Convolutions. The old path `layers.convolutional` has what Keras 2 kept there, too: transposed and separable ones, padding, cropping."""

from __future__ import annotations

from typing import Any, ClassVar

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers.base_convolution import BaseConvolution
from tinycnn.layers.reshaping import Cropping1D, Cropping2D, UpSampling1D, UpSampling2D, ZeroPadding1D, ZeroPadding2D
from tinycnn.layers.separable import SeparableConv1D, SeparableConv2D, SeparableConvolution1D, SeparableConvolution2D
from tinycnn.layers.shapes import Shape, positive_int
from tinycnn.layers.spatial import Size, on_lines
from tinycnn.layers.transposed import Conv1DTranspose, Conv2DTranspose, Convolution1DTranspose, Convolution2DTranspose
from tinycnn.layers.weights import MadeByBuild
from tinycnn.registry import register

__all__ = [
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Cropping1D",
    "Cropping2D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
]


class _Conv(BaseConvolution):
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
        kernel_regularizer, bias_regularizer, activity_regularizer: anything `regularizers.get` takes.
        kernel_constraint, bias_constraint: anything `constraints.get` takes.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    _left_out: ClassVar[dict[str, Any]] = {"lora_rank": None, "lora_alpha": None}

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Size = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            bias_constraint,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.filters = positive_int(filters, "filters")
        self.groups = positive_int(groups, "groups")
        if self.filters % self.groups:
            raise ArgumentError(f"filters must be a multiple of groups={self.groups}, got {filters!r}")
        self._keep_rules(kernel_initializer=kernel_initializer, kernel_regularizer=kernel_regularizer, kernel_constraint=kernel_constraint)

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        if channels % self.groups:
            raise ShapeError(f"{self.who} expects inputs whose channels are a multiple of groups={self.groups}, got {channels}")
        return (*self.kernel_size, channels // self.groups, self.filters)

    def build(self, input_shape: Shape) -> None:
        self.kernel = self._add_ruled("kernel", self._kernel_shape(self._channels(input_shape)))
        self._finish_build(input_shape, self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        y = ops.conv(inputs, self.kernel, self.strides, self._cells, self.data_format, self.dilation_rate, bias=self.bias)
        return self.activation(y)


@register("layer", "Convolution2D")
class Conv2D(_Conv):
    __doc__ = _Conv.__doc__


@register("layer", "Convolution1D")
class Conv1D(_Conv):
    __doc__ = on_lines(_Conv).replace('"valid" or "same"', '"valid", "same", or "causal": a result depends on no later input')

    rank = 1
    _paddings = ("causal",)

    @property
    def _cells(self) -> Any:
        return (self.dilation_rate[0] * (self.kernel_size[0] - 1), 0) if self.padding == "causal" else self.padding


class _DepthwiseConv(BaseConvolution):
    """A convolution of each channel with filters of its own: (N, H, W, C) -> (N, OH, OW, C * depth_multiplier).

    Args:
        kernel_size, strides, dilation_rate: int or (height, width), >= 1.
        padding: "valid" or "same".
        depth_multiplier: filters for each channel.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the kernel (KH, KW, C, depth_multiplier).
        data_format, activation, use_bias, bias_initializer, bias_regularizer, activity_regularizer, bias_constraint, **kwargs: as in
            `Conv2D`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    kernel: Any = MadeByBuild("kernel", rules="depthwise")

    def __init__(
        self,
        kernel_size: Size,
        strides: Size = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Size = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            bias_constraint,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.depth_multiplier = positive_int(depth_multiplier, "depth_multiplier")
        self._keep_rules(
            depthwise_initializer=depthwise_initializer,
            depthwise_regularizer=depthwise_regularizer,
            depthwise_constraint=depthwise_constraint,
        )

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, 1, channels * self.depth_multiplier)

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        self.kernel = self._add_ruled("kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise")
        self._finish_build(input_shape, channels * self.depth_multiplier)

    def call(self, inputs: Tensor) -> Tensor:
        y = ops.depthwise_conv(inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate, bias=self.bias)
        return self.activation(y)


@register("layer")
class DepthwiseConv2D(_DepthwiseConv):
    __doc__ = _DepthwiseConv.__doc__


@register("layer")
class DepthwiseConv1D(_DepthwiseConv):
    __doc__ = on_lines(_DepthwiseConv)

    rank = 1


Convolution1D, Convolution2D = Conv1D, Conv2D
