"""What layers over images share: the arguments' checks, and output shapes with unknown sizes through the rules' own geometry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinycnn import config
from tinycnn.errors import ArgumentError
from tinycnn.layers.layer import Layer
from tinycnn.layers.symbolic import Shape

__all__ = ["SpatialLayer"]

#: Stands for an unknown height or width while a geometry is computed; larger than any window.
_UNKNOWN = 2**16


class SpatialLayer(Layer):
    """Base of layers over (N, H, W, C), or (N, C, H, W) with data_format="channels_first"."""

    input_rank = 4

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last", "channels_first"):
            raise ArgumentError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")
        self.data_format: Any = data_format or config.image_data_format()

    @property
    def channels_first(self) -> bool:
        return bool(self.data_format == "channels_first")

    def channels(self, input_shape: Shape) -> int | None:
        """The number of channels in inputs of this shape."""
        return input_shape[1 if self.channels_first else -1]

    def spatial_shape(self, input_shape: Shape, geometry_of: Callable[[tuple[int, ...]], Any]) -> Shape:
        """The output shape, by `geometry_of` a complete channels-last shape; sizes that are None stay None."""
        n, h, w, c = (input_shape[0], *input_shape[2:], input_shape[1]) if self.channels_first else input_shape
        out = geometry_of(
            (1 if n is None else n, _UNKNOWN if h is None else h, _UNKNOWN if w is None else w, 1 if c is None else c)
        ).out_shape
        known = (n, None if h is None else out[1], None if w is None else out[2])
        channels = None if c is None else out[3]
        return (known[0], channels, *known[1:]) if self.channels_first else (*known, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}
