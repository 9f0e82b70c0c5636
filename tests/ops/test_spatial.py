"""Transposed convolutions against plain loops, and lines against images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinycnn import backend, ops
from tinycnn.errors import ShapeError
from tinycnn.testing import check_grads, compare_backends

R = np.random.default_rng(23)


#: Along one axis: (cells, kernel, stride, dilation, output_padding).
Axis = tuple[int, int, int, int, int | None]


def kept(axis: Axis, padding: str) -> slice:
    """The cells of the whole result that `padding` leaves: all, and some more or less at the ends."""
    length, k, stride, dilation, more = axis
    extent = (k - 1) * dilation + 1
    if padding == "valid":
        return slice(0, (length - 1) * stride + (max(extent, stride) if more is None else extent + more))
    if more is None:  # a convolution with padding "same" of length * stride cells gives `length`; its padding is cut off here
        before = max(extent - stride, 0) // 2
        return slice(before, before + length * stride)
    before = extent - 1 - min(-(-(extent + extent % 2 - 2 + more) // 2), extent - 1)
    return slice(before, before + (length - 1) * stride + extent % 2 + more)


def plain_conv_transpose(x: np.ndarray, w: np.ndarray, rows: Axis, columns: Axis, padding: str) -> np.ndarray:
    """Each input cell spreads the kernel over the result."""
    sizes = [(length - 1) * stride + (k - 1) * dilation + 1 + 2 * stride for length, k, stride, dilation, _ in (rows, columns)]
    whole = np.zeros((len(x), *sizes, w.shape[2]))
    for i, j, u, v in np.ndindex(*x.shape[1:3], *w.shape[:2]):
        whole[:, i * rows[2] + u * rows[3], j * columns[2] + v * columns[3]] += x[:, i, j] @ w[u, v].T
    return whole[:, kept(rows, padding), kept(columns, padding)]


def axes(given_output_padding: bool) -> st.SearchStrategy[Axis]:
    def more(stride: int) -> st.SearchStrategy[int | None]:
        return st.integers(0, stride - 1) if given_output_padding else st.none()

    strides = st.integers(1, 4).flatmap(lambda stride: st.tuples(st.just(stride), st.integers(1, 3), more(stride)))
    return st.tuples(st.integers(1, 5), st.integers(1, 5), strides).map(lambda t: (t[0], t[1], *t[2]))


@settings(max_examples=80, deadline=None)
@given(
    pair=st.booleans().flatmap(lambda given_one: st.tuples(axes(given_one), axes(given_one))),
    channels=st.integers(1, 20),
    filters=st.integers(1, 20),
    padding=st.sampled_from(["valid", "same"]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_conv_transpose_against_plain_loops(pair: tuple[Axis, Axis], channels: int, filters: int, padding: str, dtype: Any) -> None:
    (h, kh, sh, dh, mh), (w, kw, sw, dw, mw) = pair
    x, kernel = R.standard_normal((2, h, w, channels)).astype(dtype), R.standard_normal((kh, kw, filters, channels)).astype(dtype)
    expected = plain_conv_transpose(x, kernel, *pair, padding)
    arguments: dict[str, Any] = {"strides": (sh, sw), "padding": padding, "dilation_rate": (dh, dw)}
    arguments["output_padding"] = None if mh is None else (mh, mw)
    if 0 in expected.shape:
        with pytest.raises(ShapeError, match="no output"):
            ops.conv_transpose(x, kernel, **arguments)
        return
    y = ops.conv_transpose(x, kernel, **arguments)
    assert y.shape == expected.shape
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(y.numpy(), expected, rtol=tolerance, atol=tolerance)


def test_conv_transpose_is_the_adjoint_of_a_convolution() -> None:
    x, y, w = R.standard_normal((2, 6, 8, 3)), R.standard_normal((2, 3, 4, 5)), R.standard_normal((3, 3, 3, 5))
    forward = ops.conv(x, w, 2, "same").numpy()
    back = ops.conv_transpose(y, w, 2, "same").numpy()
    assert (forward * y).sum() == pytest.approx((x * back).sum())
    check_grads(lambda *xs: ops.conv_transpose(xs[0], xs[1], 2, "same", bias=xs[2]), y, w, R.standard_normal(3))


def test_this_backend_transposes_as_numpy_does() -> None:
    y, w, b = R.standard_normal((2, 3, 4, 5)), R.standard_normal((3, 2, 4, 5)), R.standard_normal(4)
    compare_backends(lambda: ops.conv_transpose(y, w, (2, 3), "same", (1, 0), bias=b), backends=(backend(),))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_line_is_an_image_of_height_1(padding: str, data_format: str) -> None:
    x = R.standard_normal((2, 9, 4) if data_format == "channels_last" else (2, 4, 9))
    height = 1 if data_format == "channels_last" else 2
    image = np.expand_dims(x, height)
    w, m, p = R.standard_normal((3, 4, 6)), R.standard_normal((3, 4, 2)), R.standard_normal((1, 8, 5))

    def same(name: str, *kernels: np.ndarray, **sizes: int) -> None:
        line = getattr(ops, name)(x, *kernels, padding=padding, data_format=data_format, **sizes)
        pairs = {key: (int(key != "output_padding") and 1, n) for key, n in sizes.items()}
        other = getattr(ops, name)(image, *[k[None] for k in kernels], padding=padding, data_format=data_format, **pairs)
        np.testing.assert_array_equal(line.numpy(), other.numpy().squeeze(height))

    same("conv", w, strides=2)
    same("conv", w, dilation_rate=2)
    same("conv_transpose", w.swapaxes(1, 2), strides=3, output_padding=1)
    same("depthwise_conv", m, strides=2)
    same("separable_conv", m, p, dilation_rate=2)
    same("max_pool", pool_size=3, strides=2)
    same("average_pool", pool_size=2)


def test_explicit_padding_of_a_line() -> None:
    x, w = R.standard_normal((2, 9, 4)), R.standard_normal((3, 4, 6))
    padded = np.pad(x, ((0, 0), (2, 1), (0, 0)))
    np.testing.assert_allclose(ops.conv(x, w, padding=(2, 1)).numpy(), ops.conv(padded, w).numpy(), atol=1e-12)
