"""The small functions of Keras that stand on models: packing what a step gets, symbolic tensors, weights in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinycnn import layers, models, saving, utils


def test_packing_and_unpacking() -> None:
    x, y, w = object(), object(), object()
    for parts in ((x,), (x, y), (x, y, w)):
        assert utils.unpack_x_y_sample_weight(utils.pack_x_y_sample_weight(*parts)) == (*parts, None, None)[:3]
    assert utils.pack_x_y_sample_weight([x, y]) == ([x, y],)
    assert utils.pack_x_y_sample_weight(x) is x


def test_symbolic_tensors() -> None:
    x = layers.Input((2,))
    assert [utils.is_keras_tensor(value) for value in (x, x + 1, np.ones(2), layers.Dense(1))] == [True, True, False, False]


def test_the_inputs_behind_a_symbolic_tensor() -> None:
    x, y, unused = layers.Input((2,)), layers.Input((2,)), layers.Input((2,))
    z = layers.Add()([layers.Dense(2)(y), x]) + y
    assert [id(tensor) for tensor in utils.get_source_inputs(z)] == [id(y), id(x)]
    assert utils.get_source_inputs(unused) == [unused]


def test_weights_by_functions(tmp_path: Path) -> None:
    ones, zeros = (models.Sequential([layers.Input((2,)), layers.Dense(1, kernel_initializer=name)]) for name in ("ones", "zeros"))
    saving.save_weights(ones, tmp_path / "w.weights.h5")
    saving.load_weights(zeros, tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(zeros.get_weights()[0], [[1], [1]])
