"""Small helpers under the names of `keras.utils`. Those that stand on models are found when they are first named."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tinycnn.config import disable_interactive_logging, enable_interactive_logging, is_interactive_logging_enabled
from tinycnn.data.py_dataset import PyDataset
from tinycnn.saving import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from tinycnn.utils.dataset_utils import split_dataset
from tinycnn.utils.file_utils import get_file
from tinycnn.utils.image_dataset import image_dataset_from_directory
from tinycnn.utils.image_utils import array_to_img, img_to_array, load_img, save_img
from tinycnn.utils.numerical import normalize, standardize_dtype, to_categorical
from tinycnn.utils.progress import Progbar
from tinycnn.utils.session import clear_session, set_random_seed

if TYPE_CHECKING:
    from tinycnn.layers.symbolic import is_keras_tensor
    from tinycnn.models.graph import get_source_inputs
    from tinycnn.models.objects import deserialize_keras_object, serialize_keras_object
    from tinycnn.models.steps import pack_x_y_sample_weight, unpack_x_y_sample_weight
    from tinycnn.utils.model_visualization import model_to_dot, model_to_text, plot_model

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "model_to_dot",
    "model_to_text",
    "normalize",
    "pack_x_y_sample_weight",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

#: The old name of `PyDataset`.
Sequence = PyDataset

#: Names whose module imports models, which import this package.
_HOMES = {
    **dict.fromkeys(("model_to_dot", "model_to_text", "plot_model"), "tinycnn.utils.model_visualization"),
    **dict.fromkeys(("pack_x_y_sample_weight", "unpack_x_y_sample_weight"), "tinycnn.models.steps"),
    **dict.fromkeys(("deserialize_keras_object", "serialize_keras_object"), "tinycnn.models.objects"),
    "get_source_inputs": "tinycnn.models.graph",
    "is_keras_tensor": "tinycnn.layers.symbolic",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinycnn.utils' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
