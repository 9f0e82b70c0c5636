"""`tinycnn bench`: how fast the kernels of each backend are on this machine, in a short table.

The cases are the layers of the tutorial's network at batch 64. Times are the least of several rounds, in which the backends take turns,
so that a neighbour's load hits all of them alike; the ratios say more than the times. The NumPy backend is the baseline.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinycnn.errors import BackendError
from tinycnn.geometry import conv2d_geometry, pool2d_geometry
from tinycnn.kernels import native, select
from tinycnn.kernels.spec import KernelSet

__all__ = ["Case", "Timing", "cases", "measure", "run_bench"]

BASELINE = "numpy"
BATCH = 64
#: Seconds for all cases and backends together, compiling not counted.
BUDGET = 10.0
_ROUNDS = 5
_PEAK_SECONDS = 1.0
#: Characters that the table needs; a pipe says it has 80.
_TABLE_WIDTH = 100


@dataclass(frozen=True)
class Case:
    """One kernel call. `flop` counts a multiply-add as two; 0 where memory is the limit."""

    name: str
    flop: int
    #: A method of KernelSet, and what it is called with.
    method: str
    arguments: tuple[Any, ...]
    options: Mapping[str, float] = field(default_factory=dict)

    def run(self, kernels: KernelSet) -> None:
        """Run the kernel once, on these arrays."""
        getattr(kernels, self.method)(*self.arguments, **self.options)


@dataclass
class Timing:
    """The least seconds of one call of `case`, by backend."""

    case: Case
    seconds: dict[str, float] = field(default_factory=dict)


def cases(batch: int) -> list[Case]:
    """The kernels of the tutorial's training step on `batch` pictures, the heaviest first."""
    random = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return random.standard_normal(shape, dtype=np.float32)

    found = []
    for name, size, channels, filters in (("conv3", 7, 64, 128), ("conv2", 14, 32, 64), ("conv1", 28, 1, 32)):
        geometry = conv2d_geometry((batch, size, size, channels), (3, 3, channels, filters), padding="same")
        x, w, b, dy = normal(*geometry.in_shape), normal(*geometry.kernel_shape), normal(filters), normal(*geometry.out_shape)
        at, flop = f"{name} {size}x{size} {channels}->{filters}", 2 * geometry.macs
        found.append(Case(f"{at} forward", flop, "conv2d_forward", (geometry, x, w, b)))
        found.append(Case(f"{at} dW", flop, "conv2d_backward_kernel", (geometry, x, dy)))
        if channels > 1:  # the picture itself needs no gradient
            found.append(Case(f"{at} dX", flop, "conv2d_backward_input", (geometry, dy, w)))
    pool = pool2d_geometry((batch, 28, 28, 32), pool_size=2, strides=2, padding="same")
    x, features, dense = normal(*pool.in_shape), normal(batch, 2048), normal(2048, 128)
    logits, targets = normal(batch, 10), np.eye(10, dtype=np.float32)[random.integers(0, 10, batch)]
    flat = tuple(normal(356_234) ** 2 for _ in range(4))  # weights, gradients and Adam's two moments
    return [
        *found,
        Case("max_pool 28x28x32 2x2", 0, "max_pool2d_forward", (pool, x)),
        Case("leaky_relu 28x28x32", 0, "bias_activation_forward", ("leaky_relu", x, None, 0.1)),
        Case("dense 2048->128", 2 * batch * 2048 * 128, "matmul", (features, dense)),
        Case("softmax + loss 10", 0, "softmax_crossentropy_forward", (logits, targets)),
        Case("adam 356,234", 0, "adam_step", flat, {"alpha": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}),
    ]


def measure(which: Sequence[Case], backends: Mapping[str, KernelSet], budget: float) -> list[Timing]:
    """The least time of each case on each backend; at most about `budget` seconds, after one call each to warm up."""
    share = budget / (len(which) * len(backends) * _ROUNDS)
    timings = []
    for case in which:
        timing = Timing(case, dict.fromkeys(backends, float("inf")))
        for kernels in backends.values():
            case.run(kernels)
        for _ in range(_ROUNDS):
            for name, kernels in backends.items():
                timing.seconds[name] = min(timing.seconds[name], _least_time(case, kernels, share))
        timings.append(timing)
    return timings


def run_bench(backend: str | None = None) -> None:
    """Measure and print the table.

    Args:
        backend: "c", "numba" or "numpy" to see only this one beside the baseline. Default: all that are available.

    Raises:
        BackendError: the backend asked for is not available.
    """
    backends = {}
    for name in dict.fromkeys((backend, BASELINE)) if backend else ("c", "numba", BASELINE):
        try:
            with select.use_backend(name):
                backends[name] = select.current()
        except BackendError as error:
            if name == backend:
                raise
            print(f"{name} is left out: {error}")
    timings = measure(cases(BATCH), backends, BUDGET)
    _print_table(timings, tuple(backends), native.fma_peak(seconds=_PEAK_SECONDS) if "c" in backends else None)


def _least_time(case: Case, kernels: KernelSet, seconds: float) -> float:
    """The least time of one call, calling for `seconds` but at least once."""
    least = float("inf")
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        case.run(kernels)
        now = time.perf_counter()
        least = min(least, now - start)
        if now >= end:
            return least


def _print_table(timings: Sequence[Timing], backends: Sequence[str], peak: float | None) -> None:
    """Rows are kernels; each backend has its time and how many times faster than the baseline it is; the first also its rate."""
    from rich.console import Console
    from rich.table import Table

    first = backends[0]
    table = Table(title=f"tinycnn kernels, batch {BATCH}, float32, threads: {select.get_num_threads()}")
    if peak:
        table.caption = f"FMA peak of this machine, as {first} reaches it: {peak / 1e9:.0f} GFLOP/s"
    table.add_column("kernel", no_wrap=True)
    for name in backends:
        table.add_column(f"{name}, ms", justify="right")
        if name != BASELINE:
            table.add_column(f"x {BASELINE}", justify="right")
    table.add_column(f"{first}, GFLOP/s", justify="right")
    if peak:
        table.add_column("of peak", justify="right")
    for timing in timings:
        row = [timing.case.name]
        for name in backends:
            row.append(f"{timing.seconds[name] * 1e3:.3f}")
            if name != BASELINE:
                row.append(f"{timing.seconds[BASELINE] / timing.seconds[name]:.1f}")
        rate = timing.case.flop / timing.seconds[first]
        row.append(f"{rate / 1e9:.0f}" if rate else "")
        if peak:
            row.append(f"{rate / peak:.0%}" if rate else "")
        table.add_row(*row)
    Console(width=max(Console().width, _TABLE_WIDTH)).print(table)
