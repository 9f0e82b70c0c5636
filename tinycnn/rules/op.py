"""What an op is: a shape rule, a forward pass and a vector-Jacobian product, side by side, on ndarrays.

A rule knows no Tensor and no graph, so it is tested without one. The engine drives it like this::

    geometry = Rule.shape(*input_shapes, **parameters)     # checks, normalises; a frozen record with `out_shape`
    y, saved = Rule.forward(kernels, geometry, *inputs)
    dxs = Rule.vjp(kernels, geometry, saved, dy, needs)    # one gradient per input; None where `needs` says nobody asked

`saved` is whatever the backward pass wants to remember. A vjp never writes into `dy` or `saved`; it may return `dy` itself.
An entry of `needs` is False, True or a `Place`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tinycnn.errors import ArgumentError, DTypeError, ShapeError, shown
from tinycnn.kernels.spec import Array

__all__ = [
    "OPS",
    "Broadcast",
    "Gradients",
    "Needs",
    "Op",
    "Place",
    "Pointwise",
    "Shape",
    "broadcast",
    "normalize_axes",
    "normalize_axis",
    "place_of",
    "unbroadcast",
]

Shape = tuple[int, ...]


class Place:
    """That a gradient is wanted, as `True` says, and where: a vjp that can may put it there, and return that very array.

    The gradients of a model's weights have their places in one flat buffer, and need not be copied there.
    """

    __slots__ = ("array",)

    def __init__(self, array: Array) -> None:
        self.array = array


def place_of(need: bool | Place) -> Array | None:
    """Where to put a gradient, for the `into` of a kernel; None for a new array."""
    return need.array if isinstance(need, Place) else None


Needs = Sequence[bool | Place]
Gradients = tuple[Array | None, ...]

#: Every rule, by class name. The registry test walks this table.
OPS: dict[str, type[Op]] = {}


class Op:
    """Base of all rules; a namespace of three static methods, never instantiated."""

    shape: ClassVar[Callable[..., Any]]
    forward: ClassVar[Callable[..., tuple[Any, Any]]]
    vjp: ClassVar[Callable[..., Gradients]]

    def __init_subclass__(cls, is_base: bool = False) -> None:
        if not is_base and not cls.__name__.startswith("_"):  # a base shared by a few rules is no op
            OPS[cls.__name__] = cls


@dataclass(frozen=True, slots=True)
class Pointwise:
    """The geometry of an op on one array of any shape."""

    out_shape: Shape


@dataclass(frozen=True, slots=True)
class Broadcast:
    """The geometry of an op on arrays that broadcast against each other."""

    out_shape: Shape
    in_shapes: tuple[Shape, ...]


def broadcast(*shapes: Shape) -> Broadcast:
    """NumPy's broadcasting of `shapes`; ShapeError naming them if they do not fit."""
    if all(shape == shapes[0] for shape in shapes):
        return Broadcast(shapes[0], shapes)
    try:
        return Broadcast(np.broadcast_shapes(*shapes), shapes)
    except ValueError:
        raise ShapeError(f"shapes {', '.join(map(str, shapes))} cannot be broadcast together") from None


def unbroadcast(gradient: Array, shape: Shape) -> Array:
    """Sum `gradient` over the axes along which an input of `shape` was repeated."""
    if gradient.shape == shape:
        return gradient
    extra = gradient.ndim - len(shape)
    repeated = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 and gradient.shape[i + extra] != 1)
    summed: Array = gradient.sum(axis=repeated, keepdims=True)
    return summed.reshape(shape)


def normalize_axis(axis: object, ndim: int, name: str = "axis") -> int:
    """`axis` as an int in [0, ndim)."""
    if type(axis) is not int and (isinstance(axis, bool) or not hasattr(axis, "__index__") or (hasattr(axis, "ndim") and axis.ndim)):
        raise DTypeError(f"{name} must be an int, got {shown(axis)}")
    index = axis.__index__()
    if not -ndim <= index < ndim:
        raise ArgumentError(f"{name} must be in [{-ndim}, {ndim}) for an array of {ndim} dimensions, got {axis!r}")
    return int(index % ndim)


def normalize_axes(axis: object, ndim: int) -> tuple[int, ...]:
    """None (all axes), an int or several, as a sorted tuple of distinct ints in [0, ndim)."""
    if axis is None:
        return tuple(range(ndim))
    items = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(sorted(normalize_axis(a, ndim) for a in items))
    if len(set(axes)) != len(axes):
        raise ArgumentError(f"axis must not name an axis twice, got {axis!r}")
    return axes
