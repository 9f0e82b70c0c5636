"""The convolutions of a network as fractions of this machine's FMA peak, measured in the same run.

    python benchmarks/conv_roofline.py [--threads N] [--isa LEVEL] [--rounds N] [--suite tutorial|general] [--torch]

Rounds go over all kernels in turn, and the peak is measured again in every round, so that noise falls on all alike. With --torch, PyTorch
(channels_last, float32, as many threads) runs in the same rounds, and the last column is its time divided by ours.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import geometric_mean, median

import numpy as np

from tinycnn.geometry import Conv2dGeometry, conv2d_geometry
from tinycnn.kernels import _native, native

#: name: (batch, size, in channels, out channels, kernel, strides, groups), all with "same" padding
TUTORIAL = {
    "conv1 28x28x1 -> 32": (64, 28, 1, 32, 3, 1, 1),
    "conv2 14x14x32 -> 64": (64, 14, 32, 64, 3, 1, 1),
    "conv3 7x7x64 -> 128": (64, 7, 64, 128, 3, 1, 1),
}
LAYERS = {
    "LeNet 28x28x1 -> 6, 5x5": (28, 1, 6, 5, 1, 1),
    "LeNet 14x14x6 -> 16, 5x5": (14, 6, 16, 5, 1, 1),
    "VGG 32x32x3 -> 64": (32, 3, 64, 3, 1, 1),
    "VGG 16x16x64 -> 128": (16, 64, 128, 3, 1, 1),
    "VGG 8x8x256 -> 256": (8, 256, 256, 3, 1, 1),
    "VGG 2x2x512 -> 512": (2, 512, 512, 3, 1, 1),
    "ResNet 32x32x64 -> 64": (32, 64, 64, 3, 1, 1),
    "ResNet 32x32x64 -> 128, /2": (32, 64, 128, 3, 2, 1),
    "ResNet 32x32x64 -> 128, 1x1 /2": (32, 64, 128, 1, 2, 1),
    "ResNet 4x4x512 -> 512": (4, 512, 512, 3, 1, 1),
    "1x1 16x16x256 -> 64": (16, 256, 64, 1, 1, 1),
    "depthwise 16x16x128": (16, 128, 128, 3, 1, 128),
    "4 groups 16x16x128": (16, 128, 128, 3, 1, 4),
}
GENERAL = {f"{name}, batch {batch}": (batch, *layer) for name, layer in LAYERS.items() for batch in (1, 32)}
SUITES = {"tutorial": TUTORIAL, "general": GENERAL}

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


def torch_runs(suite: dict[str, Conv2dGeometry], threads: int) -> Runs:
    import torch

    torch.set_num_threads(threads)
    runs: Runs = {}
    for name, g in suite.items():
        padding = (g.kernel_h - 1) // 2  # of strided layers the other cells are read, of the same number
        x = torch.randn(g.batch, g.in_channels, g.in_h, g.in_w).to(memory_format=torch.channels_last)
        w = torch.randn(g.out_channels, g.in_channels // g.groups, g.kernel_h, g.kernel_w).to(memory_format=torch.channels_last)
        b, places = torch.randn(g.out_channels), (g.stride_h, g.stride_w)
        dy = torch.nn.functional.conv2d(x, w, b, places, padding, 1, g.groups)

        def gradient(wanted, x=x, w=w, dy=dy, places=places, padding=padding, groups=g.groups):
            arguments = ([w.shape[0]], places, (padding, padding), (1, 1), False, (0, 0), groups, wanted)
            return torch.ops.aten.convolution_backward(dy, x, w, *arguments)

        runs[name, "forward"] = lambda x=x, w=w, b=b, s=places, p=padding, n=g.groups: torch.nn.functional.conv2d(x, w, b, s, p, 1, n)
        runs[name, "dX"] = lambda gradient=gradient: gradient([True, False, False])
        runs[name, "dW"] = lambda gradient=gradient: gradient([False, True, False])
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=native.get_num_threads())
    parser.add_argument("--isa", choices=native.isas())
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--suite", choices=SUITES, default="tutorial")
    parser.add_argument("--torch", action="store_true")
    options = parser.parse_args()

    suite = {}
    for name, (n, size, c, o, k, strides, groups) in SUITES[options.suite].items():
        suite[name] = conv2d_geometry((n, size, size, c), (k, k, c // groups, o), strides=strides, padding="same", groups=groups)
    ours = our_runs(suite)  # loads the backend, which sets the level and the threads
    if options.isa:
        native.set_isa(options.isa)
    native.set_num_threads(options.threads)
    theirs = torch_runs(suite, options.threads) if options.torch else {}

    peaks: list[float] = []
    times: dict[tuple[str, str], list[tuple[float, float]]] = {key: [] for key in ours}
    for _ in range(options.rounds):
        peaks.append(peak_rate())
        for key, run in ours.items():
            times[key].append((seconds(run), seconds(theirs[key]) if theirs else 0.0))

    peak = max(peaks)
    print(f"{native.isa()}, {options.threads} threads, float32; FMA peak {peak / 1e9:.0f} GFLOP/s (median {median(peaks) / 1e9:.0f})")
    print(f"{'':44} {'min us':>9} {'median':>9} {'GFLOP/s':>9} {'of peak':>8}" + (f" {'torch/ours':>11}" if theirs else ""))
    ratios = []
    for (name, what), samples in times.items():
        least, rate = min(t for t, _ in samples), 2 * suite[name].macs / min(t for t, _ in samples)
        line = f"{name:35} {what:8} {least * 1e6:9.1f} {median(t for t, _ in samples) * 1e6:9.1f} {rate / 1e9:9.1f} {rate / peak:8.1%}"
        if theirs:
            ratios.append(median(torch / our for our, torch in samples))
            line += f" {ratios[-1]:11.2f}"
        print(line)
    if ratios:
        print(f"geometric mean of torch / ours: {geometric_mean(ratios):.2f}, least {min(ratios):.2f}")


if __name__ == "__main__":
    main()
