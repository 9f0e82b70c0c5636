"""Files go both ways between tinycnn and the installed Keras: same predictions, and training goes on with the same losses."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinycnn
from tinycnn import layers, losses, metrics, ops, registry
from tinycnn.layers import (
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    LeakyReLU,
    MaxPooling2D,
)
from tinycnn.models import Model, Sequential
from tinycnn.optimizers import schedules
from tinycnn.saving import load_model

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def _cases() -> list[tuple[str, Any, dict[str, Any]]]:
    """One entry for each case of every registered layer: the table is that of tests/layers, which fails for layers without a case."""
    spec = importlib.util.spec_from_file_location("every_layer", Path(__file__).parents[1] / "layers" / "test_every_layer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.LAYERS


CASES = _cases()
#: Layers that Keras has not, or that compute something else there, with the reason.
ONLY_HERE: dict[str, str] = {"InputLayer": "it is in every model"}
#: What Keras 3.15 gets wrong, or cannot do on a CPU: backend -> (part of the layer's name, argument) -> what.
WRONG_IN: dict[str, dict[tuple[str, str], str]] = {
    "tensorflow": {("Conv", "data_format"): "TensorFlow convolves channels_first on GPUs only"},
    "torch": {
        ("AveragePooling", "padding"): "the torch backend divides by the padding, too",
        ("RMSNormalization", "axis"): "the torch backend normalises the last axes only",
        ("UpSampling", "interpolation"): "the torch backend interpolates with another kernel",
    },
}
#: Arguments that Keras writes as it has understood them: -1 as a number of groups, an axis as a list.
RESOLVED = ("axis", "groups")


def values(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 1, shape).astype(np.float32)


def randomize(model: Any) -> None:
    """Weights that show when they are in the wrong place; positive, for some are variances."""
    model.set_weights([values(w.shape, seed) / 4 for seed, w in enumerate(model.get_weights())])


def outputs(model: Any, x: Any) -> list[np.ndarray]:
    found = model(x, training=False)
    found = list(found.values()) if isinstance(found, dict) else found if isinstance(found, (list, tuple)) else [found]
    return [part.numpy() if isinstance(part, tinycnn.Tensor) else keras.ops.convert_to_numpy(part) for part in found]


def assert_same_outputs(one: Any, other: Any, x: Any) -> None:
    for got, wanted in zip(outputs(one, x), outputs(other, x), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def there_and_back(model: Any, x: Any, tmp_path: Path, ending: str = ".keras") -> tuple[Any, Any]:
    """The model as Keras loads it, and as tinycnn loads what Keras saves then."""
    path = tmp_path / f"here{ending}"
    model.save(path)
    theirs = keras.saving.load_model(path)
    assert_same_outputs(theirs, model, x)
    path = tmp_path / f"there{ending}"
    theirs.save(path)
    ours = load_model(path)
    assert_same_outputs(ours, model, x)
    return theirs, ours


@pytest.mark.parametrize(("name", "shape", "arguments"), CASES, ids=[f"{name}-{i}" for i, (name, _, _) in enumerate(CASES)])
def test_every_layer(name: str, shape: Any, arguments: dict[str, Any], tmp_path: Path) -> None:
    if name in ONLY_HERE:
        pytest.skip(ONLY_HERE[name])
    wrong = WRONG_IN.get(keras.backend.backend(), {})
    for (part, argument), reason in wrong.items():
        if part in name and argument in arguments:
            pytest.skip(reason)
    shapes = shape if isinstance(shape, list) else [shape]
    inputs = [Input(s[1:]) for s in shapes]
    layer = getattr(layers, name)(**arguments)
    model = Model(inputs, layer(inputs if isinstance(shape, list) else inputs[0]))
    randomize(model)
    _, ours = there_and_back(model, [values(s, 7) for s in shapes], tmp_path)
    got, wanted = ours.layers[-1].get_config(), model.layers[-1].get_config()
    assert {key: part for key, part in got.items() if key not in RESOLVED} == {k: part for k, part in wanted.items() if k not in RESOLVED}


# ---- whole models
def stack() -> Model:
    return Sequential(
        [
            *(Input((8, 8, 1)), Conv2D(4, 3, padding="same", kernel_regularizer="l2"), BatchNormalization(), LeakyReLU(0.1)),
            *(MaxPooling2D(2, padding="same"), Conv2D(4, 3, activation="relu", use_bias=False), Flatten(), Dropout(0.0)),
            *(Dense(5, activation=LeakyReLU(0.2), kernel_initializer="he_normal"), Dense(3), Activation("softmax")),
        ]
    )


def nested() -> Model:
    inner = Sequential([Input((8, 8, 1)), Conv2D(2, 3), Sequential([Conv2D(3, 3, activation="tanh"), BatchNormalization()])])
    x = Input((8, 8, 1))
    features = Model(x, GlobalAveragePooling2D()(inner(x)), name="features")
    y = Input((8, 8, 1))
    return Model(y, Dense(3, activation="softmax")(features(y)))


def skip() -> Model:
    x = Input((8, 8, 1))
    y = Conv2D(4, 3, padding="same", activation="relu")(x)
    z = DepthwiseConv2D(3, padding="same", depth_multiplier=1)(y)
    z = Conv2D(4, 1, padding="same")(BatchNormalization()(z))
    z = Flatten()(MaxPooling2D()(Add()([y, z])))
    return Model(x, Dense(3, activation="softmax")(z))


def shared() -> Model:
    """Two inputs through the same layers, one of which is called twice in a row."""
    x, y = Input((8, 8, 1)), Input((8, 8, 1), name="other")
    conv, twice = Conv2D(2, 3, activation="relu"), Dense(4, activation="tanh")
    both = [Flatten()(conv(x)), Flatten()(conv(y))]
    z = Dense(4)(Concatenate()(both))
    return Model([x, y], Dense(3, activation="softmax")(twice(twice(z))))


def two_outputs() -> Model:
    x = Input((8, 8, 1))
    y = Flatten()(Conv2D(2, 3)(x))
    return Model(x, [Dense(3, activation="softmax", name="kind")(y), Dense(2, name="place")(y)])


def with_ops() -> Model:
    """Operators and functions on symbolic tensors, among layers."""
    x = Input((8, 8, 1))
    y = Conv2D(2, 3, padding="same")(x)
    z = ops.leaky_relu(2.0 * y - x, 0.1) / (ops.abs(x) + 1.0)
    z = ops.concatenate([z[:, 1:], ops.transpose(ops.clip(y, -1.0, 0.5), (0, 2, 1, 3))[:, ::2]], axis=1)
    z = ops.reshape(ops.max(z, axis=-1, keepdims=True), (-1, 88))
    return Model(x, ops.softmax(Dense(3)(ops.stop_gradient(ops.mean(z)) + z)))


def by_name() -> Model:
    a, b = Input((8, 8, 1), name="a"), Input((8, 8, 1), name="b")
    z = Flatten()(Add()([Conv2D(2, 3)(b), Conv2D(2, 3)(a)]))
    return Model({"a": a, "b": b}, {"z": Dense(2)(z), "y": Dense(3, activation="softmax")(z)})


#: Dicts of inputs, and ops, which Keras writes there without their modules, are lost in the format of Keras 2.
NOT_IN_H5 = ("by name", "with ops")
#: Models that are not trained in Keras where it compiles, for that takes long.
SLOW_IN_JAX = ("nested", "skip", "with ops")
X = values((12, 8, 8, 1), 1)
KINDS = np.eye(3, dtype=np.float32)[np.arange(12) % 3]
PLACES = values((12, 2), 3)

#: Function that makes the model, x, y, and the loss.
MODELS: dict[str, tuple[Callable[[], Model], Any, Any, Any]] = {
    "stack": (stack, X, KINDS, "categorical_crossentropy"),
    "nested": (nested, X, KINDS, "categorical_crossentropy"),
    "skip": (skip, X, KINDS, "categorical_crossentropy"),
    "shared": (shared, [X, X[::-1].copy()], KINDS, "categorical_crossentropy"),
    "with ops": (with_ops, X, KINDS, "categorical_crossentropy"),
    "two outputs": (two_outputs, X, [KINDS, PLACES], ["categorical_crossentropy", "mse"]),
    "by name": (by_name, {"a": X, "b": X[::-1].copy()}, {"y": KINDS, "z": PLACES}, {"y": "categorical_crossentropy", "z": "mse"}),
}


def losses_of(model: Any, x: Any, y: Any, steps: int = 3) -> list[float]:
    return [float(model.train_on_batch(x, y, return_dict=True)["loss"]) for _ in range(steps)]


def assert_go_on_alike(models: list[Any], x: Any, y: Any) -> None:
    first, *others = [losses_of(model, x, y) for model in models]
    assert np.all(np.isfinite(first))
    for other in others:
        np.testing.assert_allclose(other, first, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model(name: str, tmp_path: Path) -> None:
    make, x, y, loss = MODELS[name]
    model = make()
    model.compile("adam", loss)
    losses_of(model, x, y, 2)
    theirs, ours = there_and_back(model, x, tmp_path)
    assert ours.optimizer.iterations == int(theirs.optimizer.iterations) == 2
    assert_go_on_alike([model, ours] if name in SLOW_IN_JAX and keras.backend.backend() == "jax" else [model, theirs, ours], x, y)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in NOT_IN_H5])
def test_the_format_of_keras_2(name: str, tmp_path: Path) -> None:
    make, x, y, loss = MODELS[name]
    model = make()
    model.compile("adam", loss)
    losses_of(model, x, y, 2)
    model.save(tmp_path / "here.h5")
    assert_same_outputs(keras.saving.load_model(tmp_path / "here.h5"), model, x)
    model.save(tmp_path / "here.keras")
    theirs = keras.saving.load_model(tmp_path / "here.keras")  # from its .h5 files Keras does not bring back the optimizer's state
    theirs.save(tmp_path / "there.h5")
    ours = [load_model(tmp_path / "here.h5"), load_model(tmp_path / "there.h5")]
    assert_same_outputs(ours[1], model, x)
    assert_go_on_alike([model, *ours], x, y)


@pytest.mark.parametrize("name", MODELS)
def test_weights_alone(name: str, tmp_path: Path) -> None:
    make, x, _, _ = MODELS[name]
    model = make()
    randomize(model)
    theirs = keras.models.model_from_json(model.to_json())
    model.save_weights(tmp_path / "here.weights.h5")
    theirs.load_weights(tmp_path / "here.weights.h5")
    assert_same_outputs(theirs, model, x)
    theirs.save_weights(tmp_path / "there.weights.h5")
    ours = tinycnn.models.model_from_json(theirs.to_json())
    ours.load_weights(tmp_path / "there.weights.h5")
    assert_same_outputs(ours, model, x)


# ---- what models are compiled with
OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"amsgrad": True, "clipnorm": 0.5}),
    ("AdamW", {"weight_decay": 0.1, "use_ema": True, "ema_momentum": 0.5}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Adagrad", {"initial_accumulator_value": 0.3}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Lion", {"learning_rate": 0.01}),
    ("Ftrl", {"learning_rate": 0.1}),
    ("SGD", {"learning_rate": schedules.CosineDecay(0.1, 7, warmup_target=0.2, warmup_steps=2)}),
    ("Adam", {"gradient_accumulation_steps": 2}),
]
Y = values((12, 4), 5)


def test_every_optimizer_has_a_case() -> None:
    classes = {registry.lookup("optimizer", name).__name__ for name in registry.names("optimizer")}
    assert {name for name in classes if hasattr(tinycnn.optimizers, name)} == {name for name, _ in OPTIMIZERS}


@pytest.mark.parametrize(("name", "arguments"), OPTIMIZERS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(OPTIMIZERS)])
def test_every_optimizer(name: str, arguments: dict[str, Any], tmp_path: Path) -> None:
    model = Sequential([Input((4,)), Dense(3, activation="tanh"), BatchNormalization(), Dense(3, activation="softmax")])
    model.compile(getattr(tinycnn.optimizers, name)(**arguments), "categorical_crossentropy")
    losses_of(model, Y, KINDS, 3)
    theirs, ours = there_and_back(model, Y, tmp_path)
    assert_go_on_alike([model, theirs, ours], Y, KINDS)


LABELS = np.arange(12) % 3
TARGETS = {"Sparse": LABELS, "Hinge": 2 * KINDS - 1}


def classes(kind: str, module: Any) -> list[str]:
    """The public, registered classes of a kind."""
    found = {registry.lookup(kind, name) for name in registry.names(kind)}
    return sorted(c.__name__ for c in found if isinstance(c, type) and getattr(module, c.__name__, None) is c)


def targets_of(name: str) -> np.ndarray:
    return next((y for part, y in TARGETS.items() if part in name), KINDS)


def compiled(loss: Any, metric: Any = None, activation: str = "softmax") -> Model:
    model = Sequential([Input((4,)), Dense(3, activation=activation)])
    model.compile("sgd", loss, metrics=None if metric is None else [metric])
    return model


def assert_same_results(name: str, models: list[Any]) -> None:
    y = targets_of(name)
    first, *others = [model.test_on_batch(Y, y, return_dict=True) for model in models]
    for other in others:
        assert {key: float(value) for key, value in other.items()} == pytest.approx(first, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", [name for name in classes("loss", losses) if not name.endswith("Wrapper")])
def test_every_loss(name: str, tmp_path: Path) -> None:
    model = compiled(getattr(losses, name)(), activation="sigmoid" if "Binary" in name else "softmax")
    assert_same_results(name, [model, *there_and_back(model, Y, tmp_path)])


NO_METRIC = {"Mean": "it has no targets", "Sum": "it has no targets", "MeanMetricWrapper": "it needs a function"}


@pytest.mark.parametrize("name", [name for name in classes("metric", metrics) if name not in NO_METRIC])
def test_every_metric(name: str, tmp_path: Path) -> None:
    loss = "sparse_categorical_crossentropy" if targets_of(name) is LABELS else "mse"
    model = compiled(loss, getattr(metrics, name)(**({"k": 2} if "TopK" in name else {})), "sigmoid" if "Binary" in name else "softmax")
    assert_same_results(name, [model, *there_and_back(model, Y, tmp_path)])


@pytest.mark.parametrize("metric", ["accuracy", "acc", "mae"])
def test_metrics_by_name(metric: str, tmp_path: Path) -> None:
    model = compiled("mse", metric)
    assert_same_results("", [model, *there_and_back(model, Y, tmp_path)])


# ---- layers inside of layers of one's own
def block(framework: Any) -> Any:
    """A layer with others in attributes, a list, a list in it, a dict and a private attribute, made for either framework."""

    class Block(framework.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            dense = framework.layers.Dense
            self.zeta = dense(4)
            self.alpha = dense(4)
            self.many = [dense(4), framework.layers.BatchNormalization(), [dense(4), dense(4)]]
            self.named = {"b": dense(4), "a": dense(4)}
            self._hidden = dense(4)

        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight(shape=(4,), initializer="ones", name="factor")
            for layer in self.parts():
                layer.build(input_shape)
            self.built = True

        def parts(self) -> list[Any]:
            return [self.zeta, self.alpha, *self.many[:2], *self.many[2], self.named["b"], self.named["a"], self._hidden]

        def call(self, inputs: Any) -> Any:
            for layer in self.parts():
                inputs = layer(inputs)
            return inputs * self.factor

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    return Block


def test_layers_inside_of_layers(tmp_path: Path) -> None:
    ours = Sequential([Input((4,)), block(tinycnn)(), Dense(2)])
    theirs = keras.Sequential([keras.Input((4,)), block(keras)(), keras.layers.Dense(2)])
    randomize(ours)
    ours.save_weights(tmp_path / "here.weights.h5")
    theirs.load_weights(tmp_path / "here.weights.h5")
    assert_same_outputs(theirs, ours, Y)
    randomize(theirs)
    theirs.save_weights(tmp_path / "there.weights.h5")
    ours.load_weights(tmp_path / "there.weights.h5")
    assert_same_outputs(theirs, ours, Y)
    ours.save(tmp_path / "here.keras")
    loaded = keras.saving.load_model(tmp_path / "here.keras", custom_objects={"Block": block(keras)})
    assert_same_outputs(loaded, ours, Y)
    theirs.save(tmp_path / "there.keras")
    assert_same_outputs(load_model(tmp_path / "there.keras", custom_objects={"Block": block(tinycnn)}), theirs, Y)
