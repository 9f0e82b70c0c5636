"""The Tensor: an ndarray that remembers how it was computed."""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike, NDArray

from tinycnn.autograd import engine
from tinycnn.errors import DTypeError, GraphError, ShapeError, shown
from tinycnn.kernels.select import current
from tinycnn.rules.op import Op, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tinycnn.autograd.engine import Node

__all__ = ["Prepared", "Tensor", "apply", "as_supported_array", "grad"]


#: What tinycnn computes with, in native byte order.
_SUPPORTED = frozenset(map(np.dtype, ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")))


def as_supported_array(data: Any, dtype: DTypeLike | None = None, *, copy: bool | None = None, name: str = "data") -> NDArray[Any]:
    """`data` as a native-endian array of a dtype that tinycnn computes with: float32, float64, integers or bool.

    float16 becomes float32, which holds it exactly. Raises DTypeError for complex, object, text and extended floats.
    """
    if type(data) is np.ndarray and data.dtype in _SUPPORTED and dtype is None and not copy:  # as nearly always
        return data
    array = data.data if isinstance(data, Tensor) else data
    if type(array) is not np.ndarray or dtype is not None or copy:
        try:
            array = np.array(array, dtype=dtype, copy=copy) if copy else np.asarray(array, dtype=dtype)
        except (TypeError, ValueError) as error:
            raise DTypeError(f"{name} cannot be made an array of numbers: {error}") from None
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "f" and size == 2:
        return array.astype(np.float32)
    if kind not in "fiub" or (kind == "f" and size > 8):
        raise DTypeError(f"{name} must hold real numbers (float32, float64, integers or bool), got dtype {array.dtype}")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


class Tensor:
    """An array with a gradient.

    Args:
        data: anything ``np.array`` takes: numbers, nested lists, an ndarray, a Tensor. It is copied. Python floats become float32
            (`config.floatx`); ndarrays keep their dtype (float16 becomes float32).
        requires_grad: whether `backward` shall leave a gradient in `.grad`. Only floating-point tensors can.

    Raises:
        DTypeError: if the data is not made of real numbers, or is not floating-point and requires_grad is set.
    """

    __slots__ = ("__weakref__", "_logits", "data", "grad", "node", "requires_grad")

    #: The ndarray with the values; shared, not copied. Writing into it is not recorded.
    data: NDArray[Any]
    #: After `backward`: the gradient, an ndarray of the same shape; None before, and on tensors that neither are leaves nor retain it.
    grad: NDArray[Any] | None

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        array = as_supported_array(data, copy=True)
        if array.dtype == np.float64 and not isinstance(data, (np.ndarray, np.generic, Tensor)):
            from tinycnn.config import floatx

            array = array.astype(floatx())
        if requires_grad and array.dtype.kind != "f":
            raise DTypeError(f"only floating-point tensors can require a gradient, got dtype {array.dtype}")
        self._set(array, None, bool(requires_grad))

    def _set(self, data: NDArray[Any], node: Node | None, requires_grad: bool) -> Tensor:
        self.data = data
        self.grad = None
        self.node = node
        self.requires_grad = requires_grad
        #: ("softmax" or "sigmoid", its input) on the result of such an activation; losses read it.
        self._logits: tuple[str, Tensor] | None = None
        return self

    @classmethod
    def wrap(cls, data: NDArray[Any], node: Node | None = None) -> Tensor:
        """A Tensor around `data` itself: no copy, no check. For results of ops and for hot paths."""
        if type(data) is not ndarray:  # of what has no axes NumPy gives scalars
            data = np.asarray(data)
        return Tensor.__new__(Tensor)._set(data, node, node is not None)

    # ---- looking at it
    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along the axes."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the values."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of cells."""
        return self.data.size

    @property
    def is_leaf(self) -> bool:
        """True if no recorded op made this tensor; others get a `.grad` after `retain_grad()` only."""
        return self.node is None

    def numpy(self) -> NDArray[Any]:
        """The values as an ndarray, shared with the tensor."""
        return self.data

    def item(self) -> Any:
        """The only cell, as a Python number. Raises ShapeError if there are more or none."""
        if self.data.size != 1:
            raise ShapeError(f"item() needs a tensor of one cell, got shape {self.shape}")
        return self.data.item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return self.data.tolist()

    def __format__(self, spec: str) -> str:
        """f"{loss:.4f}": what has no axes is written as its number."""
        return format(self.data.item(), spec) if self.data.ndim == 0 else super().__format__(spec)

    def __repr__(self) -> str:
        body = np.array2string(self.data, separator=", ", prefix="Tensor(")
        return f"Tensor({body}, shape={self.shape}, dtype={self.dtype}{', requires_grad=True' if self.requires_grad else ''})"

    def __len__(self) -> int:
        if not self.shape:
            raise DTypeError("a tensor without axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.data.dtype.kind not in "iu":
            raise DTypeError(f"only an integer tensor can be an index, got dtype {self.dtype}")
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    __hash__ = object.__hash__  # by identity: == is the comparison of cells

    if TYPE_CHECKING:  # operators and methods that are ops: `tinycnn.ops.operators` installs them

        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __getitem__(self, key: Any) -> Tensor: ...
        def astype(self, dtype: DTypeLike) -> Tensor: ...
        def reshape(self, *newshape: Any) -> Tensor: ...
        def transpose(self, *axes: Any) -> Tensor: ...
        def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor: ...
        def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor: ...
        def max(self, axis: Any = None, keepdims: bool = False) -> Tensor: ...
        def min(self, axis: Any = None, keepdims: bool = False) -> Tensor: ...

    # ---- NumPy
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if dtype is None or np.dtype(dtype) == self.data.dtype:
            return self.data.copy() if copy else self.data
        if copy is False:
            raise ValueError(f"a tensor of dtype {self.dtype} cannot be seen as {np.dtype(dtype)} without a copy")
        return self.data.astype(dtype)

    def __dlpack__(self, **options: Any) -> Any:
        """The values as a DLPack capsule, shared as by `numpy()`: what ``torch.from_dlpack(tensor)`` and others call.

        The array API standard's arguments: https://data-apis.org/array-api/latest/API_specification/generated/array_api.array.__dlpack__.html
        """
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        """(1, 0): the CPU."""
        return self.data.__dlpack_device__()

    #: NumPy ufuncs that are ops of tinycnn: name -> function on Tensors. Filled by `tinycnn.ops`.
    ufuncs: ClassVar[dict[str, Any]] = {}

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """np.exp(tensor), ndarray + tensor, ...: the op of that name if there is one, so that its gradient is not lost."""
        if method == "__call__" and not kwargs and ufunc.__name__ in self.ufuncs:
            return self.ufuncs[ufunc.__name__](*inputs)
        if kwargs.get("out") is not None or any(isinstance(t, Tensor) and t.requires_grad for t in inputs):
            raise DTypeError(f"np.{ufunc.__name__} is not recorded for gradients; use tinycnn.ops, or tensor.numpy() to leave the graph")
        return getattr(ufunc, method)(*[t.data if isinstance(t, Tensor) else t for t in inputs], **kwargs)

    # ---- gradients
    def backward(self, gradient: Any = None, *, retain_graph: bool = False) -> None:
        """Add the derivative of this tensor with respect to every leaf below it to that leaf's `.grad`.

        Args:
            gradient: what to multiply with, of this tensor's shape; 1 by default, for a tensor of one cell.
            retain_graph: keep what the ops saved, to walk the graph again; by default it is freed on the way.

        Raises:
            GraphError: if no gradient was recorded, or the graph was freed by an earlier backward.
            ShapeError: if `gradient` does not have this tensor's shape, or is left out for a tensor of several cells.
        """
        seed = self._seed("backward", gradient)
        if self.node is None:
            self.accumulate(seed)
        else:
            engine.backward(self.node, seed, retain_graph=retain_graph)

    def _seed(self, method: str, gradient: Any) -> NDArray[Any]:
        """What the walk back begins with; the errors are those of `backward`."""
        if not self.requires_grad:
            raise GraphError("this tensor was not computed from any tensor with requires_grad=True (or under no_grad())")
        if gradient is None:
            if self.data.size != 1:
                raise ShapeError(f"{method}() of a tensor of shape {self.shape} needs a gradient of that shape")
            one = np.empty(self.data.shape, self.data.dtype)
            one.fill(1)
            return one
        seed = as_supported_array(gradient, name="gradient").astype(self.dtype, copy=False)  # no vjp writes into it
        if seed.shape != self.shape:
            raise ShapeError(f"gradient must have the tensor's shape {self.shape}, got {seed.shape}")
        return seed

    def retain_grad(self) -> None:
        """Let `backward` leave a gradient in `.grad` here, too, though this tensor is no leaf. It must be held until then.

        Raises:
            GraphError: if no gradient was recorded.
        """
        if not self.requires_grad:
            raise GraphError("retain_grad() needs a tensor that was computed from one with requires_grad=True (and not under no_grad())")
        if self.node is not None:
            self.node.retaining = weakref.ref(self)

    def place(self) -> Place | None:
        """Where the next gradient is to lie, if that is settled; `accumulate` then need not copy it."""
        return None

    def accumulate(self, gradient: NDArray[Any]) -> None:
        """Add `gradient` to `.grad`; the first one is copied, so that no two leaves share memory."""
        if self.grad is None:
            self.grad = np.array(gradient, dtype=self.data.dtype)
        else:
            self.grad += gradient

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    def detach(self) -> Tensor:
        """The same values, shared, outside the graph."""
        return Tensor.wrap(self.data)


def apply(op: type[Op], *inputs: Tensor | None, **parameters: Any) -> Tensor:
    """The result of `op` on tensors, recorded for `backward`."""
    y, _, node = engine.record(op, inputs, parameters)
    return Tensor.wrap(y, node)


class Prepared:
    """`apply` with parameters that stay, for an op that runs in every step: what follows from the last few shapes is kept at hand."""

    __slots__ = ("_geometry_of", "_op")

    def __init__(self, op: type[Op], **parameters: Any) -> None:
        self._op = op
        self._geometry_of = functools.lru_cache(maxsize=64)(functools.partial(op.shape, **parameters))

    def __call__(self, *inputs: Tensor | None) -> Tensor:
        y, _, node = engine.run(self._op, self._geometry_of, inputs)
        return Tensor.wrap(y, node)

    def compute(self, *arrays: NDArray[Any]) -> Any:
        """The result as an array; nothing is recorded. Call it inside of `engine.quiet`."""
        return self._op.forward(current(), self._geometry_of(*[array.shape for array in arrays]), *arrays)[0]


def grad(loss: Tensor, tensors: Sequence[Tensor], gradient: Any = None, *, retain_graph: bool = False) -> list[NDArray[Any] | None]:
    """The derivatives of `loss` with respect to some tensors: leaves, or results of ops on the way that are still held.

    No `.grad` changes, and only what lies between is computed.

        features, prediction = model(images)                          # a model with two outputs, the first a layer inside
        (slope,) = grad(prediction[:, 3].sum(), [features])           # of the shape of features

    Args:
        loss: a tensor of one cell; of any shape with a `gradient`.
        tensors: what to differentiate by.
        gradient: what to multiply with, of the shape of `loss`; default: 1.
        retain_graph: keep what the ops saved, to walk the graph again; by default it is freed on the way.

    Returns:
        One ndarray for each of `tensors`, of its shape; None where `loss` does not depend on it, or no gradient was recorded.

    Raises:
        DTypeError: something is no Tensor.
        GraphError, ShapeError: as `Tensor.backward` does.
    """
    several = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    for thing in (loss, *several):
        if not isinstance(thing, Tensor):
            raise DTypeError(f"grad() needs Tensors, got {shown(thing)}")
    seed = loss._seed("grad", gradient)
    links: list[engine.Link] = [t.node or t for t in several]
    found: dict[engine.Link, NDArray[Any]] = (
        {loss: seed} if loss.node is None else engine.gradients(loss.node, seed, set(links), retain_graph=retain_graph)
    )
    return [np.array(found[link], dtype=t.dtype) if link in found else None for link, t in zip(links, several, strict=True)]
