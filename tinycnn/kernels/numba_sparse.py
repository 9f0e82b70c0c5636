"""The gradients of a 3x3 convolution with a 2x2 max-pooling behind it, in Numba, without unpooling.

Of each window only the argmax cell has a gradient g, so three quarters of a dense product's terms are zero, and these are left out:

    dw[tap, c, o] = sum over images and windows of g * xpad[argmax cell + tap, c]
    dx[argmax cell + tap - pad, c] += g * w[tap, c, o]

In both, the 9 taps of one vector of input channels are 9 registers. Images are copied in *blocks* of so many channels, padding included,
so that a pixel is one vector; only the part that windows read, 2 * windows + 2 pixels along an axis.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,no-any-return"
# Numba infers the types of what it compiles.

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinycnn.geometry import ConvPool2dGeometry
from tinycnn.kernels.numba_pool import chunk_size, jit, run
from tinycnn.kernels.numba_simd import aligned_empty, lanes, load, multiply_add, store, zeros
from tinycnn.kernels.operands import placing

__all__ = ["backward_input", "backward_kernel", "fits"]

Array: TypeAlias = NDArray[Any]
U = np.uintp  # an unsigned index cannot wrap around, which saves a test

#: Of the first-level cache: for what some rows of windows read, which dw sums over at a time.
BLOCK_BYTES = 16 << 10
#: To aim at in the gradient of the kernel, so that any number of threads is kept busy.
CHUNKS = 16


def fits(g: ConvPool2dGeometry) -> bool:
    """Is it a plain 3x3 convolution?"""
    conv = g.conv
    steps = conv.stride_h, conv.stride_w, conv.dilation_h, conv.dilation_w
    return (conv.kernel_h, conv.kernel_w) == (3, 3) and steps == (1, 1, 1, 1) and conv.groups == 1


@jit
def _corner(place, row, pixel):
    """From the first cell of a window to cell `place` of it."""
    return (place >> 1 & 1) * row + (place & 1) * pixel


# ---------------------------------------------------------------------------------------------------- gradient of the kernel
@jit
def _by_channel(gradients, places, g, argmax, unit, start, stop):
    """g, and where the 9 cells of each begin, window by window for output channels start <= o < stop. A unit is some rows of windows."""
    rows, PW, _ = g.shape
    pixel = lanes(g)
    row = (2 * PW + 2) * pixel
    for r in range(rows):
        for o in range(start, stop):
            at = r % unit * 4 * row
            for j in range(PW):
                gradients[o, r * PW + j] = g[r, j, o]
                places[o, r * PW + j] = at + _corner(argmax[r, j, o], row, pixel)
                at += 2 * pixel


@jit
def _copy_rows(block, x, shape, c, PH, pads, start, stop):
    """What each of the rows of windows start <= n * PH + i < stop reads: 4 rows of pixels, a vector of channels, from c on, of each."""
    H, W, C = shape
    pixel, (pad_top, pad_left, columns) = lanes(block), pads
    for r in range(start, stop):
        n, top = r // PH, r % PH * 2 - pad_top
        for h in range(max(0, top), min(top + 4, H)):
            p, q = (((r - start) * 4 + h - top) * columns + pad_left) * pixel, (n * H + h) * W * C + c
            for _ in range(min(W, columns - pad_left)):
                if C - c >= pixel:
                    store(load(zeros(block, 1), 0, 1, x, q), 0, 1, block, p)
                else:
                    for lane in range(C - c):
                        block[U(p + lane)] = x[U(q + lane)]
                p += pixel
                q += C


@jit
def _backward_kernel_shares(dw, x, shape, gradients, places, windows, unit, pads, start, stop):
    """Parts of dw (shares, blocks, O, 9, lanes): each is a sum over one share of the units for one block of input channels."""
    shares, blocks, O, _, pixel = dw.shape
    N, PH, PW = windows
    units, row = -(-N * PH // unit), (2 * PW + 2) * pixel
    block = np.empty(unit * 4 * row, dw.dtype)
    for index in range(start, stop):
        share, c = index // blocks, index % blocks * pixel
        sums_of = dw[share, index % blocks].reshape(-1)
        for first in range(share * units // shares * unit, min((share + 1) * units // shares * unit, N * PH), unit):
            last = min(first + unit, N * PH)
            block[:] = 0
            _copy_rows(block, x, shape, c, PH, (*pads, 2 * PW + 2), first, last)
            for o in range(O):
                gradient, place = gradients[o], places[o]
                sums = load(zeros(dw, 9), 0, 9, sums_of, o * 9 * pixel)
                for k in range(first * PW, last * PW):
                    p, g = place[U(k)], gradient[U(k)]
                    sums = multiply_add(sums, 0, 3, block, p, g)
                    sums = multiply_add(sums, 3, 3, block, p + row, g)
                    sums = multiply_add(sums, 6, 3, block, p + 2 * row, g)
                store(sums, 0, 9, sums_of, o * 9 * pixel)


@placing
def backward_kernel(g: ConvPool2dGeometry, x: Array, dhighest: Array, argmax: Array) -> Array:
    """dw (3, 3, C, O) from the gradient of the windows' maxima."""
    conv, pixel, (N, PH, PW, O) = g.conv, lanes(x), g.out_shape
    blocks, rows = -(-conv.in_channels // pixel), N * PH
    unit = max(1, BLOCK_BYTES // (4 * (2 * PW + 2) * pixel * x.itemsize))
    shares = max(1, min(-(-CHUNKS // blocks), -(-rows // unit)))
    # a row is longer than need be, else rows of 2**n would compete for the same places of the cache
    gradients, places = np.empty((O, rows * PW + 16), x.dtype), np.empty((O, rows * PW + 16), np.intp)
    run(_by_channel, O, 16, gradients, places, dhighest.reshape(rows, PW, O), argmax.reshape(rows, PW, O), unit)
    dw = np.zeros((shares, blocks, O, 9, pixel), x.dtype)
    operands = x.ravel(), conv.in_shape[1:], gradients, places
    run(_backward_kernel_shares, shares * blocks, 1, dw, *operands, (N, PH, PW), unit, (conv.pad_top, conv.pad_left))
    summed = dw.sum(axis=0).transpose(2, 0, 3, 1).reshape(3, 3, blocks * pixel, O)
    return np.ascontiguousarray(summed[:, :, : conv.in_channels])


# ---------------------------------------------------------------------------------------------------- gradient of the input
@jit
def _sort_channels(order, begin, argmax):
    """`order`: the output channels of one window, sorted by argmax (O,); those of place p are from begin[p] to begin[p + 1]."""
    begin[:] = 0
    for place in argmax:
        begin[(place & 3) + 2] += 1
    for place in range(4):
        begin[place + 2] += begin[place + 1]
    for o in range(argmax.size):  # begin[p + 1] goes from the begin of p to its end
        place = argmax[o] & 3
        order[begin[place + 1]] = o
        begin[place + 1] += 1


@jit
def _backward_input_images(dx, shape, g, argmax, w, pads, start, stop):
    """Images start <= n < stop of dx (N, H, W, C), which are zero; w is (blocks, O, 9, lanes)."""
    H, W, C = shape
    _, PH, PW, O = g.shape
    pad_top, pad_left = pads
    pixel = lanes(dx)
    rows, columns = 2 * PH + 2, 2 * PW + 2
    row = columns * pixel
    order, begin = np.empty((PH * PW, O), np.int32), np.empty((PH * PW, 6), np.int32)
    block = np.empty(rows * row, dx.dtype)
    for n in range(start, stop):
        for i in range(PH):
            for j in range(PW):
                _sort_channels(order[i * PW + j], begin[i * PW + j], argmax[n, i, j])
        for c in range(0, C, pixel):
            block[:] = 0
            for window in range(PH * PW):
                i, j = window // PW, window % PW
                gradient, channels = g[n, i, j], order[window]
                for place in range(4):
                    p = 2 * (i * row + j * pixel) + _corner(place, row, pixel)
                    sums = load(zeros(dx, 9), 0, 3, block, p)
                    sums = load(sums, 3, 3, block, p + row)
                    sums = load(sums, 6, 3, block, p + 2 * row)
                    for k in range(begin[window, place], begin[window, place + 1]):
                        o = channels[U(k)]
                        sums = multiply_add(sums, 0, 9, w, (c * O + o * pixel) * 9, gradient[U(o)])
                    store(sums, 0, 3, block, p)
                    store(sums, 3, 3, block, p + row)
                    store(sums, 6, 3, block, p + 2 * row)
            for h in range(min(H, rows - pad_top)):
                p, q = ((h + pad_top) * columns + pad_left) * pixel, (n * H + h) * W * C + c
                for _ in range(min(W, columns - pad_left)):
                    if C - c >= pixel:
                        store(load(zeros(block, 1), 0, 1, block, p), 0, 1, dx, q)
                    else:
                        for lane in range(C - c):
                            dx[U(q + lane)] = block[U(p + lane)]
                    p += pixel
                    q += C


def backward_input(g: ConvPool2dGeometry, dhighest: Array, argmax: Array, w: Array) -> Array:
    """dx (N, H, W, C) from the gradient of the windows' maxima."""
    conv, pixel = g.conv, lanes(w)
    blocks = -(-conv.in_channels // pixel)
    taps = np.zeros((9, blocks * pixel, conv.out_channels), w.dtype)
    taps[:, : conv.in_channels] = w.reshape(9, conv.in_channels, conv.out_channels)
    packed = aligned_empty((blocks, conv.out_channels, 9, pixel), w.dtype)
    packed[...] = taps.reshape(9, blocks, pixel, conv.out_channels).transpose(1, 3, 0, 2)
    dx = np.zeros(conv.in_shape, w.dtype)
    size = chunk_size(conv.batch, conv.macs // 4)
    operands = dhighest, argmax, packed.ravel()
    run(_backward_input_images, conv.batch, size, dx.ravel(), conv.in_shape[1:], *operands, (conv.pad_top, conv.pad_left))
    return dx
