"""What a metric is: numbers gathered over batches, read as one; and the mean, which nearly all of them are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn import ops
from tinycnn.autograd import no_grad
from tinycnn.errors import ShapeError
from tinycnn.ops.convert import TensorLike, convert_to_numpy
from tinycnn.registry import register
from tinycnn.saving.configurable import Configurable, resolve, serialize

__all__ = ["Mean", "MeanMetricWrapper", "Metric", "Sum"]

Array = NDArray[Any]


class Metric(Configurable):
    """Base of all metrics: a subclass defines `update_state`, `result` and `reset_state`.

    Args:
        name: the key under which logs have it.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or type(self).__name__.lower()

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Note a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state(y_true, y_pred, sample_weight)")

    def result(self) -> float:
        """The value over all batches since the last reset."""
        raise NotImplementedError(f"{type(self).__name__} must define result()")

    def reset_state(self) -> None:
        """Forget all batches."""
        raise NotImplementedError(f"{type(self).__name__} must define reset_state()")

    def __call__(self, *args: Any, **kwargs: Any) -> float:
        """`update_state`, then `result`."""
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _weighted(values: Array, sample_weight: TensorLike) -> tuple[Array, Array]:
    """Values and weights of one shape, that of the weights: values are averaged over the axes that these do not have.

    Raises:
        ShapeError: unless the weights' axes are the leading ones of the values.
    """
    weights = np.asarray(convert_to_numpy(sample_weight), np.float64)
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        weights = weights[..., 0]
    leading = values.shape[: weights.ndim]
    if weights.ndim > values.ndim or any(w not in (1, n) for w, n in zip(weights.shape, leading, strict=True)):
        raise ShapeError(f"sample_weight must have the leading axes of the values' shape {values.shape}, got shape {weights.shape}")
    values = values.mean(axis=tuple(range(weights.ndim, values.ndim)))
    return values, np.broadcast_to(weights, values.shape)


def _inner_size(values: Array) -> int:
    """Cells for each sample."""
    return math.prod(values.shape[1:])


@register("metric", "sum")
class Sum(Metric):
    """The (weighted) sum of all values seen, as a float64."""

    def __init__(self, name: str = "sum") -> None:
        super().__init__(name)
        self.reset_state()

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:  # type: ignore[override]
        """Add numbers, of any shape; `sample_weight` has their leading axes."""
        array = np.asarray(convert_to_numpy(values), np.float64)
        if sample_weight is None:
            self.total += float(array.sum())
            return
        _, weights = _weighted(array, sample_weight)
        self.total += float((array * weights.reshape(weights.shape + (1,) * (array.ndim - weights.ndim))).sum())

    def result(self) -> float:
        return self.total

    def reset_state(self) -> None:
        self.total = 0.0


@register("metric", "mean")
class Mean(Metric):
    """The (weighted) mean of all values seen, as a float64; 0 before the first."""

    def __init__(self, name: str | None = "mean") -> None:
        super().__init__(name)
        self.reset_state()

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:  # type: ignore[override]
        """Note numbers: one for each sample, (N,); or (N, ...), of which each sample counts as its mean; or a single one.

        Args:
            values: the numbers.
            sample_weight: one for each sample, or as many leading axes of `values` as wanted.

        Raises:
            ShapeError: if the weights do not fit.
        """
        array = np.asarray(convert_to_numpy(values), np.float64)
        if sample_weight is None:
            count = float(array.shape[0]) if array.ndim else 1.0
            total = float(array.sum())
        else:
            array, weights = _weighted(array, sample_weight)
            total, count = float((array * weights).sum()), float(weights.sum()) / max(1, _inner_size(array))
        self.total += total / max(1, _inner_size(array))
        self.count += count

    def result(self) -> float:
        return self.total / self.count if self.count else 0.0

    def reset_state(self) -> None:
        self.total = self.count = 0.0


@register("metric")
class MeanMetricWrapper(Mean):
    """The mean of a function of (y_true, y_pred).

    Args:
        fn: Tensors in, one number for each sample out; a function, or the name of a registered loss.
        name: default: that of the function.
        **settings: further arguments of `fn`.
    """

    def __init__(self, fn: Callable[..., Any] | str, name: str | None = None, **settings: Any) -> None:
        self.fn: Callable[..., Any] = resolve("loss", fn)
        self.settings = settings
        super().__init__(name or getattr(self.fn, "__name__", None) or getattr(self.fn, "name", None))

    @no_grad()
    def update_state(  # type: ignore[override]
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Note a batch. Raises ShapeError if targets, outputs and weights do not fit together."""
        values = self.fn(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred), **self.settings)
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        own = {"fn": self.fn} if type(self) is MeanMetricWrapper else {}
        config: dict[str, Any] = serialize({**own, "name": self.name, **self.settings})
        return config
