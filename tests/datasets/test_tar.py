"""The tar reader: what Python's own tarfile writes is read, and what is damaged or hostile gets a named error."""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import tarfile
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinycnn.datasets.tar import read_members
from tinycnn.errors import DataError

CONTENTS = {"set/a.bin": bytes(range(256)) * 5, "set/readme.txt": b"hello", "set/b.bin": b"\1" * 512}
WANTED = {"set/a.bin": 1280, "set/b.bin": 512}


def member(name, size=0, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


def archive(contents=CONTENTS, extra=(), format=tarfile.GNU_FORMAT):
    """A gzipped tar archive; `extra` holds (TarInfo, bytes) that stand before the rest."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=format) as tar:
        tar.addfile(member("set", kind=tarfile.DIRTYPE))
        for info, data in extra:
            tar.addfile(info, io.BytesIO(data))
        for name, data in contents.items():
            tar.addfile(member(name, len(data)), io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0)


def read(data, sizes=WANTED, **more):
    found = {}

    def take(name, part):
        pieces = []
        while piece := part.read(500):
            pieces.append(piece)
        found[name] = b"".join(pieces)

    read_members(io.BytesIO(data), sizes, take, **more)
    return found


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_members_wanted_and_no_others(format) -> None:
    assert read(archive(format=format)) == {name: CONTENTS[name] for name in WANTED}
    assert read(archive(format=format), {}) == {}
    long = "d" * 90 + "/" + "f" * 60  # a prefix in its own field
    if format == tarfile.USTAR_FORMAT:
        assert read(archive({long: b"x"}, format=format), {long: 1}) == {long: b"x"}


def test_what_is_not_taken_is_passed_over() -> None:
    seen = []
    read_members(io.BytesIO(archive()), WANTED, lambda name, part: seen.append((name, part.read(3))))
    assert seen == [("set/a.bin", b"\0\1\2"), ("set/b.bin", b"\1\1\1")]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (archive({"set/a.bin": CONTENTS["set/a.bin"]}), r"lacks set/b\.bin"),
        (archive({**CONTENTS, "set/b.bin": b"\1" * 511}), r"set/b\.bin of 511 bytes, expected 512"),
        (archive(extra=[(member("set/a.bin", 1280), bytes(1280))]), r"two members set/a\.bin"),
        *[
            (archive(extra=[(member(name, 1), b"x")]), "unsafe name")
            for name in ("../set/a.bin", "/etc/passwd", "set/../../x", "set/..", "a\\b", "a\x07")
        ],
        (
            archive({"set/b.bin": CONTENTS["set/b.bin"]}, [(member("set/a.bin", kind=tarfile.SYMTYPE, link="/etc/passwd"), b"")]),
            "lacks set/a",
        ),
        (
            archive({"set/b.bin": CONTENTS["set/b.bin"]}, [(member("set/a.bin", kind=tarfile.LNKTYPE, link="set/b.bin"), b"")]),
            "lacks set/a",
        ),
        (gzip.compress(b"no tar archive" * 100), "damaged header"),
        (gzip.compress(b""), "cut short"),
        (b"", "gzip stream|cut short"),
        (b"PK\3\4", "gzip stream"),
    ],
)
def test_wrong_archives_are_named(data, word) -> None:
    with pytest.raises(DataError, match=word):
        read(data)


def test_a_bomb_is_not_decompressed() -> None:
    bomb = archive(extra=[(member("set/bomb", 50_000_000), bytes(50_000_000))])
    assert len(bomb) < 60_000
    tracemalloc.start()
    with pytest.raises(DataError, match="longer than it may be"):
        read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
    behind = gzip.compress(gzip.decompress(archive()) + bytes(50_000_000))
    with pytest.raises(DataError, match="longer than it may be"):
        read(behind)
    assert read(bomb, spare=60_000_000).keys() == WANTED.keys()


def test_a_promise_of_more_than_there_is_takes_no_memory() -> None:
    header = bytearray(member("set/a.bin", 8**11 - 1).tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(DataError, match="expected 1,280"):
        read(gzip.compress(bytes(header)))
    with pytest.raises(DataError, match="cut short"):
        read(gzip.compress(bytes(header)), {"set/b.bin": 512})


def test_every_truncation_is_a_data_error() -> None:
    data = archive()
    for length in range(len(data)):
        with pytest.raises(DataError):
            read(data[:length])


def test_bit_flips_are_data_errors_or_harmless() -> None:
    data = archive()
    harmless = 0
    bits = random.Random(0).sample(range(len(data) * 8), min(2000, len(data) * 8))
    for bit in bits:
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            got = read(bytes(flipped))
        except DataError:
            continue
        assert got == {name: CONTENTS[name] for name in WANTED}
        harmless += 1
    assert harmless <= 8 * 10  # only the gzip header's time stamp, flags and system, which no checksum covers


def test_flips_inside_the_tar_headers_do_not_crash() -> None:
    plain = gzip.decompress(archive())
    for position in range(0, 1024):
        flipped = bytearray(plain)
        flipped[position] ^= 0x15
        with contextlib.suppress(DataError):
            read(gzip.compress(bytes(flipped), 1))


@given(st.binary(max_size=600))
def test_any_bytes_give_a_data_error(data) -> None:
    with pytest.raises(DataError):
        read(gzip.compress(data))
    with pytest.raises(DataError):
        read(data)
