"""The KerasTensor: a shape without values, and the call that made it. Functional models are drawn with these."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tinycnn.autograd import Tensor, no_grad
from tinycnn.errors import DTypeError
from tinycnn.layers import naming
from tinycnn.layers.shapes import Shape
from tinycnn.layers.tree import leaves, map_leaves
from tinycnn.ops.symbolic import Symbolic
from tinycnn.saving import budget

if TYPE_CHECKING:
    from tinycnn.layers.layer import Layer

__all__ = ["KerasHistory", "KerasTensor", "Node", "Shape", "SymbolicTensor", "infer", "symbols"]

_numbers = itertools.count()


class KerasTensor(Symbolic):
    """What `Input(...)` gives, and what a layer gives that is called on one.

    Attributes:
        shape: sizes along the axes; None where unknown, as the batch is.
        dtype: the name of the dtype.
        name: for people.
        node: the call that made it; None for a tensor that no layer made.
        index: which of the call's results this is.
    """

    __slots__ = ("__weakref__", "dtype", "index", "name", "node", "shape")

    def __init__(self, shape: Any, dtype: str = "float32", name: str | None = None) -> None:
        self.shape: Shape = tuple(shape)
        self.dtype = dtype
        self.name = name or naming.unique_name("keras_tensor")
        self.node: Node | None = None
        self.index = 0

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def layer(self) -> Any:
        """The layer or operation that made it; None if none did."""
        return None if self.node is None else self.node.layer

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Raises DTypeError: there are no values yet."""
        raise DTypeError(
            f"the symbolic tensor {self.name!r} of shape {self.shape} has no values: only layers and the functions of tinycnn.ops "
            "can be applied to it"
        )

    __array__ = __array_ufunc__ = __bool__ = __float__ = __index__ = __int__ = __iter__ = __len__ = numpy = _refuse


#: The name before Keras's was taken.
SymbolicTensor = KerasTensor


def is_keras_tensor(x: Any) -> bool:
    """Whether x is what `Input` gives, or a layer called on that: a tensor with a shape and without values."""
    return isinstance(x, KerasTensor)


@dataclass(frozen=True)
class KerasHistory:
    """Where a tensor comes from, as configs say it: the layer, which of its calls, which of that call's results."""

    layer: str
    node_index: int
    tensor_index: int


class Node:
    """One call of one layer on symbolic tensors.

    Args:
        layer: the layer, or operation.
        args, kwargs: what it was called with; `training` is among kwargs where it was given.
        outputs: fresh tensors in the form of the result; they are marked as made by this call.
    """

    __slots__ = ("args", "inputs", "kwargs", "layer", "number", "outputs")

    def __init__(self, layer: Layer | Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        self.layer = layer
        self.args = args
        self.kwargs = kwargs
        self.outputs = outputs
        #: The tensors among the arguments.
        self.inputs: list[KerasTensor] = symbols((args, kwargs))
        #: Grows from call to call: the order of a layer's calls.
        self.number = next(_numbers)
        for index, tensor in enumerate(leaves(outputs)):
            tensor.node = self
            tensor.index = index


def symbols(value: Any) -> list[KerasTensor]:
    """The symbolic tensors in nested lists, tuples and dicts."""
    return [leaf for leaf in leaves(value) if isinstance(leaf, KerasTensor)]


def infer(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The results of `function` as fresh symbolic tensors, found by running it on zeros.

    Unknown sizes are tried with two values each; a size of the result that is the same both times does not depend on them.
    """
    first = _run_on_zeros(function, args, kwargs, 0)
    if not any(None in tensor.shape for tensor in symbols((args, kwargs))):
        return map_leaves(lambda x: KerasTensor(x.shape, x.dtype.name), first)
    others = iter(leaves(_run_on_zeros(function, args, kwargs, 1)))

    def common(one: Tensor) -> KerasTensor:
        other = next(others)
        if one.ndim != other.ndim:
            raise DTypeError(f"the result of {function} has a number of axes that depends on sizes that are not known")
        return KerasTensor((n if n == m else None for n, m in zip(one.shape, other.shape, strict=True)), one.dtype.name)

    return map_leaves(common, first)


#: Two sizes for an unknown batch, and for any other unknown size: far apart, for strides divide them.
_BATCHES = (2, 4)
_SIZES = (64, 192)


def _run_on_zeros(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], trial: int) -> Any:
    def tried(tensor: KerasTensor) -> list[int]:
        unknown = (_BATCHES[trial], *[_SIZES[trial]] * tensor.ndim)
        return [m if n is None else n for n, m in zip(tensor.shape, unknown, strict=False)]

    def zeros(value: Any) -> Any:
        return Tensor.wrap(np.zeros(tried(value), value.dtype)) if isinstance(value, KerasTensor) else value

    budget.check_trial([tried(tensor) for tensor in symbols((args, kwargs))])
    with no_grad():
        results = function(*map_leaves(zeros, args), **map_leaves(zeros, kwargs))
    for result in leaves(results):
        if not isinstance(result, Tensor):
            raise DTypeError(f"what is applied to symbolic tensors must give Tensors, got {result!r:.100}")
    return results
