"""The public functions: values against NumPy, what they accept, what they refuse. Gradients are tests/rules' business."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinycnn
from tinycnn import Tensor, ops
from tinycnn.errors import ArgumentError, DTypeError, ShapeError, TinyCNNError
from tinycnn.testing import check_grads

R = np.random.default_rng(21)
X = R.standard_normal((3, 4))
Y = R.standard_normal((3, 4))

SAME_AS_NUMPY: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    *[(name, (X, Y), {}) for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "true_divide")],
    *[(name, (X > 0, Y), {}) for name in ("logical_and", "logical_or")],
    *[(name, (X, 0.1), {}) for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")],
    *[(name, (np.abs(X),), {}) for name in ("log", "log1p", "sqrt")],
    *[
        (name, (X,), {})
        for name in ("exp", "expm1", "sin", "cos", "tanh", "abs", "absolute", "negative", "square", "sign", "isnan", "isfinite")
    ],
    *[(name, (X,), {}) for name in ("logical_not", "ravel", "transpose", "zeros_like", "ones_like")],
    *[
        (name, (X,), {"axis": 1, "keepdims": True})
        for name in ("sum", "mean", "max", "min", "var", "std", "argmax", "argmin", "all", "any")
    ],
    *[(name, (X,), {}) for name in ("sum", "mean", "max", "min", "var", "std", "argmax", "argmin", "all", "any")],
    ("power", (np.abs(X), Y), {}),
    ("power", (X, 2), {}),
    ("power", (np.abs(X), 0.5), {}),
    ("matmul", (X, Y.T), {}),
    ("clip", (X, -0.5, 0.5), {}),
    ("where", (X > 0, X, 0.0), {}),
    ("reshape", (X, (2, -1)), {}),
    ("moveaxis", (X[None], 0, 2), {}),
    ("swapaxes", (X[None], 0, -1), {}),
    ("squeeze", (X[None, :, None],), {}),
    ("squeeze", (X[None],), {"axis": 0}),
    ("expand_dims", (X, 1), {}),
    ("expand_dims", (X, (0, -1)), {}),
    ("broadcast_to", (X, (2, 3, 4)), {}),
    ("concatenate", ([X, Y],), {"axis": 1}),
    ("stack", ([X, Y],), {"axis": -1}),
    ("pad", (X, ((1, 0), (0, 2))), {}),
    ("pad", (X, 1), {"mode": "constant", "constant_values": 3}),
    ("flip", (X,), {"axis": 0}),
    ("flip", (X,), {}),
    ("take", (X, [2, 0]), {"axis": 0}),
    ("take", (X, [2, 0]), {}),
    ("repeat", (X, 2), {"axis": 1}),
    ("repeat", (X, 3), {"axis": -2}),
    ("repeat", (X, 2), {}),
    ("full", ((2, 3), 7.0), {}),
    ("zeros", ((2, 3),), {}),
    ("ones", ((2, 3),), {}),
    ("arange", (5,), {}),
    ("arange", (1, 2, 0.25), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), SAME_AS_NUMPY, ids=lambda v: v if isinstance(v, str) else "")
def test_same_as_numpy(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    got = getattr(ops, name)(*args, **kwargs)
    expected = getattr(np, name)(*args, **kwargs)
    assert isinstance(got, Tensor)
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12)
    assert got.shape == np.shape(expected)


def test_every_public_function_has_a_docstring() -> None:
    for name in ops.__all__:
        if inspect.isroutine(getattr(ops, name)):
            assert getattr(ops, name).__doc__, name


def test_activations() -> None:
    e = np.exp(X)
    for name, kwargs, expected in [
        ("relu", {}, np.maximum(X, 0)),
        ("leaky_relu", {}, np.where(X > 0, X, 0.2 * X)),
        ("leaky_relu", {"negative_slope": 0.5}, np.where(X > 0, X, 0.5 * X)),
        ("elu", {"alpha": 2.0}, np.where(X > 0, X, 2 * (e - 1))),
        ("sigmoid", {}, 1 / (1 + 1 / e)),
        ("softplus", {}, np.log1p(e)),
        ("softmax", {}, e / e.sum(-1, keepdims=True)),
        ("softmax", {"axis": 0}, e / e.sum(0)),
        ("log_softmax", {}, np.log(e / e.sum(-1, keepdims=True))),
        ("logsumexp", {"axis": 1}, np.log(e.sum(1))),
        ("rsqrt", {}, None),
    ]:
        if expected is None:
            continue
        np.testing.assert_allclose(getattr(ops, name)(X, **kwargs).numpy(), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ops.rsqrt(np.abs(X)).numpy(), 1 / np.sqrt(np.abs(X)), rtol=1e-12)


def test_extreme_inputs_do_not_overflow() -> None:
    x = np.array([[1e4, -1e4], [np.inf, 0.0]], np.float32)
    np.testing.assert_array_equal(ops.softmax(x[:1]).numpy(), [[1, 0]])
    np.testing.assert_array_equal(ops.log_softmax(x[:1]).numpy(), [[0, -2e4]])
    np.testing.assert_array_equal(ops.sigmoid(x[:1]).numpy(), [[1, 0]])
    np.testing.assert_array_equal(ops.softplus(x[:1]).numpy(), [[1e4, 0]])
    np.testing.assert_array_equal(ops.elu(x[:1]).numpy(), [[1e4, -1]])
    assert np.isnan(ops.softmax(np.array([[np.nan, 1.0]])).numpy()).all()
    assert ops.log(np.zeros(1)).numpy()[0] == -np.inf  # and no warning


@settings(max_examples=40, deadline=None)
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4), st.sampled_from(["add", "subtract", "multiply", "divide"]))
def test_broadcasting_gradients(shapes: Any, name: str) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(0.5, 2, shape) for shape in shapes.input_shapes)
    check_grads(getattr(ops, name), a, b)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_channels_first_is_channels_last_transposed(data_format: str) -> None:
    x, w, d, b = R.standard_normal((2, 6, 5, 4)), R.standard_normal((3, 3, 4, 8)), R.standard_normal((3, 3, 4, 2)), R.standard_normal(8)
    first = data_format == "channels_first"
    given = x.transpose(0, 3, 1, 2) if first else x
    for call, reference in [
        (lambda t, **k: ops.conv(t, w, 2, "same", bias=b, **k), ops.conv(x, w, 2, "same", bias=b)),
        (lambda t, **k: ops.depthwise_conv(t, d, bias=b, **k), ops.depthwise_conv(x, d, bias=b)),
        (lambda t, **k: ops.max_pool(t, 2, **k), ops.max_pool(x, 2)),
        (lambda t, **k: ops.average_pool(t, 3, 1, "same", **k), ops.average_pool(x, 3, 1, "same")),
    ]:
        got = call(given, data_format=data_format).numpy()
        np.testing.assert_allclose(got.transpose(0, 2, 3, 1) if first else got, reference.numpy(), rtol=1e-12)


def test_depthwise_is_one_convolution_per_channel() -> None:
    x, w = R.standard_normal((2, 6, 5, 3)), R.standard_normal((3, 3, 3, 2))
    y = ops.depthwise_conv(x, w, padding="same").numpy()
    for c in range(3):
        for m in range(2):
            one = ops.conv(x[..., c : c + 1], w[:, :, c : c + 1, m : m + 1], padding="same").numpy()
            np.testing.assert_allclose(y[..., c * 2 + m], one[..., 0], rtol=1e-12)


def test_batch_normalization_along_any_axis() -> None:
    x, m, v = R.standard_normal((2, 3, 4)), R.standard_normal(3), R.uniform(0.5, 1, 3)
    got = ops.batch_normalization(x, m, v, axis=1)
    np.testing.assert_allclose(got.numpy(), (x - m[:, None]) / np.sqrt(v[:, None] + 1e-3), rtol=1e-12)
    y, mean, variance = ops.batch_normalization_training(x, np.ones(4), np.zeros(4))
    np.testing.assert_allclose(mean, x.mean((0, 1)))
    np.testing.assert_allclose(variance, x.var((0, 1)))
    np.testing.assert_allclose(y.numpy().mean((0, 1)), 0, atol=1e-12)


def test_crossentropies_agree_with_each_other() -> None:
    logits, labels = R.standard_normal((5, 4)), np.array([0, 3, 1, 1, 2])
    p, hot = ops.softmax(logits), ops.one_hot(labels, 4, dtype="float64")
    reference = -np.log(p.numpy()[np.arange(5), labels])
    for got in [
        ops.categorical_crossentropy(hot, p),
        ops.categorical_crossentropy(hot, p * 3),  # normalised by the sum
        ops.categorical_crossentropy(hot, logits, from_logits=True),
        ops.categorical_crossentropy(hot.T, logits.T, from_logits=True, axis=0),
        ops.sparse_categorical_crossentropy(labels, p),
        ops.sparse_categorical_crossentropy(labels[:, None], p),
        ops.sparse_categorical_crossentropy(labels.astype(float), logits, from_logits=True),
    ]:
        np.testing.assert_allclose(got.numpy(), reference, rtol=1e-10)
    x, t = R.standard_normal(6), R.uniform(0, 1, 6)
    q = 1 / (1 + np.exp(-x))
    expected = -(t * np.log(q) + (1 - t) * np.log(1 - q))
    np.testing.assert_allclose(ops.binary_crossentropy(t, q).numpy(), expected, rtol=1e-10)
    np.testing.assert_allclose(ops.binary_crossentropy(t, x, from_logits=True).numpy(), expected, rtol=1e-10)
    check_grads(lambda x: ops.binary_crossentropy(t, x, from_logits=True), x)
    check_grads(lambda q: ops.binary_crossentropy(t, q), q)
    check_grads(lambda q: ops.categorical_crossentropy(hot, q), p.numpy())


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint64", "int64", "bool"])
def test_labels_of_every_dtype_along_every_axis(dtype, from_logits, axis) -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2 if dtype == "bool" else 4, (2, 3)).astype(dtype)
    output = rng.random((2, 3, 4))
    rows = np.arange(4) == labels[..., None]
    logs = output - np.log(np.exp(output).sum(-1, keepdims=True)) if from_logits else np.log(output / output.sum(-1, keepdims=True))
    got = ops.sparse_categorical_crossentropy(labels, np.moveaxis(output, -1, axis), from_logits, axis)
    np.testing.assert_allclose(got.numpy(), -(rows * logs).sum(-1), rtol=1e-6)


@pytest.mark.parametrize("classes", [1, 64, 65, 1000])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64"])
def test_labels_of_few_classes_and_of_many(classes, dtype) -> None:
    rng = np.random.default_rng(classes)
    labels, output = rng.integers(0, min(classes, 256), (5, 2)).astype(dtype), rng.random((5, 2, classes))
    got = ops.sparse_categorical_crossentropy(labels, output)
    picked = np.take_along_axis(output / output.sum(-1, keepdims=True), labels[..., None].astype(int), -1)[..., 0]
    np.testing.assert_allclose(got.numpy(), -np.log(picked), rtol=1e-6, atol=2e-7)


def test_labels_at_the_edges() -> None:
    assert ops.sparse_categorical_crossentropy(np.zeros(0, "i4"), np.ones((0, 4))).shape == (0,)
    np.testing.assert_allclose(ops.sparse_categorical_crossentropy(np.array(2), np.full(4, 0.25)).numpy(), np.log(4), rtol=1e-6)
    np.testing.assert_allclose(ops.sparse_categorical_crossentropy([0], [[7.0]], from_logits=True).numpy(), [0], atol=1e-7)
    for wrong in (np.array([-1], "i1"), np.array([2**63], "u8"), np.array([True])):
        with pytest.raises(ArgumentError, match="class numbers from 0 to 0"):
            ops.sparse_categorical_crossentropy(wrong, np.ones((1, 1)))
    with pytest.raises(ShapeError):
        ops.sparse_categorical_crossentropy(np.zeros(0, "i4"), np.ones((0, 0)), from_logits=True)


def test_one_hot() -> None:
    np.testing.assert_array_equal(ops.one_hot([0, 2, 5, -1], 3).numpy(), [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]])
    assert ops.one_hot(np.zeros((2, 3), int), 4, axis=1).shape == (2, 4, 3)
    with pytest.raises(DTypeError, match="whole"):
        ops.one_hot([0.5], 3)


def test_split_undoes_concatenate() -> None:
    for part, expected in zip(ops.split(X, 2, axis=1), np.split(X, 2, axis=1), strict=True):
        np.testing.assert_array_equal(part.numpy(), expected)
    for part, expected in zip(ops.split(X, [1], axis=0), np.split(X, [1]), strict=True):
        np.testing.assert_array_equal(part.numpy(), expected)


REFUSED: list[tuple[Any, type[TinyCNNError], str]] = [
    (lambda: ops.conv(np.ones((4, 4)), np.ones((3, 3, 1, 1))), ShapeError, "inputs must have 4 dimensions"),
    (lambda: ops.conv(np.ones((2, 4, 4)), np.ones((3, 3, 1, 1)), padding="same"), ShapeError, "kernel must have 3 dimensions"),
    (lambda: ops.conv(np.ones((2, 4, 4, 3)), np.ones((3, 3, 2, 4))), ShapeError, "3 channels"),
    (lambda: ops.conv(np.ones((2, 4, 4, 3)), np.ones((3, 3, 3, 4)), strides=0), ArgumentError, "strides"),
    (lambda: ops.conv(np.ones((2, 4, 4, 3)), np.ones((3, 3, 3, 4)), strides=1.5), DTypeError, "strides"),
    (lambda: ops.conv(np.ones((2, 4, 4, 3)), np.ones((3, 3, 3, 4)), dilation_rate=0), ArgumentError, "dilation_rate"),
    (lambda: ops.conv(np.ones((2, 4, 4, 3)), np.ones((5, 5, 3, 4))), ShapeError, "spans 5 cells"),
    (lambda: ops.conv(np.ones((2, 4, 4, 3)), np.ones((3, 3, 3, 4)), padding="full"), ArgumentError, "padding"),
    (lambda: ops.conv(np.ones((2, 4, 4, 3)), np.ones((3, 3, 3, 4)), data_format="nhwc"), ArgumentError, "data_format"),
    (lambda: ops.conv(np.ones((2, 4, 4, 3)), np.ones((3, 3, 3, 4)), bias=np.ones(3)), ShapeError, "bias"),
    (lambda: ops.conv(np.ones((2, 4, 4, 3), complex), np.ones((3, 3, 3, 4))), DTypeError, "complex"),
    (lambda: ops.depthwise_conv(np.ones((2, 4, 4, 3)), np.ones((3, 3, 2, 1))), ShapeError, "depthwise"),
    (lambda: ops.conv(np.ones((2, 4, 4)), np.ones((3, 4, 1)), strides=(1, 1)), ArgumentError, "strides must be an int >= 1"),
    (lambda: ops.conv_transpose(np.ones((2, 4, 4, 3)), np.ones((3, 3, 4, 2))), ShapeError, "3 channels"),
    (lambda: ops.conv_transpose(np.ones((2, 4, 4, 3)), np.ones((3, 3, 4, 3)), output_padding=1), ArgumentError, "output_padding"),
    (lambda: ops.conv_transpose(np.ones((2, 4, 4, 3)), np.ones((3, 3, 4, 3)), padding=1), ArgumentError, "padding"),
    (lambda: ops.conv_transpose(np.ones((2, 1, 3)), np.ones((2, 4, 3)), 2, "same", 0), ShapeError, "no output"),
    (lambda: ops.separable_conv(np.ones((2, 4, 4, 3)), np.ones((3, 3, 3, 2)), np.ones((1, 1, 3, 2))), ShapeError, "pointwise_kernel"),
    (lambda: ops.standardize(np.ones((2, 0)), 1), ShapeError, "at least one cell"),
    (lambda: ops.layer_normalization(X, gamma=np.ones(3)), ShapeError, "gamma"),
    (lambda: ops.rms_normalization(X, np.ones(3)), ShapeError, "scale"),
    (lambda: ops.moments(X, 0, synchronized=True), ArgumentError, "synchronized"),
    (lambda: ops.normalize(X, order=0), ArgumentError, "order"),
    (lambda: ops.max_pool(np.ones((4, 4)), 2), ShapeError, "4 dimensions"),
    (lambda: ops.max_pool(np.ones((2, 4, 4, 1)), 0), ArgumentError, "pool_size"),
    (lambda: ops.max_pool(np.ones((2, 4, 4, 1)), 2, padding=2), ArgumentError, "padding"),
    (lambda: ops.matmul(np.ones((2, 3)), np.ones((2, 3))), ShapeError, "columns"),
    (lambda: ops.leaky_relu(X, -1), ArgumentError, "negative_slope"),
    (lambda: ops.dropout(X, 1.0, 0), ArgumentError, "rate"),
    (lambda: ops.sparse_categorical_crossentropy([4], np.ones((1, 4))), ArgumentError, "from 0 to 3"),
    (lambda: ops.sparse_categorical_crossentropy([0, 1], np.ones((1, 4))), ShapeError, "target"),
    (lambda: ops.categorical_crossentropy(np.ones((2, 3)), np.ones((2, 4))), ShapeError, "target"),
    (lambda: ops.binary_crossentropy(np.ones((2, 3)), np.ones((2, 1))), ShapeError, "target"),
    (lambda: ops.concatenate([]), ArgumentError, "at least one"),
    (lambda: ops.pad(X, 1, mode="reflect"), ArgumentError, "mode"),
    (lambda: ops.pad(X, ((1, 1), (1, 1), (1, 1))), ArgumentError, "pad_width"),
    (lambda: ops.squeeze(X, 0), ShapeError, "size 1"),
    (lambda: ops.split(X, 3, axis=1), ArgumentError, "divide"),
    (lambda: ops.sum(X, axis=1.0), DTypeError, "axis"),
    (lambda: ops.cast(X, "complex64"), DTypeError, "complex"),
    (lambda: ops.batch_normalization(X, np.ones(3), np.ones(3), axis=1), ShapeError, "mean"),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_refused(number: int) -> None:
    call, kind, word = REFUSED[number]
    with pytest.raises(kind, match=word):
        call()


@pytest.mark.parametrize("make", [np.asfortranarray, lambda a: a[::-1][::-1], lambda a: a.astype(">f8"), lambda a: _read_only(a)])
def test_any_memory_layout_gives_the_same_bytes(make: Any) -> None:
    x, w = R.standard_normal((2, 6, 5, 4)), R.standard_normal((3, 3, 4, 8))
    expected = ops.conv(x, w, padding="same").numpy()
    given = make(x)
    before = given.copy()
    np.testing.assert_array_equal(ops.conv(given, make(w), padding="same").numpy(), expected)
    np.testing.assert_array_equal(given, before)


def _read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


def test_integer_images_work() -> None:
    x = R.integers(0, 255, (1, 4, 4, 1), dtype=np.uint8)
    y = ops.conv(x, np.ones((2, 2, 1, 1), np.float32))
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.numpy(), ops.conv(x.astype(np.float32), np.ones((2, 2, 1, 1), np.float32)).numpy())


def test_empty_batches() -> None:
    assert ops.conv(np.ones((0, 4, 4, 3)), np.ones((3, 3, 3, 4))).shape == (0, 2, 2, 4)
    assert ops.max_pool(np.ones((0, 4, 4, 3)), 2).shape == (0, 2, 2, 3)
    assert ops.matmul(np.ones((0, 4)), np.ones((4, 3))).shape == (0, 3)
    w = Tensor(np.ones((3, 3, 3, 4)), requires_grad=True)
    ops.conv(np.ones((0, 4, 4, 3)), w).sum().backward()
    np.testing.assert_array_equal(w.grad, np.zeros((3, 3, 3, 4)))


def test_floatx_is_the_dtype_of_new_numbers() -> None:
    tinycnn.config.set_floatx("float64")
    try:
        assert ops.zeros((2,)).dtype == np.float64
        assert Tensor([1.0]).dtype == np.float64
    finally:
        tinycnn.config.set_floatx("float32")
    with pytest.raises(ArgumentError, match="float16"):
        tinycnn.config.set_floatx("float16")


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "std", "argmax", "argmin"])
def test_numpys_functions_call_the_methods(name: str) -> None:
    x = R.standard_normal((3, 4))
    for options in ({}, {"axis": 1}, {"axis": 0, "keepdims": True}):
        result = getattr(np, name)(Tensor(x), **options)
        assert isinstance(result, Tensor)
        np.testing.assert_allclose(result.numpy(), getattr(np, name)(x, **options))


def test_numpys_functions_record_gradients_and_refuse_what_is_left_out() -> None:
    x = Tensor(np.arange(4.0), requires_grad=True)
    np.mean(np.clip(x, 0.5, 2.5)).backward()
    np.testing.assert_array_equal(x.grad, [0, 0.25, 0.25, 0])
    with pytest.raises(ArgumentError, match=r"dtype must be left out in mean\(\) of a tensor"):
        np.mean(x, dtype=np.float64)
    with pytest.raises(ArgumentError, match=r"out must be left out in sum\(\) of a tensor"):
        np.sum(x, out=np.empty(()))
    with pytest.raises(ArgumentError, match=r"ddof must be left out in std\(\) of a tensor"):
        np.std(x, ddof=1)


def test_numpy_reshapes_a_tensor_as_its_method_does():
    x = Tensor(np.arange(6.0), requires_grad=True)
    y = np.reshape(x, (2, 3))
    assert isinstance(y, Tensor)
    (y[1] * 2).sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 0, 2, 2, 2])
    with pytest.raises(ArgumentError, match="order must be 'C'"):
        np.reshape(x, (2, 3), order="F")
