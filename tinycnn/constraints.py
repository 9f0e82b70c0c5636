"""Projections of weights after each optimizer step, under Keras's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinycnn import config, ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, DTypeError
from tinycnn.registry import register
from tinycnn.saving import configurable

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

Axis = int | Sequence[int]


class Constraint(configurable.Configurable):
    """Base of all constraints: implement `__call__(w)`."""

    def __call__(self, w: Tensor) -> Tensor:
        """The weight nearest to `w` that is allowed, of the same shape."""
        raise NotImplementedError(f"{type(self).__name__} must implement __call__()")


class _Norm(Constraint):
    """Scales the vectors of a weight to a wanted length.

    A vector runs along `axis`: 0 for the incoming weights of a Dense unit, [0, 1, 2] for those of a filter of Conv2D.
    """

    axis: Axis

    def _wanted(self, norms: Tensor) -> Tensor | float:
        """The lengths that vectors of these lengths shall have."""
        raise NotImplementedError

    def __call__(self, w: Tensor) -> Tensor:
        norms = ops.sqrt(ops.sum(ops.square(w), self.axis, keepdims=True))
        return w * (self._wanted(norms) / (norms + config.epsilon()))


@register("constraint", "max_norm")
class MaxNorm(_Norm):
    """Vectors along `axis` longer than `max_value` are shortened to it."""

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value = _number(max_value, "max_value")
        self.axis = _check_axis(axis)

    def _wanted(self, norms: Tensor) -> Tensor:
        return ops.clip(norms, 0, self.max_value)


@register("constraint", "non_neg")
class NonNeg(Constraint):
    """Cells below 0 become 0."""

    def __call__(self, w: Tensor) -> Tensor:
        return ops.maximum(w, 0)


@register("constraint", "unit_norm")
class UnitNorm(_Norm):
    """Vectors along `axis` get length 1."""

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = _check_axis(axis)

    def _wanted(self, norms: Tensor) -> float:
        return 1.0


@register("constraint", "min_max_norm")
class MinMaxNorm(_Norm):
    """Lengths along `axis` move towards the range from `min_value` to `max_value`: by the part `rate` of what is missing, 1 being all."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0) -> None:
        self.min_value = _number(min_value, "min_value")
        self.max_value = _number(max_value, "max_value")
        if self.min_value > self.max_value:
            raise ArgumentError(f"min_value must be <= max_value, got {min_value!r} and {max_value!r}")
        self.rate = _number(rate, "rate")
        self.axis = _check_axis(axis)

    def _wanted(self, norms: Tensor) -> Tensor:
        return self.rate * ops.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise ArgumentError(f"{name} must be a number >= 0, got {value!r}")
    return value


def _check_axis(axis: Any) -> Axis:
    places = axis if isinstance(axis, (list, tuple)) else [axis]
    if not all(isinstance(i, int) and not isinstance(i, bool) for i in places):
        raise DTypeError(f"axis must be an int or a list of ints, got {axis!r}")
    return list(axis) if isinstance(axis, tuple) else axis


def get(identifier: Any) -> Callable[[Tensor], Tensor] | None:
    """A constraint from a name ("max_norm", "MaxNorm"), a class, a config, an instance or a function; None stays None.

    Raises:
        ArgumentError, DTypeError: the name is unknown, or it is none of these.
    """
    return None if identifier is None else configurable.resolve("constraint", identifier)


def serialize(constraint: Constraint) -> dict[str, Any]:
    """{"class_name", "config"} of a constraint."""
    plain: dict[str, Any] = configurable.serialize(constraint)
    return plain


def deserialize(config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Constraint:
    """The inverse of `serialize`; `custom_objects`: name -> class of your own, beside the registered ones."""
    constraint: Constraint = configurable.deserialize("constraint", config, custom_objects)
    return constraint
