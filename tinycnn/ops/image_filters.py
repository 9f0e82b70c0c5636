"""Filters over images: convolutions of each channel with a fixed kernel, and the scores of picture quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd.tensor import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.geometry import normalize_pair
from tinycnn.ops.array import moveaxis, reshape, stack
from tinycnn.ops.convert import TensorLike, convert_to_tensor, floats
from tinycnn.ops.image_batch import DataFormat, as_batch
from tinycnn.ops.math import mean, square
from tinycnn.ops.more_math import log10
from tinycnn.ops.spatial import depthwise_conv

__all__ = ["gaussian_blur", "psnr", "sobel_edges", "ssim"]


def gaussian_blur(
    images: TensorLike,
    kernel_size: int | Sequence[int] = (3, 3),
    sigma: float | Sequence[float] = (1.0, 1.0),
    data_format: DataFormat | None = None,
) -> Tensor:
    """Images blurred by a Gaussian bell of a few cells; what lies outside of an image is 0.

    Args:
        images: (N, H, W, C) or (H, W, C); channels before H if "channels_first".
        kernel_size: cells of the bell, (height, width).
        sigma: its standard deviations along height and width, above 0.
        data_format: "channels_last" (default) or "channels_first".

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    batch, restored = as_batch(images, data_format)
    return restored(_filtered(batch, _bell(kernel_size, sigma), "same"))


def sobel_edges(images: TensorLike, data_format: DataFormat | None = None) -> Tensor:
    """How fast each channel grows downwards and to the right, by Sobel's kernels; what lies outside of an image is 0.

    Args:
        images: (N, H, W, C), or (N, C, H, W) if "channels_first".
        data_format: "channels_last" (default) or "channels_first".

    Returns:
        The shape of the images with a last axis of 2: (downwards, to the right).

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    if convert_to_tensor(images).ndim != 4:
        raise ShapeError(f"images must have 4 dimensions, (batch, height, width, channels), got shape {convert_to_tensor(images).shape}")
    batch, restored = as_batch(images, data_format)
    down = np.outer([-1.0, 0, 1], [1, 2, 1])
    return stack([restored(_filtered(batch, kernel, "same")) for kernel in (down, down.T)], axis=-1)


def ssim(
    image1: TensorLike,
    image2: TensorLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: DataFormat | None = None,
) -> Tensor:
    """The structural similarity of images, at most 1 (Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861).

    Args:
        image1, image2: (N, H, W, C) or (H, W, C) of one shape; channels before H if "channels_first".
        max_val: the highest value that images have.
        filter_size, filter_sigma: cells and standard deviation of the Gaussian bell that means are taken over.
        k1, k2: how much is added to the divisors, in parts of max_val.
        data_format: "channels_last" (default) or "channels_first".

    Returns:
        A number for each image: (N,), or none of axes for one image.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """
    x1, x2 = _of_one_shape("image1", image1, "image2", image2)
    (a, _), (b, _) = as_batch(x1, data_format), as_batch(x2, data_format)
    bell = _bell(filter_size, filter_sigma)

    def local_mean(x: Tensor) -> Tensor:
        return _filtered(x, bell, "valid")

    mean_a, mean_b = local_mean(a), local_mean(b)
    var_a, var_b = local_mean(a * a) - mean_a * mean_a, local_mean(b * b) - mean_b * mean_b
    covariance = local_mean(a * b) - mean_a * mean_b
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    scores = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a * mean_a + mean_b * mean_b + c1) * (var_a + var_b + c2))
    return mean(scores, axis=(1, 2, 3) if x1.ndim == 4 else None)


def psnr(x1: TensorLike, x2: TensorLike, max_val: float) -> Tensor:
    """The peak signal-to-noise ratio in decibels, 20 log10(max_val) - 10 log10(the mean squared difference of all cells).

    Raises:
        ShapeError: x1 and x2 have different shapes.
    """
    x1, x2 = _of_one_shape("x1", x1, "x2", x2)
    return 20 * log10(convert_to_tensor(max_val, x1.dtype)) - 10 * log10(mean(square(x1 - x2)))


def _of_one_shape(name1: str, x1: TensorLike, name2: str, x2: TensorLike) -> tuple[Tensor, ...]:
    tensors = floats(x1, x2)
    if tensors[0].shape != tensors[1].shape:
        raise ShapeError(f"{name1} and {name2} must have one shape, got {tensors[0].shape} and {tensors[1].shape}")
    return tensors


def _bell(size: int | Sequence[int], sigma: float | Sequence[float]) -> NDArray[Any]:
    """(height, width), a Gaussian bell of sum 1."""
    sizes = normalize_pair(size, "kernel_size")
    spreads = np.broadcast_to(np.asarray(sigma, np.float64), (2,)) if np.shape(sigma) in ((), (1,), (2,)) else np.zeros(2)
    if not (spreads > 0).all():
        raise ArgumentError(f"sigma must be a number above 0 or two of them, got {sigma!r}")
    lines = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / spread) ** 2) for n, spread in zip(sizes, spreads, strict=True)]
    bell: NDArray[Any] = np.outer(*lines) / np.prod([line.sum() for line in lines])
    return bell


def _filtered(batch: Tensor, kernel: NDArray[Any], padding: Any) -> Tensor:
    """Each channel of (N, H, W, C) convolved with a kernel (KH, KW)."""
    n, height, width, channels = batch.shape
    planes = reshape(moveaxis(batch, -1, 1), (n * channels, height, width, 1))
    found = depthwise_conv(planes, kernel[:, :, None, None].astype(batch.dtype), 1, padding)
    return moveaxis(reshape(found, (n, channels, *found.shape[1:3])), 1, -1)
