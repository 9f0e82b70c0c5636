"""The arguments of a user's layer, kept for its config."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any

from tinycnn.saving.configurable import Configurable

__all__ = ["ArgumentKeeper"]

#: Stands for an argument that only an attribute can keep.
_NOT_PLAIN = object()


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
        # what it was not given, and no attribute keeps, it hands on to classes above by itself
        return [name for name in names if name in vars(self)["_given"] or hasattr(self, name)]

    def _argument(self, name: str) -> Any:
        given = vars(self).get("_given", {}).get(name, _NOT_PLAIN)
        return super()._argument(name) if given is _NOT_PLAIN or hasattr(self, name) else given


def _keeping(init: Callable[..., None]) -> Callable[..., None]:
    """`__init__`, whose plain arguments are put aside."""

    @functools.wraps(init)
    def wrapper(self: Any, /, *args: Any, **kwargs: Any) -> None:
        if "_given" not in vars(self):  # else a class below has put its own aside
            with contextlib.suppress(TypeError):  # they do not fit, as the call itself tells
                signature = inspect.signature(init)
                bound = signature.bind(self, *args, **kwargs)
                bound.apply_defaults()
                for name, parameter in signature.parameters.items():
                    if parameter.kind is parameter.VAR_KEYWORD:
                        bound.arguments |= bound.arguments.pop(name)
                vars(self)["_given"] = {name: value if _is_plain(value) else _NOT_PLAIN for name, value in bound.arguments.items()}
        init(self, *args, **kwargs)

    return wrapper


def _is_plain(value: Any) -> bool:
    """Whether a value can stand in a config as it is."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
