"""The Variable: a named leaf tensor that a layer owns and an optimizer changes in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn.autograd.tensor import Tensor, as_supported_array
from tinycnn.errors import ShapeError
from tinycnn.rules.op import Place

__all__ = ["Variable"]


class Variable(Tensor):
    """A weight.

    Its storage may be moved into a model's flat buffers (`rebind`), one for all weights and one for all gradients, so that the
    optimizer's step is one kernel call.

    Args:
        value: the initial values; copied.
        trainable: whether gradients are wanted.
        name, path: for people and files.
        dtype: float32 or float64 (or an integer type, for counters); default: that of `value`.
        constraint: variable -> its values as they may be; optimizers call it after each step. None for none.
    """

    __slots__ = ("_place", "_trainable", "constraint", "name", "path")

    def __init__(
        self,
        value: Any,
        *,
        trainable: bool = True,
        name: str = "variable",
        path: str | None = None,
        dtype: DTypeLike | None = None,
        constraint: Callable[[Tensor], Any] | None = None,
    ) -> None:
        array = np.array(as_supported_array(value, dtype), order="C")
        self._set(array, None, False)
        self._place: Place | None = None
        self.name = name
        self.path = path if path is not None else name
        self.trainable = trainable
        self.constraint = constraint

    @property
    def trainable(self) -> bool:
        """Whether gradients are wanted; an integer variable never has one."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        self.requires_grad = self._trainable and self.data.dtype.kind == "f"
        if not self.requires_grad:
            self.grad = None

    @property
    def value(self) -> NDArray[Any]:
        """The values, shared."""
        return self.data

    def assign(self, value: Any) -> None:
        """Overwrite the values in place, cast to this variable's dtype. Raises ShapeError if the shape differs; nothing is written then."""
        array = as_supported_array(value)
        if array.shape != self.shape:
            raise ShapeError(f"variable {self.path!r} has shape {self.shape}, got a value of shape {array.shape}")
        self.data[...] = array

    def assign_add(self, value: Any) -> None:
        """Add to the values in place; otherwise like `assign`."""
        self.assign(self.data + as_supported_array(value))

    def assign_sub(self, value: Any) -> None:
        """Subtract from the values in place; otherwise like `assign`."""
        self.assign(self.data - as_supported_array(value))

    def rebind(self, data: NDArray[Any], grad_buffer: NDArray[Any]) -> None:
        """Move the values into `data`, and later gradients into `grad_buffer`: views of this shape and dtype into flat buffers."""
        data[...] = self.data
        self.data = data
        self._place = Place(grad_buffer)
        self.grad = None

    @property
    def grad_buffer(self) -> NDArray[Any] | None:
        """Where gradients are put, if `rebind` said so."""
        return None if self._place is None else self._place.array

    def place(self) -> Place | None:
        return self._place if self.grad is None else None

    def accumulate(self, gradient: NDArray[Any]) -> None:
        """Add `gradient` to `.grad`, inside the flat buffer if there is one."""
        place = self._place
        if place is not None and self.grad is None:
            home = place.array
            if gradient is not home:
                home[...] = gradient
            self.grad = home
        else:
            super().accumulate(gradient)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, trainable={self.trainable}>"
