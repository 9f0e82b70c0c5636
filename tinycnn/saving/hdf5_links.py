"""Members of an HDF5 group of the newer kind, which the library makes of any group in which one name is not ASCII.

Up to eight links are messages of the group's header, more of them objects of a "fractal heap". They are found by walking through that heap
from its beginning, without the tree that sorts them: the heap says how many there must be, so what was deleted from it shows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tinycnn.errors import DataError

__all__ = ["heap_links", "link"]

_UNDEFINED = 0xFFFFFFFFFFFFFFFF
_DAMAGED = "the HDF5 file is damaged: the members of a group cannot be read"


def link(data: memoryview, place: int) -> tuple[str, int, int]:
    """(name, address of the object header, where the message ends) of the hard link at `place`; links to elsewhere are refused."""
    version, flags = struct.unpack_from("<BB", data, place)
    if version != 1 or flags & 0xE0:
        raise DataError(_DAMAGED)
    place += 2
    kind = data[place] if flags & 8 else 0
    place += bool(flags & 8) + 8 * bool(flags & 4) + bool(flags & 16)  # the kind, the order of creation, the character set
    width = 1 << (flags & 3)
    size = int.from_bytes(data[place : place + width], "little")
    place += width
    name = bytes(data[place : place + size])
    if kind:
        raise DataError(f"the HDF5 file holds the soft or external link {name[:80]!r}, which is not read here")
    if not name or len(name) != size:
        raise DataError(_DAMAGED)
    (address,) = struct.unpack_from("<Q", data, place + size)
    return name.decode(), address, place + size + 8


def heap_links(data: memoryview, message: memoryview) -> Iterator[tuple[str, int]]:
    """(name, address of the object header) of the members that a group with this "link info" message keeps in a heap, if it does."""
    (heap,) = struct.unpack_from("<Q", message, 2 + 8 * (message[1] & 1))
    if heap == _UNDEFINED:
        return
    (left,) = struct.unpack_from("<Q", data, heap + 70)
    for start, end in _blocks(data, heap):
        while start < end and data[start]:  # zeros are what no link had room in
            name, address, start = link(data[:end], start)
            left -= 1
            yield name, address
    if left:
        raise DataError("the HDF5 file has a group with links that were deleted, or are too many, which is not read here")


def _blocks(data: memoryview, heap: int) -> Iterator[tuple[int, int]]:
    """Where the contents of a fractal heap's direct blocks begin and end, in their order."""
    signature, version, filters, flags = struct.unpack_from("<4sBxxHB", data, heap)
    huge, tiny = struct.unpack_from("<Q", data, heap + 86)[0], struct.unpack_from("<Q", data, heap + 102)[0]
    width, first, largest, bits, _, root, rows = struct.unpack_from("<HQQHHQH", data, heap + 110)
    if signature != b"FRHP" or version or filters or huge or tiny or not 0 < bits <= 64 or not 0 < first <= largest:
        raise DataError(_DAMAGED)
    offset_size = -(-bits // 8)
    before = 13 + offset_size + 4 * bool(flags & 2)  # signature, version, the heap's address, the block's own offset, and a checksum
    places = [(root, first)]
    if rows:
        if bytes(data[root : root + 4]) != b"FHIB":
            raise DataError(_DAMAGED)
        sizes = [size for row in range(min(rows, 64)) for size in width * [first << max(row - 1, 0)] if size <= largest]
        places = [(struct.unpack_from("<Q", data, root + 13 + offset_size + 8 * i)[0], size) for i, size in enumerate(sizes)]
    offset = 0
    for place, size in places:
        if place != _UNDEFINED:
            found = int.from_bytes(data[place + 13 : place + 13 + offset_size], "little")
            if bytes(data[place : place + 4]) != b"FHDB" or found != offset or place + size > len(data):
                raise DataError(_DAMAGED)
            yield place + before, place + size
        offset += size
