"""Layers, under Keras's names. The files have the names that Keras 2 had, so that old imports work: `layers.normalization`, ..."""

from __future__ import annotations

from typing import Any

from tinycnn.layers import advanced_activations, convolutional, core, merge, merging, normalization, pooling
from tinycnn.layers.advanced_activations import *  # noqa: F403
from tinycnn.layers.convolutional import *  # noqa: F403
from tinycnn.layers.core import *  # noqa: F403
from tinycnn.layers.input_layer import Input, InputLayer
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.layer import Layer
from tinycnn.layers.merging import *  # noqa: F403
from tinycnn.layers.normalization import *  # noqa: F403
from tinycnn.layers.pooling import *  # noqa: F403
from tinycnn.layers.symbolic import SymbolicTensor
from tinycnn.saving import configurable

__all__ = [
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "SymbolicTensor",
    "advanced_activations",
    "convolutional",
    "core",
    "deserialize",
    "merge",
    "merging",
    "normalization",
    "pooling",
    "serialize",
    *advanced_activations.__all__,
    *convolutional.__all__,
    *core.__all__,
    *merging.__all__,
    *normalization.__all__,
    *pooling.__all__,
]


def serialize(layer: Layer) -> dict[str, Any]:
    """{"class_name", "config"} of a layer."""
    plain: dict[str, Any] = configurable.serialize(layer)
    return plain


def deserialize(config: dict[str, Any]) -> Layer:
    """The inverse of `serialize`. Raises ArgumentError if no such layer is registered or the config does not fit it."""
    layer: Layer = configurable.deserialize("layer", config)
    return layer
