"""Schedules by hand, their configs, and what they refuse; `test_against_keras.py` compares every step with Keras."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tinycnn.errors import ArgumentError, DTypeError
from tinycnn.optimizers import SGD, schedules
from tinycnn.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

#: a schedule, steps, and rates by hand
CASES: list[tuple[LearningRateSchedule, list[int], list[float]]] = [
    (ExponentialDecay(0.8, 2, 0.25), [0, 1, 2, 4], [0.8, 0.4, 0.2, 0.05]),
    (ExponentialDecay(0.8, 2, 0.25, staircase=True), [0, 1, 2, 3], [0.8, 0.8, 0.2, 0.2]),
    (InverseTimeDecay(0.8, 2, 2.0), [0, 1, 3], [0.8, 0.4, 0.2]),
    (InverseTimeDecay(0.8, 2, 3.0, staircase=True), [1, 2, 3], [0.8, 0.2, 0.2]),
    (PiecewiseConstantDecay([2, 5], [3, 2, 1]), [0, 2, 3, 5, 6], [3, 3, 2, 2, 1]),
    (PolynomialDecay(1.0, 4, 0.5), [0, 1, 4, 9], [1, 0.875, 0.5, 0.5]),
    (PolynomialDecay(1.0, 4, 0.0, power=2.0, cycle=True), [0, 2, 4, 6, 8], [1, 0.25, 0, 0.0625, 0]),
    (CosineDecay(1.0, 10, alpha=0.2), [0, 5, 10, 99], [1, 0.6, 0.2, 0.2]),
    (CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=4), [0, 1, 4, 9, 14], [0, 0.25, 1, 0.5, 0]),
    (CosineDecayRestarts(1.0, 4), [0, 2, 4, 8, 12, 20], [1, 0.5, 1, 0.5, 1, 0.5]),
    (CosineDecayRestarts(1.0, 4, t_mul=1.0, m_mul=0.5), [2, 4, 6, 8], [0.5, 0.5, 0.25, 0.25]),
]


@pytest.mark.parametrize(("schedule", "steps", "rates"), CASES, ids=lambda x: type(x).__name__ if callable(x) else "")
def test_rates(schedule: LearningRateSchedule, steps: list[int], rates: list[float]) -> None:
    assert [schedule(step) for step in steps] == pytest.approx(rates)
    twin = schedules.deserialize(schedules.serialize(schedule))
    assert type(twin) is type(schedule)
    assert twin.get_config() == schedule.get_config()
    assert [twin(step) for step in steps] == pytest.approx(rates)
    optimizer = SGD.from_config(SGD(schedule).get_config())
    optimizer.iterations = steps[-1]
    assert optimizer.learning_rate == pytest.approx(rates[-1])


def test_a_restart_is_where_it_belongs() -> None:
    schedule = CosineDecayRestarts(1.0, 16, t_mul=1.5)  # 16, 24, 36, 54 and 81 steps
    for start in (0, 16, 40, 76, 130, 211):
        assert schedule(start) == pytest.approx(1)


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (ExponentialDecay, {"initial_learning_rate": 0.1, "decay_steps": 0, "decay_rate": 0.5}, "decay_steps must be > 0, got 0"),
        (ExponentialDecay, {"initial_learning_rate": -0.1, "decay_steps": 1, "decay_rate": 0.5}, "initial_learning_rate"),
        (InverseTimeDecay, {"initial_learning_rate": 0.1, "decay_steps": 1, "decay_rate": "0.5"}, "decay_rate must be a number"),
        (PiecewiseConstantDecay, {"boundaries": [1, 2], "values": [1, 2]}, "values must be one more than the 2 boundaries, got 2"),
        (PiecewiseConstantDecay, {"boundaries": [3, 2], "values": [1, 2, 3]}, "boundaries must ascend, got [3, 2]"),
        (PolynomialDecay, {"initial_learning_rate": 0.1, "decay_steps": -1}, "decay_steps"),
        (CosineDecay, {"initial_learning_rate": 0.1, "decay_steps": 1, "warmup_target": -1}, "warmup_target"),
        (CosineDecayRestarts, {"initial_learning_rate": 0.1, "first_decay_steps": 0}, "first_decay_steps must be > 0"),
        (CosineDecayRestarts, {"initial_learning_rate": 0.1, "first_decay_steps": 1, "t_mul": 0.5}, "t_mul"),
    ],
)
def test_bad_arguments(cls: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((ArgumentError, DTypeError), match=re.escape(message)):
        cls(**arguments)


def test_only_schedules_come_from_configs() -> None:
    with pytest.raises(ArgumentError, match="unknown schedule 'CosineDacay'; did you mean 'CosineDecay'"):
        schedules.deserialize({"class_name": "CosineDacay", "config": {}})
    with pytest.raises(ArgumentError, match="dict"):
        schedules.deserialize("CosineDecay")
    with pytest.raises(NotImplementedError, match="__call__"):
        LearningRateSchedule()(0)
