"""Files as Keras 2 wrote them, made by hand after its format: configs, names of weights, and the order of an optimizer's slots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tinycnn.errors import ArgumentError, DataError
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Flatten, Input
from tinycnn.models import Sequential, load_model

GLOROT = {"class_name": "GlorotUniform", "config": {"seed": None}}
ZEROS: dict[str, Any] = {"class_name": "Zeros", "config": {}}
ONES: dict[str, Any] = {"class_name": "Ones", "config": {}}


def layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, "trainable": True, "dtype": "float32", **config}}


CONV = layer(
    *("Conv2D", "conv2d"),
    batch_input_shape=[None, 4, 4, 1],
    **{"filters": 2, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid", "data_format": "channels_last"},
    **{"dilation_rate": [1, 1], "groups": 1, "activation": "linear", "use_bias": True, "kernel_initializer": GLOROT},
    **{"bias_initializer": ZEROS, "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.01}}, "bias_regularizer": None},
    **{"activity_regularizer": None, "kernel_constraint": None, "bias_constraint": None},
)
NORM = layer(
    *("BatchNormalization", "batch_normalization"),
    **{"axis": [3], "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True, "beta_initializer": ZEROS},
    **{"gamma_initializer": ONES, "moving_mean_initializer": ZEROS, "moving_variance_initializer": ONES},
    **{"beta_regularizer": None, "gamma_regularizer": None, "beta_constraint": None, "gamma_constraint": None},
)
RELU = layer("LeakyReLU", "leaky_re_lu", alpha=0.10000000149011612)
FLAT = layer("Flatten", "flatten", data_format="channels_last")
DENSE = layer(
    *("Dense", "dense"),
    **{"units": 3, "activation": "softmax", "use_bias": True, "kernel_initializer": GLOROT, "bias_initializer": ZEROS},
    **{"kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None},
    **{"kernel_constraint": None, "bias_constraint": None},
)
SOURCE = {
    "class_name": "InputLayer",
    "config": {"batch_input_shape": [None, 4, 4, 1], "dtype": "float32", "sparse": False, "name": "input_1"},
}
SEQUENTIAL = {"class_name": "Sequential", "config": {"name": "sequential", "layers": [CONV, NORM, RELU, FLAT, DENSE]}}
OLD_SEQUENTIAL = {"class_name": "Sequential", "config": [CONV, NORM, RELU, FLAT, DENSE]}


def linked(before: str, entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "name": entry["config"]["name"], "inbound_nodes": [[[before, 0, 0, {}]]] if before else []}


FUNCTIONAL = {
    "class_name": "Functional",
    "config": {
        "name": "model",
        "layers": [
            *(linked("", SOURCE), linked("input_1", CONV), linked("conv2d", NORM), linked("batch_normalization", RELU)),
            *(linked("leaky_re_lu", FLAT), linked("flatten", DENSE)),
        ],
        "input_layers": [["input_1", 0, 0]],
        "output_layers": [["dense", 0, 0]],
    },
}
OLD_FUNCTIONAL = {**FUNCTIONAL, "class_name": "Model"}
ADAM = {"name": "Adam", "learning_rate": 0.01, "decay": 0.0, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-07, "amsgrad": False}
TRAINING = {
    "loss": "categorical_crossentropy",
    "metrics": [[{"class_name": "MeanMetricWrapper", "config": {"name": "accuracy", "dtype": "float32", "fn": "categorical_accuracy"}}]],
    "weighted_metrics": None,
    "loss_weights": None,
    "optimizer_config": {"class_name": "Adam", "config": ADAM},
}
WEIGHTS = {
    "conv2d": {"conv2d/kernel:0": (3, 3, 1, 2), "conv2d/bias:0": (2,)},
    "batch_normalization": {f"batch_normalization/{name}:0": (2,) for name in ("gamma", "beta", "moving_mean", "moving_variance")},
    "leaky_re_lu": {},
    "flatten": {},
    "dense": {"dense/kernel:0": (8, 3), "dense/bias:0": (3,)},
}
TRAINABLE = {name: shape for group in WEIGHTS.values() for name, shape in group.items() if "moving" not in name}


def value(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(sum(name.encode())).uniform(0.1, 1, shape).astype(np.float32)


def write_weights(group: Any) -> None:
    group.attrs["layer_names"] = [name.encode() for name in WEIGHTS]
    group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", b"2.4.0"
    for name, weights in WEIGHTS.items():
        inner = group.create_group(name)
        inner.attrs["weight_names"] = [weight.encode() for weight in weights]
        for weight, shape in weights.items():
            inner[weight] = value(weight, shape)


def slots(style: str) -> dict[str, np.ndarray]:
    """Name -> value of the optimizer's variables, in the order of the versions up to 2.10 or from 2.11 on."""
    m = {name: value(f"m{name}", shape) for name, shape in TRAINABLE.items()}
    v = {name: value(f"v{name}", shape) for name, shape in TRAINABLE.items()}
    cut = {name: name.removesuffix(":0") for name in TRAINABLE}
    if style == "2.10":
        return {
            "Adam/iter:0": np.int64(7),
            **{f"Adam/{cut[name]}/m:0": array for name, array in m.items()},
            **{f"Adam/{cut[name]}/v:0": array for name, array in v.items()},
        }
    pairs = {f"Adam/{slot}/{cut[name]}:0": arrays[name] for name in TRAINABLE for slot, arrays in (("m", m), ("v", v))}
    return {"iteration:0": np.int64(7), **pairs}


def write_model(path: Path, config: Any, style: str = "2.10", training: Any = TRAINING) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["training_config"] = json.dumps(training).encode()
        write_weights(file.create_group("model_weights"))
        group = file.create_group("optimizer_weights")
        group.attrs["weight_names"] = [name.encode() for name in slots(style)]
        for name, array in slots(style).items():
            group[name] = array


def expected_weights() -> list[np.ndarray]:
    return [value(name, shape) for group in WEIGHTS.values() for name, shape in group.items()]


@pytest.mark.parametrize("style", ["2.10", "2.11"])
@pytest.mark.parametrize(
    "config", [SEQUENTIAL, OLD_SEQUENTIAL, FUNCTIONAL, OLD_FUNCTIONAL], ids=["sequential", "list", "functional", "model"]
)
def test_whole_models(config: Any, style: str, tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    write_model(path, config, style)
    model = load_model(path)
    for got, wanted in zip(model.get_weights(), expected_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert model.get_layer("leaky_re_lu").negative_slope == pytest.approx(0.1)
    assert model.get_layer("conv2d").kernel_regularizer.l2 == 0.01
    assert (model.optimizer.iterations, model.optimizer.learning_rate) == (7, 0.01)
    state = model.optimizer.get_state()
    for i, (name, shape) in enumerate(TRAINABLE.items()):
        np.testing.assert_array_equal(state[f"momentum/{i}"], value(f"m{name}", shape))
        np.testing.assert_array_equal(state[f"velocity/{i}"], value(f"v{name}", shape))
    results = model.evaluate(np.ones((2, 4, 4, 1)), np.eye(3)[:2], verbose=0, return_dict=True)
    assert set(results) == {"loss", "accuracy"}


def test_an_optimizer_of_the_versions_in_between(tmp_path: Path) -> None:
    training = {
        **TRAINING,
        "optimizer_config": {"class_name": "Custom>Adam", "config": {**ADAM, "is_legacy_optimizer": False, "jit_compile": True}},
    }
    write_model(tmp_path / "old.h5", SEQUENTIAL, "2.11", training)
    assert load_model(tmp_path / "old.h5").optimizer.iterations == 7


def network(*names: str) -> Sequential:
    first, second, third = names
    return Sequential([Input((4, 4, 1)), Conv2D(2, 3, name=first), BatchNormalization(name=second), Flatten(), Dense(3, name=third)])


def test_weights_by_order_and_by_name(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        write_weights(file)
    model = network("a", "b", "c")
    model.load_weights(path)
    for got, wanted in zip(model.get_weights(), expected_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)
    other = network("conv2d", "b", "dense")
    before = other.get_weights()
    other.load_weights(path, by_name=True)
    for i, (got, wanted, old) in enumerate(zip(other.get_weights(), expected_weights(), before, strict=True)):
        np.testing.assert_array_equal(got, old if 2 <= i < 6 else wanted)
    with pytest.raises(ArgumentError, match="by_name"):
        model.save_weights(tmp_path / "new.weights.h5")
        model.load_weights(tmp_path / "new.weights.h5", by_name=True)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        write_weights(file)
    with pytest.raises(DataError, match=r"old\.h5: the HDF5 file has no model_config"):
        load_model(path)
    wide = Sequential([Input((4, 4, 1)), Conv2D(2, 3), BatchNormalization(), Flatten(), Dense(4)])
    before = wide.get_weights()
    with pytest.raises(DataError, match=r"kernel.*has shape \(8, 4\).*\(8, 3\)"):
        wide.load_weights(path)
    with pytest.warns(UserWarning, match="skipped the weights of layer 'dense"):
        wide.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(wide.get_weights()[0], expected_weights()[0])
    np.testing.assert_array_equal(wide.get_weights()[6], before[6])
    with pytest.raises(DataError, match="model has 1 layers with weights, the file has 3"):
        Sequential([Input((8,)), Dense(3)]).load_weights(path)
