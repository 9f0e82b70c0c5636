"""Small helpers under the names of `keras.utils`. Those that stand on models are found when they are first named."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tinycnn.saving import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from tinycnn.utils.numerical import normalize, to_categorical
from tinycnn.utils.progress import Progbar
from tinycnn.utils.session import clear_session, set_random_seed

if TYPE_CHECKING:
    from tinycnn.utils.model_visualization import model_to_dot, model_to_text, plot_model

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "clear_session",
    "custom_object_scope",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "model_to_dot",
    "model_to_text",
    "normalize",
    "plot_model",
    "register_keras_serializable",
    "set_random_seed",
    "to_categorical",
]

#: Names whose module imports models, which import this package.
_HOMES = dict.fromkeys(("model_to_dot", "model_to_text", "plot_model"), "tinycnn.utils.model_visualization")


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinycnn.utils' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
