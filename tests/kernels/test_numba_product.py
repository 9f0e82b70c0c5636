"""The product under Numba's dense kernels: panels, tiles that are not full, runs, and sums that go on."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from tinycnn.kernels.numba_product import packed, panel_width, product

ONE_RUN = np.zeros(1, np.intp)


@pytest.mark.parametrize("order", ["C", "F"])
def test_panels_are_padded_with_zeros_and_hold_one_group_each(order):
    b = np.arange(3 * 36, dtype=np.float64).reshape(3, 36)
    width = panel_width(b)
    panels = packed(np.asarray(b, order=order), groups=2).reshape(2, -1, 3, width)
    for group in range(2):
        joined = panels[group].transpose(1, 0, 2).reshape(3, -1)
        np.testing.assert_array_equal(joined[:, :18], b[:, 18 * group : 18 * group + 18])
        assert not joined[:, 18:].any()


@pytest.mark.parametrize("rows", [0, 1, 5, 6, 13])
@pytest.mark.parametrize("columns", [1, 7, 8])
@pytest.mark.parametrize("accumulate", [False, True])
def test_only_the_rows_and_columns_asked_for_are_written(rows, columns, accumulate):
    random = np.random.default_rng(0)
    a, b = random.standard_normal((rows, 11)), random.standard_normal((11, columns))
    assert panel_width(a) == 8
    y = random.standard_normal((rows + 2, 20))
    want = y.copy()
    want[1 : rows + 1, 5 : 5 + columns] = a @ b + (y[1 : rows + 1, 5 : 5 + columns] if accumulate else 0)
    product(y.ravel(), 25, 20, a.ravel(), 0, np.arange(rows) * 11, ONE_RUN, 11, 1, packed(b), 0, 8, columns, accumulate)
    np.testing.assert_allclose(y, want, rtol=0, atol=1e-13)


def test_runs_are_walked_in_steps_of_b_in_one():
    a, b = np.arange(60.0), np.random.default_rng(0).standard_normal((6, 8))
    starts, runs = np.array([3, 0, 17]), np.array([4, 20])
    y = np.empty((3, 8))
    product(y.ravel(), 0, 8, a, 1, starts, runs, 3, 2, packed(b), 0, 8, 8, False)
    seen = 1 + starts[:, None] + np.add.outer(runs, 2 * np.arange(3)).ravel()
    np.testing.assert_allclose(y, a[seen] @ b, rtol=0, atol=1e-12)
