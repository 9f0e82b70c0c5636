"""Resize and affine transforms, against plain loops; beside Keras they are in tests/layers/test_preprocessing_against_keras.py."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinycnn import ops
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.testing import check_grads

R = np.random.default_rng(0)
IDENTITY = [1.0, 0, 0, 0, 1, 0, 0, 0]
images = hnp.array_shapes(min_dims=4, max_dims=4, max_side=5).map(lambda shape: R.standard_normal(shape))


def fetch(line, index, fill_mode, fill_value):
    """line[index], for an index that may lie outside."""
    n = len(line)
    if 0 <= index < n:
        return line[index]
    if fill_mode == "constant":
        return np.full_like(line[0], fill_value)
    if fill_mode == "nearest":
        return line[min(max(index, 0), n - 1)]
    return [*line, *(line[::-1] if fill_mode == "reflect" else line)][index % (2 * n)]


def sample(line, position, interpolation, fill_mode, fill_value):
    if interpolation == "nearest":
        return fetch(line, int(math.copysign(math.floor(abs(position) + 0.5), position)), fill_mode, fill_value)
    low = math.floor(position)
    a, b = (fetch(line, i, fill_mode, fill_value) for i in (low, low + 1))
    return (low + 1 - position) * a + (position - low) * b


def plain_affine(x, transform, interpolation, fill_mode, fill_value):
    """The definition, pixel by pixel. A constant fills whole rows first, which is the same as filling pixels."""
    y = np.empty_like(x)
    for n, i, j in itertools.product(*map(range, x.shape[:3])):
        a0, a1, a2, b0, b1, b2 = transform[n][:6]
        column, row = a0 * j + a1 * i + a2, b0 * j + b1 * i + b2
        at_row = sample(list(x[n]), row, interpolation, fill_mode, fill_value)
        y[n, i, j] = sample(list(at_row), column, interpolation, fill_mode, fill_value)
    return y


@settings(max_examples=60, deadline=None)
@given(images, st.sampled_from(ops.image.FILL_MODES), st.sampled_from(["nearest", "bilinear"]), st.integers(0, 2**32 - 1))
def test_affine_transform_is_the_plain_loop(x, fill_mode, interpolation, seed) -> None:
    transform = np.zeros((len(x), 8))
    transform[:, :6] = np.random.default_rng(seed).normal(0, 2, (len(x), 6))
    y = ops.image.affine_transform(x, transform, interpolation, fill_mode, 0.7).numpy()
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, plain_affine(x, transform, interpolation, fill_mode, 0.7), rtol=1e-9, atol=1e-9)


def test_one_image_one_transform_and_channels_first() -> None:
    x = R.random((2, 4, 5, 3)).astype(np.float32)
    transform = np.array([0.9, 0.2, 0.3, -0.1, 1.1, 0.5, 0, 0])
    y = ops.image.affine_transform(x, transform).numpy()
    assert y.dtype == np.float32
    np.testing.assert_array_equal(ops.image.affine_transform(x[1], transform).numpy(), y[1])
    first = ops.image.affine_transform(x.transpose(0, 3, 1, 2), transform, data_format="channels_first").numpy()
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), y)
    small = ops.image.resize(x, (3, 7)).numpy()
    np.testing.assert_array_equal(ops.image.resize(x[1], (3, 7)).numpy(), small[1])
    first = ops.image.resize(x.transpose(0, 3, 1, 2), (3, 7), data_format="channels_first").numpy()
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), small)


def test_groups_of_images_are_computed_alike(monkeypatch) -> None:
    x, transform = R.random((5, 4, 6, 2)), np.zeros((5, 8))
    transform[:, :6] = R.normal(0, 2, (5, 6))
    whole = ops.image.affine_transform(x, transform).numpy()
    for points in (1, 50):  # one image at a time, two
        monkeypatch.setattr(ops.image, "_POINTS", points)
        np.testing.assert_array_equal(ops.image.affine_transform(x, transform).numpy(), whole)
    assert ops.image.affine_transform(x[:0], transform[:0]).shape == (0, 4, 6, 2)


def test_whole_pixels_are_exact_and_integers_become_floats() -> None:
    x = R.integers(0, 256, (2, 3, 4, 1), dtype=np.uint8)
    y = ops.image.affine_transform(x, IDENTITY).numpy()
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(ops.image.affine_transform(x, [1, 0, 1, 0, 1, 0, 0, 0], fill_mode="wrap").numpy(), np.roll(x, -1, axis=2))
    np.testing.assert_array_equal(ops.image.resize(x, (3, 4)).numpy(), x)


@settings(max_examples=40, deadline=None)
@given(images, st.sampled_from(ops.image.INTERPOLATIONS), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_resize_keeps_constants_and_range(x, interpolation, height, width, antialias) -> None:
    y = ops.image.resize(x, (height, width), interpolation, antialias).numpy()
    assert y.shape == (len(x), height, width, x.shape[-1])
    np.testing.assert_allclose(ops.image.resize(np.full_like(x, 3.0), (height, width), interpolation, antialias).numpy(), 3.0, rtol=1e-12)
    if interpolation in ("nearest", "bilinear"):
        assert x.min() - 1e-12 <= y.min() <= y.max() <= x.max() + 1e-12


def test_resize_by_hand() -> None:
    ramp = np.arange(4.0).reshape(1, 1, 4, 1)
    assert ops.image.resize(ramp, (1, 2)).numpy().ravel().tolist() == [0.5, 2.5]
    assert ops.image.resize(ramp, (1, 8)).numpy().ravel().tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    assert ops.image.resize(ramp, (1, 2), "nearest").numpy().ravel().tolist() == [1, 3]
    assert ops.image.resize(ramp, (1, 1), antialias=True).numpy().ravel().tolist() == [1.5]
    assert ops.image.resize(ramp, (2, 2), crop_to_aspect_ratio=True).numpy().ravel().tolist() == [1, 1, 1, 1]
    padded = ops.image.resize(ramp, (4, 4), pad_to_aspect_ratio=True, fill_value=9).numpy().reshape(4, 4)
    assert padded[0].tolist() == [9, 9, 9, 9]
    assert padded[-1].tolist() == [9, 9, 9, 9]


@pytest.mark.parametrize("fill_mode", ops.image.FILL_MODES)
def test_gradients(fill_mode) -> None:
    x = R.standard_normal((2, 3, 4, 2))
    transform = np.array([[0.8, 0.3, -0.7, 0.1, 1.2, 0.6, 0, 0], [1.1, -0.2, 0.4, 0.3, 0.7, -1.3, 0, 0]])
    check_grads(lambda x: ops.image.affine_transform(x, transform, fill_mode=fill_mode, fill_value=2.0), x)
    check_grads(lambda x: ops.image.resize(x, (2, 5), "bicubic", antialias=True), x)


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        (lambda x: ops.image.resize(x[0, 0], (2, 2)), ShapeError, "3 or 4 dimensions"),
        (lambda x: ops.image.resize(x[:, :0], (2, 2)), ShapeError, "at least one pixel"),
        (lambda x: ops.image.resize(x, 2), ArgumentError, "size"),
        (lambda x: ops.image.resize(x, (2, 0)), ArgumentError, "size"),
        (lambda x: ops.image.resize(x, (2, 2, 2)), ArgumentError, "size"),
        (lambda x: ops.image.resize(x, (2, 2), "area"), ArgumentError, "interpolation"),
        (lambda x: ops.image.resize(x, (2, 2), fill_mode="reflect"), ArgumentError, "fill_mode"),
        (lambda x: ops.image.resize(x, (2, 2), data_format="NHWC"), ArgumentError, "data_format"),
        (lambda x: ops.image.resize(x, (2, 2), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), ArgumentError, "both"),
        (lambda x: ops.image.resize("x", (2, 2)), DTypeError, "data"),
        (lambda x: ops.image.affine_transform(x, IDENTITY, "bicubic"), ArgumentError, "interpolation"),
        (lambda x: ops.image.affine_transform(x, IDENTITY, fill_mode="mirror"), ArgumentError, "fill_mode"),
        (lambda x: ops.image.affine_transform(x, IDENTITY[:6]), ShapeError, "transform"),
        (lambda x: ops.image.affine_transform(x, [IDENTITY] * 3), ShapeError, r"\(2, 8\)"),
        (lambda x: ops.image.affine_transform(x, [*IDENTITY[:6], 0.1, 0]), ArgumentError, "last two"),
        (lambda x: ops.image.affine_transform(x, [math.nan, *IDENTITY[1:]]), ArgumentError, "finite"),
    ],
)
def test_errors_name_the_argument(call, error, word) -> None:
    with pytest.raises(error, match=word):
        call(np.ones((2, 3, 4, 1), np.float32))
