"""clone_model: the same model again, with layers and weights of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinycnn.errors import ArgumentError
from tinycnn.layers import Input
from tinycnn.layers.symbolic import KerasTensor
from tinycnn.layers.tree import leaves, like, map_leaves
from tinycnn.models.functional import Functional
from tinycnn.models.model import Model, check_model
from tinycnn.models.sequential import Sequential

__all__ = ["clone_model"]


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """A model of the same layers, made anew with new weights; compiled in the same way if `model` is.

    Args:
        model: any model; a subclassed one needs a config.
        input_tensors: of Input(...): what the clone begins with, in the form that `model.input` has; default: new ones.
        clone_function: layer -> its clone, for every layer but the inputs; default: a new layer from the config.
        call_function: (layer, *args, **kwargs) -> result, in place of calling the cloned layers; for functional models.
        recursive: whether models inside are cloned in this way, too, rather than by `clone_function`.

    Raises:
        ArgumentError: an argument that is not for such a model, or input_tensors of another form.
    """
    check_model(model)
    if isinstance(model, Functional):
        clone: Any = _clone_functional(model, input_tensors, _Cloner(clone_function, call_function, recursive))
    elif isinstance(model, Sequential):
        if call_function is not None:
            raise ArgumentError("call_function is for functional models: the layers of a Sequential are not called when it is made")
        clone = _clone_sequential(model, input_tensors, _Cloner(clone_function, None, recursive))
    elif input_tensors is not None or clone_function is not None or call_function is not None:
        raise ArgumentError(f"a model of class {type(model).__name__} is cloned from its config, without other arguments")
    else:
        clone = type(model).from_config(model.get_config())
    compiled = model.get_compile_config()
    if compiled is not None:
        clone.compile(**compiled)
    return clone


class _Cloner:
    """Layer -> its only clone."""

    def __init__(self, clone_function: Any, call_function: Any, recursive: bool) -> None:
        self.function = clone_function or _from_config
        self.call = call_function or _call
        self.recursive = recursive
        self._clones: dict[int, Any] = {}

    def __call__(self, layer: Any) -> Any:
        if id(layer) not in self._clones:
            if self.recursive and isinstance(layer, Functional):
                clone: Any = _clone_functional(layer, None, self)
            elif self.recursive and isinstance(layer, Sequential):
                clone = _clone_sequential(layer, None, self)
            else:
                clone = self.function(layer)
            self._clones[id(layer)] = clone
        return self._clones[id(layer)]


def _from_config(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())


def _call(layer: Any, *args: Any, **kwargs: Any) -> Any:
    return layer(*args, **kwargs)


def _clone_sequential(model: Sequential, input_tensors: Any, cloner: _Cloner) -> Sequential:
    first = leaves(input_tensors) if input_tensors is not None else [_input_like(t) for t in model.inputs]
    if len(first) > 1:
        raise ArgumentError(f"input_tensors must be one tensor for a Sequential, got {len(first)}")
    return Sequential([*first, *map(cloner, model.layers)], trainable=model.trainable, name=model.name)


def _clone_functional(model: Functional, input_tensors: Any, cloner: _Cloner) -> Functional:
    inputs = map_leaves(_input_like, model.input) if input_tensors is None else input_tensors
    found = leaves(inputs)
    if len(found) != len(model.inputs) or not all(isinstance(t, KerasTensor) for t in found):
        raise ArgumentError(f"input_tensors must be {len(model.inputs)} symbolic tensors in the form of model.input, got {input_tensors!r}")
    outputs = model.redrawn(found, lambda layer, args, kwargs: cloner.call(cloner(layer), *args, **kwargs))
    return model.remade(inputs, like(model.output, outputs))


def _input_like(tensor: KerasTensor) -> KerasTensor:
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
