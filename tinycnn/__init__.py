"""tinycnn: a light CNN framework for the CPU.

    import tinycnn
    from tinycnn.models import Sequential
    from tinycnn.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D

The submodules follow Keras: `models`, `layers`, `losses`, `metrics`, `optimizers`, `callbacks`, `datasets`, `utils`, `ops`, `random`.
They are imported when first named: ``import tinycnn`` alone takes less time than ``import numpy``, and does not import it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tinycnn import errors
from tinycnn.version import __version__

if TYPE_CHECKING:
    from tinycnn import (
        activations,
        autograd,
        callbacks,
        config,
        constraints,
        data,
        datasets,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        profiler,
        random,
        regularizers,
        saving,
        testing,
        utils,
        wrappers,
    )
    from tinycnn.autograd import Tensor, Variable, no_grad
    from tinycnn.initializers import Initializer
    from tinycnn.kernels.select import available_backends, backend, get_num_threads, set_num_threads, show_config, use_backend
    from tinycnn.layers import Input, InputSpec, KerasTensor, Layer
    from tinycnn.losses import Loss
    from tinycnn.metrics import Metric
    from tinycnn.models import Model, Sequential
    from tinycnn.ops import from_dlpack
    from tinycnn.optimizers import Optimizer
    from tinycnn.regularizers import Regularizer

__all__ = [
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Tensor",
    "Variable",
    "__version__",
    "activations",
    "autograd",
    "available_backends",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "errors",
    "from_dlpack",
    "get_num_threads",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "no_grad",
    "ops",
    "optimizers",
    "profiler",
    "random",
    "regularizers",
    "saving",
    "set_num_threads",
    "show_config",
    "testing",
    "use_backend",
    "utils",
    "wrappers",
]

#: Where the names live that are not submodules.
_HOMES = {
    "Initializer": "tinycnn.initializers",
    "Input": "tinycnn.layers",
    "InputSpec": "tinycnn.layers",
    "KerasTensor": "tinycnn.layers",
    "Layer": "tinycnn.layers",
    "Loss": "tinycnn.losses",
    "Metric": "tinycnn.metrics",
    "Model": "tinycnn.models",
    "Optimizer": "tinycnn.optimizers",
    "Regularizer": "tinycnn.regularizers",
    "Sequential": "tinycnn.models",
    "Tensor": "tinycnn.ops",  # through ops, which gives Tensor its operators
    "Variable": "tinycnn.ops",
    "from_dlpack": "tinycnn.ops",
    "no_grad": "tinycnn.autograd",
    **dict.fromkeys(("available_backends", "get_num_threads", "set_num_threads", "show_config", "use_backend"), "tinycnn.kernels.select"),
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in __all__:
        value = importlib.import_module(f"tinycnn.{name}")
    else:
        raise AttributeError(f"module 'tinycnn' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
