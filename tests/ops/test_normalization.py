"""Normalisations against NumPy; those over batches are in test_ops."""

from __future__ import annotations

import numpy as np

from tinycnn import Tensor, ops
from tinycnn.testing import check_grads

R = np.random.default_rng(22)


def test_normalizations_by_hand() -> None:
    x = R.standard_normal((3, 4, 5))
    g, b = R.standard_normal((3, 5)), R.standard_normal((3, 5))
    mean, variance = x.mean((0, 2), keepdims=True), x.var((0, 2), keepdims=True)
    expected = (x - mean) / np.sqrt(variance + 0.1) * g[:, None] + b[:, None]
    np.testing.assert_allclose(ops.layer_normalization(x, g, b, axis=(0, -1), epsilon=0.1).numpy(), expected, atol=1e-12)
    rms = x / np.sqrt(np.square(x).mean(1, keepdims=True) + 1e-7) * np.arange(4)[:, None]
    np.testing.assert_allclose(ops.rms_normalization(x, np.arange(4.0), axis=1).numpy(), rms, atol=1e-12)
    for got, want in zip(ops.moments(x, (0, 1), keepdims=True), (x.mean((0, 1), keepdims=True), x.var((0, 1), keepdims=True)), strict=True):
        np.testing.assert_allclose(got.numpy(), want, atol=1e-12)
    for order in (1, 2, 3):
        norm = np.linalg.norm(x, order, -1, keepdims=True)
        np.testing.assert_allclose(ops.normalize(x, order=order).numpy(), x / norm, atol=1e-12)
        check_grads(lambda t, order=order: ops.normalize(t, axis=1, order=order), x)


def test_normalize_has_a_finite_gradient_at_zero() -> None:
    x = Tensor(np.zeros((2, 3)), requires_grad=True)
    ops.normalize(x, epsilon=0.5).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full((2, 3), 2.0))
