"""Python's operators and a few methods for Tensor: each one is an op, so they live above the ops and are installed from here."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinycnn.autograd.tensor import Tensor
from tinycnn.errors import ArgumentError
from tinycnn.ops import activation, array, convert, math
from tinycnn.ops.symbolic import drawable

__all__ = ["OPERATORS", "install"]


def _swapped(function: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
    """For the reflected operators: 2 - tensor calls tensor.__rsub__(2)."""

    def reflected(self: Any, other: Any) -> Tensor:
        return function(other, self)

    return reflected


def _reshape(self: Tensor, *newshape: Any, order: str = "C", copy: None = None) -> Tensor:
    """The same cells in another shape: t.reshape(2, -1) or t.reshape((2, -1)). The rest is what np.reshape says, and must be left alone."""
    if order != "C" or copy is not None:
        raise ArgumentError(f"order must be 'C' and copy None in reshape() of a tensor, got {order!r} and {copy!r}")
    return array.reshape(self, newshape[0] if len(newshape) == 1 else newshape)


def _transpose(self: Tensor, *axes: Any) -> Tensor:
    """Axes in another order; reversed if none are given."""
    order: Sequence[int] | None = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
    return array.transpose(self, order)


def _astype(self: Tensor, dtype: DTypeLike) -> Tensor:
    """The same values in another dtype."""
    return convert.cast(self, dtype)


def _called_by_numpy(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`function` as the method that np.mean(tensor) and its like call: with all of NumPy's arguments, which must be left alone."""

    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Tensor:
        for name in _OF_NUMPY.intersection(kwargs):
            value = kwargs.pop(name)
            if value is not None and not (name == "ddof" and value == 0):
                raise ArgumentError(
                    f"{name} must be left out in {function.__name__}() of a tensor; tensor.numpy() is an array that takes it"
                )
        return function(*args, **kwargs)

    return method


_OF_NUMPY = frozenset({"ddof", "dtype", "initial", "out", "where"})


def _operators() -> dict[str, Callable[..., Any]]:
    """Python's name of each operator, and the op that it is."""
    binary = {
        "add": drawable(math.add),
        "sub": drawable(math.subtract),
        "mul": drawable(math.multiply),
        "truediv": drawable(math.divide),
        "pow": drawable(math.power),
        "matmul": drawable(math.matmul),
    }
    return {
        **{f"__{symbol}__": function for symbol, function in binary.items()},
        **{f"__r{symbol}__": _swapped(function) for symbol, function in binary.items()},
        "__neg__": drawable(math.negative),
        "__abs__": drawable(math.abs),
        "__eq__": drawable(math.equal),
        "__ne__": drawable(math.not_equal),
        "__lt__": drawable(math.less),
        "__le__": drawable(math.less_equal),
        "__gt__": drawable(math.greater),
        "__ge__": drawable(math.greater_equal),
        "__getitem__": drawable(array.get_item),
    }


#: Python's operators, on tensors with values and without.
OPERATORS = _operators()


def install() -> None:
    """Give Tensor its operators, its methods and its NumPy ufuncs."""
    methods: dict[str, Any] = {
        **OPERATORS,
        "T": property(array.transpose),
        "astype": _astype,
        "reshape": _reshape,
        "transpose": _transpose,
        "flatten": array.ravel,
        "squeeze": array.squeeze,
    }
    for name in ("sum", "mean", "max", "min", "var", "std", "argmax", "argmin", "clip"):
        methods[name] = _called_by_numpy(getattr(math, name))
    for name in ("exp", "log", "sqrt", "abs", "square"):
        methods[name] = getattr(math, name)
    for name in ("relu", "sigmoid", "tanh", "softmax"):
        methods[name] = getattr(activation, name)
    for name, function in methods.items():
        setattr(Tensor, name, function)
    for name in vars(math):
        if isinstance(getattr(np, name, None), np.ufunc):
            Tensor.ufuncs[getattr(np, name).__name__] = drawable(getattr(math, name))
    Tensor.ufuncs["tanh"] = drawable(activation.tanh)
