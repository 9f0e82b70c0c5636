"""`tinycnn.backend()` is the name of the kernels' backend that runs now: "c", "numba" or "numpy".

As a module it has what Keras's scripts say to `keras.backend`: `from tinycnn import backend as K`, then `K.epsilon()`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from tinycnn.config import epsilon, floatx, image_data_format, set_floatx
from tinycnn.kernels.select import backend
from tinycnn.layers.symbolic import is_keras_tensor
from tinycnn.utils.numerical import standardize_dtype
from tinycnn.utils.session import clear_session

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_keras_tensor",
    "set_floatx",
    "standardize_dtype",
]


class _Called(ModuleType):
    """A module that is called as the function of its name."""

    def __call__(self) -> Any:
        return backend()


sys.modules[__name__].__class__ = _Called
