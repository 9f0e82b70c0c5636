"""pickle, copy.copy and copy.deepcopy of layers and models: a new one from the config, with the same weights.

What is pickled is plain data - config, shapes, arrays - and classes by name, as pickle names every class; never code or closures of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinycnn import registry
from tinycnn.errors import ArgumentError
from tinycnn.saving.configurable import serialize_shared, sharing
from tinycnn.saving.custom import get_registered_name, within

if TYPE_CHECKING:
    from tinycnn.layers.layer import Layer

__all__ = ["restored", "state"]


def state(layer: Layer) -> dict[str, Any]:
    """All that `restored` needs beside the class.

    Raises:
        ArgumentError, DTypeError: there is no config of the layer, or of one inside.
    """
    inside = list(layer.walk())
    types = {get_registered_name(type(one)): type(one) for one in inside}
    return {
        "config": serialize_shared(layer)["config"],
        "classes": {name: cls for name, cls in types.items() if name not in registry.names("layer")},
        "built_for": layer.built_for,
        "weights": layer.get_weights(),
        "trainable": [one.trainable for one in inside],
        "extra": layer.extra_state(),
    }


def restored(cls: type[Layer], state: dict[str, Any]) -> Layer:
    """A new layer of class `cls` in that state."""
    with within(state["classes"]), sharing():
        layer = cls.from_config(state["config"])
        if not layer.built:
            layer.build_as(state["built_for"])
        inside = list(layer.walk())
        if len(inside) != len(state["trainable"]):
            raise ArgumentError(f"{layer.who} cannot be copied: its config gives {len(inside)} layers, it has {len(state['trainable'])}")
        layer.set_weights(state["weights"])
        for one, trainable in zip(inside, state["trainable"], strict=True):
            one.set_own_trainable(trainable)
        layer.restore_extra_state(state["extra"])
    return layer
