"""Penalties on weights, added to the loss, under Keras's names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.registry import register
from tinycnn.saving import configurable

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


class Regularizer(configurable.Configurable):
    """Base of all regularizers: implement `__call__(x) -> scalar Tensor`."""

    def __call__(self, x: Tensor) -> Tensor:
        """The penalty of weight `x`."""
        raise NotImplementedError(f"{type(self).__name__} must implement __call__()")


@register("regularizer", "l1_l2", "l1l2")
class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x ** 2), both factors >= 0."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor(l1, "l1")
        self.l2 = _factor(l2, "l2")

    def __call__(self, x: Tensor) -> Tensor:
        return self.l1 * ops.sum(ops.abs(x)) + self.l2 * ops.sum(ops.square(x))


@register("regularizer", "l1")
class L1(Regularizer):
    """l1 * sum(|x|), l1 >= 0."""

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor(l1, "l1")

    def __call__(self, x: Tensor) -> Tensor:
        return self.l1 * ops.sum(ops.abs(x))


@register("regularizer", "l2")
class L2(Regularizer):
    """l2 * sum(x ** 2), l2 >= 0."""

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor(l2, "l2")

    def __call__(self, x: Tensor) -> Tensor:
        return self.l2 * ops.sum(ops.square(x))


@register("regularizer", "orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """factor times the mean |cosine| of the angles between each two rows of a matrix, or columns: 0 if they are orthogonal.

    Args:
        factor: at least 0.
        mode: "rows" or "columns".

    Raises:
        ArgumentError: naming the argument. When called: ShapeError, if the weight is no matrix.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor(factor, "factor")
        if mode not in ("rows", "columns"):
            raise ArgumentError(f"mode must be 'rows' or 'columns', got {mode!r}")
        self.mode = mode

    def __call__(self, x: Tensor) -> Tensor:
        if x.ndim != 2:
            raise ShapeError(f"an OrthogonalRegularizer takes a matrix, got a weight of shape {x.shape}")
        vectors = ops.normalize(x if self.mode == "rows" else ops.transpose(x), 1)
        n = vectors.shape[0]
        cosines = ops.abs(ops.matmul(vectors, ops.transpose(vectors)))
        between = 1 - np.eye(n, dtype=x.dtype)
        return self.factor * ops.sum(cosines * between) / float(max(n * (n - 1), 1))


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer


def _factor(value: Any, name: str) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__") or not 0 <= float(value) < math.inf:
        raise ArgumentError(f"{name} must be a number >= 0, got {value!r}")
    return float(value)


def get(identifier: Any) -> Callable[[Tensor], Tensor] | None:
    """A regularizer from a name ("l1", "l2", "l1_l2"), a class, a config, an instance or a function; None stays None.

    Raises:
        ArgumentError, DTypeError: the name is unknown, or it is none of these.
    """
    return None if identifier is None else configurable.resolve("regularizer", identifier)


def serialize(regularizer: Regularizer) -> dict[str, Any]:
    """{"class_name", "config"} of a regularizer."""
    plain: dict[str, Any] = configurable.serialize(regularizer)
    return plain


def deserialize(config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Regularizer:
    """The inverse of `serialize`; `custom_objects`: name -> class of your own, beside the registered ones."""
    regularizer: Regularizer = configurable.deserialize("regularizer", config, custom_objects)
    return regularizer
