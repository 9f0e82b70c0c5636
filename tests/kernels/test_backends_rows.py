"""Everything but convolution and pooling: every backend against float64 NumPy, and float64 NumPy against cases worked by hand."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinycnn.kernels import numpy_ref
from tinycnn.kernels.spec import Activation

SEEDS = st.integers(0, 2**32 - 1)
DTYPES = st.sampled_from([np.float32, np.float64])
SHAPES = st.tuples(st.integers(0, 300), st.integers(1, 70))
KINDS = st.sampled_from(get_args(Activation))
#: Relative to the largest magnitude at work.
TOLERANCE = {np.float32: 4e-6, np.float64: 1e-14}


def normal(seed: int, dtype, *shapes, scale: float = 3.0):
    random = np.random.default_rng(seed)
    return [(scale * random.standard_normal(shape)).astype(dtype) for shape in shapes]


def assert_close(got, want, dtype, scale: float = 1.0):
    assert got.dtype == dtype
    assert got.flags.c_contiguous
    np.testing.assert_allclose(got, want, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)


def wide(*arrays):
    return [a.astype(np.float64) for a in arrays]


# ---------------------------------------------------------------------------------------------------- sums over rows
@given(shape=SHAPES, seed=SEEDS, dtype=DTYPES)
def test_sum_rows(kernels, shape, seed, dtype):
    (x,) = normal(seed, dtype, shape)
    want = np.array([math.fsum(column) for column in x.T.astype(np.float64)])
    assert_close(kernels.sum_rows(x), want, dtype, scale=1 + np.abs(x).sum() / shape[1])


def test_sum_of_many_rows_keeps_its_digits(kernels):
    x = np.full((100_000, 3), 0.1, np.float32)
    np.testing.assert_allclose(kernels.sum_rows(x), np.full(3, 1e5 * float(np.float32(0.1))), rtol=2e-6)


# ---------------------------------------------------------------------------------------------------- bias + activation
BY_HAND = {  # at -2, 0 and 3, alpha 0.5
    "linear": [-2, 0, 3],
    "relu": [0, 0, 3],
    "leaky_relu": [-1, 0, 3],
    "elu": [0.5 * math.expm1(-2), 0, 3],
    "sigmoid": [1 / (1 + math.exp(2)), 0.5, 1 / (1 + math.exp(-3))],
    "tanh": [math.tanh(-2), 0, math.tanh(3)],
}


@pytest.mark.parametrize("kind", get_args(Activation))
def test_activations_by_hand(kernels, kind):
    x = np.array([-3.0, 0.0, 2.0])
    np.testing.assert_allclose(kernels.bias_activation_forward(kind, x, np.array([1.0, 0.0, 1.0]), 0.5), BY_HAND[kind], rtol=1e-14)
    assert np.isnan(kernels.bias_activation_forward(kind, np.array([np.nan]), None, 0.5)).all()


@given(kind=KINDS, shape=SHAPES, seed=SEEDS, dtype=DTYPES, alpha=st.sampled_from([0.0, 0.1, 1.0]), bias=st.booleans())
def test_bias_activation(kernels, oracle, kind, shape, seed, dtype, alpha, bias):
    x, b = normal(seed, dtype, shape, shape[1:])
    x64, b64 = wide(x, b)
    want = oracle.bias_activation_forward(kind, x64, b64 if bias else None, alpha)
    assert_close(kernels.bias_activation_forward(kind, x, b if bias else None, alpha), want, dtype)


@given(kind=KINDS, shape=st.lists(st.integers(0, 5), max_size=5), dtype=DTYPES)
def test_activation_of_any_rank(kernels, oracle, kind, shape, dtype):
    (x,) = normal(0, dtype, shape)
    x = np.asarray(x, dtype)
    y = kernels.bias_activation_forward(kind, x, None, 0.1)
    assert y.shape == x.shape
    assert_close(y, oracle.bias_activation_forward(kind, x.astype(np.float64), None, 0.1), dtype)
    assert kernels.activation_backward(kind, x, y, 0.1).shape == x.shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", get_args(Activation))
def test_activations_far_out(kernels, kind, dtype):
    with np.errstate(all="ignore"):
        y = kernels.bias_activation_forward(kind, np.array([-np.inf, -1e4, 1e4, np.inf], dtype), None, 0.5)
    low, high = {"elu": (-0.5, 1e4), "sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, 1e4), "leaky_relu": (-5e3, 1e4)}.get(kind, (-1e4, 1e4))
    np.testing.assert_allclose(y[1:3], [low, high], rtol=1e-6)
    assert not np.isnan(y).any()


@given(kind=KINDS, shape=SHAPES, seed=SEEDS, dtype=DTYPES, alpha=st.sampled_from([0.0, 0.1, 1.0]))
def test_activation_backward(kernels, oracle, kind, shape, seed, dtype, alpha):
    x, dy = normal(seed, dtype, shape, shape)
    y = oracle.bias_activation_forward(kind, x.astype(np.float64), None, alpha).astype(dtype)
    assert_close(kernels.activation_backward(kind, dy, y, alpha), oracle.activation_backward(kind, *wide(dy, y), alpha), dtype, scale=10)


@given(kind=KINDS, seed=SEEDS)
def test_activation_derivative_is_the_difference_quotient(oracle, kind, seed):
    (x,) = normal(seed, np.float64, (50,))
    x[np.abs(x) < 1e-3] = 1.0
    step, one = 1e-6, np.ones(50)
    above, below = (oracle.bias_activation_forward(kind, x + h, None, 0.3) for h in (step, -step))
    derivative = oracle.activation_backward(kind, one, oracle.bias_activation_forward(kind, x, None, 0.3), 0.3)
    np.testing.assert_allclose(derivative, (above - below) / (2 * step), atol=1e-8)


@pytest.mark.parametrize(("kind", "slope"), [("relu", 0.0), ("leaky_relu", 0.25)])
def test_the_derivative_at_zero_is_the_slope(kernels, kind, slope):
    np.testing.assert_array_equal(kernels.activation_backward(kind, np.ones(3), np.zeros(3), 0.25), np.full(3, slope))


# ---------------------------------------------------------------------------------------------------- softmax + cross-entropy
@given(shape=SHAPES, seed=SEEDS, dtype=DTYPES, offset=st.sampled_from([0.0, 80.0, -2000.0]))
def test_softmax(kernels, shape, seed, dtype, offset):
    (x,) = normal(seed, dtype, shape)
    x += dtype(offset)  # must not overflow
    got = kernels.softmax(x)
    e = np.exp(x.astype(np.float64) - offset)
    assert_close(got, e / e.sum(axis=1, keepdims=True), dtype)


@given(shape=SHAPES, seed=SEEDS, dtype=DTYPES)
def test_softmax_crossentropy(kernels, oracle, shape, seed, dtype):
    logits, targets, dloss = normal(seed, dtype, shape, shape, shape[:1])
    targets = np.abs(targets)
    loss, probabilities = kernels.softmax_crossentropy_forward(logits, targets)
    want_loss, want_probabilities = oracle.softmax_crossentropy_forward(*wide(logits, targets))
    assert_close(loss, want_loss, dtype, scale=20)
    assert_close(probabilities, want_probabilities, dtype)
    got = kernels.softmax_crossentropy_backward(dloss, probabilities, targets)
    assert_close(got, oracle.softmax_crossentropy_backward(*wide(dloss, probabilities, targets)), dtype, scale=500)


def test_softmax_crossentropy_by_hand(kernels):
    loss, probabilities = kernels.softmax_crossentropy_forward(np.log([[1.0, 2.0, 5.0]]), np.array([[0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(loss, [math.log(4)], rtol=1e-14)
    np.testing.assert_allclose(probabilities, [[0.125, 0.25, 0.625]], rtol=1e-14)
    gradient = kernels.softmax_crossentropy_backward(np.array([2.0]), probabilities, np.array([[0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(gradient, [[0.25, -1.5, 1.25]], rtol=1e-14)


def test_a_confident_wrong_answer_keeps_its_loss(kernels):
    loss, _ = kernels.softmax_crossentropy_forward(np.array([[1000, 0]], np.float32), np.array([[0, 1]], np.float32))
    np.testing.assert_array_equal(loss, [1000])


# ---------------------------------------------------------------------------------------------------- batch normalisation
@given(shape=SHAPES, seed=SEEDS, dtype=DTYPES)
def test_batch_norm(kernels, oracle, shape, seed, dtype):
    x, dy, gamma, beta = normal(seed, dtype, shape, shape, shape[1:], shape[1:])
    mean, variance = kernels.batch_norm_moments(x)
    want_mean, want_variance = oracle.batch_norm_moments(x.astype(np.float64))
    assert_close(mean, want_mean, dtype, scale=5)
    assert_close(variance, want_variance, dtype, scale=20)
    for given_ in ((mean, variance), (beta, np.abs(gamma))):
        y = kernels.batch_norm_forward(x, *given_, gamma, beta, 1e-3)
        assert_close(y, oracle.batch_norm_forward(*wide(x, *given_, gamma, beta), 1e-3), dtype, scale=2e3)
        for training in (True, False):
            got = kernels.batch_norm_backward(dy, x, *given_, gamma, 1e-3, training=training)
            want = oracle.batch_norm_backward(*wide(dy, x, *given_, gamma), 1e-3, training=training)
            for one, other in zip(got, want, strict=True):
                assert_close(one, other, dtype, scale=2e4)


def test_without_training_a_batch_norm_gradient_is_that_of_its_own_cell(kernels):
    """Neither an infinite input nor sums that overflow reach other rows."""
    x, dy, ones = np.full((40, 2), 1e20, np.float32), np.full((40, 2), 1e38, np.float32), np.ones(2, np.float32)
    x[3] = np.inf
    with np.errstate(all="ignore"):
        dx, _, _ = kernels.batch_norm_backward(dy, x, 0 * ones, ones, ones, 0.0, training=False)
    np.testing.assert_array_equal(dx, dy)


def test_batch_norm_gradient_is_the_difference_quotient(oracle):
    x, dy, gamma, beta = normal(1, np.float64, (6, 3), (6, 3), (3,), (3,))

    def loss(x, gamma, beta):
        return np.vdot(dy, oracle.batch_norm_forward(x, *oracle.batch_norm_moments(x), gamma, beta, 1e-3))

    gradients = oracle.batch_norm_backward(dy, x, *oracle.batch_norm_moments(x), gamma, 1e-3, training=True)
    for position, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            step = [np.zeros_like(a) for a in (x, gamma, beta)]
            step[position][index] = 1e-6
            above, below = (loss(*(a + sign * s for a, s in zip((x, gamma, beta), step, strict=True))) for sign in (1, -1))
            assert gradient[index] == pytest.approx((above - below) / 2e-6, abs=1e-6)


def test_a_large_mean_costs_no_digits(kernels):
    x = np.array([[1e4 - 1], [1e4 + 1]] * 500, np.float32)
    mean, variance = kernels.batch_norm_moments(x)
    np.testing.assert_allclose([mean[0], variance[0]], [1e4, 1], rtol=1e-6)


# ---------------------------------------------------------------------------------------------------- dropout
@pytest.mark.parametrize(
    ("key", "words"),  # Random123's known answers (kat_vectors, philox4x32 with 10 rounds), counter zero
    [(0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8])],
)
def test_philox_gives_the_published_words(key, words):
    np.testing.assert_array_equal(numpy_ref._philox4x32(1, key)[0], words)


@given(
    shape=st.lists(st.integers(0, 20), max_size=3), rate=st.floats(0, 1, exclude_max=True), seed=st.integers(0, 2**64 - 1), dtype=DTYPES
)  # fmt: skip
def test_every_backend_draws_the_same_mask(kernels, oracle, shape, rate, seed, dtype):
    mask, want = (k.dropout_mask(tuple(shape), rate, seed, dtype) for k in (kernels, oracle))
    assert mask.dtype == dtype
    np.testing.assert_array_equal(mask, want)


def test_dropout_keeps_the_share_and_the_mean(kernels):
    mask = kernels.dropout_mask((100_000,), 0.25, 7, np.float32)
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((mask > 0).mean() - 0.75) < 0.01
    assert (kernels.dropout_mask((1000,), 0.0, 7, np.float32) == 1).all()


# ---------------------------------------------------------------------------------------------------- optimizer steps
@given(
    size=st.integers(0, 3000), seed=SEEDS, dtype=DTYPES, momentum=st.sampled_from([None, 0.0, 0.9]), nesterov=st.booleans()
)  # fmt: skip
def test_sgd(kernels, oracle, size, seed, dtype, momentum, nesterov):
    w, g, m = normal(seed, dtype, size, size, size)
    exact = wide(w, g, m)
    for k, (w_, g_, m_) in ((kernels, (w, g, m)), (oracle, exact)):
        options = {} if momentum is None else {"momentum": momentum, "nesterov": nesterov}
        k.sgd_step(w_, g_, None if momentum is None else m_, learning_rate=0.1, **options)
    assert_close(w, exact[0], dtype, scale=10)
    assert_close(m, exact[2], dtype, scale=10)


@given(size=st.integers(0, 3000), seed=SEEDS, dtype=DTYPES)
def test_adam(kernels, oracle, size, seed, dtype):
    w, g, m, v = normal(seed, dtype, size, size, size, size)
    v = np.square(v)
    exact = wide(w, g, m, v)
    for k, arrays in ((kernels, (w, g, m, v)), (oracle, exact)):
        k.adam_step(*arrays, alpha=0.01, beta_1=0.9, beta_2=0.999, epsilon=1e-3)
    for got, want in zip((w, m, v), (exact[0], *exact[2:]), strict=True):
        assert_close(got, want, dtype, scale=200)


def test_optimizers_by_hand(kernels):
    w, m, v = np.array([1.0]), np.array([0.5]), np.array([4.0])
    kernels.sgd_step(w, np.array([2.0]), None, learning_rate=0.1)
    assert w[0] == pytest.approx(0.8)
    kernels.sgd_step(w, np.array([2.0]), m, learning_rate=0.1, momentum=0.5)
    assert (m[0], w[0]) == (pytest.approx(0.05), pytest.approx(0.85))
    kernels.sgd_step(w, np.array([2.0]), m, learning_rate=0.1, momentum=0.5, nesterov=True)
    assert (m[0], w[0]) == (pytest.approx(-0.175), pytest.approx(0.85 - 0.0875 - 0.2))
    w[0], m[0] = 1.0, 1.0
    kernels.adam_step(w, np.array([3.0]), m, v, alpha=0.5, beta_1=0.5, beta_2=0.8, epsilon=0.0)
    assert (m[0], v[0]) == (pytest.approx(2.0), pytest.approx(5.0))
    assert w[0] == pytest.approx(1 - 0.5 * 2 / math.sqrt(5))
