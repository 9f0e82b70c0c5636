"""What holds for all layers alike; a layer that is registered but has no case here fails by name."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tinycnn import layers, registry, testing
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers import Layer

IMAGE, LINE, VECTOR, COLOURS = (2, 5, 6, 4), (2, 7, 4), (3, 5), (2, 5, 6, 3)
FIRST = {"data_format": "channels_first"}

#: class name -> (shape or shapes of the inputs, one dict of arguments for each case).
CASES = {
    "Activation": (IMAGE, [{"activation": "tanh"}, {"activation": "softmax"}]),
    "ActivityRegularization": (IMAGE, [{"l1": 0.1, "l2": 0.2}]),
    "AdaptiveAveragePooling1D": (LINE, [{"output_size": 3}, {"output_size": 2, **FIRST}]),
    "AdaptiveAveragePooling2D": (IMAGE, [{"output_size": 2}, {"output_size": (3, 4)}, {"output_size": 2, **FIRST}]),
    "AdaptiveMaxPooling1D": (LINE, [{"output_size": 3}, {"output_size": 2, **FIRST}]),
    "AdaptiveMaxPooling2D": (IMAGE, [{"output_size": 2}, {"output_size": (3, 4)}, {"output_size": 2, **FIRST}]),
    "Add": ([IMAGE, IMAGE, (2, 1, 1, 4)], [{}]),
    "Average": ([IMAGE, IMAGE], [{}]),
    "AveragePooling1D": (LINE, [{}, {"pool_size": 3, "strides": 2, "padding": "same", **FIRST}]),
    "AveragePooling2D": (IMAGE, [{}, {"pool_size": (2, 3), "strides": 2, "padding": "same"}, {"data_format": "channels_first"}]),
    "BatchNormalization": (IMAGE, [{}, {"axis": 1, "momentum": 0.5, "epsilon": 1e-2}, {"center": False, "scale": False}]),
    "Concatenate": ([IMAGE, (2, 5, 6, 1)], [{}]),
    "Conv1D": (
        LINE,
        [
            {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2, "activation": "tanh"},
            {"filters": 4, "kernel_size": 2, "strides": 2, "padding": "same", "groups": 2, "bias_constraint": "non_neg"},
            {"filters": 2, "kernel_size": 3, **FIRST},
        ],
    ),
    "Conv1DTranspose": (
        LINE,
        [{"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": 1}, {"filters": 2, "kernel_size": 2, **FIRST}],
    ),
    "Conv2D": (
        IMAGE,
        [
            {"filters": 3, "kernel_size": 3},
            {"filters": 4, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same", "groups": 2, "activation": "tanh"},
            {"filters": 2, "kernel_size": 2, "dilation_rate": 2, "use_bias": False, "kernel_regularizer": "l2"},
            {"filters": 2, "kernel_size": 2, "data_format": "channels_first"},
        ],
    ),
    "Conv2DTranspose": (
        IMAGE,
        [
            {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "tanh"},
            {"filters": 2, "kernel_size": (2, 3), "strides": (3, 2), "output_padding": (2, 0), "kernel_constraint": "max_norm"},
            {"filters": 2, "kernel_size": 2, "dilation_rate": (2, 1), "use_bias": False, **FIRST},
        ],
    ),
    "Cropping1D": (LINE, [{}, {"cropping": (0, 3)}]),
    "Cropping2D": (IMAGE, [{}, {"cropping": ((1, 0), (2, 3))}, {"cropping": 1, **FIRST}]),
    "Dense": (IMAGE, [{"units": 3}, {"units": 3, "activation": "sigmoid", "use_bias": False, "kernel_initializer": "he_normal"}]),
    "DepthwiseConv1D": (LINE, [{"kernel_size": 3, "depth_multiplier": 2}, {"kernel_size": 2, "strides": 2, **FIRST}]),
    "DepthwiseConv2D": (IMAGE, [{"kernel_size": 3}, {"kernel_size": 2, "depth_multiplier": 3, "padding": "same", "activation": "elu"}]),
    "Dot": ([(3, 4, 5), (3, 6, 4)], [{"axes": (1, 2)}, {"axes": (-2, -1), "normalize": True}]),
    "Dropout": (IMAGE, [{"rate": 0.5}, {"rate": 0.25, "noise_shape": (None, 1, 1, None), "seed": 3}]),
    "ELU": (IMAGE, [{}, {"alpha": 0.5}]),
    "Flatten": (IMAGE, [{}, {"data_format": "channels_first"}]),
    "GlobalAveragePooling1D": (LINE, [{}, {"keepdims": True, **FIRST}]),
    "GlobalAveragePooling2D": (IMAGE, [{}, {"keepdims": True}, {"data_format": "channels_first"}]),
    "GlobalMaxPooling1D": (LINE, [{}, {"keepdims": True, **FIRST}]),
    "GlobalMaxPooling2D": (IMAGE, [{}, {"keepdims": True}]),
    "GroupNormalization": (IMAGE, [{"groups": 2}, {"groups": -1, "axis": 2, "scale": False}, {"groups": 5, "axis": 1, "center": False}]),
    "InputLayer": (IMAGE, [{"batch_shape": (None, 5, 6, 4)}]),
    "LayerNormalization": (IMAGE, [{}, {"axis": [1, -1], "epsilon": 0.1, "gamma_regularizer": "l2"}, {"center": False, "scale": False}]),
    "LeakyReLU": (IMAGE, [{}, {"negative_slope": 0.1}]),
    "MaxPooling1D": (LINE, [{}, {"pool_size": 3, "strides": 2, "padding": "same", **FIRST}]),
    "MaxPooling2D": (IMAGE, [{}, {"pool_size": 3, "strides": 2, "padding": "same"}, {"data_format": "channels_first"}]),
    "Maximum": ([IMAGE, IMAGE], [{}]),
    "Minimum": ([IMAGE, IMAGE], [{}]),
    "Multiply": ([IMAGE, IMAGE], [{}]),
    "PReLU": (IMAGE, [{"alpha_initializer": "ones"}, {"shared_axes": [1, 2], "alpha_constraint": "non_neg"}]),
    "Permute": (IMAGE, [{"dims": (3, 1, 2)}]),
    "RMSNormalization": (IMAGE, [{}, {"axis": [1, 2], "epsilon": 0.1}]),
    "ReLU": (IMAGE, [{}, {"max_value": 0.5, "negative_slope": 0.1, "threshold": 0.2}]),
    "RepeatVector": (VECTOR, [{"n": 3}]),
    "Reshape": (IMAGE, [{"target_shape": (10, 12)}, {"target_shape": (-1, 4)}]),
    "SeparableConv1D": (LINE, [{"filters": 3, "kernel_size": 3, "padding": "same"}, {"filters": 2, "kernel_size": 2, **FIRST}]),
    "SeparableConv2D": (
        IMAGE,
        [
            {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "tanh"},
            {"filters": 2, "kernel_size": 2, "depth_multiplier": 2, "dilation_rate": 2, "use_bias": False, **FIRST},
        ],
    ),
    "Softmax": (IMAGE, [{}, {"axis": 1}, {"axis": [1, 2]}]),
    "Subtract": ([IMAGE, IMAGE], [{}]),
    "TimeDistributed": (
        (2, 3, 5, 6, 4),
        [
            {"layer": {"class_name": "Conv2D", "config": {"filters": 2, "kernel_size": 3, "activation": "tanh", "name": "inner"}}},
            {"layer": {"class_name": "Flatten", "config": {"name": "inner"}}},
        ],
    ),
    "UnitNormalization": (IMAGE, [{}, {"axis": [1, 2]}]),
    "UpSampling1D": (LINE, [{}, {"size": 3}]),
    "UpSampling2D": (IMAGE, [{}, {"size": (1, 3), "interpolation": "bilinear"}, {"interpolation": "bicubic", **FIRST}]),
    "ZeroPadding1D": (LINE, [{}, {"padding": (0, 2), **FIRST}]),
    "ZeroPadding2D": (IMAGE, [{}, {"padding": ((1, 0), (2, 3))}, {"data_format": "channels_first"}]),
    # ---- preprocessing, augmentation, noise
    "AlphaDropout": (IMAGE, [{"rate": 0.5}, {"rate": 0.25, "noise_shape": (None, 1, 1, None), "seed": 3}]),
    "CenterCrop": (IMAGE, [{"height": 3, "width": 2}, {"height": 7, "width": 3, "data_format": "channels_first"}]),
    "CutMix": (IMAGE, [{}, {"factor": (0.2, 0.5), "seed": 3, **FIRST}]),
    "GaussianDropout": (IMAGE, [{"rate": 0.5}, {"rate": 0.25, "seed": 3}]),
    "GaussianNoise": (IMAGE, [{"stddev": 0.5}, {"stddev": 0.25, "seed": 3}]),
    "Identity": (IMAGE, [{}]),
    "Lambda": (IMAGE, [{"function": lambda x: x * x}, {"function": lambda x: x[:, 0], "output_shape": (6, 4)}]),
    "MixUp": (IMAGE, [{}, {"alpha": 0.5, "seed": 3, **FIRST}]),
    "Normalization": (IMAGE, [{}, {"axis": (1, -1)}, {"mean": [1, 2, 3, 4], "variance": [4, 3, 2, 1]}, {"axis": None, "invert": True}]),
    "RandomBrightness": (IMAGE, [{"factor": 0.5}, {"factor": (0, 0.5), "value_range": (0, 1), "seed": 3}]),
    "RandomColorJitter": (
        COLOURS,
        [{"value_range": (0, 1), "brightness_factor": 0.5, "contrast_factor": 0.3, "saturation_factor": 0.4, "hue_factor": 0.1, "seed": 3}],
    ),
    "RandomContrast": (IMAGE, [{"factor": 0.5}, {"factor": (0, 0.5), "value_range": (0, 1), "data_format": "channels_first"}]),
    "RandomCrop": (IMAGE, [{"height": 3, "width": 2}, {"height": 7, "width": 3, "seed": 3}]),
    "RandomErasing": (IMAGE, [{}, {"factor": (0.5, 1.0), "scale": (0.1, 0.2), "fill_value": 3, "value_range": (0, 1), "seed": 3}]),
    "RandomFlip": (IMAGE, [{}, {"mode": "vertical", "data_format": "channels_first", "seed": 3}]),
    "RandomGaussianBlur": (IMAGE, [{}, {"factor": 0.5, "kernel_size": (3, 5), "sigma": (0.2, 0.9), "value_range": (0, 1), "seed": 3}]),
    "RandomGrayscale": (COLOURS, [{}, {"factor": 0.3}]),
    "RandomHue": (COLOURS, [{"factor": 0.3}, {"factor": (0.1, 0.3), "value_range": (0, 1), "seed": 3}]),
    "RandomRotation": (IMAGE, [{"factor": 0.1}, {"factor": (-0.1, 0.3), "fill_mode": "constant", "fill_value": 2.0}]),
    "RandomSaturation": (COLOURS, [{"factor": (0.2, 0.8)}, {"factor": (0.1, 0.3), "value_range": (0, 1), "seed": 3}]),
    "RandomSharpness": (IMAGE, [{"factor": 0.3}, {"factor": (0.1, 0.3), "value_range": (0, 1), "seed": 3}]),
    "RandomShear": (IMAGE, [{"x_factor": 0.1}, {"x_factor": (0, 0.2), "y_factor": 0.3, "interpolation": "nearest"}]),
    "RandomTranslation": (IMAGE, [{"height_factor": 0.1, "width_factor": (0, 0.2)}]),
    "RandomZoom": (IMAGE, [{"height_factor": 0.1}, {"height_factor": (0, 0.2), "width_factor": 0.3, "interpolation": "nearest"}]),
    "Rescaling": (IMAGE, [{"scale": 0.5}, {"scale": [1.0, 2.0, 3.0, 4.0], "offset": -1}]),
    "Resizing": (IMAGE, [{"height": 3, "width": 9}, {"height": 4, "width": 4, "crop_to_aspect_ratio": True, "antialias": True}]),
    "SpatialDropout1D": ((2, 5, 4), [{"rate": 0.5}]),
    "SpatialDropout2D": (IMAGE, [{"rate": 0.5}, {"rate": 0.25, "seed": 3, "data_format": "channels_first"}]),
}
#: What cannot be written into a config, for it holds code.
NEVER_SAVED = {"Lambda"}
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
    if name in NEVER_SAVED:
        with pytest.raises(ArgumentError, match="never holds code"):
            layers.serialize(make(name, arguments))
        return
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
    owner = layer
    if isinstance(layer, layers.Wrapper):
        owner = layer.layer = layers.deserialize({**arguments["layer"], "config": {**arguments["layer"]["config"], "dtype": "float64"}})
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
            object.__setattr__(owner, weight_name, tensor)
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
