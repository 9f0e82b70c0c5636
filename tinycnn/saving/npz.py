"""Named arrays in a NumPy .npz file, read with no trust in it.

An .npz is a zip of .npy members (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). The reader knows beforehand
which arrays must be in it and of which shapes; it never allocates more than those need, whatever the file says, and unpickles nothing.
"""

from __future__ import annotations

import lzma
import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.errors import DataError
from tinycnn.saving.atomic import replacing
from tinycnn.saving.file_errors import one_line

__all__ = ["DAMAGE", "read_all_arrays", "read_arrays", "write_arrays"]

#: What zipfile, its decompressors and numpy.lib.format raise on files that are not what they should be: OSError for a seek to nowhere.
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(ArithmeticError, LookupError, RuntimeError, SyntaxError, TypeError, ValueError),
)
_MAX_HEADER = 10_000


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write name -> array, uncompressed and atomically (`saving.atomic`). Raises OSError naming the path."""
    with replacing(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            # a ZipInfo of our own has a fixed date: same arrays, same bytes
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def read_arrays(path: str | os.PathLike[str], expected: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Read the arrays named in `expected`, all of them and nothing else; shapes and kinds of dtype must be those of its values.

    Raises:
        DataError: naming the path and the array: missing, too many, another shape or dtype, damaged.
        OSError: the file cannot be opened or read.
    """
    with open(path, "rb") as file:
        return _read(file, os.fspath(path), expected)


def read_all_arrays(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read whatever arrays `write_arrays` wrote, never more bytes than the file has.

    Raises:
        DataError, OSError: as `read_arrays`.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                stored = sum(info.file_size for info in archive.infolist())
                if len(infos) < len(archive.infolist()) or stored > os.fstat(file.fileno()).st_size:  # members may lie in each other
                    raise DataError("arrays are in it twice, or are larger than the file")
                return {name: _read_stored(archive, info) for name, info in infos.items()}
        except DAMAGE as error:
            raise DataError(one_line(f"{os.fspath(path)}: damaged ({type(error).__name__}: {error})")) from None


def _read_stored(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """One .npy member that is not compressed."""
    if info.compress_type != zipfile.ZIP_STORED:
        raise DataError(f"{info.filename!r} is compressed")
    with archive.open(info) as stream:
        shape, fortran_order, dtype = _read_header(stream)
        if dtype.hasobject:
            raise DataError(f"{info.filename!r} holds objects")
        data = stream.read()
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")


def _read(file: IO[bytes], path: str, expected: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """`read_arrays` from an open file."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = [info.filename for info in archive.infolist()]
            _check_names(members, expected)
            return {name: _read_member(archive, name, like) for name, like in expected.items()}
    except DataError as error:
        raise DataError(one_line(f"{path}: {error}")) from None
    except DAMAGE as error:
        raise DataError(one_line(f"{path}: not a weights file, or damaged ({type(error).__name__}: {error})")) from None


def _check_names(members: list[str], expected: Mapping[str, NDArray[Any]]) -> None:
    """DataError unless every expected array is there, once, and no other."""
    wanted = {f"{name}.npy" for name in expected}
    found = set(members)
    if found == wanted and len(members) == len(found):
        return
    missing = sorted(name.removesuffix(".npy") for name in wanted - found)
    extra = sorted(name.removesuffix(".npy") for name in found - wanted)
    told = [f"{word} {_some(names)}" for word, names in (("lacks", missing), ("has the unknown", extra)) if names]
    raise DataError(f"does not fit the model: it {' and '.join(told) or 'holds an array twice'}")


def _some(names: list[str]) -> str:
    """The first names of a list that may be long."""
    return ", ".join(repr(name[:80]) for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _read_member(archive: zipfile.ZipFile, name: str, like: NDArray[Any]) -> NDArray[Any]:
    """One .npy member: header first, then exactly as many bytes as an array of that shape has."""
    with archive.open(f"{name}.npy") as stream:
        shape, fortran_order, dtype = _read_header(stream)
        if shape != like.shape:
            raise DataError(f"array {name!r} has shape {shape}, the model expects {like.shape}")
        if dtype.kind != like.dtype.kind or dtype.itemsize > 8:
            raise DataError(f"array {name!r} has dtype {dtype}, the model expects {like.dtype}")
        data = stream.read(like.size * dtype.itemsize + 1)  # one more than there should be: also checks the CRC, at the end
        if len(data) != like.size * dtype.itemsize:
            raise DataError(f"array {name!r} has {len(data)} bytes or more, expected {like.size * dtype.itemsize}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, Fortran order and dtype of a .npy stream of version 1.0 or 2.0."""
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise DataError(f"an array is of .npy version {version}, expected (1, 0) or (2, 0)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd headers are compared with what is expected, below
        return readers[version](stream, max_header_size=_MAX_HEADER)
