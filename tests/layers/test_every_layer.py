"""What holds for all layers alike; a layer that is registered but has no case here fails by name."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tinycnn import layers, registry, testing
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers import Layer

IMAGE = (2, 5, 6, 4)

#: class name -> (shape or shapes of the inputs, one dict of arguments for each case).
CASES = {
    "Activation": (IMAGE, [{"activation": "tanh"}, {"activation": "softmax"}]),
    "Add": ([IMAGE, IMAGE, (2, 1, 1, 4)], [{}]),
    "Average": ([IMAGE, IMAGE], [{}]),
    "AveragePooling2D": (IMAGE, [{}, {"pool_size": (2, 3), "strides": 2, "padding": "same"}, {"data_format": "channels_first"}]),
    "BatchNormalization": (IMAGE, [{}, {"axis": 1, "momentum": 0.5, "epsilon": 1e-2}, {"center": False, "scale": False}]),
    "Concatenate": ([IMAGE, (2, 5, 6, 1)], [{}]),
    "Conv2D": (
        IMAGE,
        [
            {"filters": 3, "kernel_size": 3},
            {"filters": 4, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same", "groups": 2, "activation": "tanh"},
            {"filters": 2, "kernel_size": 2, "dilation_rate": 2, "use_bias": False, "kernel_regularizer": "l2"},
            {"filters": 2, "kernel_size": 2, "data_format": "channels_first"},
        ],
    ),
    "Dense": (IMAGE, [{"units": 3}, {"units": 3, "activation": "sigmoid", "use_bias": False, "kernel_initializer": "he_normal"}]),
    "DepthwiseConv2D": (IMAGE, [{"kernel_size": 3}, {"kernel_size": 2, "depth_multiplier": 3, "padding": "same", "activation": "elu"}]),
    "Dropout": (IMAGE, [{"rate": 0.5}, {"rate": 0.25, "noise_shape": (None, 1, 1, None), "seed": 3}]),
    "ELU": (IMAGE, [{}, {"alpha": 0.5}]),
    "Flatten": (IMAGE, [{}, {"data_format": "channels_first"}]),
    "GlobalAveragePooling2D": (IMAGE, [{}, {"keepdims": True}, {"data_format": "channels_first"}]),
    "GlobalMaxPooling2D": (IMAGE, [{}, {"keepdims": True}]),
    "InputLayer": (IMAGE, [{"batch_shape": (None, 5, 6, 4)}]),
    "LeakyReLU": (IMAGE, [{}, {"negative_slope": 0.1}]),
    "MaxPooling2D": (IMAGE, [{}, {"pool_size": 3, "strides": 2, "padding": "same"}, {"data_format": "channels_first"}]),
    "Maximum": ([IMAGE, IMAGE], [{}]),
    "Minimum": ([IMAGE, IMAGE], [{}]),
    "Multiply": ([IMAGE, IMAGE], [{}]),
    "Permute": (IMAGE, [{"dims": (3, 1, 2)}]),
    "ReLU": (IMAGE, [{}, {"max_value": 0.5, "negative_slope": 0.1, "threshold": 0.2}]),
    "Reshape": (IMAGE, [{"target_shape": (10, 12)}, {"target_shape": (-1, 4)}]),
    "Softmax": (IMAGE, [{}, {"axis": 1}]),
    "Subtract": ([IMAGE, IMAGE], [{}]),
    "ZeroPadding2D": (IMAGE, [{}, {"padding": ((1, 0), (2, 3))}, {"data_format": "channels_first"}]),
}
LAYERS = [(name, shape, arguments) for name, (shape, several) in CASES.items() for arguments in several]
each_layer = pytest.mark.parametrize(("name", "shape", "arguments"), LAYERS, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(LAYERS)])


def make(class_name: str, arguments: dict, **more: object) -> Layer:
    return getattr(layers, class_name)(**arguments, **more)


def arrays(shape, dtype="float32"):
    """Distinct values, so that no maximum is tied and no value is at a kink."""

    def one(sizes, seed):
        count = int(np.prod(sizes))
        values = (np.random.default_rng(seed).permutation(count) + 0.37) / count * 2 - 1
        return values.reshape(sizes).astype(dtype)

    return one(shape, 0) if isinstance(shape, tuple) else [one(s, i) for i, s in enumerate(shape)]


def with_unknown(shape, axes):
    """`shape` with None along `axes`."""
    hide = lambda s: tuple(None if i in axes else n for i, n in enumerate(s))  # noqa: E731
    return hide(shape) if isinstance(shape, tuple) else [hide(s) for s in shape]


def test_every_registered_layer_has_a_case() -> None:
    classes = {registry.lookup("layer", name) for name in registry.names("layer")}
    built_in = {cls.__name__ for cls in classes if issubclass(cls, layers.Layer) and cls.__module__.startswith("tinycnn.layers.")}
    assert built_in == set(CASES)
    assert built_in <= set(layers.__all__)


@each_layer
def test_config_makes_the_same_layer_again(name, shape, arguments) -> None:
    layer = make(name, arguments, name="mine")
    plain = json.loads(json.dumps(layers.serialize(layer)))
    again = layers.deserialize(plain)
    assert type(again) is type(layer)
    assert again.name == "mine"
    assert again.get_config() == layer.get_config()
    x = arrays(shape)
    layer(x)
    again(x)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x).numpy(), layer(x).numpy())


@each_layer
def test_output_shape_is_the_shape_of_the_output(name, shape, arguments) -> None:
    layer = make(name, arguments)
    y = layer(arrays(shape), training=True)
    assert layer.compute_output_shape(shape)[1:] == y.shape[1:]
    assert layer.output_shape == (None, *y.shape[1:])
    assert y.dtype == "float32"


@each_layer
def test_symbolic_call_builds_and_gives_the_shape(name, shape, arguments) -> None:
    layer = make(name, arguments)
    sample = with_unknown(shape, {0})
    if isinstance(shape, tuple):
        inputs = layers.Input(sample[1:])
    else:
        inputs = [layers.Input(s[1:]) for s in sample]
    result = layer(inputs)
    assert layer.built
    assert result.layer is layer
    assert result.shape == (None, *layer(arrays(shape)).shape[1:])


@each_layer
def test_gradients_in_float64(name, shape, arguments) -> None:
    layer = make({"Dropout": "Flatten"}.get(name, name), {} if name == "Dropout" else arguments, dtype="float64")
    xs = arrays(shape, "float64")
    lone = isinstance(shape, tuple)
    layer(xs)
    for variable in layer.trainable_weights:  # biases of 0 would hide a mistake
        variable.assign(variable.data + np.linspace(-0.2, 0.3, variable.size).reshape(variable.shape))
    several = [xs] if lone else xs
    count = len(several)

    def function(*tensors):
        weights = dict(zip((v.name for v in layer.trainable_weights), tensors[count:], strict=True))
        for weight_name, tensor in weights.items():
            object.__setattr__(layer, weight_name, tensor)
        return layer(tensors[0] if lone else list(tensors[:count]))

    testing.check_grads(function, *several, *(v.data.copy() for v in layer.trainable_weights))


@pytest.mark.parametrize("name", ["Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D", "ZeroPadding2D", "GlobalMaxPooling2D"])
@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 4), (1, 2, 5, 6, 4)])
def test_image_layers_name_themselves_when_the_rank_is_wrong(name, shape) -> None:
    layer = make(name, CASES[name][1][0], name="mine")
    with pytest.raises(ShapeError, match=rf"layer 'mine' .* 4 dimensions.*\({shape[0]}, "):
        layer(np.zeros(shape, np.float32))
    assert not layer.built
    assert layer.weights == []


@pytest.mark.parametrize("name", ["Conv2D", "MaxPooling2D", "AveragePooling2D", "DepthwiseConv2D", "ZeroPadding2D"])
def test_unknown_height_and_width_stay_unknown(name) -> None:
    layer = make(name, CASES[name][1][0])
    assert layer.compute_output_shape((None, None, None, 4))[:3] == (None, None, None)
    partly = layer.compute_output_shape((7, None, 6, 4))
    whole = layer.compute_output_shape((7, 5, 6, 4))
    assert partly == (whole[0], None, *whole[2:])


@pytest.mark.parametrize("name", sorted(CASES))
def test_unknown_arguments_are_named(name) -> None:
    with pytest.raises((ArgumentError, TypeError), match="colour"):
        make(name, CASES[name][1][0], colour="red")


@pytest.mark.parametrize("name", ["Conv2D", "Dense", "DepthwiseConv2D", "BatchNormalization"])
def test_a_built_layer_insists_on_its_channels(name) -> None:
    layer = make(name, CASES[name][1][0])
    layer(np.zeros(IMAGE, np.float32))
    with pytest.raises(ShapeError, match="size 4"):
        layer(np.zeros((2, 5, 6, 3), np.float32))


@pytest.mark.parametrize("name", ["Conv2D", "Dense", "DepthwiseConv2D", "BatchNormalization"])
def test_weights_need_a_known_number_of_channels(name) -> None:
    layer = make(name, CASES[name][1][0])
    with pytest.raises(ShapeError, match="known size"):
        layer.build((None, 5, 6, None))
    assert layer.weights == []


@pytest.mark.parametrize("name", sorted(set(CASES) - {"InputLayer"}))
def test_an_empty_batch_gives_an_empty_result(name) -> None:
    shape, several = CASES[name]
    empty = (0, *shape[1:]) if isinstance(shape, tuple) else [(0, *s[1:]) for s in shape]
    layer = make(name, several[0])
    assert layer(arrays(empty)).shape == layer.compute_output_shape(empty)
