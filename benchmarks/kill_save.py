"""Kills a process that saves models again and again, at random moments: whatever is left must load, and must be one of the models.

python benchmarks/kill_save.py [--kills 200]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tinycnn.layers import Dense, Input
from tinycnn.models import Model, Sequential, load_model

ENDINGS = (".keras", ".h5", ".weights.h5", ".npz", ".safetensors")


def network(value: float) -> Model:
    """A model whose weights are all `value`; half a megabyte, so that a kill often comes while it is written."""
    model = Sequential([Input((300,)), Dense(400, name="dense")], name="model")
    model.compile("sgd", "mse")
    model.set_weights([np.full(w.shape, value, np.float32) for w in model.get_weights()])
    return model


def save(model: Model, path: Path) -> None:
    (model.save if path.name in ("model.keras", "model.h5") else model.save_weights)(path)


def save_forever(path: Path) -> None:
    models = [network(value) for value in (1.0, 2.0)]
    while True:
        for model in models:
            save(model, path)


def content(path: Path) -> set[float]:
    """The values of the weights in the file."""
    if path.name in ("model.keras", "model.h5"):
        model = load_model(path)
    else:
        model = network(0.0)
        model.load_weights(path)
    return {float(v) for w in model.get_weights() for v in (w.min(), w.max())}


def killed_once(path: Path, generator: random.Random) -> bool:
    """Whether the file is whole after a kill."""
    child = os.fork()
    if child == 0:
        save_forever(path)
    time.sleep(generator.uniform(0.0, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return content(path) in ({1.0}, {2.0})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    kills = parser.parse_args().kills
    generator = random.Random(0)
    whole = left = 0
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"model{ending}") for ending in ENDINGS]
        for path in paths:
            save(network(1.0), path)
        for number in range(kills):
            whole += killed_once(paths[number % len(paths)], generator)
        left = len(list(Path(folder).glob(".*.tmp")))
    print(f"{whole} of {kills} files were whole; {left} kills came while a file was being written, and left its temporary")
    return int(whole != kills)


if __name__ == "__main__":
    sys.exit(main())
