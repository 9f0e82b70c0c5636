"""predict from 8 threads at once, 1,000 calls each: every result must be exact.

python benchmarks/faults/threads.py [CALLS]
"""

from __future__ import annotations

import sys
import threading
import time

import numpy as np

from tinycnn.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, MaxPooling2D
from tinycnn.models import Sequential

THREADS = 8


def main(calls: int = 1000) -> int:
    layers = [Conv2D(16, 3, activation="relu"), MaxPooling2D(), BatchNormalization(), Flatten(), Dense(10, activation="softmax")]
    model = Sequential([Input((12, 12, 1)), *layers])
    inputs = np.random.default_rng(0).standard_normal((THREADS, 16, 12, 12, 1), np.float32)
    expected = [model.predict(x, verbose=0).tobytes() for x in inputs]
    wrong = [0] * THREADS

    def work(i: int) -> None:
        for _ in range(calls):
            wrong[i] += model.predict(inputs[i], verbose=0).tobytes() != expected[i]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(THREADS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{THREADS} x {calls} calls of predict in {time.perf_counter() - start:.1f} s: {sum(wrong)} differ")
    return int(any(wrong))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
