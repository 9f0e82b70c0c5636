"""Depthwise separable convolutions."""

from __future__ import annotations

from typing import Any

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.layers.base_convolution import BaseConvolution
from tinycnn.layers.shapes import Shape, positive_int
from tinycnn.layers.spatial import Size, on_lines
from tinycnn.layers.weights import MadeByBuild
from tinycnn.registry import register

__all__ = ["SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D", "SeparableConvolution2D"]


class _SeparableConv(BaseConvolution):
    """A depthwise convolution, then a 1x1 convolution that mixes its channels: (N, H, W, C) -> (N, OH, OW, filters) (Chollet 2017).

    Args:
        filters: output channels.
        kernel_size, strides, padding, dilation_rate: of the depthwise convolution, as in `Conv2D`.
        depth_multiplier: filters for each channel of the depthwise convolution.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of its kernel (KH, KW, C, depth_multiplier).
        pointwise_initializer, pointwise_regularizer, pointwise_constraint: of the kernel that mixes, whose last two sizes are
            C * depth_multiplier and filters.
        data_format, activation, use_bias, bias_initializer, bias_regularizer, activity_regularizer, bias_constraint, **kwargs: as in
            `Conv2D`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    depthwise_kernel: Any = MadeByBuild("depthwise_kernel", rules="depthwise")
    pointwise_kernel: Any = MadeByBuild("pointwise_kernel", rules="pointwise")

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Size = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
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
        self.depth_multiplier = positive_int(depth_multiplier, "depth_multiplier")
        self._keep_rules(
            depthwise_initializer=depthwise_initializer,
            depthwise_regularizer=depthwise_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_initializer=pointwise_initializer,
            pointwise_regularizer=pointwise_regularizer,
            pointwise_constraint=pointwise_constraint,
        )

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, channels, self.filters)

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        mixed = (*(1 for _ in self.kernel_size), channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = self._add_ruled("depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise")
        self.pointwise_kernel = self._add_ruled("pointwise_kernel", mixed, "pointwise")
        self._finish_build(input_shape, self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        kernels = self.depthwise_kernel, self.pointwise_kernel
        y = ops.separable_conv(inputs, *kernels, self.strides, self.padding, self.data_format, self.dilation_rate, bias=self.bias)
        return self.activation(y)


@register("layer", "SeparableConvolution2D")
class SeparableConv2D(_SeparableConv):
    __doc__ = _SeparableConv.__doc__


@register("layer", "SeparableConvolution1D")
class SeparableConv1D(_SeparableConv):
    __doc__ = on_lines(_SeparableConv)

    rank = 1


SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
