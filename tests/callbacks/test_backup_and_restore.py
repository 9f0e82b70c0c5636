"""An interrupted training that goes on must end with the bytes of one that was not interrupted."""

from __future__ import annotations

import json
import os
import random as python_random
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinycnn import errors
from tinycnn.callbacks import (
    BackupAndRestore,
    Callback,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
)
from tinycnn.data import PyDataset
from tinycnn.layers import BatchNormalization, Dense, Dropout, Input
from tinycnn.models import Sequential
from tinycnn.optimizers import Adam
from tinycnn.saving.npz import read_all_arrays, write_arrays
from tinycnn.utils import set_random_seed

N = 26
X = np.sin(np.arange(N * 4) * 1.3).reshape(N, 4).astype(np.float32)
Y = (X[:, :1] > 0).astype(np.float32)


class Batches(PyDataset):
    """Batches with noise from NumPy's and Python's global generators."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(7 * index, 7 * index + 7)
        return X[rows] + np.random.normal() * python_random.random(), Y[rows]  # noqa: NPY002


class Killer(Callback):
    """Raises after so many batches, or so many epochs."""

    def __init__(self, batches: int | None = None, epochs: int | None = None) -> None:
        super().__init__()
        self.batches, self.epochs = batches, epochs

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.batches is not None:
            self.batches -= 1
            if self.batches < 0:
                raise InterruptedError

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epochs:
            raise InterruptedError


def build(seed: int) -> Sequential:
    set_random_seed(seed)
    model = Sequential([Input((4,)), Dense(6, activation="relu"), BatchNormalization(), Dropout(0.3), Dropout(0.1, seed=5), Dense(1)])
    model.compile(Adam(0.01, use_ema=True), "mse", metrics=["mae"])
    return model


def train(folder: Path, seed: int, killer: Callback | None = None, freq: str | int = "epoch", way: str = "arrays") -> Any:
    """Weights and history of a training; `seed` matters only where nothing is restored."""
    model = build(seed)
    callbacks = [
        BackupAndRestore(folder / "backup", save_freq=freq),
        LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1.0),
        EarlyStopping("loss", patience=9, restore_best_weights=True),
        SwapEMAWeights(swap_on_epoch=True),
        *([killer] if killer else []),
    ]
    arguments: dict[str, Any] = {
        "arrays": {"x": X, "y": Y, "batch_size": 7, "validation_data": (X, Y)},
        "steps": {"x": X, "y": Y, "batch_size": 7, "steps_per_epoch": 3},
        "data set": {"x": Batches()},
    }[way]
    history = model.fit(**arguments, epochs=4, verbose=0, callbacks=callbacks)
    return model.get_weights(), {name: values[-1] for name, values in history.history.items()}, model.optimizer.get_state()


def same(got: Any, wanted: Any) -> None:
    for a, b in zip(got[0], wanted[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert got[1] == wanted[1]
    for name, value in wanted[2].items():
        np.testing.assert_array_equal(got[2][name], value)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {way: train(tmp_path_factory.mktemp("whole"), 1, way=way) for way in ("arrays", "steps", "data set")}


@pytest.mark.parametrize(
    ("way", "freq", "killer"),
    [
        ("arrays", "epoch", {"batches": 1}),  # before the first backup
        ("arrays", "epoch", {"batches": 9}),
        ("arrays", "epoch", {"epochs": 2}),  # the backup of this epoch is not made any more
        ("arrays", 1, {"batches": 5}),
        ("arrays", 1, {"batches": 8}),  # between the last batch of an epoch and its end
        ("arrays", 3, {"batches": 7}),
        ("steps", "epoch", {"batches": 9}),
        ("steps", 2, {"batches": 7}),
        ("data set", "epoch", {"epochs": 2}),
        ("data set", 2, {"batches": 6}),
        ("data set", 5, {"epochs": 3}),
    ],
    ids=str,
)
def test_the_same_bytes_in_the_end(uninterrupted, tmp_path: Path, way: str, freq: str | int, killer: dict[str, int]) -> None:
    with pytest.raises(InterruptedError):
        train(tmp_path, 1, Killer(**killer), freq, way)
    found = (tmp_path / "backup" / "latest.npz").exists()
    assert found == (killer != {"batches": 1})
    same(train(tmp_path, 99 if found else 1, freq=freq, way=way), uninterrupted[way])
    assert not (tmp_path / "backup").exists()


def test_interrupted_again_and_again(uninterrupted, tmp_path: Path) -> None:
    for seed in range(1, 12):
        try:
            got = train(tmp_path, seed, Killer(batches=3), 2)
        except InterruptedError:
            continue
        break
    same(got, uninterrupted["arrays"])


SCRIPT = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import numpy as np
import test_backup_and_restore as t

class Kill(t.Callback):
    count = 0
    def on_train_batch_end(self, batch, logs=None):
        self.count += 1
        if self.count == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

weights = t.train(Path(sys.argv[2]), int(sys.argv[4]), Kill(), 1)[0]
np.savez(Path(sys.argv[2]) / "end.npz", *weights)
"""


def test_kill_9(uninterrupted, tmp_path: Path) -> None:
    def run(kill_at: int, seed: int) -> int:
        command = [sys.executable, "-P", "-c", SCRIPT, os.path.dirname(__file__), str(tmp_path), str(kill_at), str(seed)]
        return subprocess.run(command, check=False).returncode

    assert run(6, 1) == -signal.SIGKILL
    assert run(-1, 2) == 0
    with np.load(tmp_path / "end.npz") as end:
        got = list(end.values())
    for a, b in zip(got, uninterrupted["arrays"][0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_stopped_training_stays_stopped(tmp_path: Path) -> None:
    class Stop(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch == 1

    class Die(Callback):
        def on_train_end(self, logs: Any = None) -> None:
            raise InterruptedError

    model = build(1)
    with pytest.raises(InterruptedError):
        model.fit(X, Y, epochs=5, verbose=0, callbacks=[Stop(), BackupAndRestore(tmp_path), Die()])
    again = build(2)
    history = again.fit(X, Y, epochs=5, verbose=0, callbacks=[Stop(), BackupAndRestore(tmp_path)])
    assert history.epoch == []
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_what_stays_and_what_goes(tmp_path: Path) -> None:
    model = build(1)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[BackupAndRestore(tmp_path / "kept", delete_checkpoint=False)])
    assert os.listdir(tmp_path / "kept") == ["latest.npz"]
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "notes").write_text("mine")
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[BackupAndRestore(tmp_path / "shared", double_checkpoint=True)])
    assert os.listdir(tmp_path / "shared") == ["notes"]


def test_a_damaged_backup_is_named_or_the_one_before_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "latest.npz"
    build(1).fit(X, Y, epochs=3, verbose=0, callbacks=[BackupAndRestore(tmp_path, double_checkpoint=True, delete_checkpoint=False)])
    for damaged in (path.read_bytes()[:-100], b"", b"nonsense"):
        path.write_bytes(damaged)
        with pytest.raises(errors.DataError, match=r"latest\.npz"):
            build(1).fit(X, Y, epochs=3, verbose=0, callbacks=[BackupAndRestore(tmp_path)])
        history = build(1).fit(
            X, Y, epochs=3, verbose=0, callbacks=[BackupAndRestore(tmp_path, double_checkpoint=True, delete_checkpoint=False)]
        )
        assert history.epoch == [2]


def test_a_file_that_is_no_backup_is_named(tmp_path: Path) -> None:
    build(1).save_weights(tmp_path / "latest.npz")
    with pytest.raises(errors.DataError, match="no backup of this version"):
        build(1).fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path)])


def test_a_backup_of_another_model_is_refused(tmp_path: Path) -> None:
    build(1).fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path, delete_checkpoint=False)])
    other = Sequential([Input((4,)), Dense(1)])
    other.compile("adam", "mse")
    before = other.get_weights()
    with pytest.raises(errors.ArgumentError, match="another model"):
        other.fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path)])
    np.testing.assert_array_equal(other.get_weights()[0], before[0])
    by_sgd = build(3)
    by_sgd.compile("sgd", "mse")
    before = by_sgd.get_weights()
    with pytest.raises(errors.ArgumentError, match="another model or optimizer"):
        by_sgd.fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path)])
    np.testing.assert_array_equal(by_sgd.get_weights()[0], before[0])
    with pytest.raises(errors.ArgumentError, match="1 batches an epoch, got data of 4"):
        build(1).fit(X, Y, batch_size=7, verbose=0, callbacks=[BackupAndRestore(tmp_path)])
    unbuilt = Sequential([Dense(1)])
    unbuilt.compile("adam", "mse")
    with pytest.raises(errors.NotBuiltError, match="built model"):
        unbuilt.fit(Batches(), verbose=0, callbacks=[BackupAndRestore(tmp_path)])


def _with(**changes: Any) -> Any:
    return lambda meta, arrays: meta.update(changes)


def _without(name: str) -> Any:
    return lambda meta, arrays: meta.pop(name)


def _peer(name: str, value: Any) -> Any:
    """The first callback is an EarlyStopping."""
    return lambda meta, arrays: meta["callbacks"][0][1].update({name: value})


def _array(name: str, value: Any) -> Any:
    return lambda meta, arrays: arrays.update({name: np.asarray(value)})


PLAIN = ["batches", "callbacks", "data", "epoch", "layers", "numpy", "objective", "python", "random", "since_saving", "steps", "stopped"]
DAMAGES: dict[str, Any] = {
    **{f"no {name}": _without(name) for name in PLAIN},
    **{f"{name} is x": _with(**{name: "x"}) for name in PLAIN},
    "batches is negative": _with(batches=-1),
    "more batches than there are": _with(batches=5),
    "a place that is no number": lambda meta, arrays: meta["data"].update(taken="x"),
    "random is empty": _with(random={}),
    "layers are numbers": _with(layers=[5]),
    "python is empty": _with(python=[]),
    "numpy reads beyond its key": lambda meta, arrays: meta["numpy"].__setitem__(1, 10**6),
    "numpy's key is short": _array("numpy", np.zeros(5, np.uint32)),
    "callbacks are numbers": _with(callbacks=[5]),
    "an attribute that is not resumed": _peer("on_epoch_end", 5),
    "an attribute of another kind": _peer("wait", "../x"),
    "arrays that are not there": _peer("best_weights", {"arrays": 10**9}),
    "arrays by no number": _peer("best_weights", {}),
    "strings": _array("weights/0", ["a"]),
    "complex slots": _array("optimizer/momentum/0", np.zeros((4, 6), complex)),
    "steps that are no number": _array("optimizer/iterations", np.nan),
}


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("backup")
    with pytest.raises(InterruptedError):
        build(1).fit(X, Y, batch_size=7, verbose=0, callbacks=[EarlyStopping("loss"), BackupAndRestore(folder, 2), Killer(batches=3)])
    return read_all_arrays(folder / "latest.npz")


def _state(model: Sequential) -> list[Any]:
    # the optimizer's numbers tell a step; its slots are zeros once it is built
    return [*(w.tolist() for w in model.get_weights()), int(model.optimizer.iterations), np.random.get_state()[2], python_random.getstate()]  # noqa: NPY002


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_backup_changes_nothing(name: str, backup: dict[str, np.ndarray], tmp_path: Path) -> None:
    arrays = dict(backup)
    meta = json.loads(arrays["meta"].tobytes())
    DAMAGES[name](meta, arrays)
    write_arrays(tmp_path / "latest.npz", arrays | {"meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)})
    model, stopping = build(2), EarlyStopping("loss")
    before = _state(model)
    with pytest.raises(errors.DataError, match=r"latest\.npz"):
        model.fit(X, Y, batch_size=7, shuffle=False, verbose=0, callbacks=[stopping, BackupAndRestore(tmp_path)])
    assert _state(model) == before
    assert callable(stopping.on_epoch_end)


def test_a_backup_directs_no_other_callback(backup: dict[str, np.ndarray], tmp_path: Path) -> None:
    arrays = dict(backup)
    meta = json.loads(arrays["meta"].tobytes())
    meta["callbacks"] = [["ModelCheckpoint", {"filepath": str(tmp_path / "elsewhere.keras")}]]
    write_arrays(tmp_path / "latest.npz", arrays | {"meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)})
    callbacks = [ModelCheckpoint(tmp_path / "mine.keras"), BackupAndRestore(tmp_path)]
    with pytest.raises(errors.DataError, match=r"latest\.npz.*'filepath'"):
        build(2).fit(X, Y, batch_size=7, verbose=0, callbacks=callbacks)
    assert os.listdir(tmp_path) == ["latest.npz"]


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"\xff\xfe\xfd", b"[" * 100_000])
def test_plain_data_that_are_none(text: bytes, backup: dict[str, np.ndarray], tmp_path: Path) -> None:
    write_arrays(tmp_path / "latest.npz", backup | {"meta": np.frombuffer(text, np.uint8)})
    with pytest.raises(errors.DataError, match=r"latest\.npz"):
        build(2).fit(X, Y, batch_size=7, verbose=0, callbacks=[BackupAndRestore(tmp_path)])


def test_members_that_are_listed_often(tmp_path: Path) -> None:
    path = tmp_path / "latest.npz"
    write_arrays(path, {"a": np.zeros(100_000)})
    data = path.read_bytes()
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry, count = data[start:end], 3000
    path.write_bytes(data[:start] + entry * count + data[end : end + 8] + struct.pack("<HHIIH", count, count, len(entry) * count, start, 0))
    with pytest.raises(errors.DataError, match=r"latest\.npz.*twice"):
        read_all_arrays(path)


def test_nothing_is_kept_of_a_training_gone_wrong(tmp_path: Path) -> None:
    from tinycnn.callbacks import TerminateOnNaN

    bad = Y.copy()
    bad[20] = np.nan
    model = build(1)
    model.fit(X, bad, batch_size=7, epochs=2, shuffle=False, verbose=0, callbacks=[BackupAndRestore(tmp_path, 1), TerminateOnNaN()])
    again = build(2)
    history = again.fit(X, Y, batch_size=7, epochs=1, shuffle=False, verbose=0, callbacks=[BackupAndRestore(tmp_path, 1)])
    assert again.optimizer.iterations == 4  # 2 of the first training, batches 0 and 1, and 2 more
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize("arguments", [{"backup_dir": ""}, {"save_freq": 0}, {"save_freq": "batch"}, {"save_freq": True}])
def test_arguments_are_checked(arguments) -> None:
    with pytest.raises(errors.ArgumentError):
        BackupAndRestore(**({"backup_dir": "x"} | arguments))
