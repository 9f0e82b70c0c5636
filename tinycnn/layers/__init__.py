"""Layers, under Keras's names. The files have the names that Keras 2 had, so that old imports work: `layers.normalization`, ..."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinycnn.layers import (
    advanced_activations,
    convolutional,
    core,
    lambda_layer,
    merge,
    merging,
    noise,
    normalization,
    pooling,
    preprocessing,
    preprocessing_colour,
    preprocessing_mixing,
    wrappers,
)
from tinycnn.layers.advanced_activations import *  # noqa: F403
from tinycnn.layers.convolutional import *  # noqa: F403
from tinycnn.layers.core import *  # noqa: F403
from tinycnn.layers.input_layer import Input, InputLayer
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.lambda_layer import *  # noqa: F403
from tinycnn.layers.layer import Layer
from tinycnn.layers.merging import *  # noqa: F403
from tinycnn.layers.noise import *  # noqa: F403
from tinycnn.layers.normalization import *  # noqa: F403
from tinycnn.layers.operation import Operation
from tinycnn.layers.pooling import *  # noqa: F403
from tinycnn.layers.preprocessing import *  # noqa: F403
from tinycnn.layers.preprocessing_colour import *  # noqa: F403
from tinycnn.layers.preprocessing_image import CenterCrop, RandomCrop, Resizing
from tinycnn.layers.preprocessing_mixing import *  # noqa: F403
from tinycnn.layers.preprocessing_random import (
    RandomBrightness,
    RandomContrast,
    RandomFlip,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from tinycnn.layers.symbolic import KerasTensor, SymbolicTensor
from tinycnn.layers.wrappers import *  # noqa: F403
from tinycnn.saving import configurable

__all__ = [
    "CenterCrop",
    "Input",
    "InputLayer",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Operation",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Resizing",
    "SymbolicTensor",
    "advanced_activations",
    "convolutional",
    "core",
    "deserialize",
    "merge",
    "merging",
    "normalization",
    "pooling",
    "preprocessing",
    "serialize",
    *advanced_activations.__all__,
    *convolutional.__all__,
    *core.__all__,
    *lambda_layer.__all__,
    *merging.__all__,
    *noise.__all__,
    *normalization.__all__,
    *pooling.__all__,
    *preprocessing.__all__,
    *preprocessing_colour.__all__,
    *preprocessing_mixing.__all__,
    *wrappers.__all__,
]


def serialize(layer: Layer) -> dict[str, Any]:
    """{"class_name", "config"} of a layer."""
    plain: dict[str, Any] = configurable.serialize(layer)
    return plain


def deserialize(config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """The inverse of `serialize`.

    Args:
        config: {"class_name", "config"}.
        custom_objects: name -> class of your own, beside the registered ones.

    Raises:
        ArgumentError: no such layer is registered, or the config does not fit it.
    """
    layer: Layer = configurable.deserialize("layer", config, custom_objects)
    return layer
