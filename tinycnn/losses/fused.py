"""The loss of most classifiers as one op: from logits to the mean cross-entropy of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from numpy.typing import NDArray

from tinycnn.autograd import Prepared, Tensor
from tinycnn.losses.crossentropy import (
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    categorical_crossentropy,
    logits_if_known,
    sparse_categorical_crossentropy,
)
from tinycnn.losses.loss import LossFunctionWrapper
from tinycnn.ops.array import unit_rows
from tinycnn.ops.convert import extremes
from tinycnn.rules.crossentropy import SoftmaxCrossentropy

__all__ = ["FusedLoss", "fused_loss"]

#: (targets, outputs) -> the loss of a batch, whose targets must have been checked; None if this batch needs the loss itself.
FusedLoss: TypeAlias = Callable[[NDArray[Any], Tensor], Tensor | None]

_mean_crossentropy = Prepared(SoftmaxCrossentropy, mean=True)


def fused_loss(loss: Any) -> FusedLoss | None:
    """A loss as one op; None if it is no cross-entropy of classes, or asks for more than that op does.

    The results are those of the loss, to the last bit. Its settings are read now.
    """
    if type(loss) not in _CLASSES or loss.fn not in _ROWS or not vars(loss).keys().isdisjoint(("call", "counted")):
        return None
    rows_of = _ROWS[loss.fn]
    settings = {"from_logits": False, **_PLAIN, **loss.settings}
    from_logits = bool(settings.pop("from_logits"))
    if settings != _PLAIN or loss.reduction not in ("sum_over_batch_size", "mean") or loss.dtype is not None:
        return None

    def fused(y_true: NDArray[Any], y_pred: Tensor) -> Tensor | None:
        logits, are_known = logits_if_known(y_pred, from_logits, "softmax")
        rows = rows_of(y_true, logits.data) if are_known else None
        return None if rows is None else _mean_crossentropy(logits, Tensor.wrap(rows))

    return fused


def _rows_as_given(y: NDArray[Any], logits: NDArray[Any]) -> NDArray[Any] | None:
    """One-hot targets, if they are such as the op takes."""
    return y if y.dtype is logits.dtype and y.shape == logits.shape and y.size else None


def _rows_of_numbers(y: NDArray[Any], logits: NDArray[Any]) -> NDArray[Any] | None:
    """One-hot rows of class numbers. Of others, into which they may have been changed since they were checked, the loss will tell."""
    *cells, classes = logits.shape
    if y.dtype.kind not in "iu" or y.size * classes != logits.size or not y.size:
        return None
    least, largest = extremes(y)
    if least < 0 or largest >= classes:
        return None
    return unit_rows(y.reshape(cells), classes, logits.dtype)


_CLASSES = (LossFunctionWrapper, CategoricalCrossentropy, SparseCategoricalCrossentropy)
_ROWS = {categorical_crossentropy: _rows_as_given, sparse_categorical_crossentropy: _rows_of_numbers}
#: The settings that change nothing.
_PLAIN = {"axis": -1, "label_smoothing": 0.0, "ignore_class": None}
