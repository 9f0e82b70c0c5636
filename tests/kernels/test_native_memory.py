"""The caching allocator: alignment, reuse, and blocks that live exactly as long as the arrays over them."""

import gc

import numpy as np
import pytest

from tinycnn.kernels import native

pytest.importorskip("tinycnn.kernels._native", reason="the C kernels are not built")


@pytest.fixture
def kernels():
    return native.load()


def in_use():
    gc.collect()
    return native.allocator_stats()["bytes_in_use"]


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (7, 5), (1000, 33), (3, 1 << 20)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_are_aligned_contiguous_and_writable(kernels, shape, dtype):
    array = kernels.empty(shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert array.ctypes.data % 64 == 0 or array.size == 0
    array[...] = 1
    assert (array == 1).all()


def test_arrays_do_not_overlap(kernels):
    sizes = [1, 15, 16, 17, 100, 511, 512, 513, 4097, 70001]
    arrays = [kernels.empty((size,), np.float32) for size in sizes]
    for i, array in enumerate(arrays):
        array[:] = i
    assert all((array == i).all() for i, array in enumerate(arrays))


def test_a_freed_block_is_used_again(kernels):
    kernels.empty((12345,), np.float32)  # made and freed at once
    before = native.allocator_stats()
    if before["bytes_cached"] == 0:
        pytest.skip("built with AddressSanitizer, which caches nothing")
    for _ in range(50):
        kernels.empty((12345,), np.float32)
    after = native.allocator_stats()
    assert after["requests"] == before["requests"] + 50
    assert after["system_requests"] == before["system_requests"]


def test_a_view_keeps_its_block(kernels):
    before = in_use()
    array = kernels.empty((1000,), np.float64)
    array[:] = np.arange(1000)
    view = array[990:].reshape(2, 5)
    del array
    kernels.empty((1000,), np.float64)[:] = -1
    assert in_use() > before
    np.testing.assert_array_equal(view.ravel(), np.arange(990, 1000))
    del view
    assert in_use() == before


def test_the_cache_can_be_emptied(kernels):
    kernels.empty((100000,), np.float32)
    native.trim()
    assert native.allocator_stats()["bytes_cached"] == 0


def test_kernels_give_back_all_they_take(kernels):
    x = np.ones((300, 200), np.float32)
    mean, variance = kernels.batch_norm_moments(x)
    before = in_use()
    for _ in range(20):
        kernels.sum_rows(x)
        kernels.batch_norm_backward(x, x, mean, variance, mean, 1e-3, training=True)
        kernels.matmul(x, x, transpose_b=True)
    assert in_use() == before
