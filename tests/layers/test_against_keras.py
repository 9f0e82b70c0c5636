"""Small numbers computed by Keras 3.15.1 on its TensorFlow backend, from inputs that are written down here."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn.layers import (
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    ReLU,
)


def ramp(shape):
    """Weights: -1.25, -0.75, ..., 1.75, and again."""
    return (np.arange(np.prod(shape)) % 7 - 3).reshape(shape) / 2 + 0.25


IMAGES = (np.arange(2 * 4 * 5 * 2).reshape(2, 4, 5, 2) % 11 / 5 - 1).astype(np.float32)
SMALL = (np.arange(36).reshape(1, 3, 3, 4) % 5 / 4 - 0.5).astype(np.float32)

# fmt: off
CASES = {
    "conv, same, strides, relu": (
        Conv2D(3, 3, strides=2, padding="same", activation="relu"), IMAGES, (2, 2, 3, 3),
        [0, 1.3, 3.9, 0, 0, 0, 0.35, 0, 0.75, 0, 0, 3.1, 0, 1.4, 0.8, 0, 0, 0, 1.75, 1.05, 0, 0, 2.25, 6.95, 0, 0, 0, 0, 0.45, 0, 0, 0,
         4, 0, 2.2, 0.6]),
    "conv, dilated": (
        Conv2D(2, 2, dilation_rate=2), IMAGES, (2, 2, 3, 2),
        [-0.55, -0.65, 0.75, -1.35, 0.95, -0.95, -3.4, -2.5, -1, -2.1, 0.85, -1.15, -4.25, -0.35, -4.05, -2.15, -0.55, -0.65, -2.7, 2.2,
         -1.4, 1.5, -3.4, -2.5]),
    "conv, groups": (
        Conv2D(4, 2, groups=2), SMALL, (1, 2, 2, 4),
        [-1.4375, -2.1875, 1.0625, 1.0625, -1.5625, -1.1875, -0.25, 0.25, -2.4375, 0.1875, -2.5625, -0.4375, -0.375, -1.625, 0.8125,
         -0.3125]),
    "depthwise conv": (
        DepthwiseConv2D(3, padding="same", depth_multiplier=2), IMAGES[:1, :2, :3], (1, 2, 3, 4),
        [-3.9, -2, -1.35, -0.15, -1.75, -1.55, -1, -1.3, -1.65, -2.15, -0.45, -0.55, -3.2, -0.6, -2.05, -0.15, 0.45, 1.35, 0.2, 0.6, -1.55,
         -2.05, 0.45, 0.35]),
    "dense, tanh": (
        Dense(3, activation="tanh"), IMAGES[0, :2], (2, 5, 3),
        [-0.1973754, -0.5370496, -0.7615942, -0.5370496, -0.5370495, -0.5370495, -0.7615942, -0.5370496, -0.1973753, -0.8853517, -0.5370496,
         0.1973753, -0.946806, -0.5370496, 0.5370495, -0.9918597, -0.9780262, -0.9413756, -0.3799489, -0.5370496, -0.6640368, -0.6640368,
         -0.5370496, -0.3799489, -0.8336547, -0.5370495, 0, -0.9216685, -0.5370495, 0.379949]),
    "max pooling, same": (
        MaxPooling2D(2, padding="same"), IMAGES[:1], (1, 2, 3, 2), [1, -0.4, 0.2, 0.4, 0.6, 0.8, 1, 1, -0.2, 0, 0.2, 0.4]),
    "average pooling, same": (
        AveragePooling2D((2, 3), strides=2, padding="same"), IMAGES[:1], (1, 2, 3, 2),
        [-0.35, -0.7, -0.3, -0.1, 0.3, 0.5, 0.35, 0, -0.3333333, -0.5, -0.1, 0.1]),
    "global average pooling": (GlobalAveragePooling2D(keepdims=True), IMAGES, (2, 1, 1, 2), [-0.06, -0.08, 0.02, 0]),
    "global max pooling": (GlobalMaxPooling2D(), IMAGES, (2, 2), [1, 1, 1, 1]),
    "relu with all arguments": (
        ReLU(max_value=6, negative_slope=0.1, threshold=1), np.array([[-4, -1.5, -0.3, 0, 0.2, 1, 2.5, 7]]), (1, 8),
        [-0.5, -0.25, -0.13, -0.1, -0.08, 0, 2.5, 6]),
    "flatten, channels first": (
        Flatten(data_format="channels_first"), np.arange(12).reshape(1, 2, 3, 2), (1, 12), [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]),
}
# fmt: on


@pytest.mark.parametrize(("layer", "x", "shape", "expected"), CASES.values(), ids=CASES)
def test_forward(layer, x, shape, expected) -> None:
    layer.build(x.shape)
    layer.set_weights([ramp(w.shape) for w in layer.get_weights()])
    y = layer(x)
    assert y.shape == shape
    np.testing.assert_allclose(y.numpy().ravel(), expected, rtol=1e-5, atol=2e-6)


BATCH = np.array([[1, 2, 3], [4, 0, -1], [0, 5, 2], [3, 3, 3]], np.float32)


def batch_normalization() -> BatchNormalization:
    layer = BatchNormalization()
    layer.build((None, 3))
    layer.set_weights([[1, 2, 0.5], [0, 1, -1], [0.1, 0.2, 0.3], [1, 4, 9]])
    return layer


def test_batch_normalization_in_training() -> None:
    layer = batch_normalization()
    y = layer(BATCH, training=True)
    expected = [-0.6323291, 0.445385, -0.6188245, 1.264658, -1.773075, -1.838586, -1.264658, 3.773075, -0.9237649]
    np.testing.assert_allclose(y.numpy().ravel(), [*expected, 0.6323291, 1.554615, -0.6188245], rtol=1e-5)
    np.testing.assert_allclose(layer.moving_mean.numpy(), [0.119, 0.223, 0.3145], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), [1.015, 3.9925, 8.936874], rtol=1e-6)


def test_batch_normalization_in_inference_after_a_step_of_training() -> None:
    layer = batch_normalization()
    layer(BATCH, training=True)
    expected = [0.8740354, 2.778446, -0.5508638, 3.85032, 0.7768186, -1.219843, -0.1180593, 5.780886, -0.7181087]
    np.testing.assert_allclose(layer(BATCH).numpy().ravel(), [*expected, 2.858225, 3.779259, -0.5508638], rtol=1e-5)
    np.testing.assert_allclose(layer.moving_mean.numpy(), [0.119, 0.223, 0.3145], rtol=1e-6)


def test_a_frozen_batch_normalization_stays_in_inference() -> None:
    layer = batch_normalization()
    expected = layer(BATCH).numpy()
    layer.trainable = False
    np.testing.assert_array_equal(layer(BATCH, training=True).numpy(), expected)
    np.testing.assert_allclose(layer.moving_mean.numpy(), [0.1, 0.2, 0.3], rtol=1e-6)
