"""Models: layers put together, and trained. `Input` is here too, as it was in Keras 2."""

from tinycnn import losses, metrics, optimizers  # noqa: F401  # what a file may name is registered
from tinycnn.layers import Input
from tinycnn.models.cloning import clone_model
from tinycnn.models.files import load_model, model_from_json, save_model
from tinycnn.models.functional import Functional
from tinycnn.models.model import Model
from tinycnn.models.sequential import Sequential

__all__ = ["Functional", "Input", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
