"""ONNX's operators on shapes and places: nothing is computed, cells are moved, repeated or left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinycnn import ops, random
from tinycnn.autograd import Tensor
from tinycnn.errors import DataError
from tinycnn.rules.op import normalize_axis
from tinycnn.saving.onnx.operator import Array, Context, Floats, Ints, operator, whole_numbers
from tinycnn.saving.onnx.reading import DTYPES

__all__: list[str] = []


def _integers(values: Sequence[int]) -> Tensor:
    return Tensor.wrap(np.array(values, np.int64).reshape(len(values)))


def _given(attribute: Sequence[int] | None, tensor: Tensor | None, name: str) -> list[int] | None:
    """What is an attribute in older versions and an input in newer ones."""
    if tensor is not None:
        return whole_numbers(tensor, name)
    return None if attribute is None else list(attribute)


# ---- shapes
@operator("Shape")
def _shape(at: Context, x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    return _integers(x.shape[start:end])


@operator("Size")
def _size(at: Context, x: Tensor) -> Tensor:
    return Tensor.wrap(np.array(x.size, np.int64))


@operator("Flatten")
def _flatten(at: Context, x: Tensor, *, axis: int = 1) -> Tensor:
    if not -x.ndim <= axis <= x.ndim:
        raise DataError(f"axis must be in [{-x.ndim}, {x.ndim}], got {axis}")
    cut = axis + x.ndim if axis < 0 else axis
    return ops.reshape(x, (int(np.prod(x.shape[:cut], dtype=np.int64)), int(np.prod(x.shape[cut:], dtype=np.int64))))


@operator("Reshape", fixed=(1,))
def _reshape(at: Context, x: Tensor, shape: Tensor, *, allowzero: int = 0) -> Tensor:
    sizes = whole_numbers(shape, "shape")
    if not allowzero and any(n == 0 and i >= x.ndim for i, n in enumerate(sizes)):
        raise DataError(f"shape {sizes} copies a size that inputs of shape {x.shape} do not have")
    return ops.reshape(x, [x.shape[i] if n == 0 and not allowzero else n for i, n in enumerate(sizes)])


@operator("Squeeze", fixed=(1,))
def _squeeze(at: Context, x: Tensor, axes_input: Tensor | None = None, *, axes: Ints | None = None) -> Tensor:
    return ops.squeeze(x, _given(axes, axes_input, "axes"))


@operator("Unsqueeze", fixed=(1,))
def _unsqueeze(at: Context, x: Tensor, axes_input: Tensor | None = None, *, axes: Ints | None = None) -> Tensor:
    along = _given(axes, axes_input, "axes")
    if not along:
        raise DataError("it has no axes")
    return ops.expand_dims(x, along)


@operator("Transpose")
def _transpose(at: Context, x: Tensor, *, perm: Ints | None = None) -> Tensor:
    return ops.transpose(x, perm)


@operator("Cast")
def _cast(at: Context, x: Tensor, *, to: int, saturate: int = 1, round_mode: str = "up") -> Tensor:
    if to not in DTYPES:
        raise DataError(f"the dtype {to} is not supported")
    dtype = np.dtype(DTYPES[to][0])
    return ops.cast(x, at.dtype if dtype.kind == "f" else dtype)


@operator("CastLike")
def _cast_like(at: Context, x: Tensor, like: Tensor, *, saturate: int = 1, round_mode: str = "up") -> Tensor:
    return ops.cast(x, like.dtype)


@operator("Dropout", fixed=(1, 2))
def _dropout(
    at: Context,
    x: Tensor,
    ratio_input: Tensor | None = None,
    training_mode: Tensor | None = None,
    *,
    ratio: float = 0.5,
    seed: int = 0,
    is_test: int = 0,
) -> Tensor:
    """Cells are dropped while the model is trained; a file's own training_mode is of no account."""
    rate = ratio if ratio_input is None else float(ratio_input.item())
    return ops.dropout(x, rate, random.next_seed()) if at.training and rate else x


# ---- parts and wholes
@operator("Concat")
def _concat(at: Context, x: Tensor, *xs: Tensor, axis: int = 1) -> Tensor:
    at.allow((sum(t.size for t in (x, *xs)),))
    return ops.concatenate([x, *xs], axis)


@operator("Split", fixed=(1,), results=None)
def _split(
    at: Context, x: Tensor, sizes: Tensor | None = None, *, axis: int = 0, split: Ints | None = None, num_outputs: int | None = None
) -> list[Tensor]:
    axis = normalize_axis(axis, x.ndim)
    n = x.shape[axis]
    parts = _given(split, sizes, "split")
    if parts is None:
        each = -(-n // at.count)
        parts = [max(0, min(each, n - i * each)) for i in range(at.count)]
    if sum(parts) != n or min(parts) < 0 or len(parts) != at.count:
        raise DataError(f"{n} cells along axis {axis} cannot be split into {at.count} parts of {parts}")
    return ops.split(x, [int(end) for end in np.cumsum(parts)[:-1]], axis)


@operator("Slice", fixed=(1, 2, 3, 4))
def _slice(
    at: Context,
    x: Tensor,
    starts_input: Tensor | None = None,
    ends_input: Tensor | None = None,
    axes_input: Tensor | None = None,
    steps_input: Tensor | None = None,
    *,
    starts: Ints | None = None,
    ends: Ints | None = None,
    axes: Ints | None = None,
) -> Tensor:
    first, last = _given(starts, starts_input, "starts"), _given(ends, ends_input, "ends")
    if first is None or last is None:
        raise DataError("it has no starts or no ends")
    along = _given(axes, axes_input, "axes")
    along = list(range(len(first))) if along is None else along
    steps = _given(None, steps_input, "steps") or [1] * len(first)
    if not len(first) == len(last) == len(along) == len(steps) or 0 in steps:
        raise DataError(f"starts {first}, ends {last}, axes {along} and steps {steps} do not fit together")
    key = [slice(None)] * x.ndim
    for start, end, axis, step in zip(first, last, along, steps, strict=True):
        key[normalize_axis(axis, x.ndim)] = slice(start, end, step)
    return ops.get_item(x, tuple(key))


@operator("Gather", fixed=(1,))
def _gather(at: Context, x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    if indices.dtype.kind not in "iu":
        raise DataError(f"indices must be integers, got {indices.dtype}")
    axis = normalize_axis(axis, x.ndim)
    at.allow((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))
    return ops.take(x, indices, axis)


# ---- growing
@operator("ConstantOfShape", fixed=(0,))
def _constant_of_shape(at: Context, shape: Tensor, *, value: Array | None = None) -> Tensor:
    sizes = whole_numbers(shape, "shape")
    if min(sizes, default=0) < 0 or (value is not None and value.size != 1):
        raise DataError(f"it needs sizes >= 0 and one value, got sizes {sizes}")
    at.allow(sizes)
    cell = np.zeros(1, at.dtype) if value is None else value
    return Tensor.wrap(np.full(sizes, cell.reshape(-1)[0], at.dtype if cell.dtype.kind == "f" else cell.dtype))


@operator("Range", fixed=(0, 1, 2))
def _range(at: Context, start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    first, last, step = (t.item() for t in (start, limit, delta))
    count = max(0.0, np.ceil((last - first) / step)) if step else np.inf
    if not count <= at.limit:
        raise DataError(f"it asks for {count} numbers")
    return Tensor.wrap((first + np.arange(int(count)) * step).astype(start.dtype))


@operator("Expand", fixed=(1,))
def _expand(at: Context, x: Tensor, shape: Tensor) -> Tensor:
    sizes = np.broadcast_shapes(x.shape, tuple(whole_numbers(shape, "shape")))
    at.allow(sizes)
    return ops.broadcast_to(x, sizes)


@operator("Tile", fixed=(1,))
def _tile(at: Context, x: Tensor, repeats: Tensor) -> Tensor:
    times = whole_numbers(repeats, "repeats")
    if len(times) != x.ndim or min(times, default=1) < 0:
        raise DataError(f"repeats must be {x.ndim} numbers >= 0, got {times}")
    at.allow([n * r for n, r in zip(x.shape, times, strict=True)])
    for axis, (n, count) in enumerate(zip(x.shape, times, strict=True)):
        if count != 1:
            x = ops.take(x, np.tile(np.arange(n), count), axis)
    return x


@operator("Pad", fixed=(1, 2, 3))
def _pad(
    at: Context,
    x: Tensor,
    pads_input: Tensor | None = None,
    constant_value: Tensor | None = None,
    axes: Tensor | None = None,
    *,
    mode: str = "constant",
    pads: Ints | None = None,
    value: float = 0.0,
) -> Tensor:
    """Widths below 0 cut off."""
    given = _given(pads, pads_input, "pads")
    along = list(range(x.ndim)) if axes is None else [normalize_axis(a, x.ndim) for a in whole_numbers(axes, "axes")]
    if given is None or len(given) != 2 * len(along):
        raise DataError(f"pads must be {2 * len(along)} numbers, got {given}")
    widths = [(0, 0)] * x.ndim
    for place, axis in enumerate(along):
        widths[axis] = given[place], given[place + len(along)]
    cut = tuple(slice(max(0, -before), n - max(0, -after)) for n, (before, after) in zip(x.shape, widths, strict=True))
    x = ops.get_item(x, cut)
    grown = [(max(0, before), max(0, after)) for before, after in widths]
    at.allow([n + before + after for n, (before, after) in zip(x.shape, grown, strict=True)])
    if mode == "constant":
        return ops.pad(x, grown, constant_values=value if constant_value is None else constant_value.item())
    if mode not in ("reflect", "edge", "wrap"):
        raise DataError(f"mode must be 'constant', 'reflect', 'edge' or 'wrap', got {mode!r}")
    kind: Any = mode
    for axis, pair in enumerate(grown):
        if any(pair):
            x = ops.take(x, np.pad(np.arange(x.shape[axis]), pair, kind), axis)
    return x


# ---- images
@operator("DepthToSpace")
def _depth_to_space(at: Context, x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    n, c, h, w = x.shape
    if blocksize < 1 or c % blocksize**2 or mode not in ("DCR", "CRD"):
        raise DataError(f"blocksize {blocksize} or mode {mode!r} does not fit {c} channels")
    inner = c // blocksize**2
    if mode == "DCR":
        y = ops.transpose(ops.reshape(x, (n, blocksize, blocksize, inner, h, w)), (0, 3, 4, 1, 5, 2))
    else:
        y = ops.transpose(ops.reshape(x, (n, inner, blocksize, blocksize, h, w)), (0, 1, 4, 2, 5, 3))
    return ops.reshape(y, (n, inner, h * blocksize, w * blocksize))


@operator("SpaceToDepth")
def _space_to_depth(at: Context, x: Tensor, *, blocksize: int) -> Tensor:
    n, c, h, w = x.shape
    if blocksize < 1 or h % blocksize or w % blocksize:
        raise DataError(f"blocksize {blocksize} does not divide images of {h} by {w}")
    y = ops.reshape(x, (n, c, h // blocksize, blocksize, w // blocksize, blocksize))
    return ops.reshape(ops.transpose(y, (0, 3, 5, 1, 2, 4)), (n, c * blocksize**2, h // blocksize, w // blocksize))


@operator("Upsample", fixed=(1,))
def _upsample(
    at: Context,
    x: Tensor,
    scales_input: Tensor | None = None,
    *,
    mode: str = "nearest",
    scales: Floats | None = None,
    width_scale: float | None = None,
    height_scale: float | None = None,
) -> Tensor:
    """What Resize was before version 10."""
    if scales is None and width_scale is not None and height_scale is not None:
        scales = (1.0, 1.0, height_scale, width_scale)
    factors = Tensor.wrap(np.array(scales)) if scales_input is None and scales is not None else scales_input
    return _resize_old(at, x, factors, mode)


def _resize_old(at: Context, x: Tensor, scales: Tensor | None, mode: str) -> Tensor:
    if scales is None:
        raise DataError("it has no scales")
    factors = [float(s) for s in scales.numpy().reshape(-1)]
    sizes = _scaled(x.shape, factors)
    return _resampled(at, x, sizes, factors, mode, "asymmetric", "simple")


@operator("Resize", fixed=(1, 2, 3))
def _resize(
    at: Context,
    x: Tensor,
    roi: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
    *,
    mode: str = "nearest",
    coordinate_transformation_mode: str = "half_pixel",
    nearest_mode: str = "round_prefer_floor",
    axes: Ints | None = None,
    antialias: int = 0,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    cubic_coeff_a: float = -0.75,
    keep_aspect_ratio_policy: str = "stretch",
) -> Tensor:
    """In version 10 the second input is the scales, and places are scaled from the corner."""
    if at.opset < 11:
        return _resize_old(at, x, roi, mode)
    if antialias or exclude_outside or keep_aspect_ratio_policy != "stretch":
        raise DataError("antialias, exclude_outside and keep_aspect_ratio_policy are not supported")
    along = list(range(x.ndim)) if axes is None else [normalize_axis(a, x.ndim) for a in axes]
    target, factors = list(x.shape), [1.0] * x.ndim
    if sizes is not None and sizes.size:
        for axis, size in zip(along, whole_numbers(sizes, "sizes"), strict=True):
            target[axis], factors[axis] = size, size / x.shape[axis]
    elif scales is not None and scales.size:
        for axis, factor in zip(along, scales.numpy().reshape(-1), strict=True):
            factors[axis] = float(factor)
        target = _scaled(x.shape, factors)
    else:
        raise DataError("it has neither scales nor sizes")
    return _resampled(at, x, target, factors, mode, coordinate_transformation_mode, nearest_mode)


def _scaled(shape: Sequence[int], factors: Sequence[float]) -> list[int]:
    if len(factors) != len(shape) or not all(0 < f < 2**31 for f in factors):
        raise DataError(f"scales must be {len(shape)} numbers > 0, got {list(factors)}")
    return [int(np.floor(n * f)) for n, f in zip(shape, factors, strict=True)]


#: mode -> from places in the result to places in the input: f(place, n_in, n_out, factor).
_PLACES: dict[str, Any] = {
    "align_corners": lambda i, n, m, f: i * ((n - 1) / (m - 1)) if m > 1 else i * 0.0,
    "asymmetric": lambda i, n, m, f: i / f,
    "half_pixel": lambda i, n, m, f: (i + 0.5) / f - 0.5,
    "pytorch_half_pixel": lambda i, n, m, f: (i + 0.5) / f - 0.5 if m > 1 else i * 0.0,
}
_ROUNDING: dict[str, Any] = {
    "ceil": np.ceil,
    "floor": np.floor,
    "round_prefer_ceil": lambda p: np.floor(p + 0.5),
    "round_prefer_floor": lambda p: np.ceil(p - 0.5),
    "simple": np.floor,  # of version 10; onnxruntime rounds up where the image shrinks
}


def _resampled(at: Context, x: Tensor, sizes: Sequence[int], factors: Sequence[float], mode: str, places: str, rounding: str) -> Tensor:
    """The nearest cell, or a mean of the two nearest, along one axis after the other."""
    if mode not in ("nearest", "linear") or places not in _PLACES or rounding not in _ROUNDING:
        raise DataError(f"scaling with mode {mode!r}, {places!r} and {rounding!r} is not supported")
    if min(sizes) < 0 or 0 in x.shape:
        raise DataError(f"inputs of shape {x.shape} cannot be scaled to {tuple(sizes)}")
    at.allow([max(n, m) for n, m in zip(x.shape, sizes, strict=True)])
    for axis, (n, m, factor) in enumerate(zip(x.shape, sizes, factors, strict=True)):
        if n == m and factor == 1:
            continue
        place = np.asarray(_PLACES[places](np.arange(m, dtype=np.float64), n, m, factor))
        if mode == "nearest":
            rounded = np.ceil(place) if rounding == "simple" and factor < 1 else _ROUNDING[rounding](place)
            x = ops.take(x, np.clip(rounded, 0, n - 1).astype(np.int64), axis)
            continue
        place = np.clip(place, 0, n - 1)
        low = np.floor(place).astype(np.int64)
        part = (place - low).astype(at.dtype).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        high = ops.take(x, np.minimum(low + 1, n - 1), axis)
        x = ops.take(x, low, axis) * (1 - part) + high * part
    return x
