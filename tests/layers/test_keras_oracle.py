"""Every layer against the installed Keras: arguments, config, weights, shapes, results and gradients, from the same weights and inputs."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import numpy as np
import pytest

from tinycnn import layers
from tinycnn.autograd import Tensor
from tinycnn.layers import Layer

keras = pytest.importorskip("keras")
if keras.backend.backend() != "jax":
    pytest.skip("needs Keras on JAX", allow_module_level=True)

FIRST = {"data_format": "channels_first"}
IMAGE, LINE, VECTOR = (2, 7, 6, 4), (2, 9, 4), (3, 5)
RULES = {"kernel_regularizer": "l2", "bias_regularizer": "l1", "kernel_constraint": "max_norm", "bias_constraint": "non_neg"}

#: (layer, shape or shapes of its inputs, arguments)
CASES: list[tuple[str, Any, dict[str, Any]]] = [
    ("Activation", IMAGE, {"activation": "tanh"}),
    ("ActivityRegularization", IMAGE, {"l1": 0.1, "l2": 0.2}),
    ("AdaptiveAveragePooling1D", LINE, {"output_size": 4}),
    ("AdaptiveAveragePooling1D", LINE, {"output_size": 5, **FIRST}),
    ("AdaptiveAveragePooling2D", IMAGE, {"output_size": (3, 5)}),
    ("AdaptiveAveragePooling2D", IMAGE, {"output_size": 4, **FIRST}),
    ("AdaptiveMaxPooling1D", LINE, {"output_size": 4}),
    ("AdaptiveMaxPooling1D", LINE, {"output_size": 5, **FIRST}),
    ("AdaptiveMaxPooling2D", IMAGE, {"output_size": (3, 5)}),
    ("AdaptiveMaxPooling2D", IMAGE, {"output_size": 4, **FIRST}),
    ("Add", [IMAGE, IMAGE, (2, 1, 1, 4)], {}),
    ("Average", [IMAGE, IMAGE], {}),
    ("AveragePooling1D", LINE, {"pool_size": 2}),
    ("AveragePooling1D", LINE, {"pool_size": 3, "strides": 2, "padding": "same", **FIRST}),
    ("AveragePooling2D", IMAGE, {"pool_size": (2, 3), "strides": 2, "padding": "same"}),
    ("AveragePooling2D", IMAGE, {"pool_size": 2, **FIRST}),
    ("BatchNormalization", IMAGE, {}),
    ("BatchNormalization", IMAGE, {"axis": 1, "epsilon": 1e-2, "scale": False, "beta_regularizer": "l2", "beta_constraint": "non_neg"}),
    ("Concatenate", [IMAGE, (2, 7, 6, 1)], {"axis": -1}),
    ("Conv1D", LINE, {"filters": 3, "kernel_size": 3, "activation": "relu"}),
    ("Conv1D", LINE, {"filters": 4, "kernel_size": 2, "strides": 2, "padding": "same", "groups": 2}),
    ("Conv1D", LINE, {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "padding": "causal", "use_bias": False}),
    ("Conv1D", LINE, {"filters": 3, "kernel_size": 2, "padding": "causal", **FIRST}),
    ("Conv1DTranspose", LINE, {"filters": 3, "kernel_size": 3, "strides": 2}),
    ("Conv1DTranspose", LINE, {"filters": 3, "kernel_size": 2, "strides": 3, "padding": "same", "output_padding": 2, **FIRST}),
    ("Conv2D", IMAGE, {"filters": 3, "kernel_size": 3, **RULES}),
    ("Conv2D", IMAGE, {"filters": 4, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same", "groups": 2, "activation": "tanh"}),
    ("Conv2D", IMAGE, {"filters": 2, "kernel_size": 2, "dilation_rate": (2, 1), "use_bias": False, "activity_regularizer": "l2"}),
    ("Conv2D", IMAGE, {"filters": 2, "kernel_size": 2, **FIRST}),
    ("Conv2DTranspose", IMAGE, {"filters": 3, "kernel_size": 3, **RULES}),
    ("Conv2DTranspose", IMAGE, {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}),
    ("Conv2DTranspose", IMAGE, {"filters": 3, "kernel_size": (4, 2), "strides": (2, 3), "padding": "same", "use_bias": False}),
    ("Conv2DTranspose", IMAGE, {"filters": 3, "kernel_size": (5, 2), "strides": (3, 2), "padding": "same", "output_padding": (2, 1)}),
    ("Conv2DTranspose", IMAGE, {"filters": 3, "kernel_size": 2, "strides": 3, "output_padding": (1, 2)}),
    ("Conv2DTranspose", IMAGE, {"filters": 2, "kernel_size": 2, "strides": 4}),
    ("Conv2DTranspose", IMAGE, {"filters": 2, "kernel_size": (3, 2), "dilation_rate": (2, 3), "padding": "same"}),
    ("Conv2DTranspose", IMAGE, {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same", **FIRST}),
    ("Cropping1D", LINE, {"cropping": (1, 2)}),
    ("Cropping2D", IMAGE, {"cropping": ((1, 2), (0, 3))}),
    ("Cropping2D", IMAGE, {"cropping": (1, 0), **FIRST}),
    ("Dense", IMAGE, {"units": 3, "activation": "sigmoid", **RULES}),
    ("Dense", VECTOR, {"units": 3, "use_bias": False}),
    ("DepthwiseConv1D", LINE, {"kernel_size": 3, "depth_multiplier": 2, "strides": 2, "padding": "same"}),
    ("DepthwiseConv1D", LINE, {"kernel_size": 2, **FIRST}),
    ("DepthwiseConv2D", IMAGE, {"kernel_size": 3, "depthwise_regularizer": "l2", "depthwise_constraint": "unit_norm"}),
    ("DepthwiseConv2D", IMAGE, {"kernel_size": 2, "depth_multiplier": 3, "padding": "same", "activation": "elu", **FIRST}),
    ("Dot", [(3, 5), (3, 5)], {"axes": 1}),
    ("Dot", [(3, 5), (3, 5)], {"axes": -1, "normalize": True}),
    ("Dot", [(3, 4, 5), (3, 6, 4)], {"axes": (1, 2)}),
    ("Dot", [(3, 4, 5, 2), (3, 5, 4)], {"axes": [2, 1], "normalize": True}),
    ("Dot", [(3, 5), (3, 5, 4)], {"axes": 1}),
    ("Dropout", IMAGE, {"rate": 0.5, "seed": 3}),
    ("ELU", IMAGE, {"alpha": 0.5}),
    ("Flatten", IMAGE, {}),
    ("Flatten", IMAGE, FIRST),
    ("GlobalAveragePooling1D", LINE, {}),
    ("GlobalAveragePooling1D", LINE, {"keepdims": True, **FIRST}),
    ("GlobalAveragePooling2D", IMAGE, {}),
    ("GlobalAveragePooling2D", IMAGE, {"keepdims": True, **FIRST}),
    ("GlobalMaxPooling1D", LINE, {"keepdims": True}),
    ("GlobalMaxPooling1D", LINE, FIRST),
    ("GlobalMaxPooling2D", IMAGE, {"keepdims": True}),
    ("GlobalMaxPooling2D", IMAGE, FIRST),
    ("GroupNormalization", IMAGE, {"groups": 2, "gamma_regularizer": "l2", "beta_constraint": "non_neg"}),
    ("GroupNormalization", IMAGE, {"groups": 7, "axis": 1, "center": False}),
    ("GroupNormalization", IMAGE, {"groups": -1, "axis": -2, "scale": False}),
    ("GroupNormalization", VECTOR, {"groups": 1, "epsilon": 0.1}),
    ("LayerNormalization", IMAGE, {"gamma_regularizer": "l2", "beta_constraint": "non_neg"}),
    ("LayerNormalization", IMAGE, {"axis": [1, 3], "epsilon": 0.1}),
    ("LayerNormalization", IMAGE, {"axis": 2, "center": False, "scale": False}),
    ("LeakyReLU", IMAGE, {"negative_slope": 0.1}),
    ("MaxPooling1D", LINE, {}),
    ("MaxPooling1D", LINE, {"pool_size": 3, "strides": 2, "padding": "same", **FIRST}),
    ("MaxPooling2D", IMAGE, {"pool_size": 3, "strides": 2, "padding": "same"}),
    ("MaxPooling2D", IMAGE, FIRST),
    ("Maximum", [IMAGE, IMAGE], {}),
    ("Minimum", [IMAGE, IMAGE], {}),
    ("Multiply", [IMAGE, IMAGE], {}),
    ("PReLU", IMAGE, {"alpha_regularizer": "l2", "alpha_constraint": "non_neg"}),
    ("PReLU", IMAGE, {"alpha_initializer": "ones", "shared_axes": [1, 2]}),
    ("Permute", IMAGE, {"dims": (3, 1, 2)}),
    ("RMSNormalization", IMAGE, {}),
    ("RMSNormalization", IMAGE, {"axis": [2, 3], "epsilon": 0.1}),
    ("ReLU", IMAGE, {"max_value": 0.5, "negative_slope": 0.1, "threshold": 0.2}),
    ("RepeatVector", VECTOR, {"n": 3}),
    ("Reshape", IMAGE, {"target_shape": (-1, 4)}),
    ("SeparableConv1D", LINE, {"filters": 3, "kernel_size": 3, "padding": "same", "depth_multiplier": 2}),
    ("SeparableConv1D", LINE, {"filters": 3, "kernel_size": 2, "strides": 2, "use_bias": False, **FIRST}),
    ("SeparableConv2D", IMAGE, {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "tanh"}),
    ("SeparableConv2D", IMAGE, {"filters": 3, "kernel_size": 2, "depth_multiplier": 2, "dilation_rate": 2, "pointwise_regularizer": "l2"}),
    ("SeparableConv2D", IMAGE, {"filters": 3, "kernel_size": 2, "depthwise_constraint": "non_neg", **FIRST}),
    ("Softmax", IMAGE, {"axis": 1}),
    ("Softmax", IMAGE, {"axis": [1, 2]}),
    ("Subtract", [IMAGE, IMAGE], {}),
    ("UnitNormalization", IMAGE, {}),
    ("UnitNormalization", IMAGE, {"axis": [1, 2]}),
    ("UpSampling1D", LINE, {"size": 3}),
    ("UpSampling2D", IMAGE, {"size": (2, 3)}),
    ("UpSampling2D", IMAGE, {"size": 2, "interpolation": "bilinear"}),
    ("UpSampling2D", IMAGE, {"size": (3, 1), "interpolation": "bilinear", **FIRST}),
    ("UpSampling2D", IMAGE, {"size": (2, 3), "interpolation": "bicubic"}),
    ("UpSampling2D", IMAGE, {"size": 2, "interpolation": "lanczos3"}),
    ("UpSampling2D", IMAGE, {"size": 2, "interpolation": "lanczos5"}),
    ("ZeroPadding1D", LINE, {"padding": (1, 2)}),
    ("ZeroPadding1D", LINE, {"padding": 1, **FIRST}),
    ("ZeroPadding2D", IMAGE, {"padding": ((1, 0), (2, 3))}),
    ("ZeroPadding2D", IMAGE, FIRST),
]
each_case = pytest.mark.parametrize(("name", "shape", "arguments"), CASES, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(CASES)])

#: Arguments of Keras that say that something is off which tinycnn leaves out, and so are not written.
LEFT_OUT = {
    "Dense": {"quantization_config"},
    "BatchNormalization": {"renorm", "renorm_clipping", "renorm_momentum", "synchronized"},
    "LayerNormalization": {"rms_scaling"},
}


def built_pair(name: str, shape: Any, arguments: dict[str, Any]) -> tuple[Layer, Any]:
    """tinycnn's layer and Keras's, with the same weights, none of them at a kink."""
    plain = dict.fromkeys(("kernel_initializer", "depthwise_initializer", "pointwise_initializer"), "zeros")  # JAX compiles random ones
    arguments = {**{k: v for k, v in plain.items() if k in inspect.signature(getattr(layers, name)).parameters}, **arguments}
    pair = getattr(layers, name)(**arguments), getattr(keras.layers, name)(**arguments)
    for layer in pair:
        layer.build(shape)
    weights = [np.random.default_rng(i).uniform(0.2, 1, v.shape).astype(np.float32) * (-1) ** i for i, v in enumerate(pair[0].weights)]
    if name == "BatchNormalization":
        weights = [np.abs(w) for w in weights]
    for layer in pair:
        layer.set_weights(weights)
    return pair


def inputs_of(shape: Any) -> Any:
    """Distinct values, in [-1, 1] but near no kink of any layer."""

    def one(sizes: tuple[int, ...], seed: int) -> np.ndarray:
        count = int(np.prod(sizes))
        values = (np.random.default_rng(seed).permutation(count) + 0.37) / count * 2 - 1
        return values.reshape(sizes).astype(np.float32)

    return one(shape, 0) if isinstance(shape, tuple) else [one(s, i) for i, s in enumerate(shape)]


def jitted(function: Any) -> Any:
    """Compiled in one piece, with little care: that is most of the time of these tests."""
    import jax

    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True})


def keras_results(layer: Any, x: Any, dy: np.ndarray) -> Any:
    """Keras's result, its losses, and the gradients of sum(dy * result) + losses by inputs and trainable weights; compiled once."""
    import jax

    if layer.activity_regularizer is not None:  # it is for who calls the layer
        layer = keras.Sequential([keras.Input(batch_shape=x.shape), layer])

    def total(trainable: Any, inputs: Any) -> Any:
        y, _, losses = layer.stateless_call(trainable, [v.value for v in layer.non_trainable_variables], inputs, return_losses=True)
        return (y * dy).sum() + sum(losses), (y, losses)

    step = jitted(jax.value_and_grad(total, argnums=(0, 1), has_aux=True))
    (_, (y, losses)), (by_weights, by_inputs) = step([v.value for v in layer.trainable_variables], x)
    return jax.tree.map(np.asarray, (y, losses, [*jax.tree.leaves(by_inputs), *by_weights]))


@each_case
def test_weights_shapes_results_and_gradients(name: str, shape: Any, arguments: dict[str, Any]) -> None:
    own, other = built_pair(name, shape, arguments)
    assert [(v.name, v.shape) for v in own.weights] == [(v.name, tuple(v.shape)) for v in other.weights]
    assert own.count_params() == other.count_params()
    hidden = (None, *shape[1:]) if isinstance(shape, tuple) else [(None, *s[1:]) for s in shape]
    assert own.compute_output_shape(hidden) == tuple(other.compute_output_shape(hidden))

    x = inputs_of(shape)
    tensors = [Tensor(part, requires_grad=True) for part in ([x] if isinstance(shape, tuple) else x)]
    y = own(tensors[0] if isinstance(shape, tuple) else tensors)
    dy = np.random.default_rng(9).standard_normal(y.shape).astype(np.float32)
    losses = own.losses
    sum(losses, (y * dy).sum()).backward()

    result, other_losses, gradients = keras_results(other, x, dy)
    np.testing.assert_allclose(y.numpy(), result, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose([float(loss) for loss in losses], other_losses, rtol=1e-5)
    for got, want in zip([*tensors, *own.trainable_weights], gradients, strict=True):
        np.testing.assert_allclose(got.grad, want, rtol=2e-4, atol=2e-5)


@each_case
def test_configs_open_in_either(name: str, shape: Any, arguments: dict[str, Any]) -> None:
    own, other = getattr(layers, name)(**arguments, name="mine"), getattr(keras.layers, name)(**arguments, name="mine")
    config, theirs = own.get_config(), other.get_config()
    extra = {"activity_regularizer"} if name == "Dense" else set()  # Keras's own takes it but writes it only where it is set
    assert set(config) - extra == set(theirs) - LEFT_OUT.get(name, set())
    assert set(inspect.signature(getattr(layers, name)).parameters) >= set(inspect.signature(type(other)).parameters) - {
        *LEFT_OUT.get(name, set()),
        *("name", "lora_rank", "lora_alpha", "rms_scaling"),
    }

    again = layers.deserialize({"class_name": name, "config": {**theirs, "dtype": "float32"}})
    assert normal(again.get_config()) == normal(config)
    for layer in (other, type(other).from_config(config)):
        for key in set(config) & set(theirs) - {"dtype"}:
            assert normal(layer.get_config()[key]) == normal(config[key]), key


def normal(value: Any) -> Any:
    """A config without what only Keras writes: tuples, modules, axes of initializers, numbers rounded to float32."""
    if isinstance(value, dict):
        return {k: normal(v) for k, v in value.items() if k not in ("module", "registered_name", "input_axes", "output_axes")}
    if isinstance(value, float):
        return float(np.float32(value))
    return [normal(v) for v in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize(
    ("kind", "name", "arguments"),
    [
        ("constraints", "MaxNorm", {}),
        ("constraints", "UnitNorm", {"axis": 1}),
        ("constraints", "NonNeg", {}),
        ("constraints", "MinMaxNorm", {"min_value": 0.5, "max_value": 2.0, "rate": 0.3, "axis": [0, 1]}),
        ("regularizers", "L1L2", {"l1": 0.1, "l2": 0.2}),
        ("regularizers", "OrthogonalRegularizer", {}),
        ("regularizers", "OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
    ],
)
def test_constraints_and_regularizers(kind: str, name: str, arguments: dict[str, Any]) -> None:
    here, there = importlib.import_module(f"tinycnn.{kind}"), getattr(keras, kind)
    own, other = getattr(here, name)(**arguments), getattr(there, name)(**arguments)
    weights = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32) * 3
    np.testing.assert_allclose(own(Tensor(weights)).numpy(), np.asarray(jitted(other)(weights)), rtol=1e-6)
    assert normal(own.get_config()) == normal(other.get_config())
    assert normal(here.get(there.serialize(other)).get_config()) == normal(own.get_config())


def test_the_table_has_every_layer_that_keras_has() -> None:
    """Those that only act in training, or are made of several arguments, have tests of their own."""
    elsewhere = {"Input", "InputLayer", "InputSpec", "Layer"}
    for name in set(layers.__all__) - elsewhere:
        cls = getattr(layers, name)
        if inspect.isclass(cls) and hasattr(keras.layers, name) and cls.__module__.split(".")[-1] in HERE:
            assert cls.__name__ in {case[0] for case in CASES}, name
            assert getattr(keras.layers, name).__name__ == cls.__name__, name


HERE = {
    "advanced_activations",
    "convolutional",
    "core",
    "merging",
    "normalization",
    "pooling",
    "reshaping",
    "separable",
    "transposed",
}
