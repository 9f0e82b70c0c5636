"""A limit on the weights that a model from a file may have: those that are in the file."""

from __future__ import annotations

import contextlib
import itertools
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


def check_trial(shapes: Sequence[Sequence[int]]) -> None:
    """Called before zeros of these shapes are made, and put together, to find out the shape of a result.

    Raises:
        DataError: a model from a file wants absurdly many cells, in one of them or in what they broadcast to.
    """
    if _left.cells == math.inf:
        return
    largest = [max(sizes) for sizes in itertools.zip_longest(*map(reversed, shapes), fillvalue=1)]
    if math.prod(largest) > _MAX_TRIAL:
        raise DataError(f"tensors of shapes {[tuple(shape) for shape in shapes]} may make one of more than {_MAX_TRIAL:,} cells")


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
