"""Ops that move cells and compute nothing: reshape, transpose, index, join, pad."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.op import Broadcast, Gradients, Needs, Op, Shape, normalize_axis, unbroadcast

__all__ = ["BroadcastTo", "Concatenate", "Flip", "GetItem", "Pad", "Reshape", "Scatter", "Stack", "Transpose"]


class Reshape(Op):
    """the same cells, in C order, in another shape; one size may be -1"""

    @staticmethod
    def shape(x: Shape, *, newshape: Sequence[int]) -> Broadcast:
        sizes = [int(n) for n in newshape]
        size = math.prod(x)
        if sizes.count(-1) == 1:
            known = math.prod([n for n in sizes if n != -1])
            if known and size % known == 0:
                sizes[sizes.index(-1)] = size // known
        if min(sizes, default=0) < 0 or math.prod(sizes) != size:
            raise ShapeError(f"newshape {tuple(newshape)} does not hold the {size} cells of shape {x}")
        return Broadcast(tuple(sizes), (x,))

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, x: Array) -> tuple[Array, None]:
        return x.reshape(geometry.out_shape), None

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: None, dy: Array, needs: Needs) -> Gradients:
        return (dy.reshape(geometry.in_shapes[0]),)


@dataclass(frozen=True, slots=True)
class TransposeGeometry:
    out_shape: Shape
    axes: tuple[int, ...]
    inverse: tuple[int, ...]


class Transpose(Op):
    """axes in another order; reversed by default"""

    @staticmethod
    def shape(x: Shape, *, axes: Sequence[int] | None = None) -> TransposeGeometry:
        order = tuple(range(len(x)))[::-1] if axes is None else tuple(normalize_axis(a, len(x), "axes") for a in axes)
        if sorted(order) != list(range(len(x))):
            raise ArgumentError(f"axes must name each of the {len(x)} axes once, got {axes!r}")
        inverse = tuple(sorted(range(len(order)), key=order.__getitem__))
        return TransposeGeometry(tuple(x[a] for a in order), order, inverse)

    @staticmethod
    def forward(k: KernelSet, geometry: TransposeGeometry, x: Array) -> tuple[Array, None]:
        return x.transpose(geometry.axes), None

    @staticmethod
    def vjp(k: KernelSet, geometry: TransposeGeometry, saved: None, dy: Array, needs: Needs) -> Gradients:
        return (dy.transpose(geometry.inverse),)


class BroadcastTo(Op):
    """x repeated to a larger shape"""

    @staticmethod
    def shape(x: Shape, *, shape: Sequence[int]) -> Broadcast:
        target = tuple(int(n) for n in shape)
        try:
            fits = np.broadcast_shapes(x, target) == target
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(f"an array of shape {x} cannot be broadcast to shape {target}")
        return Broadcast(target, (x,))

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, x: Array) -> tuple[Array, None]:
        return np.broadcast_to(x, geometry.out_shape), None

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: None, dy: Array, needs: Needs) -> Gradients:
        return (unbroadcast(dy, geometry.in_shapes[0]),)


@dataclass(frozen=True, slots=True)
class IndexGeometry:
    in_shape: Shape
    out_shape: Shape
    index: Any
    basic: bool


class GetItem(Op):
    """x[index], with NumPy's basic and advanced indexing"""

    @staticmethod
    def shape(x: Shape, *, index: Any) -> IndexGeometry:
        parts = index if isinstance(index, tuple) else (index,)
        basic = all(p is None or p is Ellipsis or (isinstance(p, (int, np.integer, slice)) and not isinstance(p, bool)) for p in parts)
        out = np.broadcast_to(np.empty((), np.bool_), x)[index].shape  # no memory: a broadcast scalar; raises IndexError like NumPy
        return IndexGeometry(x, out, index, basic)

    @staticmethod
    def forward(k: KernelSet, geometry: IndexGeometry, x: Array) -> tuple[Array, None]:
        return np.asarray(x[geometry.index]), None

    @staticmethod
    def vjp(k: KernelSet, geometry: IndexGeometry, saved: None, dy: Array, needs: Needs) -> Gradients:
        return (_added(geometry.in_shape, geometry, dy),)


class Scatter(Op):
    """the transpose of x[index]: zeros of a shape, to whose cells at `index` those of x are added"""

    @staticmethod
    def shape(x: Shape, *, shape: Shape, index: Any) -> IndexGeometry:
        geometry = GetItem.shape(shape, index=index)
        try:
            fits = np.broadcast_shapes(x, geometry.out_shape) == geometry.out_shape
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(f"values must have the shape {geometry.out_shape} of the cells that are written, got {x}")
        return IndexGeometry(x, shape, index, geometry.basic)

    @staticmethod
    def forward(k: KernelSet, geometry: IndexGeometry, x: Array) -> tuple[Array, None]:
        return _added(geometry.out_shape, geometry, x), None

    @staticmethod
    def vjp(k: KernelSet, geometry: IndexGeometry, saved: None, dy: Array, needs: Needs) -> Gradients:
        return (unbroadcast(np.asarray(dy[geometry.index]), geometry.in_shape),)


def _added(shape: Shape, geometry: IndexGeometry, values: Array) -> Array:
    """Zeros, to whose cells at the index the values are added."""
    cells = np.zeros(shape, values.dtype)
    if geometry.basic:
        cells[geometry.index] = values
    else:
        np.add.at(cells, geometry.index, values)  # an index array may name a cell twice
    return cells


@dataclass(frozen=True, slots=True)
class JoinGeometry:
    out_shape: Shape
    axis: int
    ends: tuple[int, ...]


class Concatenate(Op):
    """arrays one after the other along an axis"""

    @staticmethod
    def shape(*xs: Shape, axis: int = -1) -> JoinGeometry:
        axis = normalize_axis(axis, len(xs[0]))
        others = {x[:axis] + x[axis + 1 :] for x in xs}
        if len(others) != 1 or len({len(x) for x in xs}) != 1:
            raise ShapeError(f"arrays to concatenate along axis {axis} must agree along all others, got shapes {', '.join(map(str, xs))}")
        ends = tuple(accumulate(x[axis] for x in xs))
        return JoinGeometry((*xs[0][:axis], ends[-1], *xs[0][axis + 1 :]), axis, ends)

    @staticmethod
    def forward(k: KernelSet, geometry: JoinGeometry, *xs: Array) -> tuple[Array, None]:
        return np.concatenate(xs, axis=geometry.axis), None

    @staticmethod
    def vjp(k: KernelSet, geometry: JoinGeometry, saved: None, dy: Array, needs: Needs) -> Gradients:
        return tuple(np.split(dy, geometry.ends[:-1], axis=geometry.axis))


class Stack(Op):
    """arrays of one shape side by side along a new axis"""

    @staticmethod
    def shape(*xs: Shape, axis: int = 0) -> JoinGeometry:
        if len(set(xs)) != 1:
            raise ShapeError(f"arrays to stack must have one shape, got {', '.join(map(str, xs))}")
        axis = normalize_axis(axis, len(xs[0]) + 1)
        return JoinGeometry((*xs[0][:axis], len(xs), *xs[0][axis:]), axis, ())

    @staticmethod
    def forward(k: KernelSet, geometry: JoinGeometry, *xs: Array) -> tuple[Array, None]:
        return np.stack(xs, axis=geometry.axis), None

    @staticmethod
    def vjp(k: KernelSet, geometry: JoinGeometry, saved: None, dy: Array, needs: Needs) -> Gradients:
        return tuple(np.moveaxis(dy, geometry.axis, 0))


@dataclass(frozen=True, slots=True)
class PadGeometry:
    out_shape: Shape
    widths: tuple[tuple[int, int], ...]
    value: float
    inner: tuple[slice, ...]


class Pad(Op):
    """x with cells of a constant around it"""

    @staticmethod
    def shape(x: Shape, *, widths: tuple[tuple[int, int], ...], value: float = 0.0) -> PadGeometry:
        if len(widths) != len(x) or any(min(pair) < 0 for pair in widths):
            raise ArgumentError(f"pad_width must hold a pair of ints >= 0 for each of the {len(x)} axes, got {widths!r}")
        out = tuple(n + before + after for n, (before, after) in zip(x, widths, strict=True))
        inner = tuple(slice(before, before + n) for n, (before, _) in zip(x, widths, strict=True))
        return PadGeometry(out, widths, value, inner)

    @staticmethod
    def forward(k: KernelSet, geometry: PadGeometry, x: Array) -> tuple[Array, None]:
        y = np.full(geometry.out_shape, geometry.value, x.dtype)
        y[geometry.inner] = x
        return y, None

    @staticmethod
    def vjp(k: KernelSet, geometry: PadGeometry, saved: None, dy: Array, needs: Needs) -> Gradients:
        return (dy[geometry.inner],)


class Flip(Op):
    """cells in reverse order along some axes"""

    @staticmethod
    def shape(x: Shape, *, axes: tuple[int, ...]) -> TransposeGeometry:
        return TransposeGeometry(x, axes, axes)

    @staticmethod
    def forward(k: KernelSet, geometry: TransposeGeometry, x: Array) -> tuple[Array, None]:
        return np.flip(x, geometry.axes), None

    @staticmethod
    def vjp(k: KernelSet, geometry: TransposeGeometry, saved: None, dy: Array, needs: Needs) -> Gradients:
        return (np.flip(dy, geometry.axes),)
