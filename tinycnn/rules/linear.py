"""Matrix products."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinycnn.errors import ShapeError
from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.op import Gradients, Needs, Op, Shape, broadcast, place_of, unbroadcast

__all__ = ["MatMul"]


@dataclass(frozen=True, slots=True)
class MatMulGeometry:
    """Shapes with the vectors promoted to matrices, as NumPy's matmul does; `plain` marks the two-matrix case."""

    a_shape: Shape
    b_shape: Shape
    a_matrix: Shape
    b_matrix: Shape
    out_matrix: Shape
    out_shape: Shape
    plain: bool


class MatMul(Op):
    """y[..., m, n] = sum_k a[..., m, k] * b[..., k, n]; vectors and leading batch axes follow NumPy's matmul"""

    @staticmethod
    def shape(a: Shape, b: Shape) -> MatMulGeometry:
        if not a or not b:
            raise ShapeError(f"matmul needs arrays of at least one dimension, got shapes {a} and {b}")
        a_matrix = (1, *a) if len(a) == 1 else a
        b_matrix = (*b, 1) if len(b) == 1 else b
        if a_matrix[-1] != b_matrix[-2]:
            raise ShapeError(f"matmul needs as many columns in x1 as rows in x2, got shapes {a} and {b}")
        stack = broadcast(a_matrix[:-2], b_matrix[:-2]).out_shape
        out_matrix = (*stack, a_matrix[-2], b_matrix[-1])
        out = stack + (() if len(a) == 1 else (a[-2],)) + (() if len(b) == 1 else (b[-1],))
        # Leading axes of `a` fold into its rows when `b` is one matrix: a Dense layer on (N, T, K) is one product.
        plain = len(b_matrix) == 2
        if plain:
            rows = math.prod(a_matrix[:-1])
            a_matrix, out_matrix = (rows, a_matrix[-1]), (rows, b_matrix[-1])
        return MatMulGeometry(a, b, a_matrix, b_matrix, out_matrix, out, plain)

    @staticmethod
    def forward(k: KernelSet, geometry: MatMulGeometry, a: Array, b: Array) -> tuple[Array, Any]:
        a, b = a.reshape(geometry.a_matrix), b.reshape(geometry.b_matrix)
        y = k.matmul(a, b) if geometry.plain else np.matmul(a, b)
        return y.reshape(geometry.out_shape), (a, b)

    @staticmethod
    def vjp(k: KernelSet, geometry: MatMulGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        a, b = saved
        dy = dy.reshape(geometry.out_matrix)
        da = db = None
        if geometry.plain:
            if needs[0]:
                da = k.matmul(dy, b, transpose_b=True)  # (M,N) * (K,N) -> (M,K)
            if needs[1]:
                db = k.matmul(
                    a, dy, transpose_a=True, into=place_of(needs[1]) if geometry.b_matrix == geometry.b_shape else None
                )  # (M,K) * (M,N) -> (K,N)
        else:
            if needs[0]:
                da = unbroadcast(np.matmul(dy, np.swapaxes(b, -1, -2)), geometry.a_matrix)
            if needs[1]:
                db = unbroadcast(np.matmul(np.swapaxes(a, -1, -2), dy), geometry.b_matrix)
        return (
            None if da is None else da.reshape(geometry.a_shape),
            db if db is None or db.shape == geometry.b_shape else db.reshape(geometry.b_shape),
        )
