"""Layers that make one tensor of several: the joints of functional models."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers.layer import Layer
from tinycnn.layers.shapes import Shape, product
from tinycnn.registry import register
from tinycnn.rules.op import normalize_axis

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


class _Merge(Layer):
    """Combines its inputs, a list of two or more tensors whose shapes broadcast."""

    #: Two Tensors -> one.
    _combine: ClassVar[Any]

    def _check_inputs(self, shape: Any) -> None:
        if not isinstance(shape, list) or len(shape) < 2 or not all(isinstance(s, tuple) for s in shape):
            raise ShapeError(f"{self.who} expects a list of at least 2 inputs, got {'one' if isinstance(shape, tuple) else shape}")
        if len({len(s) for s in shape}) > 1:
            raise ShapeError(f"{self.who} expects inputs with the same number of dimensions, got shapes {shape}")
        self.compute_output_shape(shape)

    def call(self, inputs: list[Tensor]) -> Tensor:
        return functools.reduce(type(self)._combine, inputs)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        result: list[int | None] = []
        for sizes in zip(*input_shape, strict=True):
            known = {n for n in sizes if n is not None and n != 1}
            if len(known) > 1:
                raise ShapeError(f"{self.who} expects inputs whose shapes broadcast, got {list(input_shape)}")
            result.append(known.pop() if known else None if None in sizes else 1)
        return tuple(result)


@register("layer")
class Add(_Merge):
    """The sum of the inputs."""

    _combine = staticmethod(ops.add)


@register("layer")
class Subtract(_Merge):
    """The first input minus the second; takes two."""

    _combine = staticmethod(ops.subtract)

    def _check_inputs(self, shape: Any) -> None:
        super()._check_inputs(shape)
        if len(shape) != 2:
            raise ShapeError(f"{self.who} expects a list of 2 inputs, got {len(shape)}")


@register("layer")
class Multiply(_Merge):
    """The product of the inputs."""

    _combine = staticmethod(ops.multiply)


@register("layer")
class Maximum(_Merge):
    """The largest of the inputs, cell by cell."""

    _combine = staticmethod(ops.maximum)


@register("layer")
class Minimum(_Merge):
    """The smallest of the inputs, cell by cell."""

    _combine = staticmethod(ops.minimum)


@register("layer")
class Average(_Merge):
    """The mean of the inputs, cell by cell."""

    _combine = staticmethod(ops.add)

    def call(self, inputs: list[Tensor]) -> Tensor:
        return super().call(inputs) / float(len(inputs))


@register("layer")
class Concatenate(_Merge):
    """The inputs one after the other along `axis`; they agree along the others."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axis, (int, np.integer)) or isinstance(axis, bool):
            raise ArgumentError(f"axis must be an int, got {axis!r}")
        self.axis = int(axis)

    def call(self, inputs: list[Tensor]) -> Tensor:
        return ops.concatenate(inputs, self.axis)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        axis = normalize_axis(self.axis, len(input_shape[0]))
        result: list[int | None] = []
        for i, sizes in enumerate(zip(*input_shape, strict=True)):
            known = {n for n in sizes if n is not None}
            if i == axis:
                result.append(None if None in sizes else sum(sizes))
            elif len(known) > 1:
                raise ShapeError(f"{self.who} expects inputs that agree but for axis {self.axis}, got shapes {list(input_shape)}")
            else:
                result.append(known.pop() if known else None)
        return tuple(result)


@register("layer")
class Dot(_Merge):
    """The product of two tensors, summed along one axis of each: (N, ..., D) and (N, D, ...) -> (N, ..., ...), of two vectors (N, 1).

    Args:
        axes: the axis of both, or one for each; not the batch.
        normalize: divide by the norms along the axes first, so that the result is the cosine of an angle.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError: axes is neither an int nor two.
    """

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = list(axes) if isinstance(axes, (list, tuple)) else [axes, axes]
        if len(pair) != 2 or not all(isinstance(axis, int) and not isinstance(axis, bool) for axis in pair):
            raise ArgumentError(f"axes must be an int or two ints, got {axes!r}")
        self.axes = pair if isinstance(axes, (list, tuple)) else axes
        self.normalize = bool(normalize)

    def _axes(self, ranks: Sequence[int]) -> list[int]:
        pair = self.axes if isinstance(self.axes, list) else [self.axes, self.axes]
        found = [normalize_axis(axis, rank, "axes") for axis, rank in zip(pair, ranks, strict=True)]
        if 0 in found:
            raise ArgumentError(f"axes must not name the batch, axis 0, got {self.axes}")
        return found

    def _check_inputs(self, shape: Any) -> None:
        if not isinstance(shape, list) or len(shape) != 2 or not all(isinstance(s, tuple) and len(s) > 1 for s in shape):
            raise ShapeError(f"{self.who} expects a list of 2 inputs with at least 2 dimensions, got {shape}")
        sizes = [s[axis] for s, axis in zip(shape, self._axes([len(s) for s in shape]), strict=True)]
        if None not in sizes and sizes[0] != sizes[1]:
            raise ShapeError(f"{self.who} expects inputs of one size along axes {self.axes}, got shapes {shape}")
        if None not in (shape[0][0], shape[1][0]) and shape[0][0] != shape[1][0]:
            raise ShapeError(f"{self.who} expects inputs of one batch size, got shapes {shape}")

    def call(self, inputs: list[Tensor]) -> Tensor:
        shape = self.compute_output_shape([x.shape for x in inputs])
        axes = self._axes([x.ndim for x in inputs])
        a, b = (ops.normalize(x, axis) if self.normalize else x for x, axis in zip(inputs, axes, strict=True))
        a, b = ops.moveaxis(a, axes[0], -1), ops.moveaxis(b, axes[1], 1)
        n, d = len(a), a.shape[-1]
        rows, columns = product(a.shape[1:-1]) or 0, product(b.shape[2:]) or 0
        y = ops.matmul(ops.reshape(a, (n, rows, d)), ops.reshape(b, (n, d, columns)))  # (N, R, D) * (N, D, C) -> (N, R, C)
        return ops.reshape(y, [n or 0 for n in shape])

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        first, second = (
            [n for i, n in enumerate(s) if i not in (0, axis)]
            for s, axis in zip(input_shape, self._axes([len(s) for s in input_shape]), strict=True)
        )
        return (input_shape[0][0], *(first + second or [1]))


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Add(**kwargs)(inputs)"""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Subtract(**kwargs)(inputs)"""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Multiply(**kwargs)(inputs)"""
    return Multiply(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Maximum(**kwargs)(inputs)"""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Minimum(**kwargs)(inputs)"""
    return Minimum(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Average(**kwargs)(inputs)"""
    return Average(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Concatenate(axis, **kwargs)(inputs)"""
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """Dot(axes, **kwargs)(inputs)"""
    return Dot(axes, **kwargs)(inputs)
