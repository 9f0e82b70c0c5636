"""Keras 3. Modes: its backend, "tensorflow", "jax" or "torch"."""

from __future__ import annotations

import importlib
import os
from typing import Any

import sequential
from workload import Workload


class Peer:
    def __init__(self, mode: str, work: Workload) -> None:
        os.environ["KERAS_BACKEND"] = mode
        backend = importlib.import_module(mode)
        if mode == "tensorflow":  # it counts the cores of the machine, not those it may use; one step is one op after another
            backend.config.threading.set_intra_op_parallelism_threads(int(os.environ["OMP_NUM_THREADS"]))
            backend.config.threading.set_inter_op_parallelism_threads(1)
        import keras

        self.versions = {"keras": keras.__version__, mode: backend.__version__.split("+")[0]}
        self._work = work
        self._model = sequential.build(keras, work)

    def train(self, i: int) -> Any:
        return self._model.train_on_batch(self._work.images[i], self._work.one_hot[i])

    def predict(self, i: int) -> Any:
        return self._model.predict_on_batch(self._work.images[i])
