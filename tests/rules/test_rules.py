"""Every op in the registry: shape rule, result against NumPy, gradients against differences. A new op without a case fails by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tinycnn.autograd import Tensor, apply
from tinycnn.errors import TinyCNNError
from tinycnn.kernels.select import current
from tinycnn.rules import OPS
from tinycnn.testing import check_grads

R = np.random.default_rng(20)


def normal(*shape: int) -> np.ndarray:
    return R.standard_normal(shape)


def positive(*shape: int) -> np.ndarray:
    return R.uniform(0.5, 2.0, shape)


def distinct(*shape: int) -> np.ndarray:
    """No two cells within 0.01 of each other, none near 0: far from every kink."""
    n = int(np.prod(shape))
    return (R.permutation(n) - n / 2 + 0.25).reshape(shape) * 0.05


@dataclass
class Case:
    """Inputs and parameters of one call, and what NumPy says (None where the kernels' own tests have the oracle)."""

    inputs: tuple[np.ndarray, ...]
    expected: Callable[..., Any] | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    differentiable: bool = True


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


CASES: dict[str, list[Case]] = {
    "Add": [Case((normal(3, 4), normal(4)), np.add), Case((normal(), normal(2, 1)), np.add)],
    "Subtract": [Case((normal(3, 1), normal(1, 4)), np.subtract)],
    "Multiply": [Case((normal(2, 3, 4), normal(3, 1)), np.multiply)],
    "Divide": [Case((normal(3, 4), positive(4)), np.divide)],
    "Power": [Case((positive(3, 4), normal(4)), np.power)],
    "Maximum": [Case((normal(3, 4), normal(4)), np.maximum)],
    "Minimum": [Case((normal(3, 4), normal(4)), np.minimum)],
    "Where": [Case((normal(3, 4) > 0, normal(4), normal(3, 1)), np.where, differentiable=False)],
    "Negative": [Case((normal(3, 4),), np.negative)],
    "Exp": [Case((normal(3, 4),), np.exp)],
    "Expm1": [Case((normal(3, 4),), np.expm1)],
    "Log": [Case((positive(3, 4),), np.log)],
    "Log1p": [Case((positive(3, 4),), np.log1p)],
    "Softplus": [Case((normal(3, 4) * 5,), lambda x: np.log1p(np.exp(x)))],
    "Sqrt": [Case((positive(3, 4),), np.sqrt)],
    "Square": [Case((normal(3, 4),), np.square)],
    "Absolute": [Case((distinct(3, 4),), np.abs)],
    "Sin": [Case((normal(3, 4),), np.sin)],
    "Cos": [Case((normal(3, 4),), np.cos)],
    **{name: [Case((normal(3, 4),), getattr(np, name.lower()))] for name in ("Sinh", "Cosh")},
    "Erf": [Case((normal(3, 4),), lambda x: np.vectorize(math.erf)(x)), Case((normal(0),), lambda x: x)],
    "Clip": [Case((distinct(3, 4),), lambda x: np.clip(x, -0.1, 0.12), {"low": -0.1, "high": 0.12})],
    "Cast": [Case((normal(3),), lambda x: x, {"dtype": np.float64}), Case((normal(3),), np.float32, {"dtype": np.float32}, False)],
    **{name: [Case((R.uniform(-0.9, 0.9, (3, 4)),), getattr(np, name.lower()))] for name in ("Arcsin", "Arccos", "Arcsinh", "Arctanh")},
    "Arccosh": [Case((positive(3, 4) + 1,), np.arccosh)],
    "Cbrt": [Case((distinct(3, 4),), np.cbrt)],
    "Erfc": [Case((normal(3, 4),), lambda x: np.vectorize(math.erfc)(x)), Case((normal(0),), lambda x: x)],
    "Arctan2": [Case((normal(3, 4), normal(4)), np.arctan2), Case((np.zeros(1), np.zeros(1)), np.arctan2, differentiable=False)],
    "Hypot": [Case((normal(3, 1), normal(4)), np.hypot)],
    "Fmod": [Case((distinct(3, 4) * 7, np.array([0.9, -0.7, 1.3, 2.0])), np.fmod)],
    "CumSum": [Case((normal(2, 3, 4),), lambda x: np.cumsum(x, 1), {"axis": 1}), Case((normal(0),), lambda x: x, {"axis": 0})],
    "CumProd": [
        Case((normal(2, 5, 3),), lambda x: np.cumprod(x, 1), {"axis": -2}),
        Case((np.array([2.0, 0.0, 3.0, 0.0, 4.0]),), np.cumprod, {"axis": 0}),
        Case((normal(0, 2),), lambda x: x, {"axis": 0}),
    ],
    "Prod": [
        Case((normal(2, 3, 4),), np.prod),
        Case((normal(2, 3, 4),), lambda x: x.prod((0, 2)), {"axis": (0, -1)}),
        Case((np.array([[2.0, 0.0, 3.0], [0.0, 5.0, 0.0]]),), lambda x: x.prod(1, keepdims=True), {"axis": 1, "keepdims": True}),
        Case((normal(2, 0),), lambda x: x.prod(1), {"axis": 1}),
        Case((normal(),), np.prod),
    ],
    "Sum": [
        Case((normal(2, 3, 4),), np.sum),
        Case((normal(2, 3, 4),), lambda x: x.sum((0, 2)), {"axis": (0, -1)}),
        Case((normal(2, 3),), lambda x: x.sum(1, keepdims=True), {"axis": 1, "keepdims": True}),
        Case((normal(0, 3),), lambda x: x.sum(0), {"axis": 0}),
    ],
    "Mean": [Case((normal(2, 3, 4),), np.mean), Case((normal(2, 3),), lambda x: x.mean(0), {"axis": 0})],
    "Max": [Case((distinct(2, 3, 4),), lambda x: x.max(1), {"axis": 1}), Case((distinct(4),), np.max)],
    "Min": [Case((distinct(2, 3, 4),), lambda x: x.min((0, 1)), {"axis": (0, 1)})],
    "LogSumExp": [
        Case((normal(3, 4),), lambda x: np.log(np.exp(x).sum(1)), {"axis": 1}),
        Case((np.full((2, 2), -np.inf),), lambda x: np.full(2, -np.inf), {"axis": 1}, False),
    ],
    "Reshape": [Case((normal(2, 6),), lambda x: x.reshape(3, 4), {"newshape": (3, -1)})],
    "Transpose": [
        Case((normal(2, 3, 4),), lambda x: x.transpose(1, 2, 0), {"axes": (1, -1, 0)}),
        Case((normal(2, 3),), np.transpose),
    ],
    "BroadcastTo": [Case((normal(3, 1),), lambda x: np.broadcast_to(x, (2, 3, 4)), {"shape": (2, 3, 4)})],
    "GetItem": [
        Case((normal(4, 5),), lambda x: x[1:, ::-2], {"index": (slice(1, None), slice(None, None, -2))}),
        Case((normal(4, 5),), lambda x: x[..., 2, None], {"index": (..., 2, None)}),
        Case((normal(4, 5),), lambda x: x[[0, 2, 0]], {"index": [0, 2, 0]}),
        Case((normal(4),), lambda x: x[3], {"index": 3}),
    ],
    "Scatter": [
        Case((normal(3, 2),), lambda x: np.pad(x, ((1, 0), (1, 1))), {"shape": (4, 4), "index": (slice(1, None), slice(1, 3))}),
        Case((normal(3, 4),), lambda x: np.stack([x[1], 0 * x[0], x[0] + x[2]]), {"shape": (3, 4), "index": [2, 0, 2]}),
        Case((normal(1),), lambda x: np.array([0, 2 * x[0]]), {"shape": (2,), "index": [1, 1]}),
    ],
    "Concatenate": [Case((normal(2, 3), normal(2, 1)), lambda *xs: np.concatenate(xs, 1), {"axis": -1})],
    "Stack": [Case((normal(2, 3), normal(2, 3)), lambda *xs: np.stack(xs, 1), {"axis": 1})],
    "Pad": [Case((normal(2, 3),), lambda x: np.pad(x, ((0, 1), (2, 0)), constant_values=7), {"widths": ((0, 1), (2, 0)), "value": 7})],
    "Flip": [Case((normal(2, 3),), lambda x: x[:, ::-1], {"axes": (1,)})],
    "Interpolate": [
        Case(
            (normal(3, 4),),
            lambda x: np.stack([0.5 * x[0] + 0.5 * x[2], x[1], 2 * x[2] - x[2]]),
            {"taps": np.array([[0, 1, 2], [2, 0, 2]]), "weights": np.array([[0.5, 1.0, 2.0], [0.5, 0.0, -1.0]])},
        ),
        Case((normal(2, 3, 4),), lambda x: x[:, [2, 2]], {"taps": np.array([[2, 2]]), "weights": np.ones((1, 2)), "axis": 1}),
    ],
    "MatMul": [
        Case((normal(3, 4), normal(4, 5)), np.matmul),
        Case((normal(4), normal(4, 5)), np.matmul),
        Case((normal(3, 4), normal(4)), np.matmul),
        Case((normal(4), normal(4)), np.matmul),
        Case((normal(2, 3, 4), normal(4, 5)), np.matmul),
        Case((normal(2, 1, 3, 4), normal(5, 4, 2)), np.matmul),
        Case((normal(4), normal(2, 4, 3)), np.matmul),
        Case((normal(3, 0), normal(0, 2)), np.matmul),
    ],
    "Conv2d": [
        Case((normal(2, 5, 6, 3), normal(3, 3, 3, 4), normal(4)), None, {"padding": "same"}),
        Case((normal(1, 7, 6, 4), normal(3, 2, 2, 6)), None, {"strides": (2, 1), "dilation_rate": (1, 2), "padding": ((0, 1), (2, 0))}),
    ],
    "ConvTranspose2d": [
        Case((normal(2, 5, 6, 3), normal(3, 3, 4, 3), normal(4)), None, {"padding": "same", "strides": (2, 1)}),
        Case((normal(1, 3, 4, 2), normal(2, 3, 3, 2)), None, {"strides": (3, 2), "output_padding": (2, 0)}),
        Case((normal(1, 4, 4, 2), normal(3, 2, 3, 2)), None, {"dilation_rate": (1, 2), "padding": "same"}),
        Case((normal(1, 2, 2, 2), normal(1, 1, 3, 2)), None, {"strides": 4}),
    ],
    "ConvPool2d": [
        Case((normal(2, 5, 6, 3), normal(3, 3, 3, 4), normal(4)), None, {"padding": "same", "kind": kind, "alpha": 0.3})
        for kind in ("linear", "relu", "leaky_relu")
    ]
    + [Case((normal(1, 7, 8, 4), normal(3, 2, 2, 6)), None, {"strides": (2, 1), "dilation_rate": (1, 2), "pool_padding": "same"})],
    "MaxPool2d": [Case((distinct(2, 5, 4, 3),), None, {"pool_size": 2, "padding": "same"})],
    "AveragePool2d": [Case((normal(2, 5, 4, 3),), None, {"pool_size": (3, 2), "strides": 1, "padding": "same"})],
    "Affine": [
        Case((normal(3, 4), normal(4, 5), normal(5)), lambda x, w, b: x @ w + b),
        Case((normal(2, 3, 4), normal(4, 5)), lambda x, w: np.maximum(x @ w, 0.3 * (x @ w)), {"kind": "leaky_relu", "alpha": 0.3}),
        Case((normal(2, 3, 4), normal(4, 5), normal(5)), lambda x, w, b: np.tanh(x @ w + b), {"kind": "tanh"}),
        Case((normal(3, 2, 2), normal(4, 5), normal(5)), lambda x, w, b: x.reshape(3, 4) @ w + b, {"flatten": True}),
    ],
    "Chain": [
        Case(
            (normal(3, 4), normal(4, 5), normal(5), normal(5, 2), normal(2)),
            lambda x, w, b, v, c: np.maximum(x @ w + b, 0) @ v + c,
            {"links": [(OPS["Affine"], {"kind": "relu"}), (OPS["Affine"], {})]},
        ),
        Case(
            (normal(2, 5, 6, 3), normal(3, 3, 3, 4), normal(4), normal(24, 5), normal(5)),
            None,
            {"links": [(OPS["ConvPool2d"], {"padding": "same", "kind": "relu"}), (OPS["Affine"], {"flatten": True, "kind": "tanh"})]},
        ),
    ],
    "BiasActivation": [
        Case((distinct(3, 4), np.full(4, 0.01)), None, {"kind": kind, "alpha": 0.3})
        for kind in ("linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh")
    ],
    "Softmax": [Case((normal(2, 3, 4),), lambda x: softmax(x, 1), {"axis": 1}), Case((normal(4),), lambda x: softmax(x, 0))],
    "LogSoftmax": [Case((normal(2, 3),), lambda x: np.log(softmax(x, 0)), {"axis": 0})],
    "Dropout": [Case((normal(5, 5),), None, {"rate": 0.4, "seed": 3})],
    "BatchNorm": [
        Case(
            (normal(2, 3, 4), normal(4), positive(4), normal(4), normal(4)),
            lambda x, m, v, s, o: s * (x - m) / np.sqrt(v + 0.1) + o,
            {"epsilon": 0.1},
        )
    ],
    "BatchNormTraining": [
        Case(
            (normal(3, 3, 4), normal(4), normal(4)),
            lambda x, s, o: s * (x - x.mean((0, 1))) / np.sqrt(x.var((0, 1)) + 0.1) + o,
            {"epsilon": 0.1},
        )
    ],
    "Standardize": [
        Case((normal(2, 3, 4),), lambda x: (x - x.mean(2, keepdims=True)) / np.sqrt(x.var(2, keepdims=True) + 0.1), {"epsilon": 0.1}),
        Case(
            (normal(2, 3, 4),),
            lambda x: (x - x.mean((0, 2), keepdims=True)) / np.sqrt(x.var((0, 2), keepdims=True) + 1e-3),
            {"axes": (0, -1), "epsilon": 1e-3},
        ),
    ],
    "SoftmaxCrossentropy": [
        Case((normal(5, 4), positive(5, 4)), lambda x, t: -(t * np.log(softmax(x, 1))).sum(1)),
        Case((normal(2, 3, 4), positive(2, 3, 4)), lambda x, t: -(t * np.log(softmax(x, 2))).sum(2).mean(), {"mean": True}),
    ],
}

ALL = [pytest.param(name, case, id=f"{name}-{i}") for name, cases in CASES.items() for i, case in enumerate(cases)]


def test_every_op_has_a_case() -> None:
    assert set(CASES) == set(OPS)


@pytest.mark.parametrize(("name", "case"), ALL)
def test_shape_rule_and_value(name: str, case: Case) -> None:
    op = OPS[name]
    geometry = op.shape(*[x.shape for x in case.inputs], **case.parameters)
    y, _ = op.forward(current(), geometry, *case.inputs)
    assert y.shape == geometry.out_shape
    if case.expected is not None:
        np.testing.assert_allclose(y, case.expected(*case.inputs), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "case"), ALL)
def test_gradient(name: str, case: Case) -> None:
    op = OPS[name]
    if not case.differentiable:
        if name == "Where":  # the condition has no gradient; the branches have
            condition, a, b = case.inputs
            check_grads(lambda a, b: apply(op, Tensor.wrap(condition), a, b), a, b)
        return
    check_grads(lambda *xs: apply(op, *xs, **case.parameters), *case.inputs)


@pytest.mark.parametrize(("name", "case"), ALL)
def test_vjp_gives_one_gradient_per_input_and_writes_nothing(name: str, case: Case) -> None:
    op = OPS[name]
    inputs = [np.array(x) for x in case.inputs]
    geometry = op.shape(*[x.shape for x in inputs], **case.parameters)
    y, saved = op.forward(current(), geometry, *inputs)
    dy = np.ones_like(y)
    needs = (True,) * len(inputs)
    first = op.vjp(current(), geometry, saved, dy, needs)
    second = op.vjp(current(), geometry, saved, dy, needs)
    assert len(first) == len(inputs)
    for x, before, a, b in zip(inputs, case.inputs, first, second, strict=True):
        np.testing.assert_array_equal(x, before)
        if a is not None:
            assert a.shape == x.shape
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(dy, np.ones_like(y))


BAD: list[tuple[str, tuple[tuple[int, ...], ...], dict[str, Any], str]] = [
    ("Add", ((3,), (4,)), {}, "broadcast"),
    ("Interpolate", ((3,),), {"taps": np.array([[3]]), "weights": np.ones((1, 1))}, "taps must be from 0 to 2"),
    ("Interpolate", ((3,),), {"taps": np.array([[0]]), "weights": np.ones((1, 2))}, "one shape"),
    ("MatMul", ((2, 3), (4, 5)), {}, "columns in x1"),
    ("MatMul", ((), (4,)), {}, "at least one dimension"),
    ("Reshape", ((2, 3),), {"newshape": (4, -1)}, "newshape"),
    ("Reshape", ((2, 3),), {"newshape": (-1, -1)}, "newshape"),
    ("Transpose", ((2, 3),), {"axes": (0, 0)}, "axes"),
    ("BroadcastTo", ((3,),), {"shape": (4,)}, "broadcast"),
    ("Concatenate", ((2, 3), (3, 3)), {"axis": 1}, "concatenate"),
    ("Stack", ((2,), (3,)), {}, "stack"),
    ("Pad", ((2,),), {"widths": ((-1, 0),)}, "pad_width"),
    ("Clip", ((2,),), {"low": 1.0, "high": 0.0}, "x_min"),
    ("Sum", ((2,),), {"axis": 1}, "axis"),
    ("Sum", ((2, 2),), {"axis": (0, 0)}, "twice"),
    ("Softmax", ((2, 0),), {}, "at least one"),
    ("Affine", ((2, 3), (4, 5)), {}, "columns in x1"),
    ("Affine", ((2, 3), (3, 5), (4,)), {}, "bias"),
    ("Affine", ((2, 3), (3,)), {}, "kernel must be a matrix"),
    ("Affine", ((2, 3, 4), (11, 5)), {"flatten": True}, "columns in x1"),
    ("BiasActivation", ((2, 3), (4,)), {}, "bias"),
    ("BiasActivation", ((2,),), {"kind": "leaky_relu", "alpha": -1.0}, "negative_slope"),
    ("BiasActivation", ((2,),), {"kind": "sine"}, "activation"),
    ("Dropout", ((2,),), {"rate": 1.0, "seed": 0}, "rate"),
    ("BatchNorm", ((2, 3), (2,), (3,), (3,), (3,)), {"epsilon": 0.1}, "mean"),
    ("BatchNormTraining", ((3,), (3,), (3,)), {"epsilon": 0.1}, "2 dimensions"),
    ("SoftmaxCrossentropy", ((2, 3), (2, 4)), {}, "target"),
    ("Conv2d", ((1, 4, 4, 3), (3, 3, 2, 4)), {}, "channels"),
    ("Conv2d", ((1, 4, 4, 2), (3, 3, 2, 4), (3,)), {}, "bias"),
    ("ConvTranspose2d", ((1, 4, 4, 3), (3, 3, 4, 2)), {}, "channels"),
    ("ConvTranspose2d", ((1, 4, 4, 3), (3, 3, 4, 3), (3,)), {}, "bias"),
    ("ConvTranspose2d", ((1, 4, 4, 3), (3, 3, 0, 3)), {}, "at least one cell"),
    ("Standardize", ((2, 3),), {"epsilon": -1.0}, "epsilon"),
    ("Standardize", ((2, 0),), {"epsilon": 0.1}, "at least one cell"),
    ("ConvPool2d", ((1, 4, 4, 2), (3, 3, 2, 4), (3,)), {}, "bias"),
    ("ConvPool2d", ((1, 4, 4, 2), (3, 3, 2, 4)), {"kind": "tanh"}, "activation"),
    ("ConvPool2d", ((1, 4, 4, 2), (3, 3, 2, 4)), {"alpha": -1.0}, "negative_slope"),
    ("ConvPool2d", ((1, 4, 4, 2), (3, 3, 2, 4)), {"pool_padding": 1}, "pool_padding"),
    ("ConvPool2d", ((1, 3, 4, 2), (3, 3, 2, 4)), {}, "pool_size"),
    ("MaxPool2d", ((1, 4, 4),), {"pool_size": 2}, "4 dimensions"),
]


@pytest.mark.parametrize(("name", "shapes", "parameters", "word"), BAD)
def test_bad_shapes_are_named(name: str, shapes: tuple[tuple[int, ...], ...], parameters: dict[str, Any], word: str) -> None:
    with pytest.raises(TinyCNNError, match=word):
        OPS[name].shape(*shapes, **parameters)


def test_empty_extremes_say_so() -> None:
    for name in ("Max", "Min", "Mean", "LogSumExp"):
        geometry = OPS[name].shape((0, 3), axis=0)
        with pytest.raises(TinyCNNError, match="at least one cell"):
            OPS[name].forward(current(), geometry, np.zeros((0, 3)))


def test_ties() -> None:
    two = Tensor(np.array([1.0, 1.0]), requires_grad=True)
    apply(OPS["Max"], two).backward()
    np.testing.assert_array_equal(two.grad, [0.5, 0.5])
    a, b = Tensor(np.array([1.0]), requires_grad=True), Tensor(np.array([1.0]), requires_grad=True)
    apply(OPS["Maximum"], a, b).backward()
    assert (a.grad, b.grad) == (np.array([1.0]), np.array([0.0]))
    x = Tensor(np.ones((1, 2, 2, 1)), requires_grad=True)
    apply(OPS["MaxPool2d"], x, pool_size=2).backward()
    np.testing.assert_array_equal(x.grad.ravel(), [1, 0, 0, 0])


def test_power_at_zero() -> None:
    a, b = Tensor(np.array([0.0, 0.0]), requires_grad=True), Tensor(np.array([0.0, 2.0]), requires_grad=True)
    apply(OPS["Power"], a, b).backward(np.ones(2))
    np.testing.assert_array_equal(a.grad, [0, 0])
    np.testing.assert_array_equal(b.grad, [0, 0])
