"""The gradients of convolution with pooling that never unpool: every instruction set against float64 NumPy, for any argmax."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinycnn import config
from tinycnn.geometry import ConvPool2dGeometry, conv_pool2d_geometry
from tinycnn.kernels import native, numpy_ref

try:
    KERNELS = native.load()
except native.BackendError:
    pytest.skip("the C backend is not built", allow_module_level=True)

ORACLE = numpy_ref.load()
ALPHA = 0.3
#: RMS of the error, relative to that of the result.
TOLERANCE = {np.float32: 1e-6, np.float64: 2e-15}
NEEDS = (True, True, True)

#: (batch, height, width, channels), kernel size, filters, padding of the convolution, padding of the pooling
CASES = {
    "the tutorial's first block": ((3, 28, 28, 1), 3, 32, "same", "same"),
    "the tutorial's second block": ((3, 14, 14, 32), 3, 64, "same", "same"),
    "the tutorial's third block": ((5, 7, 7, 64), 3, 128, "same", "same"),
    "bands of a large image": ((1, 45, 61, 32), 3, 16, "same", "valid"),
    "shares of unequal length": ((37, 6, 5, 20), 3, 9, "same", "same"),
    "more than one set of output channels": ((2, 6, 6, 8), 3, 150, "valid", "valid"),
    "a vector and one channel": ((2, 9, 8, 17), 3, 33, "valid", "same"),
    "a last row and column without windows": ((2, 9, 11, 16), 3, 24, "valid", "valid"),
    "colours": ((2, 12, 10, 3), 3, 37, "same", "same"),
    "two channels, and filters that fill no vector": ((40, 9, 8, 2), 3, 21, "same", "same"),
    "all the padding there may be": ((2, 5, 6, 18), 3, 12, ((2, 2), (2, 2)), "same"),
    "more padding than taps": ((2, 5, 4, 18), 3, 12, ((4, 0), (0, 5)), "valid"),
    "5x5": ((3, 14, 14, 16), 5, 32, "valid", "valid"),
    "5x5 of one channel": ((3, 13, 12, 1), 5, 6, "same", "same"),
    "5x5 of many channels": ((2, 8, 9, 70), 5, 20, "same", "same"),
}


@pytest.fixture(autouse=True)
def settings_restored():
    level, threads, algorithm = native.isa(), native.get_num_threads(), config.conv_algorithm()
    config.set_conv_algorithm("direct")  # else Winograd's algorithm is taken where it is faster
    yield
    native.set_isa(level)
    native.set_num_threads(threads)
    config.set_conv_algorithm(algorithm)


@pytest.fixture(params=native.isas())
def level(request):
    native.set_isa(request.param)


def geometry_of(case: str) -> ConvPool2dGeometry:
    x_shape, kernel, filters, padding, pool_padding = CASES[case]
    return conv_pool2d_geometry(x_shape, (kernel, kernel, x_shape[-1], filters), padding=padding, pool_padding=pool_padding)


def operands(g: ConvPool2dGeometry, dtype, seed: int = 0):
    """x, w, y, argmax, dy; argmax is any cell that lies on the image."""
    random = np.random.default_rng(seed)
    x, w, y, dy = (random.standard_normal(s).astype(dtype) for s in (g.conv.in_shape, g.conv.kernel_shape, g.out_shape, g.out_shape))
    row, column = random.integers(0, 2, (2, *g.out_shape), dtype=np.uint8)
    below = 2 * np.arange(g.pool.out_h).reshape(1, -1, 1, 1) + row < g.pool.in_h
    right = 2 * np.arange(g.pool.out_w).reshape(1, 1, -1, 1) + column < g.pool.in_w
    return x, w, y, row * below * np.uint8(2) + column * right, dy


def gradients(kernels, g: ConvPool2dGeometry, kind: str, x, w, y, argmax, dy):
    return kernels.conv2d_pool_backward(g, kind, x, w, y, argmax, dy, ALPHA, NEEDS)


def check(g: ConvPool2dGeometry, kind: str, dtype, seed: int = 0) -> None:
    arrays = operands(g, dtype, seed)
    exact = [a.astype(np.float64) if a.dtype == dtype else a for a in arrays]
    for name, got, want in zip(("dx", "dw", "db"), gradients(KERNELS, g, kind, *arrays), gradients(ORACLE, g, kind, *exact), strict=True):
        assert got.dtype == dtype
        assert np.linalg.norm(got - want) <= TOLERANCE[dtype] * np.linalg.norm(want), name


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_gradients(level, case, dtype):
    check(geometry_of(case), "leaky_relu", dtype)


@pytest.mark.parametrize("kind", ["linear", "relu"])
def test_other_activations(level, kind):
    check(geometry_of("a vector and one channel"), kind, np.float32)


@given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 15), st.integers(1, 15)),
    channels=st.integers(1, 40),
    filters=st.integers(1, 80),
    kernel=st.sampled_from([3, 5]),
    pads=st.tuples(*[st.integers(0, 4)] * 4),
    pool_padding=st.sampled_from(["same", "valid"]),
    dtype=st.sampled_from(list(TOLERANCE)),
    seed=st.integers(0, 99),
)
def test_any_shape(size, channels, filters, kernel, pads, pool_padding, dtype, seed):
    top, bottom, left, right = pads
    batch, height, width = size
    shape = batch, max(height, kernel + 1 - top - bottom), max(width, kernel + 1 - left - right), channels
    padding = ((top, bottom), (left, right))
    g = conv_pool2d_geometry(shape, (kernel, kernel, channels, filters), padding=padding, pool_padding=pool_padding)
    check(g, "leaky_relu", dtype, seed)


@pytest.mark.parametrize("case", CASES)
def test_same_bytes_for_any_number_of_threads(case):
    g = geometry_of(case)
    arrays = operands(g, np.float32)
    results = []
    for threads in (1, 2, 3):
        native.set_num_threads(threads)
        results.append([a.tobytes() for a in gradients(KERNELS, g, "leaky_relu", *arrays)])
    assert results[0] == results[1] == results[2]


def test_products_by_zero_are_left_out(level):
    """An infinity in the kernel reaches the cells under its taps, and no others: a dense product would make NaNs of the zeros."""
    g = geometry_of("the tutorial's second block")
    x, w, y, argmax, dy = operands(g, np.float32)
    w[1, 1, :, 5] = np.inf
    argmax[..., 5] = 0
    dy[..., 5] = 1
    dx = gradients(KERNELS, g, "linear", x, w, y, argmax, dy)[0]
    reached = np.zeros(dx.shape, bool)
    reached[:, ::2, ::2] = True
    np.testing.assert_array_equal(np.isposinf(dx), reached)
    np.testing.assert_array_equal(np.isfinite(dx), ~reached)


@pytest.mark.parametrize("case", ["the tutorial's first block", "the tutorial's second block", "5x5 of one channel"])
def test_scratch_is_given_back(level, case):
    g = geometry_of(case)
    before = native.allocator_stats()["bytes_in_use"]
    gradients(KERNELS, g, "leaky_relu", *operands(g, np.float32))
    assert native.allocator_stats()["bytes_in_use"] == before
