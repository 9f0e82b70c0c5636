"""What `import tinycnn` loads: a few small modules, not even NumPy."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tinycnn

HEAVY = ("h5py", "rich", "pooch", "numba", "matplotlib", "scipy", "sklearn", "tinycnn.kernels._native")


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_is_light() -> None:
    loaded = _loaded_by("import tinycnn")
    assert not loaded & {*HEAVY, "numpy"}
    assert len([m for m in loaded if m.startswith("tinycnn")]) <= 4


def test_importing_what_the_tutorial_needs_is_light() -> None:
    loaded = _loaded_by("import tinycnn.models, tinycnn.layers, tinycnn.datasets, tinycnn.utils, tinycnn.callbacks, tinycnn.losses")
    assert not loaded & {"h5py", "pooch", "numba", "matplotlib", "sklearn"}


def test_tensors_have_their_operators_whatever_is_imported_first() -> None:
    for first in ("tinycnn.autograd.tensor", "tinycnn.autograd", "tinycnn.ops", "tinycnn.layers"):
        _loaded_by(f"import {first}; from tinycnn.autograd.tensor import Tensor; (Tensor([1.0]) + 1)[0]")


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("Initializer", "initializers"),
        ("InputSpec", "layers"),
        ("Layer", "layers"),
        ("Loss", "losses"),
        ("Metric", "metrics"),
        ("Model", "models"),
        ("Optimizer", "optimizers"),
        ("Regularizer", "regularizers"),
    ],
)
def test_the_bases_that_keras_has_at_its_top_level_are_here(name: str, module: str) -> None:
    assert getattr(tinycnn, name) is getattr(getattr(tinycnn, module), name)
    assert name in tinycnn.__all__
