"""Which backend Keras runs on, in the tests that compare with it: the first that is installed, unless KERAS_BACKEND says."""

from __future__ import annotations

import importlib.util
import os

_INSTALLED = [name for name in ("jax", "torch", "tensorflow") if importlib.util.find_spec(name) is not None]
if _INSTALLED:
    os.environ.setdefault("KERAS_BACKEND", _INSTALLED[0])
