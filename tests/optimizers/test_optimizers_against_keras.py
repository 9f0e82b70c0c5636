"""Twenty steps of every optimizer beside the installed Keras: the weights, and all that the optimizer keeps, in Keras's order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinycnn import Variable, optimizers
from tinycnn.optimizers import schedules

keras = pytest.importorskip("keras")

STEPS = 20
#: Keras's TensorFlow backend rounds settings such as beta_2 to float32, and JAX computes in float32 as it is set up here.
DTYPE, TOLERANCE = {"torch": ("float64", 1e-7), "jax": ("float32", 1e-4)}.get(keras.backend.backend(), ("float64", 1e-5))
SCHEDULE = {"initial_learning_rate": 0.1, "decay_steps": 7, "warmup_target": 0.2, "warmup_steps": 5}

RULES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"learning_rate": 0.1}),
    ("Adam", {"learning_rate": 0.1, "beta_1": 0.7, "beta_2": 0.8, "epsilon": 0.01, "amsgrad": True}),
    ("AdamW", {"learning_rate": 0.1, "weight_decay": 0.1}),
    ("Adamax", {"learning_rate": 0.1, "beta_2": 0.9}),
    ("Nadam", {"learning_rate": 0.1, "beta_1": 0.8}),
    ("RMSprop", {"learning_rate": 0.1}),
    ("RMSprop", {"learning_rate": 0.1, "rho": 0.7, "momentum": 0.5, "centered": True, "epsilon": 1e-3}),
    ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.3, "epsilon": 0.01}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.8}),
    ("Lamb", {"learning_rate": 0.1}),
    ("Lamb", {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 0.01}),
    ("Lion", {"learning_rate": 0.01, "beta_1": 0.8}),
    ("Adafactor", {"learning_rate": 0.3}),
    ("Adafactor", {"learning_rate": 0.3, "beta_2_decay": -0.5, "epsilon_2": 0.1, "clip_threshold": 0.5, "relative_step": False}),
    ("Ftrl", {"learning_rate": 0.1}),
    (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "learning_rate_power": -0.7,
            "l1_regularization_strength": 0.2,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.05,
            "beta": 0.1,
        },
    ),
]

OPTIONS: list[dict[str, Any]] = [
    {"clipnorm": 0.5},
    {"clipvalue": 0.25},
    {"global_clipnorm": 0.5},
    {"clipnorm": 0.0},
    {"weight_decay": 0.1},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 2, "weight_decay": 0.1},
    {"gradient_accumulation_steps": 3, "global_clipnorm": 1.0, "learning_rate": schedules.CosineDecay(**SCHEDULE)},
    {"learning_rate": schedules.CosineDecay(**SCHEDULE), "weight_decay": 0.05},
]

#: JAX compiles every operation anew, and takes its time.
WITH_OPTIONS = ("SGD",) if keras.backend.backend() == "jax" else ("SGD", "Adam", "Nadam")
CASES = [*RULES, *[(name, {"learning_rate": 0.1} | options) for name in WITH_OPTIONS for options in OPTIONS]]


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def _keras_in_double() -> Iterator[None]:
    before = keras.config.floatx()
    keras.config.set_floatx(DTYPE)
    yield
    keras.config.set_floatx(before)


def start() -> list[np.ndarray]:
    return [np.array([[1, -2, 3], [0.5, 0.25, -4]], DTYPE), np.linspace(-1, 1, 6, dtype=DTYPE).reshape(2, 3)]


def gradients(step: int) -> list[np.ndarray]:
    return [wave.reshape(2, 3).astype(DTYPE) for wave in (3 * np.sin(np.arange(6) + 0.7 * step), np.cos(np.arange(6) * step))]


def arguments_for_keras(arguments: dict[str, Any]) -> dict[str, Any]:
    return {k: keras.optimizers.schedules.CosineDecay(**SCHEDULE) if callable(v) else v for k, v in arguments.items()}


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=[f"{i} {name}" for i, (name, _) in enumerate(CASES)])
def test_twenty_steps(name: str, arguments: dict[str, Any]) -> None:
    ours, theirs = getattr(optimizers, name)(**arguments), getattr(keras.optimizers, name)(**arguments_for_keras(arguments))
    mine = [Variable(w, name=n) for w, n in zip(start(), ("kernel", "bias"), strict=True)]
    others = [keras.Variable(w, name=n, dtype=DTYPE) for w, n in zip(start(), ("kernel", "bias"), strict=True)]
    for optimizer in (ours, theirs):
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    ours.build(mine)
    theirs.build(others)
    for step in range(STEPS):
        ours.apply(gradients(step), mine)
        theirs.apply([keras.ops.convert_to_tensor(g) for g in gradients(step)], others)
        for a, b in zip(mine, others, strict=True):
            np.testing.assert_allclose(
                a.numpy(), keras.ops.convert_to_numpy(b.value), TOLERANCE, 10 * TOLERANCE, err_msg=f"{a.name}, step {step}"
            )
        assert ours.iterations == int(theirs.iterations)
        assert ours.learning_rate == pytest.approx(float(theirs.learning_rate), rel=1e-6)
    assert [v.shape for v in ours.variables] == [v.shape for v in theirs.variables]
    kept = [keras.ops.convert_to_numpy(v.value) for v in theirs.variables]
    state = ours.get_state()
    assert [a.shape for a in state.values()] == [b.shape for b in kept]
    for (key, a), b in zip(state.items(), kept, strict=True):
        np.testing.assert_allclose(a, b, TOLERANCE, 10 * TOLERANCE, err_msg=key)


@pytest.mark.parametrize(("name", "arguments"), RULES, ids=[f"{i} {name}" for i, (name, _) in enumerate(RULES)])
def test_configs_are_those_of_keras(name: str, arguments: dict[str, Any]) -> None:
    ours, theirs = getattr(optimizers, name)(**arguments).get_config(), getattr(keras.optimizers, name)(**arguments).get_config()
    assert set(ours) == set(theirs)
    for key in set(theirs) - {"learning_rate", "name"}:
        assert ours[key] == theirs[key], key
    getattr(keras.optimizers, name).from_config(ours)
    getattr(optimizers, name).from_config(theirs)


def test_adafactor_keeps_means_of_rows_and_columns() -> None:
    ours, theirs = optimizers.Adafactor(0.3), keras.optimizers.Adafactor(0.3)
    values = [np.linspace(-1, 1, 5, dtype=DTYPE), np.sin(np.arange(120, dtype=DTYPE)).reshape(2, 3, 4, 5)]
    mine, others = [Variable(w) for w in values], [keras.Variable(w, dtype=DTYPE) for w in values]
    for step in range(3):
        grads = [np.cos(np.arange(w.size) * 0.7 + step).reshape(w.shape).astype(DTYPE) for w in values]
        ours.apply(grads, mine)
        theirs.apply([keras.ops.convert_to_tensor(g) for g in grads], others)
    for a, b in zip([v.numpy() for v in mine] + list(ours.get_state().values()), others + theirs.variables, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, keras.ops.convert_to_numpy(b.value), TOLERANCE, 10 * TOLERANCE)


SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [3, 10], "values": [0.5, 0.2, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "end_learning_rate": 0.02, "power": 2.0, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "alpha": 0.1}),
    ("CosineDecay", SCHEDULE),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 4}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 6, "t_mul": 1.0, "m_mul": 0.8, "alpha": 0.1}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.5, "m_mul": 0.7}),
]


@pytest.mark.parametrize(("name", "arguments"), SCHEDULES, ids=[f"{i} {name}" for i, (name, _) in enumerate(SCHEDULES)])
def test_schedules(name: str, arguments: dict[str, Any]) -> None:
    ours, theirs = getattr(schedules, name)(**arguments), getattr(keras.optimizers.schedules, name)(**arguments)
    assert ours.get_config() == theirs.get_config()
    for step in range(40):
        assert ours(step) == pytest.approx(float(theirs(step)), rel=1e-5, abs=1e-7), step
