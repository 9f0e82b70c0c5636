"""Distances between numbers: each function gives the mean over the last axis, each class the mean over the batch."""

from __future__ import annotations

import math

from numpy.typing import DTypeLike

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.config import epsilon
from tinycnn.losses.loss import LossFunctionWrapper, PlainLoss, Reduction
from tinycnn.losses.settings import check_setting
from tinycnn.losses.targets import align, like_output, takes
from tinycnn.ops.convert import TensorLike
from tinycnn.registry import register

__all__ = [
    "CosineSimilarity",
    "Huber",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "cosine_similarity",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
]


@register("loss", "mse", "MSE")
@takes(like_output)
def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean((t - p) ** 2); (N, ..., C) twice -> (N, ...). Raises ShapeError if the shapes differ."""
    y_true, y_pred = align(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), -1)


@register("loss", "mae", "MAE")
@takes(like_output)
def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(|t - p|); (N, ..., C) twice -> (N, ...). Raises ShapeError if the shapes differ."""
    y_true, y_pred = align(y_true, y_pred)
    return ops.mean(ops.abs(y_true - y_pred), -1)


@register("loss", "mape", "MAPE")
@takes(like_output)
def mean_absolute_percentage_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """100 * mean(|t - p| / max(|t|, 1e-7)); (N, ..., C) twice -> (N, ...). Raises ShapeError if the shapes differ."""
    y_true, y_pred = align(y_true, y_pred)
    return 100 * ops.mean(ops.abs((y_true - y_pred) / ops.maximum(ops.abs(y_true), epsilon())), -1)


@register("loss", "msle", "MSLE")
@takes(like_output)
def mean_squared_logarithmic_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean((ln(1 + t) - ln(1 + p)) ** 2), both at least 1e-7; (N, ..., C) twice -> (N, ...). Raises ShapeError if the shapes differ."""
    y_true, y_pred = align(y_true, y_pred)
    difference = ops.log1p(ops.maximum(y_pred, epsilon())) - ops.log1p(ops.maximum(y_true, epsilon()))
    return ops.mean(ops.square(difference), -1)


@register("loss")
@takes(like_output)
def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Tensor:
    """Mean of e ** 2 / 2 where |e| = |t - p| <= delta, else delta * |e| - delta ** 2 / 2 (Huber 1964); (N, ..., C) twice -> (N, ...).

    Raises:
        ShapeError, ArgumentError: if the shapes differ or delta is not positive.
    """
    check_setting("delta", delta)
    y_true, y_pred = align(y_true, y_pred)
    error = y_pred - y_true
    size = ops.abs(error)
    return ops.mean(ops.where(size <= delta, 0.5 * ops.square(error), delta * size - 0.5 * delta**2), -1)


@register("loss", "logcosh")
@takes(like_output)
def log_cosh(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Mean of ln(cosh(p - t)); (N, ..., C) twice -> (N, ...). Raises ShapeError if the shapes differ."""
    y_true, y_pred = align(y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(-2 * error) - math.log(2), -1)


@register("loss")
@takes(like_output)
def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """-cos(angle between t and p) along `axis`: -1 is the same direction. Raises ShapeError if the shapes differ."""
    y_true, y_pred = align(y_true, y_pred)
    return -ops.sum(_unit(y_true, axis) * _unit(y_pred, axis), axis)


def _unit(x: Tensor, axis: int) -> Tensor:
    squared = ops.sum(ops.square(x), axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squared, 1e-12))


@register("loss")
class MeanSquaredError(PlainLoss):
    """See `mean_squared_error`."""

    function = staticmethod(mean_squared_error)


@register("loss")
class MeanAbsoluteError(PlainLoss):
    """See `mean_absolute_error`."""

    function = staticmethod(mean_absolute_error)


@register("loss")
class MeanAbsolutePercentageError(PlainLoss):
    """See `mean_absolute_percentage_error`."""

    function = staticmethod(mean_absolute_percentage_error)


@register("loss")
class MeanSquaredLogarithmicError(PlainLoss):
    """See `mean_squared_logarithmic_error`."""

    function = staticmethod(mean_squared_logarithmic_error)


@register("loss")
class Huber(LossFunctionWrapper):
    """See `huber`."""

    def __init__(
        self,
        delta: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(huber, reduction, name, dtype, delta=delta)


@register("loss")
class LogCosh(PlainLoss):
    """See `log_cosh`."""

    function = staticmethod(log_cosh)


@register("loss")
class CosineSimilarity(LossFunctionWrapper):
    """See `cosine_similarity`."""

    def __init__(
        self,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)
