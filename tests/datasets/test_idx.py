"""The IDX parser: round trips, and a named error for every damage."""

import contextlib
import gzip
import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinycnn.datasets.idx import MAX_BYTES, read_idx
from tinycnn.errors import DataError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def idx_bytes(array):
    """`array` as an IDX file, by the format's own words."""
    big = array.astype(array.dtype.newbyteorder(">"))
    header = struct.pack(f">HBB{array.ndim}I", 0, CODES[array.dtype.str[1:]], array.ndim, *array.shape)
    return header + big.tobytes()


@given(
    st.sampled_from(sorted(CODES)).flatmap(
        lambda code: hnp.arrays(np.dtype(code), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    ),
    st.booleans(),
)
def test_round_trip_of_every_type(array, zipped):
    data = idx_bytes(array)
    got = read_idx(io.BytesIO(gzip.compress(data) if zipped else data))
    assert got.dtype == array.dtype
    assert got.dtype.isnative
    assert got.flags.c_contiguous
    assert got.flags.writeable
    np.testing.assert_array_equal(got, array)


def test_reads_a_path_and_names_it_in_errors(tmp_path):
    good = tmp_path / "images.gz"
    good.write_bytes(gzip.compress(idx_bytes(IMAGES)))
    np.testing.assert_array_equal(read_idx(good, shape=(3, 4, 5)), IMAGES)
    np.testing.assert_array_equal(read_idx(str(good)), IMAGES)
    bad = tmp_path / "cut.gz"
    bad.write_bytes(good.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"cut\.gz"):
        read_idx(bad)


def test_reads_an_open_file_from_its_beginning():
    file = io.BytesIO(idx_bytes(IMAGES))
    file.seek(7)
    np.testing.assert_array_equal(read_idx(file), IMAGES)


@pytest.mark.parametrize("zipped", [False, True])
def test_every_truncation_is_a_data_error(zipped):
    data = idx_bytes(IMAGES)
    data = gzip.compress(data) if zipped else data
    for length in range(len(data)):
        with pytest.raises(DataError):
            read_idx(io.BytesIO(data[:length]))


def test_every_bit_flip_of_a_gzipped_file_is_a_data_error_or_harmless():
    data = gzip.compress(idx_bytes(IMAGES), mtime=0)
    harmless = 0
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            got = read_idx(io.BytesIO(flipped))
        except DataError:
            continue
        np.testing.assert_array_equal(got, IMAGES)
        harmless += 1
    assert harmless <= 8 * 10  # only the gzip header's time stamp, flags and system, which no checksum covers


def test_every_bit_flip_of_a_plain_header_is_a_data_error_or_keeps_the_size():
    data = idx_bytes(IMAGES)
    for bit in range(16 * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            got = read_idx(io.BytesIO(flipped))
        except DataError:
            continue
        assert got.nbytes == IMAGES.nbytes  # uint8 read as int8


@given(st.binary(max_size=60))
def test_any_bytes_give_an_array_or_a_data_error(data):
    for file in (data, b"\x00\x00\x08" + data, gzip.compress(b"\x00\x00\x08" + data)):
        with contextlib.suppress(DataError):
            read_idx(io.BytesIO(file))


@pytest.mark.parametrize("tail", [b"x", b"\x00" * 100])
def test_bytes_after_the_elements_are_an_error(tail):
    for data in (idx_bytes(IMAGES) + tail, gzip.compress(idx_bytes(IMAGES) + tail)):
        with pytest.raises(DataError, match="goes on after"):
            read_idx(io.BytesIO(data))


def test_a_bomb_is_not_decompressed():
    bomb = gzip.compress(struct.pack(">HBBI", 0, 8, 1, 10) + bytes(20_000_000))
    assert len(bomb) < 30_000
    with pytest.raises(DataError, match="goes on after the 10 bytes"):
        read_idx(io.BytesIO(bomb))


def test_promises_are_checked_before_memory_is_taken():
    huge = struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1)
    with pytest.raises(DataError, match="at most"):
        read_idx(io.BytesIO(huge))
    large = struct.pack(">HBBI", 0, 8, 1, MAX_BYTES)
    for data in (large, gzip.compress(large)):
        with pytest.raises(DataError, match="more than the file can hold"):
            read_idx(io.BytesIO(data))


def test_shapes_that_numpy_cannot_have():
    for sizes, message in (([1] * 65, "65 axes"), ([0, 2**32 - 1, 2**32 - 1], "at most")):
        with pytest.raises(DataError, match=message):
            read_idx(io.BytesIO(struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes) + b"x"))


def test_another_shape_is_named():
    with pytest.raises(DataError, match=r"\(3, 4, 5\), expected \(60000, 28, 28\)"):
        read_idx(io.BytesIO(idx_bytes(IMAGES)), shape=(60000, 28, 28))


def test_a_missing_file_stays_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")
