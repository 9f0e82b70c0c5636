"""Images, under the names of `keras.ops.image`: resize and affine transforms here, colours, filters and frames from beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd.tensor import Tensor, apply
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.ops import array
from tinycnn.ops.convert import TensorLike, convert_to_numpy
from tinycnn.ops.image_batch import DataFormat, as_batch
from tinycnn.ops.image_colours import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from tinycnn.ops.image_filters import gaussian_blur, sobel_edges, ssim
from tinycnn.ops.image_frames import crop_images, extract_patches, pad_images
from tinycnn.rules.interpolation import Interpolate

__all__ = [
    "FILL_MODES",
    "INTERPOLATIONS",
    "affine_transform",
    "crop_images",
    "extract_patches",
    "gaussian_blur",
    "hsv_to_rgb",
    "pad_images",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "sobel_edges",
    "ssim",
]

#: What lies outside of an image a b c d: its mirror image (c b a | a b c d | d c b), a constant, the image again, or its edge.
FILL_MODES = ("reflect", "wrap", "constant", "nearest")

#: Points of an affine transform that are computed together: few enough for their arrays to stay in the cache.
_POINTS = 2**16


def _triangle(x: NDArray[Any]) -> NDArray[Any]:
    weight: NDArray[Any] = np.maximum(0, 1 - x)
    return weight


def _cubic(x: NDArray[Any]) -> NDArray[Any]:
    """Keys 1981 with a = -1/2, https://doi.org/10.1109/TASSP.1981.1163711"""
    return np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, np.where(x < 2, ((-0.5 * x + 2.5) * x - 4) * x + 2, 0))


def _lanczos(radius: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Duchon 1979: sinc(x) sinc(x / radius)"""
    return lambda x: np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0)


#: Name -> radius, and the weight of a pixel at a distance >= 0. "nearest" has no kernel: it takes one pixel as it is.
_KERNELS: dict[str, tuple[int, Callable[[NDArray[Any]], NDArray[Any]]]] = {
    "bilinear": (1, _triangle),
    "bicubic": (2, _cubic),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
}
#: What `resize` takes.
INTERPOLATIONS = ("nearest", *_KERNELS)


def resize(
    images: TensorLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: DataFormat | None = None,
) -> Tensor:
    """Images in another size. Pixels are squares: the corners of an image stay its corners.

    Args:
        images: (N, H, W, C) or (H, W, C); channels before H if "channels_first".
        size: new (height, width).
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        antialias: widen the kernel when the images get smaller, so that each pixel counts.
        crop_to_aspect_ratio: cut off what does not fit the new aspect ratio, instead of distorting.
        pad_to_aspect_ratio: add `fill_value` on both sides for that.
        fill_mode: "constant".
        fill_value: see there.
        data_format: "channels_last" (default) or "channels_first".

    Returns:
        A floating-point Tensor.

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    height, width = _check_size(size)
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError("crop_to_aspect_ratio and pad_to_aspect_ratio cannot both be true")
    if fill_mode != "constant":
        raise ArgumentError(f"fill_mode must be 'constant', got {fill_mode!r}")
    batch, restored = as_batch(images, data_format)
    if crop_to_aspect_ratio:
        top, left, h, w = centre_window(batch.shape[1], batch.shape[2], height, width)
        batch = batch[:, top : top + h, left : left + w]
    elif pad_to_aspect_ratio:
        _, h, w, _ = batch.shape
        rows = (max(h, w * height // width) - h) // 2
        columns = (max(w, h * width // height) - w) // 2
        batch = array.pad(batch, ((0, 0), (rows, rows), (columns, columns), (0, 0)), constant_values=fill_value)
    for axis, target in ((1, height), (2, width)):
        if batch.shape[axis] != target:
            taps, weights = _resize_taps(batch.shape[axis], target, interpolation, antialias)
            batch = apply(Interpolate, batch, taps=taps, weights=weights, axis=axis)
    return restored(batch)


def _check_size(size: Any) -> tuple[int, int]:
    try:
        height, width = (n.__index__() for n in size)
    except (TypeError, ValueError, AttributeError):
        raise ArgumentError(f"size must be two ints (height, width), got {size!r}") from None
    if min(height, width) < 1:
        raise ArgumentError(f"size must be two ints >= 1, got {size!r}")
    return height, width


def centre_window(height: int, width: int, target_height: int, target_width: int) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the largest window in the middle of an image that has the target's aspect ratio."""
    h = max(min(height, width * target_height // target_width), 1)
    w = max(min(width, height * target_width // target_height), 1)
    return (height - h) // 2, (width - w) // 2, h, w


def _resize_taps(size: int, target: int, interpolation: str, antialias: bool) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Which of `size` pixels make each of `target` pixels, and with which weights: two arrays (taps, target)."""
    scale = size / target
    edges = (np.arange(target) + 0.5) * scale
    if interpolation == "nearest":
        return np.floor(edges).astype(np.intp)[None], np.ones((1, target))
    radius, kernel = _KERNELS[interpolation]
    stretch = max(scale, 1.0) if antialias else 1.0
    centre = edges - 0.5
    first = np.floor(centre - radius * stretch) + 1
    pixel = first + np.arange(int(np.ceil(2 * radius * stretch)))[:, None]
    weights = kernel(np.abs(pixel - centre) / stretch) * ((pixel >= 0) & (pixel < size))
    return np.clip(pixel, 0, size - 1).astype(np.intp), weights / weights.sum(axis=0)


def affine_transform(
    images: TensorLike,
    transform: TensorLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: DataFormat | None = None,
) -> Tensor:
    """Each pixel (x, y) of the result is the images' own at (a0 x + a1 y + a2, b0 x + b1 y + b2).

    Args:
        images: (N, H, W, C) or (H, W, C); channels before H if "channels_first".
        transform: (N, 8), or (8,) for all: a0, a1, a2, b0, b1, b2, 0, 0.
        interpolation: "nearest" or "bilinear".
        fill_mode: what lies outside of the images: one of `FILL_MODES`.
        fill_value: the constant of that mode.
        data_format: "channels_last" (default) or "channels_first".

    Returns:
        A floating-point Tensor of the images' shape.

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    if interpolation not in ("nearest", "bilinear"):
        raise ArgumentError(f"interpolation must be 'nearest' or 'bilinear', got {interpolation!r}")
    if fill_mode not in FILL_MODES:
        raise ArgumentError(f"fill_mode must be one of {', '.join(FILL_MODES)}, got {fill_mode!r}")
    batch, restored = as_batch(images, data_format)
    n, height, width, _ = batch.shape
    rows = _transforms(transform, n)
    x, y = (_grid(rows[:, i : i + 3], height, width, batch.dtype) for i in (0, 3))
    together = max(1, _POINTS // (height * width))
    groups = [slice(first, first + together) for first in range(0, n, together)]
    parts = [_affine(batch[group], x[group], y[group], interpolation, fill_mode, fill_value) for group in groups]
    return restored(array.concatenate(parts, axis=0) if len(parts) > 1 else parts[0] if parts else batch)


def _affine(images: Tensor, x: NDArray[Any], y: NDArray[Any], interpolation: str, fill_mode: str, fill_value: float) -> Tensor:
    """The values of a few images (N, H, W, C) at the points (x, y), each (N, H, W)."""
    n, height, width, channels = images.shape
    taps, weights = _affine_taps(x, y, interpolation, fill_mode)
    taps += np.repeat(np.arange(n, dtype=np.intp) * (height * width), height * width)
    planes = array.reshape(array.moveaxis(images, -1, 0), (channels, n * height * width))  # NumPy is slow where the last axis is short
    result = apply(Interpolate, planes, taps=taps, weights=weights, axis=1)
    if fill_mode == "constant" and fill_value:
        result = result + fill_value * (1 - weights.sum(axis=0))
    return array.moveaxis(array.reshape(result, (channels, n, height, width)), 0, -1)


def _transforms(transform: TensorLike, n: int) -> NDArray[Any]:
    """(N, 8), finite and affine."""
    rows = convert_to_numpy(transform)
    if rows.shape not in ((8,), (1, 8), (n, 8)):
        raise ShapeError(f"transform must have shape (8,) or ({n}, 8), got {rows.shape}")
    if not np.isfinite(rows).all() or rows[..., 6:].any():
        raise ArgumentError("transform must hold finite numbers, and 0 in its last two columns")
    return np.broadcast_to(rows.astype(np.float64), (n, 8))


def _grid(coefficients: NDArray[Any], height: int, width: int, dtype: Any) -> NDArray[Any]:
    """(N, H, W): the coordinate c0 x + c1 y + c2 of each pixel, for rows (c0, c1, c2)."""
    c0, c1, c2 = (column[:, None] for column in coefficients.T)
    along_x, along_y = c0 * np.arange(width), c1 * np.arange(height) + c2
    grid: NDArray[Any] = along_y.astype(dtype)[:, :, None] + along_x.astype(dtype)[:, None, :]
    return grid


def _affine_taps(x: NDArray[Any], y: NDArray[Any], interpolation: str, fill_mode: str) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Which pixels, counted through one image, make the value at each of the points, and with which weights: (taps, points)."""
    _, height, width = x.shape
    across, down = _neighbours(x, width, interpolation, fill_mode), _neighbours(y, height, interpolation, fill_mode)
    pairs = [(row * width + column, wr * wc) for row, wr in down for column, wc in across]
    return np.stack([tap.ravel() for tap, _ in pairs]), np.stack([weight.ravel() for _, weight in pairs])


def _neighbours(position: NDArray[Any], size: int, interpolation: str, fill_mode: str) -> list[tuple[NDArray[np.intp], NDArray[Any]]]:
    """(indices, weights) of the pixels around each position along an axis."""
    if interpolation == "nearest":
        found = [(_round(position), np.ones_like(position))]
    else:
        floor = np.floor(position)
        low, part = floor.astype(np.intp), position - floor
        found = [(low, 1 - part), (low + 1, part)]
    return [_inside(index, weight, size, fill_mode) for index, weight in found]


def _round(position: NDArray[Any]) -> NDArray[np.intp]:
    """Halves go away from zero."""
    rounded: NDArray[np.intp] = np.trunc(position + np.copysign(position.dtype.type(0.5), position)).astype(np.intp)
    return rounded


def _inside(index: NDArray[np.intp], weight: NDArray[Any], size: int, fill_mode: str) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Indices beyond the edges brought inside, as `fill_mode` says; those of a constant weigh nothing."""
    if fill_mode in ("wrap", "reflect"):
        period = size if fill_mode == "wrap" else 2 * size
        index = index - index // period * period  # three times as fast as %
        return (index if fill_mode == "wrap" else np.minimum(index, period - 1 - index)), weight
    inner = np.clip(index, 0, size - 1)
    return inner, weight * (inner == index) if fill_mode == "constant" else weight
