"""Limits on a model from a file: weights as many as are in the file, and no more memory or time to find out shapes than is reasonable."""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
from collections.abc import Iterator, Sequence

from tinycnn.errors import DataError

__all__ = ["check_result", "check_trial", "claim", "is_limited", "limited"]

#: Cells of a tensor that a shape is found out with, by trying.
_MAX_TRIAL = 1 << 26
#: Multiply-adds of all trials together, some seconds; more for each cell that the file has data for, as large models need.
_MAX_WORK, _WORK_OF_A_CELL = 1 << 37, 1 << 14
#: Multiply-adds that take as long as a cell of an op that goes through memory once.
_CELL = 8


class _Left(threading.local):
    cells: float = math.inf
    work: float = 0
    trusted: bool = True


_left = _Left()


@contextlib.contextmanager
def limited(cells: float) -> Iterator[None]:
    """Inside of the block, and in this thread, weights may have so many cells all together, and come from a file unless that is inf."""
    before = _left.cells, _left.work, _left.trusted
    _left.cells, _left.trusted = cells, False
    _left.work = _MAX_WORK + (_WORK_OF_A_CELL * cells if cells < math.inf else 0)
    try:
        yield
    finally:
        _left.cells, _left.work, _left.trusted = before


def is_limited() -> bool:
    """Whether a model from a file is made, in this thread."""
    return not _left.trusted


def check_trial(shapes: Sequence[Sequence[int]]) -> None:
    """Called before zeros of these shapes are made, and put together, to find out the shape of a result.

    Raises:
        DataError: a model from a file wants absurdly many cells, in one of them or in what they broadcast to.
    """
    if _left.trusted:
        return
    largest = [max(sizes) for sizes in itertools.zip_longest(*map(reversed, shapes), fillvalue=1)]
    if math.prod(largest) > _MAX_TRIAL:
        raise DataError(f"tensors of shapes {[tuple(shape) for shape in shapes]} may make one of more than {_MAX_TRIAL:,} cells")
    _work("it", _CELL * math.prod(largest))


def check_result(op: str, cells: float, work: float) -> None:
    """Called before an op is tried that will make so many cells with so many multiply-adds.

    Raises:
        DataError: a model from a file wants too much of it.
    """
    if _left.trusted:
        return
    if not cells <= _MAX_TRIAL:  # as NaN is not
        raise DataError(f"{op} would make {cells:,.0f} cells, more than {_MAX_TRIAL:,}")
    _work(op, _CELL * cells + work)


def _work(who: str, work: float) -> None:
    if not work <= _left.work:
        raise DataError(f"{who} would compute too long: {work:,.0f} multiply-adds, of {_left.work:,.0f} that are left to find out shapes")
    _left.work -= max(0, work)


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
