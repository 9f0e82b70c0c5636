"""The one source of randomness."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import random
from tinycnn.errors import ArgumentError, DTypeError


@pytest.fixture(autouse=True)
def restored():
    state = random.get_state()
    yield
    random.set_state(state)


def draws():
    return random.generator().random(5).tolist(), random.next_seed()


def test_a_seed_restarts_the_shared_generator():
    random.set_seed(7)
    first = draws()
    random.set_seed(7)
    assert draws() == first
    random.set_seed(8)
    assert draws() != first


def test_the_seed_sets_the_same_numbers_everywhere():
    random.set_seed(0)
    np.testing.assert_array_equal(random.generator().integers(0, 1000, 3), np.random.Generator(np.random.PCG64(0)).integers(0, 1000, 3))


def test_the_state_can_be_put_back():
    draws()
    state = random.get_state()
    first = draws()
    random.set_state(state)
    assert draws() == first


def test_a_generator_of_its_own_leaves_the_shared_one_alone():
    state = random.get_state()
    assert random.generator(3).random() == random.generator(3).random()
    assert random.get_state() == state
    assert random.generator() is random.generator()


def test_next_seed_is_64_bit():
    seeds = [random.next_seed() for _ in range(100)]
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**64 for seed in seeds)
    assert max(seeds) > 2**32


@pytest.mark.parametrize("seed", [1.5, "1", None])
def test_a_seed_is_an_int(seed):
    with pytest.raises(DTypeError, match="seed must be an int, got"):
        random.set_seed(seed)


def test_a_seed_is_not_negative():
    with pytest.raises(ArgumentError, match="seed must be >= 0, got -1"):
        random.set_seed(-1)
    with pytest.raises(ArgumentError, match="seed must be >= 0, got -1"):
        random.generator(-1)
