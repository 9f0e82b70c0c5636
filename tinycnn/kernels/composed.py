"""A dense layer made of the other kernels of a backend, for those that gain nothing by a kernel of its own.

`bare` is the backend's module of bare functions; operands come checked and in normal form (see `checked`).
"""

from __future__ import annotations

from typing import Any

from tinycnn.kernels.spec import Activation, Array

__all__ = ["affine_backward", "affine_forward"]


def affine_forward(bare: Any, kind: Activation, x: Array, w: Array, b: Array | None, alpha: float) -> Any:
    return bare.bias_activation_forward(kind, bare.matmul(x, w, False, False), b, alpha)


def affine_backward(
    bare: Any,
    kind: Activation,
    x: Array,
    w: Array,
    y: Array | None,
    dy: Array,
    alpha: float,
    needs: tuple[bool, bool, bool],
    dw_into: Array | None,
) -> tuple[Any, Any, Any]:
    g = dy if y is None else bare.activation_backward(kind, dy, y, alpha)
    dx = bare.matmul(g, w, False, True) if needs[0] else None
    dw = bare.matmul(x, g, True, False, into=dw_into) if needs[1] else None
    db = bare.sum_rows(g) if needs[2] else None
    return dx, dw, db
