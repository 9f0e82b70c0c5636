"""What a metric is: numbers gathered over batches, read as one; and the mean, which nearly all of them are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import initializers
from tinycnn.autograd import Variable, no_grad
from tinycnn.config import floatx
from tinycnn.errors import DTypeError, ShapeError, shown
from tinycnn.layers.naming import snake_case
from tinycnn.losses.settings import check_settings
from tinycnn.ops.convert import TensorLike, convert_to_numpy, convert_to_tensor
from tinycnn.registry import register
from tinycnn.saving.configurable import Configurable, resolve, serialize

__all__ = ["Mean", "MeanMetricWrapper", "Metric", "PlainMetric", "Sum", "cell_weights", "ratio"]

Array = NDArray[Any]


class Metric(Configurable):
    """Base of all metrics: a subclass makes its state with `add_variable`, and defines `update_state` and `result`.

    Args:
        dtype: kept for configs; values are gathered in float64, so that long means lose no digits. Default `config.floatx`.
        name: the key under which logs have it; default: that of the class, in snake case.

    Raises:
        DTypeError: for what is no dtype, or a name that is no string.
    """

    def __init__(self, dtype: DTypeLike | None = None, name: str | None = None) -> None:
        try:
            self.dtype = floatx() if dtype is None else "int32" if dtype == "int" else str(np.dtype(dtype))
        except TypeError:
            raise DTypeError(f"dtype must name a dtype, got {dtype!r}") from None
        if name is not None and not isinstance(name, str):
            raise DTypeError(f"name must be a string or None, got {shown(name)}")
        self.name = name or snake_case(type(self).__name__)
        self._variables: list[Variable] = []

    def add_variable(
        self, shape: Sequence[int] = (), initializer: Any = "zeros", dtype: DTypeLike | None = None, *, name: str = "variable"
    ) -> Variable:
        """A part of the state, which `reset_state` sets to zero.

        Args:
            shape: its shape; default: one number.
            initializer: its first values; anything `initializers.get` takes, None for zeros.
            dtype: what it is gathered in; default float64.
            name: for people and files.

        Raises:
            ArgumentError, DTypeError: for an unknown initializer or dtype.
        """
        first: Any = initializers.get("zeros" if initializer is None else initializer)
        variable = Variable(first(shape, "float64"), trainable=False, name=name, path=f"{self.name}/{name}", dtype=dtype)
        self._variables.append(variable)
        return variable

    #: The older name.
    add_weight = add_variable

    @property
    def variables(self) -> list[Variable]:
        """The state, in Keras's order."""
        return list(self._variables)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Note a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state(y_true, y_pred, sample_weight)")

    def result(self) -> Any:
        """The value over all batches since the last reset: a float, or an array where the metric has several."""
        raise NotImplementedError(f"{type(self).__name__} must define result()")

    def reset_state(self) -> None:
        """Forget all batches."""
        for variable in self._variables:
            variable.data.fill(0)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`update_state`, then `result`."""
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def cell_weights(sample_weight: TensorLike, shape: tuple[int, ...]) -> Array:
    """Weights in float64, with axes of size 1 behind their own, so that they multiply values of `shape`.

    Raises:
        ShapeError: unless the weights' axes are the leading ones of the values.
    """
    weights = np.asarray(convert_to_numpy(sample_weight), np.float64)
    if weights.ndim == len(shape) + 1 and weights.shape[-1] == 1:
        weights = weights[..., 0]
    leading = shape[: weights.ndim]
    if weights.ndim > len(shape) or any(w not in (1, n) for w, n in zip(weights.shape, leading, strict=True)):
        raise ShapeError(f"sample_weight must have the leading axes of the values' shape {shape}, got shape {weights.shape}")
    return weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))


def ratio(a: Array, b: Array) -> Array:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b))), where=np.asarray(b) != 0)


@register("metric", "sum")
class Sum(Metric):
    """The (weighted) sum of all values seen, as a float64."""

    def __init__(self, name: str | None = "sum", dtype: DTypeLike | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:  # type: ignore[override]
        """Add numbers, of any shape; `sample_weight` has their leading axes."""
        array = np.asarray(convert_to_numpy(values), np.float64)
        if sample_weight is not None:
            array = array * cell_weights(sample_weight, array.shape)
        self.total.data += array.sum()

    def result(self) -> float:
        return float(self.total.data)


@register("metric", "mean")
class Mean(Metric):
    """The (weighted) mean of all values seen, as a float64; 0 before the first."""

    def __init__(self, name: str | None = "mean", dtype: DTypeLike | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:  # type: ignore[override]
        """Note numbers: one for each sample, (N,); or (N, ...), of which each sample counts as its mean; or a single one.

        Args:
            values: the numbers.
            sample_weight: one for each sample, or as many leading axes of `values` as wanted.

        Raises:
            ShapeError: if the weights do not fit.
        """
        array = np.asarray(convert_to_numpy(values), np.float64)
        cells = max(1, math.prod(array.shape[1:]))  # of a sample
        if sample_weight is None:
            self._add(array.sum() / cells, len(array) if array.ndim else 1)
        else:
            weights = np.broadcast_to(cell_weights(sample_weight, array.shape), array.shape)
            self._add((array * weights).sum() / cells, weights.sum() / cells)

    def note(self, value: float, count: float) -> None:
        """Note one number that stands for `count` samples: `update_state` of two numbers, without its checks, for every step."""
        self._add(value * count, count)

    def _add(self, total: float, count: float) -> None:
        """Add to both sums. Python's arithmetic is NumPy's in float64, and much quicker for single numbers."""
        sums, counts = self.total.data, self.count.data
        sums[...] = sums.item() + total
        counts[...] = counts.item() + count

    def result(self) -> float:
        total, count = self.total.data.item(), self.count.data.item()
        return total / count if count else 0.0


@register("metric")
class MeanMetricWrapper(Mean):
    """The mean of a function of (y_true, y_pred).

    Args:
        fn: Tensors in, one number for each sample out; a function, or the name of a registered loss.
        name: default: that of the function.
        dtype: see `Metric`.
        **settings: further arguments of `fn`.
    """

    def __init__(self, fn: Callable[..., Any] | str, name: str | None = None, dtype: DTypeLike | None = None, **settings: Any) -> None:
        self.fn: Callable[..., Any] = resolve("loss", fn)
        check_settings(self.fn, settings)
        self.settings = settings
        super().__init__(name or getattr(self.fn, "__name__", None) or getattr(self.fn, "name", None), dtype)

    def update_state(  # type: ignore[override]
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        """Note a batch. Raises ShapeError if targets, outputs and weights do not fit together."""
        with no_grad():
            values = self.fn(convert_to_tensor(y_true), convert_to_tensor(y_pred), **self.settings)
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        own = {"fn": self.fn} if type(self) is MeanMetricWrapper else {}
        config: dict[str, Any] = serialize({**own, "name": self.name, "dtype": self.dtype, **self.settings})
        return config


class PlainMetric(MeanMetricWrapper):
    """The mean of a function without settings: a subclass names its `function`."""

    function: ClassVar[Callable[..., Any]]

    def __init__(self, name: str | None = None, dtype: DTypeLike | None = None) -> None:
        super().__init__(type(self).function, name, dtype)
