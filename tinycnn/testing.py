"""For your own ops, layers and kernels: check gradients against differences, and backends against each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd.engine import no_grad
from tinycnn.autograd.tensor import Tensor
from tinycnn.errors import TinyCNNError
from tinycnn.kernels.select import available_backends, use_backend
from tinycnn.ops.convert import convert_to_numpy

__all__ = ["CheckError", "check_grads", "compare_backends"]


class CheckError(TinyCNNError, AssertionError):
    """A gradient, or a backend, is not what it should be."""


def check_grads(
    function: Callable[..., Tensor], *inputs: Any, epsilon: float = 1e-6, rtol: float = 1e-5, atol: float = 1e-7, seed: int = 0
) -> None:
    """Compare `backward` with central differences, in float64.

    The result is projected on random numbers, L = sum(function(*inputs) * r), and every cell of every input is moved by
    +-epsilon: (L(x + e) - L(x - e)) / (2 e). Stay away from kinks (ties of a maximum, 0 of a relu): there is no derivative there.

    Args:
        function: Tensors in, one Tensor out; deterministic.
        *inputs: arrays or numbers; used as float64.
        epsilon: the step of the differences.
        rtol, atol: |got - expected| <= atol + rtol * max(|expected|), over each input.
        seed: of the projection.

    Raises:
        CheckError: naming the input, the cell, the gradient got and the one expected.
    """
    arrays = [np.array(convert_to_numpy(x), np.float64) for x in inputs]
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    y = function(*leaves)
    projection = np.random.default_rng(seed).standard_normal(y.shape)
    y.backward(projection)

    def loss() -> float:
        with no_grad():
            return float((function(*[Tensor.wrap(a) for a in arrays]).numpy() * projection).sum())

    for number, (array, leaf) in enumerate(zip(arrays, leaves, strict=True)):
        expected = np.empty_like(array)
        for cell in np.ndindex(array.shape):
            value = array[cell]
            array[cell] = value + epsilon
            above = loss()
            array[cell] = value - epsilon
            below = loss()
            array[cell] = value
            expected[cell] = (above - below) / (2 * epsilon)
        got = np.zeros_like(array) if leaf.grad is None else leaf.grad
        _compare(got, expected, rtol, atol, f"the gradient of input {number}")


def compare_backends(
    function: Callable[[], Any], *, rtol: float = 1e-5, atol: float = 1e-6, backends: tuple[str, ...] | None = None
) -> dict[str, NDArray[Any]]:
    """Run `function` on every available backend and compare the results with those of the NumPy backend.

    Args:
        function: no arguments; returns a Tensor or an array; deterministic.
        rtol, atol: |got - expected| <= atol + rtol * max(|expected|).
        backends: which ones; default: all that are available here.

    Returns:
        The result of each backend.

    Raises:
        CheckError: naming the backend, the cell, and both values.
    """
    if backends is None:
        backends = tuple(name for name, state in available_backends().items() if state == "available")
    results: dict[str, NDArray[Any]] = {}
    for name in ("numpy", *(b for b in backends if b != "numpy")):
        with use_backend(name):
            results[name] = np.array(convert_to_numpy(function()))
        _compare(results[name], results["numpy"], rtol, atol, f"the result of backend {name!r}")
    return results


def _compare(got: NDArray[Any], expected: NDArray[Any], rtol: float, atol: float, what: str) -> None:
    if got.shape != expected.shape:
        raise CheckError(f"{what} has shape {got.shape}, expected {expected.shape}")
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    wrong = ~((np.abs(got - expected) <= atol + rtol * scale) | (got == expected) | (np.isnan(got) & np.isnan(expected)))
    if wrong.any():
        cell = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise CheckError(f"{what} is {got[cell]:.9g} at {cell}, expected {expected[cell]:.9g} ({wrong.sum()} of {wrong.size} cells differ)")
