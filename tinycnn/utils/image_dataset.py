"""`image_dataset_from_directory`: folders of pictures as batches for `fit`, read when they are needed."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn import ops, random
from tinycnn.checks import check_count, check_path
from tinycnn.errors import ArgumentError, DataError
from tinycnn.ops.convert import integers
from tinycnn.ops.image import INTERPOLATIONS
from tinycnn.utils.image_utils import check_color_mode, eight_bits, img_to_array, open_image, pillow
from tinycnn.utils.numerical import to_categorical

__all__ = ["ImageDataset", "image_dataset_from_directory"]

_ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
#: The decoders that are let near the files: few, so that a file cannot choose a weak one.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG")


class ImageDataset:
    """Pictures in batches: `len(dataset)` of them, `dataset[i]` reads one; a `for` loop goes through all, then shuffles anew.

    A batch is (images, labels), or images alone if there are no labels.

    Args:
        file_paths: the pictures.
        labels: one row each, or None.
        class_names: what the labels stand for; None without labels.
        batch_size: pictures in a batch; the last may be smaller.
        read: path -> image.
        generator: for the order of each pass after the first; None: always the same.
    """

    def __init__(
        self,
        file_paths: list[str],
        labels: NDArray[Any] | None,
        class_names: list[str] | None,
        batch_size: int,
        read: Callable[[str], NDArray[Any]],
        generator: np.random.Generator | None,
    ) -> None:
        self.file_paths = file_paths
        self.labels = labels
        self.class_names = class_names
        self.batch_size = batch_size
        self._read = read
        self._generator = generator
        self._order = np.arange(len(file_paths))

    def __len__(self) -> int:
        return -(-len(self.file_paths) // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        """Batch number `index`, read now. Raises DataError naming a file that is no picture, IndexError beyond the last batch."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no batch {index} among {len(self)}")
        start = index % len(self) * self.batch_size
        rows = self._order[start : start + self.batch_size]
        images = np.stack([self._read(self.file_paths[row]) for row in rows])
        return images if self.labels is None else (images, self.labels[rows])

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffle for the next pass."""
        if self._generator is not None:
            self._generator.shuffle(self._order)


def _read(path: str, mode: str, data_format: str | None, resize: dict[str, Any]) -> NDArray[Any]:
    """The picture as float32, in pillow's `mode`, resized."""
    pixels = img_to_array(eight_bits(open_image(path, _FORMATS)).convert(mode), dtype=np.float32)
    return img_to_array(ops.image.resize(pixels, **resize).numpy(), data_format, np.float32)


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int = 32,
    image_size: int | tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    verbose: bool = True,
) -> Any:
    """The pictures (PNG, JPEG, BMP, GIF) in a folder, as batches for `fit`. Each is read when its batch is asked for.

    Args:
        directory: with one subfolder for each class; its subfolders count too.
        labels: "inferred" from the folders; None: there are none; or a list of class numbers, one for each picture in the order of their
            paths, for a folder of another make.
        label_mode: "int" gives class numbers (N,), "categorical" one-hot rows (N, C), "binary" 0.0 or 1.0 (N, 1), None no labels.
        class_names: the folders to read, in the order of their class numbers; default: all, in alphabetical order.
        color_mode: "rgb", "rgba" or "grayscale": 3, 4 or 1 channels.
        batch_size: pictures in a batch.
        image_size: (height, width) that all are brought to; one number for both.
        shuffle: mix the pictures, and go through them in another order in each pass.
        seed: int >= 0, of that order: with the one that Keras is given, the same pictures fall into the same subset.
        validation_split: the part of the pictures, between 0 and 1, that is for validation.
        subset: with it: "training", "validation", or "both" for a pair.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        follow_links: go into folders that are symbolic links.
        crop_to_aspect_ratio, pad_to_aspect_ratio: how to bring them to another aspect ratio without distorting.
        data_format: "channels_last" (default) or "channels_first".
        verbose: print how many there are.

    Returns:
        An `ImageDataset` of float32 images with values from 0 to 255; two in a list if subset is "both".

    Raises:
        ArgumentError, DataError: naming the argument, or the folder if it holds no pictures.
        ModuleNotFoundError: pillow is not installed.
    """
    pillow()
    mode = check_color_mode(color_mode)
    check_count("batch_size", batch_size)
    sizes = tuple(image_size) if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if len(sizes) != 2:
        raise ArgumentError(f"image_size must be an int or a pair (height, width), got {image_size!r}")
    for size in sizes:
        check_count("image_size", size)
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}")
    if label_mode not in ("int", "categorical", "binary", None):
        raise ArgumentError(f"label_mode must be 'int', 'categorical', 'binary' or None, got {label_mode!r}")
    validation_split = validation_split or None
    _check_split(validation_split, subset, shuffle, seed)
    resize: dict[str, Any] = {
        "size": sizes,
        "interpolation": interpolation,
        "crop_to_aspect_ratio": crop_to_aspect_ratio,
        "pad_to_aspect_ratio": pad_to_aspect_ratio,
    }
    # names wrong arguments before any file is read
    img_to_array(ops.image.resize(np.zeros((1, 1, 1), np.float32), **resize).numpy(), data_format)
    read = functools.partial(_read, mode=mode, data_format=data_format, resize=resize)

    paths, numbers, names = _index(
        Path(check_path("directory", directory)).expanduser(), None if label_mode is None else labels, class_names, follow_links
    )
    rows = None if numbers is None or names is None else _rows(numbers, names, label_mode)
    if verbose:
        print(f"Found {len(paths)} files" + ("." if names is None else f" belonging to {len(names)} classes."))
    if shuffle:
        seed = int(random.generator().integers(1_000_000)) if seed is None else seed
        order = np.arange(len(paths))
        np.random.RandomState(seed).shuffle(order)  # Keras's generator: a split is the same there and here
        paths, rows = [paths[i] for i in order], None if rows is None else rows[order]

    def part(start: int, stop: int, mixed: bool = shuffle) -> ImageDataset:
        chosen = None if rows is None else rows[start:stop]
        return ImageDataset(paths[start:stop], chosen, names, batch_size, read, random.generator(seed) if mixed else None)

    if validation_split is None or subset is None:
        return part(0, len(paths))
    cut = len(paths) - int(validation_split * len(paths))
    if not 0 < cut < len(paths):
        raise ArgumentError(f"validation_split={validation_split} of {len(paths)} pictures leaves a subset empty")
    if subset == "both":
        return [part(0, cut), part(cut, len(paths), False)]
    return part(0, cut) if subset == "training" else part(cut, len(paths))


def _check_split(validation_split: float | None, subset: str | None, shuffle: bool, seed: int | None) -> None:
    if subset not in ("training", "validation", "both", None):
        raise ArgumentError(f"subset must be 'training', 'validation' or 'both', got {subset!r}")
    if (validation_split is None) != (subset is None):
        raise ArgumentError(f"validation_split and subset must be given together, got {validation_split!r} and {subset!r}")
    if validation_split is not None and not 0 < validation_split < 1:
        raise ArgumentError(f"validation_split must be between 0 and 1, got {validation_split!r}")
    if seed is not None and not 0 <= check_count("seed", seed, least=0) < 2**32:
        raise ArgumentError(f"seed must be from 0 to 2**32 - 1, got {seed!r}")
    if validation_split is not None and shuffle and seed is None and subset != "both":
        raise ArgumentError("seed must be given with validation_split, or else training and validation would share pictures")


def _index(
    directory: Path, labels: Any, class_names: Sequence[str] | None, follow_links: bool
) -> tuple[list[str], NDArray[np.int64] | None, list[str] | None]:
    """The pictures in a folder, their class numbers and the classes' names; None and None without labels."""
    if not directory.is_dir():
        raise ArgumentError(f"directory must be a folder, got {str(directory)!r}")
    if labels == "inferred":
        folders = sorted(entry.name for entry in directory.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        names = folders if class_names is None else list(class_names)
        if not set(names) <= set(folders) or len(set(names)) != len(names):
            raise ArgumentError(f"class_names must be among the subfolders {folders}, each once, got {names}")
        found = [_pictures(directory / name, follow_links) for name in names]
        numbers: Any = np.repeat(np.arange(len(names)), [len(paths) for paths in found])
        paths = [path for several in found for path in several]
    elif class_names is not None:
        raise ArgumentError("class_names can be given with labels='inferred' only")
    elif isinstance(labels, str):
        raise ArgumentError(f"labels must be 'inferred', None or a list of class numbers, got {labels!r}")
    else:
        paths = _pictures(directory, follow_links)
        numbers = None if labels is None else integers(labels, "labels")
        if numbers is not None and numbers.shape != (len(paths),):
            raise ArgumentError(f"labels must hold one class number for each of the {len(paths)} pictures, got shape {numbers.shape}")
        names = [] if numbers is None else [str(number) for number in sorted(set(numbers.tolist()))]
        if names != [str(number) for number in range(len(names))]:
            raise ArgumentError(f"labels must be class numbers 0, 1, 2, ... without a gap, got {', '.join(names)}")
    if not paths:
        raise DataError(f"{directory} holds no pictures ({', '.join(_ENDINGS)})" + " in its subfolders" * (labels == "inferred"))
    return paths, numbers, None if numbers is None else names


def _pictures(folder: Path, follow_links: bool) -> list[str]:
    """The paths of all pictures below a folder, sorted folder by folder."""
    walk = sorted(os.walk(folder, followlinks=follow_links), key=lambda step: step[0])
    return [os.path.join(root, name) for root, _, files in walk for name in sorted(files) if name.lower().endswith(_ENDINGS)]


def _rows(numbers: NDArray[np.int64], names: list[str], label_mode: str | None) -> NDArray[Any]:
    """Labels as `label_mode` says."""
    if label_mode == "int":
        return numbers.astype(np.int32)
    if label_mode == "categorical":
        return to_categorical(numbers, len(names)).astype(np.float32)
    if len(names) != 2:
        raise ArgumentError(f"label_mode='binary' needs two classes, got {names}")
    return numbers.astype(np.float32)[:, None]
