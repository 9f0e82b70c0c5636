"""Functions of `keras.ops` that others give in a line or two: grids, joins, turns, blocks of cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

from tinycnn import config
from tinycnn.autograd.tensor import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.ops.array import broadcast_to, concatenate, flip, get_item, ravel, reshape, split, squeeze, swapaxes, take, transpose, zeros
from tinycnn.ops.convert import TensorLike, convert_to_numpy, convert_to_tensor, integers
from tinycnn.ops.math import multiply, where
from tinycnn.rules.op import normalize_axes, normalize_axis

__all__ = [
    "append",
    "array_split",
    "copy",
    "depth_to_space",
    "dsplit",
    "dstack",
    "empty",
    "empty_like",
    "eye",
    "fliplr",
    "flipud",
    "full_like",
    "hsplit",
    "hstack",
    "identity",
    "linspace",
    "meshgrid",
    "roll",
    "rot90",
    "space_to_depth",
    "take_along_axis",
    "tile",
    "tril",
    "triu",
    "unstack",
    "vsplit",
    "vstack",
]

DataFormat = Literal["channels_last", "channels_first"]


# ---- new arrays
def empty(shape: Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
    """Zeros, as in Keras: no cell is left to chance."""
    return zeros(shape, dtype)


def empty_like(x: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """Zeros of the shape and (by default) the dtype of x."""
    return full_like(x, 0, dtype)


def full_like(x: TensorLike, fill_value: float, dtype: DTypeLike | None = None) -> Tensor:
    """An array of one value, of the shape and (by default) the dtype of x."""
    return Tensor.wrap(np.full_like(convert_to_numpy(x), fill_value, dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """(N, M) with ones on the diagonal k places to the right of the main one, M default N; `config.floatx` unless a dtype is given."""
    return Tensor.wrap(np.eye(N, M, k, config.floatx() if dtype is None else dtype))


def identity(n: int, dtype: DTypeLike | None = None) -> Tensor:
    """The (n, n) matrix of ones on the diagonal."""
    return eye(n, dtype=dtype)


def linspace(start: float, stop: float, num: int = 50, endpoint: bool = True, dtype: DTypeLike | None = None) -> Tensor:
    """`num` numbers at equal distances from start to stop (without stop if not `endpoint`); `config.floatx` unless a dtype is given."""
    return Tensor.wrap(np.linspace(start, stop, num, endpoint).astype(config.floatx() if dtype is None else dtype))


def meshgrid(*x: TensorLike, indexing: Literal["xy", "ij"] = "xy") -> list[Tensor]:
    """Coordinates of a grid, an array for each axis: x[i] along axis i, the first two axes exchanged for "xy"."""
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"indexing must be 'xy' or 'ij', got {indexing!r}")
    lines = [ravel(line) for line in x]
    sizes = [line.shape[0] for line in lines]
    grid = [broadcast_to(reshape(line, [-1 if i == j else 1 for j in range(len(x))]), sizes) for i, line in enumerate(lines)]
    return [swapaxes(g, 0, 1) for g in grid] if indexing == "xy" and len(x) > 1 else grid


def copy(x: TensorLike) -> Tensor:
    """The same values in memory of their own."""
    return multiply(x, 1) if isinstance(x, Tensor) and x.requires_grad else Tensor.wrap(convert_to_numpy(x).copy())


# ---- joined and cut
def hstack(xs: Sequence[TensorLike]) -> Tensor:
    """Arrays beside each other: along axis 1, vectors along axis 0."""
    tensors = [x if x.ndim else reshape(x, 1) for x in map(convert_to_tensor, xs)]
    return concatenate(tensors, axis=min(1, tensors[0].ndim - 1) if tensors else 0)


def vstack(xs: Sequence[TensorLike]) -> Tensor:
    """Arrays below each other: along axis 0, vectors as rows."""
    return concatenate([x if x.ndim > 1 else reshape(x, (1, -1)) for x in map(convert_to_tensor, xs)], axis=0)


def dstack(xs: Sequence[TensorLike]) -> Tensor:
    """Arrays behind each other: along axis 2; vectors (n,) as (1, n, 1), matrices (n, m) as (n, m, 1)."""

    def deep(x: Tensor) -> Tensor:
        return x if x.ndim > 2 else reshape(x, (*x.shape, 1) if x.ndim == 2 else (1, -1, 1))

    return concatenate([deep(convert_to_tensor(x)) for x in xs], axis=2)


def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> Tensor:
    """x2 behind x1 along `axis`; both flattened if it is None."""
    return concatenate([ravel(x1), ravel(x2)] if axis is None else [x1, x2], 0 if axis is None else axis)


def array_split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """As `split`, but sections that cannot be equal differ by one cell, the longer ones first."""
    x = convert_to_tensor(x)
    if not isinstance(indices_or_sections, int):
        return split(x, indices_or_sections, axis)
    if indices_or_sections < 1:
        raise ArgumentError(f"indices_or_sections must be >= 1, got {indices_or_sections}")
    size, longer = divmod(x.shape[normalize_axis(axis, x.ndim)], indices_or_sections)
    return split(x, [i * size + min(i, longer) for i in range(1, indices_or_sections)], axis)


def hsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """As `split` along axis 1, of a vector along axis 0: what `hstack` joins."""
    x = convert_to_tensor(x)
    return split(x, indices_or_sections, min(1, x.ndim - 1))


def vsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """As `split` along axis 0: what `vstack` joins."""
    return split(x, indices_or_sections, 0)


def dsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """As `split` along axis 2: what `dstack` joins."""
    return split(x, indices_or_sections, 2)


def unstack(x: TensorLike, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The arrays that lie side by side along `axis`. Raises ArgumentError if there are not `num`, if that is given."""
    x = convert_to_tensor(x)
    axis = normalize_axis(axis, x.ndim)
    if num is not None and num != x.shape[axis]:
        raise ArgumentError(f"num must be the {x.shape[axis]} cells along axis {axis}, got {num!r}")
    return [squeeze(part, axis) for part in split(x, x.shape[axis], axis)] if x.shape[axis] else []


def tile(x: TensorLike, repeats: int | Sequence[int]) -> Tensor:
    """x laid `repeats` times one after the other along each axis, the last ones if there are fewer numbers than axes."""
    x = convert_to_tensor(x)
    numbers = [int(n) for n in np.atleast_1d(integers(repeats, "repeats"))]
    if min(numbers, default=1) < 0:
        raise ArgumentError(f"repeats must be >= 0, got {repeats!r}")
    pairs = list(zip_longest(reversed(numbers), reversed(x.shape), fillvalue=1))[::-1]  # (times, size) of each axis
    apart = reshape(x, [n for _, size in pairs for n in (1, size)])
    laid = broadcast_to(apart, [n for pair in pairs for n in pair])
    return reshape(laid, [times * size for times, size in pairs])


# ---- turned and moved
def fliplr(x: TensorLike) -> Tensor:
    """Cells in reverse order along axis 1."""
    return flip(x, 1)


def flipud(x: TensorLike) -> Tensor:
    """Cells in reverse order along axis 0."""
    return flip(x, 0)


def rot90(array: TensorLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Turned k times by 90 degrees in the plane of two axes, from the first towards the second."""
    x = convert_to_tensor(array)
    first, second = (normalize_axis(axis, x.ndim, "axes") for axis in axes)
    if first == second:
        raise ArgumentError(f"axes must be two different ones, got {axes!r}")
    if k % 2 == 0:
        return flip(x, (first, second)) if k % 4 else x
    return flip(swapaxes(x, first, second), first if k % 4 == 1 else second)


def roll(x: TensorLike, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """Cells moved on by `shift` places along `axis` (of the flattened array if None); those that leave come in at the other end."""
    rolled = convert_to_tensor(x)
    if axis is None:
        return reshape(roll(ravel(rolled), shift, 0), rolled.shape)
    axes = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    normalize_axes(axes, rolled.ndim)
    for places, one in zip(np.broadcast_to(integers(shift, "shift"), (len(axes),)), axes, strict=True):
        n = rolled.shape[one]
        rolled = take(rolled, (np.arange(n) - int(places)) % n, one) if n else rolled
    return rolled


def tril(x: TensorLike, k: int = 0) -> Tensor:
    """The last two axes with 0 above the diagonal that is k places to the right of the main one."""
    x = _matrices(x)
    return where(np.tri(x.shape[-2], x.shape[-1], k, bool), x, 0)


def triu(x: TensorLike, k: int = 0) -> Tensor:
    """The last two axes with 0 below the diagonal that is k places to the right of the main one."""
    x = _matrices(x)
    return where(np.tri(x.shape[-2], x.shape[-1], k - 1, bool), 0, x)


def _matrices(x: TensorLike) -> Tensor:
    matrices = convert_to_tensor(x)
    if matrices.ndim < 2:
        raise ShapeError(f"x must have two axes or more, got shape {matrices.shape}")
    return matrices


def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """For each position of `indices` the cell that it names along `axis`; other axes broadcast. All of it flattened if axis is None."""
    x, positions = convert_to_tensor(x), integers(indices, "indices")
    if axis is None:
        return get_item(ravel(x), positions.ravel())
    axis = normalize_axis(axis, x.ndim)
    if positions.ndim != x.ndim:
        raise ShapeError(f"indices must have the {x.ndim} axes of x, got shape {positions.shape}")
    index = [positions if i == axis else np.arange(n).reshape([-1 if i == j else 1 for j in range(x.ndim)]) for i, n in enumerate(x.shape)]
    return get_item(x, tuple(index))


# ---- blocks of an image's cells
def depth_to_space(x: TensorLike, block_size: int, data_format: DataFormat = "channels_last") -> Tensor:
    """Channels laid out as blocks of cells: `(N, H, W, b * b * C) -> (N, b * H, b * W, C)`.

    Known as the pixel shuffle of sub-pixel convolutions (Shi et al. 2016).

    Raises:
        ShapeError: x has not four axes, or b * b does not divide its channels.
    """
    x, b = _blocks(x, block_size, data_format), block_size
    n, h, w, c = x.shape
    if c % (b * b):
        raise ShapeError(f"block_size must be b with b * b dividing the {c} channels, got {b}")
    cells = transpose(reshape(x, (n, h, w, b, b, c // (b * b))), (0, 1, 3, 2, 4, 5))
    return _as_given(reshape(cells, (n, h * b, w * b, c // (b * b))), data_format)


def space_to_depth(x: TensorLike, block_size: int, data_format: DataFormat = "channels_last") -> Tensor:
    """Blocks of cells laid out as channels: `(N, b * H, b * W, C) -> (N, H, W, b * b * C)`.

    Raises:
        ShapeError: x has not four axes, or b does not divide its height and width.
    """
    x, b = _blocks(x, block_size, data_format), block_size
    n, h, w, c = x.shape
    if h % b or w % b:
        raise ShapeError(f"block_size must divide height {h} and width {w}, got {b}")
    cells = transpose(reshape(x, (n, h // b, b, w // b, b, c)), (0, 1, 3, 2, 4, 5))
    return _as_given(reshape(cells, (n, h // b, w // b, b * b * c)), data_format)


def _blocks(x: TensorLike, block_size: int, data_format: str) -> Tensor:
    """x with its channels last."""
    x = convert_to_tensor(x)
    if x.ndim != 4:
        raise ShapeError(f"x must have four axes, got shape {x.shape}")
    if not isinstance(block_size, int) or block_size < 1:
        raise ArgumentError(f"block_size must be a whole number >= 1, got {block_size!r}")
    if data_format not in ("channels_last", "channels_first"):
        raise ArgumentError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")
    return x if data_format == "channels_last" else transpose(x, (0, 2, 3, 1))


def _as_given(x: Tensor, data_format: str) -> Tensor:
    return x if data_format == "channels_last" else transpose(x, (0, 3, 1, 2))
