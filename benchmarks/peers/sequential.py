"""The network in Keras's words, which are tinycnn's too."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import workload
from workload import Workload


def build(api: ModuleType, work: Workload, **compile_arguments: Any) -> Any:
    """A compiled Sequential with the workload's weights; `api` is `keras` or `tinycnn`."""
    layers = api.layers
    model = api.models.Sequential([layers.Input((workload.SIZE, workload.SIZE, 1))])
    for filters in workload.FILTERS:
        model.add(layers.Conv2D(filters, 3, padding="same"))
        model.add(layers.LeakyReLU(negative_slope=workload.SLOPE))
        model.add(layers.MaxPooling2D(2, padding="same"))
    model.add(layers.Flatten())
    model.add(layers.Dense(workload.HIDDEN))
    model.add(layers.LeakyReLU(negative_slope=workload.SLOPE))
    model.add(layers.Dense(workload.CLASSES, activation="softmax"))
    model.compile(optimizer=api.optimizers.Adam(), loss="categorical_crossentropy", **compile_arguments)
    model.set_weights(work.weights)
    return model
