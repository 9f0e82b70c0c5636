"""Margins and divergences: the losses of classifiers and counts beside the cross-entropies."""

from __future__ import annotations

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.config import epsilon
from tinycnn.losses.loss import PlainLoss
from tinycnn.losses.targets import align, like_output, takes
from tinycnn.ops.convert import TensorLike
from tinycnn.registry import register

__all__ = [
    "CategoricalHinge",
    "Hinge",
    "KLDivergence",
    "Poisson",
    "SquaredHinge",
    "categorical_hinge",
    "hinge",
    "kl_divergence",
    "poisson",
    "squared_hinge",
]


def _signs(labels: Tensor) -> Tensor:
    """-1 and 1, also where the labels are 0 and 1."""
    binary = bool(((labels.data == 0) | (labels.data == 1)).all())
    return 2 * labels - 1 if binary else labels


@register("loss")
@takes(like_output)
def hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(max(1 - t * p, 0)), t being -1 or 1 (0 or 1 are converted); (N, ..., C) twice -> (N, ...). Raises ShapeError."""
    y_true, y_pred = align(y_true, y_pred)
    return ops.mean(ops.relu(1 - _signs(y_true) * y_pred), -1)


@register("loss")
@takes(like_output)
def squared_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(max(1 - t * p, 0) ** 2), t being -1 or 1 (0 or 1 are converted); (N, ..., C) twice -> (N, ...). Raises ShapeError."""
    y_true, y_pred = align(y_true, y_pred)
    return ops.mean(ops.square(ops.relu(1 - _signs(y_true) * y_pred)), -1)


@register("loss")
@takes(like_output)
def categorical_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """max(best wrong score - right score + 1, 0), t being one-hot; (N, ..., C) twice -> (N, ...). Raises ShapeError."""
    y_true, y_pred = align(y_true, y_pred)
    right = ops.sum(y_true * y_pred, -1)
    wrong = ops.max((1 - y_true) * y_pred, -1)
    return ops.relu(wrong - right + 1)


@register("loss", "kld", "KLD")
@takes(like_output)
def kl_divergence(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """sum(t * ln(t / p)), both clipped to [1e-7, 1] (Kullback & Leibler 1951); (N, ..., C) twice -> (N, ...). Raises ShapeError."""
    y_true, y_pred = align(y_true, y_pred)
    y_true, y_pred = ops.clip(y_true, epsilon(), 1), ops.clip(y_pred, epsilon(), 1)
    return ops.sum(y_true * ops.log(y_true / y_pred), -1)


@register("loss")
@takes(like_output)
def poisson(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(p - t * ln(p + 1e-7)), p being the expected count; (N, ..., C) twice -> (N, ...). Raises ShapeError."""
    y_true, y_pred = align(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + epsilon()), -1)


@register("loss")
class Hinge(PlainLoss):
    """See `hinge`."""

    function = staticmethod(hinge)


@register("loss")
class SquaredHinge(PlainLoss):
    """See `squared_hinge`."""

    function = staticmethod(squared_hinge)


@register("loss")
class CategoricalHinge(PlainLoss):
    """See `categorical_hinge`."""

    function = staticmethod(categorical_hinge)


@register("loss")
class KLDivergence(PlainLoss):
    """See `kl_divergence`."""

    function = staticmethod(kl_divergence)


@register("loss")
class Poisson(PlainLoss):
    """See `poisson`."""

    function = staticmethod(poisson)
