"""tinycnn. Modes: the backend, "c", "numba" or "numpy"; with "-layers" the layers are not fused."""

from __future__ import annotations

from typing import Any

import sequential
from workload import Workload

import tinycnn


class Peer:
    def __init__(self, mode: str, work: Workload) -> None:
        backend, _, layer_by_layer = mode.partition("-")
        try:
            tinycnn.use_backend(backend)
        except tinycnn.errors.BackendError as error:
            raise ModuleNotFoundError(str(error)) from error
        config = tinycnn.show_config("dicts") or {}
        self.versions = {name: str(config[name]) for name in ("tinycnn", "numpy", "backend", "isa") if name in config}
        if backend == "c":
            from tinycnn.kernels import native

            self.fma_peak = native.fma_peak() if hasattr(native, "fma_peak") else None
        self._work = work
        self._model = sequential.build(tinycnn, work, jit_compile=False if layer_by_layer else "auto")

    def train(self, i: int) -> Any:
        return self._model.train_on_batch(self._work.images[i], self._work.one_hot[i])

    def predict(self, i: int) -> Any:
        return self._model.predict_on_batch(self._work.images[i])
