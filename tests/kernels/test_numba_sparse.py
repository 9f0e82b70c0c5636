"""Numba's gradients from the maxima alone: the shapes that its blocks, units and shares fall apart into, against float64 NumPy."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from tinycnn.geometry import conv_pool2d_geometry
from tinycnn.kernels import numba_sparse, numpy_ref, select

#: (batch, height, width, channels), filters, padding, padding of the pooling
CASES = {
    "the tutorial's second block": ((5, 14, 14, 32), 64, "same", "same"),
    "the tutorial's third block": ((9, 7, 7, 64), 128, "same", "same"),
    "one channel": ((3, 11, 9, 1), 5, "same", "valid"),
    "a block of channels that is not full": ((2, 6, 7, 13), 20, "valid", "same"),
    "padding as wide as the image": ((2, 3, 2, 9), 4, ((5, 1), (0, 4)), "same"),
    "a row of windows longer than a unit": ((1, 5, 301, 2), 3, "same", "same"),
    "no image": ((0, 6, 6, 4), 4, "same", "valid"),
}


@pytest.fixture(scope="module", autouse=True)
def kernels():
    with select.use_backend("numba"):
        yield select.current()


@pytest.mark.parametrize("case", CASES)
def test_gradients(case, kernels):
    shape, filters, padding, pool_padding = CASES[case]
    g = conv_pool2d_geometry(shape, (3, 3, shape[-1], filters), padding=padding, pool_padding=pool_padding)
    assert numba_sparse.fits(g)
    random = np.random.default_rng(0)
    x, w, y, dy = (random.standard_normal(s) for s in (shape, g.conv.kernel_shape, g.out_shape, g.out_shape))
    argmax = (random.integers(0, 4, g.out_shape) & _cells(g)).astype(np.uint8)
    arguments = "leaky_relu", x, w, y, argmax, dy, 0.3, (True, True, True)
    got, want = kernels.conv2d_pool_backward(g, *arguments), numpy_ref.load().conv2d_pool_backward(g, *arguments)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12 * max(1, np.abs(other).max(initial=0)))


def _cells(g):
    """The places that each window may have: 3, without 1 in a last column and without 2 in a last row that is half a window."""
    places = np.full(g.out_shape, 3)
    if g.conv.out_w < 2 * g.pool.out_w:
        places[:, :, -1] &= 2
    if g.conv.out_h < 2 * g.pool.out_h:
        places[:, -1] &= 1
    return places


def test_other_convolutions_are_left_to_unpooling():
    for changed in ({"strides": 2}, {"dilation_rate": 2}):
        assert not numba_sparse.fits(conv_pool2d_geometry((1, 9, 9, 4), (3, 3, 4, 4), **changed))
    assert not numba_sparse.fits(conv_pool2d_geometry((1, 9, 9, 4), (3, 3, 2, 4)))
    assert not numba_sparse.fits(conv_pool2d_geometry((1, 9, 9, 4), (5, 3, 4, 4)))


def test_an_argmax_that_no_forward_gives_breaks_nothing(kernels):
    g = conv_pool2d_geometry((2, 8, 8, 8), (3, 3, 8, 8), padding="same")
    x, w, y = (np.ones(s, np.float32) for s in (g.conv.in_shape, g.conv.kernel_shape, g.out_shape))
    argmax = np.full(g.out_shape, 255, np.uint8)
    dx, dw, _ = kernels.conv2d_pool_backward(g, "linear", x, w, y, argmax, y, 0.0, (True, True, False))
    assert np.isfinite(dx).all()
    assert np.isfinite(dw).all()
