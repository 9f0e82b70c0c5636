"""What inputs a layer takes, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tinycnn.errors import ShapeError
from tinycnn.layers.shapes import Shape

__all__ = ["InputSpec"]


@dataclass(frozen=True)
class InputSpec:
    """A layer's demands on the shape of an input.

    Args:
        ndim: exactly so many axes, the batch counted.
        min_ndim: at least so many.
        axes: axis -> the size it must have.
        layout: the axes in words, for errors.
    """

    ndim: int | None = None
    min_ndim: int | None = None
    axes: Mapping[int, int] = field(default_factory=dict)
    layout: str = ""

    def check(self, shape: Shape, who: str) -> None:
        """Raises ShapeError, naming the layer `who`, if `shape` does not fit; an unknown size fits."""
        if self.ndim is not None and len(shape) != self.ndim:
            raise ShapeError(f"{who} expects inputs with {self.ndim} dimensions{self._words()}, got shape {shape}")
        if self.min_ndim is not None and len(shape) < self.min_ndim:
            raise ShapeError(f"{who} expects inputs with at least {self.min_ndim} dimensions{self._words()}, got shape {shape}")
        for axis, size in self.axes.items():
            if shape[axis] not in (size, None):
                raise ShapeError(f"{who} expects inputs with size {size} along axis {axis}, got shape {shape}")

    def _words(self) -> str:
        return f" {self.layout}" if self.layout else ""
