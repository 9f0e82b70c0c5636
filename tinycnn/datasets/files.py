"""Where the files of a data set come from: a folder, the cache or the network; and that they are the right ones.

Nothing is parsed before its SHA-256 is known to be right, wherever it came from.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tinycnn.datasets.idx import read_idx
from tinycnn.errors import DataError

__all__ = ["IdxDataset", "Split", "cache_folder"]

Split: TypeAlias = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]

#: Seconds to wait for a mirror to answer, and for it to send more.
_TIMEOUT = (5, 30)

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


def cache_folder() -> Path:
    """$TINYCNN_CACHE, or the platform's cache folder for tinycnn."""
    own = os.environ.get("TINYCNN_CACHE", "").strip()
    if own:
        return Path(own).expanduser()
    import pooch

    return Path(pooch.os_cache("tinycnn"))


@dataclass(frozen=True)
class IdxDataset:
    """Four gzipped IDX files in the manner of MNIST: 60,000 + 10,000 grey images of 28x28 and their labels 0 to 9."""

    #: As people write it.
    title: str
    #: As a folder is called.
    name: str
    #: Base URLs, the likeliest first; each ends with "/".
    mirrors: tuple[str, ...]
    #: File name -> SHA-256, in hexadecimal.
    sha256: Mapping[str, str]

    def load(self, path: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
        """(train images, train labels), (test images, test labels), all uint8.

        Looks into `path`; else $TINYCNN_DATA, if it holds the set; else the cache folder, downloading what it lacks.
        A folder may hold the files themselves or a subfolder `name` that does.

        Raises:
            DataError: a file is missing, wrong or truncated, or no mirror could be reached. The message says how to mend it.
        """
        arrays = {}
        for file_name, file in self._find(path).items():
            try:
                with open(file, "rb") as raw:  # hashed and parsed through one handle: it cannot change in between
                    self._check(file_name, file, hashlib.file_digest(raw, "sha256").hexdigest())
                    arrays[file_name] = read_idx(raw, shape=_SHAPES[file_name])
            except OSError as error:
                raise DataError(f"{file}: cannot be read ({error.strerror or error})") from error
        return (arrays[_TRAIN_IMAGES], arrays[_TRAIN_LABELS]), (arrays[_TEST_IMAGES], arrays[_TEST_LABELS])

    def _find(self, path: str | os.PathLike[str] | None) -> dict[str, Path]:
        """File name -> where it is."""
        if path is not None:
            return self._in_folder(Path(path).expanduser(), "path")
        own = os.environ.get("TINYCNN_DATA", "").strip()
        if own:
            folder = Path(own).expanduser()
            if not folder.is_dir():
                raise DataError(f"TINYCNN_DATA is {own!r}, which is not a folder; set it to the folder with the data sets, or unset it")
            if any((place / file).exists() for place in (folder, folder / self.name) for file in self.sha256):
                return self._in_folder(folder, "TINYCNN_DATA")
        return {file: self._cached(file) for file in self.sha256}

    def _in_folder(self, folder: Path, source: str) -> dict[str, Path]:
        """All four files in `folder` or its subfolder `name`."""
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
        import pooch

        folder = cache_folder() / self.name
        failures = []
        for mirror in self.mirrors:
            try:
                with _download_bar(f"{self.title}: {file_name}") as bar:
                    return Path(
                        pooch.retrieve(
                            mirror + file_name,
                            known_hash=f"sha256:{self.sha256[file_name]}",
                            fname=file_name,
                            path=folder,
                            downloader=pooch.HTTPDownloader(progressbar=bar, timeout=_TIMEOUT, chunk_size=2**16),
                        )
                    )
            except (OSError, ValueError) as error:  # ValueError: pooch's word for a wrong hash
                failures.append(f"{mirror} ({_in_short(error)})")
        raise DataError(
            f"{self.title} is neither in a folder nor in the cache {folder} and could not be downloaded: {'; '.join(failures)}. "
            f"Put its four files into a folder and give it as path= (--data), or in TINYCNN_DATA"
        )


def _in_short(error: Exception) -> str:
    """One clause for an error of the network libraries, whose own messages run over several lines."""
    name = type(error).__name__
    words = {"ConnectionError": "cannot be reached", "ProxyError": "cannot be reached", "ConnectTimeout": "does not answer"}
    return words.get(name) or f"{name}: {str(error).splitlines()[0][:100]}"


@contextmanager
def _download_bar(title: str) -> Iterator[Any]:
    """A progress bar in the form that pooch drives, drawn by rich on stderr; pooch's own messages are held back meanwhile."""
    import pooch
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            yield _PoochBar(progress, title)
    finally:
        logger.setLevel(level)


class _PoochBar:
    """pooch's progress-bar protocol (https://www.fatiando.org/pooch/latest/progressbars.html) on a rich Progress."""

    def __init__(self, progress: Any, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None)

    @property
    def total(self) -> int | None:
        return self._progress.tasks[0].total

    @total.setter
    def total(self, size: int) -> None:
        self._progress.update(self._task, total=size or None)

    def update(self, size: int) -> None:
        self._progress.advance(self._task, size)

    def reset(self) -> None:
        self._progress.reset(self._task)

    def close(self) -> None:
        """The surrounding context manager takes the bar away."""
