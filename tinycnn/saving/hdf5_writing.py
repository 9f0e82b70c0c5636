"""HDF5 files written in memory, by the library."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

__all__ = ["written_hdf5"]


def written_hdf5(fill: Callable[[Any], None]) -> memoryview:
    """The content of a file that `fill` has put groups and datasets into. Raises MemoryError."""
    import h5py

    stream = io.BytesIO()
    file = h5py.File(stream, "w")
    try:
        fill(file)
        file.close()
    except BaseException:
        with contextlib.suppress(Exception):
            file.close()
        # a BytesIO that got no more memory is closed, which is what the library complains of
        if stream.closed:
            raise MemoryError("too little memory to write the weights") from None
        raise
    return stream.getbuffer()
