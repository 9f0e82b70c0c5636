"""Any object as plain data in Keras's dialect, and back; and `custom_objects` of each module's `deserialize`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import tinycnn
from tinycnn import activations, constraints, initializers, layers, losses, metrics, models, optimizers, random, regularizers, saving, utils
from tinycnn.errors import ArgumentError, DataError, DTypeError
from tinycnn.optimizers import schedules
from tinycnn.saving import deserialize_keras_object, serialize_keras_object

OBJECTS: list[Any] = [
    layers.Conv2D(3, 2, kernel_regularizer="l2", name="conv"),
    layers.TimeDistributed(layers.Dense(2, name="inner"), name="steps"),
    models.Sequential([layers.Input((4,)), layers.Dense(2)]),
    optimizers.Adam(schedules.ExponentialDecay(0.1, 3, 0.5)),
    losses.MeanSquaredError(),
    losses.Huber(0.3, name="mine"),
    metrics.MeanSquaredError(),
    metrics.TopKCategoricalAccuracy(3),
    regularizers.L1L2(0.1, 0.2),
    constraints.MaxNorm(3),
    initializers.HeNormal(random.SeedGenerator(3)),
    random.SeedGenerator(4),
    schedules.CosineDecay(0.1, 5),
]


@pytest.mark.parametrize("thing", OBJECTS, ids=lambda thing: type(thing).__name__)
def test_there_and_back(thing: Any) -> None:
    plain = json.loads(json.dumps(serialize_keras_object(thing)))
    again = deserialize_keras_object(plain)
    assert type(again) is type(thing)
    assert serialize_keras_object(again) == serialize_keras_object(thing)


@pytest.mark.parametrize("thing", [t for t in OBJECTS if not isinstance(t, models.Sequential)], ids=lambda thing: type(thing).__name__)
def test_keras_reads_it_and_is_read(thing: Any) -> None:
    keras = pytest.importorskip("keras")
    theirs = keras.saving.deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(thing))))
    assert type(theirs).__name__ == type(thing).__name__
    again = deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(theirs))))
    assert type(again) is type(thing)


def test_plain_data_and_functions() -> None:
    value = {"a": [1, 2.5, "x", None, True], "b": {"c": losses.mean_squared_error}, "d": (activations.relu, np.ones(2))}
    again = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(value))))
    assert again == {"a": [1, 2.5, "x", None, True], "b": {"c": losses.mean_squared_error}, "d": [activations.relu, [1, 1]]}
    assert utils.serialize_keras_object is saving.serialize_keras_object
    with pytest.raises(DTypeError, match="cannot be written into a config"):
        serialize_keras_object(lambda x: x)


class Twice(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return 2 * inputs


def halved(x: Any) -> Any:
    return x / 2


def test_custom_objects() -> None:
    plain = serialize_keras_object(Twice(name="twice"))
    assert type(deserialize_keras_object(plain, {"Twice": Twice})) is Twice
    with pytest.raises(DataError, match="tinycnn has no layer of this name"):
        deserialize_keras_object(plain)
    function = {"module": "builtins", "class_name": "function", "config": "halved", "registered_name": "function"}
    assert deserialize_keras_object(function, {"halved": halved}) is halved
    with pytest.raises(DataError, match="tinycnn has no function 'halved'"):
        deserialize_keras_object(function)


@pytest.mark.parametrize("config", ["eval", "__import__", "os.system", ["relu"]])
def test_no_code_comes_out_of_a_config(config: Any) -> None:
    for module in ("builtins", "os", "keras.activations"):
        with pytest.raises(DataError):
            deserialize_keras_object({"module": module, "class_name": "function", "config": config, "registered_name": "function"})
    with pytest.raises(DataError):
        deserialize_keras_object({"module": "builtins", "class_name": "__lambda__", "config": {"value": "x"}})
    with pytest.raises(DataError):
        deserialize_keras_object({"module": "subprocess", "class_name": "Popen", "config": {"args": "true"}})


@pytest.mark.parametrize(
    ("module", "base"),
    [
        (layers, layers.Layer),
        (initializers, initializers.Initializer),
        (regularizers, regularizers.Regularizer),
        (constraints, constraints.Constraint),
        (losses, losses.Loss),
        (metrics, metrics.Metric),
        (schedules, schedules.LearningRateSchedule),
    ],
)
def test_each_module_takes_custom_objects(module: Any, base: type) -> None:
    def get_config(self: Any) -> dict[str, Any]:
        return {}

    def __init__(self: Any) -> None:
        base.__init__(self)

    own = type("Own", (base,), {"get_config": get_config, "__init__": __init__})
    plain = module.serialize(own())
    assert type(module.deserialize(plain, custom_objects={"Own": own})) is own
    with pytest.raises(ArgumentError, match=r"unknown .* 'Own'"):
        module.deserialize(plain)


def test_optimizers_and_activations_take_custom_objects() -> None:
    class Own(optimizers.SGD):
        pass

    assert type(optimizers.deserialize(optimizers.serialize(Own(0.5)), custom_objects={"Own": Own})) is Own
    assert activations.deserialize("halved", custom_objects={"halved": halved}) is halved
    assert tinycnn.saving.deserialize_keras_object is deserialize_keras_object
