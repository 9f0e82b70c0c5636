"""Named arrays in a .safetensors file: eight bytes of length, a JSON table, the data. Needs no library.

Format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.errors import DataError
from tinycnn.saving.archive import parse_json
from tinycnn.saving.atomic import replacing

__all__ = ["read_arrays", "write_arrays"]

Array = NDArray[Any]

_DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}
_MAX_HEADER = 8 << 20


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write name -> array atomically. Raises OSError naming the path."""
    table: dict[str, Any] = {"__metadata__": {"format": "tinycnn"}}
    end = 0
    for name, array in arrays.items():
        start, end = end, end + array.nbytes
        table[name] = {"dtype": _NAMES[array.dtype.newbyteorder("<")], "shape": list(array.shape), "data_offsets": [start, end]}
    header = json.dumps(table).encode()
    header += b" " * (-len(header) % 8)
    with replacing(path) as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        for array in arrays.values():
            stream.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())


def read_arrays(path: str | os.PathLike[str], expected: Mapping[str, Array], skip_mismatch: bool = False) -> dict[str, Array]:
    """Read the arrays named in `expected`, of the shapes and kinds of its values; views of what was read, without a copy.

    Args:
        path: of the file.
        expected: name -> an array like the one that the file must have. The file must have no others.
        skip_mismatch: leave out, with a warning, what is missing or has another shape, and ignore others.

    Raises:
        DataError: naming the path and the array.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size - 8, _MAX_HEADER):
                raise DataError(f"not a safetensors file, or damaged: a table of {length} bytes in a file of {size}")
            table = parse_json(file.read(length), "the table")
            table.pop("__metadata__", None)
            found = _checked(table, expected, size - 8 - length, skip_mismatch)
            data = memoryview(file.read() if found else b"")
            return {name: np.frombuffer(data[start:end], dtype).reshape(shape) for name, (dtype, shape, start, end) in found.items()}
        except DataError as error:
            raise DataError(f"{os.fspath(path)}: {error}") from None


def _checked(
    table: Mapping[str, Any], expected: Mapping[str, Array], size: int, skip_mismatch: bool
) -> dict[str, tuple[str, tuple[int, ...], int, int]]:
    """Name -> dtype, shape and place of each array that is expected, none of them read yet."""
    extra = sorted(table.keys() - expected.keys())
    if extra and not skip_mismatch:
        raise DataError(f"does not fit the model: it has the unknown {', '.join(repr(name[:80]) for name in extra[:3])}")
    found = {}
    for name, like in expected.items():
        try:
            if name not in table:
                raise DataError(f"does not fit the model: it lacks {name!r}")
            found[name] = _entry(name, table[name], like, size)
        except DataError as error:
            if not skip_mismatch:
                raise
            warnings.warn(f"skipped a weight: {error}", stacklevel=5)
    return found


def _entry(name: str, entry: Any, like: Array, size: int) -> tuple[str, tuple[int, ...], int, int]:
    try:
        dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
        start, end = entry["data_offsets"]
        whole = all(type(n) is int for n in (*shape, start, end))
    except (KeyError, TypeError, ValueError):
        raise DataError(f"array {name!r} is described in a way that is not read here: {str(entry)[:100]}") from None
    if shape != like.shape:
        raise DataError(f"array {name!r} has shape {shape}, the model expects {like.shape}")
    if np.dtype(dtype).kind != like.dtype.kind:
        raise DataError(f"array {name!r} has dtype {dtype}, the model expects {like.dtype}")
    if not whole or not 0 <= start <= end <= size or end - start != math.prod(shape) * np.dtype(dtype).itemsize:
        raise DataError(f"array {name!r} of shape {shape} is said to be in bytes {start} to {end} of {size}")
    return dtype, shape, start, end
