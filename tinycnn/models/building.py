"""Building as a transaction: layers that an error leaves half-built are as before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tinycnn import random
from tinycnn.layers import Layer
from tinycnn.layers.layer import building
from tinycnn.layers.weights import holdings_changed

__all__ = ["undone_on_error"]


@contextlib.contextmanager
def undone_on_error(model: Layer) -> Iterator[None]:
    """If the block raises, every layer of `model` that was not built is unbuilt again, and the random generator is where it was.

    So a wrong call of `fit` neither fixes the weights' shapes nor changes what the next, correct call draws from the seed.
    """
    with building:
        before = [(layer, {name: _copied(value) for name, value in vars(layer).items()}) for layer in model.walk() if not layer.built]
        generator = random.get_state()
        try:
            yield
        except BaseException:
            for layer, attributes in before:
                vars(layer).clear()
                vars(layer).update(attributes)
            holdings_changed()
            random.set_state(generator)
            raise


def _copied(value: Any) -> Any:
    """Lists are what building fills; anything else is replaced, not changed."""
    return list(value) if isinstance(value, list) else value
