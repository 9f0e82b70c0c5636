"""What a loss is: one number for each sample, reduced to one number for the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import ops
from tinycnn.autograd import Prepared, Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.losses.settings import check_settings, is_own
from tinycnn.losses.targets import as_output, check_batch, check_of, float_dtype, of_one_rank
from tinycnn.ops.convert import TensorLike, convert_to_numpy, convert_to_tensor, floats
from tinycnn.registry import register
from tinycnn.rules.reductions import Mean
from tinycnn.saving.configurable import Configurable, resolve, serialize

__all__ = ["Loss", "LossFunctionWrapper", "PlainLoss", "Reduction", "reduce_weighted_values"]

Reduction: TypeAlias = Literal["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none"] | None


_mean = Prepared(Mean)


def reduce_weighted_values(values: Tensor, sample_weight: TensorLike | None = None, reduction: Reduction = "sum_over_batch_size") -> Tensor:
    """Losses times weights, as one number.

    Args:
        values: one loss for each sample, (N, ...).
        sample_weight: (N, ...) with as many leading axes of `values` as wanted, and possibly a last axis of size 1.
        reduction: "sum_over_batch_size" (or "mean"): the sum divided by the number of losses, whatever their weights;
            "mean_with_sample_weight": divided by the sum of the weights; "sum"; "none" (or None): all losses.

    Raises:
        ShapeError: if the weights do not fit.
    """
    size = values.size
    divisor: Any = max(1, size)
    if sample_weight is not None:
        weight = _fit_weight(ops.convert_to_tensor(sample_weight, values.dtype), values.shape)
        values = values * weight
        if reduction == "mean_with_sample_weight":
            total = float(ops.broadcast_to(weight, values.shape).numpy().sum())
            divisor = total if total else 1.0
    if reduction in (None, "none"):
        return values
    if divisor == size and reduction != "sum":
        return _mean(*floats(values))
    total_loss = ops.sum(values)
    return total_loss if reduction == "sum" else total_loss / divisor


def _fit_weight(weight: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`weight` with axes of size 1 behind its own, so that it multiplies values of `shape`."""
    own = weight.shape
    if len(own) == len(shape) + 1 and own[-1] == 1:
        own = own[:-1]
    leading = shape[: len(own)]
    if len(own) > len(shape) or any(w not in (1, n) for w, n in zip(own, leading, strict=True)):
        raise ShapeError(f"sample_weight must have the leading axes of the losses' shape {shape}, got shape {weight.shape}")
    return ops.reshape(weight, own + (1,) * (len(shape) - len(own)))


def _weight_of_mask(mask: NDArray[Any], reduction: Reduction) -> NDArray[Any]:
    """0 where `mask` is False, elsewhere what makes a mean one over the cells that are left."""
    mean = reduction in ("sum_over_batch_size", "mean")
    return np.asarray(mask * (mask.size / max(1, int(mask.sum())) if mean else 1.0))


class Loss(Configurable):
    """Base of all losses: a subclass defines `call`.

    Args:
        name: for logs.
        reduction: see `reduce_weighted_values`.
        dtype: what is computed in, float32 or float64; None: in the dtype of the outputs. Not kept in configs.

    Raises:
        ArgumentError, DTypeError: for an unknown reduction or dtype.
    """

    def __init__(self, name: str | None = None, reduction: Reduction = "sum_over_batch_size", dtype: DTypeLike | None = None) -> None:
        known = get_args(get_args(Reduction)[0])
        if reduction is not None and reduction not in known:
            raise ArgumentError(f"reduction must be None or one of {', '.join(known)}, got {reduction!r}")
        self.name = name or type(self).__name__.lower()
        self.reduction: Reduction = reduction
        self.dtype = None if dtype is None else float_dtype(dtype)

    def __call__(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> Tensor:
        """The loss of a batch: a scalar Tensor, unless the reduction is "none"."""
        y_true, y_pred = self._brought_together(y_true, as_output(y_pred, self.dtype))
        values = self.call(y_true, y_pred)
        mask = self.counted(y_true, values)
        if mask is not None:
            weight = _weight_of_mask(mask.reshape(values.shape), self.reduction)
            given = 1.0 if sample_weight is None else _fit_weight(ops.convert_to_tensor(sample_weight, values.dtype), values.shape).data
            sample_weight = weight * given
        return reduce_weighted_values(values, sample_weight, self.reduction)

    def _brought_together(self, y_true: TensorLike, y_pred: Tensor) -> tuple[TensorLike, Tensor]:
        """What `call` is to get: of a user's own, targets in the dtype of the outputs; ours take every dtype as it is meant."""
        return (y_true if is_own(type(self)) else convert_to_tensor(y_true, y_pred.dtype)), y_pred

    def counted(self, y_true: TensorLike, values: Tensor) -> NDArray[Any] | None:
        """Which of the losses `values` count, a bool for each; the others are no part of a mean. None: all count."""
        return None

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("dtype", None)
        return config

    def call(self, y_true: TensorLike, y_pred: Tensor) -> Tensor:
        """One loss for each sample, (N, ...)."""
        raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred)")

    def check_targets(self, y_true: TensorLike, y_pred_shape: tuple[int | None, ...]) -> None:
        """Raise if these targets cannot be compared with outputs of that shape; nothing is computed.

        Args:
            y_true: the targets of one batch or of a whole training.
            y_pred_shape: the outputs' shape, None where a size is not known.

        Raises:
            ShapeError, DTypeError, ArgumentError: saying what does not fit, and which loss would.
        """
        check_batch(convert_to_numpy(y_true), y_pred_shape)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, reduction={self.reduction}>"


@register("loss")
class LossFunctionWrapper(Loss):
    """A function of (y_true, y_pred), and possibly settings, as a Loss.

    Args:
        fn: gives one loss for each sample; a function, or the name of a registered one.
        reduction: see `reduce_weighted_values`.
        name: default: that of the function.
        dtype: see `Loss`.
        **settings: further arguments of `fn`.
    """

    def __init__(
        self,
        fn: Callable[..., Any] | str,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DTypeLike | None = None,
        **settings: Any,
    ) -> None:
        self.fn: Callable[..., Any] = resolve("loss", fn)
        check_settings(self.fn, settings)
        self.settings = settings
        super().__init__(name or getattr(self.fn, "__name__", None), reduction, dtype)

    def _brought_together(self, y_true: TensorLike, y_pred: Tensor) -> tuple[TensorLike, Tensor]:
        if is_own(type(self)) and is_own(self.fn):
            return y_true, y_pred
        return of_one_rank(convert_to_tensor(y_true, y_pred.dtype), y_pred)

    def call(self, y_true: TensorLike, y_pred: Tensor) -> Tensor:
        return convert_to_tensor(self.fn(y_true, y_pred, **self.settings))

    def check_targets(self, y_true: TensorLike, y_pred_shape: tuple[int | None, ...]) -> None:
        y_true = convert_to_numpy(y_true)
        check_batch(y_true, y_pred_shape)
        check_of(self.fn)(y_true, y_pred_shape, **self.settings)

    def get_config(self) -> dict[str, Any]:
        own = {"fn": self.fn} if type(self) is LossFunctionWrapper else {}
        config: dict[str, Any] = serialize({**own, "reduction": self.reduction, "name": self.name, **self.settings})
        return config


class PlainLoss(LossFunctionWrapper):
    """A loss function without settings, as a class: a subclass names its `function`."""

    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, reduction: Reduction = "sum_over_batch_size", name: str | None = None, dtype: DTypeLike | None = None) -> None:
        super().__init__(type(self).function, reduction, name, dtype)
