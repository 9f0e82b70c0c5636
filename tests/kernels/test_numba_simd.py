"""Numba's registers: each operation on both reals, beside what it replaces in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from numba import njit

from tinycnn.kernels.numba_simd import aligned_empty, keep_larger, lanes, leaky_relu, load, multiply_add, store, store_bytes, zeros

REALS = pytest.mark.parametrize("real", [np.float32, np.float64])


@njit(error_model="numpy")
def sum_of_products(y, x, factor):
    sums = load(zeros(y, 3), 1, 2, y, 1)  # begins anywhere; the first register stays zero
    for _ in range(2):
        sums = multiply_add(sums, 0, 3, x, 2, factor)
    store(sums, 0, 3, y, 1)


@REALS
def test_sums_stay_in_registers(real):
    n = 3 * lanes(np.empty(0, real))
    x, y = np.arange(n + 2, dtype=real), np.arange(100, 100 + n + 2, dtype=real)
    want = y.copy()
    want[1 : n + 1] = np.append(np.zeros(n // 3), y[1 : 2 * n // 3 + 1]) + 2 * real(0.5) * x[2:]
    sum_of_products(y, x, real(0.5))
    np.testing.assert_array_equal(y, want)


@njit(error_model="numpy")
def largest(y, places, rows, slope):
    best = load(zeros(y, 2), 0, 1, rows, 0)
    best = keep_larger(best, 0, 1, rows, lanes(y), 1)
    best = keep_larger(best, 0, 1, rows, 2 * lanes(y), 255)
    store(leaky_relu(best, 0, 1, slope), 0, 1, y, 0)
    store_bytes(best, 1, 1, places, 0)


@REALS
@pytest.mark.parametrize("slope", [0, 0.5])
def test_the_first_maximum_and_the_first_nan_win(real, slope):
    nan, inf = np.nan, np.inf
    columns = [(1, 2, 3), (2, 2, 1), (-1, -3, -1), (nan, 5, nan), (1, nan, inf), (-inf, -inf, -inf), (-inf, -2, nan), (0, -4, inf)]
    y, places = np.empty(8, real), np.empty(8, np.uint8)
    rows = np.array(columns, real).T.reshape(3, -1, lanes(y))
    for part in range(rows.shape[1]):
        at = slice(part * lanes(y), (part + 1) * lanes(y))
        largest(y[at], places[at], rows[:, part].ravel(), real(slope))
    np.testing.assert_array_equal(y, [3, 2, -slope, nan, nan, -inf if slope else 0, nan, inf])
    np.testing.assert_array_equal(places, [255, 0, 0, 0, 1, 0, 255, 255])


def test_aligned_memory():
    arrays = [aligned_empty((3, 5), np.float64) for _ in range(5)]
    assert all(a.shape == (3, 5) and a.dtype == np.float64 and a.ctypes.data % 64 == 0 and a.flags.writeable for a in arrays)
