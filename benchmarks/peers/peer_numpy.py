"""The baseline: the same step in plain NumPy, forward and backward by hand. Mode: "im2col".

A convolution lays the 3x3 neighbourhoods out as the rows of a matrix (im2col) and leaves the product to BLAS; its backward pass
is two more products, and adds the rows up where they overlap.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import workload
from workload import Array, Workload

TAPS = [(u, v) for u in range(3) for v in range(3)]
CORNERS = [(0, 0), (0, 1), (1, 0), (1, 1)]


class Peer:
    def __init__(self, mode: str, work: Workload) -> None:
        self.versions = {"numpy": np.__version__}
        self._work = work
        self._network = Network([w.copy() for w in work.weights])
        self._adam = Adam(self._network.weights)

    def train(self, i: int) -> Any:
        loss, gradients = self._network.gradients(self._work.images[i], self._work.one_hot[i])
        self._adam.step(gradients)
        return loss

    def predict(self, i: int) -> Any:
        return softmax(self._network.logits(self._work.images[i])[0])


class Network:
    """Weights as in `Workload`: kernel and bias of three convolutions and two dense layers."""

    def __init__(self, weights: list[Array]) -> None:
        self.weights = weights

    def logits(self, x: Array) -> tuple[Array, list[Any]]:
        """x (N, 28, 28, 1) -> logits (N, 10), and what the backward pass needs of each layer."""
        *convolutions, w1, b1, w2, b2 = self.weights
        saved: list[Any] = []
        for w, b in zip(convolutions[::2], convolutions[1::2], strict=True):
            columns = im2col(x)
            y = leaky_relu(columns @ w.reshape(-1, w.shape[3]) + b).reshape(*x.shape[:3], -1)
            saved.append((columns, y, x := max_pool(y)))
        flat = x.reshape(len(x), -1)
        hidden = leaky_relu(flat @ w1 + b1)
        return hidden @ w2 + b2, [*saved, flat, hidden]

    def gradients(self, x: Array, one_hot: Array) -> tuple[float, list[Array]]:
        """The mean loss of a batch, and the gradient of every weight."""
        logits, (*convolutions, flat, hidden) = self.logits(x)
        p = softmax(logits)
        loss = -float(np.log((p * one_hot).sum(1)).mean())
        d_logits = (p - one_hot) / np.float32(len(x))
        w1, w2 = self.weights[-4], self.weights[-2]
        d_hidden = leaky_relu_gradient(d_logits @ w2.T, hidden)
        gradients = [flat.T @ d_hidden, d_hidden.sum(0), hidden.T @ d_logits, d_logits.sum(0)]
        dy = d_hidden @ w1.T
        for layer in reversed(range(len(convolutions))):
            columns, y, pooled = convolutions[layer]
            w = self.weights[2 * layer]
            dy = leaky_relu_gradient(max_pool_gradient(dy.reshape(pooled.shape), y, pooled), y)
            rows = dy.reshape(-1, w.shape[3])  # (N*H*W, O)
            gradients[:0] = [(columns.T @ rows).reshape(w.shape), rows.sum(0)]
            if layer:
                dy = col2im(rows @ w.reshape(-1, w.shape[3]).T, (*y.shape[:3], w.shape[2]))
        return loss, gradients


class Adam:
    """Kingma and Ba, "Adam: a method for stochastic optimization" (2015), in the form at the end of section 2."""

    def __init__(self, weights: list[Array]) -> None:
        self._state = [(w, np.zeros_like(w), np.zeros_like(w)) for w in weights]
        self._t = 0

    def step(self, gradients: list[Array]) -> None:
        b1, b2 = workload.BETA_1, workload.BETA_2
        self._t += 1
        alpha = workload.LEARNING_RATE * (1 - b2**self._t) ** 0.5 / (1 - b1**self._t)
        for (w, m, v), g in zip(self._state, gradients, strict=True):
            m += (1 - b1) * (g - m)
            v += (1 - b2) * (g * g - v)
            w -= alpha * m / (np.sqrt(v) + workload.EPSILON)


def im2col(x: Array) -> Array:
    """(N, H, W, C) -> (N*H*W, 9*C): each pixel's neighbourhood, zeros outside the image."""
    n, h, w, c = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    columns = np.empty((n, h, w, len(TAPS), c), x.dtype)
    for tap, (u, v) in enumerate(TAPS):
        columns[:, :, :, tap] = padded[:, u : u + h, v : v + w]
    return columns.reshape(n * h * w, -1)


def col2im(columns: Array, shape: tuple[int, ...]) -> Array:
    """The transpose of `im2col`: (N*H*W, 9*C) -> (N, H, W, C), neighbourhoods added up where they overlap."""
    n, h, w, c = shape
    taps = columns.reshape(n, h, w, len(TAPS), c)
    padded = np.zeros((n, h + 2, w + 2, c), columns.dtype)
    for tap, (u, v) in enumerate(TAPS):
        padded[:, u : u + h, v : v + w] += taps[:, :, :, tap]
    return padded[:, 1:-1, 1:-1]


def max_pool(x: Array) -> Array:
    """2x2 windows, stride 2; (N, H, W, C) -> (N, ceil(H/2), ceil(W/2), C), odd edges pooling what there is."""
    y = x[:, ::2, ::2].copy()
    for i, j in CORNERS[1:]:
        corner = x[:, i::2, j::2]
        part = y[:, : corner.shape[1], : corner.shape[2]]
        np.maximum(part, corner, out=part)
    return y


def max_pool_gradient(dy: Array, x: Array, y: Array) -> Array:
    """Each window's gradient goes to its maximum, the first if there are several."""
    dx = np.empty_like(x)
    unclaimed = np.ones(y.shape, bool)
    for i, j in CORNERS:
        corner = x[:, i::2, j::2]
        here = slice(None), slice(corner.shape[1]), slice(corner.shape[2])
        hit = (corner == y[here]) & unclaimed[here]
        unclaimed[here] &= ~hit
        dx[:, i::2, j::2] = dy[here] * hit
    return dx


def leaky_relu(x: Array) -> Array:
    return np.maximum(x, workload.SLOPE * x)


def leaky_relu_gradient(dy: Array, y: Array) -> Array:
    """From the output, whose sign is the input's."""
    return np.where(y > 0, dy, workload.SLOPE * dy)


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)
