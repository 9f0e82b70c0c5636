"""A limit on the weights that a model from a file may have: those that are in the file."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Sequence

from tinycnn.errors import DataError

__all__ = ["check_trial", "claim", "limited"]

#: Cells of a tensor that a shape is found out with, by trying.
_MAX_TRIAL = 1 << 26


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


def check_trial(shape: Sequence[int]) -> None:
    """Called before zeros are made to find out the shape of a result. Raises DataError if a model from a file wants absurdly many."""
    if _left.cells != math.inf and math.prod(shape) > _MAX_TRIAL:
        raise DataError(f"a tensor of shape {tuple(shape)} would have more than {_MAX_TRIAL:,} cells")


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
