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
from tinycnn.layers.shapes import Shape
from tinycnn.registry import register
from tinycnn.rules.op import normalize_axis

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
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
