"""The tutorial's convolutions as fractions of this machine's FMA peak, measured in the same run.

    python benchmarks/conv_roofline.py [--threads N] [--isa LEVEL] [--rounds N]

Rounds go over all kernels in turn, and the peak is measured again in every round, so that noise falls on all alike. With
TINYCNN_CONV_ALGORITHM=direct it is what a dense implementation does; else Winograd's algorithm may pass the peak. Layers of other networks
are in `layers.py`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from tinycnn.geometry import Conv2dGeometry, conv2d_geometry
from tinycnn.kernels import _native, native
from tinycnn.kernels.select import get_num_threads

#: name: (batch, size, in channels, out channels, kernel, strides, groups), all with "same" padding
TUTORIAL = {
    "conv1 28x28x1 -> 32": (64, 28, 1, 32, 3, 1, 1),
    "conv2 14x14x32 -> 64": (64, 14, 32, 64, 3, 1, 1),
    "conv3 7x7x64 -> 128": (64, 7, 64, 128, 3, 1, 1),
}

Runs = dict[tuple[str, str], Callable[[], object]]


def seconds(run: Callable[[], object]) -> float:
    """The least of a few calls, at least 2 ms of them."""
    best, start = float("inf"), time.perf_counter()
    while True:
        begin = time.perf_counter()
        run()
        end = time.perf_counter()
        best = min(best, end - begin)
        if end - start > 2e-3:
            return best


def peak_rate(iterations: int = 100_000) -> float:
    """FLOP per second of independent multiply-adds on all threads."""
    return _native.fma_peak("float32", iterations) / seconds(lambda: _native.fma_peak("float32", iterations))


def our_runs(suite: dict[str, Conv2dGeometry]) -> Runs:
    kernels, random, runs = native.load(), np.random.default_rng(0), {}
    for name, g in suite.items():
        x, w, b, dy = (random.standard_normal(s, np.float32) for s in (g.in_shape, g.kernel_shape, (g.out_channels,), g.out_shape))
        runs[name, "forward"] = lambda g=g, x=x, w=w, b=b: kernels.conv2d_forward(g, x, w, b)
        runs[name, "dX"] = lambda g=g, dy=dy, w=w: kernels.conv2d_backward_input(g, dy, w)
        runs[name, "dW"] = lambda g=g, x=x, dy=dy: kernels.conv2d_backward_kernel(g, x, dy)
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=get_num_threads())
    parser.add_argument("--isa", choices=native.isas())
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()

    suite = {}
    for name, (n, size, c, o, k, strides, groups) in TUTORIAL.items():
        suite[name] = conv2d_geometry((n, size, size, c), (k, k, c // groups, o), strides=strides, padding="same", groups=groups)
    ours = our_runs(suite)  # loads the backend, which sets the level and the threads
    if options.isa:
        native.set_isa(options.isa)
    native.set_num_threads(options.threads)

    peaks: list[float] = []
    times: dict[tuple[str, str], list[float]] = {key: [] for key in ours}
    for _ in range(options.rounds):
        peaks.append(peak_rate())
        for key, run in ours.items():
            times[key].append(seconds(run))

    peak = max(peaks)
    print(f"{native.isa()}, {options.threads} threads, float32; FMA peak {peak / 1e9:.0f} GFLOP/s (median {median(peaks) / 1e9:.0f})")
    print(f"{'':44} {'min us':>9} {'median':>9} {'GFLOP/s':>9} {'of peak':>8}")
    for (name, what), samples in times.items():
        rate = 2 * suite[name].macs / min(samples)
        print(f"{name:35} {what:8} {min(samples) * 1e6:9.1f} {median(samples) * 1e6:9.1f} {rate / 1e9:9.1f} {rate / peak:8.1%}")


if __name__ == "__main__":
    main()
