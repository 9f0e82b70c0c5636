from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinycnn import Variable
from tinycnn.optimizers.flat import ALIGNMENT, FlatVariables, by_dtype


def variables(*shapes: tuple[int, ...]) -> list[Variable]:
    return [Variable(np.full(shape, i + 1, np.float32), name=f"v{i}") for i, shape in enumerate(shapes)]


def test_variables_lie_in_the_buffers_aligned() -> None:
    parts = variables((3, 5), (), (0, 4), (17,))
    flat = FlatVariables(parts, ["m"])
    for i, variable in enumerate(parts):
        np.testing.assert_array_equal(variable.numpy(), i + 1)
        assert variable.size == 0 or np.shares_memory(variable.data, flat.weights)
        assert variable.size == 0 or variable.data.ctypes.data % ALIGNMENT == 0
    flat.weights[...] = 7
    np.testing.assert_array_equal(parts[3].numpy(), 7)
    assert flat.slots["m"].shape == flat.gradients.shape == flat.weights.shape


def test_gradients_come_home_from_wherever_they_are() -> None:
    parts = variables((2, 2), (3,), (4,))
    parts[0].grad = np.full((2, 2), 5, np.float32)
    flat = FlatVariables(parts, [])
    np.testing.assert_array_equal(flat.view(flat.gradients, 0), 5)
    parts[2].grad = np.full(4, 6, np.float32)
    assert flat.gather() == [0, 2]
    np.testing.assert_array_equal(flat.view(flat.gradients, 2), 6)
    assert np.shares_memory(parts[2].grad, flat.gradients)


def test_a_variable_that_moved_away_is_taken_back() -> None:
    parts = variables((2,), (3,))
    flat = FlatVariables(parts, [])
    other = FlatVariables(parts[1:], [])
    parts[1].assign([1, 2, 3])
    parts[1].grad = np.full(3, 9, np.float32)
    assert np.shares_memory(parts[1].data, other.weights)
    assert flat.gather() == [1]
    assert np.shares_memory(parts[1].data, flat.weights)
    np.testing.assert_array_equal(flat.view(flat.weights, 1), [1, 2, 3])
    np.testing.assert_array_equal(flat.view(flat.gradients, 1), 9)


@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_runs_cover_the_chosen_and_no_others(mask: list[bool]) -> None:
    parts = variables(*[(3 * i + 1,) for i in range(len(mask))])
    flat = FlatVariables(parts, [])
    runs = list(flat.runs([i for i, chosen in enumerate(mask) if chosen]))
    for run in runs:
        flat.weights[run] = -1
    for chosen, variable in zip(mask, parts, strict=True):
        assert bool((variable.numpy() == -1).all()) is chosen
        assert bool((variable.numpy() == -1).any()) is chosen
    assert len(runs) == sum(chosen and not before for before, chosen in zip([False, *mask], mask, strict=False))


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5))
def test_runs_follow_each_choice(masks: list[list[bool]]) -> None:
    flat = FlatVariables(variables((1,), (20,), (3,), (5,)), [])
    for mask in masks:
        chosen = [i for i, is_chosen in enumerate(mask) if is_chosen]
        assert flat.runs(chosen) == FlatVariables(variables((1,), (20,), (3,), (5,)), []).runs(chosen)
        assert flat.runs(chosen) == flat.runs(list(chosen))


def test_one_group_for_each_dtype() -> None:
    parts = [Variable(np.ones(2, dtype)) for dtype in ("float64", "float32", "float64")]
    groups = by_dtype(parts, lambda group: FlatVariables(group, []))
    assert [g.weights.dtype.name for g in groups] == ["float64", "float32"]
    assert groups[0].variables[1] is parts[2]
