"""How long a node computes, told from the shapes of its inputs before it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tinycnn.layers.shapes import Shape

__all__ = ["multiply_adds"]


def multiply_adds(op: str, shapes: Sequence[Shape], attributes: Mapping[str, Any]) -> float:
    """Of a node that has more of them than cells, at most; 0 for any other, and for one with inputs that it cannot take."""
    cost = {"Conv": _conv, "ConvTranspose": _conv_transpose, "MatMul": _matmul, "Gemm": _gemm, "MaxPool": _pool, "AveragePool": _pool}
    try:
        return cost[op](shapes, attributes) if op in cost else 0
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return 0


def _positions(sizes: Sequence[Any], attributes: Mapping[str, Any]) -> float:
    """Places of a window on padded images."""
    rank = len(sizes)
    pads, strides = attributes.get("pads") or [0] * 2 * rank, attributes.get("strides") or [1] * rank
    return math.prod(max(0, n + pads[axis] + pads[rank + axis]) // strides[axis] + 1 for axis, n in enumerate(sizes))


def _conv(shapes: Sequence[Any], attributes: Mapping[str, Any]) -> float:
    return shapes[0][0] * _positions(shapes[0][2:], attributes) * math.prod(shapes[1])


def _conv_transpose(shapes: Sequence[Any], attributes: Mapping[str, Any]) -> float:
    return shapes[0][0] * math.prod(shapes[0][2:]) * math.prod(shapes[1])


def _pool(shapes: Sequence[Any], attributes: Mapping[str, Any]) -> float:
    return math.prod(shapes[0][:2]) * _positions(shapes[0][2:], attributes) * math.prod(attributes["kernel_shape"])


def _matmul(shapes: Sequence[Any], attributes: Mapping[str, Any]) -> float:
    one, other = shapes[:2]
    return math.prod(one) * math.prod(other) // (math.prod(other[:-2]) * one[-1] if len(other) > 1 else 1)


def _gemm(shapes: Sequence[Any], attributes: Mapping[str, Any]) -> float:
    inner = shapes[0][0 if attributes.get("transA") else 1]
    return math.prod(shapes[0]) * math.prod(shapes[1]) // inner
