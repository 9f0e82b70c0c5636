"""File formats. Every file is written by `atomic`; a file never names code.

What reads and writes whole models stands above the models, so this door opens lazily: `export_onnx`, `load_onnx`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    export_onnx: Callable[..., None]
    load_onnx: Callable[..., Any]

__all__ = ["export_onnx", "load_onnx"]

#: Public name -> where it lives.
_HOMES = {"export_onnx": "tinycnn.saving.onnx", "load_onnx": "tinycnn.saving.onnx"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinycnn.saving' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
