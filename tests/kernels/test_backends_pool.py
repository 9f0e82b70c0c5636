"""Pooling: every backend against loops written from the definition; maxima and their places exactly, ties and NaN included."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinycnn.geometry import Pool2dGeometry, pool2d_geometry

SEEDS = st.integers(0, 2**32 - 1)
DTYPES = st.sampled_from([np.float32, np.float64])


@st.composite
def geometries(draw: st.DrawFn) -> Pool2dGeometry:
    window = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    strides = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = draw(st.sampled_from(["same", "valid", "explicit"]))
    if padding == "explicit":
        padding = [draw(st.tuples(*[st.integers(0, k - 1)] * 2)) for k in window]
    size = [draw(st.integers(k, 9)) for k in window]
    return pool2d_geometry((draw(st.integers(0, 3)), *size, draw(st.integers(1, 70))), pool_size=window, strides=strides, padding=padding)


def windows(g: Pool2dGeometry):
    """(i, j, cells on the image as (place, h, w)) of every window, in order."""
    for i, j in np.ndindex(g.out_h, g.out_w):
        cells = [
            (u * g.window_w + v, i * g.stride_h + u - g.pad_top, j * g.stride_w + v - g.pad_left)
            for u, v in np.ndindex(g.window_h, g.window_w)
        ]
        yield i, j, [(place, h, w) for place, h, w in cells if 0 <= h < g.in_h and 0 <= w < g.in_w]


def first_maximum(cells):
    """(place, value): a NaN is larger than any number, of equals the first."""
    return max(cells, key=lambda cell: (math.isnan(cell[1]), 0 if math.isnan(cell[1]) else cell[1]))  # max keeps the first


def integers_with_nan(g: Pool2dGeometry, seed: int, dtype):
    """Many ties, some NaN and infinities."""
    random = np.random.default_rng(seed)
    x = random.integers(-2, 3, g.in_shape).astype(dtype)
    for value in (np.nan, np.inf, -np.inf):
        x[random.random(x.shape) < 0.08] = value
    return x


def test_by_hand(kernels):
    g = pool2d_geometry((1, 3, 3, 1), pool_size=2, padding="same")
    x = np.array([[1, 5, 2], [5, 4, 3], [7, 8, -9]], np.float32).reshape(g.in_shape)
    y, argmax = kernels.max_pool2d_forward(g, x)
    np.testing.assert_array_equal(y.ravel(), [5, 3, 8, -9])
    np.testing.assert_array_equal(argmax.ravel(), [1, 2, 1, 0])  # the tie of the two fives goes to the first
    dx = kernels.max_pool2d_backward(g, np.array([1, 2, 3, 4], np.float32).reshape(g.out_shape), argmax)
    np.testing.assert_array_equal(dx.ravel(), [0, 1, 0, 0, 0, 2, 0, 3, 4])
    np.testing.assert_array_equal(kernels.avg_pool2d_forward(g, x).ravel(), [3.75, 2.5, 7.5, -9])
    dx = kernels.avg_pool2d_backward(g, np.array([4, 2, 6, 1], np.float32).reshape(g.out_shape))
    np.testing.assert_array_equal(dx.ravel(), [1, 1, 1, 1, 1, 1, 3, 3, 1])


@given(g=geometries(), seed=SEEDS, dtype=DTYPES)
def test_max_is_exact(kernels, g, seed, dtype):
    x = integers_with_nan(g, seed, dtype)
    y, argmax = kernels.max_pool2d_forward(g, x)
    assert (y.dtype, argmax.dtype) == (dtype, np.int32)
    for i, j, cells in windows(g):
        for n, c in np.ndindex(g.batch, min(g.channels, 3)):
            place, value = first_maximum([(place, x[n, h, w, c]) for place, h, w in cells])
            assert argmax[n, i, j, c] == place
            np.testing.assert_equal(y[n, i, j, c], value)


@given(g=geometries(), seed=SEEDS, dtype=DTYPES)
def test_the_other_channels_are_as_the_first(kernels, g, seed, dtype):
    x = np.broadcast_to(integers_with_nan(g, seed, dtype)[..., :1], g.in_shape)
    for array in kernels.max_pool2d_forward(g, x):
        np.testing.assert_array_equal(array, np.broadcast_to(array[..., :1], g.out_shape))


@given(g=geometries(), seed=SEEDS, dtype=DTYPES)
def test_max_gradient_adds_up_in_window_order(kernels, g, seed, dtype):
    random = np.random.default_rng(seed)
    x, dy = integers_with_nan(g, seed, dtype), random.standard_normal(g.out_shape).astype(dtype)
    _, argmax = kernels.max_pool2d_forward(g, x)
    want = np.zeros(g.in_shape, dtype)
    for i, j, cells in windows(g):
        for place, h, w in cells:
            want[:, h, w] += np.where(argmax[:, i, j] == place, dy[:, i, j], 0)
    np.testing.assert_array_equal(kernels.max_pool2d_backward(g, dy, argmax), want)


@given(g=geometries(), seed=SEEDS, dtype=DTYPES)
def test_average(kernels, g, seed, dtype):
    random = np.random.default_rng(seed)
    x, dy = random.standard_normal(g.in_shape).astype(dtype), random.standard_normal(g.out_shape).astype(dtype)
    y, dx = np.zeros(g.out_shape), np.zeros(g.in_shape)
    for i, j, cells in windows(g):
        for _, h, w in cells:
            y[:, i, j] += x[:, h, w] / len(cells)
            dx[:, h, w] += dy[:, i, j] / len(cells)
    tolerance = 16 * np.finfo(dtype).eps
    got_y, got_dx = kernels.avg_pool2d_forward(g, x), kernels.avg_pool2d_backward(g, dy)
    assert got_y.dtype == got_dx.dtype == dtype
    np.testing.assert_allclose(got_y, y, rtol=0, atol=tolerance * 5)
    np.testing.assert_allclose(got_dx, dx, rtol=0, atol=tolerance * 5)
