"""How errors tell what is wrong with a file: in a line that begins with its path, whatever the file put into it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from tinycnn.errors import BackendError, DataError, TinyCNNError

__all__ = ["naming", "one_line"]

_MAX_LETTERS = 1000


def one_line(text: str) -> str:
    """The text, shortened, and without newlines and the codes that a terminal obeys."""
    short = text if len(text) <= _MAX_LETTERS else f"{text[:_MAX_LETTERS]}..."
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in short)


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Whatever tinycnn raises in the block is a DataError about this file, but for a BackendError."""
    try:
        yield
    except BackendError:
        raise
    except TinyCNNError as error:
        text = str(error)
        # where the cause is long, a traceback would show it
        raise DataError(one_line(f"{os.fspath(path)}: {text}")) from (error if len(text) <= _MAX_LETTERS else None)
