"""Max and average pooling in Numba: each window walks its cells on the image in (u, v) order, a cell being a vector of channels."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return"
# Numba infers the types of what it compiles.

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinycnn.geometry import Pool2dGeometry
from tinycnn.kernels.numba_pool import chunk_size, jit, run

__all__ = ["avg_pool2d_backward", "avg_pool2d_forward", "max_pool2d_backward", "max_pool2d_forward"]

Array: TypeAlias = NDArray[Any]


def _window(g: Pool2dGeometry) -> tuple[int, ...]:
    return g.window_h, g.window_w, g.stride_h, g.stride_w, g.pad_top, g.pad_left


def _operations(g: Pool2dGeometry) -> int:
    return 4 * g.batch * g.out_h * g.out_w * g.window_h * g.window_w * g.channels


@jit
def _max_forward_rows(y, argmax, x, window, start, stop):
    """Output rows start <= n * OH + i < stop."""
    _, H, W, _ = x.shape
    _, OH, OW, C = y.shape
    k_h, k_w, s_h, s_w, pad_top, pad_left = window
    for row in range(start, stop):
        n, i = row // OH, row % OH
        top = i * s_h - pad_top
        for j in range(OW):
            left = j * s_w - pad_left
            best, place = y[n, i, j], argmax[n, i, j]
            place[:] = max(0, -top) * k_w + max(0, -left)
            best[:] = x[n, max(0, top), max(0, left)]
            for u in range(max(0, -top), min(k_h, H - top)):
                for v in range(max(0, -left), min(k_w, W - left)):
                    cell = x[n, top + u, left + v]
                    for c in range(C):
                        larger = not (cell[c] <= best[c]) and best[c] == best[c]  # a NaN beats all but a NaN
                        best[c] = cell[c] if larger else best[c]
                        place[c] = u * k_w + v if larger else place[c]


@jit
def _max_backward_images(dx, dy, argmax, window, start, stop):
    _, H, W, _ = dx.shape
    _, OH, OW, C = dy.shape
    k_h, k_w, s_h, s_w, pad_top, pad_left = window
    zero = dy.dtype.type(0)
    for n in range(start, stop):
        for i in range(OH):
            top = i * s_h - pad_top
            for j in range(OW):
                left = j * s_w - pad_left
                given, place = dy[n, i, j], argmax[n, i, j]
                for u in range(max(0, -top), min(k_h, H - top)):
                    for v in range(max(0, -left), min(k_w, W - left)):
                        cell = dx[n, top + u, left + v]
                        for c in range(C):
                            cell[c] += given[c] if place[c] == u * k_w + v else zero


@jit
def _avg_forward_rows(y, x, window, start, stop):
    _, H, W, _ = x.shape
    _, OH, OW, C = y.shape
    k_h, k_w, s_h, s_w, pad_top, pad_left = window
    for row in range(start, stop):
        n, i = row // OH, row % OH
        top = i * s_h - pad_top
        first_u, last_u = max(0, -top), min(k_h, H - top)
        for j in range(OW):
            left = j * s_w - pad_left
            first_v, last_v = max(0, -left), min(k_w, W - left)
            mean = y[n, i, j]
            for u in range(first_u, last_u):
                for v in range(first_v, last_v):
                    cell = x[n, top + u, left + v]
                    for c in range(C):
                        mean[c] += cell[c]
            cells = y.dtype.type((last_u - first_u) * (last_v - first_v))
            for c in range(C):
                mean[c] /= cells


@jit
def _avg_backward_images(dx, dy, window, start, stop):
    _, H, W, _ = dx.shape
    _, OH, OW, C = dy.shape
    k_h, k_w, s_h, s_w, pad_top, pad_left = window
    for n in range(start, stop):
        for i in range(OH):
            top = i * s_h - pad_top
            first_u, last_u = max(0, -top), min(k_h, H - top)
            for j in range(OW):
                left = j * s_w - pad_left
                first_v, last_v = max(0, -left), min(k_w, W - left)
                given = dy[n, i, j]
                cells = dy.dtype.type((last_u - first_u) * (last_v - first_v))
                for u in range(first_u, last_u):
                    for v in range(first_v, last_v):
                        cell = dx[n, top + u, left + v]
                        for c in range(C):
                            cell[c] += given[c] / cells


def max_pool2d_forward(g: Pool2dGeometry, x: Array) -> tuple[Array, Array]:
    y, argmax = np.empty(g.out_shape, x.dtype), np.empty(g.out_shape, np.int32)
    rows = g.batch * g.out_h
    run(_max_forward_rows, rows, chunk_size(rows, _operations(g)), y, argmax, x, _window(g))
    return y, argmax


def max_pool2d_backward(g: Pool2dGeometry, dy: Array, argmax: Array) -> Array:
    dx = np.zeros(g.in_shape, dy.dtype)
    run(_max_backward_images, g.batch, chunk_size(g.batch, _operations(g)), dx, dy, argmax, _window(g))
    return dx


def avg_pool2d_forward(g: Pool2dGeometry, x: Array) -> Array:
    y = np.zeros(g.out_shape, x.dtype)
    rows = g.batch * g.out_h
    run(_avg_forward_rows, rows, chunk_size(rows, _operations(g)), y, x, _window(g))
    return y


def avg_pool2d_backward(g: Pool2dGeometry, dy: Array) -> Array:
    dx = np.zeros(g.in_shape, dy.dtype)
    run(_avg_backward_images, g.batch, chunk_size(g.batch, _operations(g)), dx, dy, _window(g))
    return dx
