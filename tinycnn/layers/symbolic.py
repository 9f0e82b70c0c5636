"""The SymbolicTensor: a shape without values, and the layer that made it. Functional models are drawn with these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from tinycnn.errors import DTypeError
from tinycnn.layers.shapes import Shape

if TYPE_CHECKING:
    from tinycnn.layers.layer import Layer

__all__ = ["Shape", "SymbolicTensor"]


class SymbolicTensor:
    """What `Input(...)` gives, and what a layer gives that is called on one.

    Attributes:
        shape: sizes along the axes; None where unknown, as the batch is.
        dtype: the name of the dtype.
        name: for people.
        history: (layer, inputs), shared by all results of one call; None for a tensor no layer made.
        index: which of the call's results this is; None where there is but one.
        training: the `training=` argument the layer was called with.
    """

    __slots__ = ("__weakref__", "dtype", "history", "index", "name", "shape", "training")

    def __init__(
        self,
        shape: Shape,
        dtype: str,
        name: str,
        history: tuple[Layer, Any] | None = None,
        *,
        index: int | None = None,
        training: bool | None = None,
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.name = name
        self.history = history
        self.index = index
        self.training = training

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise DTypeError(
            f"the symbolic tensor {self.name!r} of shape {self.shape} has no values: only layers can be applied to it "
            "(layers.Add, layers.Multiply, layers.Concatenate, layers.Activation, ... or a Layer of your own)"
        )

    __array__ = __bool__ = __float__ = __getitem__ = __index__ = __int__ = __iter__ = __len__ = __neg__ = numpy = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __matmul__ = __pow__ = _refuse
