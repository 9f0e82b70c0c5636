"""Activation functions against Keras 3.15.1 (TensorFlow backend), their gradients, and how they are named."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import Tensor, activations, layers, ops, registry, testing
from tinycnn.errors import ArgumentError, DTypeError, ShapeError

X = np.array([-4, -1.5, -0.3, 0, 0.2, 1, 2.5, 7], np.float32)

# fmt: off
KERAS = {
    "celu": [-0.9816844, -0.7768698, -0.2591818, 0, 0.2, 1, 2.5, 7],
    "elu": [-0.9816844, -0.7768698, -0.2591818, 0, 0.2, 1, 2.5, 7],
    "exponential": [0.01831564, 0.2231302, 0.7408182, 1, 1.221403, 2.718282, 12.18249, 1096.633],
    "gelu": [-0.000126685, -0.1002108, -0.1146266, 0, 0.1158519, 0.8413447, 2.484476, 7],
    "hard_sigmoid": [0, 0.25, 0.45, 0.5, 0.5333334, 0.6666667, 0.9166667, 1],
    "hard_silu": [-0, -0.375, -0.135, 0, 0.1066667, 0.6666667, 2.291667, 7],
    "hard_tanh": [-1, -1, -0.3, 0, 0.2, 1, 1, 1],
    "leaky_relu": [-0.8, -0.3, -0.06, 0, 0.2, 1, 2.5, 7],
    "linear": [-4, -1.5, -0.3, 0, 0.2, 1, 2.5, 7],
    "log_sigmoid": [-4.01815, -1.701413, -0.8543552, -0.6931472, -0.5981389, -0.3132617, -0.07888974, -0.0009114664],
    "log_softmax": [-11.01637, -8.516375, -7.316374, -7.016374, -6.816374, -6.016374, -4.516374, -0.01637426],
    "mish": [-0.07259174, -0.2980997, -0.1511332, 0, 0.132599, 0.8650984, 2.471392, 6.999989],
    "relu": [0, 0, 0, 0, 0.2, 1, 2.5, 7],
    "relu6": [0, 0, 0, 0, 0.2, 1, 2.5, 6],
    "selu": [-1.725899, -1.365814, -0.4556673, 0, 0.2101402, 1.050701, 2.626753, 7.354907],
    "sigmoid": [0.01798621, 0.1824255, 0.4255574, 0.5, 0.549834, 0.7310585, 0.9241418, 0.9990889],
    "silu": [-0.07194484, -0.2736383, -0.1276672, 0, 0.1099668, 0.7310585, 2.310354, 6.993623],
    "softmax": [1.643045e-05, 0.0002001638, 0.0006645673, 0.0008970721, 0.001095686, 0.002438495, 0.01092858, 0.983759],
    "softplus": [0.01814993, 0.2014133, 0.5543552, 0.6931472, 0.7981389, 1.313262, 2.57889, 7.000912],
    "softsign": [-0.8, -0.6, -0.2307692, 0, 0.1666667, 0.5, 0.7142857, 0.875],
    "tanh": [-0.9993293, -0.9051483, -0.2913126, 0, 0.1973753, 0.7615942, 0.9866143, 0.9999983],
    "glu": [-2.199336, -1.096588, -0.2772426, 0],
    "hard_shrink": [-4, -1.5, 0, 0, 0, 1, 2.5, 7],
    "soft_shrink": [-3.5, -1, 0, 0, 0, 0.5, 2, 6.5],
    "sparse_plus": [0, 0, 0.1225, 0.25, 0.36, 1, 2.5, 7],
    "sparse_sigmoid": [0, 0, 0.35, 0.5, 0.6, 1, 1, 1],
    "sparsemax": [0, 0, 0, 0, 0, 0, 0, 1],
    "squareplus": [0.236068, 0.5, 0.8611875, 1, 1.104988, 1.618034, 2.850781, 7.140055],
    "tanh_shrink": [-3.000671, -0.5948517, -0.008687377, 0, 0.002624676, 0.2384058, 1.513386, 6.000002],
}
# fmt: on


@pytest.mark.parametrize("name", KERAS)
def test_values(name) -> None:
    np.testing.assert_allclose(activations.get(name)(X).numpy(), KERAS[name], rtol=2e-6, atol=1e-7)


def test_every_activation_is_tested() -> None:
    functions = {registry.lookup("activation", name).__name__ for name in registry.names("activation")}
    assert functions == {*KERAS, "threshold"}
    assert functions <= set(activations.__all__)


def test_threshold() -> None:
    np.testing.assert_array_equal(activations.threshold(X, 0.5, -3.0).numpy(), [-3, -3, -3, -3, -3, 1, 2.5, 7])
    testing.check_grads(lambda x: activations.threshold(x, 0.5, -3.0), X + 0.1)


def test_sparsemax_by_hand() -> None:
    """Keras 3.15.1 sums the wrong numbers here and gives [0.1, 0, 0]; these are the paper's."""
    np.testing.assert_allclose(
        activations.sparsemax([[1, 0.8, 0.1], [0, 0, 3], [2, 2, 2]]).numpy(), [[0.6, 0.4, 0], [0, 0, 1], [1 / 3] * 3], 1e-6
    )
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    y = activations.sparsemax(x, axis=1).numpy()
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)
    assert 0 < (y == 0).mean() < 1
    testing.check_grads(lambda x: activations.sparsemax(x, axis=1), x)


def test_glu_needs_two_halves() -> None:
    np.testing.assert_allclose(activations.glu([[2.0], [0.0]], axis=0).numpy(), [[1.0]])
    with pytest.raises(ShapeError, match=r"even size along axis 1, got shape \(1, 3\)"):
        activations.glu(np.zeros((1, 3)))


def test_gelu_in_its_approximate_form() -> None:
    expected = [-7.0214271e-05, -0.10042843, -0.11462908, 0, 0.11585142, 0.84119201, 2.48491573, 7]
    np.testing.assert_allclose(activations.gelu(X, approximate=True).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_ops_of_the_same_names() -> None:
    for name in set(KERAS) - {"linear", "exponential", "mish", "gelu"}:
        np.testing.assert_array_equal(getattr(ops, name)(X).numpy(), activations.get(name)(X).numpy())
    np.testing.assert_array_equal(ops.gelu(X).numpy(), activations.gelu(X, approximate=True).numpy())  # as in Keras


def test_relu_with_all_arguments() -> None:
    y = activations.relu(X, negative_slope=0.1, max_value=2.0, threshold=0.5)
    np.testing.assert_allclose(y.numpy(), [-0.45, -0.2, -0.08, -0.05, -0.03, 1, 2, 2], rtol=1e-6)


@pytest.mark.parametrize("name", KERAS)
def test_gradients(name) -> None:
    away_from_kinks = np.linspace(-4.1, 6.7, 12).reshape(3, 4)
    testing.check_grads(activations.get(name), away_from_kinks)


@pytest.mark.parametrize("name", sorted(set(KERAS) - {"exponential"}))
def test_large_inputs_do_not_overflow(name) -> None:
    y = activations.get(name)(np.array([[-1e4, -100, 100, 1e4]], np.float32)).numpy()
    assert np.isfinite(y).all()


@pytest.mark.parametrize("name", ["softmax", "sigmoid"])
def test_logits_are_remembered(name) -> None:
    x = Tensor(X[None])
    assert activations.get(name)(x)._logits == (name, x)
    assert activations.get(name)(x).reshape(8, 1)._logits is None


def test_a_softmax_along_another_axis_remembers_nothing() -> None:
    assert activations.softmax(X.reshape(2, 4), axis=0)._logits is None


def test_get() -> None:
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu
    assert activations.get(activations.relu) is activations.relu
    layer = layers.LeakyReLU()
    assert activations.get(layer) is layer
    assert activations.serialize(activations.swish) == "silu"
    assert activations.deserialize("silu") is activations.silu
    assert activations.deserialize(activations.serialize(layer)).negative_slope == layer.negative_slope


def test_get_refuses() -> None:
    with pytest.raises(ArgumentError, match="did you mean 'relu'"):
        activations.get("rellu")
    with pytest.raises(DTypeError, match="activation"):
        activations.get(3)
    with pytest.raises(DTypeError, match="cannot be written"):
        activations.serialize(np.tanh)


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu", "elu", "tanh", "sigmoid", "softmax"])
def test_product_bias_and_activation_together_are_one_after_the_other(name) -> None:
    x, bias = Tensor(X.reshape(2, 4)), Tensor(np.array([1, -2, 0.5], np.float32))
    kernel = Tensor(np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3))
    function, product = activations.get(name), ops.matmul(x, kernel)
    np.testing.assert_allclose(
        activations.affine(x, kernel, bias, function).numpy(), function(product + bias).numpy(), rtol=1e-6, atol=1e-7
    )
    np.testing.assert_array_equal(activations.affine(x, kernel, None, function).numpy(), function(product).numpy())
