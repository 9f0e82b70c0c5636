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

from tinycnn.errors import ArgumentError, DTypeError

__all__ = ["lookup", "names", "register", "resolve"]

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


def resolve(kind: str, identifier: Any) -> Any:
    """What a user meant by `identifier`, wherever Keras takes a string, a class, an instance, a config or a function.

    Args:
        kind: the table to look names up in.
        identifier: a registered name; {"class_name": name, "config": {...}}; a class, which is made with its defaults; or any callable,
            which comes back as it is. A name that stands for a class gives an instance, one that stands for a function the function.

    Raises:
        ArgumentError: for an unknown name, or a config that is malformed or names a class without ``from_config``.
        DTypeError: for anything else.
    """
    if isinstance(identifier, str):
        found = lookup(kind, identifier)
        return found() if isinstance(found, type) else found
    if isinstance(identifier, dict):
        name, config = identifier.get("class_name"), identifier.get("config", {})
        if not isinstance(name, str):
            raise ArgumentError(f"a {kind} config must be {{'class_name': name, 'config': {{...}}}}, got {identifier!r}")
        found = lookup(kind, name)
        if not isinstance(found, type):
            return found
        if not isinstance(config, dict):
            raise ArgumentError(f"the config of {kind} {name!r} must be a dict, got {config!r}")
        if not hasattr(found, "from_config"):
            raise ArgumentError(f"the {kind} {name!r} cannot be made from a config, it has no from_config()")
        return found.from_config(config)
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return identifier
    raise DTypeError(f"{kind} must be a name, a class, an instance, a config or a function, got {identifier!r}")
