"""`fit` gives Keras's histories: same weights, same data, several epochs with a partial last batch; and five models follow Keras's losses
through fifty steps.

The numbers are those of Keras 3.15.1 on TensorFlow; where Keras is installed it is asked again.
"""

from __future__ import annotations

import importlib
from typing import Any

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
    "accumulated": {"optimizer": ("Adam", {"learning_rate": 0.01, "gradient_accumulation_steps": 3, "global_clipnorm": 0.1})},
    "averaged": {
        "optimizer": ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 5}),
        "fit": {"validation_split": 0.3},
    },
    "focal": {"loss": "categorical_focal_crossentropy", "optimizer": ("SGD", {"learning_rate": 0.3})},
    "dice": {"loss": "dice", "optimizer": ("Lion", {"learning_rate": 0.003})},
    "many metrics": {
        "optimizer": ("Adagrad", {"learning_rate": 0.1}),
        "metrics": [("AUC", {}), ("Precision", {"class_id": 1, "thresholds": 0.3}), ("F1Score", {"average": "macro"}), ("R2Score", {})],
        "weighted_metrics": [("Recall", {"top_k": 2}), ("TopKCategoricalAccuracy", {"k": 2})],
        "fit": {"sample_weight": SAMPLE_WEIGHT},
    },
    "constrained": {"constrained": True, "fit": {"validation_split": 0.3}},
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
    "accumulated": {
        "accuracy": [0.34, 0.34, 0.34],
        "loss": [1.169222, 1.104309, 1.12095],
    },
    "averaged": {
        "accuracy": [0.3428572, 0.3142857, 0.3142857],
        "loss": [1.116211, 1.187894, 1.126315],
        "val_accuracy": [0.3333333, 0.4, 0.3333333],
        "val_loss": [1.10041, 1.09859, 1.106845],
    },
    "focal": {
        "accuracy": [0.34, 0.32, 0.28],
        "loss": [0.1296951, 0.1439985, 0.1409849],
    },
    "dice": {
        "accuracy": [0.34, 0.34, 0.34],
        "loss": [0.6662433, 0.6644466, 0.6632248],
    },
    "many metrics": {
        "AUC": [0.4862, 0.4798, 0.4788],
        "F1Score": [0.2889142, 0.2949494, 0.2415459],
        "Precision": [0.3333333, 0.3235294, 0.34],
        "R2Score": [-0.3792438, -0.2064661, -0.05208703],
        "Recall": [0.6428571, 0.6785714, 0.6683673],
        "TopKCategoricalAccuracy": [0.6428571, 0.6785714, 0.6683673],
        "loss": [3.437629, 2.573759, 2.250804],
    },
    "constrained": {
        "accuracy": [0.3428572, 0.3142857, 0.3142857],
        "loss": [1.34483, 1.385603, 1.170841],
        "val_accuracy": [0.3333333, 0.3333333, 0.3333333],
        "val_loss": [1.226868, 1.200859, 1.152926],
    },
}

#: Keras compiles for longer than these models train.
COMPILING = {"keras": {"jit_compile": False}}


def train(library: str, name: str) -> dict[str, list[float]]:
    """The history of scenario `name` in "tinycnn" or "keras"."""
    constraints, layers, models, optimizers, regularizers, metrics = (
        importlib.import_module(f"{library}.{part}")
        for part in ("constraints", "layers", "models", "optimizers", "regularizers", "metrics")
    )

    def made(names: Any) -> Any:
        return names and [getattr(metrics, m[0])(name=m[0], **m[1]) if isinstance(m, tuple) else m for m in names]

    scenario = SCENARIOS[name]
    regularizer = regularizers.L2(0.01) if scenario.get("regularizer") else None
    rules = {}
    if scenario.get("constrained"):
        rules = {
            "kernel_constraint": constraints.MaxNorm(0.4, axis=[0, 1, 2]),
            "bias_constraint": constraints.MinMaxNorm(0.1, 0.3, rate=0.5),
            "activity_regularizer": regularizers.L1L2(0.001, 0.01),
        }
    model = models.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(4, 3, padding="same", kernel_regularizer=regularizer, **rules),
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
        metrics=made(scenario.get("metrics", ["accuracy"])),
        weighted_metrics=made(scenario.get("weighted_metrics")),
        **COMPILING.get(library, {}),
    )
    history = model.fit(X, scenario.get("y", ONE_HOT), batch_size=16, epochs=3, shuffle=False, verbose=0, **scenario.get("fit", {}))
    return dict(history.history)


@pytest.mark.parametrize("name", SCENARIOS)
def test_history_is_that_of_keras(name: str) -> None:
    got, expected = train("tinycnn", name), EXPECTED[name]
    assert set(got) == set(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(got[key], values, rtol=2e-4, err_msg=key)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras on JAX, with NumPy 2
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_numbers_are_those_of_the_installed_keras(name: str) -> None:
    pytest.importorskip("keras")
    for key, values in train("keras", name).items():
        np.testing.assert_allclose(EXPECTED[name][key], values, rtol=2e-4, err_msg=key)


# ---- fifty steps of five models

STEPS, BATCH = 50, 8
STRIPES = np.sin(np.arange(10.0) * 1.5)
KINDS = (np.arange(STEPS * BATCH) * 7) % CLASSES
#: Noise with horizontal stripes, vertical ones, or none.
IMAGES = (
    np.stack([np.tile(STRIPES[:, None], 10), np.tile(STRIPES, (10, 1)), np.zeros((10, 10))])[KINDS]
    + np.random.default_rng(0).normal(size=(STEPS * BATCH, 10, 10))
).astype(np.float32)[..., None]
TARGETS = np.eye(CLASSES, dtype=np.float32)[KINDS]


def tutorial(layers: Any, **_: Any) -> list[Any]:
    """The tutorial's model, with fewer channels."""
    stack = [layers.Input((10, 10, 1))]
    for filters in (4, 8, 8):
        stack += [
            layers.Conv2D(filters, (3, 3), activation="linear", padding="same"),
            layers.LeakyReLU(negative_slope=0.1),
            layers.MaxPooling2D((2, 2), padding="same"),
        ]
    return [*stack, layers.Flatten(), layers.Dense(16), layers.LeakyReLU(negative_slope=0.1), layers.Dense(CLASSES, activation="softmax")]


def normalized(layers: Any, **_: Any) -> list[Any]:
    """With batch normalisation, and dropout that drops nothing."""
    return [
        layers.Input((10, 10, 1)),
        layers.Conv2D(6, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(2),
        layers.Dropout(0.0),
        layers.Conv2D(8, 3, strides=2, padding="same"),
        layers.BatchNormalization(),
        layers.Activation("tanh"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(CLASSES, activation="softmax"),
    ]


def skipping(layers: Any, **_: Any) -> tuple[Any, Any]:
    """Functional, with a skip connection."""
    inputs = layers.Input((10, 10, 1))
    x = layers.Conv2D(6, 3, padding="same", activation="relu")(inputs)
    y = layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    y = layers.Conv2D(6, 3, padding="same")(y)
    x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2)(x))
    return inputs, layers.Dense(CLASSES)(x)


def separable(layers: Any, **_: Any) -> list[Any]:
    """Depthwise, then pointwise convolutions."""
    stack = [layers.Input((10, 10, 1)), layers.Conv2D(4, 3, activation="relu")]
    for filters in (6, 8):
        stack += [layers.DepthwiseConv2D(3, padding="same"), layers.Conv2D(filters, 1, activation="relu")]
    return [*stack, layers.AveragePooling2D(2), layers.Flatten(), layers.Dense(CLASSES, activation="softmax")]


def regularized(layers: Any, regularizers: Any) -> list[Any]:
    """With weight penalties."""
    return [
        layers.Input((10, 10, 1)),
        layers.Conv2D(6, 3, activation="relu", kernel_regularizer=regularizers.L2(0.01)),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(CLASSES, activation="softmax", kernel_regularizer=regularizers.L2(0.01)),
    ]


#: model, optimizer, its arguments, loss, its arguments
MODELS: dict[str, tuple[Any, str, dict[str, Any], str, dict[str, Any]]] = {
    "tutorial": (tutorial, "Adam", {"learning_rate": 0.005}, "CategoricalCrossentropy", {}),
    "normalized": (normalized, "SGD", {"learning_rate": 0.05, "momentum": 0.9}, "CategoricalCrossentropy", {}),
    "skipping": (skipping, "RMSprop", {"learning_rate": 0.002}, "CategoricalCrossentropy", {"from_logits": True}),
    "separable": (separable, "Nadam", {"learning_rate": 0.003}, "CategoricalCrossentropy", {}),
    "regularized": (
        regularized,
        "SGD",
        {"learning_rate": ("CosineDecay", {"initial_learning_rate": 0.03, "decay_steps": 40}), "momentum": 0.9, "clipnorm": 0.5},
        "CategoricalCrossentropy",
        {"label_smoothing": 0.1},
    ),
}


def _weight(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Vectors around 0.5, which suits biases and what batch normalisation has; matrices and kernels as He et al. (2015) draw them."""
    if len(shape) == 1:
        return 0.5 + 0.1 * np.cos(np.arange(shape[0]))
    return np.random.default_rng(seed).normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))


def fifty_losses(library: str, name: str) -> list[float]:
    """The loss of each of 50 training steps of the model `name` in "tinycnn" or "keras"."""
    layers, models, optimizers, regularizers, losses = (
        importlib.import_module(f"{library}.{part}") for part in ("layers", "models", "optimizers", "regularizers", "losses")
    )
    make, optimizer, arguments, loss, settings = MODELS[name]
    made = make(layers, regularizers=regularizers)
    model = models.Sequential(made) if isinstance(made, list) else models.Model(*made)
    model.set_weights([_weight(w.shape, i) for i, w in enumerate(model.get_weights())])
    arguments = {k: getattr(optimizers.schedules, v[0])(**v[1]) if isinstance(v, tuple) else v for k, v in arguments.items()}
    model.compile(getattr(optimizers, optimizer)(**arguments), getattr(losses, loss)(**settings), **COMPILING.get(library, {}))
    batches = [slice(i, i + BATCH) for i in range(0, STEPS * BATCH, BATCH)]
    return [float(model.train_on_batch(IMAGES[b], TARGETS[b], return_dict=True)["loss"]) for b in batches]


#: Keras's losses of the steps 0, 10, 20, 30, 40 and 49.
EXPECTED_LOSSES: dict[str, list[float]] = {
    "tutorial": [2.990973, 1.140712, 0.7506813, 0.2699044, 0.1589621, 0.1230447],
    "normalized": [1.284481, 0.8867159, 0.572446, 0.2911351, 0.169869, 0.088266],
    "skipping": [8.277901, 4.977221, 1.253851, 1.026472, 1.031883, 0.9887452],
    "separable": [1.806823, 0.9961315, 0.7880142, 0.6218464, 0.304466, 0.1453021],
    "regularized": [1.282413, 0.9356094, 0.661002, 0.5020894, 0.5929904, 0.5174668],
}


@pytest.mark.parametrize("name", MODELS)
def test_fifty_losses_are_those_of_keras(name: str) -> None:
    losses = fifty_losses("tinycnn", name)
    np.testing.assert_allclose([*losses[::10], losses[-1]], EXPECTED_LOSSES[name], rtol=1e-4)
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])  # it learns, so the agreement says something


@pytest.mark.parametrize("name", MODELS)
def test_fifty_losses_are_those_of_the_installed_keras(name: str) -> None:
    pytest.importorskip("keras")
    np.testing.assert_allclose(fifty_losses("tinycnn", name), fifty_losses("keras", name), rtol=1e-4)
