"""Damages small files of every format that tinycnn reads, and loads them: a named error, or a model; never anything else.

    python benchmarks/fuzz_files.py [--flips 10000] [--step 1] [--formats keras h5 ...]

For each format: every truncation, then so many files with one to three bits flipped. A load may take 10 seconds and 256 MiB.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinycnn.errors import DataError
from tinycnn.layers import BatchNormalization, Dense, Input
from tinycnn.models import Model, load_model

#: Format -> (ending, whether it is a whole model).
FORMATS = {
    "keras": (".keras", True),
    "h5": (".h5", True),
    "weights": (".weights.h5", False),
    "npz": (".npz", False),
    "safetensors": (".safetensors", False),
}
SECONDS, BYTES = 10, 256 << 20


def network() -> Model:
    """Small, functional, compiled and trained for a step."""
    x = Input((3,))
    model = Model(x, Dense(1)(BatchNormalization()(Dense(2, activation="relu", kernel_regularizer="l2")(x))))
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(np.ones((2, 3), np.float32), np.ones((2, 1), np.float32))
    return model


def prepared(kind: str, folder: Path) -> tuple[Path, Callable[[Path], Any]]:
    """A good file, and the function that loads such files."""
    ending, whole = FORMATS[kind]
    model = network()
    path = folder / f"good{ending}"
    (model.save if whole else model.save_weights)(path)
    return path, load_model if whole else model.load_weights


def damaged(data: bytes, flips: int, truncations: Iterable[int]) -> Iterator[tuple[str, bytes]]:
    """(what was done, the bytes)."""
    for size in truncations:
        yield f"cut to {size} bytes", data[:size]
    generator = np.random.default_rng(0)
    for _ in range(flips):
        bits = generator.integers(0, 8 * len(data), generator.integers(1, 4))
        flipped = bytearray(data)
        for bit in bits:
            flipped[bit // 8] ^= 1 << bit % 8
        yield f"bits {bits.tolist()} flipped", bytes(flipped)


def outcome(load: Callable[[Path], Any], path: Path) -> str:
    """ "loaded", "DataError", or what else happened."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an optimizer whose state does not fit
            load(path)
    except DataError as error:
        return "DataError" if str(path) in str(error) else f"a DataError that does not name the file: {error}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return "loaded"


def run(kind: str, flips: int, step: int = 1, seconds: int = 0) -> tuple[collections.Counter[str], list[str]]:
    """How often each outcome came, and what was done for those that must not be.

    Args:
        kind: of FORMATS.
        flips: files with flipped bits.
        step: between the sizes that the file is cut to.
        seconds: of the processor's time for one load; 0 is no limit.
    """
    counts: collections.Counter[str] = collections.Counter()
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        good, load = prepared(kind, Path(folder))
        assert outcome(load, good) == "loaded"
        data = good.read_bytes()
        path = good.with_name(f"bad{FORMATS[kind][0]}")
        for done, content in damaged(data, flips, range(0, len(data), step)):
            path.write_bytes(content)
            signal.setitimer(signal.ITIMER_PROF, seconds)
            found = outcome(load, path)
            signal.setitimer(signal.ITIMER_PROF, 0)
            counts[found if found in ("loaded", "DataError") else "wrong"] += 1
            if found not in ("loaded", "DataError"):
                wrong.append(f"{done}: {found}")
    return counts, wrong


@contextlib.contextmanager
def limits() -> Iterator[None]:
    """More memory is a MemoryError; more time ends the process."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--step", type=int, default=1, help="between the sizes that a file is cut to")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    arguments = parser.parse_args()

    def late(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} seconds")

    signal.signal(signal.SIGPROF, late)
    failed = False
    for kind in arguments.formats:
        start = time.perf_counter()
        with limits():
            counts, wrong = run(kind, arguments.flips, arguments.step, SECONDS)
        print(f"{kind:12} {dict(counts)} in {time.perf_counter() - start:.0f} s", *wrong[:5], sep="\n    ", flush=True)
        failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
