"""Variables side by side in one buffer, their gradients in another: an optimizer step is then one pass over two arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn.autograd import Variable

__all__ = ["FlatVariables", "by_dtype"]

Array = NDArray[Any]

#: Every variable starts at a multiple of this many bytes: a cache line, and the widest vector register.
ALIGNMENT = 64


class FlatVariables:
    """The variables of one dtype, their gradients, and an optimizer's slots: flat arrays with the same places.

    A variable can be moved elsewhere, into another optimizer's buffers or by a deep copy; `gather` notices that and takes it back.
    The gaps that alignment leaves belong to nobody: update rules may run over them, norms must not.

    Args:
        variables: of one dtype, each once.
        slots: names of the optimizer's arrays beside each weight; they start at 0.
    """

    def __init__(self, variables: Sequence[Variable], slots: Sequence[str]) -> None:
        self.variables = list(variables)
        dtype = variables[0].dtype
        places, size = [], 0
        for variable in variables:
            places.append(slice(size, size + variable.size))
            size += math.ceil(variable.size * dtype.itemsize / ALIGNMENT) * ALIGNMENT // dtype.itemsize
        self.places = places
        self.weights = _aligned_zeros(size, dtype)
        self.gradients = _aligned_zeros(size, dtype)
        self.slots = {name: _aligned_zeros(size, dtype) for name in slots}
        self._chosen: list[int] = []
        self._runs: list[slice] = []
        for i in range(len(self.variables)):
            self._take(i)

    def _take(self, i: int) -> None:
        """Move variable i, and the gradient it may have, into the buffers."""
        variable, gradient = self.variables[i], self.variables[i].grad
        home = self.view(self.gradients, i)
        variable.rebind(self.view(self.weights, i), home)
        if gradient is not None:
            home[...] = gradient
            variable.grad = home

    def view(self, flat: Array, i: int) -> Array:
        """The part of a flat array that belongs to variable i, in its shape."""
        return flat[self.places[i]].reshape(self.variables[i].shape)

    def gather(self) -> list[int]:
        """Bring every weight and gradient home; -> the numbers of the variables that are trainable and have a gradient."""
        weights, gradients = _owner(self.weights), _owner(self.gradients)
        ready = []
        for i, variable in enumerate(self.variables):
            if variable.data.base is not weights:
                self._take(i)
            gradient = variable.grad
            if gradient is None or not variable.requires_grad:  # frozen
                continue
            if gradient.base is not gradients:
                self.view(self.gradients, i)[...] = gradient
                variable.grad = self.view(self.gradients, i)
            ready.append(i)
        return ready

    def runs(self, chosen: list[int]) -> list[slice]:
        """The fewest slices of the flat arrays that cover the variables `chosen`, in ascending order, and no others."""
        if chosen != self._chosen:  # nearly always the same ones as in the last step
            starts = [place.start for place in self.places] + [len(self.weights)]
            self._chosen, self._runs = chosen, [slice(starts[first], starts[last + 1]) for first, last in _consecutive(chosen)]
        return self._runs

    def each(self, flat: Array, chosen: Sequence[int]) -> Iterator[Array]:
        """The flat parts of an array that belong to the variables `chosen`."""
        return (flat[self.places[i]] for i in chosen)


def _consecutive(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """[0, 1, 2, 5, 6] -> (0, 2), (5, 6)"""
    start = 0
    for end in range(1, len(numbers) + 1):
        if end == len(numbers) or numbers[end] != numbers[end - 1] + 1:
            yield numbers[start], numbers[end - 1]
            start = end


def _aligned_zeros(size: int, dtype: DTypeLike) -> Array:
    itemsize = np.dtype(dtype).itemsize
    raw = np.zeros(size * itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size * itemsize].view(dtype)


def _owner(array: Array) -> Any:
    """What the `base` of every view into `array` is."""
    return array if array.base is None else array.base


def by_dtype(variables: Sequence[Variable], make: Callable[[list[Variable]], FlatVariables]) -> list[FlatVariables]:
    """One group for each dtype, in the order of first appearance."""
    groups: dict[np.dtype[Any], list[Variable]] = {}
    for variable in variables:
        groups.setdefault(variable.dtype, []).append(variable)
    return [make(group) for group in groups.values()]
