"""What an op is expected to make, before it runs, is at least what it makes; and little more."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from tinycnn import ops, registry  # noqa: F401  (ops fills the table)
from tinycnn.errors import DataError
from tinycnn.saving import budget, op_limits


def of(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


IMAGES, KERNEL = of(2, 9, 8, 3), of(3, 2, 3, 4)
#: Op -> calls of it.
CALLS: dict[str, list[tuple[Any, ...]]] = {
    "adaptive_average_pool": [(IMAGES, 5), (IMAGES, (12, 7)), (of(2, 3, 9, 8), (4, 4), "channels_first")],
    "adaptive_max_pool": [(IMAGES, (12, 7))],
    "affine": [(of(5, 6), of(6, 7))],
    "append": [(of(3, 4), of(5))],
    "array_split": [(of(9, 4), 4), (of(9, 4), [2, 5], 0)],
    "average_pool": [(IMAGES, 2), (IMAGES, (3, 2), 1, "same"), (of(2, 9, 3), 2)],
    "concatenate": [([of(2, 3), of(4, 3)],)],
    "conv": [
        (IMAGES, KERNEL),
        (IMAGES, KERNEL, 1, "same"),
        (IMAGES, KERNEL, (2, 3)),
        (of(2, 3, 9, 8), KERNEL, 1, "same", "channels_first"),
    ],
    "conv_transpose": [(IMAGES, of(3, 2, 4, 3)), (IMAGES, of(3, 2, 4, 3), 2, "same"), (IMAGES, of(3, 2, 4, 3), 3, "valid", 2)],
    "depthwise_conv": [(IMAGES, of(3, 2, 3, 2)), (IMAGES, of(3, 2, 3, 2), 2, "same")],
    "diag": [(of(5),), (of(5), -3), (of(5, 5), 1)],
    "diagflat": [(of(5, 2), 2)],
    "diff": [(of(5, 6), 2)],
    "dot": [(of(5, 6), of(6, 7)), (of(6), of(6)), (of(2, 5, 6), of(3, 6, 7))],
    "dsplit": [(of(2, 2, 6), 3)],
    "dstack": [([of(2, 3), of(2, 3)],)],
    "einsum": [
        ("ab,cd->abcd", of(2, 3), of(4, 5)),
        ("bij,bkj->bik", of(2, 3, 4), of(2, 5, 4)),
        ("ij,jk", of(2, 3), of(3, 4)),
        ("...ij,...jk->...ik", of(2, 5, 3, 4), of(5, 4, 6)),
        ("...i,i", of(2, 3), of(3)),
    ],
    "extract_patches": [(IMAGES, 3), (IMAGES, (3, 2), 1, 1, "same")],
    "fold": [(of(2, 12, 12), (4, 5), 2)],
    "gaussian_blur": [(IMAGES,)],
    "get_item": [(of(4, 5), (slice(None), [0, 1, 1])), (of(4, 5), np.array([0, 1, 2, 3, 1])), (of(4, 5), 2), (of(4, 5), (Ellipsis, None))],
    "hsplit": [(of(2, 6), 3)],
    "hstack": [([of(2, 3), of(2, 3)],)],
    "inner": [(of(5, 6), of(7, 6)), (of(6), of(6))],
    "matmul": [(of(5, 6), of(6, 7)), (of(2, 1, 5, 6), of(3, 6, 7)), (of(6), of(6, 7)), (of(5, 6), of(6))],
    "max_pool": [(IMAGES, 2, None, "same")],
    "meshgrid": [(of(4), of(5), of(2))],
    "nanpercentile": [(of(4, 5), of(3), 0)],
    "nanquantile": [(of(4, 5), of(3), 0)],
    "one_hot": [(np.zeros((3, 4), np.int64), 6)],
    "outer": [(of(4, 2), of(5))],
    "pad": [(of(4, 5), 2), (of(4, 5), ((1, 2), (0, 3))), (of(4, 5), (1, 2))],
    "pad_images": [(IMAGES, 1, 2, 3, 4), (IMAGES, 1, 2, None, None, 20, 30), (of(3, 20, 30), 1, 2, 3, 4, None, None, "channels_first")],
    "percentile": [(of(4, 5), of(3), 0)],
    "quantile": [(of(4, 5), of(3))],
    "repeat": [(of(4, 5), 3), (of(4, 5), 3, 1)],
    "resize": [(IMAGES, (20, 5)), (of(9, 8, 3), (20, 5))],
    "segment_sum": [(of(4, 5), np.array([0, 1, 1, 0]), 9)],
    "separable_conv": [(IMAGES, of(3, 2, 3, 2), of(1, 1, 6, 9)), (IMAGES, of(3, 2, 3, 2), of(1, 1, 6, 2), 2, "same")],
    "split": [(of(4, 5), 2), (of(4, 5), [1, 2], 1)],
    "ssim": [(of(2, 12, 12, 1), of(2, 12, 12, 1))],
    "stack": [([of(2, 3), of(2, 3)],)],
    "take": [(of(4, 5), [0, 1, 3, 2, 1], 1), (of(4, 5), np.zeros((3, 3), int)), (of(4, 5), np.zeros((3, 3), int), -1)],
    "tensordot": [(of(4, 5), of(4, 5), 0), (of(4, 5), of(5, 6), 1), (of(4, 5), of(5, 4), [[0, 1], [1, 0]]), (of(4, 5), of(5, 6), [1, 0])],
    "tile": [(of(4, 5), 3), (of(4, 5), (2, 3, 4))],
    "unfold": [(of(2, 3, 6, 7), 2), (of(2, 3, 6, 7), (3, 2), 1, 1, 2)],
    "unstack": [(of(4, 5), None, 1)],
    "vsplit": [(of(6, 2), 3)],
    "vstack": [([of(2, 3), of(2, 3)],)],
}


JOINING = ("append", "concatenate", "dstack", "hstack", "stack", "vstack")
#: Only their work, or only some calls, may be large.
KEEPING = ("diag", "diff", "gaussian_blur", "ssim")


def test_every_op_of_the_table_has_a_case() -> None:
    assert CALLS.keys() == op_limits._COSTS.keys() <= {registry.lookup("operation", name).__name__ for name in registry.names("operation")}


@pytest.mark.parametrize("name", CALLS)
def test_it_makes_no_more_than_was_expected(name: str) -> None:
    function = registry.lookup("operation", name)
    for arguments in CALLS[name]:
        bound = inspect.signature(function).bind(*arguments)
        bound.apply_defaults()
        cells, work = op_limits._COSTS[name](bound.arguments)
        results = function(*arguments)
        made = sum(result.size for result in results) if isinstance(results, list) else results.size
        if name in JOINING:  # half of it is counted
            assert made // 2 == cells
        elif cells or name not in KEEPING:
            assert made <= cells <= 4 * made + 5200
        assert work < 1e6


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("repeat", (of(1, 2**20), 250, 1)),
        ("tile", (of(1, 2**20), (1, 4000))),
        ("concatenate", ([of(2**16)] * 3000,)),
        ("get_item", (of(1, 2**20), ([0] * 100,))),
        ("unstack", (of(2**20),)),
        ("matmul", (of(8192, 1024), of(1024, 32768))),
        ("max_pool", (of(1, 1024, 1024, 8), 512, 1)),
        ("diff", (of(2**20), 2**20)),
    ],
)
def test_too_much_is_refused_in_files_only(name: str, arguments: tuple[Any, ...]) -> None:
    calls: list[str] = []

    def harmless(*args: Any, **kwargs: Any) -> str:
        calls.append(name)
        return name

    harmless.__name__ = name
    harmless.__signature__ = inspect.signature(registry.lookup("operation", name))  # type: ignore[attr-defined]
    limited = op_limits.bounded(harmless)
    assert limited(*arguments) == name
    calls.clear()
    with budget.limited(9), pytest.raises(DataError, match=f"{name} would (make|compute)"):
        limited(*arguments)
    assert not calls


def test_all_trials_of_a_file_have_one_limit_of_work() -> None:
    def matmul(x1: Any, x2: Any) -> None: ...

    limited = op_limits.bounded(matmul)
    one, other = of(2048, 2048), of(2048, 4096)
    with budget.limited(9):
        for _ in range(7):
            limited(one, other)
        with pytest.raises(DataError, match="would compute too long"):
            for _ in range(2):
                limited(one, other)
    with budget.limited(9):
        limited(one, other)
