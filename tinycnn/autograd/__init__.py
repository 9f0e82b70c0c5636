"""Reverse-mode automatic differentiation: `engine` is the tape, `tensor` and `variable` are what stands on it."""

from tinycnn.autograd.engine import is_grad_enabled, no_grad
from tinycnn.autograd.tensor import Prepared, Tensor, apply, grad
from tinycnn.autograd.variable import Variable

# isort: split
import tinycnn.ops  # noqa: F401  (last: it gives Tensor its operators, whichever of the two is imported first)

__all__ = ["Prepared", "Tensor", "Variable", "apply", "grad", "is_grad_enabled", "no_grad"]
