"""Arrays of other libraries, on the same memory."""

from __future__ import annotations

import numpy as np
import pytest

import tinycnn
from tinycnn import Tensor, Variable, ops
from tinycnn.errors import DTypeError


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint8", "int32", "int64", "bool"])
def test_dlpack_shares_the_memory_both_ways(dtype: str) -> None:
    tensor = Tensor(np.ones((2, 3), dtype))
    array = np.from_dlpack(tensor)
    assert array.dtype == dtype
    assert np.shares_memory(array, tensor.numpy())
    back = tinycnn.from_dlpack(array)
    assert isinstance(back, Tensor)
    assert np.shares_memory(back.numpy(), tensor.numpy())
    assert tensor.__dlpack_device__() == (1, 0)
    assert tinycnn.from_dlpack is ops.from_dlpack


def test_dlpack_keeps_strides_and_takes_tensors() -> None:
    array = np.arange(24.0).reshape(4, 6)[::2, ::3]
    got = ops.from_dlpack(array)
    np.testing.assert_array_equal(got.numpy(), array)
    assert got.numpy().strides == array.strides
    np.testing.assert_array_equal(ops.from_dlpack(Variable([1.0, 2.0])).numpy(), [1, 2])


@pytest.mark.parametrize("x", [None, [1.0], "text", np.zeros(2, ">f4"), np.zeros(2, object), np.zeros(2, complex)])
def test_what_dlpack_cannot_share_is_refused(x) -> None:
    with pytest.raises(DTypeError):
        ops.from_dlpack(x)


def test_float16_is_copied_to_float32() -> None:
    got = ops.from_dlpack(np.array([1.5], np.float16))
    assert got.dtype == np.float32
    assert got.tolist() == [1.5]


def test_array_without_a_copy() -> None:
    tensor = Tensor([1.0, 2.0])
    assert np.asarray(tensor) is tensor.numpy()
    assert np.array(tensor) is not tensor.numpy()
    assert tensor.__array__(copy=True) is not tensor.numpy()
    assert np.asarray(tensor, np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="without a copy"):
        tensor.__array__(np.dtype(np.float64), copy=False)


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    tensor = Tensor([[1.0, 2.0]])
    theirs = torch.from_dlpack(tensor)
    theirs += 1
    assert tensor.tolist() == [[2, 3]]
    ours = tinycnn.from_dlpack(theirs)
    ours.data[0, 0] = 7
    assert theirs.tolist() == [[7, 3]]
    np.testing.assert_array_equal(tinycnn.from_dlpack(torch.arange(6).reshape(2, 3).T).numpy(), np.arange(6).reshape(2, 3).T)
    assert np.shares_memory(ops.convert_to_tensor(theirs).numpy(), tensor.numpy())
    for tensor_of_torch in (torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.bfloat16)):
        with pytest.raises(DTypeError, match="DLPack"):
            tinycnn.from_dlpack(tensor_of_torch)
