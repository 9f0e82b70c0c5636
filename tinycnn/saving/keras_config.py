"""Keras's dialect of configs, and tinycnn's own: plain data into plain data.

tinycnn describes an object by {"class_name", "config"}, looked up in the table of what is expected in that place. Keras adds the module,
the registered name and what was built and compiled, has dtypes as policies, and writes a few arguments that mean nothing here. The
translation from Keras also checks: every class is known, and takes every argument that is not at its default; what does not fit is
named with its place in the file.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tinycnn import registry
from tinycnn.errors import DataError
from tinycnn.saving.configurable import SHARED, Placed, argument_names
from tinycnn.saving.custom import get_registered_name, get_registered_object
from tinycnn.saving.keras_ops import MODULE, bound, op_from_keras, op_to_keras

__all__ = ["MODULES", "compile_from_keras", "compile_to_keras", "from_keras", "to_keras"]

#: Where Keras has the classes of each kind.
MODULES = {
    "constraint": "keras.constraints",
    "initializer": "keras.initializers",
    "layer": "keras.layers",
    "loss": "keras.losses",
    "metric": "keras.metrics",
    "optimizer": "keras.optimizers",
    "regularizer": "keras.regularizers",
    "schedule": "keras.optimizers.schedules",
    "seed": "keras.random",
}
_MODELS = {"Functional": "keras.src.models.functional", "Model": "keras", "Sequential": "keras"}

#: Arguments of Keras's that tinycnn has not, and the values at which they do nothing. None always means a default.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "decay": (0.0,),
    "dynamic": (False,),
    "implementation": (0, 1, 2),
    "is_legacy_optimizer": (False, True),
    "jit_compile": (False, True),
    "optional": (False,),
    "ragged": (False,),
    "renorm": (False,),
    "renorm_momentum": (0.99,),
    "rms_scaling": (False,),
    "sparse": (False,),
    "synchronized": (False,),
    "unroll": (False,),
}
#: Old names of arguments: those that all classes share, and those of one class.
_RENAMED = {"lr": "learning_rate", ("InputLayer", "batch_input_shape"): "batch_shape", ("LeakyReLU", "alpha"): "negative_slope"}
#: Arguments that `Layer` takes without naming them.
_OF_ALL_LAYERS = {"activity_regularizer", "batch_input_shape", "input_shape", "input_dim"}
#: Kinds whose `dtype` is left out: they compute in the dtype of what they get.
_NO_DTYPE = ("constraint", "initializer", "loss", "metric", "regularizer", "schedule", "seed", "optimizer")
#: The objects in a compile config.
_COMPILED = {"optimizer": "optimizer", "loss": "loss", "metrics": "metric", "weighted_metrics": "metric"}
_MAX_LAYERS = 10_000
#: Letters of a place in a file: it is made for every part of a config, and a key may be as long as the file.
_MAX_PLACE, _MAX_KEY = 400, 80
#: Layers for which a file of Keras's has `training` only where they were told it.
_TELL_TRAINING = ("BatchNormalization", *_MODELS)
#: Classes that stand for a plain value here, and what in their configs that is.
_VALUES = {"DTypePolicy": "name", "FloatDTypePolicy": "name", "Policy": "name", "__numpy__": "value", "__tensor__": "value"}
_LAMBDA = "it holds Python code (a Lambda layer or a lambda), which is never run from a file: make it a class or function, and register it"


def _kind(argument: str, outer: str) -> str:
    """The kind of object that is expected as an argument of that name."""
    for kind in ("initializer", "regularizer", "constraint"):
        if argument.endswith(kind):
            return kind
    if argument.endswith("activation") or argument in ("layer", "layers"):
        return "layer"
    if argument == "fn":
        return "loss"
    return {"learning_rate": "schedule", "optimizer": "optimizer", "loss": "loss", "seed": "seed"}.get(argument, outer)


# ---- to Keras
def to_keras(value: Any, kind: str = "layer") -> Any:
    """tinycnn's config of an object, or of something with objects in it, as Keras writes it."""
    if isinstance(value, Mapping):
        name = value.get("class_name")
        if isinstance(name, str) and not name.startswith("__") and "config" in value:
            return _class_to_keras(name, value, kind)
        return {key: to_keras(part, _kind(key, kind)) for key, part in value.items()}
    return [to_keras(part, kind) for part in value] if isinstance(value, (list, tuple)) else value


def _class_to_keras(name: str, value: Mapping[str, Any], kind: str) -> dict[str, Any]:
    others = {key: to_keras(part, kind) for key, part in value.items() if key not in ("class_name", "config")}
    if name == "Operation":
        return {**others, **op_to_keras(value["config"], others.get("inbound_nodes", ()))}
    config = {key: to_keras(part, _kind(key, kind)) for key, part in value["config"].items()}
    package, _, own = name.rpartition(">")
    if package or name not in registry.names(kind):
        return {"module": package or "builtins", "class_name": own, "config": config, "registered_name": name, **others}
    module = _MODELS.get(name, MODULES[kind]) if kind == "layer" else MODULES[kind]
    registered = name if name == "Functional" else None  # as Keras writes it for this one class
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": registered,
        **others,
    }


def compile_to_keras(config: Mapping[str, Any]) -> dict[str, Any]:
    """A compile config. A function of the user's own becomes its name, which only its author can make a function again."""

    def one(value: Any, kind: str) -> Any:
        return get_registered_name(value) if inspect.isfunction(value) else to_keras(value, kind)

    return {key: _by_output(one, part, _COMPILED[key]) if key in _COMPILED else part for key, part in config.items()}


def _by_output(translate: Any, value: Any, kind: str) -> Any:
    """`translate` for each object in a list, or in a dict by output name, whatever the outputs are called."""
    if isinstance(value, Mapping) and "class_name" not in value:
        return {name: _by_output(translate, part, kind) for name, part in value.items()}
    return [_by_output(translate, part, kind) for part in value] if isinstance(value, (list, tuple)) else translate(value, kind)


# ---- from Keras
def from_keras(value: Any, kind: str = "layer", place: str = "config") -> Any:
    """The inverse of `to_keras`, for configs of Keras 3 and of Keras 2.

    Args:
        value: plain data, as JSON gives it.
        kind: what it must be.
        place: how errors call where it stands.

    Raises:
        DataError: something that is not known here; the sentence names it and its place.
    """
    if isinstance(value, Mapping):
        name = value.get("class_name")
        if isinstance(name, str) and "config" in value:
            return _class_from_keras(name, value, kind, place)
        return {key: from_keras(part, _kind(key, kind), _inside(place, f".{key:.{_MAX_KEY}}")) for key, part in value.items()}
    return [from_keras(part, kind, _inside(place, f"[{i}]")) for i, part in enumerate(value)] if isinstance(value, list) else value


def _inside(place: str, part: str) -> str:
    """A place inside of a place."""
    return place if len(place) > _MAX_PLACE else place + part


def _class_from_keras(name: str, value: Mapping[str, Any], kind: str, place: str) -> Any:
    config = value["config"]
    who = f"{kind} {_named(config)}(class {name:.{_MAX_KEY}}) at {place}"
    if name == "__keras_tensor__":
        return dict(value)
    if name in _VALUES:
        return config.get(_VALUES[name]) if isinstance(config, Mapping) else None
    if name in ("__lambda__", "Lambda"):
        raise DataError(f"{who}: {_LAMBDA}")
    if name == "function":
        return _function_name(value, place)
    config = {} if config is None else config
    name = name.removeprefix("Custom>") if kind == "optimizer" and get_registered_object(name) is None else name  # Keras 2.11 to 2.13
    if name == "MeanMetricWrapper" and isinstance(config, Mapping) and config.get("fn") in registry.names("metric"):  # Keras 2's accuracies
        name, config = registry.lookup("metric", config["fn"]).__name__, {"name": config.get("name")}
    if not isinstance(config, Mapping):
        raise DataError(f"{who}: its config must be a dict, got {type(config).__name__}")
    others = {key: part for key, part in value.items() if key in ("name", "inbound_nodes", *([SHARED] if kind == "layer" else []))}
    if isinstance(others.get("inbound_nodes"), list):
        others["inbound_nodes"] = [_node_from_keras(node, name) for node in others["inbound_nodes"]]
    if str(value.get("module")).startswith(MODULE):
        arguments, calls = op_from_keras(name, config, who, others.get("inbound_nodes"))
        others |= {} if calls is None else {"inbound_nodes": calls}
        return {"class_name": "Operation", "config": Placed(arguments, who, bound), **others}
    registered = next((n for n in (value.get("registered_name"), name) if get_registered_object(n) is not None), None)
    if registered is not None:
        parts = {key: from_keras(part, _kind(key, kind), _inside(place, f".{key:.{_MAX_KEY}}")) for key, part in config.items()}
        return {"class_name": registered, "config": Placed(parts, who), **others}
    if name not in registry.names(kind):
        raise DataError(f"{who}: tinycnn has no {kind} of this name, and none is registered or among custom_objects")
    cls = registry.lookup(kind, name)
    if not hasattr(cls, "from_config"):
        raise DataError(f"{who}: this {kind} cannot be made from a config")
    return {"class_name": name, "config": Placed(_arguments(cls, config, kind, who, place), who), **others}


def _node_from_keras(node: Any, name: str) -> Any:
    """A call of a layer, without the `training` that Keras writes where it was told none: the default of the layer's `call`."""
    kwargs = node.get("kwargs") if isinstance(node, Mapping) else None
    if not isinstance(kwargs, Mapping) or "training" not in kwargs or name in _TELL_TRAINING:
        return node
    default = name.startswith("Random") or name in ("CenterCrop", "CutMix", "MixUp", "Resizing")
    kept = kwargs["training"] is not default
    return {**node, "kwargs": {key: value for key, value in kwargs.items() if key != "training" or kept}}


def _named(config: Any) -> str:
    name = config.get("name") if isinstance(config, Mapping) else None
    return f"{name[:80]!r} " if isinstance(name, str) else ""


def _function_name(value: Mapping[str, Any], place: str) -> str:
    """What a function is called: names are all that a file can say of one."""
    for name in (value.get("registered_name"), value["config"]):
        if isinstance(name, str) and (get_registered_object(name) is not None):
            return name
    if not isinstance(value["config"], str):
        raise DataError(f"a function at {place} must be given by its name, got {type(value['config']).__name__}")
    return value["config"]


def _arguments(cls: type, config: Mapping[str, Any], kind: str, who: str, place: str) -> dict[str, Any]:
    """The config in tinycnn's words: only arguments that `cls` takes."""
    if cls.__name__ in _MODELS:
        return _model_arguments(config, place)
    known = set(argument_names(cls)) | (_OF_ALL_LAYERS if kind == "layer" else set())
    wrapper = cls.__name__.endswith("Wrapper")  # passes any further argument to its function
    found = {}
    for old, value in config.items():
        key = _RENAMED.get((cls.__name__, old), _RENAMED.get(old, old))
        if key == "dtype" and kind in _NO_DTYPE:
            continue
        if key == "reduction" and value == "auto":
            value = "sum_over_batch_size"
        if (key in known or wrapper) and not (value is None and key in _OF_ALL_LAYERS):
            found[key] = from_keras(value, _kind(key, kind), _inside(place, f".{key}"))
        elif value is not None and value not in _NEUTRAL.get(key, ()):
            raise DataError(f"{who}: tinycnn's {cls.__name__} takes no argument {key!r}, here {value!r}"[:400])
    return found


def _model_arguments(config: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The config of a Sequential or a Functional."""
    found = {key: value for key, value in config.items() if key not in ("dtype", "layers", "build_input_shape", "batch_input_shape")}
    layers = config.get("layers")
    if not isinstance(layers, list):
        raise DataError(f"the model at {place} must have a list of layers, got {type(layers).__name__}")
    if len(layers) > _MAX_LAYERS:
        raise DataError(f"the model at {place} has {len(layers)} layers, more than {_MAX_LAYERS}")
    found["layers"] = [from_keras(layer, "layer", f"{place}.layers[{i}]") for i, layer in enumerate(layers)]
    for i, layer in enumerate(found["layers"]):
        if not (isinstance(layer, dict) and "class_name" in layer):
            raise DataError(f"{place}.layers[{i}] must be a layer, got {type(layer).__name__}")
    shape = config.get("build_input_shape")
    if shape is not None and "input_layers" not in config and not any("batch_shape" in layer["config"] for layer in found["layers"][:1]):
        source = Placed({"batch_shape": shape}, f"the input shape at {place}.build_input_shape")
        found["layers"].insert(0, {"class_name": "InputLayer", "config": source})
    return found


def compile_from_keras(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `compile` in a compile config of Keras's; what only matters to its backends is left out.

    Raises:
        DataError: something that is not known here.
    """

    def translate(key: str) -> Any:
        def one(value: Any, kind: str) -> Any:
            found = from_keras(value, kind, f"compile_config.{key}")
            return _named_object(found, kind, f"compile_config.{key}") if isinstance(found, str) else found

        return _by_output(one, config.get(key), _COMPILED[key])

    steps = config.get("steps_per_execution") or 1
    return {key: translate(key) for key in _COMPILED} | {"loss_weights": config.get("loss_weights"), "steps_per_execution": steps}


def _named_object(name: str, kind: str, place: str) -> Any:
    """A name, if it is known, or the user's own object of that name: it may be gone when a metric is looked up, at the first batch."""
    found = get_registered_object(name)
    if found is not None:
        return found
    if name in registry.names(kind) or (kind == "metric" and name.lower() in ("accuracy", "acc")):
        return name
    if kind == "metric" and name in registry.names("loss"):
        return registry.lookup("loss", name)
    raise DataError(f"{kind} {name!r} at {place}: tinycnn has no {kind} of this name, and none is registered or among custom_objects")
