"""What is no path, no model or no dict is named in one sentence, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinycnn import callbacks, models, saving, utils
from tinycnn.datasets import fashion_mnist
from tinycnn.errors import ArgumentError, DTypeError
from tinycnn.layers import Dense, Input


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


MODEL = models.Sequential([Input((4,)), Dense(2)])
MODEL.compile("sgd", "mse")

TAKE_A_PATH: dict[str, Callable[[Any], Any]] = {
    "save": MODEL.save,
    "save_weights": MODEL.save_weights,
    "load_weights": MODEL.load_weights,
    "export": MODEL.export,
    "export as": lambda path: MODEL.export(path, format="onnx"),
    "save_model": lambda path: models.save_model(MODEL, path),
    "load_model": models.load_model,
    "saving.save_weights": lambda path: saving.save_weights(MODEL, path),
    "saving.load_weights": lambda path: saving.load_weights(MODEL, path),
    "export_onnx": lambda path: saving.export_onnx(MODEL, path),
    "load_onnx": saving.load_onnx,
    "CSVLogger": callbacks.CSVLogger,
    "ModelCheckpoint": callbacks.ModelCheckpoint,
    "BackupAndRestore": callbacks.BackupAndRestore,
    "plot_model": lambda path: utils.plot_model(MODEL, path),
}


@pytest.mark.parametrize("name", TAKE_A_PATH)
def test_what_is_no_path(name: str, folder: Path) -> None:
    for wrong, shown in (
        (None, "None"),
        (3, "3"),
        (b"m.keras", "b'm.keras'"),
        (["m.keras"], r"\['m.keras'\]"),
        (np.zeros(3), r"ndarray of shape \(3,\)"),
    ):
        with pytest.raises(DTypeError, match=f"(filepath|filename|backup_dir|to_file) must be a path, got {shown}"):
            TAKE_A_PATH[name](wrong)
    for wrong in ("", "m\0.keras"):
        with pytest.raises(ArgumentError, match="must be a path, got"):
            TAKE_A_PATH[name](wrong)
    assert not list(folder.iterdir())


def test_other_folders_and_files() -> None:
    with pytest.raises(DTypeError, match="path must be a path, got 3"):
        fashion_mnist.load_data(3)  # type: ignore[arg-type]
    pytest.importorskip("PIL")
    with pytest.raises(DTypeError, match="directory must be a path, got None"):
        utils.image_dataset_from_directory(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [None, 3, "m.keras", Dense(3)], ids=repr)
def test_what_is_no_model(wrong: Any, folder: Path) -> None:
    for function, more in (
        (models.save_model, ["m.keras"]),
        (saving.save_weights, ["m.weights.h5"]),
        (saving.load_weights, ["m.weights.h5"]),
        (saving.export_onnx, ["m.onnx"]),
        (models.clone_model, []),
        (utils.plot_model, ["m.svg"]),
        (utils.model_to_dot, []),
    ):
        with pytest.raises(DTypeError, match="model must be a Model, got"):
            function(wrong, *more)
    assert not list(folder.iterdir())


def test_what_is_no_json_and_no_dict_of_custom_objects(folder: Path) -> None:
    for wrong in (None, 3, np.zeros(3), {}):
        with pytest.raises(DTypeError, match="json_string must be a string, got"):
            models.model_from_json(wrong)  # type: ignore[arg-type]
    MODEL.save("m.keras")
    for wrong in (3, ["Dense"], Dense):
        with pytest.raises(DTypeError, match="custom_objects must be a dict"):
            models.load_model("m.keras", custom_objects=wrong)
        with pytest.raises(DTypeError, match="custom_objects must be a dict"):
            models.model_from_json(MODEL.to_json(), custom_objects=wrong)
