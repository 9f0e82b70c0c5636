"""Where the files of a data set come from: a folder, the cache or the network; and that they are the right ones.

Nothing is parsed before its SHA-256 is known to be right, wherever it came from.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, TypeVar

import numpy as np

from tinycnn.checks import check_path
from tinycnn.datasets.download import cache_folder, download, in_short
from tinycnn.datasets.idx import read_idx
from tinycnn.errors import DataError

__all__ = ["FileSet", "IdxDataset", "Split"]

T = TypeVar("T")
Split: TypeAlias = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]

_TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
_TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
_TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
_TEST_LABELS = "t10k-labels-idx1-ubyte.gz"
_SHAPES = {
    _TRAIN_IMAGES: (60_000, 28, 28),
    _TRAIN_LABELS: (60_000,),
    _TEST_IMAGES: (10_000, 28, 28),
    _TEST_LABELS: (10_000,),
}


@dataclass(frozen=True)
class FileSet:
    """The files of a data set, which mirrors offer under fixed names."""

    #: As people write it.
    title: str
    #: As a folder is called.
    name: str
    #: Base URLs, the likeliest first; each ends with "/".
    mirrors: tuple[str, ...]
    #: File name -> SHA-256, in hexadecimal.
    sha256: Mapping[str, str]

    def read(self, path: str | os.PathLike[str] | None, parse: Callable[[str, BinaryIO], T]) -> dict[str, T]:
        """File name -> what `parse` makes of it, given its name and the open file.

        Looks into `path`; else $TINYCNN_DATA, if it holds the set; else the cache folder, downloading what it lacks.
        A folder may hold the files themselves or a subfolder `name` that does.

        Raises:
            DataError: a file is missing, wrong or truncated, or no mirror could be reached. The message says how to mend it.
        """
        parsed = {}
        for file_name, file in self._find(path).items():
            try:
                with open(file, "rb") as raw:  # hashed and parsed through one handle: it cannot change in between
                    self._check(file_name, file, hashlib.file_digest(raw, "sha256").hexdigest())
                    parsed[file_name] = parse(file_name, raw)
            except OSError as error:
                raise DataError(f"{file}: cannot be read ({error.strerror or error})") from error
        return parsed

    def _find(self, path: str | os.PathLike[str] | None) -> dict[str, Path]:
        """File name -> where it is."""
        if path is not None:
            return self._in_folder(Path(check_path("path", path)).expanduser(), "path")
        own = os.environ.get("TINYCNN_DATA", "").strip()
        if own:
            folder = Path(own).expanduser()
            if not folder.is_dir():
                raise DataError(f"TINYCNN_DATA is {own!r}, which is not a folder; set it to the folder with the data sets, or unset it")
            if any((place / file).exists() for place in (folder, folder / self.name) for file in self.sha256):
                return self._in_folder(folder, "TINYCNN_DATA")
        return {file: self._cached(file) for file in self.sha256}

    def _in_folder(self, folder: Path, source: str) -> dict[str, Path]:
        """All files in `folder` or its subfolder `name`."""
        if not folder.is_dir():
            raise DataError(f"{source} is {str(folder)!r}, which is not a folder; expected one with {', '.join(self.sha256)}")
        if not any((folder / file).exists() for file in self.sha256) and (folder / self.name).is_dir():
            folder = folder / self.name
        missing = [file for file in self.sha256 if not (folder / file).is_file()]
        if missing:
            raise DataError(f"{folder} lacks {', '.join(missing)} of {self.title}; get it from {self.mirrors[0]}")
        return {file: folder / file for file in self.sha256}

    def _check(self, file_name: str, file: Path, digest: str) -> None:
        """DataError unless `digest` is what it must be."""
        expected = self.sha256[file_name]
        if digest != expected:
            raise DataError(
                f"{file} is not {self.title}'s {file_name}, or is damaged: its SHA-256 is {digest}, expected {expected}; "
                f"delete it and get it again from {self.mirrors[0]}{file_name}"
            )

    def _cached(self, file_name: str) -> Path:
        """The file in the cache, downloaded unless it is there and right."""
        folder = cache_folder() / self.name
        failures = []
        for mirror in self.mirrors:
            try:
                return download(mirror + file_name, folder, file_name, f"sha256:{self.sha256[file_name]}", f"{self.title}: {file_name}")
            except (OSError, ValueError) as error:  # ValueError: pooch's word for a wrong hash
                failures.append(f"{mirror} ({in_short(error)})")
        raise DataError(
            f"{self.title} is neither in a folder nor in the cache {folder} and could not be downloaded: {'; '.join(failures)}. "
            f"Put {', '.join(self.sha256)} into a folder and give it as path= (--data), or in TINYCNN_DATA"
        )


@dataclass(frozen=True)
class IdxDataset(FileSet):
    """Four gzipped IDX files in the manner of MNIST: 60,000 + 10,000 grey images of 28x28 and their labels 0 to 9."""

    def load(self, path: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
        """(train images, train labels), (test images, test labels), all uint8. Arguments and errors are those of `read`."""
        arrays = self.read(path, lambda name, file: read_idx(file, shape=_SHAPES[name]))
        return (arrays[_TRAIN_IMAGES], arrays[_TRAIN_LABELS]), (arrays[_TEST_IMAGES], arrays[_TEST_LABELS])
