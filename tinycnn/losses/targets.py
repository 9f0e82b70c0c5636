"""What targets a loss can take: the shape rules, and their checks before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.ops.convert import TensorLike, extremes, floats, integers

__all__ = [
    "align",
    "as_output",
    "check_batch",
    "check_of",
    "class_numbers",
    "float_dtype",
    "like_output",
    "of_one_rank",
    "one_hot_rows",
    "takes",
]

Shape: TypeAlias = tuple[int | None, ...]
F = TypeVar("F", bound=Callable[..., Any])

_checks: dict[Any, Callable[..., None]] = {}


def takes(check: Callable[..., None]) -> Callable[[F], F]:
    """Decorator of a loss function: `check(y_true, y_pred_shape, **settings)` raises where the function could not work."""

    def enter(function: F) -> F:
        _checks[function] = check
        return function

    return enter


def check_of(function: Callable[..., Any]) -> Callable[..., None]:
    """The check of a loss function; a user's own function takes anything."""
    return _checks.get(function, _anything)


def _anything(y_true: NDArray[Any], y_pred_shape: Shape, **settings: Any) -> None:
    pass


def check_batch(y_true: NDArray[Any], y_pred_shape: Shape) -> None:
    """There must be as many targets as outputs."""
    if y_true.ndim == 0 or (y_pred_shape and y_pred_shape[0] not in (None, y_true.shape[0])):
        raise ShapeError(f"y_true must have one row for each of {y_pred_shape[0]} samples, got shape {y_true.shape}")


def like_output(y_true: NDArray[Any], y_pred_shape: Shape, **settings: Any) -> None:
    """The shape of the output; a last axis of size 1 may be missing on one side."""
    target, output = y_true.shape[1:], y_pred_shape[1:]
    if output not in (target, (*target, 1)) and target != (*output, 1):
        raise ShapeError(f"y_true must have the output's shape {_batch_of(output)}, got {_batch_of(target)}")


def one_hot_rows(y_true: NDArray[Any], y_pred_shape: Shape, *, axis: int = -1, **settings: Any) -> None:
    """The shape of the output, exactly: one probability for each class."""
    target, output = y_true.shape[1:], y_pred_shape[1:]
    if target == output:
        return
    classes = y_pred_shape[axis]
    message = f"y_true must hold one probability for each of {classes} classes, shape {_batch_of(output)}, got {_batch_of(target)}"
    if len(target) < len(output) or target[-1:] == (1,):
        message += "; for class numbers use sparse_categorical_crossentropy, or utils.to_categorical"
    raise ShapeError(message)


def class_numbers(y_true: NDArray[Any], y_pred_shape: Shape, *, axis: int = -1, ignore_class: int | None = None, **settings: Any) -> None:
    """Whole numbers from 0 to C - 1 (or `ignore_class`), of the shape of the output without the axis of the classes."""
    axis = axis % len(y_pred_shape)
    expected = y_pred_shape[1:axis] + y_pred_shape[axis + 1 :]
    target = y_true.shape[1:]
    if target != expected and target != (*expected, 1):
        message = f"y_true must hold class numbers, shape {_batch_of(expected)}, got {_batch_of(target)}"
        raise ShapeError(message + ("; for one-hot rows use categorical_crossentropy" if target == y_pred_shape[1:] else ""))
    labels = integers(y_true, "y_true")
    if ignore_class is not None:
        labels = labels[labels != ignore_class]
    classes = y_pred_shape[axis]
    if labels.size and classes is not None:
        least, largest = extremes(labels)
        if least < 0 or largest >= classes:
            raise ArgumentError(f"y_true must hold class numbers from 0 to {classes - 1}, got {least} to {largest}")


def _batch_of(cells: Shape) -> str:
    """How errors write the shape of a batch of samples of this shape."""
    return f"(batch, {', '.join(map(str, cells))})" if cells else "(batch,)"


def float_dtype(dtype: DTypeLike) -> str:
    """The name of a dtype to compute in. Raises DTypeError for anything but float32 and float64."""
    for name in ("float32", "float64"):
        if isinstance(dtype, (str, type, np.dtype)) and dtype in (name, getattr(np, name), np.dtype(name)):
            return name
    raise DTypeError(f"dtype must be float32, float64 or None, got {dtype!r}")


def as_output(y_pred: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """`y_pred` as a Tensor, cast to `dtype` if one is given; the logits that it remembers are cast along."""
    if not isinstance(y_pred, Tensor):
        y_pred = ops.convert_to_tensor(y_pred)
    if dtype is None or y_pred.dtype == dtype:
        return y_pred
    y = ops.cast(y_pred, dtype)
    if y_pred._logits is not None:
        kind, logits = y_pred._logits
        y._logits = kind, ops.cast(logits, dtype)
    return y


def of_one_rank(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Targets and outputs with as many axes, where only a last one of size 1 is missing: (N,) gets it, else it is dropped, as in Keras."""
    if y_pred.shape[-1:] == (1,) and y_pred.ndim == y_true.ndim + 1:
        return (ops.expand_dims(y_true, -1), y_pred) if y_true.ndim == 1 else (y_true, ops.squeeze(y_pred, -1))
    if y_true.shape[-1:] == (1,) and y_true.ndim == y_pred.ndim + 1:
        return (y_true, ops.expand_dims(y_pred, -1)) if y_pred.ndim == 1 else (ops.squeeze(y_true, -1), y_pred)
    return y_true, y_pred


def align(y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor]:
    """Targets and outputs as Tensors of one shape and of the output's dtype.

    Raises:
        ShapeError: unless they have one shape but for a last axis of size 1.
    """
    (y_pred,) = floats(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    if y_true.shape == y_pred.shape:
        return y_true, y_pred
    if y_pred.shape == (*y_true.shape, 1):
        return ops.reshape(y_true, y_pred.shape), y_pred
    if y_true.shape == (*y_pred.shape, 1):
        return y_true, ops.reshape(y_pred, y_true.shape)
    raise ShapeError(f"y_true must have the output's shape {y_pred.shape}, got {y_true.shape}")
