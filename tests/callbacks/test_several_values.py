"""A metric with several values, as F1Score gives one a class, among callbacks that expect numbers."""

from __future__ import annotations

import ast
import csv
import re
from pathlib import Path

import numpy as np
import pytest

from tinycnn import errors, metrics
from tinycnn.callbacks import Callback, CSVLogger, EarlyStopping, ModelCheckpoint, ProgbarLogger, ReduceLROnPlateau, TensorBoard
from tinycnn.layers import Dense, Input
from tinycnn.models import Sequential
from tinycnn.utils import set_random_seed

X = np.sin(np.arange(80.0)).reshape(20, 4)
Y = np.eye(3)[np.arange(20) % 3]


@pytest.fixture
def model() -> Sequential:
    set_random_seed(0)
    model = Sequential([Input((4,)), Dense(3, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=[metrics.F1Score(average=None)])
    return model


@pytest.mark.parametrize("verbose", [1, 2])
def test_the_progress_line_shows_their_mean(model: Sequential, verbose: int, capsys: pytest.CaptureFixture[str]) -> None:
    history = model.fit(X, Y, verbose=verbose, validation_data=(X, Y)).history
    shown = dict(re.findall(r"(\S+): ([\d.e-]+)", capsys.readouterr().out))
    for name in ("f1_score", "val_f1_score"):
        assert history[name][0].shape == (3,)
        assert float(shown[name]) == pytest.approx(history[name][0].mean(), abs=1e-4)


def test_what_is_no_number_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgbarLogger()
    bar.set_params({"epochs": 1, "steps": 1, "verbose": 2})
    bar.on_train_begin()
    bar.on_epoch_begin(0)
    bar.on_epoch_end(0, {"loss": 0.5, "text": "abc", "none": None, "empty": np.zeros(0), "dict": {}})
    assert capsys.readouterr().out.endswith("step - loss: 0.5000\n")


def test_files_have_them_all(model: Sequential, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[CSVLogger(path)]).history
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row, values in zip(rows, history["f1_score"], strict=True):
        assert ast.literal_eval(row["f1_score"]) == values.tolist()


def test_tensorboard_has_a_curve_for_each(model: Sequential, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    model.fit(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path)])
    (file,) = (tmp_path / "train").glob("events.*")
    assert set(re.findall(rb"epoch_f1_score\w*", file.read_bytes())) == {b"epoch_f1_score_0", b"epoch_f1_score_1", b"epoch_f1_score_2"}


@pytest.mark.parametrize("cls", [EarlyStopping, ReduceLROnPlateau, ModelCheckpoint])
def test_watching_them_is_refused_with_the_reason(model: Sequential, cls: type[Callback], tmp_path: Path) -> None:
    where = {"filepath": tmp_path / "m.keras", "save_best_only": True} if cls is ModelCheckpoint else {}
    with pytest.raises(errors.ArgumentError, match=r"monitor 'f1_score' must name one number, got ndarray of shape \(3,\)"):
        model.fit(X, Y, verbose=0, callbacks=[cls(monitor="f1_score", **where)])
    with pytest.raises(errors.ArgumentError, match=r"cannot be filled from"):
        model.fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "m{f1_score:.2f}.keras")])
    assert not list(tmp_path.iterdir())
