"""The C backend: `load` gives it, with every operand checked before the binding `_native` hands it to C."""

# mypy: disable-error-code="no-any-return"
# What the binding returns is known to `spec` and to this file, not to mypy.

from __future__ import annotations

import os
import time
from typing import Any

from numpy.typing import DTypeLike

from tinycnn.config import check_num_threads, default_num_threads
from tinycnn.errors import ArgumentError, BackendError
from tinycnn.kernels.checked import CheckedKernels
from tinycnn.kernels.spec import Array, KernelSet

try:
    from tinycnn.kernels import _native  # type: ignore[attr-defined]
except ImportError as error:  # not built, or built for another machine; `load` says so to whoever asks for it
    _native = None
    _reason = str(error)

__all__ = ["allocator_stats", "fma_peak", "get_num_threads", "isa", "isas", "load", "set_isa", "set_num_threads", "trim"]


class NativeKernels(CheckedKernels):
    """The C kernels; arrays come from their own caching allocator."""

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        return _binding().empty(shape, dtype)

    def last_algorithm(self) -> str:
        return _binding().noted_algorithm()


def load() -> KernelSet:
    """The C backend, on the level of TINYCNN_ISA or the best this processor runs, with the configured number of threads.

    Raises BackendError, with the reason, where the extension is not built; ArgumentError where TINYCNN_ISA names a level that does not run
    here, which no other backend may stand in for.
    """
    binding = _binding()
    wanted = os.environ.get("TINYCNN_ISA", "").strip()
    if wanted:
        set_isa(wanted, "TINYCNN_ISA")
    binding.set_num_threads(default_num_threads())
    return NativeKernels("c", binding)


def isa() -> str:
    """The instruction-set level in force, as the kernels themselves report it."""
    return _binding().isa()


def isas() -> tuple[str, ...]:
    """The levels that were compiled in and that this processor runs, best first."""
    return tuple(level for level, runs in _binding().isas().items() if runs)


def set_isa(name: str, argument: str = "name") -> None:
    """Force a level, for tests and comparisons. Raises ArgumentError unless it was compiled in and this processor runs it."""
    compiled = _binding().isas()
    if name not in compiled:
        raise ArgumentError(f"{argument} must be one of the levels compiled in ({', '.join(compiled)}), got {name!r}")
    if not compiled[name]:
        raise ArgumentError(f"{argument} is {name!r}, which this processor or system does not support; it runs {', '.join(isas())}")
    _binding().set_isa(name)


def set_num_threads(n: int) -> None:
    """How many threads the kernels use, the calling one included. Raises ArgumentError unless 1 <= n <= config.MAX_THREADS."""
    _binding().set_num_threads(check_num_threads(n))


def get_num_threads() -> int:
    """How many threads the kernels may use."""
    return _binding().get_num_threads()


def allocator_stats() -> dict[str, int]:
    """bytes_in_use, bytes_cached, requests and system_requests (those that no cached block could serve)."""
    return _binding().allocator_stats()


def trim() -> None:
    """Give the blocks that the allocator keeps for later back to the system."""
    _binding().trim()


def fma_peak(dtype: str = "float32", seconds: float = 1.0) -> float:
    """FLOP per second that all threads reach together at best: multiply-adds on registers alone, the fastest slice within `seconds`.

    A slice takes about a millisecond, as short as a kernel, so that a neighbour on the machine disturbs it no more than them.
    """
    binding = _binding()
    best = 0.0
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        flop = binding.fma_peak(dtype, 100_000)
        best = max(best, flop / (time.perf_counter() - start))
    return best


def _binding() -> Any:
    if _native is None:
        raise BackendError(f"the C kernels are not built ({_reason}); reinstall tinycnn with a C compiler and TINYCNN_BUILD=require")
    return _native
