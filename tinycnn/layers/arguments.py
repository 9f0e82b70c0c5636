"""The arguments of a user's layer, kept for its config."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any

from tinycnn.saving.configurable import Configurable

__all__ = ["ArgumentKeeper"]


class ArgumentKeeper(Configurable):
    """Base of what users derive classes from: where no attribute keeps a plain argument of theirs, `get_config` knows it all the same."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls) and not cls.__module__.startswith("tinycnn."):
            cls.__init__ = _keeping(cls.__init__)  # type: ignore[method-assign]

    def _argument_names(self) -> list[str]:
        names = super()._argument_names()
        if "_given" not in vars(self):
            return names
        own = inspect.signature(type(self).__init__).parameters  # what it hands on to classes above, and they keep nowhere, it knows itself
        return [name for name in names if name in own or hasattr(self, name)]

    def _argument(self, name: str) -> Any:
        given = vars(self).get("_given", {})
        return given[name] if name in given and not hasattr(self, name) else super()._argument(name)


def _keeping(init: Callable[..., None]) -> Callable[..., None]:
    """`__init__`, whose plain arguments are put aside."""

    @functools.wraps(init)
    def wrapper(self: Any, /, *args: Any, **kwargs: Any) -> None:
        if "_given" not in vars(self):  # else a class below has put its own aside
            with contextlib.suppress(TypeError):  # they do not fit, as the call itself tells
                given = inspect.signature(init).bind(self, *args, **kwargs)
                given.apply_defaults()
                vars(self)["_given"] = {name: value for name, value in given.arguments.items() if _is_plain(value)}
        init(self, *args, **kwargs)

    return wrapper


def _is_plain(value: Any) -> bool:
    """Whether a value can stand in a config as it is."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
