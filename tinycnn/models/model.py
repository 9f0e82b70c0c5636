"""What all models have in common: layers, weights in files, a summary."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from tinycnn.checks import check_path
from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError, ShapeError, shown
from tinycnn.layers import Layer
from tinycnn.layers.shapes import Shape
from tinycnn.layers.tree import leaves
from tinycnn.models import files
from tinycnn.models.summary import print_summary
from tinycnn.models.trainer import Trainer
from tinycnn.saving import weights_files
from tinycnn.saving.custom import within

if TYPE_CHECKING:
    from tinycnn.models.functional import Functional

__all__ = ["Model", "check_model", "check_no_mask", "check_shape"]


class Model(Trainer):
    """A model, in one of two ways.

    Drawn with symbolic inputs: ``Model(inputs, outputs)`` takes KerasTensors, lists or dicts of them, and returns a `Functional`. Inputs
    and outputs may be those of layers of another model: the result shares its weights. A subclass may be made so, too: with
    ``Sub(inputs, outputs)`` or, in its own ``__init__``, with ``super().__init__(inputs, outputs)``.

    By subclassing: define the layers in ``__init__`` and ``call(self, inputs)``, with a `training` argument if it matters.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Model:
        if cls is Model and (args or "inputs" in kwargs or "outputs" in kwargs):
            from tinycnn.models.functional import Functional  # a subclass: it cannot be imported before this class exists

            return object.__new__(Functional)
        return object.__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not (args or "inputs" in kwargs or "outputs" in kwargs):
            super().__init__(**kwargs)
            return
        from tinycnn.models.functional import Functional

        _replace_base(type(self), Functional)
        Functional.__init__(cast("Functional", self), *args, **kwargs)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new model: of the form that a functional model's config has, or with the arguments of a subclass.

        Args:
            config: what `get_config` gave.
            custom_objects: name -> class or function of your own, beside the registered ones.

        Raises:
            ArgumentError: the config does not fit.
        """
        from tinycnn.models.functional import Functional

        with within(custom_objects):
            if cls is Model or "input_layers" in config:
                return Functional.from_graph(config, cls)
            return super().from_config(config)

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

    # ---- copies
    def extra_state(self) -> dict[str, Any]:
        """How the model is compiled, the shapes that its metrics were chosen for, and where its optimizer is."""
        state = self.optimizer.get_state() if self.compiled and self.optimizer.built else None
        return {"compile": self.get_compile_config(), "shapes": self.objective_shapes, "optimizer": state}

    def restore_extra_state(self, state: Any) -> None:
        """Compile the model as another one was."""
        if state["compile"] is not None:
            self.compile(**state["compile"])
            self.objective_shapes = state["shapes"]
        if state["optimizer"] is not None:
            self.optimizer.build(self.trainable_variables)
            self.optimizer.set_state(state["optimizer"])

    # ---- files
    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Write the model whole, for `tinycnn.saving.load_model` or for Keras: see `tinycnn.saving.save_model`, also for `kwargs`."""
        files.save_model(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write all weights into a file, atomically: it holds the old weights or the new, never a part.

        Args:
            filepath: ends in ".npz" (NumPy; ".weights.npz" is customary), ".weights.h5" (Keras 3, with the state of the optimizer) or
                ".safetensors".
            overwrite: False refuses to replace a file.

        Raises:
            ArgumentError: filepath ends differently, or exists and may not be overwritten.
            NotBuiltError: there are no weights yet.
            OSError: the file cannot be written; an older one is as it was.
        """
        path = check_path("filepath", filepath)
        weights_files.check_ending(path, weights_files.WRITTEN)
        if not overwrite and os.path.exists(path):
            raise ArgumentError(f"filepath {path!r} exists, and overwrite is False")
        self.require_weights("save_weights")
        weights_files.write(path, self, self.optimizer if self.compiled and self.optimizer.built else None)

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False) -> None:
        """Read what `save_weights` wrote, here or in Keras, for a model of the same layers, whatever their names.

        Args:
            filepath: ends in ".npz", ".safetensors", ".weights.h5", ".keras", or ".h5" for the format of Keras 2. A built optimizer of a
                compiled model gets its state back, too, if the file has it.
            skip_mismatch: leave layers whose weights in the file are others, or missing, as they are, with a warning. Not for ".npz".
            by_name: match layers by their names; for the format of Keras 2 only.

        Raises:
            ArgumentError: filepath ends differently, or the format cannot do what is asked.
            NotBuiltError: the model has no weights to load into yet.
            DataError: the file is damaged or does not fit; no weight was changed.
            OSError: the file cannot be read.
        """
        path = check_path("filepath", filepath)
        weights_files.check_ending(path, weights_files.READ)
        self.require_weights("load_weights")
        weights_files.read(path, self, self.optimizer if self.compiled and self.optimizer.built else None, skip_mismatch, by_name)

    def to_json(self, **kwargs: Any) -> str:
        """The model without its weights, in Keras's dialect, for `models.model_from_json` here or there; `kwargs` go to `json.dumps`."""
        return files.model_to_json(self, **kwargs)

    def require_weights(self, method: str) -> None:
        """NotBuiltError, naming the method that needs them, unless all layers have their weights."""
        for layer in self.walk():
            if layer.lacks_weights:
                how = "call the model on data" if type(self).build is Layer.build else "call build(input_shape)"
                raise NotBuiltError(f"{method}() needs a built model, but {layer.name!r} is not: {how} first")

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

        path = check_path("filepath", filepath)
        if format not in (None, "onnx"):
            raise ArgumentError(f"format must be 'onnx', got {format!r}: tinycnn writes no TensorFlow SavedModel and nothing else but ONNX")
        if format is None and not path.endswith(".onnx"):
            raise ArgumentError(f"filepath must end in '.onnx', got {path!r}: tinycnn exports ONNX only, no TensorFlow SavedModel")
        export_onnx(self, path, opset_version)

    # ---- looking at it
    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print the layers, their output shapes and numbers of parameters.

        Args:
            line_length: characters in a line; default 80, or 98 where connections are shown.
            positions: where the columns end, but for that of `show_trainable`: as fractions of the line or in characters.
            print_fn: gets the text instead of stdout.
            expand_nested: show the layers of nested models, too.
            show_trainable: add a column that says whether a layer is trainable.
            layer_range: two names of layers, or regular expressions that they begin with: the rows from the first layer that the one
                matches to the last that the other does. The totals are those of the whole model.

        Raises:
            ArgumentError: positions or layer_range do not fit the table.
        """
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)


def _replace_base(cls: type, base: type) -> None:
    """Put `base`, a subclass of Model, in the place of Model among the bases of `cls` and of those: a model that is drawn is a `base`."""
    if not issubclass(cls, base):
        for inner in cls.__bases__:
            if inner is not Model and issubclass(inner, Model):
                _replace_base(inner, base)
        if Model in cls.__bases__:
            cls.__bases__ = tuple(base if inner is Model else inner for inner in cls.__bases__)


def check_model(value: Any) -> Any:
    """`value`, if it is a model; DTypeError otherwise."""
    if not isinstance(value, Model):
        raise DTypeError(f"model must be a Model, got {shown(value)}")
    return value


def check_shape(model: str, got: Sequence[int | None], expected: Shape, what: str = "inputs") -> None:
    """ShapeError unless `got` is `expected`, where None fits anything."""
    if len(got) != len(expected) or False in [e is None or g is None or g == e for g, e in zip(got, expected, strict=True)]:
        lacks_batch = len(got) > 1 and tuple(got[1:]) == expected[2:]
        hint = "; one sample alone needs a batch axis, as x[None] has" if lacks_batch else ""
        raise ShapeError(f"model {model!r} expects {what} of shape {expected}, got {tuple(got)}{hint}")


def check_no_mask(model: str, mask: Any) -> None:
    """ArgumentError unless all parts of `mask` are None: no layer of tinycnn makes masks or needs them."""
    if mask is not None and any(part is not None for part in leaves(mask)):
        raise ArgumentError(f"mask must be None for model {model!r}, got {mask!r}")
