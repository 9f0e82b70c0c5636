"""Layers around a layer."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import layers, models, ops
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.layers import Conv2D, Dense, Dropout, TimeDistributed, Wrapper
from tinycnn.saving import custom_object_scope

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

X = np.random.default_rng(51).standard_normal((2, 3, 6, 5, 4)).astype(np.float32)


def test_each_step_is_computed_for_itself() -> None:
    inner = Conv2D(2, 3, activation="relu")
    layer = TimeDistributed(inner)
    y = layer(X).numpy()
    for step in range(3):
        np.testing.assert_allclose(y[:, step], inner(X[:, step]).numpy(), rtol=1e-5, atol=1e-6)
    assert layer.weights == inner.weights
    assert [v.path for v in layer.trainable_weights]


def test_against_keras() -> None:
    keras = pytest.importorskip("keras")
    layer = TimeDistributed(layers.Dense(3))
    x = X[..., 0, 0]
    y = layer(x).numpy()
    theirs = keras.layers.TimeDistributed(keras.layers.Dense(3))
    theirs.build(x.shape)
    theirs.set_weights(layer.get_weights())
    np.testing.assert_allclose(y, keras.ops.convert_to_numpy(theirs(x)), rtol=1e-5, atol=1e-6)


def test_training_reaches_the_inner_layer() -> None:
    layer = TimeDistributed(Dropout(0.5, seed=1))
    np.testing.assert_array_equal(layer(X).numpy(), X)
    assert (layer(X, training=True).numpy() == 0).any()


def test_in_a_model_that_is_trained_and_saved(tmp_path) -> None:
    model = models.Sequential([layers.Input((3, 6, 5, 4)), TimeDistributed(Conv2D(2, 3)), layers.Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, np.ones((2, 1)), epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(models.load_model(tmp_path / "m.keras").predict(X, verbose=0), model.predict(X, verbose=0))
    open_steps = models.Model(x := layers.Input((None, 4)), TimeDistributed(Dense(2))(x))
    assert open_steps.output_shape == (None, None, 2)
    assert open_steps(X[0, :, :, 0]).shape == (3, 6, 2)


def test_a_wrapper_of_ones_own() -> None:
    class Doubled(Wrapper):
        def call(self, inputs):
            return 2 * self.layer(inputs)

    layer = Doubled(Dense(3))
    with custom_object_scope({"Doubled": Doubled}):
        again = layers.deserialize(layers.serialize(layer))
    y = layer(X[0, 0])
    again(X[0, 0])
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(X[0, 0]).numpy(), y.numpy())
    np.testing.assert_array_equal(y.numpy(), ops.multiply(2, layer.layer(X[0, 0])).numpy())


def test_refusals() -> None:
    with pytest.raises(DTypeError, match="layer must be a Layer, got 'Dense'"):
        TimeDistributed("Dense")
    with pytest.raises(ShapeError, match=r"layer 'mine' .*3 dimensions \(batch, steps, ...\) or more, got shape \(None, 3\)"):
        TimeDistributed(layers.ReLU(), name="mine")(X[:, :, 0, 0, 0])
    with pytest.raises(ArgumentError, match="unknown layer 'Nothing'"):
        TimeDistributed({"class_name": "Nothing", "config": {}})
