"""save_weights and load_weights: round trips, atomic writes, hostile files."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tinycnn
from tinycnn import errors
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Flatten, Input
from tinycnn.models import Model, Sequential


def network() -> Sequential:
    return Sequential([Input((6, 6, 1)), Conv2D(2, 3), BatchNormalization(), Flatten(), Sequential([Dense(3), Dense(2)])])


def assert_same(model: Model, weights: list[np.ndarray]) -> None:
    for got, wanted in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_round_trip_whatever_the_names(tmp_path: Path) -> None:
    model, other = network(), network()
    path = tmp_path / "a.weights.npz"
    model.save_weights(path)
    assert [layer.name for layer in other.layers] != [layer.name for layer in model.layers]
    other.load_weights(path)
    assert_same(other, model.get_weights())
    with np.load(path, allow_pickle=False) as file:
        assert sorted(file) == [
            "layers/batch_normalization/vars/0",
            "layers/batch_normalization/vars/1",
            "layers/batch_normalization/vars/2",
            "layers/batch_normalization/vars/3",
            "layers/conv2d/vars/0",
            "layers/conv2d/vars/1",
            "layers/sequential/layers/dense/vars/0",
            "layers/sequential/layers/dense/vars/1",
            "layers/sequential/layers/dense_1/vars/0",
            "layers/sequential/layers/dense_1/vars/1",
        ]
    assert os.listdir(tmp_path) == [path.name]


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    model = network()
    model.save_weights(tmp_path / "a.npz")
    model.save_weights(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_loading_reaches_the_optimizers_buffers(tmp_path: Path) -> None:
    model = network()
    model.compile("adam", "mse")
    x, y = np.ones((4, 6, 6, 1)), np.zeros((4, 2))
    model.save_weights(tmp_path / "start.npz")
    first = model.train_on_batch(x, y)
    for _ in range(3):
        model.train_on_batch(x, y)
    model.load_weights(tmp_path / "start.npz")
    assert model.train_on_batch(x, y) == first


def test_what_cannot_be(tmp_path: Path) -> None:
    unbuilt = Sequential([Dense(2)])
    for method in (unbuilt.save_weights, unbuilt.load_weights):
        with pytest.raises(errors.NotBuiltError, match="build"):
            method(tmp_path / "a.npz")
        with pytest.raises(errors.ArgumentError, match=r"\.npz"):
            method(tmp_path / "a.txt")
    with pytest.raises(errors.ArgumentError, match=r"\.weights\.h5"):
        unbuilt.save_weights(tmp_path / "a.h5")
    model = network()
    with pytest.raises(FileNotFoundError, match=r"missing\.npz"):
        model.load_weights(tmp_path / "missing.npz")
    with pytest.raises(OSError, match="folder"):
        model.save_weights(tmp_path / "no folder" / "a.npz")
    model.save_weights(tmp_path / "a.npz")
    with pytest.raises(errors.ArgumentError, match="overwrite"):
        model.save_weights(tmp_path / "a.npz", overwrite=False)


def rewrite(path: Path, change) -> None:
    """The archive again, each member through `change(name, array)` -> (name, bytes or array) or None."""
    with np.load(path) as file:
        members = {f"{name}.npy": file[name] for name in file}
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in members.items():
            changed = change(name, array)
            if changed is None:
                continue
            name, content = changed
            if not isinstance(content, bytes):
                buffer = io.BytesIO()
                np.save(buffer, content)
                content = buffer.getvalue()
            archive.writestr(name, content)


def header_only(array: np.ndarray, shape: str) -> bytes:
    """A .npy that claims a shape and holds nothing."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    text = buffer.getvalue()
    return text[: len(text) - array.nbytes].replace(str(array.shape).encode(), shape.encode())


KERNEL = "layers/conv2d/vars/0.npy"
CHANGES = {
    "lacks one": (lambda n, a: None if n == KERNEL else (n, a), "lacks 'layers/conv2d/vars/0'"),
    "one too many": (lambda n, a: (f"more/{n}" if n == KERNEL else n, a), "unknown"),
    "another shape": (lambda n, a: (n, a[..., :1] if n == KERNEL else a), r"shape \(3, 3, 1, 1\)"),
    "integers": (lambda n, a: (n, a.astype(np.int32) if n == KERNEL else a), "dtype int32"),
    "objects": (lambda n, a: (n, a.astype(object) if n == KERNEL else a), "dtype object"),
    "no .npy": (lambda n, a: (n, b"hello" if n == KERNEL else a), "damaged"),
    "a huge claim": (lambda n, a: (n, header_only(a, "(999999999,)") if n == KERNEL else a), "damaged|shape"),
    "no content": (lambda n, a: (n, header_only(a, str(a.shape)) if n == KERNEL else a), "bytes"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_file_that_does_not_fit_is_named_and_changes_nothing(tmp_path: Path, case: str) -> None:
    change, message = CHANGES[case]
    model = network()
    path = tmp_path / "x.weights.npz"
    model.save_weights(path)
    rewrite(path, change)
    other = network()
    before = other.get_weights()
    with pytest.raises(errors.DataError, match=message) as caught:
        other.load_weights(path)
    assert str(path) in str(caught.value)
    assert_same(other, before)


def test_every_truncation_and_many_flips_are_errors_or_harmless(tmp_path: Path) -> None:
    tinycnn.utils.set_random_seed(0)
    model = Sequential([Input((2,)), Dense(2)])
    path = tmp_path / "x.npz"
    model.save_weights(path)
    whole = path.read_bytes()
    before = model.get_weights()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(errors.DataError):
            model.load_weights(path)
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        with contextlib.suppress(errors.DataError):
            model.load_weights(path)
        assert_same(model, before)  # what a flip may hit unseen is not the weights: the CRC guards those


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    path = tmp_path / "x.npz"
    model.save_weights(path)
    old = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"x\.npz"):
        model.save_weights(path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["x.npz"]
