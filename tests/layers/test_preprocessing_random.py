"""Augmentation layers: what they draw, that a seed repeats it, and that they run in fit but not in predict."""

from __future__ import annotations

import numpy as np
import pytest

import tinycnn
from tinycnn import Tensor, layers, utils
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.layers import RandomBrightness, RandomContrast, RandomFlip, RandomRotation, RandomTranslation, RandomZoom
from tinycnn.models import Sequential
from tinycnn.testing import check_grads

X = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
MAKERS = {
    "flip": lambda **k: RandomFlip(**k),
    "rotation": lambda **k: RandomRotation(0.3, **k),
    "translation": lambda **k: RandomTranslation(0.3, 0.2, **k),
    "zoom": lambda **k: RandomZoom(0.3, (0.1, 0.4), **k),
    "contrast": lambda **k: RandomContrast(0.5, **k),
    "brightness": lambda **k: RandomBrightness(0.5, **k),
    "shear": lambda **k: layers.RandomShear(0.3, (0.1, 0.4), **k),
    "grayscale": lambda **k: layers.RandomGrayscale(0.5, **k),
    "hue": lambda **k: layers.RandomHue(0.5, **k),
    "saturation": lambda **k: layers.RandomSaturation((0.2, 0.6), **k),
    "jitter": lambda **k: layers.RandomColorJitter((0, 255), 0.1, (0.2, 0.2), (0.3, 0.5), 0.1, **k),
    "sharpness": lambda **k: layers.RandomSharpness((0.2, 0.7), **k),
    "blur": lambda **k: layers.RandomGaussianBlur((0.5, 0.5), **k),
    "erasing": lambda **k: layers.RandomErasing((0.8, 0.9), (0.2, 0.5), **k),
}
each = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@each
def test_training_changes_each_image_for_itself_and_inference_none(make) -> None:
    layer = make(seed=1)
    np.testing.assert_array_equal(layer(X).numpy(), X)
    same = np.repeat(X[:1], 16, axis=0)
    y = layer(same, training=True).numpy()
    assert y.shape == X.shape
    assert y.dtype == np.float32
    assert len(np.unique(y, axis=0)) > 1
    assert make(seed=1)(X[0], training=True).shape == X.shape[1:]
    assert make(seed=1, dtype="float64")(Tensor(X), training=True).dtype == np.float64


@each
def test_a_seed_repeats_it_for_any_number_of_threads(make) -> None:
    before = tinycnn.get_num_threads()

    def drawn(threads, **seed):
        tinycnn.set_num_threads(threads)
        utils.set_random_seed(3)
        layer = make(**seed)
        return layer(X, training=True).numpy(), layer(X, training=True).numpy()

    try:
        for seed in ({}, {"seed": 5}):
            first, second = drawn(1, **seed)
            assert (first != second).any()
            np.testing.assert_array_equal(drawn(2, **seed), (first, second))
    finally:
        tinycnn.set_num_threads(before)


@each
def test_channels_first_is_the_same_transposed(make) -> None:
    last = make(seed=1)(X, training=True).numpy()
    first = make(seed=1, data_format="channels_first")(X.transpose(0, 3, 1, 2), training=True).numpy()
    np.testing.assert_allclose(first.transpose(0, 2, 3, 1), last, rtol=1e-5, atol=1e-4)


@each
def test_gradients_flow_through(make) -> None:
    x = np.random.default_rng(1).uniform(100, 150, (2, 3, 4, 3))
    check_grads(lambda x: make(seed=1, dtype="float64")(x, training=True), x)


@each
def test_wrong_inputs_name_the_layer(make) -> None:
    with pytest.raises(ShapeError, match=r"layer 'mine' .*3 dimensions"):
        make(name="mine")(X[0, 0])
    with pytest.raises((ArgumentError, DTypeError), match="seed"):
        make(seed=-1)
    with pytest.raises(ArgumentError, match="data_format"):
        make(data_format="NHWC")


@pytest.mark.parametrize(
    ("mode", "flipped"), [("horizontal", X[:, :, ::-1]), ("vertical", X[:, ::-1]), ("horizontal_and_vertical", X[:, ::-1, ::-1])]
)
def test_flip(mode, flipped) -> None:
    layer, count = RandomFlip(mode, seed=0), 0
    for _ in range(40):
        y = layer(X, training=True).numpy()
        is_flipped = (y == flipped).all((1, 2, 3))
        assert (is_flipped | (y == X).all((1, 2, 3))).all()
        count += is_flipped.sum()
    assert abs(count / 640 - 0.5) < 0.1  # five standard deviations


def test_whole_turns_shifts_and_zooms_are_exact() -> None:
    square = X.astype(np.float32)
    np.testing.assert_allclose(RandomRotation((0.25, 0.25))(X, training=True).numpy(), np.rot90(square, axes=(1, 2)), atol=0.01)
    np.testing.assert_allclose(RandomRotation((1, 1))(X, training=True).numpy(), square, atol=0.01)
    shifted = RandomTranslation((0.25, 0.25), (-0.125, -0.125), fill_mode="wrap")(X, training=True).numpy()
    np.testing.assert_array_equal(shifted, np.roll(square, (2, -1), axis=(1, 2)))
    np.testing.assert_array_equal(RandomZoom((0, 0))(X, training=True).numpy(), square)
    out = RandomZoom((1, 1), fill_mode="constant", fill_value=7.0)(X, training=True).numpy()
    assert (out[:, 0] == 7).all()
    assert (out[:, 2:6, 2:6] != 7).any()
    zoomed = RandomZoom((-0.5, -0.5), interpolation="nearest")(X, training=True).numpy()
    np.testing.assert_array_equal(zoomed[:, 1:7, 1:7], np.repeat(np.repeat(square[:, 2:6, 2:6], 2, 1), 2, 2)[:, 1:7, 1:7])


# fmt: off
LITERALS = [
    (RandomRotation((0.1, 0.1)),
     [0.8742597, 3.04983, 7.401328, 14.05541, 1.874562, 5.622381, 6.169039, 6.381053, 14.83743, 12.48523, 13.63345, 13.36538]),
    (RandomTranslation((0.2, 0.2), (-0.3, -0.3), fill_mode="constant", fill_value=5.0),
     [3.64, 5.0, 6.28, 5.0, 3.68, 4.84, 10.12, 5.0, 9.44, 7.72, 8.84, 5.0]),
    (RandomZoom((-0.4, -0.4), (0.3, 0.3), fill_mode="nearest"),
     [6.4, 4.19, 4.43, 11.4, 16.0, 9.2, 3.95, 15.0, 14.2, 11.48, 9.41, 7.2]),
]
# fmt: on


@pytest.mark.parametrize(("layer", "expected"), LITERALS)
def test_literals_of_keras(layer, expected) -> None:
    """Computed by Keras 3.15.1 on its JAX backend."""
    x = (np.arange(12).reshape(1, 3, 4, 1) ** 2 % 17).astype(np.float32)
    np.testing.assert_allclose(layer(x, training=True).numpy().ravel(), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("layer", "low", "high"),
    [
        (RandomBrightness(0.5, value_range=(0, 100), seed=0), -50, 50),
        (RandomBrightness((0.1, 0.3), value_range=(100, 0), seed=0), 10, 30),
    ],
)
def test_brightness_is_uniform_in_its_range(layer, low, high) -> None:
    added = layer(np.full((4000, 1, 1, 2), 50.0), training=True).numpy() - 50
    np.testing.assert_allclose(added[..., 0], added[..., 1])
    assert low - 1e-3 <= added.min() <= added.max() <= high + 1e-3
    assert abs(added.mean() - (low + high) / 2) < 5 * (high - low) / np.sqrt(12 * 4000)
    assert abs(added.std() - (high - low) / np.sqrt(12)) < 0.05 * (high - low)


def test_brightness_and_contrast_stay_in_the_value_range() -> None:
    assert RandomBrightness((1, 1))(X, training=True).numpy().min() == 255
    assert RandomBrightness((-1, -1))(X, training=True).numpy().max() == 0
    y = RandomContrast((0, 1), value_range=(20, 200), seed=0)(X, training=True).numpy()
    assert 20 <= y.min() <= y.max() <= 200


def test_contrast_scales_about_the_mean_of_each_channel() -> None:
    x = np.random.default_rng(2).uniform(90, 160, (2000, 2, 2, 2))
    y = RandomContrast((0.3, 0.6), seed=0, dtype="float64")(x, training=True).numpy()
    mean = x.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(y.mean((1, 2), keepdims=True), mean)
    contrast = (y - mean) / (x - mean)
    np.testing.assert_allclose(contrast, np.broadcast_to(contrast[:, :1, :1, :1], contrast.shape), rtol=1e-6)
    assert contrast.min() >= 0.7 - 1e-9
    assert contrast.max() <= 1.6 + 1e-9
    assert abs(contrast.mean() - 1.15) < 0.04
    assert RandomContrast(0.3).get_config()["factor"] == [0.3, 0.3]


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("RandomFlip", {"mode": "diagonal"}, "mode"),
        *[("RandomRotation", {"factor": bad}, "factor") for bad in (1.5, (0, 2), (1, 2, 3), "0.1", None, True, float("nan"))],
        ("RandomRotation", {"factor": 0.1, "fill_mode": "mirror"}, "fill_mode"),
        ("RandomRotation", {"factor": 0.1, "interpolation": "bicubic"}, "interpolation"),
        ("RandomTranslation", {"height_factor": 2, "width_factor": 0.1}, "height_factor"),
        ("RandomTranslation", {"height_factor": 0.1, "width_factor": (0.1,)}, "width_factor"),
        ("RandomZoom", {"height_factor": (-1, 0)}, "height_factor"),
        ("RandomZoom", {"height_factor": 0.1, "width_factor": -1.5}, "width_factor"),
        ("RandomContrast", {"factor": -0.1}, "factor"),
        ("RandomContrast", {"factor": (0.1, 1.2)}, "factor"),
        ("RandomContrast", {"factor": 0.1, "value_range": 255}, "value_range"),
        ("RandomBrightness", {"factor": 1.2}, "factor"),
        ("RandomBrightness", {"factor": 0.1, "value_range": (1, 1)}, "value_range"),
    ],
)
def test_bad_arguments(name, arguments, word) -> None:
    with pytest.raises(ArgumentError, match=word):
        getattr(layers, name)(**arguments)


def test_augmentation_runs_in_fit_only_and_repeats_with_the_seed() -> None:
    x, y = X[..., :1] / 255, np.arange(16) % 2

    def trained():
        utils.set_random_seed(4)
        model = Sequential(
            [
                layers.Input((8, 8, 1)),
                RandomFlip("horizontal"),
                RandomRotation(0.1),
                RandomZoom(0.2),
                RandomTranslation(0.1, 0.1),
                RandomContrast(0.2, (0, 1)),
                RandomBrightness(0.2, (0, 1)),
                layers.Flatten(),
                layers.Dense(2, activation="softmax"),
            ]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        losses = model.fit(x, y, epochs=3, batch_size=5, verbose=0).history["loss"]
        return model, losses

    model, losses = trained()
    again, losses_again = trained()
    assert losses == losses_again
    for w, v in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(w, v)
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))
