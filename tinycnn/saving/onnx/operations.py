"""Functions of `tinycnn.ops` that are nodes of a functional model, in ONNX's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinycnn.layers.symbolic import KerasTensor, Node
from tinycnn.layers.tree import leaves
from tinycnn.saving.onnx.builder import Builder, Unsupported, Value, straight

__all__ = ["convert_operation"]

#: Function -> operator, cell by cell.
_ONE = {
    **{"absolute": "Abs", "abs": "Abs", "cos": "Cos", "erf": "Erf", "exp": "Exp", "log": "Log", "negative": "Neg", "relu": "Relu"},
    **{"sigmoid": "Sigmoid", "sin": "Sin", "softplus": "Softplus", "sqrt": "Sqrt", "tanh": "Tanh"},
}
_TWO = {
    **{"add": "Add", "divide": "Div", "true_divide": "Div", "maximum": "Max", "minimum": "Min", "multiply": "Mul"},
    **{"power": "Pow", "subtract": "Sub"},
}
_OVER_AXES = {"max": "ReduceMax", "mean": "ReduceMean", "min": "ReduceMin", "sum": "ReduceSum"}


def convert_operation(b: Builder, call: Node, read: Sequence[Value]) -> Value:
    """The nodes of one call of an operation.

    Raises:
        Unsupported: there are no words for it, or for its arguments.
    """
    operation: Any = call.layer
    name, arguments = operation.function, dict(operation.arguments)
    given, tensors = leaves(call.args), iter(read)
    operands = [next(tensors) if isinstance(part, KerasTensor) else part for part in given]
    shape = leaves(call.outputs)[0].shape
    x = read[0]
    if name in _ONE and not arguments and len(operands) == 1:
        return b.each(_ONE[name], x)
    if name in _TWO and len(operands) + len(arguments) == 2:
        names = list(arguments)
        operands = [arguments["x1"], *operands] if names == ["x1"] else [*operands, *arguments.values()]
        return _two(b, _TWO[name], operands, shape)
    if name == "square" and not arguments:
        return b.each("Mul", x, x.name)
    if name in _OVER_AXES and set(arguments) <= {"axis", "keepdims"}:
        axis = arguments.get("axis")
        axes = range(len(x.shape)) if axis is None else axis if isinstance(axis, Sequence) else (axis,)
        y = b.reduced(_OVER_AXES[name], b.ordered(x), [a % len(x.shape) for a in axes], bool(arguments.get("keepdims", False)))
        return Value(y, shape, straight(len(shape)))
    if name == "concatenate" and set(arguments) <= {"axis"}:
        axis = x.stored_axis(arguments.get("axis", 0))
        return b.apply("Concat", [b.ordered(v, x.order) for v in read], shape, x.order, axis=axis)
    raise Unsupported(f"the operation {name!r}")


def _two(b: Builder, op: str, operands: Sequence[Any], shape: Any) -> Value:
    """Two operands that broadcast; tensors of one rank stay as they are stored, single numbers fit everything."""
    values = [operand for operand in operands if isinstance(operand, Value)]
    numbers = [np.asarray(operand, b.dtype) for operand in operands if not isinstance(operand, Value)]
    plain = any(len(v.shape) != len(shape) for v in values) or any(n.ndim for n in numbers)
    order = straight(len(shape)) if plain else values[0].order
    names = [
        b.ordered(operand, straight(len(operand.shape)) if plain else order)
        if isinstance(operand, Value)
        else b.constant(np.asarray(operand, b.dtype), "operand")
        for operand in operands
    ]
    return b.apply(op, names, shape, order)
