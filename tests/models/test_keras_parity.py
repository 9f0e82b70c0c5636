"""`fit` gives Keras's histories: same weights, same data, several epochs with a partial last batch.

The numbers are those of Keras 3.15.1 on TensorFlow; where Keras is installed it is asked again.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest

SAMPLES, CLASSES = 50, 3
X = np.sin(np.arange(SAMPLES * 36) * 0.7).reshape(SAMPLES, 6, 6, 1).astype(np.float32)
LABELS = (np.arange(SAMPLES) * 7) % CLASSES
ONE_HOT = np.eye(CLASSES)[LABELS]
SAMPLE_WEIGHT = 0.5 + (np.arange(SAMPLES) % 4)

SCENARIOS = {
    "sgd": {"optimizer": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True})},
    "adam": {"optimizer": ("Adam", {"learning_rate": 0.01})},
    "rmsprop": {"optimizer": ("RMSprop", {"learning_rate": 0.01})},
    "adamw clipped": {"optimizer": ("AdamW", {"learning_rate": 0.01, "clipnorm": 0.1})},
    "sample weight": {"fit": {"sample_weight": SAMPLE_WEIGHT}, "weighted_metrics": ["acc"]},
    "class weight": {"fit": {"class_weight": {0: 1.0, 1: 0.5, 2: 3.0}}},
    "class weight and split": {"fit": {"class_weight": {0: 1.0, 1: 0.5, 2: 3.0}, "validation_split": 0.3}},
    "some steps": {"fit": {"steps_per_epoch": 2, "validation_data": (X[:40], ONE_HOT[:40]), "validation_steps": 1, "validation_freq": 2}},
    "validation split": {"fit": {"validation_split": 0.3}},
    "sparse": {"loss": "sparse_categorical_crossentropy", "y": LABELS},
    "mse": {"loss": "mse", "metrics": ["mae"], "fit": {"validation_data": (X[:9], ONE_HOT[:9])}},
    "regularized": {"regularizer": True, "fit": {"validation_split": 0.3}},
}

EXPECTED: dict[str, dict[str, list[float]]] = {
    "sgd": {
        "accuracy": [0.32, 0.3, 0.3],
        "loss": [1.143644, 1.547125, 1.201368],
    },
    "adam": {
        "accuracy": [0.32, 0.34, 0.34],
        "loss": [1.114005, 1.199804, 1.189254],
    },
    "rmsprop": {
        "accuracy": [0.32, 0.32, 0.32],
        "loss": [1.264001, 1.168761, 1.134567],
    },
    "adamw clipped": {
        "accuracy": [0.32, 0.32, 0.34],
        "loss": [1.114673, 1.317879, 1.169046],
    },
    "sample weight": {
        "acc": [0.3469388, 0.3112245, 0.3010204],
        "accuracy": [0.32, 0.3, 0.3],
        "loss": [2.371343, 2.579738, 2.261942],
    },
    "class weight": {
        "accuracy": [0.32, 0.32, 0.3],
        "loss": [1.793578, 1.346764, 1.352135],
    },
    "class weight and split": {
        "accuracy": [0.342857, 0.314286, 0.314286],
        "loss": [1.680165, 1.724702, 1.278412],
        "val_accuracy": [0.333333, 0.333333, 0.333333],
        "val_loss": [1.482063, 1.186891, 1.226818],
    },
    "some steps": {
        "accuracy": [0.34375, 0.222222, 0.34375],
        "loss": [1.117262, 1.142451, 1.141251],
        "val_accuracy": [0.3125],
        "val_loss": [1.156576],
    },
    "validation split": {
        "accuracy": [0.3428572, 0.3142857, 0.2],
        "loss": [1.116211, 1.188426, 1.103907],
        "val_accuracy": [0.3333333, 0.3333333, 0.3333333],
        "val_loss": [1.10041, 1.103574, 1.098657],
    },
    "sparse": {
        "accuracy": [0.3, 0.32, 0.3],
        "loss": [1.12633, 1.1868, 1.175286],
    },
    "mse": {
        "loss": [0.2317147, 0.2288504, 0.2278425],
        "mae": [0.4437783, 0.4439616, 0.443987],
        "val_loss": [0.2235351, 0.2233496, 0.2232764],
        "val_mae": [0.4441134, 0.4440959, 0.4441468],
    },
    "regularized": {
        "accuracy": [0.3428572, 0.3142857, 0.2],
        "loss": [1.181785, 1.252208, 1.167746],
        "val_accuracy": [0.3333333, 0.3333333, 0.3333333],
        "val_loss": [1.16548, 1.167599, 1.161985],
    },
}


def train(library: str, name: str) -> dict[str, list[float]]:
    """The history of scenario `name` in "tinycnn" or "keras"."""
    layers, models, optimizers, regularizers = (
        importlib.import_module(f"{library}.{part}") for part in ("layers", "models", "optimizers", "regularizers")
    )
    scenario = SCENARIOS[name]
    regularizer = regularizers.L2(0.01) if scenario.get("regularizer") else None
    model = models.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(4, 3, padding="same", kernel_regularizer=regularizer),
            layers.LeakyReLU(negative_slope=0.1),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax", kernel_regularizer=regularizer),
        ]
    )
    model.set_weights(
        [np.cos(np.arange(w.size) + i).reshape(w.shape) * 0.3 + 0.5 * (w.ndim == 1) for i, w in enumerate(model.get_weights())]
    )
    cls, arguments = scenario.get("optimizer", ("SGD", {"learning_rate": 0.1}))
    model.compile(
        optimizer=getattr(optimizers, cls)(**arguments),
        loss=scenario.get("loss", "categorical_crossentropy"),
        metrics=scenario.get("metrics", ["accuracy"]),
        weighted_metrics=scenario.get("weighted_metrics"),
    )
    history = model.fit(X, scenario.get("y", ONE_HOT), batch_size=16, epochs=3, shuffle=False, verbose=0, **scenario.get("fit", {}))
    return dict(history.history)


@pytest.mark.parametrize("name", SCENARIOS)
def test_history_is_that_of_keras(name: str) -> None:
    got, expected = train("tinycnn", name), EXPECTED[name]
    assert set(got) == set(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(got[key], values, rtol=2e-4, err_msg=key)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_numbers_are_those_of_the_installed_keras(name: str) -> None:
    pytest.importorskip("keras")
    for key, values in train("keras", name).items():
        np.testing.assert_allclose(EXPECTED[name][key], values, rtol=2e-4, err_msg=key)
