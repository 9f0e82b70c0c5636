"""py.typed keeps its word: a user's script passes `mypy --strict`, and the names of the front door have types, lazy ones included."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinycnn
from tinycnn import saving

ROOT = Path(tinycnn.__file__).parent

SCRIPT = """
from typing import Any

import numpy as np

import tinycnn
from tinycnn import Tensor, ops
from tinycnn.layers import Conv2D, Dense, Flatten, Input, Layer, MaxPooling2D
from tinycnn.models import Model, Sequential


class Scale(Layer):
    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=(1,), initializer="ones")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.multiply(inputs, self.scale) * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


images, labels = np.zeros((8, 28, 28, 1), np.float32), np.zeros(8, np.int32)
model = Sequential([
    Input((28, 28, 1)),
    Conv2D(32, 3, padding="same", activation="relu"),
    MaxPooling2D(),
    Flatten(),
    Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(images, labels, batch_size=64, epochs=3, validation_split=0.25)
model.evaluate(images, labels)

x = tinycnn.Input((28, 28, 1))
functional = Model(x, tinycnn.layers.Dense(2)(Flatten()(Scale(2.0)(x))))
functional.compile(tinycnn.optimizers.Adam(1e-3), tinycnn.losses.MeanSquaredError(), [tinycnn.metrics.MeanAbsoluteError()])
functional.fit(images, np.zeros((8, 2)), callbacks=[tinycnn.callbacks.EarlyStopping(patience=2)], verbose=0)
functional.save("model.keras")

w = Tensor(np.ones((3, 3, 1, 8), np.float32), requires_grad=True)
loss = ops.sum(ops.relu(ops.conv(images, w)))
loss.backward()
"""

#: expression -> a part of the type that it must have
REVEALED = {
    "history.history": "dict[str, list[float]]",
    "loss": "tinycnn.autograd.tensor.Tensor",
    "w.grad": "ndarray",
    "model.layers": "list[tinycnn.layers.layer.Layer]",
    "tinycnn.Sequential": "tinycnn.models.sequential.Sequential",
    "tinycnn.layers.Dense": "units: int",
    "tinycnn.losses.Huber()": "Huber",
    "tinycnn.constraints.MaxNorm(2)": "MaxNorm",
    "tinycnn.initializers.HeNormal()": "HeNormal",
    "tinycnn.regularizers.L2(0.1)": "L2",
    "tinycnn.activations.relu": "negative_slope: float",
    "tinycnn.ops.image.resize": "-> tinycnn.autograd.tensor.Tensor",
    "tinycnn.ops.nn.silu": "-> tinycnn.autograd.tensor.Tensor",
    "tinycnn.ops.numpy.sum": "-> tinycnn.autograd.tensor.Tensor",
    "tinycnn.use_backend": "name: str",
    "tinycnn.config.floatx()": "str",
    "tinycnn.saving.load_model": "-> tinycnn.models.model.Model",
    "tinycnn.saving.load_weights": "skip_mismatch: bool",
    "tinycnn.utils.plot_model": "show_shapes: bool",
    "tinycnn.wrappers": "types.ModuleType",
}


def test_a_script_of_a_user_has_types(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "script.py").write_text(SCRIPT + "".join(f"reveal_type({expression})\n" for expression in REVEALED), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "script.py"]
    environment = {**os.environ, "MYPYPATH": str(ROOT.parent)} if "site-packages" not in ROOT.parts else dict(os.environ)
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
    types = re.findall(r'Revealed type is "(.*)"', result.stdout)
    for (expression, expected), revealed in zip(REVEALED.items(), types, strict=True):
        assert expected in revealed, f"{expression}: {revealed}"


def test_type_checkers_see_every_name_of_the_front_door() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    seen = {alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(tinycnn.__all__) <= seen


def test_the_stub_of_saving_has_its_names() -> None:
    tree = ast.parse((ROOT / "saving" / "__init__.pyi").read_text(encoding="utf-8"))
    assert {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names} == set(saving.__all__)
    for name in saving.__all__:
        assert getattr(saving, name)
