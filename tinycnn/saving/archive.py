"""The `.keras` archive: a zip of metadata.json, config.json and model.weights.h5, read with no trust in it."""

from __future__ import annotations

import datetime
import json
import os
import re
import zipfile
from collections.abc import Mapping
from typing import IO, Any

from tinycnn.errors import DataError
from tinycnn.saving.atomic import replacing
from tinycnn.saving.npz import DAMAGE

__all__ = ["KERAS_VERSION", "parse_json", "read_archive", "write_archive"]

#: The version of Keras whose format is written.
KERAS_VERSION = "3.15.1"

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_NAME = re.compile(r"[A-Za-z0-9_.\-/]{1,255}")
#: A config of a thousand layers has about one MB.
_MAX_CONFIG = 8 << 20


def write_archive(path: str | os.PathLike[str], config: Mapping[str, Any], weights: bytes | memoryview) -> None:
    """Write the file atomically. Raises OSError naming the path; an older file is as it was."""
    date = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": KERAS_VERSION, "date_saved": date}
    members = {"metadata.json": json.dumps(metadata).encode(), _CONFIG: json.dumps(config).encode(), _WEIGHTS: weights}
    with replacing(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=len(content) >= 1 << 31) as member:
                member.write(content)


def read_archive(file: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """The config and the content of model.weights.h5; nothing is extracted.

    Raises:
        DataError: no such archive, damaged, or one that would unpack to more than twice its size.
    """
    try:
        size = os.fstat(file.fileno()).st_size
        with zipfile.ZipFile(file) as archive:
            members = _checked(archive.infolist(), 2 * size + (1 << 16))
            config = _read(archive, members[_CONFIG], _MAX_CONFIG)
            return parse_json(config, _CONFIG), _read(archive, members[_WEIGHTS], 2 * size)
    except DataError:
        raise
    except (*DAMAGE, NotImplementedError) as error:
        raise DataError(f"not a .keras archive, or damaged ({type(error).__name__}: {error})") from None


def _checked(infos: list[zipfile.ZipInfo], limit: int) -> dict[str, zipfile.ZipInfo]:
    """The members by name, if there is nothing wrong with what the archive says of them."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename
        if not _NAME.fullmatch(name) or ".." in name or name.startswith("/"):
            raise DataError(f"the archive has a member of the forbidden name {name[:80]!r}")
        if name in members:
            raise DataError(f"the archive has the member {name!r} twice")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise DataError(f"the archive's member {name!r} is encrypted, or compressed by method {info.compress_type}")
        members[name] = info
    if sum(info.file_size for info in infos) > limit:
        raise DataError(f"the archive would unpack to {sum(info.file_size for info in infos)} bytes, more than twice its size")
    for name in (_CONFIG, _WEIGHTS):
        if name not in members:
            raise DataError(f"the archive lacks {name!r}; it has {sorted(members)[:5]}")
    return members


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    if info.file_size > limit:
        raise DataError(f"the archive's member {info.filename!r} has {info.file_size} bytes, more than {limit}")
    with archive.open(info) as stream:
        content = stream.read(info.file_size)
        if len(content) != info.file_size or stream.read(1):  # reading to the end also checks the CRC
            raise DataError(f"the archive's member {info.filename!r} does not have the {info.file_size} bytes it should")
    return content


def parse_json(text: str | bytes, what: str) -> dict[str, Any]:
    """A JSON object. Raises DataError naming `what` it is."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{what} is not JSON, or damaged ({error})") from None
    if not isinstance(found, dict):
        raise DataError(f"{what} must hold a JSON object, got {type(found).__name__}")
    return found
