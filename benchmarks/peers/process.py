"""A worker seen from outside: started, asked for turns, ended."""

from __future__ import annotations

import contextlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

#: Seconds until a worker that says nothing is ended; the slowest compiler needs about half a minute.
PATIENCE = 300


class NotRunning(Exception):
    """A peer that is not installed, failed, or fell silent: the reason in a few words."""


@dataclass(frozen=True)
class Peer:
    """`module` and `mode` are the worker's arguments; `external` peers run in the interpreter given by --python."""

    label: str
    module: str
    mode: str
    external: bool = True
    float32: bool = True


PEERS = {
    "tinycnn": Peer("tinycnn", "peer_tinycnn", "c", external=False),
    "tinycnn-layers": Peer("tinycnn, layer by layer", "peer_tinycnn", "c-layers", external=False),
    "tinycnn-numba": Peer("tinycnn on Numba", "peer_tinycnn", "numba", external=False),
    "tinycnn-numpy": Peer("tinycnn on NumPy", "peer_tinycnn", "numpy", external=False),
    "numpy": Peer("NumPy, im2col + BLAS", "peer_numpy", "im2col", external=False),
    "torch": Peer("PyTorch", "peer_torch", "eager"),
    "torch-bf16": Peer("PyTorch, bf16", "peer_torch", "bf16", float32=False),
    "torch-compile": Peer("PyTorch, torch.compile", "peer_torch", "compile"),
    "keras-tensorflow": Peer("Keras on TensorFlow", "peer_keras", "tensorflow"),
    "keras-jax": Peer("Keras on JAX", "peer_keras", "jax"),
    "keras-torch": Peer("Keras on PyTorch", "peer_keras", "torch"),
    "jax": Peer("JAX, jit", "peer_jax", "jit"),
}


class Worker:
    """A running peer, warmed up. Raises NotRunning if it cannot be. `facts` is what it said of itself."""

    def __init__(self, python: str, peer: Peer, job: str, batch: int, threads: int, environment: dict[str, str]) -> None:
        script = Path(__file__).with_name("worker.py")
        self._process = subprocess.Popen(
            [python, str(script), peer.module, peer.mode, job, str(batch), str(threads)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._lines_in, self._lines_out = self._process.stdin, self._process.stdout
        self.batch = batch
        try:
            state, _, rest = self._answer().partition(" ")
            if state != "ready":
                raise NotRunning(f"{state}: {rest}")
        except BaseException:
            self.close()
            raise
        self.facts: dict[str, Any] = json.loads(rest)

    def turn(self, steps: int) -> float:
        """Images per second over that many steps."""
        try:
            self._lines_in.write(f"{steps}\n")
            self._lines_in.flush()
        except BrokenPipeError as error:
            raise NotRunning("failed: it has ended") from error
        return steps * self.batch / float(self._answer())

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._lines_in.close()  # the end of its input ends it
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._lines_out.close()

    def _answer(self) -> str:
        timer = Timer(PATIENCE, self._process.kill)
        timer.start()
        try:
            line = self._lines_out.readline()
        finally:
            timer.cancel()
        if not line:
            raise NotRunning("failed: it ended without a word")
        return line.strip()
