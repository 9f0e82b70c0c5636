"""What a user passes as x, y and sample_weight, checked against the model and made into batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.data import (
    ArrayBatches,
    ArrayData,
    Batch,
    Batches,
    StreamBatches,
    check_finite,
    class_weights_to_sample_weights,
    flatten,
    is_stream,
)
from tinycnn.errors import ArgumentError, DTypeError, ShapeError

__all__ = ["Feed"]


@dataclass(frozen=True)
class Feed:
    """Makes batches for one model and one purpose.

    Args:
        admit: is shown the data before anything is computed - all of it at once, or a stream's batches one by one - and raises if the
            model cannot take it.
        input_names, output_names: the keys that x and y have where they are dicts; None if the model does not know.
        dtype: what the model computes in.
        class_weight: class number -> weight, applied to y.
        finite: whether to look for NaN and infinity first.
    """

    admit: Callable[[ArrayData], None]
    input_names: Sequence[str] | None
    output_names: Sequence[str] | None
    dtype: np.dtype[Any]
    class_weight: Mapping[int, float] | None = None
    finite: bool = False

    def arrays(self, x: Any, y: Any = None, sample_weight: Any = None) -> ArrayData:
        """The three flattened, not yet admitted.

        Raises:
            ArgumentError, DTypeError, ShapeError: naming what is wrong with the arguments themselves.
        """
        inputs, structure = flatten(x, "x", self.input_names)
        targets = [] if y is None else flatten(y, "y", self.output_names)[0]
        data = ArrayData(inputs, targets, self._weights(sample_weight, targets), structure)
        if self.finite:
            for name, arrays in data.parts():
                check_finite(arrays, name)
        return data

    def _weights(self, sample_weight: Any, targets: list[NDArray[Any]]) -> list[NDArray[Any] | None]:
        """One array of sample weights, or None, for each target."""
        if self.class_weight is not None:
            if sample_weight is not None:
                raise ArgumentError("class_weight and sample_weight cannot be given together")
            if len(targets) != 1:
                raise ArgumentError(f"class_weight needs one target, got {len(targets)}")
            return [class_weights_to_sample_weights(self.class_weight, targets[0])]
        if sample_weight is None:
            return [None] * len(targets)
        weights = flatten(sample_weight, "sample_weight", self.output_names)[0]
        if len(weights) not in (1, len(targets)):
            raise ShapeError(f"sample_weight must be one array or one for each of the {len(targets)} targets, got {len(weights)}")
        for weight in weights:
            if weight.dtype.kind not in "fiub":
                raise DTypeError(f"sample_weight must hold numbers, got dtype {weight.dtype}")
        return [*weights] * len(targets) if len(weights) == 1 else [*weights]

    def from_arrays(self, data: ArrayData, batch_size: int | None, shuffle: bool = False) -> ArrayBatches:
        """Admit the data and cut it, into batches of 32 by default."""
        self.admit(data)
        return ArrayBatches(data, 32 if batch_size is None else batch_size, shuffle=shuffle, dtype=self.dtype)

    def from_stream(self, stream: Any) -> StreamBatches:
        """Batches that the user makes, each admitted when it comes."""
        return StreamBatches(stream, lambda parts: self.batch(*parts))

    def batch(self, x: Any, y: Any = None, sample_weight: Any = None) -> Batch:
        """All of it as one batch, admitted."""
        data = self.arrays(x, y, sample_weight)
        self.admit(data)
        return next(iter(ArrayBatches(data, data.size, shuffle=False, dtype=self.dtype)))

    def __call__(self, x: Any, y: Any, sample_weight: Any, batch_size: int | None, shuffle: bool = False) -> Batches:
        """Batches of whatever x is.

        Raises:
            ArgumentError: x is a stream, and y, sample_weight or batch_size, which it brings itself, are given too.
        """
        if not is_stream(x):
            return self.from_arrays(self.arrays(x, y, sample_weight), batch_size, shuffle)
        for name, value in (("y", y), ("sample_weight", sample_weight), ("batch_size", batch_size)):
            if value is not None:
                raise ArgumentError(f"{name} must not be given when x is a stream of batches, which has it already")
        return self.from_stream(x)
