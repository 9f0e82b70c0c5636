"""What an ONNX operator is here: a function of Tensors, entered in one table; its signature says what inputs and attributes it takes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd import Tensor
from tinycnn.errors import DataError

__all__ = ["OPERATORS", "Array", "Context", "Floats", "Ints", "Operator", "check_call", "operator", "whole_numbers"]

Ints: TypeAlias = tuple[int, ...]
Floats: TypeAlias = tuple[float, ...]
Array: TypeAlias = NDArray[Any]

#: How an attribute's annotation reads -> what its value must be.
_KINDS = {"int": int, "float": float, "str": str, "Ints": tuple, "Floats": tuple, "Array": np.ndarray}

#: Operators by ONNX's name.
OPERATORS: dict[str, Operator] = {}


@dataclass(frozen=True)
class Context:
    """What a run tells each operator."""

    #: The version of the operators.
    opset: int
    training: bool
    #: Of all floating-point numbers.
    dtype: np.dtype[Any]
    #: No result may have more cells than this: a file of a few bytes can ask for any number.
    limit: int
    #: How many results the node has.
    count: int = 1

    def allow(self, shape: Sequence[int]) -> None:
        """DataError if an array of this shape would be too large."""
        if math.prod(max(int(n), 1) for n in shape) > self.limit:
            raise DataError(f"it asks for an array of shape {tuple(map(int, shape))}, which is more than {self.limit} cells")


@dataclass(frozen=True)
class Operator:
    """An entry of the table."""

    function: Callable[..., Any]
    #: Inputs that are settings, never trained: their places.
    fixed: frozenset[int]
    #: Inputs that are kept with the weights but follow the data: moving averages.
    moving: frozenset[int]
    #: Results; None for any number.
    results: int | None
    signature: inspect.Signature = field(repr=False)


def operator(*names: str, fixed: Sequence[int] = (), moving: Sequence[int] = (), results: int | None = 1) -> Callable[[Any], Any]:
    """Enter a function under ONNX's names.

    Its first argument is the `Context`, then come the inputs by position, None for one that is left out; then, by keyword only, the
    attributes: int, float, str, Ints, Floats or Array, with their defaults.
    """

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            OPERATORS[name] = Operator(function, frozenset(fixed), frozenset(moving), results, inspect.signature(function))
        return function

    return enter


def check_call(op: str, inputs: Sequence[str], attributes: dict[str, Any]) -> None:
    """DataError unless the operator takes these inputs and these attributes."""
    signature = OPERATORS[op].signature
    try:
        bound = signature.bind(None, *inputs, **attributes)
    except TypeError as error:
        raise DataError(f"it does not fit the operator: {error}") from None
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and name in attributes:
            kind = _KINDS[str(parameter.annotation).removesuffix(" | None")]
            if not isinstance(attributes[name], kind):
                raise DataError(f"the attribute {name} must be {parameter.annotation}, got {type(attributes[name]).__name__}")
        elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty and bound.arguments[name] == "":
            raise DataError(f"the input {name} must not be left out")
        elif parameter.kind is parameter.VAR_POSITIONAL and "" in bound.arguments.get(name, ()):
            raise DataError("none of its inputs may be left out")


def whole_numbers(tensor: Tensor, name: str) -> list[int]:
    """The values of a list of integers: axes, sizes, positions."""
    if tensor.dtype.kind not in "iu" or tensor.ndim > 1 or tensor.size > 64:
        raise DataError(f"{name} must be a list of integers, got {tensor.dtype} of shape {tensor.shape}")
    return [int(n) for n in tensor.numpy().reshape(-1)]
