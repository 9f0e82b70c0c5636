"""Which backend Keras runs on, in the tests that compare with it: the first that is installed, unless KERAS_BACKEND says."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator

import pytest

_INSTALLED = [name for name in ("jax", "torch", "tensorflow") if importlib.util.find_spec(name) is not None]
if _INSTALLED:
    os.environ.setdefault("KERAS_BACKEND", _INSTALLED[0])


@pytest.fixture(scope="module", autouse=True)
def _no_compiled_programs_are_kept() -> Iterator[None]:
    """JAX keeps every program that it compiles: over all tests that would be gigabytes."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
