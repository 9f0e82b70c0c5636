"""The tar file format, read as a stream: headers of 512 bytes, each followed by a member's bytes, rounded up to 512.

Nothing is ever extracted, so no name in an archive becomes a path. Nothing in a file is believed, either: sizes are bounded before
memory is taken, and an archive is not decompressed beyond a given length. (POSIX.1-1988 "ustar",
https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html)
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from typing import BinaryIO

from tinycnn.errors import DataError

__all__ = ["Member", "read_members"]

_BLOCK = 512
#: Printable ASCII without the backslash. No name is used as a path; one that could mislead somebody is refused all the same.
_NAME = re.compile(r"[ -\[\]-~]*")
#: Type flags of a plain file.
_FILE = (b"0", b"\0")


class _Malformed(Exception):
    """What is wrong, without the archive's name."""


class Member:
    """The bytes of one member, to be read once and from front to back."""

    def __init__(self, archive: _Archive, size: int) -> None:
        self._archive = archive
        #: Bytes that are left.
        self.size = size

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes, or all that are left."""
        count = min(count, self.size)
        self.size -= count
        return self._archive.read(count)


class _Archive:
    """A decompressed stream that ends, at the latest, after `most_bytes`."""

    def __init__(self, stream: gzip.GzipFile, most_bytes: int) -> None:
        self._stream = stream
        self._left = most_bytes

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes."""
        if count > self._left:
            raise _Malformed("is longer than it may be: it is damaged or not what it seems")
        self._left -= count
        data = self._stream.read(count)
        if len(data) < count:
            raise _Malformed("is cut short")
        return data

    def skip(self, count: int) -> None:
        """Pass over `count` bytes."""
        while count:
            count -= len(self.read(min(count, 2**16)))

    def finish(self) -> None:
        """Read to the end, where gzip keeps its checksum."""
        while data := self._stream.read(2**16):
            self._left -= len(data)
            if self._left < 0:
                raise _Malformed("is longer than it may be: it is damaged or not what it seems")


def read_members(file: BinaryIO, sizes: Mapping[str, int], take: Callable[[str, Member], None], *, spare: int = 2**20) -> None:
    """Go through a gzipped tar archive and hand over the members wanted.

    Args:
        file: open for reading in binary mode; it is read from its beginning.
        sizes: name -> bytes of each member wanted. Others are passed over.
        take: is given the name of each, and the member to read from.
        spare: bytes that the archive may hold beside them.

    Raises:
        DataError: the archive is damaged, cut short or too long, lacks a member, has one twice or of another size, or has a member whose
            name leads out of it.
    """
    name = getattr(file, "name", "tar archive")
    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as stream:
            _walk(_Archive(stream, sum(sizes.values()) + spare), sizes, take)
    except _Malformed as error:
        raise DataError(f"{name}: the archive {error}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{name}: the gzip stream is damaged or cut short ({error})") from None


def _walk(archive: _Archive, sizes: Mapping[str, int], take: Callable[[str, Member], None]) -> None:
    missing = set(sizes)
    while (header := archive.read(_BLOCK)).strip(b"\0"):
        name, size, kind = _parse(header)
        padding = -size % _BLOCK
        if name in sizes and kind in _FILE:
            if name not in missing:
                raise _Malformed(f"has two members {name}")
            if size != sizes[name]:
                raise _Malformed(f"has a member {name} of {size:,} bytes, expected {sizes[name]:,}")
            missing.remove(name)
            member = Member(archive, size)
            take(name, member)
            padding += member.size
        else:
            padding += size
        archive.skip(padding)
    archive.finish()
    if missing:
        raise _Malformed(f"lacks {', '.join(sorted(missing))}")


def _parse(header: bytes) -> tuple[str, int, bytes]:
    """(name, size, type flag) of a header."""
    blank = header[:148] + b" " * 8 + header[156:]  # the checksum counts itself as spaces
    if sum(blank) != _octal(header[148:156]):
        raise _Malformed("has a damaged header, or is no tar archive")
    prefix = header[345:500].split(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    name = b"/".join(filter(None, (prefix, header[:100].split(b"\0")[0]))).decode("latin-1")
    if not _NAME.fullmatch(name) or name.startswith("/") or ".." in name.split("/"):
        raise _Malformed(f"has a member with the unsafe name {name!r}")
    return name, _octal(header[124:136]), header[156:157]


def _octal(field: bytes) -> int:
    """A number in octal digits, ended by a space or a zero byte."""
    digits = field.strip(b" \0")
    if not re.fullmatch(rb"[0-7]+", digits):
        raise _Malformed("has a damaged header, or is no tar archive")
    return int(digits, 8)
