"""The choice of a backend: by name, by block, by environment, and what happens where one is missing."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tinycnn.errors import ArgumentError, BackendError
from tinycnn.kernels import native, numpy_ref, select


@pytest.fixture(autouse=True)
def restored():
    with select.use_backend("numpy"):
        yield


@pytest.fixture
def without_c(monkeypatch):
    def load():
        raise BackendError("the C kernels are not built")

    monkeypatch.setattr(native, "load", load)
    monkeypatch.setattr(select, "_loaded", {})
    monkeypatch.setattr(select, "_said_that_c_is_missing", False)


@pytest.fixture
def without_numba(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    for name in list(sys.modules):
        if name.startswith("tinycnn.kernels.numba"):
            monkeypatch.delitem(sys.modules, name)


def test_by_name_and_by_block():
    assert select.backend() == "numpy"
    with pytest.raises(ZeroDivisionError), select.use_backend("auto") as name:
        assert select.backend() == name == select.current().name
        raise ZeroDivisionError
    assert select.backend() == "numpy"


def test_a_backend_is_loaded_once():
    first = select.current()
    select.use_backend("numpy")
    assert select.current() is first


def test_unknown_name():
    with pytest.raises(ArgumentError, match="name must be one of auto, c, numba, numpy, got 'cuda'"):
        select.use_backend("cuda")
    assert select.backend() == "numpy"


def test_a_missing_backend_is_an_error_when_asked_for(without_c):
    with pytest.raises(BackendError, match="not built"):
        select.use_backend("c")
    assert select.backend() == "numpy"
    assert "not built" in select.available_backends()["c"]


def test_a_missing_numba_is_an_error_that_says_how_to_get_it(without_c, without_numba):
    with pytest.raises(BackendError, match=r"the numba backend cannot be imported .*pip install 'tinycnn\[numba\]'"):
        select.use_backend("numba")


def test_auto_says_once_that_c_is_missing(without_c, without_numba, caplog):
    with caplog.at_level(logging.WARNING, "tinycnn"):
        for _ in range(2):
            select.use_backend("auto")
    assert select.backend() == "numpy"
    assert [record.getMessage() for record in caplog.records] == [
        "tinycnn runs on its slower numpy backend: the C kernels are not built"
    ]  # fmt: skip


def test_auto_prefers_numba_to_numpy(without_c):
    pytest.importorskip("numba")
    select.use_backend("auto")
    assert select.backend() == "numba"


def test_every_backend_is_listed():
    found = select.available_backends()
    assert list(found) == ["c", "numba", "numpy"]
    assert found["numpy"] == "available"


@pytest.mark.parametrize("wrong", [0, -1, 1025, 1.5, "2", True, None])
def test_number_of_threads_is_checked(wrong):
    before = select.get_num_threads()
    with pytest.raises(ArgumentError, match="num_threads must be an int from 1 to 1024"):
        select.set_num_threads(wrong)
    assert select.get_num_threads() == before


def test_number_of_threads_reaches_the_c_pool(restored_threads):
    pytest.importorskip("tinycnn.kernels._native")
    select.use_backend("c")
    select.set_num_threads(3)
    assert native.get_num_threads() == select.get_num_threads() == 3


def test_a_level_that_does_not_run_here_is_no_reason_for_another_backend(monkeypatch):
    """It was forced, so a slower backend would be a surprise."""
    pytest.importorskip("tinycnn.kernels._native")
    monkeypatch.setenv("TINYCNN_ISA", "mmx")
    monkeypatch.setattr(select, "_loaded", {})
    with pytest.raises(ArgumentError, match="TINYCNN_ISA must be one of"):
        select.use_backend("auto")


@pytest.mark.parametrize("wrong", ["cuda", ["c"], None, 3])
def test_a_backend_is_a_known_name(wrong):
    with pytest.raises(ArgumentError, match="name must be one of auto, c, numba, numpy, got"):
        select.use_backend(wrong)


def hammered(worker, main, seconds: float = 0.5) -> list[BaseException]:
    """What goes wrong in three threads that call `worker` over and over, while this one calls `main`."""
    wrong: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            while not done.is_set():
                worker()
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not wrong:
            main()
    finally:
        done.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    return wrong


def test_numba_computes_while_the_number_of_threads_changes(restored_threads):
    numba = pytest.importorskip("tinycnn.kernels.numba_pool")
    select.use_backend("numba")
    kernels = select.current()
    x = np.ones((200_000, 8), np.float32)
    kernels.sum_rows(x)
    before = numba._num_threads

    def change() -> None:
        numba.set_num_threads(4)
        numba.set_num_threads(1)

    try:
        assert not hammered(lambda: kernels.sum_rows(x), change)
    finally:
        numba.set_num_threads(before)


def test_show_config(capsys):
    config = select.show_config("dicts")
    assert config["backend"] == "numpy"
    assert config["numpy"] == np.__version__
    assert config["threads"] == select.get_num_threads()
    assert capsys.readouterr().out == ""
    assert select.show_config() is None
    assert "backend     numpy\n" in capsys.readouterr().out
    with pytest.raises(ArgumentError, match="mode must be 'stdout' or 'dicts', got 'json'"):
        select.show_config("json")


def run_fresh(code: str, **environment: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run([sys.executable, "-P", "-c", code], env=os.environ | environment, capture_output=True, text=True, check=False)
    return done.stdout.strip() + done.stderr.strip().rpartition("\n")[2]


def test_the_environment_chooses():
    code = "from tinycnn.kernels import select; print(select.backend())"
    assert run_fresh(code, TINYCNN_BACKEND="numpy") == "numpy"
    assert run_fresh(code, TINYCNN_BACKEND="tpu").endswith("TINYCNN_BACKEND must be one of auto, c, numba, numpy, got 'tpu'")


def test_nothing_is_loaded_before_the_first_kernel():
    code = """
import json, sys
import tinycnn
from tinycnn.kernels import select
early = sorted({"numba", "tinycnn.kernels.native", "tinycnn.kernels.numpy_ref"} & set(sys.modules))
select.available_backends()
select.current()
print(json.dumps([early, "numba" in sys.modules]))
"""
    assert json.loads(run_fresh(code, TINYCNN_BACKEND="numpy")) == [[], False]


def test_numpy_kernels_are_plain_functions():
    assert numpy_ref.load().name == "numpy"
    np.testing.assert_array_equal(numpy_ref.sum_rows(np.ones((3, 2))), [3, 3])
