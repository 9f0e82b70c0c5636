"""The tutorial's training on the real Fashion-MNIST, whole epochs with validation: `python benchmarks/tutorial.py --help`.

tinycnn with fused layers, tinycnn layer by layer and PyTorch (float32, channels_last, fused Adam) train the same network on the same 48,000
images, batch 64, from random weights of their own, one process after the other for each seed. Told are the seconds of all epochs,
validation and reading of batches included, and the validation accuracy after each: the accuracies must lie in one band, whatever runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

BATCH, FILTERS, HIDDEN, CLASSES, SLOPE = 64, (32, 64, 128), 128, 10, 0.1


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images and class numbers of 48,000 for training, and of 12,000 for validation."""
    from tinycnn.datasets import fashion_mnist

    (x, y), _ = fashion_mnist.load_data()
    x = x[..., None].astype(np.float32) / 255
    return x[:48000], y[:48000], x[48000:], y[48000:]


def train_tinycnn(epochs: int, seed: int, fused: bool) -> tuple[float, list[float]]:
    import tinycnn
    from tinycnn import layers

    tinycnn.utils.set_random_seed(seed)
    model = tinycnn.models.Sequential([layers.Input((28, 28, 1))])
    for filters in FILTERS:
        model.add(layers.Conv2D(filters, 3, padding="same"))
        model.add(layers.LeakyReLU(negative_slope=SLOPE))
        model.add(layers.MaxPooling2D(2, padding="same"))
    for layer in (layers.Flatten(), layers.Dense(HIDDEN), layers.LeakyReLU(negative_slope=SLOPE), layers.Dense(CLASSES, "softmax")):
        model.add(layer)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile="auto" if fused else False)
    x, y, val_x, val_y = data()
    start = time.perf_counter()
    history = model.fit(x, y, BATCH, epochs, verbose=0, validation_data=(val_x, val_y)).history
    return time.perf_counter() - start, history["val_accuracy"]


def train_torch(epochs: int, seed: int) -> tuple[float, list[float]]:
    import torch
    from torch import nn

    torch.manual_seed(seed)
    modules: list[nn.Module] = []
    for channels, filters in zip((1, *FILTERS), FILTERS, strict=False):
        modules += [nn.Conv2d(channels, filters, 3, padding=1), nn.LeakyReLU(SLOPE), nn.MaxPool2d(2, ceil_mode=True)]
    modules += [nn.Flatten(), nn.Linear(4 * 4 * FILTERS[-1], HIDDEN), nn.LeakyReLU(SLOPE), nn.Linear(HIDDEN, CLASSES)]
    network = nn.Sequential(*modules).to(memory_format=torch.channels_last)
    for module in network:
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, eps=1e-7, fused=True)
    x, y, val_x, val_y = data()
    x, val_x = (torch.from_numpy(a).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last) for a in (x, val_x))
    y, val_y = torch.from_numpy(y.astype(np.int64)), torch.from_numpy(val_y.astype(np.int64))
    accuracies = []
    start = time.perf_counter()
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for at in range(0, len(x), BATCH):
            chosen = order[at : at + BATCH]
            loss = nn.functional.cross_entropy(network(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.inference_mode():
            right = sum(int((network(val_x[i : i + BATCH]).argmax(1) == val_y[i : i + BATCH]).sum()) for i in range(0, len(val_x), BATCH))
        accuracies.append(right / len(val_x))
    return time.perf_counter() - start, accuracies


RUNS = {
    "tinycnn": lambda epochs, seed: train_tinycnn(epochs, seed, True),
    "tinycnn-layers": lambda epochs, seed: train_tinycnn(epochs, seed, False),
    "torch": train_torch,
}


def run(name: str, options: argparse.Namespace, seed: int) -> tuple[float, list[float]] | None:
    """Seconds and accuracies of one process; None if what it needs is not installed."""
    threads = {f"{library}_NUM_THREADS": str(options.threads) for library in ("TINYCNN", "OMP", "MKL", "OPENBLAS")}
    command = [sys.executable, __file__, "--run", name, "--epochs", str(options.epochs), "--seeds", str(seed)]
    ended = subprocess.run(command, env=os.environ | threads, capture_output=True, text=True, check=False)
    if ended.returncode:
        reason = ended.stderr.strip().splitlines()[-1]
        if "ModuleNotFoundError" not in reason:
            sys.exit(f"{name}: {reason}")
        print(f"{name} is left out: {reason}")
        return None
    found: Any = json.loads(ended.stdout.strip().splitlines()[-1])
    return found[0], found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description="whole epochs of the Fashion-MNIST tutorial: tinycnn and PyTorch")
    parser.add_argument("--epochs", type=int, default=3, help="default: %(default)s; the tutorial has 20")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--runs", nargs="+", default=list(RUNS), choices=list(RUNS), help="default: all")
    parser.add_argument("--run", choices=list(RUNS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(RUNS[options.run](options.epochs, options.seeds[0])))
        return
    print(f"| | seed | seconds of {options.epochs} epochs | validation accuracy after each |\n|---|--:|--:|---|")
    seconds: dict[str, list[float]] = {}
    for seed in options.seeds:
        for name in options.runs:
            found = run(name, options, seed)
            if found:
                seconds.setdefault(name, []).append(found[0])
                print(f"| {name} | {seed} | {found[0]:.1f} | {' '.join(f'{a:.4f}' for a in found[1])} |", flush=True)
    if "tinycnn" in seconds and "torch" in seconds:
        ratios = sorted(b / a for a, b in zip(seconds["tinycnn"], seconds["torch"], strict=True))
        print(f"\nPyTorch's time over tinycnn's: {statistics.median(ratios):.2f} ({ratios[0]:.2f} - {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
