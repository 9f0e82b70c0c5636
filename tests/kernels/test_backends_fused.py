"""Convolution, bias, activation and pooling as one step: every backend against its parts in float64 NumPy, every algorithm alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinycnn.geometry import ConvPool2dGeometry, conv_pool2d_geometry

SEEDS = st.integers(0, 2**32 - 1)
KINDS = st.sampled_from(["linear", "relu", "leaky_relu"])
DTYPES = st.sampled_from([np.float32, np.float64])
#: Allowed error, relative to the sum of the absolute values of what is added up; of gradients, to the largest such sum, as an algorithm
#: may mix in neighbours.
TOLERANCE = {np.float32: 4e-6, np.float64: 8e-15}


@st.composite
def geometries(draw: st.DrawFn) -> ConvPool2dGeometry:
    """Half of them 3x3 convolutions as networks have them, the others anything."""
    batch, groups, smallest = draw(st.integers(0, 5)), 1, 4
    if draw(st.booleans()):
        kernel, strides, dilation = (3, 3), 1, 1
        channels, filters = draw(st.sampled_from([1, 3, 16, 32, 33])), draw(st.sampled_from([1, 8, 16, 31, 64, 70]))
    else:
        pair = st.tuples(st.integers(1, 2), st.integers(1, 2))
        kernel, strides, dilation = draw(st.tuples(st.integers(1, 4), st.integers(1, 4))), draw(pair), draw(pair)
        groups, smallest = draw(st.sampled_from([1, 1, 2])), 9
        channels, filters = draw(st.integers(1, 20)) * groups, draw(st.integers(1, 20)) * groups
    size = draw(st.integers(smallest, 14)), draw(st.integers(smallest, 14))
    return conv_pool2d_geometry(
        (batch, *size, channels),
        (*kernel, channels // groups, filters),
        strides=strides,
        padding=draw(st.sampled_from(["same", "valid"])),
        dilation_rate=dilation,
        groups=groups,
        pool_padding=draw(st.sampled_from(["same", "valid"])),
    )


def operands(g: ConvPool2dGeometry, seed: int, dtype):
    random = np.random.default_rng(seed)
    shapes = g.conv.in_shape, g.conv.kernel_shape, (g.conv.out_channels,), g.out_shape
    return [random.standard_normal(shape).astype(dtype) for shape in shapes]


def wide(*arrays):
    return [a.astype(np.float64) for a in arrays]


def cells(g: ConvPool2dGeometry, z: np.ndarray) -> np.ndarray:
    """z (N, OH, OW, O) -> (N, PH, PW, O, 4): the cells of each window, -inf beyond the image."""
    padded = np.full((g.pool.batch, 2 * g.pool.out_h, 2 * g.pool.out_w, g.pool.channels), -np.inf)
    z = z[:, : padded.shape[1], : padded.shape[2]]
    padded[:, : z.shape[1], : z.shape[2]] = z
    by_window = padded.reshape(g.pool.batch, g.pool.out_h, 2, g.pool.out_w, 2, g.pool.channels)
    return by_window.transpose(0, 1, 3, 5, 2, 4).reshape(*g.out_shape, 4)


def activated(kind: str, z: np.ndarray, alpha: float) -> np.ndarray:
    return np.where(z > 0, z, {"linear": 1, "relu": 0, "leaky_relu": alpha}[kind] * z)


@given(g=geometries(), kind=KINDS, seed=SEEDS, dtype=DTYPES, with_bias=st.booleans())
def test_forward(kernels, oracle, g, kind, seed, dtype, with_bias):
    x, w, b, _ = operands(g, seed, dtype)
    b = b if with_bias else None
    y, argmax = kernels.conv2d_pool_forward(g, kind, x, w, b, 0.3)
    assert (y.dtype, argmax.dtype, y.shape, argmax.shape) == (dtype, np.uint8, g.out_shape, g.out_shape)
    alone, nothing = kernels.conv2d_pool_forward(g, kind, x, w, b, 0.3, False)
    assert nothing is None
    np.testing.assert_array_equal(alone, y)
    x, w = wide(x, w)
    b = None if b is None else b.astype(np.float64)
    z = cells(g, oracle.conv2d_forward(g.conv, x, w, b))
    scale = cells(g, oracle.conv2d_forward(g.conv, np.abs(x), np.abs(w), None if b is None else np.abs(b)))
    bound = TOLERANCE[dtype] * (scale.max(axis=-1) + 1)
    assert (np.abs(y - activated(kind, z.max(axis=-1), 0.3)) <= bound).all()
    chosen = np.take_along_axis(z, argmax[..., None].astype(np.intp), axis=-1)[..., 0]
    assert (z.max(axis=-1) - chosen <= 2 * bound).all()


#: Unpooled images of an odd number of cells, which Winograd's algorithm puts side by side in its scratch: what lies behind must be aligned.
ODD = conv_pool2d_geometry((2, 7, 7, 64), (3, 3, 64, 33), padding="same", pool_padding="same")


@example(g=ODD, kind="relu", seed=0, dtype=np.float32)
@given(g=geometries(), kind=KINDS, seed=SEEDS, dtype=DTYPES)
def test_backward(kernels, oracle, g, kind, seed, dtype):
    x, w, b, dy = operands(g, seed, dtype)
    y, argmax = kernels.conv2d_pool_forward(g, kind, x, w, b, 0.3)
    got = kernels.conv2d_pool_backward(g, kind, x, w, y, argmax, dy, 0.3, (True, True, True))
    x, w, y, dy = wide(x, w, y, dy)
    want = oracle.conv2d_pool_backward(g, kind, x, w, y, argmax, dy, 0.3, (True, True, True))
    absolute = np.abs(x), np.abs(w), y, argmax, np.abs(dy)
    scale = oracle.conv2d_pool_backward(g, kind, *absolute, 0.3, (True, True, True))
    for one, other, size in zip(got, want, scale, strict=True):
        assert one.dtype == dtype
        assert one.shape == other.shape
        assert (np.abs(one - other) <= TOLERANCE[dtype] * size.max(initial=0)).all()


@pytest.mark.parametrize("needs", [(False, False, False), (True, False, False), (False, True, False), (False, False, True)])
def test_only_what_is_needed(kernels, needs):
    g = conv_pool2d_geometry((2, 9, 7, 3), (3, 3, 3, 5), padding="same", pool_padding="same")
    x, w, b, dy = operands(g, 0, np.float32)
    y, argmax = kernels.conv2d_pool_forward(g, "relu", x, w, b, 0.0)
    all_of_them = kernels.conv2d_pool_backward(g, "relu", x, w, y, argmax, dy, 0.0, (True, True, True))
    for needed, got, want in zip(needs, kernels.conv2d_pool_backward(g, "relu", x, w, y, argmax, dy, 0.0, needs), all_of_them, strict=True):
        assert (got is not None) == needed
        if needed:
            np.testing.assert_array_equal(got, want)


def test_a_tie_goes_to_the_first_and_a_nan_shows(kernels):
    """A 1x1 convolution, which no algorithm but the direct one can do: its cells are those of the image."""
    g = conv_pool2d_geometry((1, 3, 4, 1), (1, 1, 1, 1), pool_padding="same")
    x = np.array([[1, 5, 3, 3], [5, 5, np.nan, 2], [-1, -1, np.nan, np.nan]], np.float32).reshape(g.conv.in_shape)
    operands = x, np.ones((1, 1, 1, 1), np.float32), None, 0.5
    y, argmax = kernels.conv2d_pool_forward(g, "leaky_relu", *operands)
    np.testing.assert_array_equal(y.ravel(), [5, np.nan, -0.5, np.nan])
    np.testing.assert_array_equal(kernels.conv2d_pool_forward(g, "leaky_relu", *operands, False)[0], y)
    np.testing.assert_array_equal(argmax.ravel(), [1, 2, 0, 0])
