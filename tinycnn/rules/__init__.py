"""The rules: each op's shape, forward and gradient in one place, on ndarrays. Importing this package fills `OPS`."""

from tinycnn.rules import (
    activation,
    arithmetic,
    chain,
    convolution,
    crossentropy,
    elementwise,
    fused,
    interpolation,
    inverse,
    linear,
    normalization,
    pooling,
    reductions,
    running,
    shaping,
)
from tinycnn.rules.op import OPS, Op

__all__ = [
    "OPS",
    "Op",
    "activation",
    "arithmetic",
    "chain",
    "convolution",
    "crossentropy",
    "elementwise",
    "fused",
    "interpolation",
    "inverse",
    "linear",
    "normalization",
    "pooling",
    "reductions",
    "running",
    "shaping",
]
