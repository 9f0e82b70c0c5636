"""Noise and dropout in its variants: statistics, seeds, what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import Tensor, utils
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers import AlphaDropout, GaussianDropout, GaussianNoise, SpatialDropout1D, SpatialDropout2D

X = np.random.default_rng(0).standard_normal((300, 200)).astype(np.float32)
MAKERS = {
    "GaussianNoise": lambda **k: GaussianNoise(0.3, **k),
    "GaussianDropout": lambda **k: GaussianDropout(0.3, **k),
    "AlphaDropout": lambda **k: AlphaDropout(0.3, **k),
}
each = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@each
def test_only_in_training_and_the_seed_repeats_it(make) -> None:
    layer, twin = make(seed=7), make(seed=7)
    np.testing.assert_array_equal(layer(X).numpy(), X)
    first, second = layer(X, training=True).numpy(), layer(X, training=True).numpy()
    assert first.dtype == np.float32
    assert (first != second).any()
    np.testing.assert_array_equal(twin(X, training=True).numpy(), first)

    def drawn():
        utils.set_random_seed(3)
        return make()(X, training=True).numpy()

    np.testing.assert_array_equal(drawn(), drawn())


@pytest.mark.parametrize("layer", [GaussianNoise(0), GaussianDropout(0), AlphaDropout(0), SpatialDropout1D(0)])
def test_nothing_at_rate_0(layer) -> None:
    x = X[None] if isinstance(layer, SpatialDropout1D) else X
    np.testing.assert_array_equal(layer(x, training=True).numpy(), x)


def test_noise_has_its_mean_and_deviation() -> None:
    noise = GaussianNoise(0.3, seed=1)(X, training=True).numpy() - X
    assert abs(noise.mean()) < 5 * 0.3 / np.sqrt(X.size)
    assert abs(noise.std() - 0.3) < 0.005
    factors = GaussianDropout(0.2, seed=1)(np.ones_like(X), training=True).numpy()
    assert abs(factors.mean() - 1) < 5 * 0.5 / np.sqrt(X.size)
    assert abs(factors.std() - 0.5) < 0.01  # sqrt(0.2 / 0.8)


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    y = AlphaDropout(0.3, seed=1)(X, training=True).numpy()
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02
    _, counts = np.unique(y, return_counts=True)
    assert abs(counts.max() / y.size - 0.3) < 0.01  # the dropped cells, all where SELU saturates
    shared = AlphaDropout(0.3, noise_shape=(None, 1), seed=1)(np.ones((50, 4), np.float32), training=True).numpy()
    np.testing.assert_array_equal(shared, np.broadcast_to(shared[:, :1], shared.shape))


def test_gradients_are_those_of_what_was_drawn() -> None:
    x = Tensor(np.ones((5, 6)), requires_grad=True)
    y = GaussianDropout(0.4, seed=1, dtype="float64")(x, training=True)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, y.numpy())
    x = Tensor(np.ones((5, 6)), requires_grad=True)
    GaussianNoise(0.4)(x, training=True).sum().backward()
    np.testing.assert_array_equal(x.grad, np.ones((5, 6)))


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (SpatialDropout1D(0.5, seed=0), (40, 6, 10), (1,)),
        (SpatialDropout2D(0.5, seed=0), (40, 6, 5, 10), (1, 2)),
        (SpatialDropout2D(0.5, data_format="channels_first", seed=0), (40, 10, 6, 5), (2, 3)),
    ],
)
def test_spatial_dropout_drops_whole_channels(layer, shape, axes) -> None:
    y = layer(np.ones(shape, np.float32), training=True).numpy()
    channels = y.mean(axes, keepdims=True)
    np.testing.assert_array_equal(y, np.broadcast_to(channels, shape))
    assert set(np.unique(channels)) == {0, 2}
    assert abs((channels == 0).mean() - 0.5) < 0.125  # five standard deviations of 400 channels
    assert set(layer.get_config()) - {"data_format"} == {"rate", "seed", "name", "dtype"}  # as Keras writes it


@pytest.mark.parametrize("bad", [-0.1, 1.0, 2, float("nan"), "half", None, True])
def test_bad_rates(bad) -> None:
    for cls in (GaussianDropout, AlphaDropout, SpatialDropout1D, SpatialDropout2D):
        with pytest.raises(ArgumentError, match="rate"):
            cls(bad)


@pytest.mark.parametrize("bad", [-0.1, 1.1, "half", None])
def test_bad_deviations(bad) -> None:
    with pytest.raises(ArgumentError, match="stddev"):
        GaussianNoise(bad)


def test_spatial_dropout_names_the_rank() -> None:
    with pytest.raises(ShapeError, match="3 dimensions"):
        SpatialDropout1D(0.5)(X)
    with pytest.raises(ShapeError, match="4 dimensions"):
        SpatialDropout2D(0.5)(X)
