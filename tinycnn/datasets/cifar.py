"""What CIFAR-10 and CIFAR-100 have in common: 60,000 colour images of 32x32, in a tar archive of records without any structure.

A record is one byte for each label and 3072 for the pixels: a plane of red, one of green, one of blue, each row by row
("binary version", https://www.cs.toronto.edu/~kriz/cifar.html).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tinycnn.datasets.files import FileSet, Split
from tinycnn.datasets.tar import Member, read_members
from tinycnn.errors import DataError

__all__ = ["CifarDataset"]

_PIXELS = 32 * 32 * 3
#: Records that are read together.
_RECORDS = 1000


@dataclass(frozen=True)
class CifarDataset(FileSet):
    """An archive with records of labels and images."""

    #: Member -> records in it, in the order in which they make up the training set, and the test set.
    train: Mapping[str, int]
    test: Mapping[str, int]
    #: The number of classes that each of a record's labels tells apart.
    classes: tuple[int, ...]

    def load(self, path: str | os.PathLike[str] | None = None, label: int = 0) -> tuple[Split, Split]:
        """(train images, train labels), (test images, test labels): uint8, (N, 32, 32, 3) and (N, 1).

        Args:
            path: as in `read`.
            label: which of a record's labels.

        Raises:
            DataError: a file is missing, wrong or damaged, or no mirror could be reached.
        """
        ((images, labels),) = self.read(path, self._parse).values()
        cut = sum(self.train.values())
        wanted = labels[:, label : label + 1].copy()
        return (images[:cut], wanted[:cut]), (images[cut:], wanted[cut:])

    def _parse(self, name: str, file: BinaryIO) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """All images and all labels, the training set first."""
        counts = {**self.train, **self.test}
        starts = dict(zip(counts, np.cumsum([0, *counts.values()]).tolist(), strict=False))
        record = len(self.classes) + _PIXELS
        images = np.empty((sum(counts.values()), 32, 32, 3), np.uint8)
        labels = np.empty((len(images), len(self.classes)), np.uint8)

        def take(member_name: str, member: Member) -> None:
            at = starts[member_name]
            while data := member.read(_RECORDS * record):
                rows: NDArray[Any] = np.frombuffer(data, np.uint8).reshape(-1, record)
                labels[at : at + len(rows)] = rows[:, : len(self.classes)]
                images[at : at + len(rows)] = rows[:, len(self.classes) :].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
                at += len(rows)

        read_members(file, {member: n * record for member, n in counts.items()}, take)
        if (labels >= self.classes).any():
            raise DataError(f"{name} holds the labels {labels.max(axis=0).tolist()}, expected less than {list(self.classes)}")
        return images, labels
