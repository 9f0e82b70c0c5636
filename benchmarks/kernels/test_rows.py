"""Everything but convolution, in the sizes of the tutorial's training step at batch 64. The NumPy backend is the baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinycnn.geometry import pool2d_geometry

BATCH = 64
POOL = pool2d_geometry((BATCH, 28, 28, 32), pool_size=2)


def cases() -> dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """name -> (method, arguments, options)"""
    random = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return random.standard_normal(shape, dtype=np.float32)

    images, pooled, channels = normal(*POOL.in_shape), normal(*POOL.out_shape), np.abs(normal(32))
    rows, logits, targets = images.reshape(-1, 32), normal(BATCH, 10), np.eye(10, dtype=np.float32)[random.integers(0, 10, BATCH)]
    argmax = random.integers(0, 4, POOL.out_shape).astype(np.int32)
    flat = [np.abs(normal(356_234)) for _ in range(4)]
    x, dy, w = normal(BATCH, 2048), normal(BATCH, 128), normal(2048, 128)
    statistics = (channels,) * 3
    return {
        "max_pool forward": ("max_pool2d_forward", (POOL, images), {}),
        "max_pool backward": ("max_pool2d_backward", (POOL, pooled, argmax), {}),
        "average_pool forward": ("avg_pool2d_forward", (POOL, images), {}),
        "average_pool backward": ("avg_pool2d_backward", (POOL, pooled), {}),
        "leaky_relu forward": ("bias_activation_forward", ("leaky_relu", images, channels, 0.1), {}),
        "leaky_relu backward": ("activation_backward", ("leaky_relu", images, images, 0.1), {}),
        "sigmoid forward": ("bias_activation_forward", ("sigmoid", images, None), {}),
        "sum_rows": ("sum_rows", (rows,), {}),
        "dense forward": ("matmul", (x, w), {}),
        "dense dW": ("matmul", (x, dy), {"transpose_a": True}),
        "dense dX": ("matmul", (dy, w), {"transpose_b": True}),
        "softmax loss": ("softmax_crossentropy_forward", (logits, targets), {}),
        "batch_norm moments": ("batch_norm_moments", (rows,), {}),
        "batch_norm forward": ("batch_norm_forward", (rows, *statistics, channels, 1e-3), {}),
        "batch_norm backward": ("batch_norm_backward", (rows, rows, *statistics, 1e-3), {"training": True}),
        "dropout mask": ("dropout_mask", (POOL.in_shape, 0.25, 0, np.float32), {}),
        "sgd momentum": ("sgd_step", tuple(flat[:3]), {"learning_rate": 1e-3, "momentum": 0.9}),
        "adam": ("adam_step", tuple(flat), {"alpha": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}),
    }


CASES = cases()


@pytest.mark.parametrize("case", CASES)
def test_kernel(benchmark, kernels, case):
    method, arguments, options = CASES[case]
    function = getattr(kernels, method)
    benchmark.group = case
    function(*arguments, **options)
    benchmark(function, *arguments, **options)
