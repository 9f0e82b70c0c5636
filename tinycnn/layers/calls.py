"""The arguments of a layer's symbolic call as plain data, in the form that Keras 3 writes, and back.

What JSON has no word for is a dict {"class_name": "__...__", "config": {...}}; a tensor is the place that it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any

import numpy as np

from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, DTypeError
from tinycnn.layers.symbolic import KerasHistory, KerasTensor

__all__ = ["decode", "encode", "read_history"]


def encode(value: Any, history: Callable[[KerasTensor], KerasHistory]) -> Any:
    """`value` as plain data; `history` says where a tensor comes from.

    Raises:
        DTypeError: there is no plain form of it.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [encode(part, history) for part in value]
    if isinstance(value, Mapping):
        return {str(key): encode(part, history) for key, part in value.items()}
    if isinstance(value, KerasTensor):
        return _special("keras_tensor", shape=list(value.shape), dtype=value.dtype, keras_history=list(astuple(history(value))))
    if isinstance(value, slice):
        return _special("slice", **{part: encode(getattr(value, part), history) for part in ("start", "stop", "step")})
    if value is Ellipsis:
        return _special("ellipsis")
    if isinstance(value, Tensor):
        return _special("tensor", value=value.tolist(), dtype=value.dtype.name)
    if isinstance(value, np.ndarray) and value.ndim:
        return _special("numpy", value=value.tolist(), dtype=value.dtype.name)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.item()
    if isinstance(value, (type, np.dtype)):
        return np.dtype(value).name
    raise DTypeError(f"{value!r} cannot be written into a config as the argument of a call")


def _special(name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": f"__{name}__", "config": config}


def decode(value: Any, find: Callable[[KerasHistory], Any]) -> Any:
    """The inverse of `encode`, but for tuples, which come back as lists; `find` gives the tensor of a place.

    Raises:
        ArgumentError: `value` is not what `encode` makes.
    """
    if isinstance(value, list):
        return [decode(part, find) for part in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {key: decode(part, find) for key, part in value.items()}
    name, config = value["class_name"], value.get("config")
    if not isinstance(config, dict):
        raise ArgumentError(f"the argument {name!r} of a call must have a dict as its config, got {config!r}")
    if name == "__keras_tensor__":
        return find(read_history(config.get("keras_history")))
    if name == "__slice__":
        return slice(*[decode(config.get(part), find) for part in ("start", "stop", "step")])
    if name == "__ellipsis__":
        return Ellipsis
    if name in ("__tensor__", "__numpy__"):
        array = _array(config.get("value"), config.get("dtype"))
        return Tensor.wrap(array) if name == "__tensor__" else array
    raise ArgumentError(f"the argument of a call in a config is of the unknown kind {name!r}")


def _array(value: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """Nested lists of numbers as an array of a dtype that tinycnn computes with."""
    try:
        array = np.array(value, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(f"an array in a config cannot be read: {error}") from None
    if array.dtype.kind not in "fiub":
        raise ArgumentError(f"an array in a config must hold numbers, got dtype {array.dtype}")
    return array


def read_history(value: Any) -> KerasHistory:
    """[layer, call, result] as a KerasHistory, checked."""
    is_place = isinstance(value, (list, tuple)) and len(value) == 3 and isinstance(value[0], str)
    if not is_place or not all(type(n) is int and n >= 0 for n in value[1:]):
        raise ArgumentError(f"a tensor in a config must be named by [layer, call, result], got {value!r:.200}")
    return KerasHistory(*value)
