"""Files, under the names of `keras.saving`. Every file is written by `atomic`; a file never names code.

`load_model`, `save_model` and the functions for ONNX stand a floor higher, with the models, and are found when they are first named.
"""

from __future__ import annotations

import importlib
from typing import Any

from tinycnn.saving.custom import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "export_onnx",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_onnx",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

_HOMES = {
    "deserialize_keras_object": "tinycnn.models.objects",
    "export_onnx": "tinycnn.saving.onnx",
    "load_model": "tinycnn.models",
    "load_onnx": "tinycnn.saving.onnx",
    "load_weights": "tinycnn.models.files",
    "save_model": "tinycnn.models",
    "save_weights": "tinycnn.models.files",
    "serialize_keras_object": "tinycnn.models.objects",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinycnn.saving' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
