"""Watching one value: which direction is better, and by how much."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

import numpy as np

from tinycnn.callbacks.callback import Callback, Logs
from tinycnn.callbacks.history import find_key
from tinycnn.errors import ArgumentError, shown

__all__ = ["MonitorCallback"]

#: Ends of the names of metrics, without the number of a second one of its kind.
_LARGER_IS_BETTER = (
    *("acc", "accuracy", "auc", "precision", "recall", "f1", "f1_score", "fbeta_score", "iou", "io_u", "r2_score", "similarity"),
    *("at_precision", "at_recall", "at_sensitivity", "at_specificity", "true_positives", "true_negatives"),
)
_SMALLER_IS_BETTER = (
    *("loss", "error", "entropy", "mse", "mae", "rmse", "mape", "msle", "divergence", "hinge", "huber", "poisson", "cosh"),
    *("false_positives", "false_negatives", "learning_rate", "lr"),
)


class MonitorCallback(Callback):
    """Base of the callbacks that act when a value gets better, or does not.

    Args:
        monitor: a key of the epoch's logs; "val_acc" finds "val_accuracy".
        mode: "min", "max", or "auto": by the name of the value.
        baseline: what the first value must beat; default: anything is better.
        min_delta: the least change that counts.

    Raises:
        ArgumentError: mode is something else, or "auto" cannot tell.
    """

    def __init__(self, monitor: str, mode: str, baseline: float | None, min_delta: float) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ArgumentError(f"mode must be 'auto', 'min' or 'max', got {mode!r}")
        self.monitor = monitor
        self.mode = _direction(monitor) if mode == "auto" else mode
        self.baseline = baseline
        self.min_delta = abs(min_delta)
        self.best: float = self._start()

    def _start(self) -> float:
        """The value to beat first."""
        if self.baseline is not None:
            return self.baseline
        return math.inf if self.mode == "min" else -math.inf

    def is_better(self, value: float, than: float) -> bool:
        """Whether `value` beats `than` by more than min_delta. A NaN beats nothing."""
        return value < than - self.min_delta if self.mode == "min" else value > than + self.min_delta

    def monitored(self, logs: Logs | None) -> Any:
        """The watched value, or None, with a warning, where the logs have none. Raises ArgumentError for a metric with several values."""
        key = find_key(logs or {}, self.monitor)
        if key is None:
            known = ", ".join(sorted(logs or {}))
            warnings.warn(f"{type(self).__name__} monitors {self.monitor!r}, which is not among {known}", stacklevel=3)
            return None
        value = (logs or {})[key]
        if np.ndim(value):
            raise ArgumentError(f"monitor {self.monitor!r} must name one number, got {shown(value)}: let the metric give an average")
        return value


def _direction(monitor: str) -> str:
    """ "max" for accuracies and their like, "min" for losses and errors."""
    name = re.sub(r"_\d+$", "", monitor.removeprefix("val_"))
    if name.endswith(_LARGER_IS_BETTER) or "accuracy" in name:
        return "max"
    if name.endswith(_SMALLER_IS_BETTER):
        return "min"
    raise ArgumentError(f"whether a larger {monitor!r} is better cannot be told from its name; pass mode='max' or mode='min'")
