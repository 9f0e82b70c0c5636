"""The HDF5 reader beside the real library, and on files that are not what they seem."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest

from tinycnn.errors import DataError
from tinycnn.saving.hdf5 import Group, read_hdf5
from tinycnn.saving.hdf5_heaps import Heaps

ARRAYS = {
    "a": np.arange(12, dtype=np.float32).reshape(3, 4),
    "deep/er/b": np.arange(5, dtype=">f8"),
    "deep/half": np.arange(3, dtype=np.float16),
    "scalar": np.float64(2.5),
    "empty": np.zeros((0, 3), np.float32),
    "whole": np.arange(-2, 3, dtype=np.int32),
    "tiny": np.arange(2, dtype=np.uint8),
}


def written(fill: Callable[[Any], Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w", **options) as file:
        fill(file)
    return stream.getvalue()


def fill(file: Any) -> None:
    for name, array in ARRAYS.items():
        file[name] = array
    file.attrs["text"] = "Grüße" * 20_000
    file.attrs["number"] = 7
    file["a"].attrs["names"] = np.array([b"one", b"three"])
    file["deep"].attrs["words"] = ["x", "yz"]
    file["deep"].attrs["none"] = np.zeros(0)


def test_it_reads_what_the_library_writes() -> None:
    root = read_hdf5(written(fill))
    assert set(root.keys()) == {"a", "deep", "scalar", "empty", "whole", "tiny"}
    for name, array in ARRAYS.items():
        dataset = root.dataset(name)
        assert (dataset.shape, dataset.dtype) == (np.shape(array), np.asarray(array).dtype)
        np.testing.assert_array_equal(dataset.read(), array)
    assert root.attribute("text") == "Grüße" * 20_000
    assert root.attribute("number") == 7
    assert root.attribute("missing") is None
    assert root.dataset("a").attribute("names") == ["one", "three"]
    assert root.group("deep").attribute("words") == ["x", "yz"]
    assert root.group("deep").attribute("none").shape == (0,)
    assert "deep/er" in root
    assert "deep/or" not in root


def test_many_members_make_a_tree() -> None:
    root = read_hdf5(written(lambda file: [file.create_dataset(f"d{i}", data=[i]) for i in range(300)]))
    assert len(root.keys()) == 300
    assert [int(root.dataset(f"d{i}").read()[0]) for i in (0, 1, 150, 299)] == [0, 1, 150, 299]


@pytest.mark.parametrize("count", [1, 8, 9, 40, 3000])
def test_names_that_are_not_ascii(count: int) -> None:
    names = [f"größe_{i}" for i in range(count)]
    root = read_hdf5(written(lambda file: [file.create_dataset(f"é/{name}", data=[i]) for i, name in enumerate(names)]))
    assert root.keys() == ["é"]
    group = root.group("é")
    assert sorted(group.keys()) == sorted(names)
    assert [int(group.dataset(name).read()[0]) for name in names[::97]] == list(range(count))[::97]


def test_links_that_were_deleted_are_not_found() -> None:
    def fill(file: Any) -> None:
        for i in range(30):
            file[f"é{i}"] = [i]
        del file["é4"]

    with pytest.raises(DataError, match="deleted"):
        read_hdf5(written(fill)).keys()


def test_long_names() -> None:
    root = read_hdf5(written(lambda file: file.update({"x" * 50_000: [1], "y" * 3000: [2]})))
    assert [int(root.dataset(name).read()[0]) for name in ("x" * 50_000, "y" * 3000)] == [1, 2]


def test_what_is_missing_is_named() -> None:
    root = read_hdf5(written(fill))
    for look_up in (lambda: root.dataset("b"), lambda: root.group("b"), lambda: root.dataset("deep/er/c"), lambda: root.group("a")):
        with pytest.raises(DataError):
            look_up()


FOREIGN = {
    "soft link": (lambda file: file.__setitem__("x", h5py.SoftLink("/a")), {}),
    "external link": (lambda file: file.__setitem__("x", h5py.ExternalLink("other.h5", "/a")), {}),
    "compressed": (lambda file: file.create_dataset("x", data=np.zeros((8, 8)), compression="gzip"), {}),
    "chunks": (lambda file: file.create_dataset("x", data=np.zeros((8, 8)), chunks=(4, 4)), {}),
    "external storage": (lambda file: file.create_dataset("x", (4,), "f4", external=[("/etc/hostname", 0, 16)]), {}),
    "virtual": (lambda file: file.create_virtual_dataset("x", h5py.VirtualLayout((4,), "f4")), {}),
    "strings": (lambda file: file.create_dataset("x", data=["text"]), {}),
    "references": (lambda file: file.create_dataset("x", data=[file.ref], dtype=h5py.ref_dtype), {}),
    "compound": (lambda file: file.create_dataset("x", data=np.zeros(2, [("a", "f4")])), {}),
    "booleans": (lambda file: file.create_dataset("x", data=[True]), {}),
    "the newest format": (lambda file: file.create_dataset("x", data=[1.0]), {"libver": "latest"}),
    "creation order": (lambda file: file.create_group("g", track_order=True).create_dataset("x", data=[1.0]), {}),
    "a soft link beside a name that is not ASCII": (lambda file: file.update({"é": [1.0], "x": h5py.SoftLink("/é")}), {}),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_keras_does_not_write_is_refused(name: str) -> None:
    fill, options = FOREIGN[name]
    data = written(fill, **options)
    with pytest.raises(DataError):
        read_hdf5(data).dataset("g/x" if name == "creation order" else "x")


def walk(group: Group, depth: int = 0) -> None:
    """Look at everything that loading a model may look at."""
    for name in ("text", "names", "words", "none"):
        group.attribute(name)
    for name in group.keys():  # noqa: SIM118  # a Group is no dict
        try:
            inner = group.group(name)
        except DataError:
            group.dataset(name).read()
            continue
        if depth < 8:
            walk(inner, depth + 1)


def small(file: Any) -> None:
    file["g/a"] = np.arange(3, dtype=np.float32)
    file.attrs["text"] = "hello"
    file["g"].attrs["names"] = np.array([b"a"])


def of_newer_kinds(file: Any) -> None:
    """A group with links in its header, and one with links in a heap."""
    small(file)
    for i in range(9):
        file[f"h/ö{i}"] = [i]
    file["é"] = file["g"]


@pytest.mark.parametrize("fill", [small, of_newer_kinds])
def test_truncations_and_flips_are_errors_or_harmless(fill: Callable[[Any], Any]) -> None:
    data = written(fill)
    walk(read_hdf5(data))
    for size in range(0, len(data), 7):
        with pytest.raises(DataError):
            walk(read_hdf5(data[:size]))
    for place in range(0, 8 * len(data), 61):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        try:
            walk(read_hdf5(flipped))
        except DataError:
            continue


@pytest.mark.parametrize("fill", [small, of_newer_kinds])
def test_random_bytes_behind_a_good_signature(fill: Callable[[Any], Any]) -> None:
    generator = np.random.default_rng(0)
    data = bytearray(written(fill))
    for _ in range(300):
        noisy = bytearray(data)
        start = int(generator.integers(8, len(data) - 64))
        noisy[start : start + 64] = generator.bytes(64)
        try:
            walk(read_hdf5(noisy))
        except DataError:
            continue


def test_strings_that_add_up_to_more_than_the_file() -> None:
    """4,000 references to one string of a megabyte: the file is small, the list would not be."""
    data = bytearray(written(lambda file: file.attrs.__setitem__("words", ["x" * 1_000_000, *["y"] * 3000])))
    reference = data.find(struct.pack("<I", 1_000_000))
    for i in range(1, 3001):
        data[reference + 16 * i : reference + 16 * (i + 1)] = data[reference : reference + 16]
    with pytest.raises(DataError, match="longer than the file"):
        read_hdf5(data).attribute("words")


def test_strings_that_lie_behind_many_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection is gone through once, not for each of its strings."""
    words = [f"word {i}" for i in range(200)]
    data = written(lambda file: [file.attrs.create(name, words, dtype=h5py.string_dtype()) for name in ("one", "two")])
    walks: list[int] = []
    walked = Heaps._walk
    monkeypatch.setattr(Heaps, "_walk", lambda self, place: walks.append(place) or walked(self, place))
    root = read_hdf5(data)
    assert root.attribute("one") == root.attribute("two") == words
    assert len(walks) == len(set(walks)) < 10


def test_collections_that_lie_in_each_other() -> None:
    count = 2000
    parts = (struct.pack("<H6xQ4s4xQ", 7, 16, b"GCOL", 32 * (count - i) + 8) for i in range(count))
    heaps = Heaps(memoryview(b"".join(parts) + struct.pack("<H6xQ", 5, 8) + b"abcdefgh"))
    assert heaps.text(8, 32 * count - 16, 5) == "abcdefgh"
    with pytest.raises(DataError, match="not where it should be"):
        for place in range(16, 32 * count, 32):
            heaps.text(8, place, 5)
