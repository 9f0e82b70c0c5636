"""check_grads and compare_backends must be able to fail."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import Tensor, backend, ops
from tinycnn.testing import CheckError, check_grads, compare_backends


def test_check_grads_finds_a_wrong_gradient() -> None:
    x = np.array([1.0, 2.0])
    check_grads(ops.square, x)
    with pytest.raises(CheckError, match=r"input 0 is .* at \(0,\)"):
        check_grads(lambda t: ops.square(t.detach()) + t, x)
    with pytest.raises(CheckError, match="input 1"):
        check_grads(lambda a, b: a * b.detach() + b * 0, x, x)


def test_check_grads_leaves_the_inputs_alone() -> None:
    x = np.array([1.0, 2.0])
    check_grads(ops.exp, x)
    np.testing.assert_array_equal(x, [1, 2])


def test_compare_backends_finds_a_difference() -> None:
    results = compare_backends(lambda: ops.relu(np.array([-1.0, 2.0])))
    assert "numpy" in results
    for result in results.values():
        np.testing.assert_array_equal(result, [0, 2])
    with pytest.raises(CheckError, match="backend 'numba' is 2"):
        compare_backends(lambda: Tensor([1.0 if backend() == "numpy" else 2.0]), backends=("numba",))
