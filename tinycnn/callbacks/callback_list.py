"""Calling the hooks of several callbacks, and only of those that have something to do there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinycnn.callbacks.callback import HOOKS, Callback
from tinycnn.errors import DTypeError

__all__ = ["CallbackList"]

#: Old name -> hook whose default implementation calls it.
_OLD_NAMES = {"on_batch_begin": "on_train_batch_begin", "on_batch_end": "on_train_batch_end"}


class CallbackList:
    """Callbacks at work on one model.

    Args:
        callbacks: in the order they are called; those with `comes_last` after the others.
        model, params: handed to each.

    Raises:
        DTypeError: one is not a Callback; none was touched.
    """

    def __init__(self, callbacks: Iterable[Callback], model: Any, params: dict[str, Any]) -> None:
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise DTypeError(f"callbacks must hold Callback instances, got {callback!r}")
        self.callbacks.sort(key=lambda callback: callback.comes_last)
        for callback in self.callbacks:
            callback.set_params(params)
            callback.set_model(model)
            callback.set_callbacks(self.callbacks)
        self._hooks: dict[str, list[Callable[..., Any]]] = {
            hook: [getattr(c, hook) for c in self.callbacks if _acts_at(c, hook)] for hook in HOOKS
        }

    def functions(self, hook: str) -> list[Callable[..., Any]]:
        """What is called at `hook`: if that is nothing, the caller need not prepare its arguments."""
        return self._hooks[hook]

    def call(self, hook: str, *args: Any) -> None:
        """Run `hook` of each callback that overrides it."""
        for function in self._hooks[hook]:
            function(*args)


def _acts_at(callback: Callback, hook: str) -> bool:
    """Whether `callback` overrides `hook`, or its old name, in its class or on itself."""
    names = [hook, *(old for old, new in _OLD_NAMES.items() if new == hook)]
    return any(getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name) for name in names)
