"""Every public module, class and function has a docstring, and so has every public method and property of public classes.

Kernels are described in `kernels/spec.py`, once for all backends, and the three methods of a rule in `rules/op.py`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import tinycnn

MODULES = [
    "tinycnn",
    *(
        info.name
        for info in pkgutil.walk_packages(tinycnn.__path__, "tinycnn.")
        if not info.name.rpartition(".")[2].startswith("_") and not info.name.startswith("tinycnn.kernels.")
    ),
]


def undocumented(module: ModuleType) -> Iterator[str]:
    """What a reader of this module's `__all__` would find without a word."""
    if not module.__doc__:
        yield module.__name__
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            yield from _undocumented(f"{module.__name__}.{name}", value)


def _undocumented(path: str, value: Any) -> Iterator[str]:
    generated = f"{value.__name__}("  # how the docstring begins that a dataclass makes for itself
    if not value.__doc__ or value.__doc__.startswith(generated):
        yield path
    if inspect.isclass(value) and not value.__module__.startswith("tinycnn.rules"):
        for name, member in vars(value).items():
            is_method = inspect.isroutine(member) or isinstance(member, (property, staticmethod, classmethod))
            if is_method and not name.startswith("_") and not inspect.getdoc(getattr(value, name)):
                yield f"{path}.{name}"


@pytest.mark.parametrize("name", MODULES)
def test_everything_public_has_a_docstring(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"{name} needs an extra: {error}")
    assert list(undocumented(module)) == []


def test_what_lacks_one_is_found() -> None:
    module = ModuleType("module", "Words.")

    class Named:
        """Words."""

        def told(self) -> None:
            """Words."""

        def untold(self) -> None:
            pass

        @property
        def size(self) -> int:
            return 0

    def function() -> None:
        pass

    module.Named, module.function, module.__all__ = Named, function, ["Named", "function"]  # type: ignore[attr-defined]
    assert list(undocumented(module)) == ["module.Named.untold", "module.Named.size", "module.function"]
