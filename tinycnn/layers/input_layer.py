"""`Input`: where a model begins."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinycnn import config
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, DTypeError
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.layer import Layer
from tinycnn.layers.shapes import Shape, normalize_shape
from tinycnn.layers.symbolic import KerasTensor, Node
from tinycnn.registry import register

__all__ = ["Input", "InputLayer"]


@register("layer")
class InputLayer(Layer):
    """The layer behind `Input`; passes its input on.

    Args:
        shape: of one sample.
        batch_size: samples in a batch; None (default) for any number.
        dtype: of the inputs, integers too; default `config.floatx`.
        batch_shape: in place of shape and batch_size: both in one tuple.
        name: default input_layer, input_layer_1, ...

    Raises:
        ArgumentError, ShapeError, DTypeError: naming the argument.
    """

    _left_out: ClassVar[dict[str, Any]] = {"sparse": False, "ragged": False, "optional": False}

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if (shape is None) == (batch_shape is None) or (batch_shape is not None and batch_size is not None):
            raise ArgumentError(f"Input needs either shape or batch_shape, got shape={shape!r}, batch_shape={batch_shape!r}")
        if batch_shape is None:
            batch_shape = (batch_size, *normalize_shape(shape))
        self.batch_shape: Shape = normalize_shape(batch_shape, "batch_shape")
        self._batch_input_shape = self.batch_shape
        self.dtype = _input_dtype(dtype)
        axes = {axis: size for axis, size in enumerate(self.batch_shape) if size is not None}
        self.input_spec = InputSpec(ndim=len(self.batch_shape), axes=axes)
        self.build(self.batch_shape)
        drawn = KerasTensor(self.batch_shape, self.dtype, self.name)
        Node(self, (), {}, drawn)
        self._drawn = drawn, drawn

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.batch_shape

    def get_config(self) -> dict[str, Any]:
        return {"batch_shape": list(self.batch_shape), "dtype": self.dtype, "name": self.name}


def Input(
    shape: Any = None, batch_size: int | None = None, dtype: Any = None, batch_shape: Any = None, name: str | None = None
) -> KerasTensor:
    """A symbolic tensor to call layers on.

        x = Input((28, 28, 1))
        y = Conv2D(32, 3)(x)

    Arguments and errors are those of `InputLayer`.
    """
    drawn: KerasTensor = InputLayer(shape, batch_size, dtype, batch_shape, name).output
    return drawn


def _input_dtype(dtype: Any) -> str:
    try:
        found = np.dtype(config.floatx() if dtype is None else dtype)
    except TypeError:
        raise DTypeError(f"dtype must be a dtype of numbers, got {dtype!r}") from None
    if found.kind not in "fiub":
        raise DTypeError(f"dtype must be a dtype of numbers, got {dtype!r}")
    return found.name
