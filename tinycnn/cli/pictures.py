"""Anybody's picture as the network wants it: 28x28, grey, bright on black. Read with Pillow, which comes with the extra `plot`."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinycnn.errors import BackendError, DataError

__all__ = ["Picture", "read"]

_SIDE = 28
#: Larger pictures are first scaled down to this, in Pillow's own memory.
_ENOUGH = 1024
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM", "WEBP")


@dataclass(frozen=True)
class Picture:
    """What was read."""

    #: (28, 28) uint8, bright on black.
    pixels: NDArray[np.uint8]
    #: The file had a light background, and its brightness was turned round.
    inverted: bool


def read(path: Path) -> Picture:
    """A picture file of any size, in one of the common formats; of several frames the first.

    Transparent parts count as white; the picture is made square with its background's shade and scaled down. If its rim is light, it
    is inverted: the data sets show bright things on black.

    Raises:
        DataError: not a picture, or damaged, or absurdly large, or its pixels are floats or 32-bit integers.
        OSError: the file cannot be opened.
        BackendError: Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ModuleNotFoundError:
        raise BackendError("reading pictures needs Pillow, which is not installed (pip install pillow)") from None

    with open(path, "rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(stream, formats=_FORMATS) as image:
                if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
                    raise ValueError("nobody knows which value of its pixels is white; expected 8 or 16 bits")
                plain = image.convert("RGBA" if image.mode[0] != "I" else "I")
                plain.thumbnail((_ENOUGH, _ENOUGH))
        except UnidentifiedImageError:
            raise DataError(f"{path} cannot be read as a picture: expected a {', '.join(_FORMATS)} file") from None
        except MemoryError:
            raise
        except Exception as error:  # a damaged file makes Pillow's readers stumble in any way
            raise DataError(f"{path} cannot be read as a picture: {error}") from None
    grey = _grey(np.asarray(plain, np.float32))
    rim = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    background = float(np.median(rim))
    height, width = grey.shape
    side = max(height, width)
    square = np.full((side, side), background, np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = grey
    small = np.asarray(Image.fromarray(square).resize((_SIDE, _SIDE), Image.Resampling.BOX))
    inverted = background > 127.5
    small = 255 - small if inverted else small
    return Picture(np.clip(np.rint(small), 0, 255).astype(np.uint8), inverted)


def _grey(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 4) red, green, blue, opacity, or (H, W) 16-bit grey -> (H, W) brightness from 0 to 255, over white."""
    if pixels.ndim == 2:
        pixels = pixels / np.float32(257)
        return pixels
    luma: NDArray[np.float32] = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
    opacity = pixels[..., 3] / np.float32(255)
    over_white: NDArray[np.float32] = luma * opacity + 255 * (1 - opacity)
    return over_white
