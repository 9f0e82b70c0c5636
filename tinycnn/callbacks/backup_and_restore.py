"""Going on after a crash as if it had not been."""

from __future__ import annotations

import contextlib
import json
import os
import random as python_random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn import random
from tinycnn.callbacks.callback import Callback, Logs
from tinycnn.callbacks.finite import is_finite
from tinycnn.checks import check_path
from tinycnn.errors import ArgumentError, DataError, NotBuiltError, TinyCNNError, shown
from tinycnn.saving.archive import parse_json
from tinycnn.saving.npz import read_all_arrays, write_arrays

__all__ = ["BackupAndRestore", "Resumption"]

Arrays = dict[str, NDArray[Any]]

#: Changes with what is in the file.
_FORMAT = 1
#: What the plain data must have, each of one of these types.
_META: dict[str, tuple[type, ...]] = {
    **{"epoch": (int,), "batches": (int,), "since_saving": (int,), "stopped": (bool,), "steps": (int, type(None))},
    **{"random": (dict,), "layers": (list,), "python": (list,), "numpy": (list,), "data": (dict, type(None))},
    **{"objective": (list, type(None)), "callbacks": (list,)},
}
#: The plain data of a training have some 10 kB.
_MAX_META = 8 << 20
#: Numbers in the state of NumPy's global generator.
_KEY = 624
#: What values that do not fit raise where they are put, apart from tinycnn's own errors.
_MISFITS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class Resumption:
    """Where a training goes on."""

    #: The epoch, from 0.
    epoch: int
    #: Batches of it that are done.
    batches: int
    #: Puts everything back once more, after what callbacks do at the beginning of an epoch.
    restore: Callable[[], None]


class BackupAndRestore(Callback):
    """Keeps all that a training needs to go on, in one file; the next `fit` with the same arguments goes on from there.

    The result is that of a training without interruption, byte for byte: weights, the compiled optimizer's slots and learning rate, random
    generators (tinycnn's, the layers' own, Python's and NumPy's global ones), the order of the data and the place in it, running means,
    and what callbacks such as EarlyStopping count. The file is replaced at once or not at all, so a kill at any moment, while it is
    written, too, leaves a good one. Batches that are done are skipped, not computed again; a generator has to give the same ones again.
    A model whose loss or weights are no longer finite is not kept, and the file then stays when the training ends.

    Args:
        backup_dir: a folder of this training's own; made if it is not there.
        save_freq: "epoch", or a number of batches.
        double_checkpoint: keep the file before the last one, too, and go on from that where the last one cannot be read.
        delete_checkpoint: delete it at the end of the training.

    Raises:
        ArgumentError: one of these is not as described; as `fit` begins also if the file is another model's or of other data.
        NotBuiltError: there is a file, and the model is not built yet.
        DataError: the file is damaged.
    """

    comes_last = True  # what others do at the end of an epoch is part of the state

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ArgumentError(f"save_freq must be 'epoch' or a number of batches >= 1, got {save_freq!r}")
        self.backup_dir = Path(check_path("backup_dir", backup_dir))
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._latest, self._previous = self.backup_dir / "latest.npz", self.backup_dir / "previous.npz"
        self._peers: list[Callback] = []
        self._epoch = 0
        self._batches = 0  # since the last saving
        self._last_batch = -1
        self._kept_everything = True
        self._latest_is_readable = True

    # ---- hooks
    def set_callbacks(self, callbacks: list[Callback]) -> None:
        self._peers = [callback for callback in callbacks if callback.resumed]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches, self._last_batch, self._kept_everything = 0, -1, True
        found = self._read()
        if found is None:
            return
        path, arrays, meta = found
        if not self.model.built:
            raise NotBuiltError(f"BackupAndRestore found {path} and needs a built model to go on: call build(input_shape) first")
        if meta["steps"] != self.params["steps"]:
            raise ArgumentError(f"{path} is of a training of {meta['steps']} batches an epoch, got data of {self.params['steps']}")
        self._restore(path, arrays, meta)
        self._batches, self._last_batch = meta["since_saving"], meta["batches"] - 1
        self.model.resumption = Resumption(
            self.params["epochs"] if meta["stopped"] else meta["epoch"],
            meta["batches"],
            lambda: self._restore(path, arrays, meta),
        )

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += batch - self._last_batch
        self._last_batch = batch
        if self.save_freq != "epoch" and self._batches >= int(self.save_freq):
            self._batches = 0
            self._save(self._epoch, batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._last_batch = -1
        if self.save_freq == "epoch":
            self._save(epoch + 1, 0, logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint and self._kept_everything:
            self._latest.unlink(missing_ok=True)
            self._previous.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # somebody else's file is in it
                self.backup_dir.rmdir()

    # ---- files
    def _read(self) -> tuple[Path, Arrays, dict[str, Any]] | None:
        """The last state that can be read, and the file it is in; None if there is none."""
        self._latest_is_readable = True
        try:
            return _read(self._latest)
        except (OSError, DataError) as error:
            self._latest_is_readable = False
            if self.double_checkpoint and self._previous.exists():
                return _read(self._previous)
            if isinstance(error, FileNotFoundError):
                return None
            raise

    def _save(self, epoch: int, batches: int, logs: Logs | None) -> None:
        self._kept_everything = is_finite(self.model, logs)
        if not self._kept_everything:
            return
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        arrays, meta = self._state()
        stopped = batches == 0 and bool(self.model.stop_training)
        meta |= {"epoch": epoch, "batches": batches, "since_saving": self._batches, "stopped": stopped, "steps": self.params["steps"]}
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        if self.double_checkpoint and self._latest_is_readable:
            os.replace(self._latest, self._previous)
        write_arrays(self._latest, arrays)
        self._latest_is_readable = True

    # ---- the state
    def _state(self) -> tuple[Arrays, dict[str, Any]]:
        """Everything: arrays by name, and plain data."""
        arrays: Arrays = {f"weights/{i}": variable.numpy() for i, variable in enumerate(self.model.weights)}
        arrays |= {f"optimizer/{name}": value for name, value in self.model.optimizer.get_state().items()}
        name, key, *rest = np.random.get_state(legacy=True)  # noqa: NPY002  (users' scripts draw from it)
        arrays["numpy"] = np.asarray(key)
        meta: dict[str, Any] = {
            "format": _FORMAT,
            "random": random.get_state(),
            "layers": [generator.bit_generator.state for generator in self._generators()],
            "python": python_random.getstate(),
            "numpy": [name, *rest],
            "data": self.model.fit_data.position,
            "objective": self.model.objective_shapes,
            "callbacks": [],
        }
        for i, metric in enumerate(self.model.metrics):
            arrays |= {f"metrics/{i}/{k}": variable.numpy() for k, variable in enumerate(metric.variables)}
        for i, callback in enumerate(self._peers):
            plain: dict[str, Any] = {}
            for name in callback.resumed:
                value = getattr(callback, name)
                if isinstance(value, list):
                    arrays |= {f"callbacks/{i}/{name}/{k}": np.asarray(part) for k, part in enumerate(value)}
                    value = {"arrays": len(value)}
                plain[name] = value
            meta["callbacks"].append([type(callback).__name__, plain])
        return arrays, meta

    def _restore(self, path: Path, arrays: Arrays, meta: dict[str, Any]) -> None:
        """Put `_state` back, all of it or nothing."""
        if any("/" in name for name in _part(arrays, "optimizer/")):  # else a training step of the user's own does not use it
            self.model.optimizer.build(self.model.trainable_variables)
        old_arrays, old_meta = self._state()
        old_arrays = {name: array.copy() for name, array in old_arrays.items()}
        try:
            self._assign(arrays, meta)
        except (TinyCNNError, *_MISFITS) as error:
            self._assign(old_arrays, old_meta)
            if isinstance(error, TinyCNNError) and not isinstance(error, DataError):
                raise ArgumentError(f"the state in {path} is that of another model or optimizer: {error}") from None
            raise DataError(f"{path}: damaged ({type(error).__name__}: {error})") from None

    def _assign(self, arrays: Arrays, meta: dict[str, Any]) -> None:
        """`_restore`, with errors on the way."""
        model = self.model
        weights = _part(arrays, "weights/")
        model.set_weights([weights[str(i)] for i in range(len(weights))])
        model.optimizer.set_state(_part(arrays, "optimizer/"))
        model.fit_data.position = meta["data"]
        model.objective_shapes = meta["objective"]
        for i, metric in enumerate(model.metrics):
            for k, variable in enumerate(metric.variables):
                if f"metrics/{i}/{k}" in arrays:
                    variable.assign(arrays[f"metrics/{i}/{k}"])
        for i, (callback, (class_name, plain)) in enumerate(zip(self._peers, meta["callbacks"], strict=False)):
            if class_name == type(callback).__name__:  # else `fit` was given other callbacks
                for name, value in plain.items():
                    if name not in callback.resumed:
                        raise DataError(f"{class_name} resumes no attribute {shown(name)}")
                    setattr(callback, name, _rebuilt(value, arrays, f"callbacks/{i}/{name}/", getattr(callback, name)))
        for generator, state in zip(self._generators(), meta["layers"], strict=False):
            generator.bit_generator.state = state
        version, numbers, gauss = meta["python"]
        python_random.setstate((version, tuple(numbers), gauss))
        name, place, *rest = meta["numpy"]
        key = arrays["numpy"]
        if not (type(place) is int and 0 <= place <= _KEY == len(key)):  # NumPy reads at this place without looking
            raise DataError(f"NumPy's generator has {_KEY} numbers and no place {shown(place)}")
        np.random.set_state((name, key, place, *rest))  # noqa: NPY002
        random.set_state(meta["random"])

    def _generators(self) -> Iterator[np.random.Generator]:
        """The random generators that layers have of their own."""
        return (value for layer in self.model.walk() for value in vars(layer).values() if isinstance(value, np.random.Generator))


def _part(arrays: Arrays, prefix: str) -> Arrays:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _read(path: Path) -> tuple[Path, Arrays, dict[str, Any]]:
    """The path, the arrays and the plain data of a file, which are of the kinds they should be. Raises DataError, OSError."""
    arrays = read_all_arrays(path)
    text = arrays.pop("meta", np.zeros(0))
    if not text.size:
        raise DataError(f"{path} is no backup of this version of tinycnn")
    if text.nbytes > _MAX_META:
        raise DataError(f"{path}: damaged, its plain data have {text.nbytes} bytes")
    meta = parse_json(text.tobytes(), f"{path}: its plain data")
    if meta.get("format") != _FORMAT:
        raise DataError(f"{path} is no backup of this version of tinycnn")
    for name, types in _META.items():
        value = meta.get(name)
        if name not in meta or type(value) not in types or (type(value) is int and value < 0):
            raise DataError(f"{path}: damaged, {name} must be {' or '.join(t.__name__ for t in types)}, got {shown(value)}")
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise DataError(f"{path}: damaged, {shown(name)} must hold numbers, got dtype {shown(array.dtype.str)}")
    if (meta["steps"] is not None and meta["batches"] > meta["steps"]) or not _is_position(meta["data"]):
        raise DataError(f"{path}: damaged, it has no such place in the data as it tells of")
    return path, arrays, meta


def _is_position(data: dict[str, Any] | None) -> bool:
    """Whether it may be an `Epochs.position`."""
    return data is None or all(type(data.get(name)) is int and data[name] >= 0 for name in ("taken", "done"))


def _rebuilt(value: Any, arrays: Arrays, prefix: str, now: Any) -> Any:
    """A number or None as it is, or the arrays that a note of `_state` stands for; `now` says what it may be, unless it is None."""
    if isinstance(value, dict):
        value = [arrays[f"{prefix}{k}"].copy() for k in range(value["arrays"])]
    kinds: tuple[type, ...] = (list,) if isinstance(value, list) else (int, float)
    if value is not None and not (isinstance(value, kinds) and (now is None or isinstance(now, kinds))):
        raise DataError(f"{shown(prefix[:-1])} cannot be {shown(value)}")
    return value
