"""The package `onnx`, from the extra of the same name: asked for when a file is read or written, and not before."""

from __future__ import annotations

from typing import Any

from tinycnn.errors import BackendError

__all__ = ["load_onnx_package", "newest_opset"]

#: The newest version of ONNX's operators whose definitions this code was written by.
_NEWEST = 28


def load_onnx_package() -> Any:
    """The package. Raises BackendError if it is not installed."""
    try:
        import onnx
    except ModuleNotFoundError:
        raise BackendError("ONNX files need the package onnx, which is not installed (pip install 'tinycnn[onnx]')") from None
    return onnx


def newest_opset() -> int:
    """The newest version of the operators that both this code and the installed package know."""
    known: int = load_onnx_package().defs.onnx_opset_version()
    return min(_NEWEST, known)
