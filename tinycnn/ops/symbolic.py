"""Ops on symbolic tensors: an op that is given one is not computed, but drawn (`layers.operation`)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from tinycnn import registry

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
        symbolic = _first_symbolic((*args, *kwargs.values()) if kwargs else args)
        return function(*args, **kwargs) if symbolic is None else symbolic.draw(function, args, kwargs)

    return registry.register("operation")(op)


def _first_symbolic(values: Iterable[Any]) -> Symbolic | None:
    for value in values:
        if isinstance(value, Symbolic):
            return value
        if isinstance(value, (list, tuple)):
            for part in value:
                if isinstance(part, Symbolic):
                    return part
    return None
