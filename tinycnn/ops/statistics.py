"""Products and running sums, quantiles, counts, and what leaves NaN out, under the names of `keras.ops`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import config
from tinycnn.autograd.tensor import Tensor, apply
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.ops.array import get_item, moveaxis, ravel, reshape
from tinycnn.ops.convert import TensorLike, cast, convert_to_numpy, convert_to_tensor, floats, integers
from tinycnn.ops.math import Axis, argmax, argmin, divide, isnan, max, min, not_equal, sqrt, square, subtract, sum, where
from tinycnn.ops.more_arrays import take_along_axis
from tinycnn.ops.more_math import sort
from tinycnn.rules import reductions, running
from tinycnn.rules.op import normalize_axes, normalize_axis
from tinycnn.rules.shaping import Scatter

__all__ = [
    "bincount",
    "cumprod",
    "cumsum",
    "diff",
    "digitize",
    "histogram",
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmedian",
    "nanmin",
    "nanpercentile",
    "nanprod",
    "nanquantile",
    "nanstd",
    "nansum",
    "nanvar",
    "percentile",
    "prod",
    "ptp",
    "quantile",
    "searchsorted",
]


# ---- products, running sums, differences
def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: DTypeLike | None = None) -> Tensor:
    """The product over `axis` (an int, several, or None for all), in `dtype` (default: that of x; of bools int32)."""
    return apply(reductions.Prod, _counted(x, dtype), axis=axis, keepdims=keepdims)


def cumsum(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Tensor:
    """The sums of the cells up to each one along `axis` (of the flattened array if None), in `dtype` (default: that of x)."""
    return _running(running.CumSum, x, axis, dtype)


def cumprod(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Tensor:
    """The products of the cells up to each one along `axis` (of the flattened array if None), in `dtype` (default: that of x)."""
    return _running(running.CumProd, x, axis, dtype)


def _running(rule: Any, x: TensorLike, axis: int | None, dtype: DTypeLike | None) -> Tensor:
    x = _counted(x, dtype)
    found: Tensor = apply(rule, ravel(x) if axis is None else x, axis=0 if axis is None else axis)
    return found


def _counted(x: TensorLike, dtype: DTypeLike | None) -> Tensor:
    """x in `dtype`; bools as numbers."""
    x = convert_to_tensor(x, dtype)
    return cast(x, np.int32) if x.dtype.kind == "b" else x


def ptp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The maximum over `axis` minus the minimum."""
    return subtract(max(x, axis, keepdims), min(x, axis, keepdims))


def diff(a: TensorLike, n: int = 1, axis: int = -1) -> Tensor:
    """Each cell along `axis` minus the one before, n times over."""
    found = convert_to_tensor(a)
    before = (slice(None),) * normalize_axis(axis, found.ndim)
    if not isinstance(n, int) or n < 0:
        raise ArgumentError(f"n must be an int >= 0, got {n!r}")
    for _ in range(n):
        upper, lower = get_item(found, (*before, slice(1, None))), get_item(found, (*before, slice(None, -1)))
        found = subtract(upper, lower) if found.dtype.kind != "b" else not_equal(upper, lower)
    return found


# ---- quantiles
def quantile(x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """What a part q of the cells over `axis` (all cells if None) lies below; NaN where a cell is NaN.

    Args:
        q: in [0, 1], a number or a line of them, along which the result has a new first axis.
        method: what lies between two cells: "linear" interpolates, "lower", "higher", "midpoint", or the "nearest" of them.

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    values = _lines(x, axis)
    counts = np.where(np.isnan(values.data).any(axis=0), np.nan, len(values))
    return _quantile(values, counts, q, method, _kept_axes(x, axis, keepdims))


def nanquantile(x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """`quantile` of the cells that are not NaN; NaN where all are."""
    values = _lines(x, axis)
    counts = (~np.isnan(values.data)).sum(axis=0)
    return _quantile(values, np.where(counts, counts, np.nan), q, method, _kept_axes(x, axis, keepdims))


def percentile(x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """`quantile` with q from 0 to 100."""
    return quantile(x, np.asarray(convert_to_numpy(q), np.float64) / 100, axis, method, keepdims)


def nanpercentile(x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """`nanquantile` with q from 0 to 100."""
    return nanquantile(x, np.asarray(convert_to_numpy(q), np.float64) / 100, axis, method, keepdims)


def nanmedian(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The middle of the cells over `axis` that are not NaN; NaN where all are."""
    return nanquantile(x, 0.5, axis, keepdims=keepdims)


#: Which of the cells around a place count, the lower and the upper one.
_BETWEEN: dict[str, Callable[[NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]] = {
    "linear": lambda place: (np.floor(place), np.ceil(place)),
    "lower": lambda place: (np.floor(place), np.floor(place)),
    "higher": lambda place: (np.ceil(place), np.ceil(place)),
    "midpoint": lambda place: (np.floor(place), np.ceil(place)),
    "nearest": lambda place: (np.round(place), np.round(place)),
}


def _quantile(values: Tensor, counts: NDArray[Any], q: TensorLike, method: str, kept: Sequence[int]) -> Tensor:
    """The quantiles of values (cells, ...), of which the first `counts` of each sorted line count, none where that is NaN."""
    if method not in _BETWEEN:
        raise ArgumentError(f"method must be one of {', '.join(_BETWEEN)}, got {method!r}")
    parts = np.asarray(convert_to_numpy(q), np.float64)
    if parts.ndim > 1 or not ((parts >= 0) & (parts <= 1)).all():
        raise ArgumentError(f"q must be a number or a line of numbers in the range of all to no cells, got {q!r}")
    if not len(values):
        raise ShapeError("quantiles need at least one cell")
    place = np.multiply.outer(parts.ravel(), np.where(np.isnan(counts), 0, counts - 1.0))  # (q, ...)
    lower, upper = _BETWEEN[method](place)
    weight = 0.5 * (lower != upper) if method == "midpoint" else place - lower if method == "linear" else np.zeros_like(place)
    ordered = sort(values, axis=0)
    low, high = (take_along_axis(ordered, index.astype(np.intp), axis=0) for index in (lower, upper))
    between = low + (high - low) * weight.astype(values.dtype)
    return reshape(where(np.isnan(counts), np.nan, between), (*parts.shape, *kept))


def _lines(x: TensorLike, axis: Axis) -> Tensor:
    """x as floats (cells over `axis`, other axes...)."""
    (x,) = floats(x)
    axes = normalize_axes(list(axis) if isinstance(axis, Sequence) else axis, x.ndim)
    for place, one in enumerate(axes):
        x = moveaxis(x, one, place)
    return reshape(x, (-1 if 0 not in x.shape else int(np.prod(x.shape[: len(axes)])), *x.shape[len(axes) :]))


def _kept_axes(x: TensorLike, axis: Axis, keepdims: bool) -> list[int]:
    """The shape of a reduction over `axis`."""
    shape = convert_to_tensor(x).shape
    axes = normalize_axes(list(axis) if isinstance(axis, Sequence) else axis, len(shape))
    return [1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes]


# ---- without NaN
def nansum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum over `axis` of the cells that are not NaN."""
    return sum(_with(x, 0), axis, keepdims)


def nanprod(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The product over `axis` of the cells that are not NaN."""
    return prod(_with(x, 1), axis, keepdims)


def nancumsum(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Tensor:
    """`cumsum` with 0 for NaN."""
    return cumsum(_with(x, 0), axis, dtype)


def nancumprod(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Tensor:
    """`cumprod` with 1 for NaN."""
    return cumprod(_with(x, 1), axis, dtype)


def nanmean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over `axis` of the cells that are not NaN; NaN where all are."""
    (x,) = floats(x)
    return divide(nansum(x, axis, keepdims), sum((~np.isnan(x.data)).astype(x.dtype), axis, keepdims))


def nanvar(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The biased variance over `axis` of the cells that are not NaN; NaN where all are."""
    (x,) = floats(x)
    squares = square(_with(subtract(x, nanmean(x, axis, keepdims=True)), 0))
    return nanmean(where(isnan(x), np.nan, squares), axis, keepdims)


def nanstd(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The square root of `nanvar`."""
    return sqrt(nanvar(x, axis, keepdims))


def nanmax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The maximum over `axis` of the cells that are not NaN; NaN where all are."""
    return _extreme(max, -np.inf, x, axis, keepdims)


def nanmin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The minimum over `axis` of the cells that are not NaN; NaN where all are."""
    return _extreme(min, np.inf, x, axis, keepdims)


def _extreme(function: Callable[..., Tensor], least: float, x: TensorLike, axis: Axis, keepdims: bool) -> Tensor:
    x = convert_to_tensor(x)
    found = function(_with(x, least), axis, keepdims)
    if x.dtype.kind != "f":
        return found
    return where(np.isnan(x.data).all(axis=tuple(axis) if isinstance(axis, Sequence) else axis, keepdims=keepdims), np.nan, found)


def nanargmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the first maximum of the cells that are not NaN, -1 where all are, int32. Not differentiable."""
    return _position(argmax, -np.inf, x, axis, keepdims)


def nanargmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the first minimum of the cells that are not NaN, -1 where all are, int32. Not differentiable."""
    return _position(argmin, np.inf, x, axis, keepdims)


def _position(function: Callable[..., Tensor], least: float, x: TensorLike, axis: int | None, keepdims: bool) -> Tensor:
    x = convert_to_tensor(x)
    nothing = isnan(x).data.all(axis=axis, keepdims=keepdims)
    return where(nothing, -1, function(_with(x, least), axis, keepdims))


def _with(x: TensorLike, value: float) -> Tensor:
    """x with a number for NaN, through which no gradient goes."""
    x = convert_to_tensor(x)
    return where(isnan(x), value, x) if x.dtype.kind == "f" else x


# ---- counts and places: whole numbers, not differentiable
def bincount(x: TensorLike, weights: TensorLike | None = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each of 0, 1, ..., max(x) occurs in x (N,), or in each row of x (M, N), int32.

    Args:
        weights: of the shape of x, what each occurrence counts; gradients find their way back to them.
        minlength: the fewest numbers that are counted.
        sparse: must be False.

    Raises:
        ArgumentError, ShapeError, DTypeError: naming the argument.
    """
    if sparse:
        raise ArgumentError("sparse must be False: there are no sparse tensors here")
    places = integers(x, "x")
    if places.ndim not in (1, 2) or (places < 0).any():
        raise ShapeError(f"x must hold whole numbers >= 0 along one axis or two, got shape {places.shape}")
    counted = convert_to_tensor(np.ones(places.shape, np.int32)) if weights is None else convert_to_tensor(weights)
    if counted.shape != places.shape:
        raise ShapeError(f"weights must have the shape {places.shape} of x, got {counted.shape}")
    n = int(np.max(places, initial=minlength - 1)) + 1
    rows = (np.arange(len(places))[:, None],) if places.ndim == 2 else ()
    return apply(Scatter, counted, shape=(*places.shape[:-1], n), index=(*rows, places))


def digitize(x: TensorLike, bins: TensorLike) -> Tensor:
    """How many of the ascending `bins` are <= each cell of x, int32: the number of the bin it falls into. Not differentiable."""
    return searchsorted(bins, x, side="right")


def searchsorted(sorted_sequence: TensorLike, values: TensorLike, side: str = "left") -> Tensor:
    """Where each of `values` would be put into an ascending line, before ("left") or behind ("right") equal cells, int32."""
    line = convert_to_numpy(sorted_sequence)
    if line.ndim != 1 or (line[1:] < line[:-1]).any():
        raise ArgumentError(f"the line to search must have one axis and ascend, got shape {line.shape}")
    if side not in ("left", "right"):
        raise ArgumentError(f"side must be 'left' or 'right', got {side!r}")
    return Tensor.wrap(np.asarray(np.searchsorted(line, convert_to_numpy(values), "left" if side == "left" else "right"), np.int32))


def histogram(x: TensorLike, bins: int = 10, range: Sequence[float] | None = None) -> tuple[Tensor, Tensor]:
    """(how many cells of x fall into each of `bins` equal parts of `range`, the edges of these); default: from min(x) to max(x).

    Raises:
        ArgumentError: bins or range are malformed.
    """
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
        raise ArgumentError(f"bins must be an int >= 1, got {bins!r}")
    if range is not None and (len(range) != 2 or not range[0] < range[1]):
        raise ArgumentError(f"range must be two numbers (low, high), got {range!r}")
    (x,) = floats(x)
    counts, edges = np.histogram(x.data, bins, None if range is None else (range[0], range[1]))
    return Tensor.wrap(counts.astype(config.floatx())), Tensor.wrap(edges.astype(x.dtype))
