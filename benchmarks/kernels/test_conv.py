"""Convolutions of known networks, forward and both gradients; baselines are NumPy's im2col + BLAS, and loops at batch 1.

`gflops` in the extra information counts a multiply-add as two.
"""

from __future__ import annotations

from typing import Any

import baselines
import numpy as np
import pytest

from tinycnn.geometry import Conv2dGeometry, conv2d_geometry

SAME = {"padding": "same"}
LAYERS = {  # input (H, W, C), kernel, options
    "tutorial-conv1": ((28, 28, 1), (3, 3, 1, 32), SAME),
    "tutorial-conv2": ((14, 14, 32), (3, 3, 32, 64), SAME),
    "tutorial-conv3": ((7, 7, 64), (3, 3, 64, 128), SAME),
    "lenet-conv2": ((14, 14, 6), (5, 5, 6, 16), {}),
    "vgg11-conv3": ((8, 8, 128), (3, 3, 128, 256), SAME),
    "resnet18-stem": ((64, 64, 3), (7, 7, 3, 64), {**SAME, "strides": 2}),
    "resnet18-down": ((16, 16, 64), (3, 3, 64, 128), {**SAME, "strides": 2}),
    "resnet18-1x1": ((16, 16, 64), (1, 1, 64, 128), {"strides": 2}),
    "dilated": ((16, 16, 32), (3, 3, 32, 32), {**SAME, "dilation_rate": 2}),
    "grouped": ((16, 16, 64), (3, 3, 16, 64), {**SAME, "groups": 4}),
    "depthwise": ((16, 16, 64), (3, 3, 1, 64), {**SAME, "groups": 64}),
}
JOBS = ("forward", "backward_input", "backward_kernel")

each_job = pytest.mark.parametrize("job", JOBS)
each_layer = pytest.mark.parametrize("layer", LAYERS)
each_batch = pytest.mark.parametrize("batch", [1, 32])


def geometry(layer: str, batch: int) -> Conv2dGeometry:
    image, kernel, options = LAYERS[layer]
    return conv2d_geometry((batch, *image), kernel, **options)


def arguments(g: Conv2dGeometry, job: str) -> list[Any]:
    random = np.random.default_rng(0)
    shapes = {"x": g.in_shape, "w": g.kernel_shape, "b": (g.out_channels,), "dy": g.out_shape}
    names = {"forward": "x w b", "backward_input": "dy w", "backward_kernel": "x dy"}[job].split()
    return [random.standard_normal(shapes[name], dtype=np.float32) for name in names]


def run(benchmark: Any, group: str, g: Conv2dGeometry, function: Any, job: str) -> None:
    benchmark.group = group
    operands = arguments(g, job)
    function(g, *operands)
    benchmark(function, g, *operands)
    if benchmark.stats:  # none under --benchmark-disable
        benchmark.extra_info["gflops"] = 2 * g.macs / benchmark.stats.stats.min / 1e9


@each_job
@each_layer
@each_batch
def test_kernel(benchmark, kernels, layer, batch, job):
    run(benchmark, f"{layer} x{batch} {job}", geometry(layer, batch), getattr(kernels, f"conv2d_{job}"), job)


@each_job
@each_layer
@each_batch
def test_im2col(benchmark, layer, batch, job):
    g = geometry(layer, batch)
    if g.groups > 1:
        pytest.skip("the baseline has no groups")
    run(benchmark, f"{layer} x{batch} {job}", g, getattr(baselines, f"im2col_{job}"), job)


@each_job
@pytest.mark.parametrize("layer", ["tutorial-conv2", "lenet-conv2"])
def test_naive_loops(benchmark, layer, job):
    run(benchmark, f"{layer} x1 {job}", geometry(layer, 1), getattr(baselines, f"naive_{job}"), job)
