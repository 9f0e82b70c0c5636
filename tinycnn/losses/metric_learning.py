"""Losses of embeddings: samples of one class shall lie close to each other, those of others far away."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import ops
from tinycnn.autograd import Tensor
from tinycnn.errors import ShapeError
from tinycnn.losses.loss import LossFunctionWrapper, Reduction
from tinycnn.losses.targets import takes
from tinycnn.ops.convert import TensorLike, floats, integers
from tinycnn.registry import register

__all__ = ["Circle", "circle"]


def _one_label_a_row(y_true: NDArray[Any], y_pred_shape: tuple[int | None, ...], **settings: Any) -> None:
    """Labels (N,) or (N, 1) of embeddings (N, D)."""
    if y_true.shape[1:] not in ((), (1,)) or len(y_pred_shape) != 2:
        raise ShapeError(f"y_true must be a label for each of the embeddings (batch, dimensions), got {y_true.shape} and {y_pred_shape}")
    integers(y_true, "y_true")


@register("loss")
@takes(_one_label_a_row)
def circle(
    y_true: TensorLike,
    y_pred: TensorLike,
    ref_labels: TensorLike | None = None,
    ref_embeddings: TensorLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Tensor:
    """ln(1 + sum over positives of exp(a) * sum over negatives of exp(b)), for each sample (Sun et al. 2020, arXiv 2002.10857).

    With d = max(0, 1 - cosine) to another sample, a = -gamma * (margin + d) * (margin - d) for those of the same label, and
    b = gamma * max(0, 1 + margin - d) * (1 - margin - d) for the others. It is 0 where there are none of the one or the other.

    Args:
        y_true: (N,) or (N, 1) labels, whole numbers.
        y_pred: (N, D) embeddings of length 1.
        ref_labels, ref_embeddings: the samples to compare with; default: the same.
        remove_diagonal: no sample is a positive of itself.
        gamma: how sharp the loss is.
        margin: how far it asks classes to be apart.

    Raises:
        ShapeError, DTypeError: naming the argument.
    """
    (y_pred,) = floats(y_pred)
    labels = integers(y_true, "y_true")
    _one_label_a_row(labels, y_pred.shape)
    others = y_pred if ref_embeddings is None else ops.convert_to_tensor(ref_embeddings, y_pred.dtype)
    other_labels = labels if ref_labels is None else integers(ref_labels, "ref_labels")
    distance = ops.maximum(1 - ops.matmul(y_pred, ops.transpose(others)), 0)
    negative = labels.reshape(-1, 1) != other_labels.reshape(1, -1)
    positive = np.logical_not(negative)
    if remove_diagonal:
        np.fill_diagonal(positive, False)
    attraction = -gamma * (margin + distance) * (margin - distance)
    repulsion = gamma * ops.maximum(1 + margin - distance, 0) * (1 - margin - distance)
    sums = [ops.logsumexp(ops.where(mask, part, -np.inf), axis=1) for mask, part in ((positive, attraction), (negative, repulsion))]
    return ops.softplus(sums[0] + sums[1])


@register("loss")
class Circle(LossFunctionWrapper):
    """See `circle`. Samples of loss 0 are no part of a mean."""

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "circle",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(circle, reduction, name, dtype, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)

    def counted(self, y_true: TensorLike, values: Tensor) -> NDArray[Any]:
        return values.numpy() > 0
