"""kill -9 at random moments of a training with BackupAndRestore; it must end with the bytes of one that was never killed.

python benchmarks/faults/kill.py [KILLS]
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TRAINING = """
import sys, time
from pathlib import Path
import numpy as np
from tinycnn.callbacks import BackupAndRestore, LambdaCallback
from tinycnn.layers import BatchNormalization, Dense, Dropout, Input
from tinycnn.models import Sequential
from tinycnn.utils import set_random_seed

folder, epochs = Path(sys.argv[1]), int(sys.argv[2])
set_random_seed(0)
model = Sequential([Input((8,)), Dense(64, activation="relu"), BatchNormalization(), Dropout(0.3), Dense(1)])
model.compile("adam", "mse", metrics=["mae"])
x = np.sin(np.arange(8 * 200.0)).reshape(200, 8)
print("ready", flush=True)
model.fit(x, x[:, :1], batch_size=16, epochs=epochs, verbose=0, callbacks=[
    BackupAndRestore(folder / "backup", save_freq=1),
    LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(0.002)),
])
np.savez(folder / "end.npz", *model.get_weights())
"""


def start(folder: Path, epochs: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", TRAINING, str(folder), str(epochs)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def main(kills: int = 40) -> int:
    epochs = 4 * kills  # about 0.1 s of training between two kills, of 13 steps each epoch
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / part for part in ("whole", "killed")]
        for folder in folders:
            folder.mkdir()
        start(folders[0], epochs).wait()
        draw, killed = random.Random(0), 0
        while killed < kills:
            child = start(folders[1], epochs)
            time.sleep(draw.uniform(0, 0.3))
            if child.poll() is not None:
                break
            child.kill()
            child.wait()
            killed += 1
        start(folders[1], epochs).wait()
        whole, resumed = (dict(np.load(folder / "end.npz")) for folder in folders)
    same = all(whole[key].tobytes() == resumed[key].tobytes() for key in whole)
    print(f"{killed} kills: the final weights {'are the same bytes' if same else 'DIFFER'}")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
