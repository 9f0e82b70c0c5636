"""100,000 training steps: how much the resident memory grows after a warm-up. It must stay below 1 MiB.

    python benchmarks/faults/memory.py [STEPS]

Linux only: it reads /proc/self/statm.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import numpy as np

from tinycnn.callbacks import LambdaCallback
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from tinycnn.models import Sequential

WARM_UP, LIMIT = 2_000, 1024**2


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(steps: int = 100_000) -> int:
    layers = [
        Conv2D(4, 3, activation="relu"),
        MaxPooling2D(),
        BatchNormalization(),
        Dropout(0.1),
        Flatten(),
        Dense(3, activation="softmax"),
    ]
    model = Sequential([Input((6, 6, 1)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = np.random.default_rng(0).standard_normal((403, 6, 6, 1), np.float32)
    y = np.arange(len(x)) % 3
    seen = []

    def note(epoch: int, logs: object) -> None:
        if epoch * 100 >= WARM_UP and epoch % max(1, steps // 2000) == 0:
            gc.collect()
            seen.append(resident())

    # the last of an epoch's 101 batches is smaller, as in life
    model.fit(x, y, batch_size=4, epochs=(WARM_UP + steps) // 101, verbose=0, validation_split=0.01, callbacks=[LambdaCallback(note)])
    growth = seen[-1] - seen[0]
    print(f"{steps} steps: {growth / 1024:+.0f} KiB resident (from {seen[0] / 1024**2:.1f} MiB)")
    return int(growth >= LIMIT)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
