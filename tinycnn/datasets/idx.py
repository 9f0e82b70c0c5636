"""The IDX file format: arrays as the MNIST family of data sets ships them.

A file is a big-endian header and the raw elements in C order (LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist/)::

    0, 0, type code, rank    four bytes
    size of each axis        rank x uint32
    elements                 product(sizes) x itemsize bytes

Nothing in a file is believed: every size is bounded before memory is taken, and no more is decompressed than the header promises.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tinycnn.errors import DataError

__all__ = ["MAX_BYTES", "read_idx"]

#: No array larger than this is read (Fashion-MNIST's largest has 47 MB).
MAX_BYTES = 2**30

_GZIP_MAGIC = b"\x1f\x8b"
#: Deflate cannot shrink data further than this, so a header that promises more is wrong (https://zlib.net/zlib_tech.html).
_DEFLATE_MAX_RATIO = 1032

#: NumPy has no more axes.
_MAX_RANK = 32

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(file: str | Path | BinaryIO, *, shape: tuple[int, ...] | None = None) -> np.ndarray[Any, Any]:
    """The array in an IDX file, gzipped or not.

    Args:
        file: a path, or a file open for reading in binary mode and able to seek; it is read from its beginning.
        shape: what the array must be; checked before the elements are read. Default: any shape up to `MAX_BYTES`.

    Returns:
        A new C-contiguous array in native byte order.

    Raises:
        DataError: the file is truncated, damaged, longer than it says, of another shape, or not IDX.
        OSError: the file cannot be opened or read.
    """
    if isinstance(file, (str, Path)):
        with open(file, "rb") as raw:
            return read_idx(raw, shape=shape)
    name = getattr(file, "name", "IDX file")
    size = file.seek(0, 2)
    file.seek(0)
    zipped = file.read(2) == _GZIP_MAGIC
    file.seek(0)
    try:
        if zipped:
            with gzip.GzipFile(fileobj=file, mode="rb") as stream:
                return _parse(stream, size * _DEFLATE_MAX_RATIO, shape)  # type: ignore[arg-type]
        return _parse(file, size, shape)
    except _Malformed as error:
        raise DataError(f"{name}: {error}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{name}: the gzip stream is damaged or cut short ({error})") from None


class _Malformed(Exception):
    """What is wrong, without the file's name."""


def _parse(stream: BinaryIO, most_bytes: int, shape: tuple[int, ...] | None) -> np.ndarray[Any, Any]:
    """The array in an uncompressed IDX stream that cannot hold more than `most_bytes`."""
    zero, code, rank = struct.unpack(">HBB", _read(stream, 4))
    if zero or code not in _DTYPES:
        raise _Malformed(f"not an IDX file: it starts with {zero:04x}{code:02x}, expected 0000 and one of the types 08 to 0e")
    if rank > _MAX_RANK:
        raise _Malformed(f"holds an array of {rank} axes, at most {_MAX_RANK} are read")
    sizes = struct.unpack(f">{rank}I", _read(stream, 4 * rank))
    if shape is not None and sizes != tuple(shape):
        raise _Malformed(f"holds an array of shape {sizes}, expected {tuple(shape)}")
    dtype = np.dtype(_DTYPES[code])
    promised = math.prod(sizes) * dtype.itemsize
    if math.prod(size or 1 for size in sizes) * dtype.itemsize > MAX_BYTES:  # NumPy counts the other axes of an empty array, too
        raise _Malformed(f"promises {promised:,} bytes of elements in the shape {sizes}, at most {MAX_BYTES:,} are read")
    if promised > most_bytes:
        raise _Malformed(f"promises {promised:,} bytes of elements, more than the file can hold: it is cut short or damaged")
    array = np.empty(sizes, dtype)
    _fill(stream, array.reshape(-1).view(np.uint8).data)
    if stream.read(1):
        raise _Malformed(f"goes on after the {promised:,} bytes of elements that its header promises")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read(stream: BinaryIO, count: int) -> bytes:
    """Exactly `count` bytes."""
    data = bytearray(count)
    _fill(stream, memoryview(data))
    return bytes(data)


def _fill(stream: BinaryIO, buffer: memoryview) -> None:
    """Read until `buffer` is full."""
    filled = 0
    while filled < len(buffer):
        count = stream.readinto(buffer[filled:])  # type: ignore[attr-defined]
        if not count:
            raise _Malformed(f"cut short: {filled:,} bytes where {len(buffer):,} were expected")
        filled += count
