"""Classes and functions of the user's own that files may refer to: those that were registered, or are passed to the loading function."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tinycnn.errors import ArgumentError, DTypeError, shown

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "register_keras_serializable",
]

T = TypeVar("T")


class _Scope(threading.local):
    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}


_scope = _Scope()
_registered: dict[str, Any] = {}
_names: dict[Any, str] = {}


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Class or function decorator: files may refer to it, as "package>name".

    Args:
        package: a word for your own project.
        name: default: that of the class or function.

    Raises:
        ArgumentError: a class that has no `get_config`.
    """

    def enter(thing: T) -> T:
        if inspect.isclass(thing) and not hasattr(thing, "get_config"):
            raise ArgumentError(f"the class {thing.__name__} must have a get_config() to be registered")
        known: Any = thing
        full = f"{package}>{known.__name__ if name is None else name}"
        _registered[full] = thing
        _names[thing] = full
        return thing

    return enter


class CustomObjectScope:
    """``with CustomObjectScope({"Scale": Scale}):`` inside of the block, and in this thread, configs and files may refer to these.

    A scope inside of another one hides it.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._before: dict[str, Any] = {}

    def __enter__(self) -> CustomObjectScope:
        self._before, _scope.objects = _scope.objects, dict(self.custom_objects)
        return self

    def __exit__(self, *_: object) -> None:
        _scope.objects = self._before


custom_object_scope = CustomObjectScope


def get_custom_objects() -> dict[str, Any]:
    """The table of all registered objects itself: what is put into it may be referred to everywhere."""
    return _registered


def get_registered_name(obj: Any) -> str:
    """The "package>name" of a registered class or function, else its own name."""
    try:
        return _names.get(obj) or str(obj.__name__)
    except TypeError:  # cannot be a key, so it was never registered
        return str(obj.__name__)


def get_registered_object(
    name: Any, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """What `name` stands for: in the scope around, among the registered, in `custom_objects`, in `module_objects`; None if nowhere."""
    for table in (_scope.objects, _registered, custom_objects or {}, module_objects or {}):
        if isinstance(name, str) and name in table:
            return table[name]
    return None


def within(custom_objects: Mapping[str, Any] | None) -> CustomObjectScope:
    """A scope of these and of those that can be seen already. Raises DTypeError for what is no dict."""
    if custom_objects is not None and not isinstance(custom_objects, Mapping):
        raise DTypeError(f"custom_objects must be a dict of name -> class or function, got {shown(custom_objects)}")
    return CustomObjectScope({**_scope.objects, **(custom_objects or {})})
