"""One download into the cache, by pooch, with rich's progress bar on stderr."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["cache_folder", "download", "in_short"]

#: Seconds to wait for a server to answer, and for it to send more.
_TIMEOUT = (5, 30)


def cache_folder() -> Path:
    """$TINYCNN_CACHE, or the platform's cache folder for tinycnn."""
    own = os.environ.get("TINYCNN_CACHE", "").strip()
    if own:
        return Path(own).expanduser()
    import pooch

    return Path(pooch.os_cache("tinycnn"))


def download(
    url: str, folder: Path, name: str, known_hash: str | None, title: str, fetch: Callable[[str, str, Any], None] | None = None
) -> Path:
    """The file `name` in `folder`, fetched from `url` unless it is there and has the right hash.

    Args:
        known_hash: "sha256:..." or "md5:..."; None: any file will do.
        title: of the progress bar.
        fetch: (url, temporary file, pooch) writes the file; default: over HTTP.

    Raises:
        OSError, ValueError: it could not be fetched, or has another hash. Nothing is left behind, and a file that was there stays.
    """
    import pooch

    with _bar(title) as bar:
        fetch = fetch or pooch.HTTPDownloader(progressbar=bar, timeout=_TIMEOUT, chunk_size=2**16)
        return Path(pooch.retrieve(url, known_hash, fname=name, path=folder, downloader=fetch))


def in_short(error: Exception) -> str:
    """One clause for an error of the network libraries, whose own messages run over several lines."""
    name = type(error).__name__
    words = {"ConnectionError": "cannot be reached", "ProxyError": "cannot be reached", "ConnectTimeout": "does not answer"}
    return words.get(name) or f"{name}: {str(error).splitlines()[0][:100]}"


@contextmanager
def _bar(title: str) -> Iterator[Any]:
    """A progress bar in the form that pooch drives; pooch's own messages are held back meanwhile."""
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
