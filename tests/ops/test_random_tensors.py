"""Random Tensors: reproducible, and distributed as promised."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tinycnn
from tinycnn import Tensor, layers, ops, random
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.random import SeedGenerator

DRAWS = {
    "normal": lambda seed: random.normal((3, 4), 1.0, 2.0, seed=seed),
    "truncated_normal": lambda seed: random.truncated_normal((3, 4), seed=seed),
    "uniform": lambda seed: random.uniform((3, 4), -1, 1, seed=seed),
    "gamma": lambda seed: random.gamma((3, 4), [1.0, 2, 3, 4], seed=seed),
    "beta": lambda seed: random.beta((3, 4), 2.0, 3.0, seed=seed),
    "binomial": lambda seed: random.binomial((30, 4), 10, 0.3, seed=seed),
    "randint": lambda seed: random.randint((3, 4), 0, 1000, seed=seed),
    "categorical": lambda seed: random.categorical(np.zeros((3, 50)), 4, seed=seed),
    "shuffle": lambda seed: random.shuffle(np.arange(100), seed=seed),
    "dropout": lambda seed: random.dropout(np.ones((10, 10), np.float32), 0.5, seed=seed),
}


@pytest.fixture(autouse=True)
def restored():
    state = random.get_state()
    yield
    random.set_state(state)


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_seed_gives_the_same_bytes(name):
    draw = DRAWS[name]
    assert isinstance(draw(1), Tensor)
    assert draw(1).tolist() == draw(1).tolist() != draw(2).tolist()
    one, other = SeedGenerator(3), SeedGenerator(3)
    first = draw(one).tolist()
    assert first == draw(other).tolist() != draw(one).tolist()
    random.set_seed(5)
    first = draw(None).tolist()
    assert draw(None).tolist() != first
    random.set_seed(5)
    assert draw(None).tolist() == first


@pytest.mark.parametrize("name", DRAWS)
def test_signatures_are_those_of_keras(name):
    keras = pytest.importorskip("keras")
    own, theirs = (inspect.signature(getattr(module, name)).parameters for module in (random, keras.random))
    assert [(p.name, p.default) for p in own.values()] == [(p.name, p.default) for p in theirs.values()]


def test_distributions():
    n = 40_000
    x = random.normal((n,), 3.0, 2.0, seed=0).numpy()
    assert abs(x.mean() - 3) < 0.05
    assert abs(x.std() - 2) < 0.05
    x = random.truncated_normal((n,), 3.0, 2.0, seed=0).numpy()
    assert np.abs(x - 3).max() <= 4
    assert abs(x.std() - 2 * 0.8796) < 0.05  # the standard deviation of a normal cut at two of its own
    x = random.uniform((n,), -2, 4, seed=0).numpy()
    assert x.min() >= -2
    assert x.max() < 4
    assert abs(x.mean() - 1) < 0.05
    assert np.bincount(random.randint((n,), 2, 5, seed=0).numpy()).tolist()[:2] == [0, 0]
    assert set(random.randint((n,), 2, 5, seed=0).tolist()) == {2, 3, 4}
    x = random.gamma((n,), 4.0, seed=0).numpy()
    assert (abs(x.mean() - 4), abs(x.var() - 4)) < (0.05, 0.2)
    x = random.beta((n,), 2.0, 6.0, seed=0).numpy()
    assert abs(x.mean() - 0.25) < 0.01
    assert abs(x.var() - 2 * 6 / (64 * 9)) < 0.002
    x = random.binomial((n, 2), [5, 10], [[0.5, 0.1]], seed=0).numpy()
    np.testing.assert_allclose(x.mean(0), [2.5, 1], atol=0.05)
    assert set(np.unique(x[:, 0])) == set(range(6))
    p = np.array([0.1, 0.0, 0.6, 0.3])
    with np.errstate(divide="ignore"):
        drawn = random.categorical(np.log(p)[None], n, seed=0).numpy()
    np.testing.assert_allclose(np.bincount(drawn[0], minlength=4) / n, p, atol=0.01)
    x = random.gamma((n, 2), [0.5, 3.0], seed=0).numpy()
    np.testing.assert_allclose(x.mean(0), [0.5, 3.0], rtol=0.03)
    np.testing.assert_allclose(x.var(0), [0.5, 3.0], rtol=0.05)
    x = random.beta((n,), 2.0, 6.0, seed=0).numpy()
    assert abs(x.mean() - 2 / 8) < 0.01
    assert abs(x.var() - 2 * 6 / (8 * 8 * 9)) < 0.001
    x = random.binomial((n, 2), 10, [0.1, 1.0], seed=0).numpy()
    np.testing.assert_allclose(x.mean(0), [1, 10], rtol=0.02)
    assert set(np.unique(x)) <= set(range(11))


def test_dtypes():
    assert random.normal((2,)).dtype == np.float32
    assert random.normal((2,), dtype="float64").dtype == np.float64
    assert random.randint((2,), 0, 5).dtype == np.int32
    assert random.uniform((50,), 0, 3, dtype="int64", seed=0).dtype == np.int64
    np.testing.assert_array_equal(random.normal((9,), seed=1).numpy(), random.normal((9,), dtype="float64", seed=1).numpy().astype("f"))


def test_uniform_never_reaches_its_end(monkeypatch):
    class Highest:
        def random(self, shape):
            return np.full(shape, 1 - 2.0**-53)

    monkeypatch.setattr("tinycnn.random.source", lambda seed: Highest())
    assert random.uniform((2,)).numpy().max() == np.nextafter(np.float32(1), np.float32(0))
    assert random.uniform((2,), -3, -1).numpy().max() < -1
    assert random.uniform((2,), 2, 2).tolist() == [2, 2]


def test_shuffle_moves_whole_parts_and_gradients():
    x = Tensor(np.arange(12.0).reshape(3, 4), requires_grad=True)
    y = random.shuffle(x, axis=1, seed=0)
    assert sorted(map(tuple, y.numpy().T)) == sorted(map(tuple, x.numpy().T))
    (y * y).sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * x.numpy())


def test_dropout_with_a_mask_of_its_own_shape():
    y = random.dropout(np.ones((20, 7), np.float32), 0.5, noise_shape=(20, 1), seed=0).numpy()
    assert set(np.unique(y)) == {0, 2}
    assert (y == y[:, :1]).all()
    np.testing.assert_array_equal(random.dropout(np.ones((20, 7), np.float32), 0.5, noise_shape=(None, 1), seed=0).numpy(), y)


def test_seed_generator():
    seeds = SeedGenerator(7)
    assert seeds.next().tolist() == [7, 0]
    assert seeds.next().tolist() == [7, 1]
    assert SeedGenerator.from_config(seeds.get_config()).next().tolist() == [7, 0]
    assert SeedGenerator().next().tolist() != SeedGenerator().next().tolist()
    assert SeedGenerator(2**64 + 7).next().tolist() == [7, 0]
    with pytest.raises(DTypeError, match="seed must be an int"):
        SeedGenerator("7")


def test_the_names_are_listed():
    assert set(random.__all__) == set(dir(random))
    keras = pytest.importorskip("keras")
    assert {name for name in dir(keras.random) if not name.startswith("_")} <= set(dir(random))


def test_errors():
    with pytest.raises(DTypeError, match="shape must hold ints, got 3"):
        random.normal(3)
    with pytest.raises(ShapeError, match="sizes >= 0"):
        random.normal((-1,))
    with pytest.raises(DTypeError, match="floating-point one, got int32"):
        random.normal((1,), dtype="int32")
    with pytest.raises(ArgumentError, match="maxval must be above minval, got 3 and 3"):
        random.randint((1,), 3, 3)
    for wrong, message in (
        (lambda: random.normal((1,), mean="a"), "mean must be a number, got 'a'"),
        (lambda: random.truncated_normal((1,), stddev=-1), "stddev must be a finite number >= 0"),
        (lambda: random.normal((1,), dtype="float"[1:]), "dtype must name a dtype, got 'loat'"),
        (lambda: random.uniform((1,), 5, 1), "maxval must not be below minval, got 5 and 1"),
        (lambda: random.uniform((1,), "a"), "minval must be a number, got 'a'"),
        (lambda: random.randint((1,), 0, 1.5), "maxval must be an int, got 1.5"),
        (lambda: random.randint((1,), 0, 300, "uint8"), "minval and maxval must be in the range of uint8, got 0 and 300"),
        (lambda: random.randint((1,), 0, 3, "float32"), "dtype must be an integer one, got float32"),
        (lambda: random.dropout(np.ones(3), "a"), "rate must be a number, got 'a'"),
        (
            lambda: random.dropout(np.ones((1, 3)), 0.5, (2, 3)),
            r"noise_shape must have 1 or .* \(1, 3\), got \(2, 3\)",
        ),
        (lambda: random.dropout(np.ones((1, 3)), 0.5, (1,)), "noise_shape must have one size for each of the inputs' 2 axes"),
        (lambda: random.gamma((2,), 0.0), "alpha must be above 0, got 0.0"),
        (lambda: random.beta((2,), 1.0, [1.0, np.nan]), "beta must be above 0"),
        (lambda: random.beta((2,), 1.0, [1.0, 2, 3]), r"beta of shape \(3,\) cannot be broadcast to shape \(2,\)"),
        (lambda: random.binomial((2,), 3, 1.5), "probabilities must be from 0 to 1, got 1.5"),
        (lambda: random.binomial((2,), -1, 0.5), "counts must be >= 0, got -1"),
        (lambda: random.binomial((2,), 2.5, 0.5), "counts must hold integers"),
    ):
        with pytest.raises((ArgumentError, DTypeError, ShapeError), match=message):
            wrong()
    with pytest.raises(ShapeError, match=r"logits must have shape \(batch, classes\), got \(3,\)"):
        random.categorical([0.0, 1, 2], 1)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = random.nothing


def test_layers_take_numbers_alone_as_keras_does():
    with pytest.raises(DTypeError, match="seed must be an int, got <"):
        layers.Dropout(0.5, seed=SeedGenerator(1))


def test_a_sampling_layer_of_a_variational_autoencoder():
    class Sampling(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seed_generator = tinycnn.random.SeedGenerator(1337)

        def call(self, inputs):
            mean, log_var = inputs
            batch, dim = ops.shape(mean)
            return mean + ops.exp(0.5 * log_var) * tinycnn.random.normal(shape=(batch, dim), seed=self.seed_generator)

    inputs = layers.Input((5,))
    model = tinycnn.Model(inputs, Sampling()([layers.Dense(2)(inputs), layers.Dense(2)(inputs)]))
    x = np.ones((3, 5), np.float32)
    assert model.predict(x, verbose=0).shape == (3, 2)
    assert model.predict(x, verbose=0).tolist() != model.predict(x, verbose=0).tolist()
