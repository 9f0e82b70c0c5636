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
from tinycnn.errors import ArgumentError
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
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning",
    "ignore:Explicitly requested dtype:UserWarning",  # Keras's MixUp asks JAX for int64
)


def _tables(place: str) -> Any:
    """A module of tests whose tables, of a case or more for everything that is registered, serve here, too."""
    spec = importlib.util.spec_from_file_location("tables", Path(__file__).parents[1] / place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EVERY_LAYER = _tables("layers/test_every_layer.py")
LAYERS = [case for case in EVERY_LAYER.LAYERS if case[0] != "InputLayer"]  # which is in every model
#: What Keras 3.15 gets wrong, or cannot do on a CPU: backend -> (part of the layer's name, argument) -> what.
WRONG_IN: dict[str, dict[tuple[str, str], str]] = {
    "jax": {("RMSNormalization", "axis"): "Keras multiplies by the scale as if its axes were the last ones"},
    "tensorflow": {
        ("Conv", "data_format"): "TensorFlow convolves channels_first on GPUs only",
        ("RMSNormalization", "axis"): "Keras multiplies by the scale as if its axes were the last ones",
    },
    "torch": {
        ("AveragePooling", "padding"): "the torch backend divides by the padding, too",
        ("RMSNormalization", "axis"): "the torch backend normalises the last axes only",
        ("UpSampling", "interpolation"): "the torch backend interpolates with another kernel",
    },
}
#: Layers that compute something else in Keras 3.15, so that only their configs are compared.
DIFFERENT = {"RandomCrop": "out of training it resizes and crops, as Keras says of it; Keras 3.15.1 returns the images as they are"}
#: Arguments that Keras writes as it has understood them: -1 as a number of groups, an axis as a list, a factor as a range.
RESOLVED = ("axis", "groups", "x_factor", "y_factor")


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


def there_and_back(model: Any, x: Any, tmp_path: Path, same: bool = True) -> tuple[Any, Any]:
    """The model as Keras loads it, which computes the `same`, and as tinycnn loads what Keras saves then."""
    path = tmp_path / "here.keras"
    model.save(path)
    theirs = keras.saving.load_model(path)
    if same:
        assert_same_outputs(theirs, model, x)
    path = tmp_path / "there.keras"
    theirs.save(path)
    ours = load_model(path)
    assert_same_outputs(ours, model, x)
    return theirs, ours


@pytest.mark.parametrize(("name", "shape", "arguments"), LAYERS, ids=[f"{name}-{i}" for i, (name, _, _) in enumerate(LAYERS)])
def test_every_layer(name: str, shape: Any, arguments: dict[str, Any], tmp_path: Path) -> None:
    wrong = WRONG_IN.get(keras.backend.backend(), {})
    for (part, argument), reason in wrong.items():
        if part in name and argument in arguments:
            pytest.skip(reason)
    shapes = shape if isinstance(shape, list) else [shape]
    inputs = [Input(s[1:]) for s in shapes]
    layer = getattr(layers, name)(**arguments)
    model = Model(inputs, layer(inputs if isinstance(shape, list) else inputs[0]))
    randomize(model)
    if name in EVERY_LAYER.NEVER_SAVED:
        with pytest.raises(ArgumentError, match="a file never holds code"):
            model.save(tmp_path / "m.keras")
        assert list(tmp_path.iterdir()) == []
        return
    _, ours = there_and_back(model, [values(s, 7) for s in shapes], tmp_path, name not in DIFFERENT)
    got, wanted = ours.layers[-1].get_config(), model.layers[-1].get_config()
    changed = (*RESOLVED, *["seed"] * (wanted.get("seed") is None))  # Keras's RandomCrop draws one then
    assert {key: part for key, part in got.items() if key not in changed} == {
        key: part for key, part in wanted.items() if key not in changed
    }


@pytest.mark.parametrize("layer", [layers.Dropout(0.5), layers.GaussianNoise(1.0), layers.RandomRotation(0.5), layers.Resizing(4, 4)])
def test_training_is_what_the_model_is_told(layer: Any, tmp_path: Path) -> None:
    """Keras writes beside each call the default of `training`, which is True for augmentation."""
    x = Input((8, 8, 1))
    _, ours = there_and_back(Model(x, layer(x)), X, tmp_path)
    random = not isinstance(layer, layers.Resizing)
    assert np.array_equal(ours(X, training=True).numpy(), ours(X, training=False).numpy()) != random


def test_what_normalization_has_adapted_to(tmp_path: Path) -> None:
    layer = layers.Normalization(axis=(1, -1))
    layer.adapt(X)
    model = Sequential([Input((8, 8, 1)), layer])
    theirs, ours = there_and_back(model, X, tmp_path)
    for one in (theirs, ours):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(one.get_weights()[0]), X.mean((0, 2)), rtol=1e-5)


def test_arrays_in_configs(tmp_path: Path) -> None:
    """Keras writes them as {"class_name": "__numpy__"}."""
    scale, offset = np.array([1.0, 2.0, 3.0], np.float32), np.array([[4, 5, 6]])
    theirs = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(scale, offset)])
    theirs.save(tmp_path / "there.keras")
    ours = load_model(tmp_path / "there.keras")
    assert_same_outputs(ours, theirs, Y[:, :3])
    there_and_back(ours, Y[:, :3], tmp_path)


def test_seed_generators(tmp_path: Path) -> None:
    seed = tinycnn.random.SeedGenerator(3, name="dice")
    model = Sequential([Input((4,)), Dense(3, kernel_initializer=tinycnn.initializers.HeNormal(seed))])
    model.save(tmp_path / "here.keras")
    theirs = keras.saving.load_model(tmp_path / "here.keras")
    assert theirs.layers[-1].kernel_initializer.seed.get_config() == seed.get_config()
    theirs.save(tmp_path / "there.keras")
    ours = load_model(tmp_path / "there.keras")
    assert ours.layers[-1].kernel_initializer.seed.get_config() == seed.get_config()


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
def shared_with_a_part() -> Model:
    """A layer that is in a model, and in another model inside of it."""
    inputs, layer = Input((8, 8, 1)), Conv2D(1, 3, padding="same", activation="tanh")
    part = Model(inputs, layer(inputs))
    return Model(inputs, Dense(3, activation="softmax")(Flatten()(part(part(layer(inputs))))))


def not_ascii() -> Model:
    names = [*(f"größe_{i}" for i in range(9)), "long_" * 400]
    return Sequential([Input((8, 8, 1)), Flatten(), *(Dense(3, name=name) for name in names)])


MODELS: dict[str, tuple[Callable[[], Model], Any, Any, Any]] = {
    "stack": (stack, X, KINDS, "categorical_crossentropy"),
    "nested": (nested, X, KINDS, "categorical_crossentropy"),
    "skip": (skip, X, KINDS, "categorical_crossentropy"),
    "shared": (shared, [X, X[::-1].copy()], KINDS, "categorical_crossentropy"),
    "with ops": (with_ops, X, KINDS, "categorical_crossentropy"),
    "two outputs": (two_outputs, X, [KINDS, PLACES], ["categorical_crossentropy", "mse"]),
    "names that are not ASCII": (not_ascii, X, KINDS, "mse"),
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


def test_a_shared_layer_stays_one_layer(tmp_path: Path) -> None:
    model = shared_with_a_part()
    model.compile("adam", "categorical_crossentropy")
    losses_of(model, X, KINDS, 2)
    theirs, ours = there_and_back(model, X, tmp_path)
    model.save(tmp_path / "here.h5")
    again = load_model(tmp_path / "here.h5")
    for found in (theirs, ours, again, tinycnn.models.model_from_json(model.to_json())):
        assert len(found.weights) == len(model.weights) == 4
    assert_go_on_alike([model, ours, again], X, KINDS)
    assert "shared_object_id" not in nested().to_json()


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
    ("Adafactor", {"learning_rate": 0.3}),
    ("Adafactor", {"learning_rate": 0.3, "use_ema": True, "ema_momentum": 0.5}),
    ("Adafactor", {"learning_rate": 0.3, "gradient_accumulation_steps": 2}),
    ("Lamb", {"learning_rate": 0.01}),
    ("Lion", {"learning_rate": 0.01}),
    ("Ftrl", {"learning_rate": 0.1}),
    ("SGD", {"learning_rate": schedules.CosineDecay(0.1, 7, warmup_target=0.2, warmup_steps=2)}),
    ("Adam", {"gradient_accumulation_steps": 2}),
    ("Nadam", {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}),
]
SCHEDULES: list[schedules.LearningRateSchedule] = [
    schedules.ExponentialDecay(0.1, 3, 0.5, staircase=True),
    schedules.InverseTimeDecay(0.1, 3, 0.5),
    schedules.PiecewiseConstantDecay([2, 4], [0.1, 0.2, 0.3]),
    schedules.PolynomialDecay(0.1, 3, 0.01, power=2.0, cycle=True),
    schedules.CosineDecay(0.1, 7, alpha=0.1, warmup_target=0.2, warmup_steps=2),
    schedules.CosineDecayRestarts(0.1, 2.5, t_mul=1.5, m_mul=0.5, alpha=0.1),  # no step is at a restart, where rounding decides
]
Y = values((12, 4), 5)


def test_every_optimizer_has_a_case() -> None:
    assert public("optimizer", tinycnn.optimizers) - {"Optimizer"} == {name for name, _ in OPTIMIZERS}


@pytest.mark.parametrize(("name", "arguments"), OPTIMIZERS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(OPTIMIZERS)])
def test_every_optimizer(name: str, arguments: dict[str, Any], tmp_path: Path) -> None:
    model = Sequential([Input((4,)), Dense(3, activation="tanh"), BatchNormalization(), Dense(3, activation="softmax")])
    model.compile(getattr(tinycnn.optimizers, name)(**arguments), "categorical_crossentropy")
    losses_of(model, Y, KINDS, 3)
    theirs, ours = there_and_back(model, Y, tmp_path)
    assert_go_on_alike([model, theirs, ours], Y, KINDS)


def public(kind: str, module: Any) -> set[str]:
    """The names of the public, registered classes of a kind."""
    found = {registry.lookup(kind, name) for name in registry.names(kind)}
    return {c.__name__ for c in found if isinstance(c, type) and getattr(module, c.__name__, None) is c}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: type(schedule).__name__)
def test_every_schedule(schedule: Any, tmp_path: Path) -> None:
    model = Sequential([Input((4,)), Dense(3)])
    model.compile(tinycnn.optimizers.SGD(schedule), "mse", steps_per_execution=2)
    theirs, ours = there_and_back(model, Y, tmp_path)
    assert theirs.steps_per_execution == ours.steps_per_execution == 2
    for step in range(9):
        theirs.optimizer._iterations.assign(step)
        ours.optimizer.iterations = step
        for one in (theirs, ours):
            assert float(one.optimizer.learning_rate) == pytest.approx(schedule(step), rel=1e-5)


def test_every_schedule_has_a_case() -> None:
    assert {type(schedule).__name__ for schedule in SCHEDULES} == public("schedule", schedules)


LOSSES = _tables("test_losses_against_keras.py").CASES
METRICS = _tables("test_metrics_against_keras.py").CASES
#: Losses whose arguments Keras 3.15 forgets when it saves.
FORGOTTEN = ("CosineSimilarity", "Huber")
NO_METRIC = {"Mean", "MeanMetricWrapper", "Sum"}  # they have no targets, or need a function


def assert_same_results(models: list[Any], x: Any, y: Any, but: str = "") -> None:
    for model in models:
        model.jit_compile = False  # for a step or two it is not worth while
    first, *others = [model.test_on_batch(x, y, return_dict=True) for model in models]
    for other in others:
        assert set(other) == set(first)
        for key in set(first) - {but}:
            np.testing.assert_allclose(keras.ops.convert_to_numpy(other[key]), first[key], rtol=2e-5, atol=1e-6, err_msg=key)


def compiled(x: np.ndarray, loss: Any, metric: Any = None) -> Model:
    """A model that gives back x."""
    model = Sequential([Input(x.shape[1:]), Activation("linear")])
    model.compile("sgd", loss, metrics=None if metric is None else [metric])
    return model


def test_every_loss_and_metric_has_a_case() -> None:
    assert {name for name in public("loss", losses) if not name.endswith("Wrapper")} == {name for name, *_ in LOSSES}
    assert public("metric", metrics) - NO_METRIC == {name for name, *_ in METRICS}


@pytest.mark.parametrize(("name", "y", "x", "arguments"), LOSSES, ids=[f"{case[0]}-{i}" for i, case in enumerate(LOSSES)])
def test_every_loss(name: str, y: np.ndarray, x: np.ndarray, arguments: dict[str, Any], tmp_path: Path) -> None:
    model = compiled(x, getattr(losses, name)(**arguments))
    theirs, ours = there_and_back(model, x, tmp_path)
    forgotten = arguments and name in FORGOTTEN
    assert_same_results([model, theirs, load_model(tmp_path / "here.keras") if forgotten else ours], x, y)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning")  # by Keras's IoU, of JAX
@pytest.mark.filterwarnings("ignore:More independent predictors:UserWarning")  # by Keras's R2Score, on batches as small as these
@pytest.mark.parametrize(("name", "y", "x", "arguments"), METRICS, ids=[f"{case[0]}-{i}" for i, case in enumerate(METRICS)])
def test_every_metric(name: str, y: np.ndarray, x: np.ndarray, arguments: dict[str, Any], tmp_path: Path) -> None:
    if arguments.get("num_regressors") and keras.backend.backend() != "torch":
        pytest.skip("Keras's R2Score asks for the value of a tensor while it is traced")
    x, y = (x[:, None], y[:, None]) if x.ndim == 1 else (x, y)
    model = compiled(x, "mse" if x.shape == y.shape else "sparse_categorical_crossentropy", getattr(metrics, name)(**arguments))
    assert_same_results([model, *there_and_back(model, x, tmp_path)], x, y, but="loss")  # backends differ in what is no probability


@pytest.mark.parametrize("metric", ["accuracy", "acc", "mae"])
def test_metrics_by_name(metric: str, tmp_path: Path) -> None:
    model = compiled(Y, "mse", metric)
    assert_same_results([model, *there_and_back(model, Y, tmp_path)], Y, Y[::-1])


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
