"""`tinycnn bench`: how fast the kernels of each backend are on this machine, in a short table.

The cases are the layers of the tutorial's network at batch 64. Times are the least of several rounds, in which the backends take turns,
so that a neighbour's load hits all of them alike; the ratios say more than the times. The NumPy backend is the baseline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinycnn.errors import BackendError
from tinycnn.geometry import conv2d_geometry, pool2d_geometry
from tinycnn.kernels import select
from tinycnn.kernels.spec import KernelSet

__all__ = ["Case", "Timing", "cases", "measure", "run_bench"]

BASELINE = "numpy"
BATCH = 64
#: Seconds for all cases and backends together, compiling not counted.
BUDGET = 10.0
_ROUNDS = 5


@dataclass(frozen=True)
class Case:
    """One kernel call. `flop` counts a multiply-add as two; 0 where memory is the limit."""

    name: str
    flop: int
    call: Callable[[KernelSet], object]


@dataclass
class Timing:
    """The least seconds of one call of `case`, by backend."""

    case: Case
    seconds: dict[str, float] = field(default_factory=dict)


def cases(batch: int = BATCH) -> list[Case]:
    """The kernels of the tutorial's training step, the heaviest first."""
    random = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return random.standard_normal(shape, dtype=np.float32)

    found = []
    for name, size, channels, filters in (("conv3", 7, 64, 128), ("conv2", 14, 32, 64), ("conv1", 28, 1, 32)):
        geometry = conv2d_geometry((batch, size, size, channels), (3, 3, channels, filters), padding="same")
        x, w, b, dy = normal(*geometry.in_shape), normal(*geometry.kernel_shape), normal(filters), normal(*geometry.out_shape)
        at, flop = f"{name} {size}x{size} {channels}->{filters}", 2 * geometry.macs
        found.append(Case(f"{at} forward", flop, lambda k, g=geometry, x=x, w=w, b=b: k.conv2d_forward(g, x, w, b)))
        found.append(Case(f"{at} dW", flop, lambda k, g=geometry, x=x, dy=dy: k.conv2d_backward_kernel(g, x, dy)))
        if channels > 1:  # the picture itself needs no gradient
            found.append(Case(f"{at} dX", flop, lambda k, g=geometry, w=w, dy=dy: k.conv2d_backward_input(g, dy, w)))
    pool = pool2d_geometry((batch, 28, 28, 32), (2, 2), padding="same")
    activations, features, dense = normal(*pool.in_shape), normal(batch, 2048), normal(2048, 128)
    logits, targets = normal(batch, 10), np.eye(10, dtype=np.float32)[random.integers(0, 10, batch)]
    weights, gradient, first, second = (normal(356_234) ** 2 for _ in range(4))
    return [
        *found,
        Case("max_pool 28x28x32 2x2", 0, lambda k: k.max_pool2d_forward(pool, activations)),
        Case("leaky_relu 28x28x32", 0, lambda k: k.bias_activation_forward("leaky_relu", activations, None, 0.1)),
        Case("dense 2048->128", 2 * batch * 2048 * 128, lambda k: k.matmul(features, dense)),
        Case("softmax + loss 10", 0, lambda k: k.softmax_crossentropy_forward(logits, targets)),
        Case(
            "adam 356,234",
            0,
            lambda k: k.adam_step(weights, gradient, first, second, alpha=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7),
        ),
    ]


def measure(which: Sequence[Case], backends: Sequence[str], budget: float = BUDGET) -> list[Timing]:
    """The least time of each case on each backend; at most about `budget` seconds, after one call each to warm up."""
    kernels = {}
    for name in backends:
        with select.use_backend(name):
            kernels[name] = select.current()
    timings = []
    for case in which:
        timing = Timing(case, dict.fromkeys(kernels, float("inf")))
        for kernel_set in kernels.values():
            case.call(kernel_set)
        share = budget / (len(which) * len(kernels) * _ROUNDS)
        for _ in range(_ROUNDS):
            for name, kernel_set in kernels.items():
                timing.seconds[name] = min(timing.seconds[name], _least_time(case, kernel_set, share))
        timings.append(timing)
    return timings


def run_bench(backend: str | None = None) -> None:
    """Measure and print the table.

    Args:
        backend: "c", "numba" or "numpy" to see only this one beside the baseline. Default: all that are available.

    Raises:
        BackendError: the backend asked for is not available.
    """
    available = select.available_backends()
    if backend is not None and available[backend] != "available":
        raise BackendError(f"backend {backend!r} is not available: {available[backend]}")
    chosen = [name for name, state in available.items() if state == "available" and (backend is None or name in (backend, BASELINE))]
    for name, state in available.items():
        if state != "available":
            print(f"{name} is left out: {state}")
    peak = _fma_peak()
    _print_table(measure(cases(), chosen), chosen, peak)


def _least_time(case: Case, kernels: KernelSet, seconds: float) -> float:
    """The least time of one call, calling for `seconds` but at least once."""
    least = float("inf")
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        case.call(kernels)
        now = time.perf_counter()
        least = min(least, now - start)
        if now >= end:
            return least


def _print_table(timings: Sequence[Timing], backends: Sequence[str], peak: float | None) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"tinycnn kernels, batch {BATCH}, float32, {select.get_num_threads()} threads"
    table = Table(title=title + (f", FMA peak {peak / 1e9:.0f} GFLOP/s" if peak else ""))
    table.add_column("kernel")
    for name in backends:
        table.add_column(f"{name}, ms", justify="right")
        if name != BASELINE:
            table.add_column(f"x {BASELINE}", justify="right")
    table.add_column(f"{backends[0]}, GFLOP/s", justify="right")
    if peak:
        table.add_column("of peak", justify="right")
    for timing in timings:
        row = [timing.case.name]
        for name in backends:
            row.append(f"{timing.seconds[name] * 1e3:.3f}")
            if name != BASELINE:
                row.append(f"{timing.seconds[BASELINE] / timing.seconds[name]:.1f}")
        rate = timing.case.flop / timing.seconds[backends[0]]
        row.append(f"{rate / 1e9:.0f}" if rate else "")
        if peak:
            row.append(f"{rate / peak:.0%}" if rate else "")
        table.add_row(*row)
    Console(width=max(100, Console().width)).print(table)
