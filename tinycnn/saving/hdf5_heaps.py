"""Strings of any length in an HDF5 file: they are kept in "global heap collections"."""

from __future__ import annotations

import struct

from tinycnn.errors import DataError

__all__ = ["Heaps"]


class Heaps:
    """The collections that hold strings of any length, each gone through once."""

    def __init__(self, data: memoryview) -> None:
        self.size = len(data)
        self._data = data
        self._places: dict[int, dict[int, int]] = {}
        self._left = len(data) // 16  # objects in the file: collections that lie in each other would have more

    def text(self, length: int, collection: int, number: int) -> str:
        """An object of a collection."""
        if not length:
            return ""
        if collection not in self._places:
            self._places[collection] = self._walk(collection)
        place = self._places[collection].get(number)
        if place is not None:
            (held,) = struct.unpack_from("<Q", self._data, place + 8)
            found = self._data[place + 16 : place + 16 + length]
            if length <= held and len(found) == length:
                return bytes(found).decode()
        raise DataError("the HDF5 file is damaged: a string is not where it should be")

    def _walk(self, collection: int) -> dict[int, int]:
        """Number of an object -> its place."""
        signature, size = struct.unpack_from("<4s4xQ", self._data, collection)
        end = collection + size
        if signature != b"GCOL" or end > len(self._data):
            raise DataError("the HDF5 file is damaged: a string is not where it should be")
        places: dict[int, int] = {}
        place = collection + 16
        while place + 16 <= end:
            number, held = struct.unpack_from("<H6xQ", self._data, place)
            self._left -= 1
            if number == 0 or self._left < 0:
                break
            places.setdefault(number, place)
            place += 16 + -(-held // 8) * 8
        return places
