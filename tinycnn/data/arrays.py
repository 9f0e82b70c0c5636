"""Arrays with one sample a row: checked, split, weighted."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.data.structure import Structure
from tinycnn.errors import ArgumentError, DataError, ShapeError

__all__ = ["ArrayData", "check_finite", "class_weights_to_sample_weights", "split_validation"]


@dataclass(slots=True)
class ArrayData:
    """Inputs, targets and sample weights, flat, with the same number of samples in each.

    Raises:
        ShapeError: the numbers of samples differ, or there are none.
    """

    x: list[NDArray[Any]]
    y: list[NDArray[Any]]
    #: One entry for each of `y`: (samples,) or finer, or None.
    weights: list[NDArray[Any] | None]
    #: How `x` was given, for models that take lists or dicts.
    structure: Structure = None
    #: How `y` was given, for training steps of a user's own.
    y_structure: Structure = None

    def __post_init__(self) -> None:
        sizes = {len(array) for array in (*self.x, *self.y, *self.weights) if array is not None}
        if len(sizes) != 1:
            told = ", ".join(f"{name} {[len(a) for a in arrays if a is not None]}" for name, arrays in self.parts() if arrays)
            raise ShapeError(f"x, y and sample_weight must have the same number of samples, got {told}")
        if 0 in sizes:
            raise ShapeError(f"x has no samples (shape {self.x[0].shape})")

    @property
    def size(self) -> int:
        """The number of samples."""
        return len(self.x[0])

    def parts(self) -> tuple[tuple[str, Sequence[NDArray[Any] | None]], ...]:
        """(name, arrays) of the three."""
        return ("x", self.x), ("y", self.y), ("sample_weight", self.weights)

    def order_targets(self, keys: Sequence[str]) -> None:
        """Put y and its weights into the order of `keys`, if y was given as a dict: the keys were not known then.

        Raises:
            ArgumentError: y has other keys.
        """
        if not isinstance(self.y_structure, tuple) or self.y_structure == tuple(keys):
            return
        if set(self.y_structure) != set(keys):
            raise ArgumentError(f"y must be a dict with the keys {sorted(keys)}, got {sorted(self.y_structure)}")
        places = [self.y_structure.index(key) for key in keys]
        self.y, self.weights = [self.y[i] for i in places], [self.weights[i] for i in places]
        self.y_structure = tuple(keys)

    def __getitem__(self, rows: slice) -> ArrayData:
        """Some of the samples, as views."""
        weights = [None if w is None else w[rows] for w in self.weights]
        return ArrayData([a[rows] for a in self.x], [a[rows] for a in self.y], weights, self.structure, self.y_structure)


def split_validation(data: ArrayData, fraction: float) -> tuple[ArrayData, ArrayData]:
    """The first samples for training, the last for validation, cut at floor(n * (1 - fraction)) as in Keras.

    Raises:
        ArgumentError: fraction is not between 0 and 1, or leaves one part empty.
    """
    if not isinstance(fraction, numbers.Real) or not 0 < fraction < 1:
        raise ArgumentError(f"validation_split must be between 0 and 1, got {fraction!r}")
    cut = math.floor(data.size * (1 - fraction))
    if not 0 < cut < data.size:
        raise ArgumentError(f"validation_split={fraction} of {data.size} samples leaves none for {'validation' if cut else 'training'}")
    return data[:cut], data[cut:]


def class_weights_to_sample_weights(class_weight: Mapping[int, float], y: NDArray[Any]) -> NDArray[np.float32]:
    """The weight of each sample's class; classes that are not named weigh 1.

    Args:
        class_weight: class number -> weight.
        y: class numbers (N,) or (N, 1), or one-hot rows (N, C).

    Raises:
        ArgumentError, ShapeError: a class is not a whole number >= 0, a weight not a finite one >= 0, or y is of neither form.
    """
    if y.ndim > 2:
        raise ShapeError(f"class_weight needs y of shape (samples,), (samples, 1) or (samples, classes), got {y.shape}")
    if not isinstance(class_weight, Mapping) or not all(_is_weight(c) and c == int(c) and _is_weight(w) for c, w in class_weight.items()):
        raise ArgumentError(f"class_weight must be a dict of class number -> weight, got {class_weight!r}")
    labels = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1).astype(np.int64)
    if labels.size and labels.min() < 0:
        raise ArgumentError(f"class_weight needs class numbers >= 0 in y, got {labels.min()}")
    table: NDArray[np.float32] = np.ones(max([int(labels.max(initial=0)), *map(int, class_weight)]) + 1, np.float32)
    for label, weight in class_weight.items():
        table[int(label)] = weight
    weights: NDArray[np.float32] = table[labels]
    return weights


def _is_weight(value: Any) -> bool:
    """Whether `value` is a finite number >= 0."""
    return isinstance(value, (int, float, np.integer, np.floating)) and 0 <= float(value) < math.inf


def check_finite(arrays: Sequence[NDArray[Any] | None], name: str) -> None:
    """DataError naming the first NaN or infinity; goes through in slices, so that memory stays small."""
    rows = 4096
    for number, array in enumerate(arrays):
        if array is None or array.dtype.kind != "f":
            continue
        for start in range(0, len(array), rows):
            finite = np.isfinite(array[start : start + rows])
            if not finite.all():
                row, *cell = (int(i) for i in np.argwhere(~finite)[0])
                position = (start + row, *cell)
                label = name if len(arrays) == 1 else f"{name}[{number}]"
                raise DataError(f"{label} holds {array[position]} at {position}, expected finite numbers")
