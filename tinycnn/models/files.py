"""Models in files: `.keras` archives as Keras 3 writes them, `.h5` files as Keras 2 did, and configs as JSON."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any

from tinycnn.checks import check_path
from tinycnn.errors import ArgumentError, DataError, DTypeError, TinyCNNError, shown
from tinycnn.layers import Input
from tinycnn.saving import budget, keras_weights, legacy_h5
from tinycnn.saving.archive import parse_json, read_archive, write_archive
from tinycnn.saving.configurable import deserialize, serialize, serialize_shared, sharing
from tinycnn.saving.custom import within
from tinycnn.saving.file_errors import naming, one_line
from tinycnn.saving.hdf5 import Group, read_hdf5
from tinycnn.saving.keras_config import compile_from_keras, compile_to_keras, from_keras, to_keras

if TYPE_CHECKING:
    from tinycnn.models.model import Model

__all__ = ["load_model", "load_weights", "model_from_json", "model_to_json", "save_model", "save_weights"]


def save_model(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    *,
    include_optimizer: bool = True,
    save_format: str | None = None,
) -> None:
    """Write a model whole: layers, weights, and if it is compiled also optimizer, loss, metrics and the state of the optimizer.

    Args:
        model: built.
        filepath: ends in ".keras" (Keras 3's archive) or in ".h5" or ".hdf5" (the format of Keras 2).
        overwrite: False refuses to replace a file.
        zipped: must be True or None: folders are not written.
        include_optimizer: False leaves the state of the optimizer out: the model that is loaded begins with a fresh one. In the format of
            Keras 2, loss and metrics go with it, as in Keras, and the model that is loaded is not compiled.
        save_format: an argument of Keras 2, which means nothing: the ending of `filepath` says it. Giving one warns.

    Raises:
        ArgumentError: filepath ends differently, or exists and may not be overwritten.
        NotBuiltError: there are no weights yet.
        DTypeError: something in the model has no place in a file, such as a function of the user's own that is not registered.
        OSError: the file cannot be written; an older one is as it was.
    """
    model, path = _model(model), check_path("filepath", filepath)
    if zipped is False:
        raise ArgumentError("zipped must be True or None: a model is written into one file")
    if not path.endswith((".keras", ".h5", ".hdf5")):
        raise ArgumentError(f"filepath must end in '.keras', or in '.h5' for the format of Keras 2, got {path!r}")
    if not overwrite and os.path.exists(path):
        raise ArgumentError(f"filepath {path!r} exists, and overwrite is False")
    model.require_weights("save")
    if save_format:
        warnings.warn(f"save_format={shown(save_format)} means nothing: the ending of filepath says the format", stacklevel=3)
    optimizer = _built_optimizer(model) if include_optimizer else None
    config = _to_config(model)
    if not include_optimizer and not path.endswith(".keras"):
        config.pop("compile_config", None)
    if path.endswith(".keras"):
        write_archive(path, config, keras_weights.written_weights(model, optimizer))
    else:
        legacy_h5.write_model(path, model, optimizer, config)


def _model(value: Any) -> Any:
    from tinycnn.models.model import check_model  # which imports this module

    return check_model(value)


def _built_optimizer(model: Any) -> Any:
    """The optimizer with its state, as a training step would build it; None if the model is not compiled."""
    if not model.compiled:
        return None
    if model.trainable_variables and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return model.optimizer


def _to_config(model: Any) -> dict[str, Any]:
    """The model in Keras's dialect."""
    config: dict[str, Any] = to_keras(serialize_shared(model))
    shape = _input_shape(model)
    config["build_config"] = {"input_shape": shape}
    compiled = model.get_compile_config()
    if compiled is not None:
        config["compile_config"] = compile_to_keras(compiled)
    return config


def _input_shape(model: Any) -> Any:
    if model.inputs:
        return list(model.inputs[0].shape) if len(model.inputs) == 1 else None
    return serialize(model.input_shape) if model.built else None


def load_model(
    filepath: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Model:
    """The model in a file that `save_model` or Keras wrote: a `.keras` archive, or an `.h5` file of Keras 2's format.

    The file is not trusted: it can name registered classes only, and nothing of it is run, extracted or followed elsewhere.

    Args:
        filepath: what is in the file counts, not its ending.
        custom_objects: name -> class or function of your own, beside the registered ones (`register_keras_serializable`).
        compile: whether to compile the model as the file says.
        safe_mode: means nothing here: there is no other mode.

    Raises:
        DataError: the file is damaged, or asks for what tinycnn has not; the sentence says where in the file.
        OSError: the file cannot be read.
    """
    path = check_path("filepath", filepath)
    with open(path, "rb") as file, within(custom_objects), naming(path):
        return _load(file, compile)


def _load(file: IO[bytes], compile: bool) -> Any:
    start = file.read(8)
    file.seek(0)
    if start[:2] == b"PK":
        config, weights = read_archive(file)
        return _from_parts(config, read_hdf5(weights), len(weights), compile)
    root = read_hdf5(file.read())
    config = legacy_h5.read_config(root)
    model = _from_config(config, file.tell())
    keras_weights.assign(legacy_h5.read_weights(root.group("model_weights"), model))
    if compile and config.get("compile_config"):
        _compile(model, config["compile_config"])
        _restore(model, root, legacy_h5.read_optimizer)
    return model


def _from_parts(config: dict[str, Any], root: Group, size: int, compile: bool) -> Any:
    """The model of an archive's two parts."""
    model = _from_config(config, size)
    keras_weights.assign(keras_weights.read_weights(root, model))
    if compile and config.get("compile_config"):
        _compile(model, config["compile_config"])
        _restore(model, root, keras_weights.read_optimizer)
    return model


def _restore(model: Any, root: Group, read: Callable[[Group, Any], Any]) -> None:
    """Put the optimizer where it was."""
    optimizer = _built_optimizer(model)
    state = None if optimizer is None else read(root, optimizer)
    if state is not None:
        keras_weights.set_state(optimizer, state)


def _from_config(config: Mapping[str, Any], size: float = math.inf) -> Any:
    """The model of a config, with no more weights than `size` bytes can hold; built, if there shall be any."""
    from tinycnn.models.model import Model  # which has `save`, and so imports this module

    try:
        with budget.limited(size / 2), sharing():  # float16 is the smallest
            model = deserialize("layer", from_keras(config))
            if not isinstance(model, Model):
                raise DataError(f"config must be a model's, got {type(model).__name__}")
            if size < math.inf:
                _build(model, config.get("build_config"))
    except RecursionError:
        raise DataError("config is nested too deeply") from None
    except TinyCNNError as error:
        raise DataError(one_line(str(error))) from error
    return model


def _build(model: Any, build_config: Any) -> None:
    """Build what `from_config` has left unbuilt: models that are not drawn with symbolic tensors."""
    shape = build_config.get("input_shape") if isinstance(build_config, Mapping) else None
    if shape and any(layer.lacks_weights for layer in model.walk()):
        try:
            model(Input(batch_shape=shape))
        except DataError:
            raise
        except Exception as error:
            raise DataError(f"the model cannot be built for config.build_config.input_shape={str(shape)[:100]}: {error}") from error
    if any(layer.lacks_weights for layer in model.walk()):
        raise DataError("the model in the file was never built, and so has no weights")


def _compile(model: Any, config: Any) -> None:
    if not isinstance(config, Mapping):
        raise DataError(f"compile_config must be a JSON object, got {type(config).__name__}")
    try:
        model.compile(**compile_from_keras(config))
    except DataError as error:
        raise DataError(f"{error} (compile=False loads the model without it)") from error
    except Exception as error:
        raise DataError(f"compile_config: {error} (compile=False loads the model without it)") from error


def save_weights(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """`model.save_weights(filepath, overwrite)`."""
    _model(model).save_weights(filepath, overwrite)


def load_weights(model: Any, filepath: str | os.PathLike[str], skip_mismatch: bool = False, **kwargs: Any) -> None:
    """`model.load_weights(filepath, skip_mismatch, ...)`."""
    _model(model).load_weights(filepath, skip_mismatch, **kwargs)


def model_to_json(model: Any, **kwargs: Any) -> str:
    """The model without its weights, in Keras's dialect; `kwargs` go to `json.dumps`."""
    return json.dumps(_to_config(model), **kwargs)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """The model that `to_json` described, of tinycnn or of Keras, with new weights; compiled, if it was.

    Raises:
        DTypeError: it is no string.
        DataError: it is no such description, or asks for what tinycnn has not.
    """
    if not isinstance(json_string, (str, bytes)):
        raise DTypeError(f"json_string must be a string, got {shown(json_string)}")
    with within(custom_objects):
        config = parse_json(json_string, "json_string")
        model = _from_config(config)
        if config.get("compile_config"):
            _compile(model, config["compile_config"])
        return model
