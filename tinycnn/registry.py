"""The closed table of names that a config, a string argument or a file may refer to.

A file never names code: loading looks `class_name` up here, and what is not registered does not exist. Each kind of thing
("layer", "optimizer", "loss", ...) has its own table.

    @register("layer")
    class Dense(Layer): ...

    lookup("layer", "Dense")        # -> Dense
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, TypeVar

from tinycnn.errors import ArgumentError

__all__ = ["lookup", "names", "register"]

T = TypeVar("T")
_tables: dict[str, dict[str, Any]] = {}


def register(kind: str, *aliases: str) -> Callable[[T], T]:
    """Class or function decorator: enter it under its own name, and under `aliases`."""

    def enter(thing: T) -> T:
        table = _tables.setdefault(kind, {})
        for name in (thing.__name__, *aliases):  # type: ignore[attr-defined]
            if table.get(name, thing) is not thing:
                raise ArgumentError(f"the {kind} name {name!r} is taken by {table[name]!r}")
            table[name] = thing
        return thing

    return enter


def lookup(kind: str, name: str) -> Any:
    """What is registered under `name`; ArgumentError with the nearest names if there is none."""
    table = _tables.get(kind, {})
    if name in table:
        return table[name]
    near = difflib.get_close_matches(str(name), table, n=3, cutoff=0.5) or sorted(table)
    raise ArgumentError(f"unknown {kind} {name!r}; did you mean {', '.join(map(repr, near))}?")


def names(kind: str) -> list[str]:
    """All names of one kind, sorted."""
    return sorted(_tables.get(kind, {}))
