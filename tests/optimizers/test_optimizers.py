"""Every optimizer against Keras 3.15.1 (TensorFlow backend): the weights after four steps with the gradients below."""

from __future__ import annotations

import copy
import json
import pickle
import re

import numpy as np
import pytest

from tinycnn import Tensor, Variable, optimizers
from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError, ShapeError
from tinycnn.optimizers import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lamb,
    LearningRateSchedule,
    Lion,
    Nadam,
    Optimizer,
    RMSprop,
    legacy,
    schedules,
)
from tinycnn.registry import register
from tinycnn.testing import compare_backends

KERAS = [
    (SGD, {}, [0.99, -1.98, 2.97, 0.3], [0.084, -0.192]),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9}, [0.81441, -1.62882, 2.44323, -3.2118], [-0.4245, 0.06225]),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}, [0.732969, -1.465938, 2.198907, -4.84062], [-0.53205, 0.116025]),
    (SGD, {"learning_rate": 0.1, "clipvalue": 0.25}, [0.92, -1.905, 2.9, 0.4], [0.05, -0.15]),
    (SGD, {"learning_rate": 0.1, "clipnorm": 0.5}, [0.99017, -1.980341, 2.970512, 0.303411], [0.010557, -0.155279]),
    (SGD, {"learning_rate": 0.1, "global_clipnorm": 0.5}, [0.99051, -1.981019, 2.971529, 0.310191], [0.070781, -0.18539]),
    (SGD, {"learning_rate": 0.1, "weight_decay": 0.1}, [0.861591, -1.723182, 2.584773, -1.499802], [-0.059576, -0.114301]),
    (SGD, {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.9}, [0.97488, -1.94976, 2.92464, -0.0024], [-0.01806, -0.14097]),
    (
        SGD,
        {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
        [0.9375, -1.875, 2.8125, -0.75],
        [-0.035, -0.1325],
    ),
    (Adam, {}, [0.996116, -1.996117, 2.996117, 0.496116], [0.096626, -0.196626]),
    (
        Adam,
        {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 0.01},
        [0.658738, -1.63638, 2.627994, 0.112407],
        [-0.219535, 0.110553],
    ),
    (Adam, {"learning_rate": 0.1, "amsgrad": True}, [0.611649, -1.611646, 2.611646, 0.111644], [-0.237446, 0.137445]),
    (
        Adam,
        {"learning_rate": 0.1, "weight_decay": 0.1, "global_clipnorm": 0.5, "use_ema": True},
        [0.883556, -1.872962, 2.862373, 0.388834],
        [-0.005545, -0.093398],
    ),
    (AdamW, {"learning_rate": 0.1}, [0.610286, -1.608684, 2.607084, 0.11108], [-0.237376, 0.137535]),
    (RMSprop, {"learning_rate": 0.1}, [-0.099738, -0.900247, 1.900245, -0.599758], [-0.383234, 0.283233]),
    (RMSprop, {"learning_rate": 0.1, "momentum": 0.5}, [-0.720238, -0.279734, 1.27973, -1.220274], [-0.815891, 0.71589]),
    (RMSprop, {"learning_rate": 0.1, "centered": True}, [-0.227055, -0.772926, 1.772923, -0.72708], [-0.420526, 0.320525]),
    (
        RMSprop,
        {"learning_rate": 0.1, "momentum": 0.5, "centered": True, "rho": 0.7},
        [-0.432497, -0.567492, 1.56749, -0.932511],
        [-0.599946, 0.499945],
    ),
    (Adamax, {"learning_rate": 0.1}, [0.688899, -1.688898, 2.688899, 0.188898], [-0.171189, 0.071189]),
    (Nadam, {"learning_rate": 0.1}, [0.613772, -1.613772, 2.613772, 0.113772], [-0.087878, -0.012122]),
    (Adagrad, {"learning_rate": 0.1}, [0.793726, -1.729499, 2.701383, 0.158901], [-0.045216, -0.070095]),
    (Adadelta, {"learning_rate": 1.0}, [0.992099, -1.992099, 2.992099, 0.492099], [0.097541, -0.197541]),
    (Lion, {"learning_rate": 0.1}, [0.6, -1.6, 2.6, 0.1], [-0.1, 0.0]),
    (Ftrl, {"learning_rate": 0.1, "l1_regularization_strength": 0.01}, [-0.157587, -0.036517, 0.52266, 0.08032], [-0.074414, 0.035485]),
    (Adam, {"learning_rate": 0.1, "gradient_accumulation_steps": 2}, [0.805219, -1.805217, 2.805217, 0.305216], [-0.067004, -0.032997]),
    (Lamb, {"learning_rate": 0.1}, [0.333429, -1.333429, 2.333429, -0.166571], [0.045081, -0.145081]),
    (Adafactor, {"learning_rate": 0.1}, [0.333429, -1.333429, 2.333429, -0.166571], [0.074053, -0.174053]),
]


def variables(dtype: str = "float32") -> list[Variable]:
    return [
        Variable(np.array([1, -2, 3, 0.5], dtype), name="kernel"),
        Variable(np.array([0.1, -0.2], dtype), name="bias"),
    ]


def gradients(step: int) -> list[np.ndarray]:
    return [np.array([0.1, -0.2, 0.3, 2.0]) * (1 + step), np.array([1.0, -0.5]) * (1 - 0.4 * step)]


def train(optimizer: Optimizer, parts: list[Variable], steps: range = range(4)) -> None:
    for i in steps:
        optimizer.apply(gradients(i), parts)


@pytest.mark.parametrize(("cls", "arguments", "kernel", "bias"), KERAS, ids=lambda x: x.__name__ if isinstance(x, type) else None)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_of_keras(cls: type[Optimizer], arguments: dict, kernel: list[float], bias: list[float], dtype: str) -> None:
    parts, optimizer = variables(dtype), cls(**arguments)
    train(optimizer, parts)
    optimizer.finalize_variable_values()
    np.testing.assert_allclose(parts[0].numpy(), kernel, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(parts[1].numpy(), bias, rtol=2e-5, atol=2e-5)


CONTINUED = [row[:2] for row in KERAS] + [(Adafactor, {"use_ema": True}), (Adafactor, {"gradient_accumulation_steps": 3})]


@pytest.mark.parametrize(("cls", "arguments"), CONTINUED, ids=lambda x: x.__name__ if isinstance(x, type) else None)
def test_config_and_state_continue_a_training_exactly(cls: type[Optimizer], arguments: dict) -> None:
    whole, optimizer = variables(), cls(**arguments)
    train(optimizer, whole)

    first, before = variables(), cls(**arguments)
    train(before, first, range(2))
    resumed, after = [Variable(v.numpy(), name=v.name) for v in first], optimizers.get(optimizers.serialize(before))
    after.build(resumed)
    after.set_state(before.get_state())
    assert (after.iterations, after.get_config()) == (before.iterations, before.get_config())
    train(after, resumed, range(2, 4))
    for one in (optimizer, after):
        one.finalize_variable_values()
    for a, b in zip(whole, resumed, strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()


@pytest.mark.parametrize(
    "name", ["sgd", "SGD", "adam", "adamw", "AdamW", "rmsprop", "Nadam", "adamax", "adagrad", "adafactor", "Adadelta", "ftrl", "lion"]
)
def test_get(name: str) -> None:
    optimizer = optimizers.get(name)
    assert type(optimizer).__name__.lower() == name.lower()
    assert optimizers.get(optimizer) is optimizer
    assert type(optimizers.get(type(optimizer))) is type(optimizer)
    assert repr(optimizer).startswith(f"<{type(optimizer).__name__} name=")


def test_get_refuses() -> None:
    with pytest.raises(ArgumentError, match="'adamm'; did you mean 'adam'"):
        optimizers.get("adamm")
    with pytest.raises(DTypeError, match="optimizer must be"):
        optimizers.get(3)
    with pytest.raises(DTypeError, match="optimizer must be"):
        optimizers.get(lambda: None)


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (Adam, {"learning_rate": -0.1}, "learning_rate must be a finite number >= 0, got -0.1"),
        (Adam, {"learning_rate": float("nan")}, "learning_rate"),
        (Adam, {"learning_rate": "fast"}, "learning_rate must be a number, got 'fast'"),
        (Adam, {"beta_1": 1.0}, "beta_1 must be a finite number from 0 to below 1"),
        (Adam, {"beta_2": -0.1}, "beta_2"),
        (Adam, {"epsilon": -1}, "epsilon"),
        (Adam, {"betas": (0.9, 0.99)}, "Adam takes no argument 'betas'"),
        (AdamW, {"weight_decay": None}, "weight_decay"),
        (SGD, {"momentum": 1.5}, "momentum"),
        (SGD, {"momentum": True}, "momentum must be a number"),
        (RMSprop, {"rho": 1}, "rho"),
        (SGD, {"weight_decay": -1}, "weight_decay"),
        (SGD, {"clipnorm": 1.0, "clipvalue": 1.0}, "only one of clipnorm"),
        (SGD, {"use_ema": True, "ema_momentum": 2}, "ema_momentum"),
        (SGD, {"ema_overwrite_frequency": 0}, "ema_overwrite_frequency"),
        (SGD, {"gradient_accumulation_steps": 1}, "gradient_accumulation_steps must be an int >= 2 or None, got 1"),
        (SGD, {"loss_scale_factor": 128.0}, "loss_scale_factor must be None"),
        (SGD, {"decay": 1e-4}, "decay is no argument any more: give learning_rate a schedule"),
        (Adafactor, {"clip_threshold": 0}, "clip_threshold must be > 0"),
        (Adafactor, {"beta_2_decay": 0.8}, "beta_2_decay"),
        (Lion, {"beta_1": 0}, "beta_1 of Lion must be > 0"),
        (Ftrl, {"learning_rate_power": 0.5}, "learning_rate_power"),
        (Adagrad, {"initial_accumulator_value": -1}, "initial_accumulator_value"),
    ],
)
def test_bad_arguments(cls: type[Optimizer], arguments: dict, message: str) -> None:
    with pytest.raises((ArgumentError, DTypeError), match=re.escape(message)):
        cls(**arguments)
    with pytest.raises((ArgumentError, DTypeError), match=re.escape(message)):
        cls.from_config(arguments)


def test_learning_rate_can_be_set_and_called_lr() -> None:
    optimizer = Adam(lr=0.5)
    assert optimizer.learning_rate == optimizer.lr == 0.5
    optimizer.learning_rate = np.float32(0.25)
    assert optimizer.learning_rate == 0.25
    optimizer.lr = 0.125
    assert optimizer.learning_rate == 0.125
    with pytest.raises(ArgumentError, match="learning_rate"):
        optimizer.learning_rate = -1.0
    assert optimizer.learning_rate == 0.125


def test_the_learning_rate_is_a_number_with_the_methods_of_a_variable() -> None:
    optimizer = Adam(0.5)
    optimizer.learning_rate.assign(0.25)
    assert float(optimizer.learning_rate) == optimizer.learning_rate.numpy() == optimizer.learning_rate.value == 0.25
    optimizer.learning_rate.assign_add(0.25)
    optimizer.learning_rate.assign_sub(Tensor(0.375))
    assert optimizer.learning_rate == pytest.approx(0.125)
    assert json.dumps({"lr": optimizer.learning_rate}) == '{"lr": 0.125}'
    assert type(copy.deepcopy(optimizer.learning_rate)) is float
    with pytest.raises(ArgumentError, match="learning_rate must be a finite number >= 0, got -1"):
        optimizer.learning_rate.assign(-1)
    assert optimizer.learning_rate == 0.125
    optimizer = Adam(Halving(0.5))
    assert optimizer.learning_rate.numpy() == 0.5
    with pytest.raises(ArgumentError, match="learning_rate is a schedule here"):
        optimizer.learning_rate.assign(0.1)


def test_the_iterations_are_a_number_with_the_methods_of_a_variable() -> None:
    optimizer = SGD(0.1, gradient_accumulation_steps=2)
    optimizer.iterations.assign(3)
    assert int(optimizer.iterations) == optimizer.iterations.numpy() == 3
    assert list(range(optimizer.iterations)) == [0, 1, 2]
    assert type(copy.deepcopy(optimizer.iterations)) is int
    with pytest.raises(ArgumentError, match="iterations must be an int >= 0, got -1"):
        optimizer.iterations.assign(-1)
    assert optimizer.iterations == 3


@pytest.mark.parametrize(("cls", "arguments"), [row[:2] for row in KERAS], ids=lambda x: x.__name__ if isinstance(x, type) else None)
def test_variables_are_the_state_itself(cls: type[Optimizer], arguments: dict) -> None:
    parts, optimizer = variables(), cls(**arguments)
    optimizer.build(parts)
    held = optimizer.variables
    train(optimizer, parts)
    state = optimizer.get_state()
    assert [v.numpy().tolist() for v in held] == [a.tolist() for a in state.values()]
    assert [v.path for v in held[:2]] == [f"{optimizer.name}/iteration", f"{optimizer.name}/learning_rate"]
    for number, variable in enumerate(held[1:]):
        variable.assign(np.full(variable.shape, number + 0.5))
    assert [a.mean() for a in list(optimizer.get_state().values())[1:]] == [number + 0.5 for number in range(len(held) - 1)]


def test_variables_are_named_as_in_keras() -> None:
    optimizer = Adam(0.1, use_ema=True)
    assert [v.name for v in optimizer.variables] == ["iteration", "learning_rate"]
    optimizer.build([Variable(np.zeros(2), name="kernel", path="dense/kernel"), Variable(np.zeros(1), name="bias", path="dense/bias")])
    slots = ["kernel_average", "bias_average", "kernel_momentum", "kernel_velocity", "bias_momentum", "bias_velocity"]
    assert [v.name for v in optimizer.variables[2:]] == [f"dense_{slot}" for slot in slots]
    assert [v.name for v in Adam(Halving(0.5)).variables] == ["iteration"]


@register("schedule")
class Halving(LearningRateSchedule):
    def __init__(self, first: float = 1.0) -> None:
        self.first = first

    def __call__(self, step: int) -> float:
        return self.first / 2**step

    def get_config(self) -> dict[str, float]:
        return {"first": self.first}


def test_schedule() -> None:
    optimizer = SGD(Halving(0.5))
    w = Variable(np.zeros(1), name="w")
    for expected in (-0.5, -0.75, -0.875):
        optimizer.apply([np.ones(1)], [w])
        assert w.item() == expected
    assert optimizer.learning_rate == 0.0625
    with pytest.raises(ArgumentError, match="schedule"):
        optimizer.learning_rate = 0.1
    twin = optimizers.get(optimizers.serialize(optimizer))
    twin.build([Variable(np.zeros(1))])
    twin.set_state(optimizer.get_state())
    assert twin.learning_rate == 0.0625
    own = SGD(lambda step: 0.25)
    assert own.learning_rate == 0.25
    with pytest.raises(DTypeError, match="cannot be written into a config"):
        own.get_config()


def test_config_is_the_arguments() -> None:
    class Fixed(SGD):
        def __init__(self, scale: float = 1.0) -> None:
            self.scale = scale
            super().__init__(0.1 * scale, name="fixed")

    assert Fixed(2.0).get_config() == {"scale": 2.0}
    assert Fixed.from_config({"scale": 2.0}).learning_rate == 0.2
    assert SGD(lr=np.float32(0.5), clipnorm=np.float32(2), name="mine").get_config() == {
        "learning_rate": 0.5,
        "momentum": 0.0,
        "nesterov": False,
        "weight_decay": None,
        "clipnorm": 2.0,
        "clipvalue": None,
        "global_clipnorm": None,
        "use_ema": False,
        "ema_momentum": 0.99,
        "ema_overwrite_frequency": None,
        "loss_scale_factor": None,
        "gradient_accumulation_steps": None,
        "name": "mine",
    }


def test_step_uses_the_gradients_of_backward_and_skips_the_rest() -> None:
    a, b, c = (Variable(np.ones(3, np.float32), name=name) for name in "abc")
    optimizer = SGD(0.5)
    with pytest.raises(NotBuiltError, match="build"):
        optimizer.step()
    optimizer.build([a, b, c])
    b.trainable = False
    ((a * 2).sum() + (b * 3).sum()).backward()
    optimizer.step()
    for variable, expected in ((a, 0), (b, 1), (c, 1)):
        np.testing.assert_array_equal(variable.numpy(), expected)
    optimizer.zero_grad()
    assert a.grad is None
    optimizer.step()
    np.testing.assert_array_equal(a.numpy(), 0)
    assert optimizer.iterations == 2


def test_frozen_variables_keep_their_slots_and_weights() -> None:
    parts = variables()
    optimizer = Adam(0.1, weight_decay=0.1)
    train(optimizer, parts, range(1))
    parts[0].trainable = False
    weights, slots = parts[0].numpy().copy(), optimizer.get_state()["momentum/0"]
    optimizer.apply([None, gradients(1)[1]])
    np.testing.assert_array_equal(parts[0].numpy(), weights)
    np.testing.assert_array_equal(optimizer.get_state()["momentum/0"], slots)


def test_weight_decay_can_spare_variables() -> None:
    for spare in ({"var_names": ["bias"]}, {"var_list": None}):
        parts = variables()
        optimizer = SGD(0.5, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(**({"var_list": parts[1:]} if "var_list" in spare else spare))
        optimizer.apply([np.zeros(4), np.zeros(2)], parts)
        np.testing.assert_allclose(parts[0].numpy(), [0.75, -1.5, 2.25, 0.375])
        np.testing.assert_allclose(parts[1].numpy(), [0.1, -0.2])


def test_apply_checks_before_it_changes_anything() -> None:
    parts, other = variables(), Variable(np.ones(1, np.float32), name="other")
    optimizer = Adam(0.1)
    with pytest.raises(NotBuiltError, match="trainable_variables"):
        optimizer.apply(gradients(0))
    train(optimizer, parts, range(1))
    before, state = [v.numpy().copy() for v in parts], optimizer.get_state()
    with pytest.raises(ShapeError, match=r"'bias' must have shape \(2,\), got \(3,\)"):
        optimizer.apply([np.ones(4), np.ones(3)])
    with pytest.raises(ArgumentError, match="one for each of 2 variables, got 1"):
        optimizer.apply([np.ones(4)])
    with pytest.raises(ArgumentError, match="'other' is unknown"):
        optimizer.apply_gradients([(np.ones(1), other)])
    for variable, values in zip(parts, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), values)
    for name, value in optimizer.get_state().items():
        np.testing.assert_array_equal(value, state[name])
    assert optimizer.apply_gradients([(np.ones(2), parts[1])]) == 2
    np.testing.assert_array_equal(parts[0].numpy(), before[0])
    assert optimizer.apply_gradients([]) == 2


def test_set_state_checks_before_it_changes_anything() -> None:
    parts, optimizer = variables(), Adam()
    train(optimizer, parts)
    state = optimizer.get_state()
    for wrong, message in (
        ({k: v for k, v in state.items() if k != "velocity/1"}, "velocity/1"),
        (state | {"extra": np.ones(1)}, "extra"),
        (state | {"momentum/1": np.ones(3)}, r"'momentum/1' must have shape \(2,\), got \(3,\)"),
        (state | {"learning_rate": np.array(-1.0)}, "learning_rate"),
        (state | {"iterations": np.array(-1), "momentum/0": np.ones(4)}, "iterations"),
    ):
        with pytest.raises(ArgumentError, match=message):
            optimizer.set_state(wrong)
        for name, value in optimizer.get_state().items():
            np.testing.assert_array_equal(value, state[name])


def test_build_refuses() -> None:
    v = variables()[0]
    for wrong, error in (([], ArgumentError), ([v, v], ArgumentError), ([Variable(np.arange(3))], DTypeError), ([np.ones(3)], DTypeError)):
        with pytest.raises(error, match="variables must be"):
            SGD().build(wrong)


def test_building_with_more_variables_keeps_what_was_known() -> None:
    kernel, bias = variables()
    optimizer = Adam(0.1)
    optimizer.apply([gradients(0)[0]], [kernel])
    momentum = optimizer.get_state()["momentum/0"]
    optimizer.build([bias, kernel])
    state = optimizer.get_state()
    np.testing.assert_array_equal(state["momentum/1"], momentum)
    np.testing.assert_array_equal(state["momentum/0"], 0)
    assert optimizer.iterations == 1


def test_two_optimizers_share_a_variable() -> None:
    shared, a, b = (Variable(np.ones(3, np.float32), name=name) for name in ("shared", "a", "b"))
    first, second = SGD(0.5), SGD(0.25)
    first.build([a, shared])
    second.build([shared, b])
    for optimizer, others in ((first, a), (second, b), (first, a)):
        first.zero_grad()
        second.zero_grad()
        (shared + others).sum().backward()
        optimizer.step()
    np.testing.assert_array_equal(shared.numpy(), -0.25)
    np.testing.assert_array_equal(a.numpy(), 0)
    np.testing.assert_array_equal(b.numpy(), 0.75)


def test_deepcopy_is_independent() -> None:
    parts, optimizer = variables(), Adam(0.1)
    train(optimizer, parts, range(2))
    twins, twin = copy.deepcopy((parts, optimizer))
    before = parts[0].numpy().copy()
    train(twin, twins, range(2, 4))
    np.testing.assert_array_equal(parts[0].numpy(), before)
    train(optimizer, parts, range(2, 4))
    for a, b in zip(parts, twins, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_variables_of_two_dtypes() -> None:
    single, double = variables()[0], variables("float64")[1]
    optimizer = Adam(0.1)
    optimizer.apply(gradients(0), [single, double])
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    expected = variables("float64")
    Adam(0.1).apply(gradients(0), expected)
    np.testing.assert_allclose(single.numpy(), expected[0].numpy(), rtol=1e-6)
    np.testing.assert_array_equal(double.numpy(), expected[1].numpy())


def test_an_own_rule() -> None:
    class Signs(Optimizer):
        def update_step(self, weights: np.ndarray, gradients: np.ndarray, slots: dict, learning_rate: float) -> None:
            weights -= learning_rate * np.sign(gradients)

    w = Variable(np.zeros(3))
    Signs(0.5).apply([np.array([2.0, -3.0, 0.0])], [w])
    np.testing.assert_array_equal(w.numpy(), [-0.5, 0.5, 0])
    with pytest.raises(NotImplementedError, match="update_step"):
        Optimizer(0.1).apply([np.ones(3)], [w])


@pytest.mark.parametrize("arguments", [{"class_name": "Adam"}, {"class_name": "SGD", "config": {"momentum": 0.9}}], ids=["adam", "sgd"])
def test_backends_agree(arguments: dict) -> None:
    def weights() -> np.ndarray:
        parts = [Variable(np.linspace(-1, 1, 1003, dtype=np.float32)), Variable(np.ones((5, 7), np.float32))]
        optimizer = optimizers.get(arguments)
        for i in range(3):
            optimizer.apply([np.cos(np.arange(1003) + i), np.full((5, 7), 0.1 * i)], parts)
        return np.concatenate([v.numpy().ravel() for v in parts])

    compare_backends(weights)


def test_accumulated_gradients_change_the_weights_by_their_mean() -> None:
    w = Variable(np.zeros(2), name="w")
    optimizer = SGD(0.5, gradient_accumulation_steps=3, weight_decay=0.1)
    for i, gradient in enumerate((1.0, 2.0, 6.0)):
        np.testing.assert_array_equal(w.numpy(), 0)
        assert optimizer.iterations == 0
        assert optimizer.apply_gradients([(np.full(2, gradient), w)]) == i + 1
    np.testing.assert_array_equal(w.numpy(), -1.5)
    assert (optimizer.iterations, optimizer.get_state()["gradient_accumulator/0"].tolist()) == (1, [0, 0])
    optimizer.iterations = 5
    assert optimizer.get_state()["iterations"] == 15


def test_weights_and_averages_can_change_places() -> None:
    parts, optimizer = variables(), SGD(0.1, use_ema=True, ema_momentum=0.5)
    with pytest.raises(NotBuiltError, match="use_ema=True, and a first step"):
        optimizer._swap_with_average()
    train(optimizer, parts)
    weights, average = [v.numpy().copy() for v in parts], [optimizer.get_state()[f"average/{i}"] for i in range(2)]
    for expected in (average, weights):
        optimizer._swap_with_average()
        for variable, values in zip(parts, expected, strict=True):
            np.testing.assert_array_equal(variable.numpy(), values)
    with pytest.raises(NotBuiltError, match="use_ema"):
        SGD()._swap_with_average()


def test_a_gradient_that_is_no_number_shows_after_clipping() -> None:
    for clip in ("clipnorm", "global_clipnorm"):
        parts = variables()
        SGD(0.1, **{clip: 1.0}).apply([np.array([1, np.nan, 0, 0]), np.ones(2)], parts)
        assert np.isnan(parts[0].numpy()).all()
        assert np.isnan(parts[1].numpy()).all() == (clip == "global_clipnorm")


def test_ftrl_needs_a_learning_rate() -> None:
    parts, optimizer = variables(), Ftrl(0.0, weight_decay=0.1)
    with pytest.raises(ArgumentError, match="learning_rate of Ftrl must be > 0"):
        train(optimizer, parts)
    np.testing.assert_array_equal(parts[0].numpy(), variables()[0].numpy())
    assert optimizer.iterations == 0


def test_a_learning_rate_function_may_take_nothing() -> None:
    assert SGD(lambda: 0.25).learning_rate == 0.25
    assert legacy.SGD(schedules.PiecewiseConstantDecay([2], [0.5, 0.25])).learning_rate == 0.5
    assert SGD(0.1, decay=0.0).learning_rate == 0.1


def test_the_rate_answers_as_keras_variable_does() -> None:
    optimizer = optimizers.SGD(0.1)
    rate = optimizer.learning_rate
    assert rate == 0.1
    assert isinstance(rate, float)
    assert rate.numpy() == 0.1
    assert (np.ones(2, np.float32) * rate).dtype == (rate * np.ones(2, np.float32)).dtype == np.float32
    rate.assign(0.05)
    assert optimizer.learning_rate == optimizer.lr == 0.05
    optimizer.learning_rate.assign(optimizer.learning_rate * 0.1)
    assert optimizer.learning_rate == pytest.approx(0.005)
    with pytest.raises(DTypeError, match="learning_rate must be a number"):
        rate.assign("fast")
    for twin in (copy.deepcopy(rate), pickle.loads(pickle.dumps(rate))):
        assert (type(twin), twin) == (float, 0.1)
    assert json.dumps({"lr": rate}) == '{"lr": 0.1}'


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Nadam", "Adafactor", "Ftrl"])
def test_the_variables_are_the_state_as_keras_lists_it(name: str) -> None:
    shapes = [(3, 2), (2,)]
    optimizer = getattr(optimizers, name)(0.1)
    optimizer.build([Variable(np.ones(s, np.float32)) for s in shapes])
    optimizer.apply([np.ones(s) for s in shapes])
    variables = optimizer.variables
    assert [v.numpy().tolist() for v in variables] == [a.tolist() for a in optimizer.get_state().values()]
    variables[0].assign(5)
    assert optimizer.iterations == 5
    keras = pytest.importorskip("keras")
    theirs = getattr(keras.optimizers, name)(0.1)
    theirs.build([keras.Variable(np.ones(s, np.float32)) for s in shapes])
    assert [v.shape for v in variables] == [tuple(v.shape) for v in theirs.variables]
