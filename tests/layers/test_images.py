"""Convolution, pooling and padding layers: arguments, channels first, errors."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_bad_arguments_of_a_batch_normalization() -> None:
    for arguments in ({"momentum": 1.5}, {"momentum": -0.1}, {"epsilon": 0}, {"epsilon": -1e-3}, {"axis": "last"}):
        with pytest.raises(ArgumentError, match=next(iter(arguments))):
            BatchNormalization(**arguments)
    with pytest.raises(ArgumentError, match="axis"):
        BatchNormalization(axis=4)(X)
