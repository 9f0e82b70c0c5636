"""The typed errors of tinycnn.

Every error a user can cause is a subclass of :class:`TinyCNNError` and also of the built-in exception that Python programmers
expect in its place, so ``except ValueError`` works as well as ``except tinycnn.errors.ShapeError``.
A message is one sentence: the argument, what came, what was expected.
"""

__all__ = [
    "ArgumentError",
    "BackendError",
    "DTypeError",
    "DataError",
    "GraphError",
    "NotBuiltError",
    "ShapeError",
    "TinyCNNError",
]


def shown(value: object) -> str:
    """How a message shows what came: arrays, which may be long, by their type and shape, all else by the start of its repr."""
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__} of shape {shape}" if shape and hasattr(value, "__array__") else f"{value!r:.200}"


class TinyCNNError(Exception):
    """Base of every error that tinycnn raises on purpose."""


class ArgumentError(TinyCNNError, ValueError):
    """An argument has a value that is not allowed."""


class ShapeError(ArgumentError):
    """An array has the wrong rank or the wrong size along an axis."""


class DTypeError(TinyCNNError, TypeError):
    """An argument has the wrong type, or an array the wrong dtype."""


class DataError(TinyCNNError, ValueError):
    """A file or a data set does not hold what it should."""


class GraphError(TinyCNNError, RuntimeError):
    """The autograd graph cannot do what was asked (freed already, no gradient required, ...)."""


class NotBuiltError(TinyCNNError, RuntimeError):
    """A layer or a model was used before it was built or compiled."""


class BackendError(TinyCNNError, RuntimeError):
    """A kernel backend is not available on this machine, or does not support what was asked."""
