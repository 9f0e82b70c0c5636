"""Settings and the environment variables they start from."""

from __future__ import annotations

import pytest

from tinycnn import config
from tinycnn.errors import ArgumentError


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("TINYCNN_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    yield
    config.set_floatx("float32")


def test_floatx():
    assert config.floatx() == "float32"
    config.set_floatx("float64")
    assert config.floatx() == "float64"
    with pytest.raises(ArgumentError, match="dtype must be 'float32' or 'float64', got 'float16'"):
        config.set_floatx("float16")
    assert config.floatx() == "float64"


def test_constants_of_keras():
    assert config.image_data_format() == "channels_last"
    assert config.epsilon() == 1e-7


def test_conv_algorithm(monkeypatch):
    monkeypatch.setattr(config, "_conv_algorithm", None)
    monkeypatch.delenv("TINYCNN_CONV_ALGORITHM", raising=False)
    assert config.conv_algorithm() == "auto"
    config.set_conv_algorithm("winograd4")
    with pytest.raises(ArgumentError, match="name must be one of auto, direct, winograd2, winograd4, got 'fft'"):
        config.set_conv_algorithm("fft")
    assert config.conv_algorithm() == "winograd4"


def test_conv_algorithm_starts_from_the_environment(monkeypatch):
    monkeypatch.setattr(config, "_conv_algorithm", None)
    monkeypatch.setenv("TINYCNN_CONV_ALGORITHM", " fft ")
    with pytest.raises(ArgumentError, match=r"TINYCNN_CONV_ALGORITHM must be one of auto, .*, got 'fft'"):
        config.conv_algorithm()
    monkeypatch.setenv("TINYCNN_CONV_ALGORITHM", "direct ")
    assert config.conv_algorithm() == "direct"


def test_threads_start_from_the_cores():
    assert config.default_num_threads() == config.available_cores() >= 1


def test_the_own_variable_goes_before_openmps(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")  # a list: one number for each nesting level
    assert config.default_num_threads() == 3
    monkeypatch.setenv("TINYCNN_NUM_THREADS", " 5 ")
    assert config.default_num_threads() == 5


@pytest.mark.parametrize("value", ["", "many", "0", "-2", "9" * 5000, "٣"])
def test_a_malformed_openmp_variable_is_not_ours_to_judge(monkeypatch, value):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert config.default_num_threads() == config.available_cores()


@pytest.mark.parametrize("value", ["many", "0", "-2", "1.5", "1025", "9" * 5000, "٣"])
def test_a_malformed_own_variable_is_named(monkeypatch, value):
    monkeypatch.setenv("TINYCNN_NUM_THREADS", value)
    with pytest.raises(ArgumentError, match="TINYCNN_NUM_THREADS must be an int from 1 to 1024, got"):
        config.default_num_threads()


@pytest.mark.parametrize(("files", "quota"), [({"cpu.max": "150000 100000"}, 1.5), ({"cpu.max": "max 100000"}, None), ({}, None)])
def test_cgroup_quota(monkeypatch, tmp_path, files, quota):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(config, "Path", lambda path: tmp_path / path.removeprefix("/sys/fs/cgroup/"))
    assert config._cgroup_quota() == quota


def test_cgroup_quota_of_version_1(monkeypatch, tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("50000")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    monkeypatch.setattr(config, "Path", lambda path: tmp_path / path.removeprefix("/sys/fs/cgroup/"))
    assert config._cgroup_quota() == 0.5
    assert config.available_cores() == 1


def test_numbers_like_ints_are_taken():
    numpy = pytest.importorskip("numpy")
    threads = config.check_num_threads(numpy.int32(4))
    assert (type(threads), threads) == (int, 4)
