"""Convolution and matrix product: every backend against float64 NumPy, and float64 NumPy against loops written from the formula."""

from __future__ import annotations

import itertools
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinycnn.errors import ArgumentError
from tinycnn.geometry import Conv2dGeometry, conv2d_geometry
from tinycnn.kernels.spec import Activation

pytestmark = pytest.mark.usefixtures("direct_convolution")

SEEDS = st.integers(0, 2**32 - 1)
DTYPES = st.sampled_from([np.float32, np.float64])
KINDS = st.sampled_from(get_args(Activation))
#: Allowed error, relative to the sum of the absolute values of what is added up.
TOLERANCE = {np.float32: 2e-6, np.float64: 4e-15}


@st.composite
def geometries(draw: st.DrawFn, largest: int = 12, channels: int = 40) -> Conv2dGeometry:
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, strides, dilation = draw(st.tuples(st.integers(1, 4), st.integers(1, 4))), draw(pair), draw(pair)
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    per_group, out_per_group = (draw(st.integers(1, max(1, channels // groups))) for _ in range(2))
    if draw(st.booleans()) and groups > 1:
        per_group = out_per_group = 1  # depthwise
    padding = draw(st.sampled_from(["same", "valid", "explicit"]))
    if padding == "explicit":
        side = st.tuples(st.integers(0, 3), st.integers(0, 3))
        padding = draw(st.tuples(side, side))
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = [draw(st.integers(least, max(least, largest))) for least in extent]
    shape = (draw(st.integers(0, 3)), *size, per_group * groups)
    kernel_shape = (*kernel, per_group, out_per_group * groups)
    return conv2d_geometry(shape, kernel_shape, strides=strides, padding=padding, dilation_rate=dilation, groups=groups)


def operands(g: Conv2dGeometry, seed: int, dtype=np.float64):
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape).astype(dtype) for shape in (g.in_shape, g.kernel_shape, (g.out_channels,), g.out_shape)]


def assert_close(got, want, scale, dtype):
    assert got.dtype == dtype
    assert got.flags.c_contiguous
    np.testing.assert_array_less(np.abs(got - want), TOLERANCE[dtype] * scale + 1e-300, strict=False)


def wide(*arrays):
    """The same values in float64, and their absolute values."""
    return [a.astype(np.float64) for a in arrays], [np.abs(a).astype(np.float64) for a in arrays]


# ---------------------------------------------------------------------------------------------------- the oracle itself
def taps(g: Conv2dGeometry):
    """(n, i, j, o, h, w, c, u, v) for every product of the formula whose input cell is not padding."""
    per_group, out_per_group = g.in_channels // g.groups, g.out_channels // g.groups
    cells = itertools.product(*map(range, (*g.out_shape, g.kernel_h, g.kernel_w, per_group)))
    for n, i, j, o, u, v, c in cells:
        h, w = i * g.stride_h + u * g.dilation_h - g.pad_top, j * g.stride_w + v * g.dilation_w - g.pad_left
        if 0 <= h < g.in_h and 0 <= w < g.in_w:
            yield n, i, j, o, h, w, c + o // out_per_group * per_group, u, v, c


@given(g=geometries(largest=5, channels=4), seed=SEEDS)
def test_the_oracle_is_the_formula(oracle, g, seed):
    x, w, b, dy = operands(g, seed)
    y, dx, dw = np.tile(b, (*g.out_shape[:3], 1)), np.zeros(g.in_shape), np.zeros(g.kernel_shape)
    for n, i, j, o, row, column, channel, u, v, c in taps(g):
        y[n, i, j, o] += x[n, row, column, channel] * w[u, v, c, o]
        dx[n, row, column, channel] += dy[n, i, j, o] * w[u, v, c, o]
        dw[u, v, c, o] += dy[n, i, j, o] * x[n, row, column, channel]
    np.testing.assert_allclose(oracle.conv2d_forward(g, x, w, b), y, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(oracle.conv2d_backward_input(g, dy, w), dx, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(oracle.conv2d_backward_kernel(g, x, dy), dw, rtol=1e-12, atol=1e-12)


# ---------------------------------------------------------------------------------------------------- every backend
def test_by_hand(kernels):
    g = conv2d_geometry((1, 2, 3, 1), (2, 2, 1, 1))
    x = np.array([[1, 2, 3], [4, 5, 6]], np.float32).reshape(g.in_shape)
    w = np.array([[1, 10], [100, 1000]], np.float32).reshape(g.kernel_shape)
    y = kernels.conv2d_forward(g, x, w, np.array([0.5], np.float32))
    np.testing.assert_array_equal(y.ravel(), [5421.5, 6532.5])
    dy = np.array([1, 2], np.float32).reshape(g.out_shape)
    np.testing.assert_array_equal(kernels.conv2d_backward_input(g, dy, w).ravel(), [1, 12, 20, 100, 1200, 2000])
    np.testing.assert_array_equal(kernels.conv2d_backward_kernel(g, x, dy).ravel(), [5, 8, 14, 17])


@given(g=geometries(), seed=SEEDS, dtype=DTYPES, bias=st.booleans())
def test_forward(kernels, oracle, g, seed, dtype, bias):
    x, w, b, _ = operands(g, seed, dtype)
    (x64, w64, b64), (x_abs, w_abs, b_abs) = wide(x, w, b)
    want = oracle.conv2d_forward(g, x64, w64, b64 if bias else None)
    assert_close(kernels.conv2d_forward(g, x, w, b if bias else None), want, oracle.conv2d_forward(g, x_abs, w_abs, b_abs), dtype)


@given(g=geometries(), seed=SEEDS, dtype=DTYPES)
def test_backward_input(kernels, oracle, g, seed, dtype):
    _, w, _, dy = operands(g, seed, dtype)
    (w64, dy64), (w_abs, dy_abs) = wide(w, dy)
    want, scale = oracle.conv2d_backward_input(g, dy64, w64), oracle.conv2d_backward_input(g, dy_abs, w_abs)
    assert_close(kernels.conv2d_backward_input(g, dy, w), want, scale, dtype)


@given(g=geometries(), seed=SEEDS, dtype=DTYPES)
def test_backward_kernel(kernels, oracle, g, seed, dtype):
    x, _, _, dy = operands(g, seed, dtype)
    (x64, dy64), (x_abs, dy_abs) = wide(x, dy)
    want, scale = oracle.conv2d_backward_kernel(g, x64, dy64), oracle.conv2d_backward_kernel(g, x_abs, dy_abs)
    assert_close(kernels.conv2d_backward_kernel(g, x, dy), want, scale, dtype)


@given(g=geometries(), seed=SEEDS)
def test_gradients_are_the_adjoints(kernels, g, seed):
    """<dy, conv(x, w)> = <dx, x> = <dw, w>: needs no oracle."""
    x, w, _, dy = operands(g, seed)
    y = kernels.conv2d_forward(g, x, w, None)
    expected, slack = np.vdot(dy, y), 1e-12 * (1 + np.abs(dy * y).sum())
    assert abs(np.vdot(kernels.conv2d_backward_input(g, dy, w), x) - expected) <= slack
    assert abs(np.vdot(kernels.conv2d_backward_kernel(g, x, dy), w) - expected) <= slack


@pytest.mark.parametrize(
    ("shape", "kernel_shape", "options"),
    [
        ((2, 28, 28, 1), (3, 3, 1, 32), {"padding": "same"}),
        ((2, 14, 14, 32), (3, 3, 32, 64), {"padding": "same"}),
        ((2, 7, 7, 64), (3, 3, 64, 128), {"padding": "same"}),
        ((1, 9, 9, 48), (3, 3, 1, 48), {"padding": "same", "groups": 48}),
        ((1, 9, 9, 24), (3, 3, 1, 48), {"padding": "same", "groups": 24}),
        ((2, 8, 8, 70), (1, 1, 70, 130), {}),
        ((1, 15, 15, 3), (7, 7, 3, 65), {"strides": 2, "padding": 3}),
    ],
)
def test_layers_of_real_networks(kernels, oracle, shape, kernel_shape, options):
    g = conv2d_geometry(shape, kernel_shape, **options)
    x, w, b, dy = operands(g, 0, np.float32)
    (x64, w64, b64, dy64), (x_abs, w_abs, b_abs, dy_abs) = wide(x, w, b, dy)
    for method, narrow, exact, scale in (
        ("conv2d_forward", (x, w, b), (x64, w64, b64), (x_abs, w_abs, b_abs)),
        ("conv2d_backward_input", (dy, w), (dy64, w64), (dy_abs, w_abs)),
        ("conv2d_backward_kernel", (x, dy), (x64, dy64), (x_abs, dy_abs)),
    ):
        got = getattr(kernels, method)(g, *narrow)
        assert_close(got, getattr(oracle, method)(g, *exact), getattr(oracle, method)(g, *scale), np.float32)


@given(g=geometries(), seed=SEEDS, value=st.sampled_from([np.nan, np.inf]))
def test_nan_and_infinity_reach_exactly_what_they_contribute_to(kernels, oracle, g, seed, value):
    x, w, _, _ = operands(g, seed, np.float32)
    if x.size:
        x.flat[seed % x.size] = value
    with np.errstate(invalid="ignore"):  # NumPy warns of inf - inf
        got = kernels.conv2d_forward(g, x, w, None)
    touched = oracle.conv2d_forward(g, (~np.isfinite(x)).astype(np.float64), np.ones(g.kernel_shape), None) > 0
    np.testing.assert_array_equal(np.isfinite(got), ~touched)


@given(
    sizes=st.tuples(*[st.integers(0, 70)] * 3), transpose_a=st.booleans(), transpose_b=st.booleans(), seed=SEEDS, dtype=DTYPES
)  # fmt: skip
def test_matmul(kernels, oracle, sizes, transpose_a, transpose_b, seed, dtype):
    m, k, n = sizes
    random = np.random.default_rng(seed)
    a = random.standard_normal((k, m) if transpose_a else (m, k)).astype(dtype)
    b = random.standard_normal((n, k) if transpose_b else (k, n)).astype(dtype)
    (a64, b64), (a_abs, b_abs) = wide(a, b)
    transposes = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    got = kernels.matmul(a, b, **transposes)
    assert_close(got, oracle.matmul(a64, b64, **transposes), oracle.matmul(a_abs, b_abs, **transposes), dtype)


@given(
    sizes=st.tuples(st.integers(0, 70), st.integers(0, 70), st.integers(1, 70)), kind=KINDS, bias=st.booleans(), seed=SEEDS, dtype=DTYPES
)
def test_affine(kernels, oracle, sizes, kind, bias, seed, dtype):
    m, k, n = sizes
    random = np.random.default_rng(seed)
    x, w, b = (random.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n), (n,)))
    (x64, w64, b64), (x_abs, w_abs, b_abs) = wide(x, w, b)
    got = kernels.affine_forward(kind, x, w, b if bias else None, 0.3)
    want = oracle.affine_forward(kind, x64, w64, b64 if bias else None, 0.3)
    assert_close(got, want, oracle.affine_forward("linear", x_abs, w_abs, b_abs, 0.0) + 1, dtype)


@given(
    sizes=st.tuples(st.integers(0, 70), st.integers(0, 70), st.integers(1, 70)),
    kind=KINDS,
    needs=st.tuples(*[st.booleans()] * 3),
    seed=SEEDS,
    dtype=DTYPES,
)
def test_affine_backward(kernels, oracle, sizes, kind, needs, seed, dtype):
    m, k, n = sizes
    random = np.random.default_rng(seed)
    x, w, dy = (random.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n), (m, n)))
    y = random.uniform(-1, 1, (m, n)).astype(dtype)
    (x64, w64, y64, dy64), (x_abs, w_abs, _, dy_abs) = wide(x, w, y, dy)
    got = kernels.affine_backward(kind, x, w, y, dy, 0.3, needs)
    want = oracle.affine_backward(kind, x64, w64, y64, dy64, 0.3, needs)
    terms = oracle.affine_backward("linear", x_abs, w_abs, None, 2 * dy_abs, 0.0, needs)  # no derivative is larger than 2
    for needed, array, expected, absolute in zip(needs, got, want, terms, strict=True):
        assert (array is not None) == needed
        if needed:
            assert_close(array, expected, absolute + 1, dtype)


def test_affine_backward_puts_the_gradient_of_the_weights_where_it_is_wanted(kernels):
    x, w, dy = (np.random.default_rng(1).standard_normal(shape) for shape in ((9, 5), (5, 4), (9, 4)))
    into = np.empty((5, 4))
    dx, dw, db = kernels.affine_backward("linear", x, w, None, dy, 0.0, (False, True, False), dw_into=into)
    assert dx is None
    assert db is None
    assert dw is into
    np.testing.assert_allclose(dw, x.T @ dy, rtol=1e-12, atol=1e-12)


def test_affine_backward_wants_what_the_derivative_is_read_off(kernels):
    with pytest.raises(ArgumentError, match=r"^y must be given, .* tanh"):
        kernels.affine_backward("tanh", np.ones((2, 3)), np.ones((3, 4)), None, np.ones((2, 4)), 0.0, (True, True, True))


def test_matmul_of_no_inner_cells_is_zero(kernels):
    np.testing.assert_array_equal(kernels.matmul(np.ones((2, 0)), np.ones((0, 3))), np.zeros((2, 3)))
