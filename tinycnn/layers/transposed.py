"""Transposed convolutions, which grow images."""

from __future__ import annotations

from typing import Any

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError
from tinycnn.geometry import conv_transpose2d_geometry, image_pair
from tinycnn.layers.base_convolution import BaseConvolution
from tinycnn.layers.shapes import Shape, positive_int
from tinycnn.layers.spatial import Size, on_lines
from tinycnn.registry import register

__all__ = ["Conv1DTranspose", "Conv2DTranspose", "Convolution1DTranspose", "Convolution2DTranspose"]


class _ConvTranspose(BaseConvolution):
    """activation(conv_transpose(inputs, kernel) + bias): (N, H, W, C) -> (N, OH, OW, filters).

    Args:
        filters: output channels.
        kernel_size, strides, dilation_rate: int or (height, width), >= 1.
        padding: "valid" or "same"; see `ops.conv_transpose` for the sizes these give.
        output_padding: int or (height, width), from 0 to below the stride; by default n cells become n * stride for "same" and
            (n - 1) * stride + max(kernel, stride) for "valid".
        kernel_initializer, kernel_regularizer, kernel_constraint: of the kernel (KH, KW, filters, C).
        data_format, activation, use_bias, bias_initializer, bias_regularizer, activity_regularizer, bias_constraint, **kwargs: as in
            `Conv2D`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: str = "valid",
        output_padding: Size | None = None,
        data_format: str | None = None,
        dilation_rate: Size = 1,
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
        self.output_padding = None if output_padding is None else self._sizes(output_padding, "output_padding", minimum=0)
        if self.output_padding is not None and any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
            raise ArgumentError(f"output_padding must be less than strides={self.strides}, got {output_padding!r}")
        self._keep_rules(kernel_initializer=kernel_initializer, kernel_regularizer=kernel_regularizer, kernel_constraint=kernel_constraint)

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, self.filters, channels)

    def _geometry(self, shape: tuple[int, ...], kernel_shape: tuple[int, ...]) -> Any:
        return conv_transpose2d_geometry(
            shape,
            kernel_shape,
            strides=image_pair(self.strides),
            padding=self.padding,
            output_padding=None if self.output_padding is None else image_pair(self.output_padding, 0),
            dilation_rate=image_pair(self.dilation_rate),
        )

    def build(self, input_shape: Shape) -> None:
        self.kernel = self._add_ruled("kernel", self._kernel_shape(self._channels(input_shape)))
        self._finish_build(input_shape, self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        y = ops.conv_transpose(
            inputs, self.kernel, self.strides, self.padding, self.output_padding, self.data_format, self.dilation_rate, bias=self.bias
        )
        return self.activation(y)


@register("layer", "Convolution2DTranspose")
class Conv2DTranspose(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__


@register("layer", "Convolution1DTranspose")
class Conv1DTranspose(_ConvTranspose):
    __doc__ = on_lines(_ConvTranspose)

    rank = 1


Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
