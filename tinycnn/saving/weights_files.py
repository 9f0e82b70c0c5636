"""Weights alone, in the format that a file's ending names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from tinycnn.errors import ArgumentError, DataError
from tinycnn.layers.layer import Layer
from tinycnn.saving import keras_weights, legacy_h5, npz, safetensors
from tinycnn.saving.archive import read_archive
from tinycnn.saving.atomic import replacing
from tinycnn.saving.file_errors import one_line
from tinycnn.saving.hdf5 import Group, read_hdf5
from tinycnn.saving.paths import weight_paths

__all__ = ["READ", "WRITTEN", "check_ending", "read", "write"]

WRITTEN = (".npz", ".weights.h5", ".safetensors")
READ = (".npz", ".safetensors", ".keras", ".h5", ".hdf5")


def check_ending(path: str, endings: Sequence[str]) -> None:
    """ArgumentError unless the path ends in one of them."""
    if not path.endswith(tuple(endings)):
        raise ArgumentError(f"filepath must end in {' or '.join(map(repr, endings))}, got {path!r}")


def write(path: str, model: Layer, optimizer: Any) -> None:
    """Write the weights of a built model, atomically; in the HDF5 format also the state of the optimizer, unless it is None."""
    if path.endswith(".h5"):
        content = keras_weights.written_weights(model, optimizer)
        with replacing(path) as stream:
            stream.write(content)
        return
    arrays = {name: variable.numpy() for name, variable in weight_paths(model).items()}
    (npz if path.endswith(".npz") else safetensors).write_arrays(path, arrays)


def read(path: str, model: Layer, optimizer: Any, skip_mismatch: bool, by_name: bool) -> None:
    """Read weights into a built model; from the HDF5 formats also the state of the optimizer, unless it is None.

    Raises:
        ArgumentError: the format cannot skip, or match by name.
        DataError: the file is damaged or does not fit; nothing was changed.
        OSError: the file cannot be read.
    """
    if path.endswith((".npz", ".safetensors")):
        _read_arrays(path, model, skip_mismatch, by_name)
        return
    try:
        root = _open(path)
        if legacy_h5.is_legacy(root):
            group = root.group("model_weights") if "model_weights" in root else root
            pairs, state = legacy_h5.read_weights(group, model, skip_mismatch, by_name), legacy_h5.read_optimizer(root, optimizer)
        else:
            if by_name:
                raise ArgumentError(f"by_name is for files of Keras 2's format only, which {path!r} is not")
            pairs = keras_weights.read_weights(root, model, skip_mismatch)
            state = None if optimizer is None else keras_weights.read_optimizer(root, optimizer)
        if state is not None:
            keras_weights.set_state(optimizer, state)
    except DataError as error:
        raise DataError(one_line(f"{os.fspath(path)}: {error}")) from error
    keras_weights.assign(pairs)


def _read_arrays(path: str, model: Layer, skip_mismatch: bool, by_name: bool) -> None:
    """From a format of named arrays."""
    if by_name:
        raise ArgumentError(f"by_name is for files of Keras 2's format only, which {path!r} is not")
    variables = weight_paths(model)
    expected = {name: variable.numpy() for name, variable in variables.items()}
    if path.endswith(".npz"):
        if skip_mismatch:
            raise ArgumentError("skip_mismatch is not for '.npz' files")
        arrays = npz.read_arrays(path, expected)
    else:
        arrays = safetensors.read_arrays(path, expected, skip_mismatch)
    keras_weights.assign((variables[name], array) for name, array in arrays.items())


def _open(path: str) -> Group:
    """The root of an HDF5 file, or of the one in a `.keras` archive."""
    with open(path, "rb") as file:
        return read_hdf5(read_archive(file)[1] if path.endswith(".keras") else file.read())
