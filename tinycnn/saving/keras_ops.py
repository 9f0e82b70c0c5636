"""Ops in functional models: tinycnn's one class Operation, and Keras's class for each op, named alike: reshape is Reshape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tinycnn import registry
from tinycnn.errors import DataError, DTypeError
from tinycnn.saving.op_limits import bounded

__all__ = ["MODULE", "bound", "op_from_keras", "op_to_keras"]

MODULE = "keras.src.ops"
#: Where Keras has the classes that are not in its module `numpy`.
_HOMES = {
    "core": "convert_to_tensor cast scatter scatter_update slice slice_update stop_gradient unstack",
    "image": """
        affine_transform crop_images extract_patches gaussian_blur hsv_to_rgb pad_images resize rgb_to_grayscale rgb_to_hsv sobel_edges
        ssim""",
    "linalg": "norm",
    "math": "erf erfc in_top_k logsumexp rsqrt segment_sum top_k",
    "nn": """
        adaptive_average_pool adaptive_max_pool average_pool binary_crossentropy categorical_crossentropy celu conv conv_transpose
        depth_to_space depthwise_conv elu fold gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid
        log_softmax max_pool moments normalize one_hot psnr relu relu6 selu separable_conv sigmoid silu soft_shrink softmax softplus
        softsign space_to_depth sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink
        threshold unfold""",
}
#: Functions that Keras has not, or only as functions.
ONLY_HERE = """
    affine batch_normalization batch_normalization_training bias_activation convert_to_numpy dropout dtype empty eye from_dlpack identity
    is_tensor layer_normalization ones rms_normalization shape standardize tri zeros"""
#: Classes that are spelt otherwise.
_SPELT = {
    "allclose": "AllClose",
    "hsv_to_rgb": "HSVToRGB",
    "isin": "IsIn",
    "psnr": "PSNR",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    "searchsorted": "SearchSorted",
    "ssim": "SSIM",
}
_ALIASES = {"Absolute": "abs", "TrueDivide": "divide"}
#: An op is run once to find out the shape of its result: repeats, widths and sizes in a file must not make that large.
_MAX_PRODUCT = 1 << 24


#: Arguments that Keras gives to the call, not to the class.
_OF_CALLS = {"pad": ("constant_values",)}


def _product(value: Any) -> float:
    """Of all numbers in nested lists and dicts that are > 1."""
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return math.prod(map(_product, parts)) if parts else max(1.0, abs(value)) if isinstance(value, (int, float)) else 1.0


def class_of(function: str) -> str:
    """The name of Keras's class for a function of `ops`."""
    return _SPELT.get(function) or "".join(part.capitalize() for part in function.split("_"))


def op_to_keras(config: Mapping[str, Any], calls: Sequence[Any] = ()) -> dict[str, Any]:
    """Module, class, config and calls ("inbound_nodes") of an Operation. Raises DTypeError if Keras has no such op."""
    function = config["function"]
    if function in ONLY_HERE.split():
        raise DTypeError(f"the operation {config['name']!r} cannot be written into a file: Keras has no op {function!r}")
    home = next((module for module, functions in _HOMES.items() if function in functions.split()), "numpy")
    name = class_of(function)
    arguments = {key: value for key, value in config["arguments"].items() if value is not None}
    moved = {key: arguments.pop(key) for key in _OF_CALLS.get(function, ()) if key in arguments}
    nodes = [{**call, "kwargs": {**call["kwargs"], **moved}} for call in calls]
    written = {"module": f"{MODULE}.{home}", "class_name": name, "config": {"name": config["name"], **arguments}, "registered_name": name}
    return {**written, "inbound_nodes": nodes} if calls else written


def _without(calls: Any, names: Sequence[str], who: str) -> tuple[Any, dict[str, Any]]:
    """The calls without these arguments, and the arguments, which must be the same for all of them."""
    if (
        not names
        or not isinstance(calls, list)
        or not all(isinstance(call, Mapping) and isinstance(call.get("kwargs"), Mapping) for call in calls)
    ):
        return calls, {}
    found = [{key: value for key, value in call["kwargs"].items() if key in names and value is not None} for call in calls]
    if any(part != found[0] for part in found):
        raise DataError(f"{who}: it is called with different {' and '.join(names)}, which is not supported")
    kept = [{**call, "kwargs": {key: value for key, value in call["kwargs"].items() if key not in names}} for call in calls]
    return kept, found[0] if found else {}


def op_from_keras(class_name: str, config: Mapping[str, Any], who: str, calls: Any = ()) -> tuple[dict[str, Any], Any]:
    """The config and the calls of an Operation. Raises DataError if tinycnn has no such op."""
    known = {class_of(name): name for name in registry.names("operation")} | _ALIASES
    if class_name not in known:
        raise DataError(f"{who}: tinycnn has no op of this name")
    calls, moved = _without(calls, _OF_CALLS.get(known[class_name], ()), who)
    arguments = {
        key: value
        for key, value in {**moved, **config}.items()
        if key != "name" and value is not None and (key, value) != ("sparse", False)
    }
    if _product(arguments) > _MAX_PRODUCT:
        raise DataError(f"{who}: its arguments would make a tensor of more than {_MAX_PRODUCT:,} cells, {arguments!r:.200}")
    return {"name": config.get("name"), "function": known[class_name], "arguments": arguments}, calls


def bound(operation: Any) -> None:
    """Give an Operation that a file describes the limits of `op_limits`, for the time in which it is loaded."""
    operation._function = bounded(operation._function)
