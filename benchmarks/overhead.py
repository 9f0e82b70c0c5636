"""What Python takes of a step of the tutorial's network: everything but the kernels.

    python benchmarks/overhead.py [--batch N] [--steps N] [--rounds N]

Warm: each kernel is replaced by a function that gives what the kernel gave in a step before, so checks, tape, layers, loss and optimizer
run as ever, on true arrays, and find the caches to themselves. Cold: the kernels compute, and what passes between them is measured; they
leave other things in the caches than Python wants to find there. The functions in the kernels' places take about 0.1 us each, which is not
deducted.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import tinycnn
from tinycnn.kernels.select import current

sys.path.append(str(Path(__file__).parent / "peers"))

from sequential import build
from workload import Workload

Kernel = Callable[..., Any]


class Kernels:
    """The backend's kernels, which can be replaced by others of the same names."""

    def __init__(self) -> None:
        self._backend: Any = current()
        self._own = self._backend._bare
        self._functions: dict[str, Kernel] = {}
        for name, value in vars(self._own).items():
            if callable(value) and not name.startswith("_"):
                self._functions[name] = value

    def replace(self, make: Callable[[str, Kernel], Kernel]) -> None:
        """Put `make(name, kernel)` in the place of each kernel."""
        self._backend._bare = SimpleNamespace(**{name: make(name, kernel) for name, kernel in self._functions.items()})

    def restore(self) -> None:
        self._backend._bare = self._own


def record(kernels: Kernels, step: Callable[[], object]) -> dict[str, list[Any]]:
    """name -> what the kernel gave in one step, call after call."""
    found: dict[str, list[Any]] = {}

    def recording(name: str, kernel: Kernel) -> Kernel:
        def run(*args: Any, **kwargs: Any) -> Any:
            result = kernel(*args, **kwargs)
            found.setdefault(name, []).append(result)
            return result

        return run

    kernels.replace(recording)
    step()
    kernels.restore()
    return found


def repeating(results: dict[str, list[Any]]) -> Callable[[str, Kernel], Kernel]:
    """Functions that give `results` over and over."""

    def make(name: str, kernel: Kernel) -> Kernel:
        if name not in results:
            return kernel
        following: Iterator[Any] = itertools.cycle(results[name])
        return lambda *args, **kwargs: next(following)

    return make


class Stopwatch:
    """Kernels that note how long they take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, name: str, kernel: Kernel) -> Kernel:
        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = kernel(*args, **kwargs)
            self.seconds += time.perf_counter() - start
            return result

        return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=50, help="steps a round")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()

    work = Workload(options.batch)
    model = build(tinycnn, work)
    x, y = work.images[: options.steps], work.one_hot[: options.steps]
    count = len(x)
    flat_x, flat_y = x.reshape(-1, *x.shape[2:]), y.reshape(-1, *y.shape[2:])

    def on_batches(method: Callable[..., object], *data: Any) -> Callable[[], object]:
        return lambda: [method(*batch) for batch in zip(*data, strict=True)]

    jobs: dict[str, Callable[[], object]] = {
        "fit": lambda: model.fit(flat_x, flat_y, batch_size=options.batch, verbose=0, shuffle=False),
        "train_on_batch": on_batches(model.train_on_batch, x, y),
        "predict_on_batch": on_batches(model.predict_on_batch, x),
    }
    firsts = {"predict_on_batch": lambda: model.predict_on_batch(x[0])}
    kernels = Kernels()
    print(f"batch {options.batch}, {current().name}, us a step; {options.rounds} rounds of {count} steps")
    print(f"{'':18} {'warm':>8} {'least':>8} {'cold':>8} {'least':>8}")
    for name, job in jobs.items():
        job()
        results = record(kernels, firsts.get(name, lambda: model.train_on_batch(x[0], y[0])))
        warm, cold = [], []
        for _ in range(options.rounds):
            kernels.replace(repeating(results))
            job()
            start = time.perf_counter()
            job()
            warm.append((time.perf_counter() - start) / count * 1e6)
            kernels.replace(watch := Stopwatch())
            start = time.perf_counter()
            job()
            cold.append((time.perf_counter() - start - watch.seconds) / count * 1e6)
            kernels.restore()
        print(f"{name:18} {median(warm):8.1f} {min(warm):8.1f} {median(cold):8.1f} {min(cold):8.1f}")


if __name__ == "__main__":
    main()
