"""What layers over images and lines share: where the channels are, and sizes along the other axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tinycnn.geometry import normalize_sizes
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.layer import Layer
from tinycnn.layers.shapes import DataFormat, Shape, check_data_format, window_output_shape

__all__ = ["Size", "SpatialLayer", "on_lines"]

Size = int | Sequence[int]

_AXES = {1: "length", 2: "height, width"}


class SpatialLayer(Layer):
    """A layer over lines (N, L, C) or images (N, H, W, C), or with the channels in second place.

    A subclass calls `_lay_out` in its `__init__`; those without an argument `data_format` take channels last.
    """

    #: Axes beside batch and channels: 1 for lines, 2 for images.
    rank: ClassVar[int] = 2

    def _lay_out(self, data_format: str | None) -> DataFormat:
        """Check the argument `data_format`, and set up what follows from it."""
        checked = check_data_format(data_format)
        self._channels_first = checked == "channels_first"
        self._channel_axis = 1 if self._channels_first else self.rank + 1
        self._spatial_axes = tuple(range(2 if self._channels_first else 1, self.rank + (2 if self._channels_first else 1)))
        self.input_spec = self._spec({})
        return checked

    def _spec(self, axes: dict[int, int]) -> InputSpec:
        """Inputs of the right rank, and of these sizes along axes."""
        names = _AXES[self.rank]
        layout = f"(batch, channels, {names})" if self._channels_first else f"(batch, {names}, channels)"
        return InputSpec(ndim=self.rank + 2, axes=axes, layout=layout)

    def _sizes(self, value: Size, name: str, minimum: int = 1) -> tuple[int, ...]:
        """The argument `name` as one int for each spatial axis."""
        return normalize_sizes(value, name, self.rank, minimum=minimum)

    def _window_shape(self, input_shape: Shape, geometry: Callable[[tuple[int, ...]], Any]) -> Shape:
        return window_output_shape(input_shape, geometry, channels_first=self._channels_first)


def on_lines(cls: type) -> str:
    """The docstring of a layer over images, for its sister over lines."""
    text = cls.__doc__ or ""
    for image, line in {
        "(N, H, W, C)": "(N, L, C)",
        "(N, OH, OW, ": "(N, OL, ",
        "(N, 1, 1, C)": "(N, 1, C)",
        "(KH, KW, ": "(K, ",
        "1x1": "pointwise",
        "int or (height, width)": "int",
        "height and width stay, as axes": "the length stays, as an axis",
        "whole image": "whole line",
    }.items():
        text = text.replace(image, line)
    return text
