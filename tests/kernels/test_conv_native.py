"""The C convolution and matrix product where their own paths fork: units and bands, phases, panels, blocks of k, shares, threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinycnn.geometry import Conv2dGeometry, conv2d_geometry
from tinycnn.kernels import native, numpy_ref

try:
    KERNELS = native.load()
except native.BackendError:
    pytest.skip("the C backend is not built", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("direct_convolution")

ORACLE = numpy_ref.load()
#: Relative to the sum of the absolute values of what is added up.
TOLERANCE = {np.float32: 1e-6, np.float64: 2e-15}
DTYPES = [np.float32, np.float64]

#: What the plan does with each: (x shape, kernel shape, other arguments of `conv2d_geometry`).
CASES = {
    "one input channel": ((3, 28, 28, 1), (3, 3, 1, 32), {"padding": "same"}),
    "tiles across the ends of rows and images": ((9, 7, 7, 16), (3, 3, 16, 64), {"padding": "same"}),
    "several images to a unit, the last unit short": ((37, 2, 2, 24), (2, 2, 24, 20), {"padding": "same"}),
    "bands of rows, the last band short": ((1, 37, 29, 5), (3, 3, 5, 9), {"padding": "same"}),
    "bands aligned to the stride": ((1, 45, 31, 3), (3, 5, 3, 8), {"strides": (3, 2), "padding": ((4, 1), (0, 3))}),
    "several blocks of k": ((2, 5, 5, 300), (3, 3, 300, 10), {"padding": "same"}),
    "runs longer than one block": ((1, 4, 4, 2100), (1, 1, 2100, 3), {}),
    "several panels, few units": ((1, 4, 4, 8), (3, 3, 8, 150), {"padding": "same"}),
    "a plain source": ((2, 9, 9, 33), (1, 1, 33, 65), {}),
    "a plain strided source": ((2, 9, 9, 17), (1, 1, 17, 12), {"strides": 2}),
    "taps that skip result cells": ((2, 11, 10, 6), (2, 1, 6, 7), {"strides": (4, 3)}),
    "dilation that meets the stride": ((2, 13, 13, 6), (3, 3, 6, 7), {"strides": 2, "dilation_rate": 2, "padding": "same"}),
    "padding beyond the kernel": ((2, 3, 4, 5), (2, 2, 5, 6), {"padding": ((5, 2), (0, 7)), "strides": (2, 1)}),
    "a stride beyond the image": ((2, 6, 6, 3), (3, 3, 3, 4), {"strides": 1000, "padding": 1}),
    "a kernel as large as the image": ((5, 6, 6, 7), (6, 6, 7, 18), {}),
    "groups": ((3, 8, 8, 12), (3, 3, 4, 51), {"padding": "same"}),
    "depthwise": ((3, 9, 9, 37), (3, 3, 1, 37), {"padding": "same", "groups": 37}),
    "depthwise, several results per channel": ((2, 9, 8, 11), (5, 3, 1, 33), {"padding": "same", "strides": (1, 2), "groups": 11}),
    "depthwise, blocks of one channel": ((3, 16, 3, 3), (3, 1, 1, 9), {"strides": (4, 3), "dilation_rate": (3, 1), "groups": 3}),
    "no images": ((0, 6, 6, 4), (3, 3, 4, 5), {}),
}


@pytest.fixture(params=native.isas())
def level(request):
    before = native.isa()
    native.set_isa(request.param)
    assert native.isa() == request.param
    yield request.param
    native.set_isa(before)


def products(kernels, g: Conv2dGeometry, x, w, b, dy):
    return [kernels.conv2d_forward(g, x, w, b), kernels.conv2d_backward_input(g, dy, w), kernels.conv2d_backward_kernel(g, x, dy)]


def operands(g: Conv2dGeometry, dtype, seed: int = 0):
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape).astype(dtype) for shape in (g.in_shape, g.kernel_shape, (g.out_channels,), g.out_shape)]


def assert_products(g: Conv2dGeometry, dtype, seed: int = 0) -> None:
    arrays = operands(g, dtype, seed)
    exact = [a.astype(np.float64) for a in arrays]
    want, scale = products(ORACLE, g, *exact), products(ORACLE, g, *map(np.abs, exact))
    for name, got, right, bound in zip(("y", "dx", "dw"), products(KERNELS, g, *arrays), want, scale, strict=True):
        assert got.shape == right.shape, name
        assert np.all(np.abs(got - right) <= TOLERANCE[dtype] * bound), f"{name} of {g}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_every_path(level, case, dtype):
    x_shape, kernel_shape, rest = CASES[case]
    assert_products(conv2d_geometry(x_shape, kernel_shape, **rest), dtype)


@given(data=st.data(), seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(DTYPES), isa=st.sampled_from(native.isas()))
def test_random_geometries(data, seed, dtype, isa):
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    groups = data.draw(st.sampled_from([1, 1, 2, 5]))
    channels, out = (data.draw(st.integers(1, n)) for n in (20, 70))
    padding = data.draw(st.one_of(st.sampled_from(["same", "valid"]), st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 4))] * 2)))
    kernel, strides, dilation = data.draw(pair), data.draw(pair), data.draw(pair)
    height, width = (data.draw(st.integers((k - 1) * d + 1, 20)) for k, d in zip(kernel, dilation, strict=True))
    x_shape = (data.draw(st.integers(1, 5)), height, width, channels * groups)
    g = conv2d_geometry(x_shape, (*kernel, channels, out * groups), strides=strides, padding=padding, dilation_rate=dilation, groups=groups)
    before = native.isa()
    native.set_isa(isa)
    try:
        assert_products(g, dtype, seed)
    finally:
        native.set_isa(before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("m", "n", "k"),
    [
        (1, 130, 77),
        (24, 129, 40),
        (25, 16, 1100),
        (64, 10, 128),
        (200, 333, 65),
        (3, 5, 0),
        (700, 1, 9),
        (50, 611, 300),  # the second operand is packed piece by piece, the last panel of a chunk with fewer columns
        (193, 611, 300),
        (30, 130, 2100),  # and its sums are cut in parts
        (9, 70, 2500),
        (900, 37, 61),  # a short sum over rows
        (900, 37, 257),
    ],
)
@pytest.mark.parametrize(("transpose_a", "transpose_b"), [(False, False), (True, False), (False, True), (True, True)])
def test_matmul(level, m, n, k, transpose_a, transpose_b, dtype):
    random = np.random.default_rng(0)
    a = random.standard_normal((k, m) if transpose_a else (m, k)).astype(dtype)
    b = random.standard_normal((n, k) if transpose_b else (k, n)).astype(dtype)
    got = KERNELS.matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    a, b = (a.T if transpose_a else a).astype(np.float64), (b.T if transpose_b else b).astype(np.float64)
    assert got.shape == (m, n)
    assert np.all(np.abs(got - a @ b) <= TOLERANCE[dtype] * (np.abs(a) @ np.abs(b)))


@pytest.mark.parametrize(
    "case",
    [
        "tiles across the ends of rows and images",
        "bands aligned to the stride",
        "several panels, few units",
        "groups",
        "depthwise, several results per channel",
    ],
)
def test_same_bytes_for_any_number_of_threads(level, case):
    x_shape, kernel_shape, rest = CASES[case]
    g = conv2d_geometry(x_shape, kernel_shape, **rest)
    arrays = operands(g, np.float32)
    before = native.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3, 5):
            native.set_num_threads(threads)
            results.append([r.tobytes() for r in products(KERNELS, g, *arrays)])
    finally:
        native.set_num_threads(before)
    assert all(r == results[0] for r in results)


def test_nan_stays_where_it_is(level):
    g = conv2d_geometry((1, 8, 8, 3), (3, 3, 3, 17), padding="same")
    x, w, b, _ = operands(g, np.float32)
    x[0, 0, 0, 0] = np.nan
    bad = np.isnan(KERNELS.conv2d_forward(g, x, w, b)).any(axis=(0, 3))
    assert bad[:2, :2].all()
    assert bad.sum() == 4
