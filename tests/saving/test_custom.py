"""Classes and functions of the user's own in files: registered ones and custom_objects, nothing else."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

import tinycnn
from tinycnn import ops, saving
from tinycnn.errors import ArgumentError, DataError, TinyCNNError
from tinycnn.layers import Dense, Input, Layer
from tinycnn.models import Model, Sequential, load_model, model_from_json
from tinycnn.saving import CustomObjectScope, custom, get_custom_objects, register_keras_serializable
from tinycnn.saving.paths import weight_paths


@pytest.fixture(autouse=True)
def own_tables(monkeypatch) -> None:
    monkeypatch.setattr(custom, "_registered", {})
    monkeypatch.setattr(custom, "_names", {})


class Scale(Layer):
    """Multiplies by a weight."""

    def __init__(self, start: float = 2.0, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape) -> None:
        self.factor = self.add_weight((input_shape[-1],), tinycnn.initializers.Constant(self.start), name="factor")

    def call(self, inputs):
        return inputs * self.factor

    def compute_output_shape(self, input_shape):
        return input_shape


class Block(Layer):
    """Layers inside of a layer: in an attribute, in a list, in a private attribute."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.last = Dense(3)
        self.many = [Dense(3), Scale(), [Dense(3)]]
        self._hidden = Dense(3)

    def call(self, inputs):
        for layer in (*self.many[:2], *self.many[2], self.last, self._hidden):
            inputs = layer(inputs)
        return inputs


def squashed(x):
    return ops.tanh(x)


def own_loss(y_true, y_pred):
    return ops.mean(ops.square(y_pred - ops.convert_to_tensor(y_true, "float32")), -1)


X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
OBJECTS = {"Scale": Scale, "Block": Block, "squashed": squashed, "own_loss": own_loss}


def network() -> Sequential:
    return Sequential([Input((3,)), Scale(3.0), Dense(3)])


def test_an_unregistered_class_is_loaded_through_custom_objects_only(tmp_path: Path) -> None:
    model = network()
    model.save(tmp_path / "m.keras")
    with pytest.raises(DataError, match=r"m\.keras: layer 'scale\S*' \(class Scale\) at config\.layers\[1\]: tinycnn has no layer of this"):
        load_model(tmp_path / "m.keras")
    for loaded in (load_model(tmp_path / "m.keras", custom_objects=OBJECTS), model_from_json(model.to_json(), OBJECTS)):
        assert isinstance(loaded.layers[0], Scale)
        assert loaded.layers[0].start == 3.0
    with CustomObjectScope(OBJECTS):
        again = load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    with pytest.raises(DataError):
        load_model(tmp_path / "m.keras")


def test_a_registered_class_is_known_by_package_and_name(tmp_path: Path) -> None:
    register_keras_serializable("mine")(Scale)
    register_keras_serializable("mine", "Wide")(Block)
    assert get_custom_objects() == {"mine>Scale": Scale, "mine>Wide": Block}
    assert saving.get_registered_name(Block) == "mine>Wide"
    assert saving.get_registered_object("mine>Wide") is Block
    model = Sequential([Input((3,)), Block(), Scale()])
    model.predict(X, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    get_custom_objects().clear()
    with pytest.raises(DataError, match="class Wide"):
        load_model(tmp_path / "m.keras")


def test_paths_of_layers_inside_of_layers() -> None:
    model = Sequential([Input((3,)), Block()])
    model.predict(X, verbose=0)
    paths = [path for path in weight_paths(model) if path.endswith("0")]
    assert paths == [
        "layers/block/last/vars/0",
        "layers/block/many/dense/vars/0",
        "layers/block/many/scale/vars/0",
        "layers/block/many/container/dense/vars/0",
        "layers/block/_hidden/vars/0",
    ]


def test_functions(tmp_path: Path) -> None:
    register_keras_serializable("mine")(squashed)
    model = Sequential([Input((3,)), Dense(3, activation=squashed)])
    model.compile("sgd", own_loss, metrics=[own_loss, "mae"])
    model.train_on_batch(X, X)
    assert copy.deepcopy(model).evaluate(X, X, verbose=0) == model.evaluate(X, X, verbose=0)
    model.save(tmp_path / "m.keras")
    with pytest.raises(DataError, match=r"own_loss.*compile=False"):
        load_model(tmp_path / "m.keras")
    assert not load_model(tmp_path / "m.keras", compile=False).compiled
    loaded = load_model(tmp_path / "m.keras", custom_objects=OBJECTS)
    assert loaded.evaluate(X, X, verbose=0) == model.evaluate(X, X, verbose=0)


def test_a_model_by_subclassing(tmp_path: Path) -> None:
    @register_keras_serializable()
    class Net(Model):
        def __init__(self, width: int = 4, name: str | None = None) -> None:
            super().__init__(name=name)
            self.width = width
            self.inner = Dense(width, activation="tanh")
            self.outer = Dense(2)

        def call(self, inputs):
            return self.outer(self.inner(inputs))

        def get_config(self):
            return {"width": self.width, "name": self.name}

    model = Net(5)
    model.compile("adam", "mse")
    model.fit(X, X[:, :2], verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    assert loaded.train_on_batch(X, X[:, :2]) == pytest.approx(model.train_on_batch(X, X[:, :2]), rel=1e-6)


def test_what_cannot_be() -> None:
    class Plain:
        pass

    with pytest.raises(ArgumentError, match="get_config"):
        register_keras_serializable()(Plain)
    with CustomObjectScope({"a": 1}), CustomObjectScope({"b": 2}):
        assert saving.get_registered_object("a") is None
        assert saving.get_registered_object("b") == 2
    assert saving.get_registered_object("c", {"c": 3}, {"c": 4}) == 3
    assert saving.get_registered_object(None) is None


@pytest.mark.parametrize("functional", [False, True])
def test_from_config_takes_custom_objects(functional: bool) -> None:
    class Unregistered(Layer):
        def call(self, inputs):
            return inputs * 3

        def get_config(self):  # without a name, as Keras's guides write it
            return {}

    x = Input((4,))
    model = Model(x, Unregistered()(x)) if functional else Sequential([x, Unregistered()])
    with pytest.raises(TinyCNNError, match="Unregistered"):
        type(model).from_config(model.get_config())
    twin = (Model if functional else Sequential).from_config(model.get_config(), custom_objects={"Unregistered": Unregistered})
    np.testing.assert_array_equal(twin(np.ones((1, 4), np.float32)).numpy(), [[3, 3, 3, 3]])
