"""The HDF5 format of Keras 2, whole models and weights: `model_config`, `layer_names`, `weight_names`; Keras 3 still writes it, too."""

from __future__ import annotations

import itertools
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd import Variable
from tinycnn.errors import DataError
from tinycnn.layers.layer import Layer
from tinycnn.saving.archive import KERAS_VERSION, parse_json
from tinycnn.saving.atomic import replacing
from tinycnn.saving.hdf5 import Dataset, Group
from tinycnn.saving.hdf5_writing import written_hdf5
from tinycnn.saving.keras_weights import check_array, keras_state

__all__ = ["is_legacy", "read_config", "read_optimizer", "read_weights", "write_model"]

Array = NDArray[Any]

_TOP = "top_level_model_weights"
#: HDF5 holds no larger attribute; longer lists are written in parts.
_MAX_ATTRIBUTE = 64512
#: Names of slots in Keras 2.
_SLOTS = {
    "accum_grad": "accumulated_grad",
    "accum_var": "accumulated_delta_var",
    "accumulator": "accumulator",
    "m": "momentum",
    "mg": "average_gradient",
    "momentum": "momentum",
    "rms": "velocity",
    "v": "velocity",
    "vhat": "velocity_hat",
}


def is_legacy(root: Group) -> bool:
    """Whether a file is of this format, and not a `.weights.h5` of Keras 3."""
    return "model_weights" in root or bool(_strings(root, "layer_names"))


# ---- reading
def read_config(root: Group) -> dict[str, Any]:
    """The config of a whole model, in the form that Keras 3 has. Raises DataError if the file has none."""
    text = root.attribute("model_config")
    if not isinstance(text, str):
        raise DataError("the HDF5 file has no model_config: it may hold weights only, which load_weights reads")
    config = parse_json(text, "model_config")
    if isinstance(config.get("config"), list):  # a Sequential of Keras 2.1 and before
        config["config"] = {"layers": config["config"]}
    training = root.attribute("training_config")
    if isinstance(training, str):
        compiled = parse_json(training, "training_config")
        config["compile_config"] = {**compiled, "optimizer": compiled.get("optimizer_config")}
    return config


def read_weights(root: Group, model: Layer, skip_mismatch: bool = False, by_name: bool = False) -> list[tuple[Variable, Array]]:
    """What the file has for the model's weights, each beside its variable; nothing is assigned yet.

    Layers are matched by their names if these are the same in the model and in the file, else by their order.

    Args:
        root: with `layer_names`: the file, or its group "model_weights".
        model: a model with `layers`.
        skip_mismatch: warn and leave out layers that the file has in another form.
        by_name: match by names in any case, and leave out layers that are only on one side.

    Raises:
        DataError: naming the layer and the place in the file.
    """
    saved = {name: root.group(name) for name in _strings(root, "layer_names")}
    saved = {name: group for name, group in saved.items() if _strings(group, "weight_names")}
    layers = {layer.name: layer for layer in model.layers if layer.weights}  # type: ignore[attr-defined]
    if by_name:
        matches = [(layers[name], group) for name, group in saved.items() if name in layers]
    elif saved.keys() == layers.keys():
        matches = [(layers[name], group) for name, group in saved.items()]
    elif len(saved) == len(layers):
        matches = list(zip(layers.values(), saved.values(), strict=True))
    else:
        raise DataError(f"the model has {len(layers)} layers with weights, the file has {len(saved)}: {list(saved)[:5]}")
    if _TOP in root and model.own_weights:
        matches.append((model, root.group(_TOP)))
    found: list[tuple[Variable, Array]] = []
    for layer, group in matches:
        try:
            found += _read_layer(layer, model, group)
        except DataError as error:
            if not skip_mismatch:
                raise
            warnings.warn(f"skipped the weights of {layer.who}: {error}", stacklevel=4)
    return found


def _read_layer(layer: Layer, model: Layer, group: Group) -> list[tuple[Variable, Array]]:
    variables = _ordered(layer, model)
    datasets = _datasets(group)
    if len(datasets) != len(variables):
        raise DataError(f"{layer.who} has {len(variables)} weights, the file has {len(datasets)} in {group.path!r}")
    for variable, dataset in zip(variables, datasets, strict=True):
        check_array(dataset, variable.shape, f"weight {variable.path!r} of {layer.who}")
    return [(variable, dataset.read()) for variable, dataset in zip(variables, datasets, strict=True)]


def _ordered(layer: Layer, model: Layer) -> list[Variable]:
    """The weights of a layer in this format's order, those of the model itself without its layers'."""
    weights = layer.own_weights if layer is model else layer.weights
    return [v for v in weights if v.trainable] + [v for v in weights if not v.trainable]


def _datasets(group: Group) -> list[Dataset]:
    return [group.dataset(name) for name in _strings(group, "weight_names")]


def _strings(group: Group, name: str) -> list[str]:
    """An attribute that is a list of strings, also one written in parts."""
    whole = group.attribute(name)
    if whole is not None:
        return [part for part in whole if isinstance(part, str)] if isinstance(whole, list) else []
    parts = (group.attribute(f"{name}{number}") for number in itertools.count())
    return [text for part in itertools.takewhile(lambda part: isinstance(part, list), parts) for text in part]


def read_optimizer(root: Group, optimizer: Any) -> dict[str, Array] | None:
    """The state that the file has for a built optimizer, as `set_state` takes it; None, with a warning, if it is of another one.

    Raises:
        DataError: the state is damaged.
    """
    if optimizer is None or "optimizer_weights" not in root:
        return None
    group = root.group("optimizer_weights")
    names = _strings(group, "weight_names")
    state: Mapping[str, Array] = optimizer.get_state()
    if any(name.endswith(":0") for name in names):
        found = _keras_2_slots(names, optimizer)
        found |= {"learning_rate": ""} if "learning_rate" in state else {}  # the config has it
    else:
        found = dict(zip(state, names, strict=False)) if len(names) == len(state) else {}
    if found.keys() != state.keys():
        warnings.warn(f"the state of optimizer {optimizer.name!r} was not loaded: the file has other variables for it", stacklevel=4)
        return None
    arrays = {}
    for name, like in state.items():
        if not found[name]:
            arrays[name] = like
            continue
        dataset = group.dataset(found[name])
        check_array(dataset, like.shape, f"{name!r} of optimizer {optimizer.name!r}")
        arrays[name] = dataset.read()
    return arrays


def _keras_2_slots(names: Sequence[str], optimizer: Any) -> dict[str, str]:
    """Entry of the state -> name in the file: "Adam/dense/kernel/m:0" or "Adam/m/dense/kernel:0" is the momentum of the first variable."""
    found: dict[str, str] = {}
    variables: dict[str, int] = {}
    for name in names:
        parts = name.removesuffix(":0").split("/")
        if parts[-1] in ("iter", "iteration", "iterations"):
            found["iterations"] = name
            continue
        short = parts.pop() if parts[-1] in _SLOTS else parts.pop(1) if len(parts) > 2 and parts[1] in _SLOTS else None
        if short is not None:
            slot = "norm" if short == "v" and "norm" in optimizer.slots else _SLOTS[short]
            found[f"{slot}/{variables.setdefault('/'.join(parts), len(variables))}"] = name
    return found


# ---- writing
def write_model(path: str | os.PathLike[str], model: Layer, optimizer: Any, config: Mapping[str, Any]) -> None:
    """Write a whole model atomically.

    Args:
        path: of the file.
        model: built, with `layers`.
        optimizer: built, or None.
        config: in Keras's dialect.
    """

    def fill(file: Any) -> None:
        file.attrs["backend"], file.attrs["keras_version"] = "jax", KERAS_VERSION
        file.attrs["model_config"] = json.dumps({"class_name": config["class_name"], "config": config["config"]})
        if "compile_config" in config:
            compiled = dict(config["compile_config"])
            compiled["optimizer_config"] = compiled.pop("optimizer")
            file.attrs["training_config"] = json.dumps(compiled)
        _write_layers(file.create_group("model_weights"), model)
        if optimizer is not None:
            state = keras_state(optimizer)
            _write_arrays(file.create_group("optimizer_weights"), {f"{optimizer.name}/{name}": a for name, a in state.items()})

    content = written_hdf5(fill)
    with replacing(path) as target:
        target.write(content)


def _write_layers(root: Any, model: Layer) -> None:
    layers = {layer.name: _ordered(layer, model) for layer in model.layers}  # type: ignore[attr-defined]
    root.attrs["backend"], root.attrs["keras_version"] = "jax", KERAS_VERSION
    _write_strings(root, "layer_names", list(layers))
    for name, variables in {**layers, _TOP: _ordered(model, model)}.items():
        _write_arrays(root.create_group(name.encode()), {f"{i}/{v.path}": v.numpy() for i, v in enumerate(variables)})


def _write_arrays(group: Any, arrays: Mapping[str, Array]) -> None:
    _write_strings(group, "weight_names", list(arrays))
    for name, array in arrays.items():
        group[name.encode()] = array  # as a string that is not ASCII it makes another kind of group


def _write_strings(group: Any, name: str, strings: Sequence[str]) -> None:
    encoded = np.array([text.encode() for text in strings])
    parts = np.array_split(encoded, max(1, -(-encoded.nbytes // _MAX_ATTRIBUTE)))
    for number, part in enumerate(parts):
        group.attrs[name if len(parts) == 1 else f"{name}{number}"] = part
