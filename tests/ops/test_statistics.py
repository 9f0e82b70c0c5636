"""Products, running sums, quantiles, counts: values against NumPy, gradients against differences, what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinycnn import ops
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.testing import check_grads

R = np.random.default_rng(43)
X = (R.permutation(24) + R.uniform(0.1, 0.3, 24)).reshape(2, 3, 4) / 12 - 1  # no ties
HOLES = np.where(R.uniform(size=X.shape) < 0.3, np.nan, X)
HOLES[0, 1] = np.nan
OF_AXES = ("prod", "ptp", "nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanvar", "nanstd", "nanmedian")
OF_AN_AXIS = ("cumsum", "cumprod", "nancumsum", "nancumprod")
METHODS = ("linear", "lower", "higher", "midpoint", "nearest")

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of lines that hold nothing but NaN


def data(name: str) -> np.ndarray:
    return HOLES if name.startswith("nan") else X


@pytest.mark.parametrize("name", OF_AXES)
@pytest.mark.parametrize("arguments", [{}, {"axis": 1}, {"axis": (0, -1), "keepdims": True}])
def test_reductions(name: str, arguments: dict[str, Any]) -> None:
    np.testing.assert_allclose(getattr(ops, name)(data(name), **arguments).numpy(), getattr(np, name)(data(name), **arguments), rtol=1e-10)


@pytest.mark.parametrize("name", OF_AN_AXIS)
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_running(name: str, axis: int | None) -> None:
    np.testing.assert_allclose(getattr(ops, name)(data(name), axis).numpy(), getattr(np, name)(data(name), axis), rtol=1e-10)
    check_grads(lambda x: getattr(ops, name)(x, axis), X)


@pytest.mark.parametrize("name", OF_AXES)
def test_gradients(name: str) -> None:
    check_grads(lambda x: getattr(ops, name)(x, 1), X)


@pytest.mark.parametrize("name", [name for name in (*OF_AXES, *OF_AN_AXIS) if name.startswith("nan")])
def test_nothing_flows_through_nan(name: str) -> None:
    x = ops.Tensor(np.array([1.0, np.nan, 2.0, 4.0]), requires_grad=True)
    ops.sum(getattr(ops, name)(x)).backward()
    assert np.isfinite(x.grad).all()
    assert x.grad[1] == 0


def test_dtypes() -> None:
    assert ops.prod(np.array([2, 3], np.int32)).dtype == ops.cumsum([True, True]).dtype == np.int32
    assert ops.prod(np.array([2, 3]), dtype="float32").dtype == ops.cumprod(np.array([2, 3]), dtype="float32").dtype == np.float32
    assert ops.nanmax(np.array([2, 3])).item() == 3


def test_diff() -> None:
    for n in (0, 1, 2):
        np.testing.assert_allclose(ops.diff(X, n, 1).numpy(), np.diff(X, n, 1), atol=1e-12)
    np.testing.assert_array_equal(ops.diff([True, False, False]).numpy(), [True, False])
    check_grads(lambda x: ops.diff(x, 2), X)
    with pytest.raises(ArgumentError, match="n must be an int >= 0, got -1"):
        ops.diff(X, -1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("axis", [None, 1, (0, 2)])
@pytest.mark.parametrize("q", [0.3, [0.0, 0.5, 1.0]])
def test_quantiles(method: str, axis: Any, q: Any) -> None:
    for keepdims in (False, True):
        for name, x in (("quantile", X), ("quantile", HOLES), ("nanquantile", HOLES)):
            got = getattr(ops, name)(x, q, axis, method, keepdims).numpy()
            np.testing.assert_allclose(got, getattr(np, name)(x, q, axis=axis, method=method, keepdims=keepdims), rtol=1e-10)
    check_grads(lambda x: ops.quantile(x, q, axis, method), X)


def test_percentiles() -> None:
    np.testing.assert_allclose(ops.percentile(X, [10, 90], 0).numpy(), np.percentile(X, [10, 90], 0), rtol=1e-12)
    np.testing.assert_allclose(ops.nanpercentile(HOLES, 70, 0).numpy(), np.nanpercentile(HOLES, 70, 0), rtol=1e-12)
    for q, method in ((1.5, "linear"), ([[0.5]], "linear")):
        with pytest.raises(ArgumentError, match="q must be"):
            ops.quantile(X, q, method=method)
    with pytest.raises(ArgumentError, match="method must be one of linear, lower"):
        ops.quantile(X, 0.5, method="best")
    with pytest.raises(ShapeError, match="at least one cell"):
        ops.quantile(np.zeros((0, 2)), 0.5, 0)


def test_positions_among_nan() -> None:
    x = np.array([[1, np.nan, 3], [np.nan, np.nan, np.nan], [2, 5, 4]])
    assert ops.nanargmax(x, 1).tolist() == [2, -1, 1]  # as Keras 3.15.1 has it
    assert ops.nanargmin(x, 1).tolist() == [0, -1, 0]
    assert ops.nanargmax(x).item() == 7


def test_counts() -> None:
    x = np.array([1, 2, 2, 5])
    assert ops.bincount(x).tolist() == np.bincount(x).tolist()
    assert ops.bincount(x).dtype == np.int32
    assert ops.bincount(x, minlength=8).tolist() == np.bincount(x, minlength=8).tolist()
    assert ops.bincount(np.stack([x, x * 0]), minlength=4).tolist() == [[0, 1, 2, 0, 0, 1], [4, 0, 0, 0, 0, 0]]
    assert ops.bincount(np.array([], int)).tolist() == []
    check_grads(lambda w: ops.bincount(x, w), R.standard_normal(4))
    for bins, limits in ((10, None), (4, (0, 3))):
        for got, expected in zip(ops.histogram(X, bins, limits), np.histogram(X, bins, limits), strict=True):
            np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12)
    with pytest.raises(ShapeError, match="whole numbers >= 0"):
        ops.bincount([-1])
    with pytest.raises(ShapeError, match="weights must have the shape"):
        ops.bincount([1, 2], weights=[1.0])
    with pytest.raises(ArgumentError, match="sparse must be False"):
        ops.bincount([1], sparse=True)
    with pytest.raises(ArgumentError, match="bins must be an int >= 1, got 0"):
        ops.histogram(X, 0)
    with pytest.raises(ArgumentError, match="range must be two numbers"):
        ops.histogram(X, 3, (1, 0))


def test_places_in_a_line() -> None:
    bins = np.array([0.0, 1, 2.5, 4])
    values = np.array([[0.2, 6.4, 1.0], [-3, 1.6, 4.0]])
    np.testing.assert_array_equal(ops.digitize(values, bins).numpy(), np.digitize(values, bins))
    for side in ("left", "right"):
        np.testing.assert_array_equal(ops.searchsorted(bins, values, side).numpy(), np.searchsorted(bins, values, side))
    with pytest.raises(ArgumentError, match="one axis and ascend"):
        ops.digitize(values, bins[::-1])
    with pytest.raises(ArgumentError, match="one axis and ascend"):
        ops.searchsorted(np.array([3, 1], np.uint8), 2)
    with pytest.raises(ArgumentError, match="side must be 'left' or 'right'"):
        ops.searchsorted(bins, values, "middle")


def test_extremes_with_an_initial_value() -> None:
    for name in ("max", "min"):
        for initial in (-0.5, 0.5):
            np.testing.assert_array_equal(
                getattr(ops, name)(X, 1, initial=initial).numpy(), getattr(np, name)(X, 1, initial=initial), err_msg=name
            )
        assert getattr(ops, name)(np.zeros((0, 2), np.float32), 0, initial=3.0).tolist() == [3, 3]
        check_grads(lambda x, name=name: getattr(ops, name)(x, 1, initial=0.01), X)
    with pytest.raises(ShapeError, match="at least one cell"):
        ops.max(np.zeros((0, 2)), 0)
