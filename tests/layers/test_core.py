"""Dense, Dropout, Flatten, Reshape, Permute, Activation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinycnn import Tensor, utils
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.layers import Activation, Dense, Dropout, Flatten, Permute, Reshape

ONES = np.ones((200, 50), np.float32)


# ---- Dense
@pytest.mark.parametrize("units", [0, -1, 2.5, "3", True, None])
def test_dense_needs_units(units) -> None:
    with pytest.raises(ArgumentError, match="units must be an int >= 1"):
        Dense(units)


def test_dense_without_bias() -> None:
    layer = Dense(3, use_bias=False, kernel_initializer="ones")
    np.testing.assert_array_equal(layer(np.ones((2, 4))).numpy(), np.full((2, 3), 4))
    assert len(layer.weights) == 1


@pytest.mark.parametrize("activation", ["relu", "tanh", "elu", "leaky_relu", "sigmoid", "softmax", "gelu", None])
def test_the_activation_is_applied_to_the_biased_product(activation) -> None:
    layer = Dense(3, activation=activation, bias_initializer="random_normal")
    plain = Dense(3)
    x = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)
    layer(x)
    plain(x)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(x).numpy(), Activation(activation)(plain(x)).numpy(), rtol=1e-5, atol=1e-6)


def test_softmax_and_sigmoid_remember_their_logits() -> None:
    x = np.ones((2, 3), np.float32)
    for name in ("softmax", "sigmoid"):
        kind, logits = Dense(4, activation=name)(x)._logits
        assert (kind, logits.shape) == (name, (2, 4))
    assert Dense(4, activation="tanh")(x)._logits is None


@pytest.mark.parametrize("name", ["sine", 3])
def test_unknown_activations(name) -> None:
    with pytest.raises((ArgumentError, DTypeError), match="activation"):
        Dense(3, activation=name)


# ---- Dropout
def test_dropout_is_the_identity_but_in_training() -> None:
    np.testing.assert_array_equal(Dropout(0.5)(ONES).numpy(), ONES)
    np.testing.assert_array_equal(Dropout(0.0)(ONES, training=True).numpy(), ONES)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_and_scales(rate) -> None:
    utils.set_random_seed(1)
    y = Dropout(rate)(ONES, training=True).numpy()
    kept = y != 0
    np.testing.assert_allclose(y[kept], 1 / (1 - rate), rtol=1e-6)
    assert abs(kept.mean() - (1 - rate)) < 0.02  # five standard deviations of the mean of 10,000 cells


def test_dropout_draws_anew_each_time_and_again_from_the_same_seed() -> None:
    layer, twin = Dropout(0.5, seed=7), Dropout(0.5, seed=7)
    first, second = layer(ONES, training=True).numpy(), layer(ONES, training=True).numpy()
    assert (first != second).any()
    np.testing.assert_array_equal(twin(ONES, training=True).numpy(), first)
    np.testing.assert_array_equal(twin(ONES, training=True).numpy(), second)

    def drawn():
        utils.set_random_seed(3)
        return Dropout(0.5)(ONES, training=True).numpy()

    np.testing.assert_array_equal(drawn(), drawn())


def test_the_gradient_of_dropout_is_its_mask() -> None:
    x = Tensor(ONES, requires_grad=True)
    y = Dropout(0.5)(x, training=True)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.numpy())


def test_noise_shape_drops_whole_channels() -> None:
    x = np.ones((4, 6, 6, 10), np.float32)
    y = Dropout(0.5, noise_shape=(None, 1, 1, None), seed=0)(x, training=True).numpy()
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1], x.shape))
    assert len(np.unique(y)) == 2
    with pytest.raises(ShapeError, match="noise_shape"):
        Dropout(0.5, noise_shape=(None, 1))(x, training=True)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2, float("nan"), "half", None])
def test_bad_rates(rate) -> None:
    with pytest.raises(ArgumentError, match="rate"):
        Dropout(rate)


@pytest.mark.parametrize("seed", [-1, "x"])
def test_bad_seeds(seed) -> None:
    with pytest.raises((ArgumentError, DTypeError), match="seed"):
        Dropout(0.5, seed=seed)


# ---- shapes
@given(hnp.array_shapes(min_dims=1, max_dims=5, max_side=4))
def test_flatten_keeps_every_cell(shape) -> None:
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    layer = Flatten()
    np.testing.assert_array_equal(layer(x).numpy(), x.reshape(shape[0], -1))
    assert layer.compute_output_shape((None, *shape[1:])) == (None, np.prod(shape[1:]))


def test_flatten_of_unknown_sizes() -> None:
    assert Flatten().compute_output_shape((None, None, 3)) == (None, None)


@given(st.permutations([1, 2, 3]))
def test_permute_is_a_transposition(dims) -> None:
    x = np.random.default_rng(0).random((2, 3, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(Permute(dims)(x).numpy(), x.transpose(0, *dims))


@pytest.mark.parametrize("dims", [(0, 1), (1, 1), (1, 3)])
def test_bad_permutations(dims) -> None:
    with pytest.raises(ArgumentError, match="dims"):
        Permute(dims)


def test_reshape() -> None:
    assert Reshape((2, -1)).compute_output_shape((None, 3, 4)) == (None, 2, 6)
    assert Reshape((2, -1)).compute_output_shape((None, None, 4)) == (None, 2, None)
    assert Reshape((-1,))(np.zeros((0, 3, 4), np.float32)).shape == (0, 12)


@pytest.mark.parametrize("target", [(5,), (-1, 5), (0, -1)])
def test_reshape_refuses_what_does_not_fit(target) -> None:
    with pytest.raises(ShapeError, match="12 cells"):
        Reshape(target, name="mine")(np.zeros((2, 3, 4), np.float32))


@pytest.mark.parametrize("target", [(-1, -1), (-2,), 4, ("a",)])
def test_bad_target_shapes(target) -> None:
    with pytest.raises(ShapeError, match="target_shape"):
        Reshape(target)
