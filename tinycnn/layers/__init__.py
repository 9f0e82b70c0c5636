"""Layers, under Keras's names. The files have the names that Keras 2 had, so that old imports work: `layers.normalization`, ..."""

from __future__ import annotations

from typing import Any

from tinycnn.layers import (
    advanced_activations,
    convolutional,
    core,
    lambda_layer,
    merging,
    noise,
    normalization,
    pooling,
    preprocessing,
    preprocessing_random,
)
from tinycnn.layers.advanced_activations import ELU, LeakyReLU, ReLU, Softmax
from tinycnn.layers.convolutional import Conv2D, Convolution2D, DepthwiseConv2D, ZeroPadding2D
from tinycnn.layers.core import Activation, Dense, Dropout, Flatten, Permute, Reshape
from tinycnn.layers.input_layer import Input, InputLayer
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.lambda_layer import *  # noqa: F403
from tinycnn.layers.layer import Layer
from tinycnn.layers.merging import *  # noqa: F403
from tinycnn.layers.noise import *  # noqa: F403
from tinycnn.layers.normalization import BatchNormalization
from tinycnn.layers.operation import Operation
from tinycnn.layers.pooling import *  # noqa: F403
from tinycnn.layers.preprocessing import *  # noqa: F403
from tinycnn.layers.preprocessing_image import CenterCrop, RandomCrop, Resizing
from tinycnn.layers.preprocessing_random import *  # noqa: F403
from tinycnn.layers.symbolic import KerasTensor, SymbolicTensor
from tinycnn.saving import configurable

__all__ = [
    "ELU",
    "Activation",
    "BatchNormalization",
    "CenterCrop",
    "Conv2D",
    "Convolution2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "Input",
    "InputLayer",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "LeakyReLU",
    "Operation",
    "Permute",
    "RandomCrop",
    "ReLU",
    "Reshape",
    "Resizing",
    "Softmax",
    "SymbolicTensor",
    "ZeroPadding2D",
    "advanced_activations",
    "convolutional",
    "core",
    "deserialize",
    "normalization",
    "preprocessing",
    "serialize",
    *lambda_layer.__all__,
    *merging.__all__,
    *noise.__all__,
    *pooling.__all__,
    *preprocessing.__all__,
    *preprocessing_random.__all__,
]


def serialize(layer: Layer) -> dict[str, Any]:
    """{"class_name", "config"} of a layer."""
    plain: dict[str, Any] = configurable.serialize(layer)
    return plain


def deserialize(config: dict[str, Any]) -> Layer:
    """The inverse of `serialize`. Raises ArgumentError if no such layer is registered or the config does not fit it."""
    layer: Layer = configurable.deserialize("layer", config)
    return layer
