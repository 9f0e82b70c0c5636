"""Whether a model is still worth keeping."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinycnn.callbacks.callback import Logs

__all__ = ["is_finite"]


def is_finite(model: Any, logs: Logs | None) -> bool:
    """Whether loss and weights are numbers: if not, an older checkpoint is the better one."""
    loss = (logs or {}).get("loss", 0.0)
    return math.isfinite(loss) and all(np.isfinite(variable.numpy()).all() for variable in model.weights)
