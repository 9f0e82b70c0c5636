"""Ops in functional models: tinycnn's one class Operation, and Keras's class for each op, named alike: reshape is Reshape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tinycnn import registry
from tinycnn.errors import DataError, DTypeError

__all__ = ["MODULE", "op_from_keras", "op_to_keras"]

MODULE = "keras.src.ops"
#: Where Keras has the classes that are not in its module `numpy`.
_HOMES = {
    "core": ("cast", "stop_gradient"),
    "math": ("erf", "logsumexp", "rsqrt"),
    "nn": (
        *("average_pool", "binary_crossentropy", "categorical_crossentropy", "conv", "depthwise_conv", "elu", "leaky_relu", "log_softmax"),
        *("max_pool", "one_hot", "relu", "sigmoid", "softmax", "softplus", "sparse_categorical_crossentropy"),
    ),
}
_ONLY_HERE = ("affine", "batch_normalization", "batch_normalization_training", "bias_activation", "dropout", "ones", "zeros")
_ALIASES = {"Absolute": "abs", "TrueDivide": "divide"}
#: An op is run once to find out the shape of its result: repeats, widths and sizes in a file must not make that large.
_MAX_PRODUCT = 1 << 24


def _product(value: Any) -> float:
    """Of all numbers in nested lists and dicts that are > 1."""
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return math.prod(map(_product, parts)) if parts else max(1.0, abs(value)) if isinstance(value, (int, float)) else 1.0


def _class_name(function: str) -> str:
    return "".join(part.capitalize() for part in function.split("_"))


def op_to_keras(config: Mapping[str, Any]) -> dict[str, Any]:
    """Module, class and config of an Operation. Raises DTypeError if Keras has no such op."""
    function = config["function"]
    if function in _ONLY_HERE:
        raise DTypeError(f"the operation {config['name']!r} cannot be written into a file: Keras has no op {function!r}")
    home = next((module for module, functions in _HOMES.items() if function in functions), "numpy")
    name = _class_name(function)
    arguments = {key: value for key, value in config["arguments"].items() if value is not None}
    return {"module": f"{MODULE}.{home}", "class_name": name, "config": {"name": config["name"], **arguments}, "registered_name": name}


def op_from_keras(class_name: str, config: Mapping[str, Any], who: str) -> dict[str, Any]:
    """The config of an Operation. Raises DataError if tinycnn has no such op."""
    known = {_class_name(name): name for name in registry.names("operation")} | _ALIASES
    if class_name not in known:
        raise DataError(f"{who}: tinycnn has no op of this name")
    arguments = {key: value for key, value in config.items() if key != "name" and value is not None and (key, value) != ("sparse", False)}
    if _product(arguments) > _MAX_PRODUCT:
        raise DataError(f"{who}: its arguments would make a tensor of more than {_MAX_PRODUCT:,} cells, {arguments!r:.200}")
    return {"name": config.get("name"), "function": known[class_name], "arguments": arguments}
