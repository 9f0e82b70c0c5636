"""What a user passes as x, y and sample_weight, checked against the model and made into batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.data import (
    ArrayBatches,
    ArrayData,
    Batch,
    Batches,
    StreamBatches,
    Structure,
    check_finite,
    class_weights_to_sample_weights,
    flatten,
    is_stream,
    split_validation,
    whole,
)
from tinycnn.errors import ArgumentError, ShapeError

__all__ = ["Feed"]


@dataclass(slots=True)
class Feed:
    """Makes batches for one model and one purpose.

    Args:
        admit: is shown the data before anything is computed - all of it at once, or a stream's batches one by one - and raises if the
            model cannot take it.
        input_names, output_names: the keys that x and y have where they are dicts; None if the model does not know.
        input_shapes: of the model's inputs, where it knows them: arrays that only lack a last axis of size 1, as gray images without
            channels, or have one too many, are seen so.
        dtype: what the model computes in.
        class_weight: class number -> weight, applied to y.
        finite: whether to look for NaN and infinity first.
    """

    admit: Callable[[ArrayData], Any]
    input_names: Sequence[str] | None
    output_names: Sequence[str] | None
    input_shapes: Sequence[Sequence[int | None]]
    dtype: np.dtype[Any]
    class_weight: Mapping[int, float] | None = None
    finite: bool = False

    def arrays(self, x: Any, y: Any = None, sample_weight: Any = None) -> ArrayData:
        """The three flattened, not yet admitted.

        Raises:
            ArgumentError, DTypeError, ShapeError: naming what is wrong with the arguments themselves.
        """
        inputs, structure = flatten(x, "x", self.input_names)
        if self.input_names is not None and len(inputs) != len(self.input_names):
            count = len(self.input_names)
            raise ShapeError(f"x has {len(inputs)} arrays, the model has {count} input{'s' * (count != 1)}: {list(self.input_names)}")
        if self.input_shapes:
            inputs = [a if a.ndim == len(shape) else _seen_as(a, shape) for a, shape in zip(inputs, self.input_shapes, strict=True)]
        targets, y_structure = ([], None) if y is None else flatten(y, "y", self.output_names)
        data = ArrayData(inputs, targets, self.weights(sample_weight, targets, y_structure), structure, y_structure)
        if self.finite:
            for name, arrays in data.parts():
                check_finite(arrays, name)
        return data

    def weights(self, sample_weight: Any, targets: list[NDArray[Any]], y_structure: Structure = None) -> list[NDArray[Any] | None]:
        """One array of sample weights, or None, for each target; `y_structure` is how these were given.

        Raises:
            ArgumentError, ShapeError: there are class weights, too; or there is another number of arrays than of targets.
        """
        if self.class_weight is not None:
            if sample_weight is not None:
                raise ArgumentError("class_weight and sample_weight cannot be given together")
            if len(targets) != 1:
                raise ArgumentError(f"class_weight needs one target, got {len(targets)}")
            return [class_weights_to_sample_weights(self.class_weight, targets[0])]
        if sample_weight is None:
            return [None] * len(targets)
        keys = self.output_names or (y_structure if isinstance(y_structure, tuple) else None)
        parts = _by_target(sample_weight, len(targets), keys)
        return [None if part is None else flatten(part, "sample_weight")[0][0] for part in parts]

    def split(self, x: Any, y: Any, sample_weight: Any, fraction: float) -> tuple[ArrayData, ArrayData]:
        """The three for training and for validation, of which the latter knows no class weights."""
        train, held_out = split_validation(self.arrays(x, y, sample_weight), fraction)
        if self.class_weight is not None:
            held_out = replace(held_out, weights=[None] * len(held_out.y))
        return train, held_out

    def from_arrays(self, data: ArrayData, batch_size: int | None, shuffle: bool | str = False) -> ArrayBatches:
        """Admit the data and cut it, into batches of 32 by default."""
        self.admit(data)
        return ArrayBatches(data, 32 if batch_size is None else batch_size, shuffle=shuffle, dtype=self.dtype)

    def from_stream(self, stream: Any, shuffle: bool | str = False) -> StreamBatches:
        """Batches that the user makes, each admitted when it comes."""
        return StreamBatches(stream, lambda parts: self.batch(*parts), shuffle)

    def batch(self, x: Any, y: Any = None, sample_weight: Any = None) -> Batch:
        """All of it as one batch, admitted."""
        data = self.arrays(x, y, sample_weight)
        self.admit(data)
        return whole(data, self.dtype)

    def __call__(self, x: Any, y: Any, sample_weight: Any, batch_size: int | None, shuffle: bool | str = False) -> Batches:
        """Batches of whatever x is.

        Raises:
            ArgumentError: x is a stream, and y, sample_weight or batch_size, which it brings itself, are given too.
        """
        if not is_stream(x):
            return self.from_arrays(self.arrays(x, y, sample_weight), batch_size, shuffle)
        for name, value in (("y", y), ("sample_weight", sample_weight), ("batch_size", batch_size)):
            if value is not None:
                raise ArgumentError(f"{name} must not be given when x is a stream of batches, which has it already")
        return self.from_stream(x, shuffle)


def _by_target(sample_weight: Any, count: int, keys: Sequence[str] | None) -> Sequence[Any]:
    """What was given as the weights of each of so many targets: a dict may leave some out, a lone array is for all."""
    if isinstance(sample_weight, Mapping):
        names = list(sample_weight if keys is None else keys)
        unknown = set(sample_weight) - set(names)
        if unknown:
            raise ArgumentError(f"sample_weight names {sorted(unknown)}, but the outputs are {names}")
        return [sample_weight.get(name) for name in names]
    if isinstance(sample_weight, (list, tuple)) and any(p is None or (hasattr(p, "__array__") and np.ndim(p)) for p in sample_weight):
        if len(sample_weight) not in (1, count):
            raise ShapeError(f"sample_weight must be one array or one for each of the {count} targets, got {len(sample_weight)}")
        return [*sample_weight] * count if len(sample_weight) == 1 else sample_weight
    return [sample_weight] * count


def _seen_as(array: NDArray[Any], shape: Sequence[int | None]) -> NDArray[Any]:
    """A view of `array` that has a last axis of size 1 more or less, if that is all in which it differs from `shape`."""
    if shape[-1] == 1 and _fits(array.shape[1:], shape[1:-1]):
        return array[..., None]
    return array[..., 0] if array.shape[-1] == 1 and _fits(array.shape[1:-1], shape[1:]) else array


def _fits(sizes: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(sizes) == len(wanted) and all(w is None or w == n for n, w in zip(sizes, wanted, strict=True))
