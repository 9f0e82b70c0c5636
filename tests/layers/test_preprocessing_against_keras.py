"""Preprocessing layers beside the installed Keras: what they compute where nothing is left to chance, and their configs."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import layers, random

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what Keras imports

X = (np.random.default_rng(0).random((3, 7, 9, 2)) * 255).astype(np.float32)
#: Keras's torch backend knows no "wrap" and takes "mirror" for "reflect"; TensorFlow's "wrap" interpolates differently at the edges.
FILL_MODES = {"jax": ("reflect", "wrap", "constant", "nearest"), "tensorflow": ("reflect", "constant", "nearest")}.get(
    keras.backend.backend(), ("constant", "nearest")
)
AFFINE = [
    ("RandomRotation", {"factor": (0.13, 0.13)}),
    ("RandomTranslation", {"height_factor": (0.13, 0.13), "width_factor": (-0.3, -0.3)}),
    ("RandomZoom", {"height_factor": (0.13, 0.13)}),
    ("RandomZoom", {"height_factor": (-0.13, -0.13), "width_factor": (0.4, 0.4)}),
]
#: (class name, arguments, training)
FIXED = [
    *[
        (name, {**arguments, "fill_mode": fill_mode, "interpolation": interpolation, "fill_value": 5.0}, True)
        for name, arguments in AFFINE
        for fill_mode in FILL_MODES
        for interpolation in ("bilinear", "nearest")
    ],
    ("RandomRotation", {"factor": (0.13, 0.13), "fill_mode": "constant", "data_format": "channels_first"}, True),
    ("RandomRotation", {"factor": 0.2}, False),
    ("RandomTranslation", {"height_factor": 0.2, "width_factor": (-0.3, 0.1)}, False),
    ("RandomZoom", {"height_factor": 0.2}, False),
    ("RandomFlip", {}, False),
    ("RandomContrast", {"factor": (0.0, 0.3)}, False),
    ("RandomBrightness", {"factor": (0.3, 0.3)}, True),
    ("RandomBrightness", {"factor": (0.3, 0.3), "value_range": (100.0, 0.0)}, True),
    ("RandomCrop", {"height": 7, "width": 9, "seed": 1}, True),
    ("CenterCrop", {"height": 3, "width": 4}, True),
    ("CenterCrop", {"height": 9, "width": 4}, False),
    ("CenterCrop", {"height": 3, "width": 20}, False),
    ("Resizing", {"height": 3, "width": 20}, False),
    ("Resizing", {"height": 9, "width": 9, "pad_to_aspect_ratio": True, "fill_value": 3.0}, False),
    ("Resizing", {"height": 4, "width": 4, "crop_to_aspect_ratio": True, "interpolation": "nearest"}, False),
    # TensorFlow rounds the weights of its bicubic kernel, torch has another kernel
    *[("Resizing", {"height": 9, "width": 14, "interpolation": "bicubic"}, False)] * (keras.backend.backend() == "jax"),
    ("Rescaling", {"scale": 0.3, "offset": 1.0}, False),
    ("Rescaling", {"scale": [0.3, 0.1]}, False),
    ("Normalization", {}, False),
    ("Normalization", {"axis": (1, 3), "mean": [1.0, 2.0], "variance": [2.0, 3.0], "invert": True}, False),
    ("GaussianNoise", {"stddev": 0.3}, False),
    ("GaussianDropout", {"rate": 0.3, "seed": 2}, False),
    ("AlphaDropout", {"rate": 0.3}, False),
    ("SpatialDropout2D", {"rate": 0.3}, False),
    ("Identity", {}, False),
]


def plain(value):
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize(("name", "arguments", "training"), FIXED)
def test_same_result_and_config(name, arguments, training) -> None:
    ours, theirs = getattr(layers, name)(**arguments, name="mine"), getattr(keras.layers, name)(**arguments, name="mine")
    takes = {} if name in ("Rescaling", "Normalization", "Identity") else {"training": training}
    expected = keras.ops.convert_to_numpy(theirs(X, **takes))
    np.testing.assert_allclose(ours(X, **takes).numpy(), expected, rtol=1e-5, atol=1e-3)  # of 255
    own, other = ours.get_config(), theirs.get_config()
    own.pop("dtype"), other.pop("dtype")  # a name here, a policy there
    assert {key: plain(value) for key, value in own.items()} == {key: plain(value) for key, value in other.items()}


def test_contrast() -> None:
    theirs = keras.layers.RandomContrast((0.2, 0.3))
    factor = keras.ops.convert_to_tensor(random.generator(5).uniform(0.8, 1.3, 3).astype(np.float32).reshape(3, 1, 1, 1))
    expected = theirs.transform_images(keras.ops.convert_to_tensor(X), {"contrast_factor": factor}, training=True)
    got = layers.RandomContrast((0.2, 0.3), seed=5)(X, training=True).numpy()
    np.testing.assert_allclose(got, keras.ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-3)


def changed_by_keras(layer, images, transformation):
    """What Keras makes of images with a transformation that is not drawn."""
    tensors = {key: keras.ops.convert_to_tensor(np.asarray(value)) for key, value in transformation.items()}
    return keras.ops.convert_to_numpy(layer.transform_images(keras.ops.convert_to_tensor(images), tensors, training=True))


COLOURS = (np.random.default_rng(1).random((3, 7, 9, 3)) * 255).astype(np.float32)


def test_shear() -> None:
    source = random.generator(5)
    sign = source.choice([-1.0, 1.0], 3)
    factors = np.stack([sign * source.uniform(0.1, 0.3, 3), sign * source.uniform(0.0, 0.2, 3)], 1).astype(np.float32)
    theirs = keras.layers.RandomShear((0.1, 0.3), (0.0, 0.2), fill_mode="constant")
    got = layers.RandomShear((0.1, 0.3), (0.0, 0.2), fill_mode="constant", seed=5)(X, training=True).numpy()
    expected = changed_by_keras(theirs, X, {"shear_factor": factors})
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("value_range", [(0, 1), (0, 255)])
def test_hue(value_range) -> None:
    source, images = random.generator(5), COLOURS * (value_range[1] / 255)
    turn = 0.5 * source.choice([-1.0, 1.0], 3) * source.uniform(0.1, 0.9, 3)
    expected = changed_by_keras(keras.layers.RandomHue((0.1, 0.9), value_range), images, {"factor": turn.astype(np.float32)})
    got = layers.RandomHue((0.1, 0.9), value_range, seed=5)(images, training=True).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * value_range[1])


def test_saturation() -> None:
    part = random.generator(5).uniform(0.1, 0.7, 3)
    factor = (part / (1 - part + 1e-7)).astype(np.float32)
    expected = changed_by_keras(keras.layers.RandomSaturation((0.1, 0.7), (0, 1)), COLOURS / 255, {"factor": factor})
    got = layers.RandomSaturation((0.1, 0.7), (0, 1), seed=5)(COLOURS / 255, training=True).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    tenfold = layers.RandomSaturation((0.1, 0.7), (0, 255), seed=5)(COLOURS, training=True).numpy()
    np.testing.assert_allclose(tenfold / 255, got, rtol=1e-4, atol=1e-5)  # Keras leaves 0 to 255 there


def test_sharpness_and_blur() -> None:
    part = random.generator(5).uniform(0.1, 0.9, 3).astype(np.float32)
    expected = changed_by_keras(keras.layers.RandomSharpness((0.1, 0.9)), X, {"factor": part})
    np.testing.assert_allclose(layers.RandomSharpness((0.1, 0.9), seed=5)(X, training=True).numpy(), expected, rtol=1e-4, atol=1e-3)
    source = random.generator(0)
    chosen = source.uniform(0, 1, 3) < source.uniform(0.5, 0.5, 3)
    sigma = source.uniform(0.7, 0.7, 2).astype(np.float32) + 1e-6
    expected = changed_by_keras(keras.layers.RandomGaussianBlur(0.5, 3, 0.7), X, {"should_apply_blur": chosen, "blur_factor": sigma})
    got = layers.RandomGaussianBlur((0.5, 0.5), 3, (0.7, 0.7), seed=0)(X, training=True).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-3)
    assert 0 < chosen.sum() < 3


def test_grayscale() -> None:
    expected = keras.ops.convert_to_numpy(keras.layers.RandomGrayscale(1.0)(COLOURS, training=True))
    np.testing.assert_allclose(layers.RandomGrayscale(1.0)(COLOURS, training=True).numpy(), expected, rtol=1e-5)
    np.testing.assert_array_equal(layers.RandomGrayscale(0.0)(COLOURS, training=True).numpy(), COLOURS)


@pytest.mark.parametrize("axis", [-1, None, 1, (1, 3)])
def test_adapt(axis) -> None:
    ours, theirs = layers.Normalization(axis), keras.layers.Normalization(axis)
    ours.adapt(X)
    theirs.adapt(X)
    np.testing.assert_allclose(ours(X).numpy(), keras.ops.convert_to_numpy(theirs(X)), rtol=1e-4, atol=1e-5)
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        assert mine.name == other.name
        np.testing.assert_allclose(mine.numpy(), keras.ops.convert_to_numpy(other), rtol=1e-4)
