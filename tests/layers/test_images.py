"""Convolution, pooling and padding layers: arguments, channels first, errors."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import layers, models
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.layers import (
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    ZeroPadding2D,
)

X = np.random.default_rng(0).standard_normal((2, 6, 5, 4)).astype(np.float32)
FIRST = np.ascontiguousarray(X.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (Conv2D, {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "groups": 2, "activation": "relu"}),
        (DepthwiseConv2D, {"kernel_size": 3, "depth_multiplier": 2, "dilation_rate": (2, 1)}),
        (layers.Conv2DTranspose, {"filters": 3, "kernel_size": 3, "strides": (2, 1), "output_padding": (1, 0)}),
        (layers.SeparableConv2D, {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}),
        (layers.Cropping2D, {"cropping": ((1, 2), (0, 1))}),
        (layers.UpSampling2D, {"size": (2, 3)}),
        (layers.UpSampling2D, {"size": (2, 3), "interpolation": "bilinear"}),
        (MaxPooling2D, {"pool_size": 3, "strides": 2, "padding": "same"}),
        (AveragePooling2D, {"pool_size": (2, 3), "padding": "same"}),
        (ZeroPadding2D, {"padding": ((1, 2), (3, 0))}),
        (GlobalAveragePooling2D, {"keepdims": True}),
        (GlobalMaxPooling2D, {"keepdims": True}),
    ],
)
def test_channels_first_is_the_same_transposed(cls, arguments) -> None:
    last, first = cls(**arguments), cls(**arguments, data_format="channels_first")
    expected = last(X).numpy().transpose(0, 3, 1, 2)
    first(FIRST)
    first.set_weights(last.get_weights())
    np.testing.assert_allclose(first(FIRST).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert first.output_shape == (None, *expected.shape[1:])


def test_batch_normalization_along_another_axis() -> None:
    last, first = BatchNormalization(), BatchNormalization(axis=1)
    for training in (True, False):
        expected = last(X, training=training).numpy().transpose(0, 3, 1, 2)
        np.testing.assert_allclose(first(FIRST, training=training).numpy(), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(first.moving_variance.numpy(), last.moving_variance.numpy(), rtol=1e-6)


def test_moving_averages_approach_the_statistics() -> None:
    layer = BatchNormalization(momentum=0.5)
    for _ in range(60):
        layer(X, training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), X.mean((0, 1, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), X.var((0, 1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"filters": 0}, ArgumentError, "filters"),
        ({"filters": 2.5}, ArgumentError, "filters"),
        ({"kernel_size": 0}, ArgumentError, "kernel_size"),
        ({"kernel_size": (1, 2, 3)}, ArgumentError, "kernel_size"),
        ({"kernel_size": "3"}, DTypeError, "kernel_size"),
        ({"strides": 0}, ArgumentError, "strides"),
        ({"strides": 1.5}, DTypeError, "strides"),
        ({"dilation_rate": 0}, ArgumentError, "dilation_rate"),
        ({"padding": "reflect"}, ArgumentError, "padding"),
        ({"padding": 1}, ArgumentError, "padding"),
        ({"data_format": "channels"}, ArgumentError, "data_format"),
        ({"groups": 0}, ArgumentError, "groups"),
        ({"groups": 3}, ArgumentError, "groups"),
        ({"kernel_initializer": "glorot"}, ArgumentError, "initializer"),
        ({"kernel_regularizer": "l3"}, ArgumentError, "regularizer"),
        ({"activation": "rellu"}, ArgumentError, "did you mean 'relu'"),
    ],
)
def test_bad_arguments_of_a_convolution(arguments, error, name) -> None:
    with pytest.raises(error, match=name):
        Conv2D(**{"filters": 4, "kernel_size": 3, **arguments})


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"pool_size": 0}, ArgumentError, "pool_size"),
        ({"strides": -1}, ArgumentError, "strides"),
        ({"padding": "full"}, ArgumentError, "padding"),
        ({"data_format": 1}, ArgumentError, "data_format"),
    ],
)
def test_bad_arguments_of_a_pooling(arguments, error, name) -> None:
    for cls in (MaxPooling2D, AveragePooling2D):
        with pytest.raises(error, match=name):
            cls(**arguments)


@pytest.mark.parametrize("padding", [-1, (1, 2, 3), "same", ((1, 2), 3)])
def test_bad_zero_padding(padding) -> None:
    with pytest.raises((ArgumentError, DTypeError), match="padding"):
        ZeroPadding2D(padding)


def test_groups_must_divide_the_channels() -> None:
    layer = Conv2D(6, 1, groups=3, name="mine")
    with pytest.raises(ShapeError, match=r"'mine' .* groups=3, got 4"):
        layer(X)
    assert layer.weights == []


def test_a_kernel_larger_than_the_image() -> None:
    with pytest.raises(ShapeError, match="kernel spans 7 cells"):
        Conv2D(1, 7)(X)


def test_kernels_are_laid_out_as_in_keras() -> None:
    conv, depthwise = Conv2D(8, (3, 2), groups=2), DepthwiseConv2D((3, 2), depth_multiplier=3)
    conv.build((None, 6, 5, 4))
    depthwise.build((None, 6, 5, 4))
    assert [v.shape for v in conv.weights] == [(3, 2, 2, 8), (8,)]
    assert [v.shape for v in depthwise.weights] == [(3, 2, 4, 3), (12,)]


def test_strides_of_a_pooling_default_to_its_window() -> None:
    assert MaxPooling2D(3).strides == (3, 3)
    assert MaxPooling2D(3, 1).get_config()["strides"] == [1, 1]


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: layers.Conv1D(2, (1, 2)), ArgumentError, "kernel_size must be an int >= 1"),
        (lambda: layers.Conv2D(2, 3, padding="causal"), ArgumentError, "padding"),
        (lambda: layers.Conv2DTranspose(2, 3, output_padding=1), ArgumentError, "output_padding must be less than strides"),
        (lambda: layers.Conv2DTranspose(2, 3, strides=2, output_padding=(1, 2)), ArgumentError, "output_padding"),
        (lambda: layers.SeparableConv2D(2, 3, depth_multiplier=0), ArgumentError, "depth_multiplier"),
        (lambda: layers.Cropping2D("same"), ArgumentError, "cropping"),
        (lambda: layers.Cropping1D(-1), ArgumentError, "cropping"),
        (lambda: layers.UpSampling2D(0), ArgumentError, "size"),
        (lambda: layers.UpSampling2D(interpolation="cubic"), ArgumentError, "interpolation"),
        (lambda: layers.GroupNormalization(0), ArgumentError, "groups"),
        (lambda: layers.LayerNormalization(axis="last"), ArgumentError, "axis"),
        (lambda: layers.LayerNormalization(epsilon=0), ArgumentError, "epsilon"),
        (lambda: layers.PReLU(shared_axes=[0]), ArgumentError, "shared_axes"),
        (lambda: layers.RepeatVector(0), ArgumentError, "n must be"),
        (lambda: layers.Dot(axes=(1, 2, 3)), ArgumentError, "axes"),
        (lambda: layers.Conv2D(2, 3, kernel_constraint="maximum"), ArgumentError, "constraint"),
        (lambda: layers.Dense(2, activity_regularizer="l3"), ArgumentError, "regularizer"),
        (lambda: layers.GroupNormalization(3)(X), ShapeError, "multiple of groups=3, got 4"),
        (lambda: layers.GroupNormalization(2, axis=0)(X), ArgumentError, "batch"),
        (lambda: layers.PReLU(shared_axes=[4])(X), ArgumentError, "shared_axes"),
        (lambda: layers.Cropping2D(3)(X), ShapeError, "leaves no cell"),
        (lambda: layers.Dot(0)([X[0, 0], X[0, 0]]), ArgumentError, "batch"),
        (lambda: layers.Dot(1)([X[0], X[0, :, 1:]]), ShapeError, "one size along axes"),
        (lambda: layers.Dot(1)([X[0]]), ShapeError, "2 inputs"),
        (lambda: layers.Conv1D(2, 3, name="mine")(X), ShapeError, r"'mine' .* 3 dimensions \(batch, length, channels\)"),
        (lambda: layers.Conv2DTranspose(2, 2, strides=2, padding="same", output_padding=0)(X[:, :1]), ShapeError, "no output"),
    ],
)
def test_refusals_of_other_layers(make, error, word) -> None:
    with pytest.raises(error, match=word):
        make()


@pytest.mark.parametrize(
    ("cls", "off", "on"),
    [
        (layers.BatchNormalization, {"renorm": False, "synchronized": False, "renorm_momentum": 0.99}, {"synchronized": True}),
        (layers.LayerNormalization, {"rms_scaling": False}, {"rms_scaling": True}),
        (layers.Dense, {"lora_rank": None, "quantization_config": None}, {"lora_rank": 4}),
        (layers.Conv2D, {"lora_rank": None, "lora_alpha": None}, {"lora_alpha": 1.0}),
        (layers.InputLayer, {"sparse": False, "ragged": False, "optional": False}, {"sparse": True}),
    ],
)
def test_what_tinycnn_leaves_out_may_be_off_but_not_on(cls, off, on) -> None:
    arguments = {layers.Dense: {"units": 2}, layers.Conv2D: {"filters": 2, "kernel_size": 1}, layers.InputLayer: {"shape": (2,)}}.get(
        cls, {}
    )
    assert not set(off) & set(cls(**arguments, **off).get_config())
    (name,) = on
    with pytest.raises(ArgumentError, match=f"{name} must be .* tinycnn leaves it out"):
        cls(**arguments, **on)


def test_old_names_and_paths() -> None:
    from tinycnn.layers.advanced_activations import PReLU
    from tinycnn.layers.convolutional import Convolution1D, Cropping1D, SeparableConv2D, UpSampling2D, ZeroPadding1D
    from tinycnn.layers.core import ActivityRegularization, RepeatVector
    from tinycnn.layers.merge import Dot, concatenate, dot
    from tinycnn.layers.normalization import LayerNormalization
    from tinycnn.layers.pooling import GlobalAvgPool1D, MaxPool1D

    assert (Convolution1D, MaxPool1D, GlobalAvgPool1D) == (layers.Conv1D, layers.MaxPooling1D, layers.GlobalAveragePooling1D)
    assert layers.Convolution2DTranspose is layers.Conv2DTranspose
    assert layers.SeparableConvolution1D is layers.SeparableConv1D
    for thing in (PReLU, Cropping1D, SeparableConv2D, UpSampling2D, ZeroPadding1D, ActivityRegularization, RepeatVector, Dot, concatenate):
        assert getattr(layers, thing.__name__) is thing
    assert layers.LayerNormalization is LayerNormalization
    np.testing.assert_allclose(dot([X[0], X[0]], axes=1).numpy(), np.einsum("ndi,ndj->nij", X[0], X[0]), rtol=1e-5)
    again = layers.deserialize({"class_name": "MaxPool1D", "config": {}})
    assert type(again) is layers.MaxPooling1D


def test_a_constraint_holds_after_fit() -> None:
    model = models.Sequential([layers.Input((6, 5, 4)), layers.Conv2D(3, 2, kernel_constraint="non_neg"), layers.GlobalMaxPooling2D()])
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((2, 3)), epochs=2, verbose=0)
    assert (model.layers[0].kernel.numpy() >= 0).all()


def test_bad_arguments_of_a_batch_normalization() -> None:
    for arguments in ({"momentum": 1.5}, {"momentum": -0.1}, {"epsilon": 0}, {"epsilon": -1e-3}, {"axis": "last"}):
        with pytest.raises(ArgumentError, match=next(iter(arguments))):
            BatchNormalization(**arguments)
    with pytest.raises(ArgumentError, match="axis"):
        BatchNormalization(axis=4)(X)
