"""Initial values: distributions, fans, seeds, names."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinycnn import Tensor, initializers, layers, random, utils
from tinycnn.errors import ArgumentError, DTypeError, ShapeError

SHAPE = (3, 3, 20, 30)
FAN_IN, FAN_OUT = 180, 270

#: name -> (standard deviation, largest size) of weights of SHAPE, by Keras's formulas; a truncated normal ends at 2 sigma / 0.8796.
SCALED = {
    "glorot_uniform": (math.sqrt(2 / (FAN_IN + FAN_OUT)), math.sqrt(6 / (FAN_IN + FAN_OUT))),
    "glorot_normal": (math.sqrt(2 / (FAN_IN + FAN_OUT)), 2 * math.sqrt(2 / (FAN_IN + FAN_OUT)) / 0.87962566103423978),
    "he_uniform": (math.sqrt(2 / FAN_IN), math.sqrt(6 / FAN_IN)),
    "he_normal": (math.sqrt(2 / FAN_IN), 2 * math.sqrt(2 / FAN_IN) / 0.87962566103423978),
    "lecun_uniform": (math.sqrt(1 / FAN_IN), math.sqrt(3 / FAN_IN)),
    "lecun_normal": (math.sqrt(1 / FAN_IN), 2 * math.sqrt(1 / FAN_IN) / 0.87962566103423978),
    "random_normal": (0.05, math.inf),
    "random_uniform": (0.1 / math.sqrt(12), 0.05),
    "truncated_normal": (0.05 * 0.87962566103423978, 0.1),
}
CLASSES = (*SCALED, "zeros", "ones", "constant", "variance_scaling", "orthogonal")


@pytest.mark.parametrize("name", SCALED)
def test_spread(name) -> None:
    utils.set_random_seed(0)
    values = initializers.get(name)(SHAPE)
    stddev, limit = SCALED[name]
    assert values.shape == SHAPE
    assert values.dtype == np.float32
    assert abs(values.mean()) < 4 * stddev / math.sqrt(values.size)
    assert values.std() == pytest.approx(stddev, rel=0.03)
    assert abs(values).max() <= limit * (1 + 1e-6)
    if limit < math.inf:
        assert abs(values).max() > 0.98 * limit


@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal", "untruncated_normal"])
@pytest.mark.parametrize(("mode", "n"), [("fan_in", FAN_IN), ("fan_out", FAN_OUT), ("fan_avg", (FAN_IN + FAN_OUT) / 2)])
def test_variance_scaling(mode, n, distribution) -> None:
    values = initializers.VarianceScaling(3.0, mode, distribution, seed=0)(SHAPE)
    assert values.var() == pytest.approx(3.0 / n, rel=0.05)


@pytest.mark.parametrize(("shape", "fans"), [((), (1, 1)), ((7,), (7, 7)), ((5, 6), (5, 6)), ((3, 2, 5, 6), (30, 36))])
def test_fans(shape, fans) -> None:
    assert initializers.compute_fans(shape) == fans


def test_constants() -> None:
    np.testing.assert_array_equal(initializers.get("zeros")((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(initializers.get("ones")((2,), dtype="float64"), np.ones(2))
    np.testing.assert_array_equal(initializers.Constant(2.5)((2, 2)), np.full((2, 2), 2.5))
    np.testing.assert_array_equal(initializers.Constant([1, 2])((3, 2)), [[1, 2]] * 3)
    with pytest.raises(ShapeError, match="broadcast"):
        initializers.Constant([1, 2, 3])((3, 2))


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (2, 2, 3, 8)])
def test_orthogonal(shape) -> None:
    matrix = initializers.Orthogonal(gain=2.0, seed=0)(shape, "float64").reshape(-1, shape[-1])
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, 4 * np.eye(min(matrix.shape)), atol=1e-12)
    with pytest.raises(ShapeError):
        initializers.Orthogonal()((5,))


def test_identity() -> None:
    np.testing.assert_array_equal(initializers.get("identity")((2, 3)), np.eye(2, 3))
    with pytest.raises(ShapeError):
        initializers.Identity()((2, 2, 2))


@pytest.mark.parametrize("name", [*SCALED, "orthogonal"])
def test_a_seed_gives_the_same_values_at_every_call(name) -> None:
    cls = type(initializers.get(name))
    seeded = cls(seed=5)
    np.testing.assert_array_equal(seeded((4, 4)), seeded((4, 4)))
    np.testing.assert_array_equal(seeded((4, 4)), cls(seed=5)((4, 4)))
    assert (seeded((4, 4)) != cls(seed=6)((4, 4))).any()


def test_without_a_seed_values_follow_the_global_one() -> None:
    def draw():
        utils.set_random_seed(9)
        unseeded = initializers.GlorotUniform()
        return unseeded((4, 4)), unseeded((4, 4))

    (a, b), (c, d) = draw(), draw()
    np.testing.assert_array_equal(a, c)
    np.testing.assert_array_equal(b, d)
    assert (a != b).any()


def test_float32_is_float64_rounded() -> None:
    cls = initializers.HeNormal(seed=1)
    np.testing.assert_array_equal(cls((50, 50)), cls((50, 50), "float64").astype(np.float32))


@pytest.mark.parametrize("name", CLASSES)
def test_configs(name) -> None:
    initializer = initializers.get(name)
    again = initializers.deserialize(initializers.serialize(initializer))
    assert type(again) is type(initializer)
    assert again.get_config() == initializer.get_config()
    assert type(initializers.get(type(initializer).__name__)) is type(initializer)
    assert type(initializers.get(type(initializer))) is type(initializer)
    assert initializers.get(initializer) is initializer


def test_fans_of_given_axes() -> None:
    assert initializers.compute_fans((2, 3, 5, 7), [0, 1], [3]) == (6, 7)
    plain, turned = initializers.HeNormal(seed=1), initializers.HeNormal(seed=1, input_axes=[1], output_axes=[0])
    np.testing.assert_allclose(turned((3, 12)), plain((3, 12)) / 2, rtol=1e-6)
    assert plain.get_config() == {"seed": 1}
    assert turned.get_config() == {"seed": 1, "input_axes": [1], "output_axes": [0]}


def test_arrays_are_initializers() -> None:
    values = np.arange(6.0).reshape(2, 3)
    for given in (values, Tensor(values)):
        layer = layers.Dense(3, kernel_initializer=given)
        layer.build((None, 2))
        np.testing.assert_array_equal(layer.kernel.numpy(), values)
        with pytest.raises(ShapeError, match=r"gave shape \(2, 3\), expected \(4, 3\)"):
            layers.Dense(3, kernel_initializer=given).build((None, 4))


def test_none_is_the_default_of_a_weight() -> None:
    assert initializers.get(None) is None
    layer = layers.Dense(50, kernel_initializer=None)
    assert layer.get_config()["kernel_initializer"] is None
    layer.build((None, 50))
    assert 0.9 < np.abs(layer.kernel.numpy()).max() / math.sqrt(6 / 100) <= 1
    counter = layer.add_weight(dtype="int32")
    assert (counter.shape, counter.numpy(), counter.name) == ((), 0, "variable")


def test_functions_are_initializers() -> None:
    def twos(shape, dtype=None):
        return np.full(shape, 2, dtype)

    assert initializers.get(twos) is twos


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: initializers.get("glorot"), ArgumentError),
        (lambda: initializers.get(3), DTypeError),
        (lambda: initializers.GlorotUniform(seed=-1), ArgumentError),
        (lambda: initializers.GlorotUniform(seed="x"), DTypeError),
        (lambda: initializers.VarianceScaling(scale=0), ArgumentError),
        (lambda: initializers.VarianceScaling(mode="fan"), ArgumentError),
        (lambda: initializers.VarianceScaling(distribution="gauss"), ArgumentError),
        (lambda: initializers.deserialize({"class_name": "Zeros", "config": {"value": 1}}), ArgumentError),
    ],
)
def test_refusals(make, error) -> None:
    with pytest.raises(error):
        make()


def test_a_seed_generator_gives_others_at_each_call() -> None:
    one, other = (initializers.HeNormal(random.SeedGenerator(3)) for _ in range(2))
    first = one((4, 5))
    np.testing.assert_array_equal(first, other((4, 5)))
    assert not np.array_equal(first, one((4, 5)))
    again = initializers.deserialize(initializers.serialize(one))
    assert again.get_config() == one.get_config()
    np.testing.assert_array_equal(again((4, 5)), first)  # it begins anew, as in Keras
    with pytest.raises(ArgumentError, match="unknown seed 'Dice'"):
        initializers.HeNormal({"class_name": "Dice", "config": {}})
