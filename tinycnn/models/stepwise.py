"""What Sequential and functional models share: they run steps, which are their layers or, where that is allowed, several of them fused."""

from __future__ import annotations

import threading
from typing import Any

from tinycnn.autograd.engine import quiet
from tinycnn.layers.shapes import Shape
from tinycnn.models.model import Model, check_no_mask

__all__ = ["Stepwise"]


class _Around(threading.local):
    #: Whether the model around fuses; None: there is none.
    fuses: bool | None = None


_around = _Around()


class Stepwise(Model):
    """A model that knows what it is made of. Whether layers are fused was said to the outermost model, when that was compiled."""

    #: fuses -> the steps; made when they are needed, and again after `compile`.
    _steps: Any = None
    _admitted: dict[Any, list[Shape]] | None = None

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The layers, each after those it reads from. `inputs`: one, or a list of them, or a dict by name; `mask` must be None."""
        if mask is not None:
            check_no_mask(self.name, mask)
        steps = self._runnable()
        before = _around.fuses
        if before is None:
            _around.fuses = self._fuses
        try:
            with quiet():
                return self._run(steps, inputs, training)
        finally:
            _around.fuses = before

    def _runnable(self) -> list[Any]:
        """What `call` runs."""
        fuses = self._fuses if _around.fuses is None else _around.fuses
        if self._steps is None:
            self._steps = {}
        if fuses not in self._steps:
            self._steps[fuses] = self._make_steps(fuses)
        steps: list[Any] = self._steps[fuses]
        return steps

    def _forget_steps(self) -> None:
        """The layers have changed."""
        self._steps = self._admitted = None

    def _known_shapes(self) -> dict[Any, list[Shape]]:
        if self._admitted is None:
            self._admitted = {}
        return self._admitted

    def _make_steps(self, fuses: bool) -> list[Any]:
        raise NotImplementedError

    def _run(self, steps: list[Any], inputs: Any, training: bool | None) -> Any:
        raise NotImplementedError
