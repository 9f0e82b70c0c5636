"""`get_file`: a file from the network, kept in the cache."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tinycnn.datasets.download import cache_folder, download, in_short
from tinycnn.errors import ArgumentError, DataError

__all__ = ["get_file"]

_HASH_LENGTHS = {"sha256": 64, "md5": 32}


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    *,
    file_hash: str | None = None,
    hash_algorithm: str = "auto",
    cache_subdir: str = "datasets",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
    extract: bool = False,
) -> str:
    """The path of a file in the cache, fetched unless it is there and has the right hash.

    Args:
        fname: what to call it; default: the name it has at its origin.
        origin: its URL: https, http or file.
        file_hash: its SHA-256 or MD5, in hexadecimal. Without one, whatever comes is taken.
        hash_algorithm: "sha256", "md5", or "auto", which goes by the length.
        cache_subdir: folder inside of `cache_dir`.
        cache_dir: default: $TINYCNN_CACHE, or the platform's cache folder for tinycnn.
        force_download: fetch it even if it is there.
        extract: must be False: names in an archive may lead anywhere, so none is extracted here.

    Raises:
        ArgumentError: naming the argument.
        DataError: it could not be fetched, or has another hash; a file that was there is as before.
    """
    if extract:
        raise ArgumentError("extract must be False: tinycnn extracts no archives; open the file that comes back with tarfile or zipfile")
    try:
        address = urlsplit(origin if isinstance(origin, str) else "")
    except ValueError:  # a host in brackets that do not close
        address = urlsplit("")
    if origin is None or address.scheme not in ("https", "http", "file") or not address.path.strip("/"):
        raise ArgumentError(f"origin must be an https, http or file URL of a file, got {origin!r}")
    name = fname if fname is not None else address.path.rsplit("/", 1)[-1]
    if not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\\0"):
        raise ArgumentError(f"fname must be the name of a file, without a folder, got {name!r}")
    folder = (cache_folder() if cache_dir is None else Path(cache_dir).expanduser()) / cache_subdir
    known = None if file_hash is None else _known_hash(file_hash, hash_algorithm)
    fetch = _copy if address.scheme == "file" else None
    try:
        if not force_download:
            return str(download(origin, folder, name, known, name, fetch))
        fresh = download(origin, folder, f".{name}.{os.getpid()}.new", known, name, fetch)
        return str(fresh.replace(folder / name))
    except (OSError, ValueError) as error:  # ValueError: pooch's word for a wrong hash
        raise DataError(f"{origin} could not be fetched into {folder}: {in_short(error)}") from error


def _known_hash(file_hash: Any, algorithm: str) -> str:
    """As pooch writes it."""
    if algorithm not in ("auto", *_HASH_LENGTHS):
        raise ArgumentError(f"hash_algorithm must be 'auto', 'sha256' or 'md5', got {algorithm!r}")
    for name, length in _HASH_LENGTHS.items():
        if algorithm in ("auto", name) and isinstance(file_hash, str) and len(file_hash) == length and file_hash.isalnum():
            return f"{name}:{file_hash.lower()}"
    raise ArgumentError(f"file_hash must be a SHA-256 (64 hexadecimal digits) or an MD5 (32), got {file_hash!r}")


def _copy(url: str, output_file: str, pooch: Any) -> None:
    """Fetch a file:// URL."""
    address = urlsplit(url)
    if address.netloc not in ("", "localhost"):
        raise ValueError(f"a file URL must be of this machine, not of {address.netloc}")
    shutil.copyfile(url2pathname(address.path), output_file)
