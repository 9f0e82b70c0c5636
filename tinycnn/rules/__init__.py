"""The rules: each op's shape, forward and gradient in one place, on ndarrays. Importing this package fills `OPS`."""

from tinycnn.rules import (
    activation,
    arithmetic,
    convolution,
    crossentropy,
    elementwise,
    fused,
    interpolation,
    linear,
    normalization,
    pooling,
    reductions,
    shaping,
)
from tinycnn.rules.op import OPS, Op

__all__ = [
    "OPS",
    "Op",
    "activation",
    "arithmetic",
    "convolution",
    "crossentropy",
    "elementwise",
    "fused",
    "interpolation",
    "linear",
    "normalization",
    "pooling",
    "reductions",
    "shaping",
]
