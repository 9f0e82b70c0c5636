"""Functions with a gradient of the user's own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from tinycnn.autograd.engine import Node, is_grad_enabled, no_grad
from tinycnn.autograd.tensor import Tensor
from tinycnn.errors import DTypeError, ShapeError, shown
from tinycnn.ops.convert import convert_to_numpy, convert_to_tensor
from tinycnn.rules.op import Gradients, Op

__all__ = ["custom_gradient"]


def custom_gradient(f: Callable[..., tuple[Any, Callable[..., Any]]]) -> Callable[..., Tensor]:
    """Function decorator: `f` gives its result and the function that the gradient is made by.

        @ops.custom_gradient
        def log1pexp(x):
            e = ops.exp(x)

            def grad(*args, upstream=None):
                if upstream is None:
                    (upstream,) = args
                return upstream * (1 - 1 / (1 + e))

            return ops.log(1 + e), grad

    Args:
        f: Tensors, and anything else, in; (Tensor, grad) out. grad(upstream) takes the gradient by the result and returns that by the
            Tensor among f's positional arguments, or by several a tuple. What happens in f is not recorded.

    Returns:
        `f` without grad in its result; arrays among its arguments need no gradient.
    """

    @functools.wraps(f)
    def function(*args: Any, **kwargs: Any) -> Tensor:
        inputs = tuple(value for value in args if isinstance(value, Tensor))
        with no_grad():
            result, grad = f(*args, **kwargs)
        if not is_grad_enabled() or not any(tensor.requires_grad for tensor in inputs):
            return convert_to_tensor(result)
        if not callable(grad):
            raise DTypeError(f"a function with a custom gradient must return (result, grad), got {shown(grad)} as grad")
        links = [(tensor.node or tensor) if tensor.requires_grad else None for tensor in inputs]
        saved = grad, tuple(tensor.shape for tensor in inputs)
        return Tensor.wrap(convert_to_numpy(result), Node(_Custom, None, saved, links))

    return function


class _Custom(Op):
    """A function of the user's own, whose forward pass is done."""

    @staticmethod
    def vjp(k: Any, geometry: None, saved: Any, dy: Any, needs: Any) -> Gradients:
        grad, shapes = saved
        by_name = "upstream" in inspect.signature(grad).parameters
        with no_grad():
            found = grad(upstream=Tensor.wrap(dy)) if by_name else grad(Tensor.wrap(dy))
        parts = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        if len(parts) != len(shapes):
            raise ShapeError(f"a custom gradient must give one part for each of {len(shapes)} tensors, got {len(parts)}")
        gradients = tuple(None if part is None else convert_to_numpy(part) for part in parts)
        for gradient, shape in zip(gradients, shapes, strict=True):
            if gradient is not None and gradient.shape != shape:
                raise ShapeError(f"a custom gradient must have the shape {shape} of its tensor, got {gradient.shape}")
        return gradients
