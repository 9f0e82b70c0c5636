"""A limit on the weights that a model from a file may have: those that are in the file."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Sequence

from tinycnn.errors import DataError

__all__ = ["claim", "limited"]


class _Left(threading.local):
    cells: float = math.inf


_left = _Left()


@contextlib.contextmanager
def limited(cells: float) -> Iterator[None]:
    """Inside of the block, and in this thread, weights may have so many cells all together."""
    before, _left.cells = _left.cells, cells
    try:
        yield
    finally:
        _left.cells = before


def claim(shape: Sequence[int], who: str) -> bool:
    """Called before a weight is made: whether its value will come from a file, so that none need be drawn.

    Raises:
        DataError: there would be more weights than the file has data for.
    """
    if _left.cells == math.inf:
        return False
    cells = math.prod(shape)
    if cells > _left.cells:
        raise DataError(f"{who} would have a weight of shape {tuple(shape)}, for which the file has not enough data")
    _left.cells -= cells
    return True
