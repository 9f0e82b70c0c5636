"""How much an op of a file's model makes, and computes, when it is tried on zeros: told from shapes and arguments, before it runs.

An op that is not in the table gives no more cells than its inputs have together, or broadcast, or than its arguments say by themselves.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinycnn.saving import budget

__all__ = ["bounded"]

#: What one of several results counts at least: it is an object, too.
_OBJECT = 1024

#: Cells of the results, and multiply-adds.
Cost = tuple[float, float]
Arguments = dict[str, Any]


def bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The op `function` of `tinycnn.ops`, which is refused a trial that the limits of `budget` do not allow."""
    cost = _COSTS.get(function.__name__)
    if cost is None:
        return function
    signature = inspect.signature(function)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if budget.is_limited():
            try:
                bound = signature.bind(*args, **kwargs)
                bound.apply_defaults()
                cells, work = cost(bound.arguments)
            except (ArithmeticError, LookupError, TypeError, ValueError):
                cells, work = _at_most([*args, *kwargs.values()]), 0  # the op itself says best what is wrong with its arguments
            budget.check_result(function.__name__, cells, work)
        return function(*args, **kwargs)

    return wrapper


def _at_most(values: Sequence[Any]) -> float:
    """A bound for any op: the product of all there is."""
    return math.prod(float(max(1, _cells(value))) for value in values)


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if hasattr(value, "shape") else np.shape(value)


def _cells(value: Any) -> int:
    return math.prod(_shape(value))


def _sizes(value: Any, rank: int) -> tuple[int, ...]:
    """One size for each axis, from one for all or a list."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _image(a: Arguments, name: str) -> tuple[int, tuple[int, ...], int]:
    """Batch, spatial sizes and channels of a batch of images, or of one image."""
    shape = _shape(a[name])
    shape = (1, *shape) if name == "images" and len(shape) == 3 else shape
    if a.get("data_format") == "channels_first":
        return shape[0], shape[2:], shape[1]
    return shape[0], shape[1:-1], shape[-1]


def _steps(spatial: Sequence[int], strides: Any) -> int:
    """Positions of a window, at most."""
    return math.prod(n // s + 1 for n, s in zip(spatial, _sizes(strides, len(spatial)), strict=True))


def _convolved(a: Arguments, kernel: str = "kernel") -> Cost:
    batch, spatial, _ = _image(a, "inputs")
    shape = _shape(a[kernel])
    positions = batch * _steps(spatial, a["strides"])
    channels = math.prod(shape[-2:]) if kernel != "kernel" else shape[-1]
    return positions * channels, positions * math.prod(shape)


def _depthwise(a: Arguments) -> Cost:
    return _convolved({**a, "depthwise_kernel": a["kernel"]}, "depthwise_kernel")


def _separable(a: Arguments) -> Cost:
    cells, work = _convolved(a, "depthwise_kernel")
    pointwise = _shape(a["pointwise_kernel"])
    return max(cells, cells // max(1, pointwise[-2]) * pointwise[-1]), work + cells * pointwise[-1]


def _transposed(a: Arguments) -> Cost:
    batch, spatial, _ = _image(a, "inputs")
    kernel, rank = _shape(a["kernel"]), len(spatial)
    strides, dilation = _sizes(a["strides"], rank), _sizes(a["dilation_rate"], rank)
    more = _sizes(a["output_padding"] or 0, rank)
    sizes = (n * s + k * d + p for n, s, k, d, p in zip(spatial, strides, kernel, dilation, more, strict=False))
    return batch * math.prod(sizes) * kernel[-2], batch * math.prod(spatial) * math.prod(kernel)


def _pooled(a: Arguments) -> Cost:
    batch, spatial, channels = _image(a, "inputs")
    size = _sizes(a["pool_size"], len(spatial))
    cells = batch * channels * _steps(spatial, a["strides"] or size)
    return cells, cells * math.prod(size)


def _resized(name: str, argument: str) -> Callable[[Arguments], Cost]:
    def cost(a: Arguments) -> Cost:
        batch, spatial, channels = _image(a, name)
        return batch * channels * math.prod(_sizes(a[argument], len(spatial))), 0

    return cost


def _patches(a: Arguments) -> Cost:
    batch, spatial, channels = _image(a, "images")
    size = _sizes(a["size"], len(spatial))
    return batch * channels * _steps(spatial, a["strides"] or size) * math.prod(size), 0


def _unfolded(a: Arguments) -> Cost:
    batch, channels, *spatial = _shape(a["x"])
    padded = [n + 2 * p for n, p in zip(spatial, _sizes(a["padding"], 2), strict=True)]
    return batch * channels * math.prod(_sizes(a["kernel_size"], 2)) * _steps(padded, a["stride"]), 0


def _folded(a: Arguments) -> Cost:
    sizes = zip(_sizes(a["output_size"], 2), _sizes(a["padding"], 2), strict=True)
    return math.prod(_shape(a["x"])[:2]) * math.prod(n + 2 * p for n, p in sizes), 0


def _padded(a: Arguments) -> Cost:
    shape, width = _shape(a["x"]), np.asarray(a["pad_width"])
    before, after = np.broadcast_to(width, (len(shape), 2)).T.tolist()
    return math.prod(n + b + e for n, b, e in zip(shape, before, after, strict=True)), 0


def _padded_images(a: Arguments) -> Cost:
    batch, (height, width), channels = _image(a, "images")
    height = max(height + (a["top_padding"] or 0) + (a["bottom_padding"] or 0), a["target_height"] or 0)
    width = max(width + (a["left_padding"] or 0) + (a["right_padding"] or 0), a["target_width"] or 0)
    return batch * height * width * channels, 0


def _product(a: Arguments, one: str = "x1", other: str = "x2") -> Cost:
    """Of matrices, with whatever axes before the last two."""
    s, t = (_shape(a[name]) for name in (one, other))
    s, t = (1, *s) if len(s) < 2 else s, (*t, 1) if len(t) < 2 else t
    cells = math.prod(np.broadcast_shapes(s[:-2], t[:-2])) * s[-2] * t[-1]
    return cells, cells * s[-1]


def _sums(a: Arguments) -> Cost:
    """Of products over the last axis of x1 and one of x2."""
    s, t = _shape(a["x1"]), _shape(a["x2"])
    inner = s[-1] if s and t else 1
    cells = math.prod(s) * math.prod(t) // max(1, inner) ** 2
    return cells, cells * inner


def _tensordot(a: Arguments) -> Cost:
    s, t, axes = _shape(a["x1"]), _shape(a["x2"]), a["axes"]
    over = s[len(s) - axes :] if isinstance(axes, int) else [s[axis] for axis in np.ravel(axes[0]).tolist()]
    inner = math.prod(over)
    cells = math.prod(s) * math.prod(t) // max(1, inner) ** 2
    return cells, cells * inner


def _einsum(a: Arguments) -> Cost:
    given, _, result = a["subscripts"].replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    open_axes = ""  # letters for "...", counted from its end
    for letters, operand in zip(given.split(","), a["operands"], strict=True):
        shape = _shape(operand)
        more = "".join(map(chr, range(0x100, 0x100 + len(shape) - len(letters.replace("...", "")))))[::-1]
        open_axes = max(open_axes, more, key=len)
        for letter, n in zip(letters.replace("...", more), shape, strict=True):
            sizes[letter] = max(n, sizes.get(letter, 1))
    every = math.prod(sizes.values())
    kept = result.replace("...", open_axes) if "->" in a["subscripts"] else [c for c in sizes if given.count(c) < 2]
    return every if len(a["operands"]) > 2 else math.prod(sizes[letter] for letter in kept), every


def _times(*names: str) -> Callable[[Arguments], Cost]:
    """The product of the cells of arrays and of the numbers in arguments."""

    def cost(a: Arguments) -> Cost:
        return math.prod(_cells(a[name]) if hasattr(a[name], "shape") else math.prod(_sizes(a[name], 1)) for name in names), 0

    return cost


def _joined(*names: str) -> Callable[[Arguments], Cost]:
    """Half of all cells: these ops need nothing beside their result, and what they give is often the largest tensor of a model."""

    def cost(a: Arguments) -> Cost:
        return sum(sum(map(_cells, a[name])) if isinstance(a[name], (list, tuple)) else _cells(a[name]) for name in names) // 2, 0

    return cost


def _diagonal(a: Arguments) -> Cost:
    return (_cells(a["x"]) + abs(a["k"])) ** 2 if len(_shape(a["x"])) < 2 else 0, 0


def _taken(a: Arguments) -> Cost:
    shape, chosen = _shape(a["x"]), _cells(a["indices"])
    return chosen if a["axis"] is None else math.prod(shape) // max(1, shape[a["axis"]]) * chosen, 0


def _item(a: Arguments) -> Cost:
    key = a["key"] if isinstance(a["key"], tuple) else (a["key"],)
    lists = [part for part in key if isinstance(part, list) or hasattr(part, "shape")]
    return _cells(a["x"]) * math.prod(map(_cells, lists)), 0


def _quantiles(a: Arguments) -> Cost:
    return _cells(a["x"]) * _cells(a["q"]), 0


def _parts(a: Arguments) -> Cost:
    sections = a["indices_or_sections"]
    return _OBJECT * (sections if isinstance(sections, int) else len(sections)), 0


#: Op -> what it makes and computes with such arguments.
_COSTS: dict[str, Callable[[Arguments], Cost]] = {
    "adaptive_average_pool": _resized("inputs", "output_size"),
    "adaptive_max_pool": _resized("inputs", "output_size"),
    "affine": functools.partial(_product, one="x", other="kernel"),
    "append": _joined("x1", "x2"),
    "array_split": _parts,
    "average_pool": _pooled,
    "concatenate": _joined("xs"),
    "conv": _convolved,
    "conv_transpose": _transposed,
    "depthwise_conv": _depthwise,
    "diag": _diagonal,
    "diagflat": lambda a: ((_cells(a["x"]) + abs(a["k"])) ** 2, 0),
    "diff": lambda a: (0, a["n"] * _cells(a["a"])),
    "dot": _sums,
    "dsplit": _parts,
    "dstack": _joined("xs"),
    "einsum": _einsum,
    "extract_patches": _patches,
    "fold": _folded,
    "gaussian_blur": lambda a: (0, _cells(a["images"]) * math.prod(_sizes(a["kernel_size"], 2))),
    "get_item": _item,
    "hsplit": _parts,
    "hstack": _joined("xs"),
    "inner": _sums,
    "matmul": _product,
    "max_pool": _pooled,
    "meshgrid": lambda a: (len(a["x"]) * math.prod(map(_cells, a["x"])), 0),
    "nanpercentile": _quantiles,
    "nanquantile": _quantiles,
    "one_hot": _times("x", "num_classes"),
    "outer": _times("x1", "x2"),
    "pad": _padded,
    "pad_images": _padded_images,
    "percentile": _quantiles,
    "quantile": _quantiles,
    "repeat": _times("x", "repeats"),
    "resize": _resized("images", "size"),
    "segment_sum": lambda a: ((a["num_segments"] or 1) * math.prod(_shape(a["data"])[1:]), 0),
    "separable_conv": _separable,
    "split": _parts,
    "ssim": lambda a: (0, _cells(a["image1"]) * a["filter_size"] ** 2),
    "stack": _joined("x"),
    "take": _taken,
    "tensordot": _tensordot,
    "tile": _times("x", "repeats"),
    "unfold": _unfolded,
    "unstack": lambda a: (_OBJECT * _shape(a["x"])[a["axis"]], 0),
    "vsplit": _parts,
    "vstack": _joined("xs"),
}
