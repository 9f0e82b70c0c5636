"""Overlaps of predicted and true regions: the losses of image segmentation."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import DTypeLike

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.config import epsilon
from tinycnn.losses.loss import LossFunctionWrapper, Reduction
from tinycnn.losses.targets import align, like_output, takes
from tinycnn.ops.convert import TensorLike
from tinycnn.registry import register

__all__ = ["Dice", "Tversky", "dice", "tversky"]

Axis = int | Sequence[int] | None


@register("loss")
@takes(like_output)
def dice(y_true: TensorLike, y_pred: TensorLike, axis: Axis = None) -> Tensor:
    """1 - 2 * sum(t * p) / (sum(t) + sum(p) + 1e-7), the sums going over `axis`, by default over everything (Dice 1945).

    Raises:
        ShapeError: if the shapes differ.
    """
    y_true, y_pred = align(y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis)
    return 1 - 2 * both / (ops.sum(y_true, axis) + ops.sum(y_pred, axis) + epsilon())


@register("loss")
@takes(like_output)
def tversky(y_true: TensorLike, y_pred: TensorLike, alpha: float = 0.5, beta: float = 0.5, axis: Axis = None) -> Tensor:
    """1 - both / (both + alpha * only true + beta * only predicted + 1e-7), sums over `axis` (Salehi et al. 2017).

    both = sum(t * p), only true = sum(t * (1 - p)), only predicted = sum((1 - t) * p). alpha = beta = 0.5 is `dice`. The paper has alpha
    and beta the other way round; this is Keras's order.

    Raises:
        ShapeError: if the shapes differ.
    """
    y_true, y_pred = align(y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis)
    only_true, only_predicted = ops.sum(y_true * (1 - y_pred), axis), ops.sum((1 - y_true) * y_pred, axis)
    return 1 - both / (both + alpha * only_true + beta * only_predicted + epsilon())


@register("loss")
class Dice(LossFunctionWrapper):
    """See `dice`."""

    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "dice",
        axis: Axis = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(dice, reduction, name, dtype, axis=axis)


@register("loss")
class Tversky(LossFunctionWrapper):
    """See `tversky`."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "tversky",
        axis: Axis = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
