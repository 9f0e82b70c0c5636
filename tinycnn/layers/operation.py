"""Functions of `tinycnn.ops` in functional models: x + y, ops.concatenate([x, y]), x[:, 1:] on symbolic tensors."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinycnn import ops, registry
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError, ShapeError, TinyCNNError
from tinycnn.layers import naming
from tinycnn.layers.calls import decode, encode
from tinycnn.layers.shapes import check_data_format
from tinycnn.layers.symbolic import KerasTensor, Node, infer, symbols
from tinycnn.layers.tree import map_leaves
from tinycnn.ops.operators import OPERATORS
from tinycnn.registry import register
from tinycnn.saving.configurable import Configurable

__all__ = ["Operation"]


@register("layer")
class Operation(Configurable):
    """An op as a node of a functional model. It is no Layer: it has no weights, and `model.layers` does not name it.

    Args:
        function: the name of a function in `tinycnn.ops`.
        arguments: those that are not tensors, by name; the tensors come with each call.
        name: default: the function's, with a number from the second on.

    Raises:
        ArgumentError: there is no such function, or it does not take these arguments.
    """

    def __init__(self, function: str, arguments: Mapping[str, Any] | None = None, name: str | None = None) -> None:
        self._drawn: Any = None
        self._function = registry.lookup("operation", function)
        self.function = function
        self.arguments = dict(arguments or {})
        unknown = set(self.arguments) - set(inspect.signature(self._function).parameters)
        if unknown or symbols(self.arguments):
            raise ArgumentError(f"arguments of the operation {function!r} must be its own and no symbolic tensors, got {self.arguments}")
        self.name = name or naming.unique_name(_BASE_NAMES.get(function, function))

    def __repr__(self) -> str:
        return f"<Operation {self.function} name={self.name}>"

    def __call__(self, *tensors: Any, training: bool | None = None) -> Any:
        """Apply the function, to values or symbolically; `training` makes no difference."""
        if self.function == "get_item":
            tensors = (tensors[0], *map(_as_key, tensors[1:]))
        if not symbols(tensors):
            return self._compute(*tensors)
        results = self.symbolic_results(tensors, {})
        Node(self, tensors, {}, results)
        if self._drawn is None:
            self._drawn = results
        return results

    def symbolic_results(self, tensors: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Fresh tensors of the shapes and dtypes that a call gives."""
        try:
            return infer(self._compute, tensors, kwargs)
        except (TinyCNNError, IndexError) as error:
            shapes = [t.shape for t in symbols(tensors)]
            kind = ShapeError if isinstance(error, IndexError) else type(error)
            raise kind(f"operation {self.name!r} ({self.function}) cannot take inputs of shapes {shapes}: {error}") from None
        except TypeError as error:
            raise ArgumentError(f"operation {self.name!r} ({self.function}) cannot be called so: {error}") from None

    def _compute(self, *tensors: Any) -> Any:
        names = _tensor_names(self._function)
        given = {**dict(zip(names, tensors, strict=False)), **self.arguments}
        if not names or not _is_any_number(self._function, names[-1]):
            return self._function(**given)
        given[names[-1]] = tensors[len(names) - 1 :]
        bound = inspect.BoundArguments(inspect.signature(self._function), given)
        return self._function(*bound.args, **bound.kwargs)

    @property
    def output(self) -> Any:
        """The symbolic result of the first call. Raises NotBuiltError before."""
        if self._drawn is None:
            raise NotBuiltError(f"operation {self.name!r} was never called on a symbolic tensor")
        return self._drawn

    @property
    def output_shape(self) -> Any:
        """Its shape, or a list of them."""
        return map_leaves(lambda tensor: tensor.shape, self.output)

    def get_config(self) -> dict[str, Any]:
        """Name, function and arguments, plain data."""
        return {"name": self.name, "function": self.function, "arguments": encode(self.arguments, _no_history)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Operation:
        """The operation that `get_config` describes. Raises ArgumentError if the config is no such thing."""
        if set(config) != {"name", "function", "arguments"} or not isinstance(config["arguments"], dict):
            raise ArgumentError(f"the config of an Operation must have name, function and a dict of arguments, got {config!r:.200}")
        return cls(config["function"], decode(config["arguments"], _no_history), config["name"])


#: Where Keras names operations otherwise.
_BASE_NAMES = {"abs": "absolute"}


def _no_history(_: Any) -> Any:
    raise ArgumentError("the arguments of an Operation must not hold symbolic tensors")


def _as_key(key: Any) -> Any:
    """An index as NumPy takes it: lists of positions are arrays, so that a tuple, which configs keep as a list, can be told from them."""
    if isinstance(key, tuple):
        return tuple(map(_as_key, key))
    if isinstance(key, list):
        is_index = any(part is None or part is Ellipsis or isinstance(part, slice) for part in key)
        return tuple(map(_as_key, key)) if is_index else np.asarray(key)
    return key


@functools.cache
def _tensor_names(function: Callable[..., Any]) -> list[str]:
    """The parameters that are tensors, or say which cells of one."""
    return [p.name for p in inspect.signature(function).parameters.values() if "TensorLike" in str(p.annotation) or p.name == "key"]


@functools.cache
def _is_any_number(function: Callable[..., Any], name: str) -> bool:
    """Whether the parameter of that name is *name."""
    return inspect.signature(function).parameters[name].kind is inspect.Parameter.VAR_POSITIONAL


def _draw(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The results of an Operation made for these arguments."""
    name = function.__name__
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError(f"ops.{name} cannot be called so: {error}") from None
    bound.apply_defaults()
    given = bound.arguments
    if name in _NOT_DRAWN:
        return _NOT_DRAWN[name](**given)
    tensors: list[Any] = []
    for tensor in _tensor_names(function):
        value = given.pop(tensor)
        tensors += value if _is_any_number(function, tensor) else [value]
    while tensors and tensors[-1] is None:  # left out
        tensors.pop()
    if "data_format" in given:
        given["data_format"] = check_data_format(given["data_format"])
    return Operation(name, given)(*tensors)


def _cast(x: KerasTensor, dtype: Any) -> Any:
    return x if dtype is None else ops.cast(x, dtype)


def _refuse(x: KerasTensor) -> Any:
    raise DTypeError(f"the symbolic tensor {x.name!r} has no values and no known batch size, only a shape and a dtype")


_NOT_DRAWN: dict[str, Callable[..., Any]] = {
    "shape": lambda x: x.shape,
    "dtype": lambda x: x.dtype,
    "ndim": lambda x: x.ndim,
    "size": _refuse,
    "is_tensor": lambda x: True,
    "convert_to_tensor": _cast,
    "convert_to_numpy": _refuse,
}


def _ufunc(self: KerasTensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """ndarray + symbolic, np.exp(symbolic), ...: the op of that name."""
    if method != "__call__" or kwargs or ufunc.__name__ not in Tensor.ufuncs:
        raise DTypeError(f"np.{ufunc.__name__} is no op of tinycnn, and the symbolic tensor {self.name!r} has no values; use tinycnn.ops")
    return Tensor.ufuncs[ufunc.__name__](*inputs)


def _install() -> None:
    """Give KerasTensor the operators of Tensor; but == stays the question whether two are one."""
    for name, method in {**OPERATORS, "__array_ufunc__": _ufunc, "draw": staticmethod(_draw)}.items():
        if name != "__eq__":
            setattr(KerasTensor, name, method)


_install()
