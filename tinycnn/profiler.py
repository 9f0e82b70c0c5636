"""Where the time goes, kernel by kernel.

    with tinycnn.profiler.profile() as p:
        model.fit(x, y)
    print(p)                # a table
    p.save("trace.json")    # every call on a time line: open it at https://ui.perfetto.dev

Inside the block each backend's kernels stand behind a proxy that reads the clock before and after every call (`select.wrapping`);
outside of it there is no proxy, and nothing is paid. What a call computes is counted from its operands by `WORK`, one line a kernel.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from tinycnn.geometry import Conv2dGeometry, Pool2dGeometry
from tinycnn.kernels import select
from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.saving.atomic import replacing

__all__ = ["Profile", "Row", "profile"]

#: How long the machine's FMA peak is measured, where it is asked for.
_PEAK_SECONDS = 0.5


# ---------------------------------------------------------------------------------------------------- what a call computes
class Work(NamedTuple):
    """One kernel call: the sizes that tell it from others (N is any batch), its FLOP, and the bytes it writes into its operands."""

    sizes: str
    flop: int
    written: int = 0


def _convolution(g: Conv2dGeometry, times: int = 1, to: Sequence[int] | None = None) -> Work:
    dilation = f", dilation {g.dilation_h}x{g.dilation_w}" if (g.dilation_h, g.dilation_w) != (1, 1) else ""
    groups = f", {g.groups} groups" if g.groups > 1 else ""
    sizes = f"{_rows_of(g.in_shape)} -> {_rows_of(to or g.out_shape)}, {g.kernel_h}x{g.kernel_w}{dilation}{groups}"
    return Work(sizes, 2 * g.macs * times)


def _pooling(g: Pool2dGeometry, per_window: int) -> Work:
    windows = g.batch * g.out_h * g.out_w * g.channels
    return Work(f"{_rows_of(g.in_shape)} -> {_rows_of(g.out_shape)}, {g.window_h}x{g.window_w}", windows * per_window)


def _product(a: Array, b: Array, transpose_a: bool, transpose_b: bool, note: str = "", times: int = 1) -> Work:
    (m, k), n = a.shape[:: -1 if transpose_a else 1], b.shape[0 if transpose_b else 1]
    return Work(f"{m}x{k} @ {k}x{n}{note}", 2 * m * k * n * times)


def _each(x: Array, flop: int, note: str = "") -> Work:
    return Work(_rows_of(x.shape) + note, x.size * flop)


def _update(w: Array, flop: int, arrays_written: int) -> Work:
    return Work(str(w.size), w.size * flop, arrays_written * w.nbytes)


def _rows_of(shape: Sequence[int]) -> str:
    return "x".join(["N", *map(str, shape[1:])])


#: Every kernel of KernelSet, with its own parameters -> Work. The FLOP are those of the formulas in `spec` as they stand: a multiply-add
#: is two; a comparison, a division, a root, an exponential, an activation or its derivative is one. A convolution counts as the direct
#: sum of its products (what comes after them left out) whatever algorithm runs, so one that multiplies less may pass the machine's peak.
WORK: dict[str, Callable[..., Work]] = {
    "conv2d_forward": lambda geometry, x, w, b: _convolution(geometry),
    "conv2d_backward_input": lambda geometry, dy, w: _convolution(geometry),
    "conv2d_backward_kernel": lambda geometry, x, dy, *, into=None: _convolution(geometry),
    "max_pool2d_forward": lambda geometry, x: _pooling(geometry, geometry.window_h * geometry.window_w - 1),
    "max_pool2d_backward": lambda geometry, dy, argmax: _pooling(geometry, 1),
    "avg_pool2d_forward": lambda geometry, x: _pooling(geometry, geometry.window_h * geometry.window_w),
    "avg_pool2d_backward": lambda geometry, dy: _pooling(geometry, geometry.window_h * geometry.window_w + 1),
    "conv2d_pool_forward": lambda geometry, kind, x, w, b, alpha, wants_argmax=True: _convolution(geometry.conv, 1, geometry.out_shape),
    "conv2d_pool_backward": lambda geometry, kind, x, w, y, argmax, dy, alpha, needs, *, dw_into=None: _convolution(
        geometry.conv, needs[0] + needs[1], geometry.out_shape
    ),
    "matmul": lambda a, b, *, transpose_a=False, transpose_b=False, into=None: _product(a, b, transpose_a, transpose_b),
    "affine_forward": lambda kind, x, w, b, alpha=0.0: _product(x, w, False, False, f", {kind}"),
    "affine_backward": lambda kind, x, w, y, dy, alpha, needs, *, dw_into=None: _product(
        x, w, False, False, f", {kind}", needs[0] + needs[1]
    ),
    "sum_rows": lambda x: _each(x, 1),
    "bias_activation_forward": lambda kind, x, b, alpha=0.0: _each(x, (kind != "linear") + (b is not None), f", {kind}"),
    "activation_backward": lambda kind, dy, y, alpha=0.0: _each(dy, 2 * (kind != "linear"), f", {kind}"),
    "softmax": lambda x: _each(x, 5),
    "softmax_crossentropy_forward": lambda logits, targets: _each(logits, 8),
    "softmax_crossentropy_backward": lambda dloss, probabilities, targets: _each(probabilities, 4),
    "batch_norm_moments": lambda x: _each(x, 4),
    "batch_norm_forward": lambda x, mean, variance, gamma, beta, epsilon: _each(x, 4),
    "batch_norm_backward": lambda dy, x, mean, variance, gamma, epsilon, *, training: _each(dy, 9 if training else 6),
    "dropout_mask": lambda shape, rate, seed, dtype: Work(_rows_of(shape), 0),
    "sgd_step": lambda w, g, m, *, learning_rate, momentum=0.0, nesterov=False: _update(
        w, 2 if m is None else 7 if nesterov else 4, 1 if m is None else 2
    ),
    "adam_step": lambda w, g, m, v, *, alpha, beta_1, beta_2, epsilon: _update(w, 12, 3),
}


# ---------------------------------------------------------------------------------------------------- recording
class _Kind(NamedTuple):
    """What calls have in common that make one row of the table."""

    kernel: str
    algorithm: str
    sizes: str
    dtype: np.dtype[Any]  # its name is slow to get
    backend: str


class _Call(NamedTuple):
    """One call; times in nanoseconds of `time.perf_counter_ns`."""

    kind: _Kind
    flop: int
    bytes: int
    start: int
    end: int
    thread: int


class _RecordingKernels:
    """Stands before the kernels of one backend and reports each call."""

    def __init__(self, kernels: KernelSet, report: Callable[[_Call], None]) -> None:
        self.name = kernels.name
        self.empty, self.last_algorithm = kernels.empty, kernels.last_algorithm  # compute nothing
        for kernel in WORK:
            setattr(self, kernel, _recorded(kernel, kernels, report))


def _recorded(kernel: str, kernels: KernelSet, report: Callable[[_Call], None]) -> Callable[..., Any]:
    """The method `kernel` of `kernels`, reporting. A call that raises is not reported: its operands may be anything."""
    method, work_of, backend = getattr(kernels, kernel), WORK[kernel], kernels.name
    chooses = kernel.startswith("conv2d")
    kinds: dict[_Kind, _Kind] = {}  # equal kinds are one object: a long training has millions of calls

    def call(*arguments: Any, **options: Any) -> Any:
        start = time.perf_counter_ns()
        results = method(*arguments, **options)
        end = time.perf_counter_ns()
        work = work_of(*arguments, **options)
        operands = (*arguments, *options.values(), *(results if isinstance(results, tuple) else (results,)))
        arrays = [a for a in operands if isinstance(a, np.ndarray)]
        dtype = next(a.dtype for a in arrays if a.dtype.kind == "f")
        nbytes = sum([a.nbytes for a in arrays]) + work.written
        kind = _Kind(kernel, kernels.last_algorithm() if chooses else "", work.sizes, dtype, backend)
        report(_Call(kinds.setdefault(kind, kind), work.flop, nbytes, start, end, threading.get_ident()))
        return results

    return call


# ---------------------------------------------------------------------------------------------------- the result
@dataclass(frozen=True)
class Row:
    """All calls of one kernel on operands of the same sizes but for the batch, N."""

    kernel: str  #: the method of `KernelSet`
    algorithm: str  #: of a convolution: the way it took; "" where there is but one
    sizes: str
    dtype: str
    backend: str
    calls: int
    seconds: float
    flop: int
    bytes: int  #: every operand read once and every result written once, at least
    fraction_of_peak: float | None  #: of the machine's multiply-adds; None where no peak is known, or nothing is computed

    @property
    def gflops(self) -> float:
        """10^9 FLOP per second."""
        return self.flop / self.seconds / 1e9 if self.seconds else 0.0


class Profile:
    """The kernel calls of a `profile` block: so far while it runs, all of them afterwards. Keeps about 200 bytes a call.

    `print` gives a table, a row for each `rows()`, the longest first. A last line has the time outside of kernels, in Python and NumPy and
    in the recording itself (some microseconds a call), so that the column adds up to the wall time; with kernels in several threads at
    once it adds up to more, and the table says so.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._threads = {threading.get_ident(): threading.current_thread().name}
        self._peaks: dict[str, float] = {}
        self._end: int | None = None
        self._start = time.perf_counter_ns()

    @property
    def wall_time(self) -> float:
        """Seconds from the beginning of the block to its end, or to now."""
        return ((self._end or time.perf_counter_ns()) - self._start) / 1e9

    @property
    def outside(self) -> float:
        """Seconds of the wall time in which no kernel ran in any thread."""
        wall_time, busy, reached = self.wall_time, 0, 0
        for call in sorted(self._calls, key=lambda call: call.start):
            busy += max(0, call.end - max(call.start, reached))
            reached = max(reached, call.end)
        return max(0.0, wall_time - busy / 1e9)

    def rows(self) -> list[Row]:
        """One row for each kernel, sizes, dtype and backend; the one that took longest first.

        The fraction of the peak is known for the C backend, after the block: asking for it measures the peak once (half a second).
        """
        groups: dict[_Kind, list[_Call]] = {}
        for call in self._calls.copy():
            groups.setdefault(call.kind, []).append(call)
        return sorted((self._row(kind, calls) for kind, calls in groups.items()), key=lambda row: -row.seconds)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write every call in the JSON of the Trace Event Format, which https://ui.perfetto.dev and chrome://tracing open.

        The file takes its name when it is complete. Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU

        Raises:
            OSError: naming `path`; a file that was there is still there.
        """
        events = ",\n".join(map(json.dumps, self._events()))
        with replacing(path) as stream:
            stream.write(f'{{"displayTimeUnit": "ms", "traceEvents": [\n{events}\n]}}\n'.encode())

    def __str__(self) -> str:
        wall_time, outside, rows = self.wall_time, self.outside, self.rows()
        cells: list[tuple[str, ...]] = [
            ("kernel", "algorithm", "sizes", "dtype", "backend", "calls", "ms", "time", "GFLOP", "MB", "GFLOP/s", "of peak")
        ]
        cells += [_cells(row, wall_time) for row in rows]
        cells += [("outside of kernels", "", "", "", "", "", *_time_cells(outside, wall_time), "", "", "", "")]
        cells += [("wall time", "", "", "", "", "", *_time_cells(wall_time, wall_time), "", "", "", "")]
        lines = _aligned(cells, left=5)
        for dtype, peak in self._peaks.items():
            lines.append(f"peak: {peak / 1e9:.0f} GFLOP/s of {dtype} multiply-adds in {select.get_num_threads()} threads")
        if sum(row.seconds for row in rows) + outside > wall_time * 1.001:
            lines.append("Kernels ran in several threads at once: their times add up to more than the wall time.")
        return "\n".join(lines)

    def _report(self, call: _Call) -> None:
        """May be called by any thread, also by one that computes on after the block."""
        if self._end is None:
            self._threads.setdefault(call.thread, threading.current_thread().name)
            self._calls.append(call)

    def _finish(self) -> None:
        self._end = time.perf_counter_ns()

    def _row(self, kind: _Kind, calls: list[_Call]) -> Row:
        kernel, algorithm, sizes, dtype, backend = kind
        seconds = sum(call.end - call.start for call in calls) / 1e9
        flop = sum(call.flop for call in calls)
        fraction = None
        if backend == "c" and flop and seconds and self._end is not None:
            fraction = flop / seconds / self._peak(dtype.name)
        return Row(kernel, algorithm, sizes, dtype.name, backend, len(calls), seconds, flop, sum(call.bytes for call in calls), fraction)

    def _peak(self, dtype: str) -> float:
        if dtype not in self._peaks:
            from tinycnn.kernels import native  # loads the C extension

            self._peaks[dtype] = native.fma_peak(dtype, _PEAK_SECONDS)
        return self._peaks[dtype]

    def _events(self) -> Iterator[dict[str, Any]]:
        """A name for each thread, the block as a whole, and the calls in it; times in microseconds since it began."""
        process, calls, threads = os.getpid(), self._calls.copy(), self._threads.copy()
        number = {thread: i for i, thread in enumerate(threads, 1)}  # a thread's own identifier has more bits than viewers take
        for thread, name in threads.items():
            yield {"name": "thread_name", "ph": "M", "pid": process, "tid": number[thread], "args": {"name": name}}
        yield {"name": "profile", "ph": "X", "ts": 0, "dur": self.wall_time * 1e6, "pid": process, "tid": 1}
        for call in calls:
            kernel, algorithm, sizes, dtype, backend = call.kind
            yield {
                "name": kernel,
                "cat": "kernel",
                "ph": "X",
                "ts": (call.start - self._start) / 1e3,
                "dur": (call.end - call.start) / 1e3,
                "pid": process,
                "tid": number[call.thread],
                "args": {
                    "algorithm": algorithm,
                    "sizes": sizes,
                    "dtype": dtype.name,
                    "backend": backend,
                    "flop": call.flop,
                    "bytes": call.bytes,
                },
            }


def _cells(row: Row, wall_time: float) -> tuple[str, ...]:
    computing = (f"{row.gflops:.1f}" if row.flop else "", "" if row.fraction_of_peak is None else f"{row.fraction_of_peak:.0%}")
    amounts = (f"{row.flop / 1e9:.3f}" if row.flop else "", f"{row.bytes / 1e6:.1f}")
    return (
        row.kernel,
        row.algorithm,
        row.sizes,
        row.dtype,
        row.backend,
        f"{row.calls}",
        *_time_cells(row.seconds, wall_time),
        *amounts,
        *computing,
    )


def _time_cells(seconds: float, wall_time: float) -> tuple[str, str]:
    return f"{seconds * 1e3:.2f}", f"{seconds / wall_time:.1%}"


def _aligned(cells: Sequence[tuple[str, ...]], left: int) -> list[str]:
    """The rows as lines: the first `left` columns begin, the others end, below each other."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join([cell.ljust(n) if i < left else cell.rjust(n) for i, (cell, n) in enumerate(zip(row, widths, strict=True))]).rstrip()
        for row in cells
    ]


@contextlib.contextmanager
def profile() -> Iterator[Profile]:
    """Record the kernel calls of all threads within the block.

        with profile() as p:
            model.fit(x, y)
        print(p)

    Every backend is recorded, also one that `use_backend` chooses within the block.

    Raises:
        BackendError: a profile is running already.
    """
    running = Profile()
    with select.wrapping(lambda kernels: cast(KernelSet, _RecordingKernels(kernels, running._report))):
        try:
            yield running
        finally:
            running._finish()
