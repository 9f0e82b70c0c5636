"""Pictures as arrays and back, by pillow (the extra `image`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import config
from tinycnn.errors import ArgumentError, DataError, ShapeError
from tinycnn.ops import convert_to_numpy
from tinycnn.ops.image import centre_window
from tinycnn.saving.atomic import replacing

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["array_to_img", "check_color_mode", "eight_bits", "img_to_array", "load_img", "open_image", "pillow", "save_img"]

#: color_mode -> pillow's name for it.
_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_RESAMPLING = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow() -> Any:
    """The module PIL.Image. Raises ModuleNotFoundError saying how to get it."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "pictures are read and written by pillow, which is not installed (pip install pillow)", name="PIL"
        ) from None
    return Image


def open_image(path: str | os.PathLike[str] | BinaryIO, formats: tuple[str, ...] | None = None) -> Image:
    """The picture in a file, decoded.

    Args:
        path: where it is, or a binary file open for reading.
        formats: pillow's names of the formats that are accepted; default: all it knows.

    Raises:
        DataError: naming the file, which is no such picture or is damaged.
        OSError: the file cannot be opened.
    """
    image_module = pillow()
    if isinstance(path, (str, os.PathLike)):
        with open(path, "rb") as file:
            return open_image(file, formats)
    try:
        image: Image = image_module.open(path, formats=formats)
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # of many kinds: pillow's decoders raise what they stumble over
        name = getattr(path, "name", "the file")
        raise DataError(f"{name} is damaged, or no picture of a format that is read here ({type(error).__name__}: {error})") from None
    return image


def check_color_mode(color_mode: str) -> str:
    """Pillow's name for `color_mode`."""
    if color_mode not in _MODES:
        raise ArgumentError(f"color_mode must be one of {', '.join(_MODES)}, got {color_mode!r}")
    return _MODES[color_mode]


def eight_bits(image: Image) -> Image:
    """A grey picture of 16 bits in 8: pillow itself would cut all that is above 255."""
    if not image.mode.startswith("I"):
        return image
    converted: Image = pillow().fromarray((np.asarray(image, np.int64) >> 8).clip(0, 255).astype(np.uint8))
    return converted


def load_img(
    path: str | os.PathLike[str] | BinaryIO,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image:
    """A picture from a file, as pillow's Image.

    Args:
        path: where it is, or a binary file open for reading.
        color_mode: "rgb", "rgba", or "grayscale", which leaves grey pictures of 16 or 32 bits as they are.
        target_size: (height, width) to bring it to; default: its own.
        interpolation: for that: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: cut off what does not fit the new aspect ratio, instead of distorting.

    Raises:
        ArgumentError: naming the argument.
        DataError: naming the file, which is no picture or is damaged.
        ModuleNotFoundError: pillow is not installed.
        OSError: the file cannot be opened.
    """
    mode = check_color_mode(color_mode)
    if interpolation not in _RESAMPLING:
        raise ArgumentError(f"interpolation must be one of {', '.join(_RESAMPLING)}, got {interpolation!r}")
    image = open_image(path)
    if not (color_mode == "grayscale" and image.mode in ("L", "I;16", "I")):
        image = eight_bits(image).convert(mode)
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    box = None
    if keep_aspect_ratio:
        top, left, height, width = centre_window(image.height, image.width, *target_size)
        box = (left, top, left + width, top + height)
    return image.resize((target_size[1], target_size[0]), pillow().Resampling[interpolation.upper()], box=box)


def img_to_array(img: Any, data_format: str | None = None, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """A picture as an array (height, width, channels).

    Args:
        img: pillow's Image, or an array (height, width) or (height, width, channels).
        data_format: "channels_last" (default) or "channels_first", the layout of the result.
        dtype: of the result; default: `config.floatx`.

    Raises:
        ArgumentError, ShapeError: naming the argument.
    """
    array = np.asarray(img, dtype=dtype or config.floatx())
    if array.ndim not in (2, 3):
        raise ShapeError(f"img must have 2 or 3 dimensions, got shape {array.shape}")
    array = array[..., None] if array.ndim == 2 else array
    return array.transpose(2, 0, 1) if _is_first(data_format) else array


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: DTypeLike | None = None) -> Image:
    """An array as a picture, pillow's Image.

    Args:
        x: (height, width, channels) with 1, 3 or 4 channels: grey, red-green-blue, or these and opacity.
        data_format: "channels_last" (default) or "channels_first", the layout of x.
        scale: stretch the values so that they fill 0 to 255. Otherwise they are cut to that range, but of grey ones above 255 a picture of
            32 bits is made.
        dtype: to compute in; default: `config.floatx`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
        ModuleNotFoundError: pillow is not installed.
    """
    array = convert_to_numpy(x).astype(dtype or config.floatx())
    if array.ndim != 3:
        raise ShapeError(f"x must have 3 dimensions, got shape {array.shape}")
    array = array.transpose(1, 2, 0) if _is_first(data_format) else array
    if array.shape[2] not in (1, 3, 4) or not array.size:
        raise ShapeError(f"x must have pixels, and 1, 3 or 4 channels, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ArgumentError("x must hold finite numbers")
    if scale:
        array = array - array.min()
        array = array * (255 / array.max()) if array.max() else array
    whole = np.int32 if array.shape[2] == 1 and array.max() > 255 else np.uint8
    limits = np.iinfo(whole)
    pixels = array.clip(0 if whole is np.uint8 else limits.min, limits.max).astype(whole)
    image: Image = pillow().fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    return image


def save_img(
    path: str | os.PathLike[str] | BinaryIO,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array into a picture file. A file that is there is replaced only when the new one is whole.

    Args:
        path: where to, or a binary file open for writing.
        x, data_format, scale: as in `array_to_img`.
        file_format: "png", "jpeg", ...; default: the ending of `path`. JPEG knows no opacity, which is left out then.
        **kwargs: for pillow's writer.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
        ModuleNotFoundError: pillow is not installed.
        OSError: the file cannot be written.
    """
    named = isinstance(path, (str, os.PathLike))
    ending = (file_format or (Path(path).suffix[1:] if named else "")).lower()  # type: ignore[arg-type]
    image_module = pillow()
    image_module.init()
    format = image_module.EXTENSION.get(f".{ending}")
    if format not in image_module.SAVE:
        raise ArgumentError(f"file_format, or the ending of path, must be one that pillow writes, such as png, got {ending!r}")
    image = array_to_img(x, data_format, scale)
    if format == "JPEG" and image.mode == "RGBA":
        image = image.convert("RGB")
    if not named:
        image.save(path, format=format, **kwargs)
        return
    with replacing(path) as file:  # type: ignore[arg-type]
        image.save(file, format=format, **kwargs)


def _is_first(data_format: str | None) -> bool:
    if data_format not in (None, "channels_last", "channels_first"):
        raise ArgumentError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")
    return data_format == "channels_first"
