"""What all models have in common: layers, weights in files, a summary."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from tinycnn.errors import ArgumentError, NotBuiltError, ShapeError
from tinycnn.layers import Layer
from tinycnn.layers.shapes import Shape
from tinycnn.models.summary import print_summary
from tinycnn.models.trainer import Trainer
from tinycnn.saving.npz import read_arrays, write_arrays
from tinycnn.saving.paths import weight_paths

__all__ = ["Model", "check_shape"]


class Model(Trainer):
    """A model, in one of two ways.

    Drawn with symbolic inputs: ``Model(inputs, outputs)`` takes SymbolicTensors, lists or dicts of them, and returns a `Functional`. Inputs
    and outputs may be those of layers of another model: the result shares its weights.

    By subclassing: define the layers in ``__init__`` and ``call(self, inputs)``, with a `training` argument if it matters.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Model:
        if cls is Model and (args or "inputs" in kwargs or "outputs" in kwargs):
            from tinycnn.models.functional import Functional  # a subclass: it cannot be imported before this class exists

            return object.__new__(Functional)
        return object.__new__(cls)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without those inside of nested models."""
        return list(self.sublayers())

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its place in `layers`.

        Raises:
            ArgumentError: both or none of the two are given, or there is no such layer.
        """
        if (name is None) == (index is None):
            raise ArgumentError("get_layer() needs a name or an index, and not both")
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ArgumentError(f"index must be from 0 to {len(layers) - 1}, got {index}")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ArgumentError(f"there is no layer {name!r}; there are {', '.join(layer.name for layer in layers)}")

    # ---- files
    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write all weights into a NumPy .npz file, atomically: the file holds the old weights or the new, never a part.

        Args:
            filepath: ends in ".npz"; ".weights.npz" is customary.
            overwrite: False refuses to replace a file.

        Raises:
            ArgumentError: filepath ends differently, or exists and may not be overwritten.
            NotBuiltError: there are no weights yet.
            OSError: the file cannot be written; an older one is as it was.
        """
        path = _checked_path(filepath)
        if not overwrite and os.path.exists(path):
            raise ArgumentError(f"filepath {path!r} exists, and overwrite is False")
        self._require_weights("save_weights")
        write_arrays(path, {name: variable.numpy() for name, variable in weight_paths(self).items()})

    def load_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Read what `save_weights` wrote for a model of the same layers, whatever their names.

        Raises:
            ArgumentError: filepath does not end in ".npz".
            NotBuiltError: the model has no weights to load into yet.
            DataError: the file is damaged or does not fit; no weight was changed.
            OSError: the file cannot be read.
        """
        path = _checked_path(filepath)
        self._require_weights("load_weights")
        variables = weight_paths(self)
        arrays = read_arrays(path, {name: variable.numpy() for name, variable in variables.items()})
        for name, variable in variables.items():
            variable.assign(arrays[name])

    def _require_weights(self, method: str) -> None:
        for layer in self.walk():
            if not layer.built:
                raise NotBuiltError(f"{method}() needs a built model, but {layer.name!r} is not: call build(input_shape) first")

    def export(self, filepath: str | os.PathLike[str], format: str | None = None, *, opset_version: int | None = None) -> None:
        """Write the model, in inference mode, for other runtimes: as an ONNX graph (see `saving.onnx.export_onnx`).

        Args:
            filepath: ends in ".onnx".
            format: "onnx", the only one there is; default: by the ending.
            opset_version: the version of ONNX's operators; from 13, default 18.

        Raises:
            ArgumentError: another format, or something in the model has no words in ONNX (all such things are named).
            NotBuiltError: the model has no shapes yet.
            BackendError: the package `onnx` (extra `onnx`) is not installed.
            OSError: the file cannot be written; an older one is as it was.
        """
        from tinycnn.saving.onnx import export_onnx  # which imports this module

        if format not in (None, "onnx"):
            raise ArgumentError(f"format must be 'onnx', got {format!r}: tinycnn writes no TensorFlow SavedModel and nothing else but ONNX")
        if format is None and not os.fspath(filepath).endswith(".onnx"):
            raise ArgumentError(
                f"filepath must end in '.onnx', got {os.fspath(filepath)!r}: tinycnn exports ONNX only, no TensorFlow SavedModel"
            )
        export_onnx(self, filepath, opset_version)

    # ---- looking at it
    def summary(
        self,
        line_length: int | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print the layers, their output shapes and numbers of parameters.

        Args:
            line_length: characters in a line; default 80, or 98 where connections are shown.
            print_fn: gets the text instead of stdout.
            expand_nested: show the layers of nested models, too.
            show_trainable: add a column that says whether a layer is trainable.
        """
        print_summary(self, line_length, print_fn, expand_nested, show_trainable)


def _checked_path(filepath: str | os.PathLike[str]) -> str:
    path = os.fspath(filepath)
    if not path.endswith(".npz"):
        raise ArgumentError(f"filepath must end in '.npz' (customary: '.weights.npz'), got {path!r}")
    return path


def check_shape(model: str, got: Sequence[int | None], expected: Shape, what: str = "inputs") -> None:
    """ShapeError unless `got` is `expected`, where None fits anything."""
    if len(got) != len(expected) or any(e is not None and g is not None and g != e for g, e in zip(got, expected, strict=True)):
        raise ShapeError(f"model {model!r} expects {what} of shape {expected}, got {tuple(got)}")
