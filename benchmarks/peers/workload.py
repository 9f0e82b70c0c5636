"""The job that every peer does: the tutorial's network, its starting weights, the data, and what a step costs in arithmetic.

    three times  Conv2D(32, 64, 128; 3x3, same)  LeakyReLU(0.1)  MaxPool(2x2, same)
    Flatten  Dense(128)  LeakyReLU(0.1)  Dense(10, softmax)

Trained with Adam (Keras's defaults) on categorical crossentropy, in float32, images 28x28x1. All peers start from the same weights and
see the same batches in the same order, so that after a few steps they must all predict the same: the worker checks that they do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

IMAGES = 4096
SIZE = 28
CLASSES = 10
FILTERS = (32, 64, 128)
HIDDEN = 128
SLOPE = 0.1
LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7


class Workload:
    """Batches and starting weights, the same in every process.

    Attributes:
        images: (batches, batch, 28, 28, 1) float32 from 0 to 1; `images[i]` is a contiguous view.
        labels: (batches, batch) int64.
        one_hot: (batches, batch, 10) float32.
        weights: kernel, bias, kernel, bias ...: convolutions (3, 3, in, out), dense layers (in, out).
    """

    def __init__(self, batch: int) -> None:
        random = np.random.default_rng(0)
        batches = IMAGES // batch
        labels = random.integers(0, CLASSES, batches * batch)
        patterns = np.kron(random.random((CLASSES, 4, 4, 1), np.float32), np.ones((SIZE // 4, SIZE // 4, 1), np.float32))
        images = 0.5 * patterns[labels] + 0.5 * random.random((len(labels), SIZE, SIZE, 1), np.float32)
        self.images = images.reshape(batches, batch, SIZE, SIZE, 1)
        self.labels = labels.reshape(batches, batch)
        self.one_hot = np.eye(CLASSES, dtype=np.float32)[self.labels]
        self.weights = _weights(random)

    def __len__(self) -> int:
        return len(self.images)


def pooled(size: int) -> int:
    """What 'same' max-pooling by two leaves of `size` pixels."""
    return -(-size // 2)


def flop_per_image(job: str) -> int:
    """Floating-point operations of a dense implementation, a multiply-add counted as two.

    Training needs each product three times: the output, the gradient of the weights and that of the input; the first
    convolution's input, the image, needs no gradient. Everything but convolutions and dense layers is left out (under 1%).
    """
    size, channels, products, training = SIZE, 1, 0, 0
    for filters in FILTERS:
        multiply_adds = size * size * 9 * channels * filters
        products += multiply_adds
        training += multiply_adds * (2 if channels == 1 else 3)
        size, channels = pooled(size), filters
    dense = size * size * channels * HIDDEN + HIDDEN * CLASSES
    return 2 * (training + 3 * dense if job == "train" else products + dense)


def _weights(random: np.random.Generator) -> list[Array]:
    """Glorot-uniform kernels, zero biases."""
    size, channels = SIZE, 1
    shapes: list[tuple[int, ...]] = []
    for filters in FILTERS:
        shapes.append((3, 3, channels, filters))
        size, channels = pooled(size), filters
    shapes += [(size * size * channels, HIDDEN), (HIDDEN, CLASSES)]
    weights = []
    for shape in shapes:
        field = int(np.prod(shape[:-2]))
        limit = np.sqrt(6 / (field * (shape[-2] + shape[-1])))
        weights += [random.uniform(-limit, limit, shape).astype(np.float32), np.zeros(shape[-1], np.float32)]
    return weights
