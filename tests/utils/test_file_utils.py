"""get_file: file URLs need no network; HTTP is what tests/datasets/test_files.py has a server for."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tinycnn.errors import ArgumentError, DataError
from tinycnn.utils import get_file

CONTENT = b"some weights"
SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def origin(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYCNN_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "a b.bin"
    file.write_bytes(CONTENT)
    return file.as_uri()


def test_it_comes_into_the_cache_once(origin, tmp_path) -> None:
    path = get_file("weights.bin", origin)
    assert path == str(tmp_path / "cache" / "datasets" / "weights.bin")
    assert Path(path).read_bytes() == CONTENT
    (tmp_path / "a b.bin").unlink()
    assert get_file("weights.bin", origin) == path
    assert get_file(origin="https://example.org/x/weights.bin?y=1", file_hash=SHA256) == path


def test_other_places(origin, tmp_path) -> None:
    assert get_file(origin=origin, cache_dir=tmp_path / "mine", cache_subdir="sub") == str(tmp_path / "mine" / "sub" / "a%20b.bin")


@pytest.mark.parametrize("known", [{"file_hash": SHA256}, {"file_hash": MD5.upper()}, {"file_hash": MD5, "hash_algorithm": "md5"}])
def test_the_hash_is_checked(origin, known) -> None:
    assert Path(get_file("x", origin, **known)).read_bytes() == CONTENT


def test_a_wrong_hash_leaves_what_was_there(origin, tmp_path) -> None:
    with pytest.raises(DataError, match="could not be fetched"):
        get_file("x", origin, file_hash="0" * 64)
    folder = tmp_path / "cache" / "datasets"
    assert list(folder.iterdir()) == []
    (folder / "x").write_bytes(b"old")
    for force in (True, False):
        with pytest.raises(DataError):
            get_file("x", origin, file_hash="0" * 64, force_download=force)
    assert (folder / "x").read_bytes() == b"old"
    assert Path(get_file("x", origin, file_hash=SHA256)).read_bytes() == CONTENT  # mended


def test_force_download(origin, tmp_path) -> None:
    path = Path(get_file("x", origin))
    (tmp_path / "a b.bin").write_bytes(b"new")
    assert Path(get_file("x", origin)).read_bytes() == CONTENT
    assert Path(get_file("x", origin, force_download=True)).read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["x"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "file:///nowhere/at/all", "file://elsewhere/x"])
def test_what_cannot_be_fetched_is_named(origin, url) -> None:
    with pytest.raises(DataError, match=r"(x|all) could not be fetched into .*datasets") as caught:
        get_file(origin=url)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        *[
            ({"origin": bad}, "origin")
            for bad in (None, "", "ftp://x/y", "sftp://x/y", "/etc/passwd", "https://example.org", "doi:10.1/x", "http://[::1", 3)
        ],
        *[({"fname": bad}, "fname") for bad in ("", "..", "a/b", "../x", "a\\b", 3)],
        ({"extract": True}, "extracts no archives"),
        ({"file_hash": "abc"}, "file_hash"),
        ({"file_hash": SHA256, "hash_algorithm": "md5"}, "file_hash"),
        ({"file_hash": SHA256, "hash_algorithm": "sha1"}, "hash_algorithm"),
    ],
)
def test_bad_arguments(origin, arguments, word) -> None:
    with pytest.raises(ArgumentError, match=word):
        get_file(**{"origin": origin, **arguments})
