"""A reader of the part of HDF5 that Keras writes, in plain Python, with no trust in the file.

The HDF5 library is C that follows whatever addresses a file holds: one flipped bit can make it crash or loop. This reader checks every
address against the file, follows none twice on one way, and knows plain groups, contiguous datasets and attributes of numbers and strings;
nothing else that the format has - links to elsewhere, external or virtual storage, filters, code - exists for it. Values are views into
the file's bytes: nothing is allocated by what a file says.

Names that are not ASCII make a group of a newer kind: `hdf5_links`.

Format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html (superblock 0 and 1, object headers 1).
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinycnn.errors import DataError
from tinycnn.saving.hdf5_heaps import Heaps
from tinycnn.saving.hdf5_links import heap_links, link

__all__ = ["Dataset", "Group", "read_hdf5"]

Buffer = bytes | memoryview
R = TypeVar("R")

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_UNDEFINED = 0xFFFFFFFFFFFFFFFF
#: Types of header messages.
_DATASPACE, _LINK_INFO, _DATATYPE, _LINK, _EXTERNAL, _LAYOUT, _FILTERS, _ATTRIBUTE, _CONTINUATION, _SYMBOL_TABLE, _DENSE_ATTRIBUTES = (
    *(0x01, 0x02, 0x03, 0x06, 0x07, 0x08, 0x0B, 0x0C, 0x10, 0x11, 0x15),
)
#: IEEE 754 as HDF5 describes it: size -> offset, precision, places and sizes of exponent and mantissa, bias.
_IEEE = {2: (0, 16, 10, 5, 0, 10, 15), 4: (0, 32, 23, 8, 0, 23, 127), 8: (0, 64, 52, 11, 0, 52, 1023)}
_MAX_RANK = 32
_DAMAGE = (struct.error, ValueError, ArithmeticError, LookupError, RecursionError)


def _named_errors(method: Callable[..., R]) -> Callable[..., R]:
    """Whatever goes wrong in reading is a DataError."""

    @functools.wraps(method)
    def wrapper(*args: Any) -> R:
        try:
            return method(*args)
        except DataError:
            raise
        except _DAMAGE as error:
            raise DataError(f"the HDF5 structure is damaged ({type(error).__name__}: {error})") from None

    return wrapper


@_named_errors
def read_hdf5(data: Buffer) -> Group:
    """The root group of an HDF5 file that is in memory, or mapped into it.

    Raises:
        DataError: it is no HDF5 file, is damaged, or uses what is not read here; also when the groups are looked into.
    """
    data = memoryview(data)
    if bytes(data[:8]) != _SIGNATURE:
        raise DataError("not an HDF5 file")
    version = data[8]
    if version > 1:
        raise DataError(f"HDF5 files with superblock version {version} are not read, only 0 and 1 as Keras writes them")
    offsets, lengths = data[13], data[14]
    start = 24 if version == 0 else 28
    base, _, end = struct.unpack_from("<QQQ", data, start)
    if (offsets, lengths, base) != (8, 8, 0) or end > len(data):
        raise DataError(f"the HDF5 file is damaged or cut: it should have {end} bytes and has {len(data)}")
    (header,) = struct.unpack_from("<Q", data, start + 40)
    return Group(data, Heaps(data), header, "")


@dataclass(frozen=True)
class _Type:
    """A datatype: a NumPy dtype, or strings of any length."""

    dtype: np.dtype[Any] | None

    @property
    def size(self) -> int:
        """Bytes of one element in the file."""
        return 16 if self.dtype is None else self.dtype.itemsize


class _Object:
    """What has a header: messages, attributes and a place."""

    def __init__(self, data: memoryview, heaps: Heaps, address: int, path: str) -> None:
        self.path = path
        self._data, self._heaps = data, heaps
        self._messages = list(_messages(data, address))

    def _find(self, kind: int) -> memoryview:
        for found, body in self._messages:
            if found == kind:
                return body
        raise DataError(f"{self.path or '/'!r} in the HDF5 file is damaged: it lacks a header message")

    def _has(self, kind: int) -> bool:
        return any(found == kind for found, _ in self._messages)

    @_named_errors
    def attribute(self, name: str) -> Any:
        """The attribute `name`: a str, a number, a list of str or an array; None if there is none."""
        if self._has(_DENSE_ATTRIBUTES):
            raise DataError(f"{self.path or '/'!r} in the HDF5 file keeps its attributes in a way that is not read here")
        for kind, body in self._messages:
            if kind == _ATTRIBUTE:
                place, sizes = _attribute_parts(body)
                if _text(bytes(body[place[0] : place[1]]), 0) == name:
                    return _attribute_value(self._heaps, body, place, sizes, name)
        return None


class Dataset(_Object):
    """An array in the file, not read yet.

    Attributes:
        shape, dtype: as the file declares them; the bytes of such an array are in the file.
    """

    def __init__(self, data: memoryview, heaps: Heaps, address: int, path: str) -> None:
        super().__init__(data, heaps, address, path)
        for message, what in ((_FILTERS, "compressed or filtered"), (_EXTERNAL, "in external files")):
            if self._has(message):
                raise DataError(f"dataset {path!r} is stored {what}, which is not read here")
        kind = _datatype(self._find(_DATATYPE))
        if kind.dtype is None or kind.dtype.kind not in "fiu":
            raise DataError(f"dataset {path!r} must hold numbers")
        self.dtype = kind.dtype
        self.shape = _dataspace(self._find(_DATASPACE))
        self._bytes = self._locate(self._find(_LAYOUT))

    def _locate(self, layout: memoryview) -> memoryview:
        """The array's bytes."""
        size = self.dtype.itemsize * math.prod(self.shape)
        version, storage = layout[0], layout[1]
        if version == 3 and storage == 0:
            (stored,) = struct.unpack_from("<H", layout, 2)
            start, source = 4, layout
        elif version == 3 and storage == 1:
            start, stored = struct.unpack_from("<QQ", layout, 2)
            source = self._data
            if start == _UNDEFINED and not size:
                start = 0
        else:
            raise DataError(f"dataset {self.path!r} is stored in chunks or virtually, which is not read here")
        found = source[start : start + size]
        if stored != size or len(found) != size:
            raise DataError(f"dataset {self.path!r} of shape {self.shape} needs {size} bytes, the file has {min(stored, len(found))}")
        return found

    def read(self) -> NDArray[Any]:
        """The array: a read-only view of the file's bytes."""
        return np.frombuffer(self._bytes, self.dtype).reshape(self.shape)


class Group(_Object):
    """A folder in the file."""

    def __init__(self, data: memoryview, heaps: Heaps, address: int, path: str) -> None:
        super().__init__(data, heaps, address, path)
        if not (self._has(_LINK_INFO) or self._has(_SYMBOL_TABLE)):
            raise DataError(f"{path or '/'!r} in the HDF5 file is no group, or one of a kind that is not read here")

    @functools.cached_property
    @_named_errors
    def _members(self) -> dict[str, int]:
        members: dict[str, int] = {}
        letters = 0
        for name, address in self._links():
            letters += len(name)
            if name in members or letters > len(self._data):  # names may overlap, and be more than the file has room for
                raise DataError(f"{self._join(name)!r} is in the HDF5 file twice, or its names are damaged")
            members[name] = address
        return members

    def _links(self) -> Iterator[tuple[str, int]]:
        """(name, address of the object header) of each member."""
        if self._has(_LINK_INFO):
            yield from heap_links(self._data, self._find(_LINK_INFO))
            yield from (link(body, 0)[:2] for kind, body in self._messages if kind == _LINK)
        else:
            tree, heap = struct.unpack_from("<QQ", self._find(_SYMBOL_TABLE))
            yield from _symbols(self._data, tree, _local_heap(self._data, heap))

    def keys(self) -> list[str]:
        """Names of the members."""
        return list(self._members)

    def __contains__(self, path: str) -> bool:
        try:
            self._walk(path)
        except KeyError:
            return False
        return True

    def group(self, path: str) -> Group:
        """The group at `path`, names with "/" between them. Raises DataError if there is none."""
        try:
            return self._walk(path)
        except KeyError:
            raise DataError(f"the file lacks the group {self._join(path)!r}") from None

    def dataset(self, path: str) -> Dataset:
        """The dataset at `path`. Raises DataError if there is none."""
        folder, _, name = path.rpartition("/")
        group = self.group(folder) if folder else self
        if name not in group._members:
            raise DataError(f"the file lacks the dataset {self._join(path)!r}")
        return _dataset(self._data, self._heaps, group._members[name], self._join(path))

    @_named_errors
    def _walk(self, path: str) -> Group:
        group = self
        for name in path.split("/"):
            if name not in group._members:
                raise _Absent(path)
            group = Group(self._data, self._heaps, group._members[name], group._join(name))
        return group

    def _join(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name


class _Absent(KeyError, DataError):
    """No such member: for `in` and `group` alone."""


@_named_errors
def _dataset(*place: Any) -> Dataset:
    return Dataset(*place)


# ---- the pieces of the format
def _messages(data: memoryview, address: int) -> Iterator[tuple[int, memoryview]]:
    """(type, body) of the messages of an object header."""
    version, count, size = struct.unpack_from("<BxH4xI", data, address)
    if version != 1:
        raise DataError("the HDF5 file is damaged, or of a newer kind than Keras writes: no object header of version 1")
    blocks, seen = [(address + 16, size)], {address + 16}
    while blocks:
        place, size = blocks.pop(0)
        end = place + size
        if end > len(data):
            raise DataError("the HDF5 file is damaged: an object header points beyond its end")
        while place + 8 <= end and count:
            kind, length, flags = struct.unpack_from("<HHB", data, place)
            body = data[place + 8 : place + 8 + length]
            place += 8 + length
            count -= 1
            if place > end:
                raise DataError("the HDF5 file is damaged: a header message is too long")
            if kind == _CONTINUATION:
                block = struct.unpack_from("<QQ", body)
                if block[0] in seen:
                    raise DataError("the HDF5 file is damaged: an object header runs in a circle")
                seen.add(block[0])
                blocks.append(block)
            elif flags & 2 and kind in (_DATASPACE, _LINK_INFO, _DATATYPE, _LINK, _LAYOUT, _ATTRIBUTE):
                raise DataError("the HDF5 file shares header messages, which is not read here")
            else:
                yield kind, body


def _local_heap(data: memoryview, address: int) -> bytes:
    """The bytes that a group's names are in."""
    signature, size, start = struct.unpack_from("<4s4xQ8xQ", data, address)
    if signature != b"HEAP" or start + size > len(data):
        raise DataError("the HDF5 file is damaged: a group has no names")
    return bytes(data[start : start + size])


def _symbols(data: memoryview, tree: int, names: bytes) -> Iterator[tuple[str, int]]:
    """(name, address of the object header) of the members of a group, from its tree of version 1."""
    pending, seen = [tree], {tree}
    while pending:
        place = pending.pop()
        if bytes(data[place : place + 4]) == b"SNOD":
            (count,) = struct.unpack_from("<H", data, place + 6)
            for i in range(count):
                name, header, cached = struct.unpack_from("<QQI", data, place + 8 + 40 * i)
                if cached > 1:
                    raise DataError(f"the HDF5 file holds the soft link {_text(names, name)!r}; links are not followed")
                yield _text(names, name), header
            continue
        signature, kind, _, used = struct.unpack_from("<4sBBH", data, place)
        if signature != b"TREE" or kind != 0:
            raise DataError("the HDF5 file is damaged: a group has no tree")
        for i in reversed(range(used)):
            (child,) = struct.unpack_from("<Q", data, place + 32 + 16 * i)
            if child in seen:
                raise DataError("the HDF5 file is damaged: a group's tree runs in a circle")
            seen.add(child)
            pending.append(child)


def _text(names: bytes, start: int) -> str:
    """The zero-terminated name at `start`."""
    end = names.find(b"\0", start)
    if end <= start:
        raise DataError("the HDF5 file is damaged: a name has no end, or is empty")
    return names[start:end].decode()


def _dataspace(body: memoryview) -> tuple[int, ...]:
    """The shape."""
    version, rank = body[0], body[1]
    if version not in (1, 2) or rank > _MAX_RANK or (version == 2 and body[3] == 2):
        raise DataError("the HDF5 file is damaged: a shape cannot be read")
    return struct.unpack_from(f"<{rank}Q", body, 8 if version == 1 else 4)


def _datatype(body: memoryview) -> _Type:
    """Numbers, strings of fixed length, or strings of any length."""
    kind, bits = body[0] & 15, body[1]
    (size,) = struct.unpack_from("<I", body, 4)
    order = ">" if bits & 1 else "<"
    if kind == 0 and size in (1, 2, 4, 8) and struct.unpack_from("<HH", body, 8) == (0, 8 * size):
        return _Type(np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}"))
    if kind == 1 and not bits & 64 and size in _IEEE and struct.unpack_from("<HHBBBBI", body, 8) == _IEEE[size]:
        return _Type(np.dtype(f"{order}f{size}"))
    if kind == 3 and 0 < size < 1 << 16:
        return _Type(np.dtype(f"S{size}"))
    if kind == 9 and bits & 15 == 1 and size == 16:
        return _Type(None)
    raise DataError(f"the HDF5 file holds data of a type (class {kind}, {size} bytes) that is not read here")


def _attribute_parts(body: memoryview) -> tuple[list[int], tuple[int, int, int]]:
    """Where name, datatype, shape and value of an attribute begin, and the sizes of the first three."""
    version = body[0]
    if version not in (1, 2, 3):
        raise DataError("the HDF5 file is damaged: an attribute cannot be read")
    name, kind, shape = struct.unpack_from("<HHH", body, 2)
    places = [9 if version == 3 else 8]
    for size in (name, kind, shape):
        places.append(places[-1] + (-(-size // 8) * 8 if version == 1 else size))  # padded in version 1
    return places, (name, kind, shape)


def _attribute_value(heaps: Heaps, body: memoryview, places: list[int], sizes: tuple[int, int, int], name: str) -> Any:
    kind = _datatype(body[places[1] : places[1] + sizes[1]])
    shape = _dataspace(body[places[2] : places[2] + sizes[2]])
    count = math.prod(shape)
    raw = body[places[3] : places[3] + count * kind.size]
    if len(raw) != count * kind.size:
        raise DataError(f"attribute {name!r} in the HDF5 file is damaged")
    if kind.dtype is None:
        parts = list(struct.iter_unpack("<IQI", raw))
        if sum(length for length, _, _ in parts) > heaps.size:
            raise DataError(f"attribute {name!r} in the HDF5 file is damaged: its strings are longer than the file")
        texts = [heaps.text(*part) for part in parts]
    elif kind.dtype.kind == "S":
        texts = [value.decode() for value in np.frombuffer(raw, kind.dtype).tolist()]
    else:
        values = np.frombuffer(raw, kind.dtype).reshape(shape)
        return values if shape else values[()]
    return texts if shape else texts[0]
