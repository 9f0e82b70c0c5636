"""Where a data set's files are looked for, and what is said when they are not right. A tiny set and a server on this machine stand in."""

import dataclasses
import gzip
import hashlib
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import tinycnn
from tinycnn.datasets import fashion_mnist, files, kmnist, mnist
from tinycnn.datasets.files import IdxDataset
from tinycnn.errors import DataError

SHAPES = {
    "train-images-idx3-ubyte.gz": (6, 28, 28),
    "train-labels-idx1-ubyte.gz": (6,),
    "t10k-images-idx3-ubyte.gz": (2, 28, 28),
    "t10k-labels-idx1-ubyte.gz": (2,),
}
ARRAYS = {name: np.random.default_rng(0).integers(0, 10, shape, dtype=np.uint8) for name, shape in SHAPES.items()}
FILES = {
    name: gzip.compress(bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes(), mtime=0)
    for name, array in ARRAYS.items()
}
NOWHERE = "http://127.0.0.1:9/"  # the discard port: nothing listens there


@pytest.fixture(autouse=True)
def _no_other_sources(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "_SHAPES", SHAPES)
    monkeypatch.delenv("TINYCNN_DATA", raising=False)
    monkeypatch.setenv("TINYCNN_CACHE", str(tmp_path / "cache"))
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)


@pytest.fixture
def dataset():
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    return IdxDataset(title="Tiny", name="tiny", mirrors=(NOWHERE,), sha256=digests)


def put(folder, contents=FILES):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def server(tmp_path):
    """A folder, and the URL that it is served under."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=os.fspath(folder))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


def check(loaded):
    (train_x, train_y), (test_x, test_y) = loaded
    for got, expected in zip((train_x, train_y, test_x, test_y), ARRAYS.values(), strict=True):
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("inside", [".", "tiny"])
def test_path_is_the_folder_or_the_one_above(dataset, tmp_path, inside):
    put(tmp_path / "data" / inside)
    check(dataset.load(tmp_path / "data"))
    check(dataset.load(str(tmp_path / "data")))


def test_path_goes_before_the_environment(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYCNN_DATA", str(tmp_path / "not there"))
    check(dataset.load(put(tmp_path / "data")))


def test_the_environment_goes_before_the_cache(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYCNN_DATA", str(put(tmp_path / "data" / "tiny").parent))
    put(tmp_path / "cache" / "tiny", dict.fromkeys(FILES, b"wrong"))
    check(dataset.load())


def test_an_environment_folder_with_other_sets_only_is_passed_over(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYCNN_DATA", str(put(tmp_path / "data", {"other.gz": b""})))
    put(tmp_path / "cache" / "tiny")
    check(dataset.load())


def test_an_environment_folder_that_is_none_is_an_error(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYCNN_DATA", str(tmp_path / "missing"))
    put(tmp_path / "cache" / "tiny")
    with pytest.raises(DataError, match=r"TINYCNN_DATA is .*missing"):
        dataset.load()


def test_a_missing_file_is_named(dataset, tmp_path):
    folder = put(tmp_path / "data")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"lacks t10k-labels-idx1-ubyte\.gz of Tiny; get it from http"):
        dataset.load(folder)
    with pytest.raises(DataError, match="not a folder"):
        dataset.load(tmp_path / "nothing")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: data[:20] + b"?" + data[21:]])
def test_a_damaged_file_is_named_with_the_expected_sum(dataset, tmp_path, name, damage):
    folder = put(tmp_path / "data", FILES | {name: damage(FILES[name])})
    with pytest.raises(DataError, match=rf"{name}.*expected {dataset.sha256[name]}; delete it and get it again from"):
        dataset.load(folder)


def test_nothing_is_parsed_before_it_is_checked(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "read_idx", lambda *args, **kwargs: pytest.fail("parsed"))
    with pytest.raises(DataError, match="SHA-256"):
        dataset.load(put(tmp_path / "data", dict.fromkeys(FILES, b"wrong")))


def test_an_unreadable_file_is_named(dataset, tmp_path, monkeypatch):
    folder = put(tmp_path / "data")

    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.hashlib, "file_digest", refuse)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz: cannot be read \(Permission denied\)"):
        dataset.load(folder)


def test_download_fills_the_cache_and_is_not_repeated(dataset, server, tmp_path):
    folder, url = server
    put(folder)
    check(dataclasses.replace(dataset, mirrors=(NOWHERE, url)).load())
    assert sorted(file.name for file in (tmp_path / "cache" / "tiny").iterdir()) == sorted(FILES)
    check(dataset.load())  # its only mirror is down


def test_download_mends_a_wrong_cache(dataset, server, tmp_path):
    folder, url = server
    put(folder)
    put(tmp_path / "cache" / "tiny", FILES | {"train-labels-idx1-ubyte.gz": b"wrong"})
    check(dataclasses.replace(dataset, mirrors=(url,)).load())


def test_a_mirror_with_a_wrong_file_is_passed_over_and_leaves_nothing(dataset, server, tmp_path):
    folder, url = server
    put(folder, FILES | {"train-images-idx3-ubyte.gz": b"plain MNIST, perhaps"})
    with pytest.raises(DataError, match="could not be downloaded"):
        dataclasses.replace(dataset, mirrors=(url,)).load()
    assert list((tmp_path / "cache" / "tiny").iterdir()) == []
    put(folder / "good")
    check(dataclasses.replace(dataset, mirrors=(url, url + "good/")).load())


def test_no_mirror_at_all_says_what_to_do(dataset, tmp_path):
    with pytest.raises(DataError, match=r"http://127.0.0.1:9/ \(cannot be reached\).*TINYCNN_DATA") as caught:
        dataset.load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("module", [fashion_mnist, kmnist, mnist])
def test_the_real_sets_are_declared_whole(module):
    assert len(module.CLASS_NAMES) == 10
    declared = module._DATASET
    assert declared.sha256.keys() == SHAPES.keys()
    assert all(len(digest) == 64 and int(digest, 16) for digest in declared.sha256.values())
    assert len(declared.mirrors) >= 2
    assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in declared.mirrors)


@pytest.mark.parametrize("module", [fashion_mnist, kmnist, mnist])
def test_load_data_hands_the_path_on(module, tmp_path):
    with pytest.raises(DataError, match="lacks"):
        module.load_data(tmp_path)


def test_importing_the_data_sets_imports_nothing_heavy():
    code = "import sys, tinycnn.datasets; print(*{'pooch', 'requests', 'rich', 'matplotlib', 'PIL', 'h5py'} & set(sys.modules))"
    environment = os.environ | {"PYTHONPATH": str(Path(tinycnn.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
