"""Nested lists, tuples and dicts, as arguments and results of layers may be: their leaves, in Keras's order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["leaves", "like", "map_leaves"]


def leaves(value: Any) -> list[Any]:
    """What is in `value`, from left to right; of dicts in the order of the sorted keys."""
    if isinstance(value, Mapping):
        return [leaf for key in sorted(value) for leaf in leaves(value[key])]
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, (list, tuple)) else [value]


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """The same form with `function` of each leaf, called in the order of `leaves`."""
    if isinstance(value, Mapping):
        mapped = {key: map_leaves(function, value[key]) for key in sorted(value)}
        return {key: mapped[key] for key in value}
    if isinstance(value, (list, tuple)):
        parts = [map_leaves(function, part) for part in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    return function(value)


def like(form: Any, flat: Iterable[Any]) -> Any:
    """The form of `form` with the leaves of `flat`: the inverse of `leaves`."""
    rest = iter(flat)
    return map_leaves(lambda _: next(rest), form)
