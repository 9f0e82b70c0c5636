"""Intersection over union of predicted and true regions, for image segmentation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from tinycnn.checks import check_count, check_flag, check_int, check_number
from tinycnn.config import epsilon
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.metrics.metric import Metric, cell_weights
from tinycnn.ops.convert import TensorLike, convert_to_numpy
from tinycnn.registry import register

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]


@register("metric", "io_u", "iou")
class IoU(Metric):
    """The mean over some classes of TP / (TP + FP + FN), Jaccard's index; classes that do not occur are left out.

    Args:
        num_classes: at least 1.
        target_class_ids: the classes to average over.
        name, dtype: see `Metric`; sample weights are not rounded, whatever the dtype.
        ignore_class: a class number whose cells do not count.
        sparse_y_true, sparse_y_pred: whether the array holds class numbers; else scores or one-hot rows along `axis`.
        axis: of the classes, where there is one.

    Raises:
        ArgumentError: naming the argument.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__("int" if dtype is None else dtype, name)
        self.num_classes = num_classes = check_count("num_classes", num_classes)
        chosen = target_class_ids if np.iterable(target_class_ids) else [target_class_ids]
        self.target_class_ids = [check_count("target_class_ids", i, 0) for i in chosen]
        if not self.target_class_ids or max(self.target_class_ids) >= num_classes:
            raise ArgumentError(f"target_class_ids must be class numbers from 0 to {num_classes - 1}, got {target_class_ids!r}")
        self.ignore_class = None if ignore_class is None else check_int("ignore_class", ignore_class)
        self.sparse_y_true = check_flag("sparse_y_true", sparse_y_true)
        self.sparse_y_pred = check_flag("sparse_y_pred", sparse_y_pred)
        self.axis = check_int("axis", axis)
        self.total_cm = self.add_variable((num_classes, num_classes), name="total_confusion_matrix")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Note a batch: class numbers, or scores, and a weight for each cell or sample. Numbers out of range do not count.

        Raises:
            ShapeError: if these do not fit.
        """
        true, pred = convert_to_numpy(y_true), convert_to_numpy(y_pred)
        true = (true if self.sparse_y_true else true.argmax(axis=self.axis)).astype(np.int64)
        pred = (pred if self.sparse_y_pred else pred.argmax(axis=self.axis)).astype(np.int64)
        if true.size != pred.size:
            raise ShapeError(f"y_true must have one class number for each of y_pred, got shapes {true.shape} and {pred.shape}")
        weights = np.ones(()) if sample_weight is None else cell_weights(sample_weight, true.shape)
        weights = np.broadcast_to(weights, true.shape).ravel()
        true, pred, n = true.ravel(), pred.ravel(), self.num_classes
        counted = (true >= 0) & (true < n) & (pred >= 0) & (pred < n)
        if self.ignore_class is not None:
            counted &= true != self.ignore_class
        cells = np.bincount(true[counted] * n + pred[counted], weights[counted], n * n)
        self.total_cm.data += cells.reshape(n, n)

    def result(self) -> float:
        matrix, chosen = self.total_cm.data, self.target_class_ids
        both = matrix.diagonal()[chosen]
        either = matrix.sum(axis=0)[chosen] + matrix.sum(axis=1)[chosen] - both
        occurs = either > 1e-9
        return float((both / (either + epsilon()))[occurs].sum() / (occurs.sum() + epsilon()))


@register("metric", "binary_io_u", "binary_iou")
class BinaryIoU(IoU):
    """IoU of the classes 0 and 1, for probabilities: 1 where they are at least `threshold`.

    Args:
        target_class_ids: 0, 1 or both.
        threshold: what makes a prediction 1.
        name, dtype: see `Metric`.
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = check_number("threshold", threshold, -math.inf)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        pred = convert_to_numpy(y_pred)
        super().update_state(y_true, pred >= np.asarray(self.threshold, pred.dtype if pred.dtype.kind == "f" else None), sample_weight)


@register("metric", "mean_io_u", "mean_iou")
class MeanIoU(IoU):
    """The mean IoU of all classes.

    Args:
        num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis: see `IoU`.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, range(check_count("num_classes", num_classes)), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )


@register("metric", "one_hot_io_u", "one_hot_iou")
class OneHotIoU(IoU):
    """IoU for one-hot rows and scores.

    Args:
        num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_pred, axis: see `IoU`.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


@register("metric", "one_hot_mean_io_u", "one_hot_mean_iou")
class OneHotMeanIoU(MeanIoU):
    """The mean IoU of all classes, for one-hot rows and scores.

    Args:
        num_classes, name, dtype, ignore_class, sparse_y_pred, axis: see `IoU`.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
