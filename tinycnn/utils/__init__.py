"""Small helpers under the names of `keras.utils`."""

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

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "clear_session",
    "custom_object_scope",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "normalize",
    "register_keras_serializable",
    "set_random_seed",
    "to_categorical",
]
