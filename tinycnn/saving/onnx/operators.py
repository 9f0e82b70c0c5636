"""ONNX's operators on numbers: arithmetic, activations, reductions, matrix products. Each is one short function.

https://onnx.ai/onnx/operators/ has their definitions, from version to version.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinycnn import activations, ops
from tinycnn.autograd import Tensor, Variable
from tinycnn.errors import DataError
from tinycnn.rules.op import normalize_axis
from tinycnn.saving.onnx.operator import Context, Ints, operator, whole_numbers

__all__ = ["in_memory_order"]


def in_memory_order(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """`function`, cell by cell, of x as it lies in memory.

    Convolutions leave images that are channels-last in memory and channels-first to the eye; kernels that want contiguous arrays would
    copy them, there and back.
    """
    if x.ndim != 4 or x.data.flags.c_contiguous:
        return function(x)
    return ops.transpose(function(ops.transpose(x, (0, 2, 3, 1))), (0, 3, 1, 2))


def _plain(function: Callable[[Tensor], Tensor]) -> Callable[[Context, Tensor], Tensor]:
    """An operator that is one function of one tensor."""

    def run(at: Context, x: Tensor) -> Tensor:
        return in_memory_order(function, x)

    return run


def _constant_slope(function: Callable[[Any], Any]) -> Callable[[Tensor], Tensor]:
    """A NumPy function whose derivative is 0 wherever there is one."""
    return lambda x: Tensor.wrap(np.asarray(function(x.numpy())))


for _name, _function in {
    "Abs": ops.abs,
    "Ceil": _constant_slope(np.ceil),
    "Cos": ops.cos,
    "Erf": ops.erf,
    "Exp": ops.exp,
    "Floor": _constant_slope(np.floor),
    "HardSwish": activations.hard_silu,
    "Identity": lambda x: x,
    "Log": ops.log,
    "Mish": activations.mish,
    "Neg": ops.negative,
    "Not": ops.logical_not,
    "Reciprocal": lambda x: ops.divide(1, x),
    "Relu": ops.relu,
    "Round": _constant_slope(np.rint),
    "Sigmoid": activations.sigmoid,
    "Sign": ops.sign,
    "Sin": ops.sin,
    "Softplus": ops.softplus,
    "Softsign": activations.softsign,
    "Sqrt": ops.sqrt,
    "Tanh": ops.tanh,
}.items():
    operator(_name)(_plain(_function))


# ---- two operands
def _old_broadcast(at: Context, a: Tensor, b: Tensor, broadcast: int, axis: int | None) -> Tensor:
    """b, with axes behind it as versions before 7 want it: `axis` is where in `a` it begins."""
    if at.opset >= 7 and (broadcast or axis is not None):
        raise DataError(f"the attributes broadcast and axis are of versions before 7, this is {at.opset}")
    if axis is None:
        return b
    behind = a.ndim - normalize_axis(axis, a.ndim) - b.ndim
    if behind < 0:
        raise DataError(f"shape {b.shape} does not fit into {a.shape} at axis {axis}")
    return ops.reshape(b, b.shape + (1,) * behind)


def _divide(a: Tensor, b: Tensor) -> Tensor:
    """Integers are divided without rest, towards 0."""
    if a.dtype.kind == "f":
        return ops.divide(a, b)
    if not np.all(b.numpy()):
        raise DataError("an integer is divided by 0")
    x, y = a.numpy(), b.numpy()
    quotient = np.abs(x) // np.abs(y)
    return Tensor.wrap(np.asarray(np.where((x < 0) != (y < 0), -quotient, quotient), x.dtype))


def _power(a: Tensor, b: Tensor) -> Tensor:
    """A constant exponent has no gradient, and may be of another dtype."""
    if b.size == 1 and not isinstance(b, Variable) and b.ndim <= a.ndim:
        exponent = b.numpy().reshape(-1)[0]
        return ops.power(a, exponent.item())
    return ops.power(a, ops.cast(b, a.dtype))


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def run(at: Context, a: Tensor, b: Tensor, *, broadcast: int = 0, axis: int | None = None) -> Tensor:
        b = _old_broadcast(at, a, b, broadcast, axis)
        at.allow(np.broadcast_shapes(a.shape, b.shape))
        return function(a, b)

    return run


for _name, _pair in {
    "Add": ops.add,
    "And": ops.logical_and,
    "Div": _divide,
    "Equal": ops.equal,
    "Greater": ops.greater,
    "GreaterOrEqual": ops.greater_equal,
    "Less": ops.less,
    "LessOrEqual": ops.less_equal,
    "Mul": ops.multiply,
    "Or": ops.logical_or,
    "Pow": _power,
    "Sub": ops.subtract,
}.items():
    operator(_name)(_binary(_pair))


# ---- any number of operands
def _several(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def run(at: Context, x: Tensor, *xs: Tensor) -> Tensor:
        at.allow(np.broadcast_shapes(x.shape, *(other.shape for other in xs)))
        return functools.reduce(function, xs, x)

    return run


operator("Max")(_several(ops.maximum))
operator("Min")(_several(ops.minimum))
operator("Sum")(_several(ops.add))


@operator("Mean")
def _mean(at: Context, x: Tensor, *xs: Tensor) -> Tensor:
    return ops.divide(_several(ops.add)(at, x, *xs), float(1 + len(xs)))


@operator("Where")
def _where(at: Context, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    at.allow(np.broadcast_shapes(condition.shape, x.shape, y.shape))
    return ops.where(condition, x, y)


# ---- activations with attributes
@operator("LeakyRelu")
def _leaky_relu(at: Context, x: Tensor, *, alpha: float = 0.01) -> Tensor:
    if alpha < 0:
        return ops.where(ops.greater(x, 0), x, alpha * x)
    return in_memory_order(lambda t: ops.leaky_relu(t, alpha), x)


@operator("PRelu")
def _prelu(at: Context, x: Tensor, slope: Tensor) -> Tensor:
    if at.opset < 7 and slope.ndim == 1 and x.ndim > 1:  # one for each channel
        slope = ops.reshape(slope, (-1,) + (1,) * (x.ndim - 2))
    if np.broadcast_shapes(x.shape, slope.shape) != x.shape:
        raise DataError(f"a slope of shape {slope.shape} does not fit inputs of shape {x.shape}")
    return ops.subtract(ops.relu(x), ops.multiply(slope, ops.relu(ops.negative(x))))


@operator("Elu")
def _elu(at: Context, x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return in_memory_order(lambda t: ops.elu(t, alpha), x)


@operator("Celu")
def _celu(at: Context, x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return in_memory_order(lambda t: activations.celu(t, alpha), x)


@operator("Selu")
def _selu(at: Context, x: Tensor, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Tensor:
    return in_memory_order(lambda t: gamma * ops.elu(t, alpha), x)


@operator("Gelu")
def _gelu(at: Context, x: Tensor, *, approximate: str = "none") -> Tensor:
    if approximate not in ("none", "tanh"):
        raise DataError(f"approximate must be 'none' or 'tanh', got {approximate!r}")
    return in_memory_order(lambda t: activations.gelu(t, approximate == "tanh"), x)


@operator("Swish")
def _swish(at: Context, x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return in_memory_order(lambda t: ops.multiply(t, ops.sigmoid(alpha * t)), x)


@operator("HardSigmoid")
def _hard_sigmoid(at: Context, x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    return ops.clip(alpha * x + beta, 0.0, 1.0)


@operator("ThresholdedRelu")
def _thresholded_relu(at: Context, x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return ops.where(ops.greater(x, alpha), x, 0.0)


@operator("Shrink")
def _shrink(at: Context, x: Tensor, *, lambd: float = 0.5, bias: float = 0.0) -> Tensor:
    return ops.where(ops.greater(x, lambd), x - bias, ops.where(ops.less(x, -lambd), x + bias, 0.0))


@operator("Clip", fixed=(1, 2))
def _clip(
    at: Context, x: Tensor, low: Tensor | None = None, high: Tensor | None = None, *, min: float | None = None, max: float | None = None
) -> Tensor:
    """Attributes up to version 10, inputs from 11."""
    lowest, highest = (b if b is not None else t if t is None else t.item() for b, t in ((min, low), (max, high)))
    if x.dtype.kind != "f":
        bounds: Any = lowest, highest
        return x if bounds == (None, None) else Tensor.wrap(np.asarray(np.clip(x.numpy(), *bounds)).astype(x.dtype))
    lowest, highest = (-np.inf if lowest is None else lowest), (np.inf if highest is None else highest)
    return ops.clip(x, float(lowest), float(highest))


def _softmax_of(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Up to version 12 the axes from `axis` on are taken together."""

    def run(at: Context, x: Tensor, *, axis: int | None = None) -> Tensor:
        along = normalize_axis((-1 if at.opset >= 13 else 1) if axis is None else axis, x.ndim)
        if at.opset >= 13 or along == x.ndim - 1:
            return function(x, along)
        flat = ops.reshape(x, (int(np.prod(x.shape[:along])), -1))
        return ops.reshape(function(flat, 1), x.shape)

    return run


operator("Softmax")(_softmax_of(activations.softmax))
operator("LogSoftmax")(_softmax_of(activations.log_softmax))


# ---- matrix products
@operator("MatMul")
def _matmul(at: Context, a: Tensor, b: Tensor) -> Tensor:
    if a.ndim and b.ndim:
        rows, columns = a.shape[-2:-1], b.shape[-1:] if b.ndim > 1 else ()
        at.allow((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *rows, *columns))
    return ops.matmul(a, b)


@operator("Gemm")
def _gemm(
    at: Context,
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    broadcast: int = 0,
) -> Tensor:
    """alpha * a @ b + beta * c"""
    if a.ndim != 2 or b.ndim != 2:
        raise DataError(f"its inputs must be matrices, got shapes {a.shape} and {b.shape}")
    y = _matmul(at, ops.transpose(a) if transA else a, ops.transpose(b) if transB else b)
    y = y if alpha == 1 else alpha * y
    if c is None:
        return y
    if np.broadcast_shapes(y.shape, c.shape) != y.shape:
        raise DataError(f"c of shape {c.shape} does not fit the product of shape {y.shape}")
    return ops.add(y, c if beta == 1 else beta * c)


# ---- reductions
def _reduction(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`axes` is an attribute in older versions, an input in newer ones."""

    def run(
        at: Context,
        x: Tensor,
        axes_input: Tensor | None = None,
        *,
        axes: Ints | None = None,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Tensor:
        along = list(axes or ()) if axes_input is None else whole_numbers(axes_input, "axes")
        if not along and noop_with_empty_axes:
            return x
        return function(x, tuple(along) or None, bool(keepdims))

    return run


for _name, _over in {
    "ReduceL1": lambda x, axis, keepdims: ops.sum(ops.abs(x), axis, keepdims),
    "ReduceL2": lambda x, axis, keepdims: ops.sqrt(ops.sum(ops.square(x), axis, keepdims)),
    "ReduceLogSumExp": ops.logsumexp,
    "ReduceMax": ops.max,
    "ReduceMean": ops.mean,
    "ReduceMin": ops.min,
    "ReduceSum": ops.sum,
    "ReduceSumSquare": lambda x, axis, keepdims: ops.sum(ops.square(x), axis, keepdims),
}.items():
    operator(_name)(_reduction(_over))


def _position(function: Callable[..., Any]) -> Callable[..., Tensor]:
    def run(at: Context, x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
        along = normalize_axis(axis, x.ndim)
        values = np.flip(x.numpy(), along) if select_last_index else x.numpy()
        found = np.asarray(function(values, axis=along, keepdims=bool(keepdims)), np.int64)
        return Tensor.wrap(x.shape[along] - 1 - found if select_last_index else found)

    return run


operator("ArgMax")(_position(np.argmax))
operator("ArgMin")(_position(np.argmin))
