"""The convolutions of common networks, one by one, against PyTorch: `python benchmarks/layers.py --help`.

LeNet-5 and VGG-11 on images of 32x32, ResNet-18 on 64x64, and the kinds that these lack: 1x1, 5x5, dilation, groups, depthwise. For each
one the forward pass, and the backward pass (gradients of input, kernel and bias), through the public functions of both frameworks.

Each framework is a process of its own. For every case the two take turns A B A B ...; one turn of each gives one ratio, and the ratio told
is the median. Their results must agree, or the case is an error. Without PyTorch there is nothing to compare with, and the script says so.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Seconds of a turn, and between turns, for the threads of the last one to come to rest.
TURN, PAUSE = 0.04, 0.03


@dataclass(frozen=True)
class Layer:
    """A convolution of images size x size: `padding` cells on each side."""

    name: str
    size: int
    channels: int
    filters: int
    kernel: int
    strides: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1


LAYERS = [
    Layer("LeNet-5 conv 1", 32, 1, 6, 5),
    Layer("LeNet-5 conv 2", 14, 6, 16, 5),
    Layer("VGG-11 conv 1", 32, 3, 64, 3, padding=1),
    Layer("VGG-11 conv 2", 16, 64, 128, 3, padding=1),
    Layer("VGG-11 conv 3", 8, 128, 256, 3, padding=1),
    Layer("VGG-11 conv 4", 8, 256, 256, 3, padding=1),
    Layer("VGG-11 conv 5", 4, 256, 512, 3, padding=1),
    Layer("VGG-11 conv 6", 4, 512, 512, 3, padding=1),
    Layer("VGG-11 conv 7", 2, 512, 512, 3, padding=1),
    Layer("ResNet-18 stem", 64, 3, 64, 7, strides=2, padding=3),
    Layer("ResNet-18 block 1", 16, 64, 64, 3, padding=1),
    Layer("ResNet-18 block 2, first", 16, 64, 128, 3, strides=2, padding=1),
    Layer("ResNet-18 block 2, shortcut", 16, 64, 128, 1, strides=2),
    Layer("ResNet-18 block 2", 8, 128, 128, 3, padding=1),
    Layer("ResNet-18 block 3, first", 8, 128, 256, 3, strides=2, padding=1),
    Layer("ResNet-18 block 3", 4, 256, 256, 3, padding=1),
    Layer("ResNet-18 block 4, first", 4, 256, 512, 3, strides=2, padding=1),
    Layer("ResNet-18 block 4", 2, 512, 512, 3, padding=1),
    Layer("1x1", 16, 64, 256, 1),
    Layer("5x5", 14, 32, 64, 5, padding=2),
    Layer("dilation 2", 32, 64, 64, 3, padding=2, dilation=2),
    Layer("4 groups", 16, 64, 64, 3, padding=1, groups=4),
    Layer("depthwise", 32, 64, 64, 3, padding=1, groups=64),
    Layer("depthwise, stride 2", 16, 128, 128, 3, strides=2, padding=1, groups=128),
]
PASSES = ("forward", "backward")


# ---- the two frameworks: for a layer and a batch, a function that computes a pass once and gives the arrays it made
def operands(layer: Layer, batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x (N, H, W, C), w (K, K, C / groups, O), b (O) and dy (N, OH, OW, O), the same in every process."""
    random = np.random.default_rng(0)
    out = (layer.size + 2 * layer.padding - layer.dilation * (layer.kernel - 1) - 1) // layer.strides + 1
    x = (batch, layer.size, layer.size, layer.channels)
    w = (layer.kernel, layer.kernel, layer.channels // layer.groups, layer.filters)
    return tuple(random.standard_normal(s).astype(np.float32) for s in (x, w, w[3:], (batch, out, out, layer.filters)))  # type: ignore[return-value]


def with_tinycnn(layer: Layer, batch: int, which: str) -> Callable[[], list[Any]]:
    from tinycnn import Tensor, no_grad, ops

    x, w, b, dy = operands(layer, batch)
    leaves = [Tensor(a, requires_grad=which == "backward") for a in (x, w, b)]
    pads = ((layer.padding, layer.padding),) * 2

    def convolve() -> Tensor:
        return ops.conv(*leaves[:2], layer.strides, pads, dilation_rate=layer.dilation, bias=leaves[2])

    def forward() -> list[Any]:
        with no_grad():
            return [convolve().numpy()]

    y = convolve() if which == "backward" else None

    def backward() -> list[Any]:
        assert y is not None
        for leaf in leaves:
            leaf.grad = None
        y.backward(dy, retain_graph=True)
        return [leaf.grad for leaf in leaves]

    return forward if which == "forward" else backward


def with_torch(layer: Layer, batch: int, which: str) -> Callable[[], list[Any]]:
    import torch

    x, w, b, dy = (torch.from_numpy(a) for a in operands(layer, batch))
    x, dy = (a.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last) for a in (x, dy))
    w = w.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    leaves = [a.requires_grad_(which == "backward") for a in (x, w, b)]

    def convolve() -> Any:
        return torch.nn.functional.conv2d(*leaves, layer.strides, layer.padding, layer.dilation, layer.groups)

    def forward() -> list[Any]:
        with torch.no_grad():
            return [convolve().permute(0, 2, 3, 1)]

    y = convolve() if which == "backward" else None

    def backward() -> list[Any]:
        dx, dw, db = torch.autograd.grad(y, leaves, dy, retain_graph=True)
        return [dx.permute(0, 2, 3, 1), dw.permute(2, 3, 1, 0), db]

    return forward if which == "forward" else backward


def serve(framework: str) -> None:
    """Answer lines of [layer, batch, pass, steps] with the seconds that so many steps took, and the sums of what they made."""
    make = {"tinycnn": with_tinycnn, "torch": with_torch}[framework]
    ready: Any = None
    for line in sys.stdin:
        *case, steps = json.loads(line)
        if ready is None or ready[0] != case:
            index, batch, which = case
            ready = case, make(LAYERS[index], batch, which)
            ready[1]()
        made: list[Any] = []
        start = time.perf_counter()
        for _ in range(steps):
            made = ready[1]()
        seconds = time.perf_counter() - start
        print(json.dumps([seconds, [float(np.abs(np.asarray(a, np.float64)).sum()) for a in made]]), flush=True)


# ---- measuring
class Framework:
    """A process that serves one framework."""

    def __init__(self, name: str, threads: int) -> None:
        threads_of = {f"{library}_NUM_THREADS": str(threads) for library in ("TINYCNN", "OMP", "MKL", "OPENBLAS")}
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve", name],
            env=os.environ | threads_of,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, case: tuple[int, int, str], steps: int) -> tuple[float, list[float]]:
        """Seconds a step, and the sums of the results."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        time.sleep(PAUSE)
        self._process.stdin.write(json.dumps([*case, steps]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"a framework ended in {LAYERS[case[0]].name}, {case[2]}; its message is above")
        seconds, sums = json.loads(line)
        return seconds / steps, sums

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def measure(ours: Framework, theirs: Framework, case: tuple[int, int, str], rounds: int) -> tuple[float, float, list[float]]:
    """Fastest seconds of both, and the ratio theirs / ours of each round."""
    steps, times = [], []
    for framework in (ours, theirs):
        seconds = framework.run(case, 3)[0]
        steps.append(max(3, round(TURN / seconds)))
    for _ in range(rounds):
        (a, our_sums), (b, their_sums) = ours.run(case, steps[0]), theirs.run(case, steps[1])
        if not np.allclose(our_sums, their_sums, rtol=1e-4):
            sys.exit(f"{LAYERS[case[0]].name}, {case[2]}: the results differ, {our_sums} and {their_sums}")
        times.append((a, b))
    return min(a for a, _ in times), min(b for _, b in times), [b / a for a, b in times]


def results(batches: list[int], threads: int, rounds: int) -> Iterator[tuple[tuple[int, int, str], float, float, list[float]]]:
    ours, theirs = Framework("tinycnn", threads), Framework("torch", threads)
    try:
        for batch in batches:
            for index in range(len(LAYERS)):
                for which in PASSES:
                    yield ((index, batch, which), *measure(ours, theirs, (index, batch, which), rounds))
    finally:
        ours.close()
        theirs.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="convolution layers of common networks: tinycnn against PyTorch")
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 32], help="images (default: 1 32)")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side (default: %(default)s)")
    parser.add_argument("--serve", choices=["tinycnn", "torch"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    try:
        import torch
    except ModuleNotFoundError:
        sys.exit("PyTorch is not installed: there is nothing to compare with")
    print(f"tinycnn against PyTorch {torch.__version__.split('+')[0]}, {options.threads} threads, float32\n")
    print("| layer | batch | pass | tinycnn, us | PyTorch, us | faster by | from - to |\n|---|--:|---|--:|--:|--:|---|")
    told = []
    for (index, batch, which), a, b, rounds in results(options.batch, options.threads, options.rounds):
        ratio = statistics.median(rounds)
        told.append((ratio, f"{LAYERS[index].name}, batch {batch}, {which}"))
        spread = f"{min(rounds):.2f} - {max(rounds):.2f}"
        print(f"| {LAYERS[index].name} | {batch} | {which} | {a * 1e6:.0f} | {b * 1e6:.0f} | **{ratio:.2f}** | {spread} |", flush=True)
    mean = math.exp(statistics.fmean(math.log(ratio) for ratio, _ in told))
    print(f"\ngeometric mean {mean:.2f}; least {min(told)[0]:.2f} ({min(told)[1]})")


if __name__ == "__main__":
    main()
