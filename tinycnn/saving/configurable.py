"""Objects and their configs: plain data from which the same object can be made again.

A config names a class by its name in `registry`, never by a module or by code. `Configurable` writes one from the arguments of
`__init__`, each of which the object keeps as an attribute of the same name; a class that does otherwise overrides `get_config`.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from tinycnn import registry
from tinycnn.errors import ArgumentError, DataError, DTypeError, shown
from tinycnn.random import SeedGenerator
from tinycnn.saving.custom import get_registered_name, get_registered_object, within

__all__ = ["SHARED", "Configurable", "Placed", "argument_names", "deserialize", "resolve", "serialize", "serialize_shared", "sharing"]

C = TypeVar("C", bound="Configurable")

#: The entry beside a class and its config, in Keras's files, too, by which configs of one layer know each other.
SHARED = "shared_object_id"

_MAX_NAME = 100


class Configurable:
    """Base of all that a config can describe: layers, losses, metrics, optimizers and what these are made of."""

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this object again, as plain data: numbers, strings, lists and dicts."""
        return {name: serialize(self._argument(name)) for name in self._argument_names()}

    def _argument_names(self) -> list[str]:
        return argument_names(type(self))

    def _argument(self, name: str) -> Any:
        """What `__init__` was given under this name. Raises ArgumentError where nothing keeps it."""
        if not hasattr(self, name):
            raise ArgumentError(f"{type(self).__name__} keeps no attribute {name!r} for its argument of that name: override get_config()")
        return getattr(self, name)

    @classmethod
    def from_config(cls: type[C], config: Mapping[str, Any]) -> C:
        """The object that `config` describes.

        Raises:
            ArgumentError: `config` holds something that is not an argument of this class.
        """
        try:
            inspect.signature(cls).bind(**config)
        except TypeError as error:
            raise ArgumentError(f"the config of {cls.__name__} does not fit: {error}") from None
        return cls(**config)


def argument_names(cls: type) -> list[str]:
    """The arguments of `cls.__init__`; where it passes **kwargs on, those of the next class as well."""
    names: dict[str, None] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = [p for p in inspect.signature(vars(base)["__init__"]).parameters.values() if p.name != "self"]
        names |= {p.name: None for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return list(names)


def resolve(kind: str, identifier: Any) -> Any:
    """What a user meant by `identifier`, wherever Keras takes a string, a class, an instance, a config or a function.

    Args:
        kind: the table to look names up in.
        identifier: a registered name; {"class_name": name, "config": {...}}; a class, which is made with its defaults; or any callable,
            which comes back as it is. A name that stands for a class gives an instance, one that stands for a function the function.

    Raises:
        ArgumentError: for an unknown name, or a config that is malformed or names a class that is not Configurable.
        DTypeError: for anything else.
    """
    if isinstance(identifier, str):
        found = _look_up(kind, identifier)
        return found() if isinstance(found, type) else found
    if isinstance(identifier, dict):
        name, config = identifier.get("class_name"), identifier.get("config", {})
        if not isinstance(name, str):
            raise ArgumentError(f"a {kind} config must be {{'class_name': name, 'config': {{...}}}}, got {shown(identifier)}")
        found = _look_up(kind, name)
        if not isinstance(found, type):
            return found
        if not isinstance(config, dict):
            raise ArgumentError(f"the config of {kind} {name!r} must be a dict, got {shown(config)}")
        if not hasattr(found, "from_config"):
            raise ArgumentError(f"the {kind} {name!r} cannot be made from a config, it is not Configurable")
        with _placed(config):
            shared, known = identifier.get(SHARED), _sharing.made
            if known is not None and isinstance(shared, int) and type(known.get(shared)) is found:
                return known[shared]
            made = found.from_config(config)
            if isinstance(config, Placed) and config.finish:
                config.finish(made)
            if known is not None and isinstance(shared, int):
                known[shared] = made
            return made
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return identifier
    raise DTypeError(f"{kind} must be a name, a class, an instance, a config or a function, got {shown(identifier)}")


def _look_up(kind: str, name: str) -> Any:
    """What `name` stands for: one of the user's own, or a registered one."""
    found = get_registered_object(name)
    # a name that is too long to be one is not told, and compared with others, as a whole
    return registry.lookup(kind, name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}...") if found is None else found


class Placed(dict[str, Any]):
    """Arguments that know where in a file they stand, for errors: "layer 'x' (class Foo) at config.layers[3]".

    `finish` is called with the object that is made of them.
    """

    def __init__(self, config: Mapping[str, Any], place: str, finish: Callable[[Any], None] | None = None) -> None:
        super().__init__(config)
        self.place = place
        self.finish = finish


@contextlib.contextmanager
def _placed(config: Any) -> Iterator[None]:
    """Whatever goes wrong in the block is told with the place of `config` in its file, if it came from one; the innermost place counts."""
    place = getattr(config, "place", None)
    try:
        yield
    except (DataError, RecursionError):
        raise
    except Exception as error:
        if place is None:
            raise
        raise DataError(f"{place}: {error}") from error


class _Sharing(threading.local):
    """Layers that stand in several places of a model, such as in a model inside of it."""

    def __init__(self) -> None:
        self.counts: Counter[int] | None = None
        self.numbers: dict[int, int] = {}
        self.made: dict[int, Any] | None = None


_sharing = _Sharing()


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """Configs in the block that `SHARED` marks as those of one layer give one."""
    before, _sharing.made = _sharing.made, {}
    try:
        yield
    finally:
        _sharing.made = before


def serialize_shared(value: Any) -> Any:
    """`serialize`, with `SHARED` beside the config of each layer that is in it several times."""
    before = _sharing.counts, _sharing.numbers  # a `get_config` may copy a layer
    counts: Counter[int] = Counter()
    try:
        _sharing.counts, _sharing.numbers = counts, {}
        found = serialize(value)
        several = [key for key, count in counts.items() if count > 1]
        if not several:
            return found
        _sharing.counts, _sharing.numbers = None, {key: number for number, key in enumerate(several, 1)}
        return serialize(value)
    finally:
        _sharing.counts, _sharing.numbers = before


def serialize(value: Any) -> Any:
    """`value` as plain data: an object becomes {"class_name", "config"}, a registered function its name.

    Raises:
        DTypeError: it is none of these; a function of the user's own, for instance, has no place in a config.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (Configurable, SeedGenerator)):
        found = {"class_name": get_registered_name(type(value)), "config": value.get_config()}
        if _sharing.counts is not None and hasattr(value, "own_weights"):  # a layer: of anything else, one as good will do
            _sharing.counts[id(value)] += 1
        return {**found, SHARED: _sharing.numbers[id(value)]} if id(value) in _sharing.numbers else found
    if isinstance(value, (list, tuple)):
        return [serialize(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): serialize(item) for key, item in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    name = getattr(value, "__name__", None)
    if name and get_registered_object(get_registered_name(value)) is value:
        return get_registered_name(value)
    if any(name in registry.names(kind) and registry.lookup(kind, name) is value for kind in ("activation", "loss")):
        return name
    raise DTypeError(f"{value!r} cannot be written into a config: only registered classes and functions, numbers, strings and lists can")


def deserialize(kind: str, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The object of `kind` ("layer", "initializer", ...) that {"class_name": ..., "config": {...}} describes.

    `custom_objects`: name -> class or function of the user's own, beside the registered ones.

    Raises:
        ArgumentError: it is no such dict, no such class is registered, or the config does not fit it.
    """
    if not isinstance(config, dict):
        raise ArgumentError(f"the config of a {kind} must be a dict with 'class_name' and 'config', got {shown(config)}")
    with within(custom_objects):
        return resolve(kind, config)
