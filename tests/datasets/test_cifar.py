"""CIFAR-10 and CIFAR-100: the record format, on small archives made here. Folders, cache and mirrors are tests/datasets/test_files.py's."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from test_tar import archive

from tinycnn.datasets import cifar10, cifar100, kmnist
from tinycnn.errors import ArgumentError, DataError

R = np.random.default_rng(0)


def records(count, classes):
    """(labels, images, bytes) of `count` records, by the format's own words."""
    labels = np.stack([R.integers(0, n, count, dtype=np.uint8) for n in classes], axis=1)
    images = R.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    rows = [
        bytes(label) + b"".join(image[..., channel].tobytes() for channel in range(3)) for label, image in zip(labels, images, strict=True)
    ]
    return labels, images, b"".join(rows)


def small(module, monkeypatch, folder, count=3, spoil=lambda data: data, **changed):
    """`module`'s data set with `count` records a member, written into `folder`: -> labels, images."""
    declared = module._DATASET
    names = [*declared.train, *declared.test]
    parts = {name: records(count, declared.classes) for name in names}
    data = archive({"x/readme.html": b"<html>", **{name: spoil(part[2]) for name, part in parts.items()}})
    (file,) = declared.sha256
    (folder / file).write_bytes(data)
    monkeypatch.setattr(
        module,
        "_DATASET",
        dataclasses.replace(
            declared,
            sha256={file: hashlib.sha256(data).hexdigest()},
            train=dict.fromkeys(declared.train, count),
            test=dict.fromkeys(declared.test, count),
            **changed,
        ),
    )
    return np.concatenate([parts[n][0] for n in names]), np.concatenate([parts[n][1] for n in names])


def test_cifar10(monkeypatch, tmp_path) -> None:
    labels, images = small(cifar10, monkeypatch, tmp_path)
    (train_x, train_y), (test_x, test_y) = cifar10.load_data(tmp_path)
    assert (train_x.shape, train_y.shape, test_x.shape, test_y.shape) == ((15, 32, 32, 3), (15, 1), (3, 32, 32, 3), (3, 1))
    assert {a.dtype for a in (train_x, train_y, test_x, test_y)} == {np.dtype(np.uint8)}
    np.testing.assert_array_equal(np.concatenate([train_x, test_x]), images)
    np.testing.assert_array_equal(np.concatenate([train_y, test_y]), labels)


@pytest.mark.parametrize(("label_mode", "column"), [("coarse", 0), ("fine", 1)])
def test_cifar100(monkeypatch, tmp_path, label_mode, column) -> None:
    labels, images = small(cifar100, monkeypatch, tmp_path, count=1100)  # more than are read at once
    (train_x, train_y), (test_x, test_y) = cifar100.load_data(label_mode, tmp_path)
    np.testing.assert_array_equal(np.concatenate([train_x, test_x]), images)
    np.testing.assert_array_equal(np.concatenate([train_y, test_y]), labels[:, column : column + 1])


def test_labels_out_of_range_are_named(monkeypatch, tmp_path) -> None:
    small(cifar10, monkeypatch, tmp_path, classes=(2,))
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz holds the labels .*less than \[2\]"):
        cifar10.load_data(tmp_path)


def test_a_short_member_is_named(monkeypatch, tmp_path) -> None:
    small(cifar10, monkeypatch, tmp_path, spoil=lambda data: data[:-1])
    with pytest.raises(DataError, match=r"data_batch_1\.bin of 9,218 bytes, expected 9,219"):
        cifar10.load_data(tmp_path)


def test_nothing_is_parsed_before_it_is_checked(monkeypatch, tmp_path) -> None:
    small(cifar10, monkeypatch, tmp_path)
    file = tmp_path / "cifar-10-binary.tar.gz"
    file.write_bytes(file.read_bytes()[:-1])
    monkeypatch.setattr("tinycnn.datasets.cifar.read_members", lambda *args: pytest.fail("parsed"))
    with pytest.raises(DataError, match=r"is not CIFAR-10's cifar-10-binary\.tar\.gz, or is damaged: its SHA-256 is"):
        cifar10.load_data(tmp_path)


def test_bad_label_mode() -> None:
    with pytest.raises(ArgumentError, match="label_mode"):
        cifar100.load_data("both")


def test_the_real_sets_are_declared_whole() -> None:
    assert len(cifar10.CLASS_NAMES) == 10
    assert len(set(cifar100.CLASS_NAMES)) == 100
    assert list(cifar100.CLASS_NAMES) == sorted(cifar100.CLASS_NAMES)
    assert len(set(cifar100.COARSE_CLASS_NAMES)) == 20
    for module in (cifar10, cifar100):
        declared = module._DATASET
        assert (sum(declared.train.values()), sum(declared.test.values())) == (50_000, 10_000)
        assert len(declared.mirrors) >= 3
        assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in declared.mirrors)
        assert all(len(digest) == 64 and int(digest, 16) for digest in declared.sha256.values())
    assert len(kmnist._DATASET.mirrors) >= 2
