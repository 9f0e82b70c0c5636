"""The second paths to ops, as Keras has them: ops.nn, ops.numpy and ops.linalg."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

import pytest

from tinycnn import layers, ops
from tinycnn.layers import Operation

PATHS = ("nn", "numpy", "linalg")


@pytest.mark.parametrize("path", PATHS)
def test_a_second_path_leads_to_the_same_functions(path: str) -> None:
    names = vars(ops)[path].__all__
    for name in names:
        assert getattr(vars(ops)[path], name) is getattr(ops, name), name


@pytest.mark.parametrize("path", PATHS)
def test_all_that_keras_has_there_and_tinycnn_under_ops_is_there(path: str) -> None:
    keras: ModuleType = importlib.import_module(f"keras.ops.{path}") if importlib.util.find_spec("keras") else pytest.skip("no Keras")
    expected = {name for name in dir(keras) if not name.startswith("_") and name in ops.__all__}
    assert set(vars(ops)[path].__all__) == expected


def test_ops_by_their_second_path_are_drawn() -> None:
    x = layers.Input((4,))
    drawn = ops.nn.silu(ops.numpy.add(x, 1)).layer
    assert isinstance(drawn, Operation)
    assert drawn.function == "silu"
