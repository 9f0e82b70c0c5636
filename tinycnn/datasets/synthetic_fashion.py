"""An embedded stand-in for Fashion-MNIST: ten kinds of garments drawn from a seed, for machines without the files and without network.

The pictures have the classes, size and value range of Fashion-MNIST but are their own data set: figures reached on one say nothing
about the other. They are made hard for a linear classifier by moving, turning, shearing and mirroring what they show, by patterns,
shadows, noise and covered parts, so that what tells a class is its form and not the mean value at a pixel.

The same seed gives the same bytes on every machine: the random bits are PCG64's raw output (whose stream NumPy guarantees,
https://numpy.org/doc/stable/reference/random/compatibility.html), and the arithmetic is exactly rounded throughout (see garments.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinycnn.datasets.fashion_mnist import CLASS_NAMES
from tinycnn.datasets.files import Split
from tinycnn.datasets.garments import GARMENTS, PIXELS_PER_UNIT, Draw, Field, coverage
from tinycnn.errors import ArgumentError

__all__ = ["CLASS_NAMES", "load_data"]

#: Pixels along a side.
SIZE = 2 * PIXELS_PER_UNIT
#: The pixels' centres along either axis, from -1 to 1.
_AXIS = (np.arange(SIZE, dtype=np.float32) - np.float32((SIZE - 1) / 2)) / np.float32(PIXELS_PER_UNIT)
#: Pictures drawn at a time: few enough that their fields stay in the cache.
_CHUNK = 50
_MAX_IMAGES = 1_000_000


def load_data(train_size: int = 30_000, test_size: int = 6_000, *, seed: int = 0) -> tuple[Split, Split]:
    """Draw the data set; takes two seconds or so.

    Args:
        train_size, test_size: numbers of pictures, each a multiple of 10 (the classes are equally frequent) up to a million.
        seed: another seed, other pictures.

    Returns:
        (train_X, train_Y), (test_X, test_Y): uint8 arrays of shape (train_size, 28, 28), (train_size,), and the same for the test.

    Raises:
        ArgumentError: a size is not a positive multiple of 10, or the seed is negative.
    """
    for name, size in (("train_size", train_size), ("test_size", test_size)):
        if not 0 < size <= _MAX_IMAGES or size % len(GARMENTS):
            raise ArgumentError(f"{name} must be a positive multiple of {len(GARMENTS)} up to {_MAX_IMAGES:,}, got {size!r}")
    if seed < 0:
        raise ArgumentError(f"seed must be >= 0, got {seed!r}")
    return _split(train_size, (seed, 0)), _split(test_size, (seed, 1))


def _split(size: int, seed: tuple[int, int]) -> Split:
    """`size` pictures in random order, and their labels."""
    each = size // len(GARMENTS)
    images = np.empty((size, SIZE, SIZE), np.uint8)
    for label in range(len(GARMENTS)):
        bits = np.random.PCG64([*seed, label])
        for start in range(label * each, (label + 1) * each, _CHUNK):
            stop = min(start + _CHUNK, (label + 1) * each)
            images[start:stop] = _draw_images(label, stop - start, bits)
    labels = np.repeat(np.arange(len(GARMENTS), dtype=np.uint8), each)
    order = np.argsort(np.random.PCG64([*seed, len(GARMENTS)]).random_raw(size), kind="stable")
    return images[order], labels[order]


def _draw_images(label: int, count: int, bits: np.random.PCG64) -> NDArray[np.uint8]:
    """(count, 28, 28) pictures of one class."""

    def draw(low: float, high: float) -> Field:
        unit = (bits.random_raw(count) >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)
        return (np.float32(low) + np.float32(high - low) * unit).reshape(count, 1, 1)

    x, y = _coordinates(draw)
    outline, lightness = GARMENTS[label](x, y, draw)
    folds = 1 - draw(0.0, 0.5) * np.clip(1 + outline * 6, 0, 1)  # darker towards the outline
    cloth = draw(0.35, 1.0) * lightness * folds * _pattern(x, y, draw)
    picture = _cover(coverage(outline) * cloth, draw)
    noise = _noise(count, bits) * draw(0.0, 0.2)
    pixels: NDArray[np.uint8] = (np.clip(picture + noise, 0, 1) * 255).astype(np.uint8)
    return pixels


def _coordinates(draw: Draw) -> tuple[Field, Field]:
    """The pixels' places in the garment's own frame: scaled, turned, sheared, mirrored and moved."""
    px, py = _AXIS - draw(-0.22, 0.22), _AXIS[:, None] - draw(-0.22, 0.22)
    half = draw(-0.16, 0.16)  # tan(angle / 2): cos and sin are rational in it
    norm = 1 + half * half
    cos, sin = (1 - half * half) / norm, 2 * half / norm
    x, y = px * cos + py * sin, py * cos - px * sin
    x = x + draw(-0.2, 0.2) * y
    mirror = np.where(draw(0, 1) < 0.5, np.float32(-1), np.float32(1))
    return x * (mirror * draw(0.95, 1.3)), y * draw(0.95, 1.3)


def _pattern(x: Field, y: Field, draw: Draw) -> Field:
    """Stripes in one or two directions (triangle waves), of any strength down to none."""
    plaid: Field = np.ones_like(x)
    for _ in range(2):
        wave = x * draw(-5, 5) + y * draw(-5, 5) + draw(0, 1)
        strength = np.maximum(draw(-0.6, 0.6), 0)
        plaid = plaid * (1 - strength * np.abs(2 * (wave - np.floor(wave)) - 1))
    return plaid


def _cover(picture: Field, draw: Draw) -> Field:
    """A grey bar before the garment, in every second picture or so."""
    inside_x = np.abs(_AXIS - draw(-0.9, 0.9)) < draw(0.05, 0.35)
    inside_y = np.abs(_AXIS[:, None] - draw(-0.9, 0.9)) < draw(0.05, 0.35)
    shown = draw(0, 1) < 0.5
    covered: Field = np.where(inside_x & inside_y & shown, draw(0.0, 1.0), picture)
    return covered


def _noise(count: int, bits: np.random.PCG64) -> Field:
    """(count, 28, 28) of bell-shaped noise between -1 and 1: sums of two bytes."""
    raw = bits.random_raw(count * SIZE * SIZE // 4).astype("<u8").view(np.uint8).reshape(2, count, SIZE, SIZE)
    total = raw[0].astype(np.float32) + raw[1].astype(np.float32)
    noise: Field = (total - 255) / 256
    return noise
