"""What all convolution layers have in common: windows, a kernel, a bias, an activation."""

from __future__ import annotations

from typing import Any

from tinycnn import activations
from tinycnn.geometry import conv2d_geometry, image_pair
from tinycnn.layers.shapes import Shape, check_string_padding, known_size
from tinycnn.layers.spatial import Size, SpatialLayer

__all__ = ["BaseConvolution"]


class BaseConvolution(SpatialLayer):
    """Base of the convolutions. A subclass has `filters` output channels, makes its kernels in `build`, and says their shape."""

    _paddings: tuple[str, ...] = ()

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
        bias_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = self._lay_out(data_format)
        self.kernel_size = self._sizes(kernel_size, "kernel_size")
        self.strides = self._sizes(strides, "strides")
        self.padding = check_string_padding(padding, *self._paddings)
        self.dilation_rate = self._sizes(dilation_rate, "dilation_rate")
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self._keep_rules(bias_initializer=bias_initializer, bias_regularizer=bias_regularizer, bias_constraint=bias_constraint)

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Of the kernel (..., C / groups, O) whose convolution of inputs with so many channels has the shape of this layer's result."""
        raise NotImplementedError

    @property
    def _cells(self) -> Any:
        """The padding as `ops.conv` takes it."""
        return self.padding

    def _channels(self, input_shape: Shape) -> int:
        return known_size(input_shape, self._channel_axis, self.who)

    def _finish_build(self, input_shape: Shape, filters: int) -> None:
        """The second half of `build`: the bias, and the number of channels to insist on from now."""
        self.bias = self._add_ruled("bias", (filters,)) if self.use_bias else None
        self.input_spec = self._spec({self._channel_axis: self._channels(input_shape)})

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        line_or_image = self._kernel_shape(self._channels(input_shape))
        kernel_shape = (1, *line_or_image)[-4:]
        return self._window_shape(input_shape, lambda shape: self._geometry(shape, kernel_shape))

    def _geometry(self, shape: tuple[int, ...], kernel_shape: tuple[int, ...]) -> Any:
        pads: Any = self._cells if isinstance(self._cells, str) else ((0, 0), self._cells)
        return conv2d_geometry(
            shape,
            kernel_shape,
            strides=image_pair(self.strides),
            padding=pads,
            dilation_rate=image_pair(self.dilation_rate),
        )
