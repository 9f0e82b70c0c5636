"""Any object as plain data in Keras's dialect, and back: what `keras.saving.serialize_keras_object` gives."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tinycnn import constraints, initializers, layers, losses, metrics, models, optimizers, registry, regularizers
from tinycnn.errors import DataError
from tinycnn.saving.configurable import resolve, serialize
from tinycnn.saving.custom import get_registered_object, within
from tinycnn.saving.keras_config import MODULES, from_keras, to_keras

__all__ = ["deserialize_keras_object", "serialize_keras_object"]

#: Imported so that all that a config may name is registered.
_TABLES = (constraints, initializers, layers, losses, metrics, models, optimizers, regularizers)
#: Tables of functions.
_FUNCTIONS = ("activation", "loss", "metric")


def serialize_keras_object(obj: Any) -> Any:
    """`obj` as plain data that JSON can hold and Keras's `deserialize_keras_object` reads: {"module", "class_name", "config", ...}.

    Args:
        obj: a layer, a model, an initializer, a loss, ...; a registered function; numbers, strings, arrays, None, lists and dicts of these.

    Raises:
        DTypeError: it holds something else, such as a function of the user's own that is not registered.
    """
    if isinstance(obj, Mapping):
        return {str(key): serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, (list, tuple)):
        return [serialize_keras_object(value) for value in obj]
    plain = serialize(obj)
    if isinstance(plain, str) and not isinstance(obj, str):
        return {"module": "builtins", "class_name": "function", "config": plain, "registered_name": "function"}
    if not isinstance(plain, dict):
        return plain
    return to_keras(plain, next((kind for kind in MODULES if _stands_for(kind, plain["class_name"], type(obj))), "layer"))


def _stands_for(kind: str, name: str, cls: type) -> bool:
    return name in registry.names(kind) and registry.lookup(kind, name) is cls


def deserialize_keras_object(config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True) -> Any:
    """The object that `serialize_keras_object`, here or in Keras, made `config` of.

    Args:
        config: plain data. A class is looked up among the user's own and those of its "module"; without one, in all tables.
        custom_objects: name -> class or function of your own, beside the registered ones.
        safe_mode: means nothing here: there is no other mode, and no code comes out of a config.

    Raises:
        DataError, ArgumentError: something is unknown, or does not fit.
    """
    with within(custom_objects):
        return _made(config)


def _made(config: Any) -> Any:
    if isinstance(config, (list, tuple)):
        return [_made(part) for part in config]
    if not isinstance(config, Mapping):
        return config
    if not isinstance(config.get("class_name"), str) or "config" not in config:
        return {key: _made(part) for key, part in config.items()}
    if config["class_name"] == "function":
        return _function(config["config"])
    kind = _kind(config)
    plain = from_keras(config, kind)
    return resolve(kind, plain) if isinstance(plain, dict) else plain


def _kind(config: Mapping[str, Any]) -> str:
    """The kind of object that a config describes."""
    name, module = config["class_name"], config.get("module")
    by_module = [kind for kind, home in MODULES.items() if module == home]
    return next((kind for kind in (*by_module, *MODULES) if name in registry.names(kind)), "layer")


def _function(name: Any) -> Any:
    own = get_registered_object(name)
    found = [registry.lookup(kind, name) for kind in _FUNCTIONS if name in registry.names(kind)]
    for candidate in (own, *found):
        if inspect.isroutine(candidate):
            return candidate
    raise DataError(f"tinycnn has no function {name!r}, and none is registered or among custom_objects")
