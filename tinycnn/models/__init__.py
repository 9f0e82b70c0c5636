"""Models: layers put together, and trained. `Input` is here too, as it was in Keras 2."""

from tinycnn.layers import Input
from tinycnn.models.functional import Functional
from tinycnn.models.model import Model
from tinycnn.models.sequential import Sequential

__all__ = ["Functional", "Input", "Model", "Sequential"]
