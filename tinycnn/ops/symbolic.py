"""Ops on symbolic tensors: an op that is given one is not computed, but drawn (`layers.operation`)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinycnn import registry
from tinycnn.autograd import Tensor, Variable

__all__ = ["Symbolic", "drawable"]


class Symbolic:
    """Base of what has a shape, but no values."""

    __slots__ = ()

    @classmethod
    def draw(cls, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The symbolic results of an op whose arguments hold instances of this class."""
        raise NotImplementedError


@functools.cache
def drawable(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which draws itself where an argument, or a part of a list, is symbolic. It can be named in configs."""

    @functools.wraps(function)
    def op(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()) if kwargs else args:
            if type(value) not in _PLAIN:
                symbolic = _symbolic_in(value)
                if symbolic is not None:
                    return symbolic.draw(function, args, kwargs)
        return function(*args, **kwargs)

    return registry.register("operation")(op)


#: Types that are looked at no further: this is on the way of every op.
_PLAIN = frozenset({Tensor, Variable, np.ndarray, bool, int, float, str, type(None)})


def _symbolic_in(value: Any) -> Symbolic | None:
    """`value` or the first part of it that is symbolic."""
    parts = value if isinstance(value, (list, tuple)) else (value,)
    return next((part for part in parts if isinstance(part, Symbolic)), None)
