"""Products over named axes, and diagonals: einsum and its kin, all by one matrix product."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinycnn import config
from tinycnn.autograd.tensor import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.ops.array import broadcast_to, get_item, moveaxis, pad, ravel, reshape, transpose
from tinycnn.ops.convert import TensorLike, convert_to_tensor, numbers
from tinycnn.ops.math import matmul, multiply, sum, where
from tinycnn.rules.op import normalize_axis

__all__ = ["diag", "diagflat", "diagonal", "dot", "einsum", "inner", "tensordot", "trace", "tri", "vdot"]

#: What an axis is called: axes of one name are multiplied cell by cell.
Labels = Sequence[Any]


def einsum(subscripts: str, *operands: TensorLike, optimize: Any = None, order: Any = None) -> Tensor:
    """Einstein's sum: "ij,jk->ik" is a matrix product. Axes of one letter are multiplied with each other, those not in the result summed.

    Args:
        subscripts: the letters of each operand's axes, parted by commas, and "->" with those of the result; without it the result has the
            letters that occur once, in alphabetical order. "..." stands for any number of axes, which broadcast.
        *operands: one for each group of letters.
        optimize, order: of `numpy.einsum`; they change nothing here.

    Raises:
        ArgumentError: subscripts does not fit.
        ShapeError: axes of one letter have different sizes.
    """
    tensors = list(numbers(*operands)) if operands else []
    groups, result = _parsed(subscripts, [t.ndim for t in tensors])
    parts = [_without_repeats(tensor, labels) for tensor, labels in zip(tensors, groups, strict=True)]
    sizes: dict[Any, int] = {}
    for tensor, labels in parts:
        for label, n in zip(labels, tensor.shape, strict=True):
            if sizes.setdefault(label, n) != n and 1 not in (n, sizes[label]):
                raise ShapeError(f"axes {label!r} in {subscripts!r} must have one size, got {sizes[label]} and {n}")
            sizes[label] = n if sizes[label] == 1 else sizes[label]
    parts = [(broadcast_to(tensor, [sizes[label] for label in labels]), labels) for tensor, labels in parts]
    while len(parts) > 1:
        (a, of_a), (b, of_b), *rest = parts
        wanted = {*result, *(label for _, labels in rest for label in labels)}
        kept = [label for label in dict.fromkeys([*of_a, *of_b]) if label in wanted]
        parts = [(_contracted(a, of_a, b, of_b, kept), kept), *rest]
    tensor, labels = parts[0]
    return _arranged(tensor, labels, result)


def _parsed(subscripts: str, ndims: Sequence[int]) -> tuple[list[list[Any]], list[Any]]:
    """The labels of each operand's axes and those of the result; an ellipsis becomes numbers, counted from its last axis."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    groups = left.split(",")
    if len(groups) != len(ndims) or not set(text.replace("...", "").replace("->", "")) <= {*string.ascii_letters, ","}:
        raise ArgumentError(f"subscripts must be groups of letters, one for each of {len(ndims)} operands, got {subscripts!r}")
    spans = [ndim - len(group.replace("...", "")) for group, ndim in zip(groups, ndims, strict=True)]
    for group, span, ndim in zip(groups, spans, ndims, strict=True):
        if span < 0 or (span and "..." not in group):
            raise ArgumentError(f"subscripts must name all {ndim} axes of each operand, got {group!r} in {subscripts!r}")
    free = max((span for group, span in zip(groups, spans, strict=True) if "..." in group), default=0)
    if not arrow:
        letters = left.replace("...", "").replace(",", "")
        right = "..." * ("..." in left) + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    labels = [_labels(group, span) for group, span in zip(groups, spans, strict=True)]
    result = _labels(right, free)
    if len(set(result)) != len(result) or not set(result) <= {label for group in labels for label in group}:
        raise ArgumentError(f"subscripts must have each letter of the result once there, and among the operands, got {subscripts!r}")
    return labels, result


def _labels(group: str, span: int) -> list[Any]:
    before, dots, after = group.partition("...")
    return [*before, *(range(span - 1, -1, -1) if dots else ()), *after]


def _without_repeats(tensor: Tensor, labels: list[Any]) -> tuple[Tensor, list[Any]]:
    """The diagonal over axes of one label."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if tensor.shape[first] != tensor.shape[second]:
                raise ShapeError(f"axes {label!r} must have one size, got {tensor.shape[first]} and {tensor.shape[second]}")
            tensor = diagonal(tensor, 0, first, second)
            labels = [name for i, name in enumerate(labels) if i not in (first, second)] + [label]
    return tensor, labels


def _contracted(a: Tensor, of_a: Labels, b: Tensor, of_b: Labels, kept: Labels) -> Tensor:
    """The product of two tensors by the names of their axes, summed over those that are not kept."""
    a, of_a = _summed(a, of_a, {*of_b, *kept})
    b, of_b = _summed(b, of_b, {*of_a, *kept})
    both = [label for label in of_a if label in of_b]
    batch, inner = [label for label in both if label in kept], [label for label in both if label not in kept]
    rows, columns = [label for label in of_a if label not in both], [label for label in of_b if label not in both]
    size = dict(zip([*of_a, *of_b], [*a.shape, *b.shape], strict=True))
    counts = [math.prod(size[label] for label in labels) for labels in (batch, rows, inner, columns)]
    stack = counts[:1] if batch else []
    left = reshape(_arranged(a, of_a, [*batch, *rows, *inner]), [*stack, counts[1], counts[2]])
    right = reshape(_arranged(b, of_b, [*batch, *inner, *columns]), [*stack, counts[2], counts[3]])
    product = matmul(left, right) if left.dtype.kind == "f" else _product_of_integers(left, right)
    names = [*batch, *rows, *columns]
    return _arranged(reshape(product, [size[label] for label in names]), names, kept)


def _product_of_integers(a: Tensor, b: Tensor) -> Tensor:
    return Tensor.wrap(np.asarray(np.matmul(a.data, b.data)))


def _summed(tensor: Tensor, labels: Labels, wanted: set[Any]) -> tuple[Tensor, Labels]:
    """Summed over the axes that nobody wants."""
    alone = [i for i, label in enumerate(labels) if label not in wanted]
    return (sum(tensor, alone), [label for label in labels if label in wanted]) if alone else (tensor, labels)


def _arranged(tensor: Tensor, labels: Labels, order: Labels) -> Tensor:
    """Summed over the axes that are not in `order`, the others in that order."""
    tensor, labels = _summed(tensor, labels, set(order))
    places = [labels.index(label) for label in order]
    return tensor if places == sorted(places) else transpose(tensor, places)


def tensordot(x1: TensorLike, x2: TensorLike, axes: int | Sequence[Any] = 2) -> Tensor:
    """The sum of products over pairs of axes; the result has the other axes of x1, then those of x2.

    Args:
        axes: how many of the last axes of x1 and the first of x2, or two lists of axes (or two axes) that belong together.

    Raises:
        ArgumentError, ShapeError: axes does not fit the shapes.
    """
    x1, x2 = numbers(x1, x2)
    if isinstance(axes, int):
        axes = range(x1.ndim - axes, x1.ndim), range(axes)
    first, second = ([of] if isinstance(of, int) else list(of) for of in axes)
    first, second = [normalize_axis(i, x1.ndim, "axes") for i in first], [normalize_axis(i, x2.ndim, "axes") for i in second]
    if len(first) != len(second) or [x1.shape[i] for i in first] != [x2.shape[i] for i in second]:
        raise ShapeError(f"axes {first} of x1 and {second} of x2 must have the same sizes, got shapes {x1.shape} and {x2.shape}")
    of_x1 = list(range(x1.ndim))
    of_x2 = [first[second.index(i)] if i in second else x1.ndim + i for i in range(x2.ndim)]
    kept = [label for label in (*of_x1, *of_x2) if label not in first]
    return _contracted(x1, of_x1, x2, of_x2, kept)


def dot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The sum of products over the last axis of x1 and the last but one (of a vector the only) axis of x2; of a number, its multiple."""
    x1, x2 = numbers(x1, x2)
    return tensordot(x1, x2, (-1, -2 if x2.ndim > 1 else -1)) if x1.ndim and x2.ndim else multiply(x1, x2)


def inner(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The sum of products over the last axes; of a number, its multiple."""
    x1, x2 = numbers(x1, x2)
    return tensordot(x1, x2, (-1, -1)) if x1.ndim and x2.ndim else multiply(x1, x2)


def vdot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The sum of products over all cells."""
    return inner(ravel(x1), ravel(x2))


# ---- diagonals
def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of the matrices over two axes, `offset` places to the right of the main one, as the last axis."""
    x = convert_to_tensor(x)
    first, second = normalize_axis(axis1, x.ndim, "axis1"), normalize_axis(axis2, x.ndim, "axis2")
    if first == second:
        raise ArgumentError(f"axis1 and axis2 must be two different ones, got {axis1!r} and {axis2!r}")
    last = moveaxis(moveaxis(x, first, -1), second - (second > first), -1)
    rows, columns = last.shape[-2:]
    begin = max(0, -offset)
    places = np.arange(begin, max(begin, min(rows, columns - offset)))
    return get_item(last, (..., places, places + offset))


def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum along the `diagonal`."""
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


def diag(x: TensorLike, k: int = 0) -> Tensor:
    """A matrix with the vector x on the diagonal k places to the right of the main one; of a matrix, that diagonal."""
    x = convert_to_tensor(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(f"x must be a vector or a matrix, got shape {x.shape}")
    n = len(x) + abs(k)
    line = pad(x, (max(0, k), max(0, -k)))
    return where(np.eye(n, n, k, bool), line, convert_to_tensor(0, x.dtype))


def diagflat(x: TensorLike, k: int = 0) -> Tensor:
    """A matrix with the cells of x on the diagonal k places to the right of the main one."""
    return diag(ravel(x), k)


def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """(N, M) with ones on and below the diagonal k places to the right of the main one, M default N."""
    return Tensor.wrap(np.tri(N, M, k, config.floatx() if dtype is None else dtype))
