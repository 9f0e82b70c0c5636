"""Winograd's convolution, forced: forward, both gradients, and with pooling, against float64 NumPy."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinycnn import config
from tinycnn.geometry import Conv2dGeometry, ConvPool2dGeometry, conv2d_geometry, conv_pool2d_geometry
from tinycnn.kernels import native, numpy_ref

try:
    KERNELS = native.load()
except native.BackendError:
    pytest.skip("the C backend is not built", allow_module_level=True)

ORACLE = numpy_ref.load()
ALGORITHMS = ["winograd2", "winograd4"]
DTYPES = [np.float32, np.float64]
#: RMS of the error, relative to that of the result.
TOLERANCE = {
    ("winograd2", np.float32): 1e-6,
    ("winograd4", np.float32): 2e-6,
    ("winograd2", np.float64): 3e-15,
    ("winograd4", np.float64): 3e-15,
}
#: The largest error, relative to the largest that the sum of as many independent products could well be.
BOUND = {np.float32: 1e-6, np.float64: 2e-15}

#: (batch, height, width, channels), filters, padding
CASES = {
    "whole tiles": ((2, 8, 8, 16), 32, "same"),
    "the tutorial's second block": ((3, 14, 14, 32), 64, "same"),
    "the tutorial's third block": ((5, 7, 7, 64), 128, "same"),
    "last tiles of 1, 2 and 3 results": ((2, 9, 10, 20), 31, "same"),
    "an image smaller than a tile": ((6, 3, 2, 24), 16, "same"),
    "a single row": ((4, 1, 19, 9), 12, "same"),
    "no padding": ((3, 12, 7, 33), 17, "valid"),
    "uneven padding": ((2, 6, 9, 18), 40, ((0, 2), (1, 0))),
    "all the padding there may be": ((1, 5, 6, 10), 21, ((2, 2), (2, 2))),
    "one channel": ((4, 11, 11, 1), 1, "same"),
    "many channels": ((1, 6, 6, 200), 150, "same"),
    "hundreds of channels": ((1, 8, 8, 512), 40, "same"),
    "several chunks of tiles, the last one short": ((1, 57, 61, 5), 7, "same"),
    "a row of tiles longer than a chunk": ((1, 4, 203, 6), 5, "same"),
    "many tiles, in halves, and panels": ((11, 30, 31, 40), 50, "valid"),
}


@pytest.fixture(autouse=True)
def settings_restored():
    level, threads, algorithm = native.isa(), native.get_num_threads(), config.conv_algorithm()
    yield
    native.set_isa(level)
    native.set_num_threads(threads)
    config.set_conv_algorithm(algorithm)


@pytest.fixture(params=native.isas())
def level(request):
    native.set_isa(request.param)


@pytest.fixture(params=ALGORITHMS)
def algorithm(request):
    config.set_conv_algorithm(request.param)
    return request.param


def geometry_of(case: str) -> Conv2dGeometry:
    x_shape, filters, padding = CASES[case]
    return conv2d_geometry(x_shape, (3, 3, x_shape[-1], filters), padding=padding)


def operands(g: Conv2dGeometry, dtype, seed: int = 0):
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape).astype(dtype) for shape in (g.in_shape, g.kernel_shape, (g.out_channels,), g.out_shape)]


def products(kernels, g: Conv2dGeometry, x, w, b, dy):
    return [kernels.conv2d_forward(g, x, w, b), kernels.conv2d_backward_input(g, dy, w), kernels.conv2d_backward_kernel(g, x, dy)]


def rms(a: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(a, dtype=np.float64))))


def cells(g: ConvPool2dGeometry, z: np.ndarray) -> np.ndarray:
    """z (N, OH, OW, O) -> (N, PH, PW, O, 4): the cells of each window, -inf beyond the image."""
    n, ph, pw, o = g.out_shape
    padded = np.full((n, 2 * ph, 2 * pw, o), -np.inf)
    z = z[:, : 2 * ph, : 2 * pw]
    padded[:, : z.shape[1], : z.shape[2]] = z
    return padded.reshape(n, ph, 2, pw, 2, o).transpose(0, 1, 3, 5, 2, 4).reshape(n, ph, pw, o, 4)


def activated(kind: str, z: np.ndarray, alpha: float) -> np.ndarray:
    return np.where(z > 0, z, {"linear": 1, "relu": 0, "leaky_relu": alpha}[kind] * z)


# ---- without pooling
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_products(level, algorithm, case, dtype):
    g = geometry_of(case)
    arrays = operands(g, dtype)
    want = products(ORACLE, g, *(a.astype(np.float64) for a in arrays))
    for name, got, right in zip(("y", "dx", "dw"), products(KERNELS, g, *arrays), want, strict=True):
        assert rms(got - right) <= TOLERANCE[algorithm, dtype] * rms(right), name


@given(
    size=st.tuples(st.integers(0, 4), st.integers(1, 13), st.integers(1, 13)),
    channels=st.integers(1, 40),
    filters=st.integers(1, 70),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
    seed=st.integers(0, 99),
    which=st.sampled_from(ALGORITHMS),
    dtype=st.sampled_from(DTYPES),
)
def test_any_shape(size, channels, filters, pads, seed, which, dtype):
    top, bottom, left, right = pads
    batch, height, width = size
    shape = batch, max(height, 3 - top - bottom), max(width, 3 - left - right), channels
    g = conv2d_geometry(shape, (3, 3, channels, filters), padding=((top, bottom), (left, right)))
    arrays = operands(g, dtype, seed)
    exact = [a.astype(np.float64) for a in arrays]
    config.set_conv_algorithm(which)
    x, w, _, dy = (np.abs(a).max(initial=0) for a in arrays)
    scales = np.sqrt(9 * channels) * x * w, np.sqrt(9 * filters) * dy * w, np.sqrt(9 + g.batch * g.out_h * g.out_w) * x * dy
    for got, want, scale in zip(products(KERNELS, g, *arrays), products(ORACLE, g, *exact), scales, strict=True):
        assert np.abs(got - want).max(initial=0) <= BOUND[dtype] * scale


@pytest.mark.parametrize("case", ["whole tiles", "last tiles of 1, 2 and 3 results"])
def test_it_is_not_the_direct_sum(level, case):
    """Else the other tests would say nothing."""
    g = geometry_of(case)
    arrays = operands(g, np.float32)
    results = {}
    for name in ("direct", *ALGORITHMS):
        config.set_conv_algorithm(name)
        results[name] = [a.tobytes() for a in products(KERNELS, g, *arrays)]
    for of_product in zip(*results.values(), strict=True):
        assert len(set(of_product)) == 3


def test_without_bias(level, algorithm):
    g = geometry_of("no padding")
    x, w, b, _ = operands(g, np.float64)
    np.testing.assert_allclose(KERNELS.conv2d_forward(g, x, w, None) + b, KERNELS.conv2d_forward(g, x, w, b), rtol=0, atol=1e-13)


# ---- with pooling
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pool_padding", ["same", "valid"])
@pytest.mark.parametrize("case", [case for case, (shape, _, _) in CASES.items() if min(shape[1:3]) > 1])
def test_pooled(level, algorithm, case, pool_padding, dtype):
    (x_shape, filters, padding), kind = CASES[case], ["linear", "relu", "leaky_relu"][len(case) % 3]
    g = conv_pool2d_geometry(x_shape, (3, 3, x_shape[-1], filters), padding=padding, pool_padding=pool_padding)
    x, w, b, _ = operands(g.conv, dtype)
    y, argmax = KERNELS.conv2d_pool_forward(g, kind, x, w, b, 0.3)
    z = cells(g, ORACLE.conv2d_forward(g.conv, *(a.astype(np.float64) for a in (x, w, b))))
    want = activated(kind, z.max(axis=-1), 0.3)
    chosen = np.take_along_axis(z, argmax[..., None].astype(np.intp), axis=-1)[..., 0]
    limit = TOLERANCE[algorithm, dtype]
    assert rms(y - want) <= limit * rms(want)
    assert rms(z.max(axis=-1) - chosen) <= limit * rms(want)  # the maximum itself, or one that rounding made as large
    assert np.mean(chosen == z.max(axis=-1)) > 0.999


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pool_padding", ["same", "valid"])
@pytest.mark.parametrize(
    "case",
    [
        "the tutorial's third block",
        "last tiles of 1, 2 and 3 results",
        "an image smaller than a tile",
        "no padding",
        "many channels",
        "many tiles, in halves, and panels",
    ],
)
def test_pooled_gradients(level, algorithm, case, pool_padding, dtype):
    """The same sums as without pooling, of a gradient that is mostly zero."""
    x_shape, filters, padding = CASES[case]
    g = conv_pool2d_geometry(x_shape, (3, 3, x_shape[-1], filters), padding=padding, pool_padding=pool_padding)
    x, w, _, _ = operands(g.conv, dtype)
    random = np.random.default_rng(1)
    y, dy = (random.standard_normal(g.out_shape).astype(dtype) for _ in range(2))
    argmax = random.integers(0, 4, g.out_shape, dtype=np.uint8)
    got = KERNELS.conv2d_pool_backward(g, "leaky_relu", x, w, y, argmax, dy, 0.3, (True, True, True))
    exact = [a.astype(np.float64) for a in (x, w, y, dy)]
    want = ORACLE.conv2d_pool_backward(g, "leaky_relu", *exact[:3], argmax, exact[3], 0.3, (True, True, True))
    for name, left, right in zip(("dx", "dw", "db"), got, want, strict=True):
        assert rms(left - right) <= TOLERANCE[algorithm, dtype] * rms(right), name


def test_ties_that_do_not_round_go_to_the_first(level, algorithm):
    g = conv_pool2d_geometry((2, 7, 6, 5), (3, 3, 5, 18), padding="same", pool_padding="same")
    x, w, b, _ = operands(g.conv, np.float32)
    y, argmax = KERNELS.conv2d_pool_forward(g, "leaky_relu", np.zeros_like(x), w, b, 0.3)
    assert not argmax.any()
    assert np.array_equal(y, np.broadcast_to(np.where(b > 0, b, np.float32(0.3) * b), y.shape))


def test_a_nan_is_seen(level, algorithm):
    g = conv_pool2d_geometry((3, 8, 8, 5), (3, 3, 5, 18), padding="same", pool_padding="same")
    x, w, b, _ = operands(g.conv, np.float32)
    x[1, 2, 5, 3] = np.nan
    for kind in ("linear", "relu", "leaky_relu"):
        y, _ = KERNELS.conv2d_pool_forward(g, kind, x, w, b, 0.3)
        np.testing.assert_array_equal(KERNELS.conv2d_pool_forward(g, kind, x, w, b, 0.3, False)[0], y)
        assert np.isnan(y[1, 0:2, 2:4]).all()
        assert not np.isnan(y[[0, 2]]).any()


# ---- threads
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "case",
    [
        "many channels",
        "several chunks of tiles, the last one short",
        "the tutorial's second block",
        "many tiles, in halves, and panels",
    ],
)
def test_the_same_bytes_for_any_number_of_threads(algorithm, case, dtype):
    x_shape, filters, padding = CASES[case]
    g = conv_pool2d_geometry(x_shape, (3, 3, x_shape[-1], filters), padding=padding, pool_padding="same")
    x, w, b, dy = operands(g.conv, dtype)

    def run(threads: int):
        native.set_num_threads(threads)
        results = [*products(KERNELS, g.conv, x, w, b, dy), *KERNELS.conv2d_pool_forward(g, "relu", x, w, b, 0.0)]
        return [result.tobytes() for result in results]

    assert run(1) == run(2) == run(3)


# ---- taps that are kept from one prediction to the next
FEW = ((1, 8, 8, 48), (3, 3, 48, 64))


def kept(g: Conv2dGeometry, x, w):
    return KERNELS.conv2d_forward(g, x, w, None)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_kernel_that_changed_in_place_is_noticed(level, algorithm, dtype):
    g = conv2d_geometry(*FEW, padding="same")
    x, w, _, _ = operands(g, dtype)
    first = kept(g, x, w)
    assert np.array_equal(kept(g, x, w), first)
    w[2, 2, 47, 63] += 1
    changed = kept(g, x, w)
    assert np.array_equal(changed, kept(g, x, w.copy()))
    assert not np.array_equal(changed, first)


def test_another_level_or_algorithm_makes_its_own(level):
    g = conv2d_geometry(*FEW, padding="same")
    x, w, _, _ = operands(g, np.float32)
    want = ORACLE.conv2d_forward(g, *(a.astype(np.float64) for a in (x, w)), None)
    for which in ("winograd4", "winograd2", "auto", "winograd4"):
        config.set_conv_algorithm(which)
        for isa in native.isas():
            native.set_isa(isa)
            assert rms(kept(g, x, w) - want) <= 2e-6 * rms(want)


def test_taps_are_forgotten_with_their_kernel(algorithm):
    g = conv2d_geometry(*FEW, padding="same")
    x, w, _, _ = operands(g, np.float32)
    kept(g, x, w)
    with_taps = native.allocator_stats()["bytes_in_use"]
    del w
    assert native.allocator_stats()["bytes_in_use"] < with_taps


def test_a_write_while_taps_are_made_is_noticed_afterwards(algorithm):
    g = conv2d_geometry((1, 4, 4, 256), (3, 3, 256, 256), padding="same")
    x, w, _, _ = operands(g, np.float32)
    stale = 0
    for trial in range(25):
        writer = threading.Timer(0.0004 * (trial % 5), np.multiply, (w, np.float32(1.001)), {"out": w})  # NumPy lets go of the GIL
        writer.start()
        while writer.is_alive():
            w[0, 0, 0, 0] += 1
            kept(g, x, w)
        writer.join()
        stale += not np.array_equal(kept(g, x, w), kept(g, x, w.copy()))
    assert not stale
