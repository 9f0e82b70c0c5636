"""Too little memory (RLIMIT_AS): MemoryError, weights and optimizer as they were, and the next call works.

    python benchmarks/faults/out_of_memory.py

Linux only. Each case runs in a child of its own, under a rising limit, until it succeeds: so memory runs out in many places.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import tinycnn
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, MaxPooling2D
from tinycnn.models import Sequential

MIB = 1024**2


def build(width: int = 8) -> Sequential:
    layers = [Conv2D(16, 3, activation="relu"), MaxPooling2D(), BatchNormalization(), Flatten(), Dense(width), Dense(1)]
    model = Sequential([Input((24, 24, 1)), *layers])
    model.compile("adam", "mse")
    return model


def data(samples: int) -> tuple[np.ndarray, np.ndarray]:
    return np.ones((samples, 24, 24, 1), np.float32), np.ones((samples, 1), np.float32)


#: Name -> (samples in the data and in a batch, width of a layer, what is called).
CASES: dict[str, tuple[int, int, Callable[..., object]]] = {
    "predict with a large batch": (8000, 8, lambda model, x, y: model.predict(x, batch_size=len(x), verbose=0)),
    "fit with a large batch": (3000, 8, lambda model, x, y: model.fit(x, y, batch_size=len(x), verbose=0)),
    "fit with large slots": (8, 4000, lambda model, x, y: model.fit(x, y, verbose=0)),
}


def state(model: Sequential) -> dict[str, bytes]:
    """The trained weights and the optimizer. A layer's moving averages are not looked at: the step that failed may have moved them."""
    trained = {variable.path: variable.numpy().tobytes() for variable in model.trainable_variables}
    return trained | {name: value.tobytes() for name, value in model.optimizer.get_state().items()}


def limit(extra: int | None) -> None:
    """Allow so many bytes more than the process has; None: any number."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard if extra is None else used + extra, hard))


def run(name: str, results: multiprocessing.Queue) -> None:
    """One case: its errors are counted, and the state is compared after each."""
    samples, width, call = CASES[name]
    tinycnn.set_num_threads(1)
    model, (x, y) = build(width), data(samples)
    model.predict(x[:1], verbose=0)
    before, errors = state(model), 0
    for extra in range(1, 2000):
        limit(extra * MIB)
        try:
            call(model, x, y)
        except MemoryError:
            limit(None)
            errors += 1
            if not before.items() <= state(model).items():
                results.put(f"{name}: the state changed with {extra} MiB")
                return
            continue
        limit(None)
        break
    call(model, x, y)
    results.put(f"{name}: {errors} MemoryErrors, then {extra} MiB were enough" if errors else f"{name}: no MemoryError")


def main() -> int:
    failed = 0
    context = multiprocessing.get_context("spawn")
    for name in CASES:
        results = context.Queue()
        child = context.Process(target=run, args=(name, results))
        child.start()
        child.join()
        told = results.get() if not child.exitcode else f"{name}: exit code {child.exitcode}"
        print(told, flush=True)
        failed += "MemoryErrors" not in told
    return failed


if __name__ == "__main__":
    sys.exit(main())
