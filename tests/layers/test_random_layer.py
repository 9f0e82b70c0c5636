"""What a layer's `seed` promises, and what `set_random_seed` does without one."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

from tinycnn import layers
from tinycnn.models import Model, Sequential, clone_model, load_model
from tinycnn.utils import set_random_seed

IMAGES = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)

LAYERS = {
    "Dropout": {"rate": 0.5},
    "AlphaDropout": {"rate": 0.5},
    "SpatialDropout2D": {"rate": 0.5},
    "GaussianDropout": {"rate": 0.5},
    "GaussianNoise": {"stddev": 0.5},
    "RandomBrightness": {"factor": 0.5, "value_range": (0, 1)},
    "RandomContrast": {"factor": 0.5},
    "RandomCrop": {"height": 4, "width": 4},
    "RandomRotation": {"factor": 0.5},
    "RandomTranslation": {"height_factor": 0.5, "width_factor": 0.5},
    "RandomZoom": {"height_factor": 0.5},
}


def model(name: str, seed: int | None) -> Model:
    return Sequential([layers.Input((8, 8, 3)), getattr(layers, name)(**LAYERS[name], seed=seed)])


def drawn(model: Model) -> np.ndarray:
    return model(IMAGES, training=True).numpy()


@pytest.mark.parametrize("name", LAYERS)
def test_a_seed_is_a_sequence_of_its_own(name: str, tmp_path: Path) -> None:
    one, other = model(name, 1), model(name, 1)
    first = drawn(one)
    set_random_seed(5)  # means nothing to it, nor do other layers that draw
    second = drawn(one)
    assert (first != second).any()
    np.testing.assert_array_equal(drawn(other), first)
    drawn(model(name, None))
    np.testing.assert_array_equal(drawn(other), second)
    assert (drawn(model(name, 2)) != first).any()
    one.save(tmp_path / "m.keras")
    for again in (clone_model(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one)), load_model(tmp_path / "m.keras")):
        np.testing.assert_array_equal(drawn(again), first)


@pytest.mark.parametrize("name", LAYERS)
def test_without_a_seed_numbers_follow_from_the_common_one(name: str) -> None:
    one = model(name, None)
    set_random_seed(5)
    first, second = drawn(one), drawn(one)
    assert (first != second).any()
    for again in (one, model(name, None), copy.deepcopy(one)):
        set_random_seed(5)
        np.testing.assert_array_equal(drawn(again), first)
