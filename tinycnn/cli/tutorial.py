"""The tutorial's network, its data preparation and its split: what `examples/fashion_mnist.py` does, as functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn import random
from tinycnn.datasets.files import Split
from tinycnn.layers import Conv2D, Dense, Flatten, Input, LeakyReLU, MaxPooling2D
from tinycnn.losses import categorical_crossentropy
from tinycnn.models import Sequential
from tinycnn.optimizers import Adam
from tinycnn.utils import to_categorical

__all__ = ["build_model", "prepare", "scale", "split"]

Array = NDArray[np.float32]

_VALIDATION_PART = 0.2
_SPLIT_SEED = 13


def build_model() -> Sequential:
    """Three blocks of Conv2D, LeakyReLU and MaxPooling2D, then two dense layers: 356,234 parameters, compiled."""
    model = Sequential([Input((28, 28, 1))])
    for filters in (32, 64, 128):
        model.add(Conv2D(filters, (3, 3), padding="same"))
        model.add(LeakyReLU(negative_slope=0.1))
        model.add(MaxPooling2D((2, 2), padding="same"))
    model.add(Flatten())
    model.add(Dense(128))
    model.add(LeakyReLU(negative_slope=0.1))
    model.add(Dense(10, activation="softmax"))
    model.compile(loss=categorical_crossentropy, optimizer=Adam(), metrics=["accuracy"])
    return model


def scale(images: NDArray[np.uint8]) -> Array:
    """(N, 28, 28) bytes -> (N, 28, 28, 1) float32 from 0 to 1."""
    return images.reshape(-1, 28, 28, 1).astype(np.float32) / np.float32(255)


def prepare(data: Split) -> tuple[Array, NDArray[Any]]:
    """Images and labels -> scaled images (N, 28, 28, 1), one-hot labels (N, 10)."""
    images, labels = data
    return scale(images), to_categorical(labels, 10)


def split(x: Array, y: NDArray[Any]) -> tuple[Array, Array, NDArray[Any], NDArray[Any]]:
    """x_train, x_valid, y_train, y_valid: a fixed random fifth is for validation.

    As scikit-learn's `train_test_split(x, y, test_size=0.2, random_state=13)`, but of tinycnn's own permutation, so that a run is the same
    with and without scikit-learn.
    """
    order = random.generator(_SPLIT_SEED).permutation(len(x))
    cut = round(len(x) * _VALIDATION_PART)
    valid, train = order[:cut], order[cut:]
    return x[train], x[valid], y[train], y[valid]
