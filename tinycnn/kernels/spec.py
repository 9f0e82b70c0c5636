"""THE kernel interface: what a backend computes, on ndarrays, with no knowledge of tensors or training.

Three modules implement it: `numpy_ref` (the readable oracle), `numba_jit` and `native` (the C kernels).

Contract of every method, in every backend:

- Arrays are float32 or float64; all floating operands of one call have the same dtype, and so have the results.
- Inputs may be strided, misaligned, read-only or byte-swapped: the result is that of a contiguous copy. Inputs are never written,
  except where a docstring says "in place" (those arrays must be writable, aligned, C-contiguous and native).
- Results are new C-contiguous arrays. An empty batch gives an empty (or zero) result.
- Shapes are checked against the geometry before anything is computed: `ShapeError` / `DTypeError` name the operand.
- The same call gives the same bytes for any number of threads.
- A NaN in the input shows in the output it contributes to.

Layouts: activations (N, H, W, C), convolution kernels (KH, KW, C // groups, O); output channel o belongs to group o // (O // groups).
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn.geometry import Conv2dGeometry, ConvPool2dGeometry, Pool2dGeometry

__all__ = ["Activation", "Array", "IntArray", "KernelSet", "PoolableActivation", "SmallIntArray"]

#: float32 or float64; NumPy's stubs lose the dtype in most functions, so it is checked at run time.
Array: TypeAlias = NDArray[Any]
IntArray: TypeAlias = NDArray[np.int32]
SmallIntArray: TypeAlias = NDArray[np.uint8]
Activation: TypeAlias = Literal["linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh"]
#: Those that never fall, and whose derivative is read off the sign of the output: they may be applied after a maximum.
PoolableActivation: TypeAlias = Literal["linear", "relu", "leaky_relu"]


class KernelSet(Protocol):
    """One backend."""

    #: "c", "numba" or "numpy".
    name: str

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """An uninitialised C-contiguous array, 64-byte aligned where the backend has its own allocator."""
        ...

    def last_algorithm(self) -> str:
        """The way that this thread's last convolution took: "direct", "winograd4", ...; "" in backends that know only one."""
        ...

    # ---- convolution
    def conv2d_forward(self, geometry: Conv2dGeometry, x: Array, w: Array, b: Array | None) -> Array:
        """y[n,i,j,o] = b[o] + sum_{u,v,c} xpad[n, i*s+u*d, j*s+v*d, c] * w[u,v,c,o].

        x `in_shape`, w `kernel_shape`, b (O,) or None -> `out_shape`.
        """
        ...

    def conv2d_backward_input(self, geometry: Conv2dGeometry, dy: Array, w: Array) -> Array:
        """dx[n,h,w,c] = sum over all (i,j,u,v,o) that read the cell of dy[n,i,j,o] * w[u,v,c,o] -> `in_shape`."""
        ...

    def conv2d_backward_kernel(self, geometry: Conv2dGeometry, x: Array, dy: Array, *, into: Array | None = None) -> Array:
        """dw[u,v,c,o] = sum_{n,i,j} xpad[n, i*s+u*d, j*s+v*d, c] * dy[n,i,j,o] -> `kernel_shape`.

        `into`: where to put it, instead of a new array; it is returned.
        """
        ...

    # ---- pooling
    def max_pool2d_forward(self, geometry: Pool2dGeometry, x: Array) -> tuple[Array, IntArray]:
        """The maximum of each window and where it is: -> y, argmax, both `out_shape`.

        argmax (int32) is the position u * window_w + v inside the window. Padding cells do not take part. Of equal cells the
        first in (u, v) order wins; a NaN is larger than any number, and the first NaN wins.
        """
        ...

    def max_pool2d_backward(self, geometry: Pool2dGeometry, dy: Array, argmax: IntArray) -> Array:
        """Each dy goes to its window's argmax cell; overlapping windows add up in window order -> `in_shape`."""
        ...

    def avg_pool2d_forward(self, geometry: Pool2dGeometry, x: Array) -> Array:
        """The mean of each window's valid (not padding) cells -> `out_shape`."""
        ...

    def avg_pool2d_backward(self, geometry: Pool2dGeometry, dy: Array) -> Array:
        """Each dy is spread evenly over its window's valid cells -> `in_shape`."""
        ...

    # ---- convolution + bias + activation + pooling as one step, at the pooled resolution
    def conv2d_pool_forward(
        self,
        geometry: ConvPool2dGeometry,
        kind: PoolableActivation,
        x: Array,
        w: Array,
        b: Array | None,
        alpha: float,
        wants_argmax: bool = True,
    ) -> tuple[Array, SmallIntArray | None]:
        """act(max over each 2x2 window of conv(x, w) + b), and where that maximum is: -> y, argmax, both `out_shape`;
        argmax is None unless it is wanted.

        x, w and b as in `conv2d_forward`, kind and alpha as in `bias_activation_forward`: the activation never falls, so it may come last.
        argmax (uint8) is the position u * 2 + v inside the window, of the maximum before the activation; ties and NaN as in
        `max_pool2d_forward`. An algorithm that rounds differently from the direct sum may break ties differently.
        """
        ...

    def conv2d_pool_backward(
        self,
        geometry: ConvPool2dGeometry,
        kind: PoolableActivation,
        x: Array,
        w: Array,
        y: Array,
        argmax: SmallIntArray,
        dy: Array,
        alpha: float,
        needs: tuple[bool, bool, bool],
        *,
        dw_into: Array | None = None,
    ) -> tuple[Array | None, Array | None, Array | None]:
        """The gradients -> dx, dw, db, each where `needs` asks for it, else None; dw in `dw_into` where that is given.

        With g = dy * act'(y) at each window's argmax cell and 0 at the three others: `conv2d_backward_input` and
        `conv2d_backward_kernel` of that, and db = sum of g over all windows.
        """
        ...

    # ---- dense algebra
    def matmul(self, a: Array, b: Array, *, transpose_a: bool = False, transpose_b: bool = False, into: Array | None = None) -> Array:
        """op(a) @ op(b) of two matrices, op being the transpose where asked; (M, K) @ (K, N) -> (M, N); K = 0 gives zeros.

        `into`: where to put it, instead of a new array; it is returned.
        """
        ...

    def affine_forward(self, kind: Activation, x: Array, w: Array, b: Array | None, alpha: float = 0.0) -> Array:
        """act(x @ w + b): (N, K), (K, O) and (O,) or None -> (N, O); kind and alpha as in `bias_activation_forward`."""
        ...

    def affine_backward(
        self,
        kind: Activation,
        x: Array,
        w: Array,
        y: Array | None,
        dy: Array,
        alpha: float,
        needs: tuple[bool, bool, bool],
        *,
        dw_into: Array | None = None,
    ) -> tuple[Array | None, Array | None, Array | None]:
        """The gradients -> dx, dw, db, each where `needs` asks for it, else None; dw in `dw_into` where that is given.

        With g = `activation_backward` of dy and y: dx = g @ w^T, dw = x^T @ g, db = `sum_rows` of g. Of "linear" y may be None.
        """
        ...

    def sum_rows(self, x: Array) -> Array:
        """(R, C) -> (C,): the sum over rows, the gradient of a bias."""
        ...

    # ---- bias + activation
    def bias_activation_forward(self, kind: Activation, x: Array, b: Array | None, alpha: float = 0.0) -> Array:
        """y = act(x + b), b (C,) along the last axis of x (any rank >= 1; any rank >= 0 if b is None).

        leaky_relu: x if x > 0 else alpha * x; elu: x if x > 0 else alpha * (exp(x) - 1); alpha >= 0. NaN stays NaN.
        """
        ...

    def activation_backward(self, kind: Activation, dy: Array, y: Array, alpha: float = 0.0) -> Array:
        """dy * act'(x), where the derivative is read off the *output* y (same shape as dy).

        linear 1; relu 1 if y > 0 else 0; leaky_relu 1 if y > 0 else alpha; elu 1 if y > 0 else y + alpha; sigmoid y * (1 - y);
        tanh 1 - y * y.
        """
        ...

    # ---- softmax + cross-entropy
    def softmax(self, x: Array) -> Array:
        """(R, C) -> exp(x - max) / sum(exp(x - max)) along the last axis."""
        ...

    def softmax_crossentropy_forward(self, logits: Array, targets: Array) -> tuple[Array, Array]:
        """(R, C), (R, C) -> loss (R,), probabilities (R, C): loss = -sum_c targets * log_softmax(logits), by log-sum-exp."""
        ...

    def softmax_crossentropy_backward(self, dloss: Array, probabilities: Array, targets: Array) -> Array:
        """(R,), (R, C), (R, C) -> dlogits (R, C) = dloss * (probabilities * sum_c(targets) - targets)."""
        ...

    # ---- batch normalisation, over (R, C) rows
    def batch_norm_moments(self, x: Array) -> tuple[Array, Array]:
        """(R, C) -> mean (C,), biased variance (C,); two passes, so that a large mean costs no digits."""
        ...

    def batch_norm_forward(self, x: Array, mean: Array, variance: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
        """(R, C) and four (C,) -> gamma * (x - mean) / sqrt(variance + epsilon) + beta."""
        ...

    def batch_norm_backward(
        self, dy: Array, x: Array, mean: Array, variance: Array, gamma: Array, epsilon: float, *, training: bool
    ) -> tuple[Array, Array, Array]:
        """-> dx (R, C), dgamma (C,), dbeta (C,).

        With s = sqrt(variance + epsilon) and xhat = (x - mean) / s: dbeta = sum_r dy, dgamma = sum_r dy * xhat. Where `training`, mean and
        variance are those of x itself: dx = gamma / s * (dy - dbeta / R - xhat * dgamma / R); else they are constants: dx = gamma / s * dy.
        """
        ...

    # ---- dropout
    def dropout_mask(self, shape: tuple[int, ...], rate: float, seed: int, dtype: DTypeLike) -> Array:
        """An array of 0 and 1 / (1 - rate), the same bytes in every backend for the same 64-bit seed; 0 <= rate < 1.

        Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): element e, in C order, takes lane e % 4 of the
        block with counter (e // 4 low word, e // 4 high word, 0, 0) and key (seed low word, seed high word), and is kept where that
        32-bit number >= round(rate * 2**32), halves away from zero, at most 2**32 - 1.
        """
        ...

    # ---- optimizer steps, in place on flat arrays
    def sgd_step(self, w: Array, g: Array, m: Array | None, *, learning_rate: float, momentum: float = 0.0, nesterov: bool = False) -> None:
        """In place. Without m: w -= lr * g. With m: m = momentum * m - lr * g; w += m (nesterov: w += momentum * m - lr * g)."""
        ...

    def adam_step(self, w: Array, g: Array, m: Array, v: Array, *, alpha: float, beta_1: float, beta_2: float, epsilon: float) -> None:
        """In place, one pass. m += (g - m) * (1 - beta_1); v += (g * g - v) * (1 - beta_2); w -= alpha * m / (sqrt(v) + epsilon).

        alpha = lr * sqrt(1 - beta_2**t) / (1 - beta_1**t) is the caller's (Kingma & Ba 2015, section 2, last paragraph).
        """
        ...
