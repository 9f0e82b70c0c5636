"""safetensors files: beside the real library, and on files that are not what they seem."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinycnn.errors import ArgumentError, DataError
from tinycnn.layers import BatchNormalization, Dense, Input
from tinycnn.models import Sequential
from tinycnn.saving.safetensors import read_arrays, write_arrays

ARRAYS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b/c": np.arange(4, dtype=np.float64),
    "scalar": np.array(2.5, np.float32),
    "empty": np.zeros((0, 2), np.float32),
    "count": np.arange(3, dtype=np.int64),
}


def test_there_and_back(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.safetensors", ARRAYS)
    found = read_arrays(tmp_path / "a.safetensors", ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_the_library_reads_and_writes_the_same(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy")
    write_arrays(tmp_path / "ours.safetensors", ARRAYS)
    for name, array in library.load_file(tmp_path / "ours.safetensors").items():
        np.testing.assert_array_equal(array, ARRAYS[name])
    library.save_file({**ARRAYS, "a": ARRAYS["a"].astype(np.float16)}, tmp_path / "theirs.safetensors", {"made": "there"})
    found = read_arrays(tmp_path / "theirs.safetensors", ARRAYS)
    assert found["a"].dtype == np.float16
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)


def network(units: int = 2) -> Sequential:
    return Sequential([Input((3,)), Dense(4), BatchNormalization(), Dense(units)])


def test_weights_of_a_model(tmp_path: Path) -> None:
    model, other = network(), network()
    model.save_weights(tmp_path / "m.safetensors")
    other.load_weights(tmp_path / "m.safetensors")
    for got, wanted in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)
    wide = network(5)
    before = wide.get_weights()
    with pytest.raises(DataError, match=r"m\.safetensors: array 'layers/dense_1/vars/0' has shape \(4, 2\), the model expects \(4, 5\)"):
        wide.load_weights(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(wide.get_weights()[0], before[0])
    with pytest.warns(UserWarning, match="skipped a weight"):
        wide.load_weights(tmp_path / "m.safetensors", skip_mismatch=True)
    np.testing.assert_array_equal(wide.get_weights()[0], model.get_weights()[0])
    np.testing.assert_array_equal(wide.get_weights()[-1], before[-1])
    with pytest.raises(ArgumentError, match="by_name"):
        model.load_weights(tmp_path / "m.safetensors", by_name=True)


def rewritten(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """The file with another table, over the same data."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    table = json.loads(data[8 : 8 + length])
    header = change(table)
    header = header if isinstance(header, bytes) else json.dumps(table).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
    return path


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "missing": (lambda t: t.pop("a") and None, "lacks 'a'"),
    "too many": (lambda t: t.update(more=t["a"]), "unknown 'more'"),
    "another shape": (lambda t: t["a"].update(shape=[3, 2]), r"shape \(3, 2\), the model expects \(2, 3\)"),
    "another kind": (lambda t: t["a"].update(dtype="I32"), "dtype <i4, the model expects float32"),
    "an unknown dtype": (lambda t: t["a"].update(dtype="BF16"), "described in a way"),
    "beyond the end": (lambda t: t["a"].update(data_offsets=[10**6, 10**6 + 24]), "is said to be in bytes"),
    "backwards": (lambda t: t["a"].update(data_offsets=[24, 0]), "is said to be in bytes"),
    "too short": (lambda t: t["a"].update(data_offsets=[0, 8]), "is said to be in bytes"),
    "fractions": (lambda t: t["a"].update(data_offsets=[0.0, 24.0]), "is said to be in bytes"),
    "no dict": (lambda t: t.update(a=3), "described in a way"),
    "no JSON": (lambda t: b"{" * 40, "the table is not JSON"),
    "a list": (lambda t: b"[1, 2]  ", "must hold a JSON object"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_wrong_is_named(name: str, tmp_path: Path) -> None:
    change, message = CHANGES[name]
    write_arrays(tmp_path / "a.safetensors", ARRAYS)
    with pytest.raises(DataError, match=rf"a\.safetensors: .*{message}"):
        read_arrays(rewritten(tmp_path / "a.safetensors", change), ARRAYS)


def test_a_table_longer_than_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(DataError, match="not a safetensors file"):
        read_arrays(path, ARRAYS)
