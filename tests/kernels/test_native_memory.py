"""The caching allocator: alignment, reuse, and blocks that live exactly as long as the arrays over them."""

import gc
import itertools
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinycnn.kernels import native

pytest.importorskip("tinycnn.kernels._native", reason="the C kernels are not built")


@pytest.fixture
def kernels():
    return native.load()


@pytest.fixture
def cached(kernels):
    """For what only an allocator that keeps memory can do."""
    kernels.empty((12345,), np.float32)
    if native.allocator_stats()["bytes_cached"] == 0:
        pytest.skip("built with AddressSanitizer, which caches nothing")


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


@pytest.mark.usefixtures("cached")
def test_a_freed_block_is_used_again(kernels):
    kernels.empty((12345,), np.float32)  # made and freed at once
    before = native.allocator_stats()
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


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 3_000_000)), min_size=1, max_size=120))
@settings(max_examples=40, deadline=None)
def test_blocks_of_any_sizes_in_any_order_keep_their_values(steps):
    kernels, held = native.load(), {}
    before = in_use()
    for number, (slot, size) in enumerate(steps):
        array, value = held.pop(slot, (None, None))
        if array is not None:
            assert (array == value).all()
        del array
        held[slot] = kernels.empty((size,), np.uint8), number % 251
        held[slot][0][...] = number % 251
    assert all((array == value).all() for array, value in held.values())
    addresses = sorted((array.ctypes.data, array.nbytes) for array, _ in held.values())
    assert all(a + n <= b for (a, n), (b, _) in itertools.pairwise(addresses))
    held.clear()
    assert in_use() == before


def in_a_process(code):
    """What a fresh interpreter prints, in which nobody else uses the allocator."""
    start = "import numpy as np\nfrom tinycnn.kernels import native\nkernels = native.load()\nstats = native.allocator_stats\n"
    run = subprocess.run([sys.executable, "-P", "-c", start + textwrap.dedent(code)], capture_output=True, text=True, check=True)
    return run.stdout.split()


@pytest.mark.usefixtures("cached")
def test_free_neighbours_become_one_block():
    found = in_a_process("""
        parts = [kernels.empty((300_000,), np.float32) for _ in range(10)]
        before = stats()["system_requests"]
        address = parts[0].ctypes.data
        del parts
        whole = kernels.empty((3_000_000,), np.float32)
        print(whole.ctypes.data == address, stats()["system_requests"] - before)
    """)
    assert found == ["True", "0"]


@pytest.mark.usefixtures("cached")
def test_a_step_stays_within_what_it_needs_at_a_time():
    requests, largest = in_a_process("""
        def step():
            a = [kernels.empty((n,), np.uint8) for n in (900_000, 70_000, 400_000)]
            first = a[0].ctypes.data
            del a[1:]
            b = [kernels.empty((n,), np.uint8) for n in (300_000, 150_000)]
            return max(array.ctypes.data + array.nbytes for array in a + b) - first
        step()
        before = stats()["system_requests"]
        largest = max(step() for _ in range(5))
        print(stats()["system_requests"] - before, largest)
    """)
    assert requests == "0"
    assert int(largest) < 1_360_000


def test_the_cache_can_be_emptied():
    assert in_a_process("""
        for shape in ((3,), (100_000,), (30_000_000,)):
            kernels.empty(shape, np.float32)
        x = np.ones((200, 300), np.float32)
        kernels.matmul(x, x, transpose_b=True)
        native.trim()
        print(stats()["bytes_cached"])
    """) == ["0"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.usefixtures("cached")
def test_a_small_array_does_not_keep_the_memory_of_large_ones():
    before, after, kept = in_a_process("""
        def resident():
            return int(open("/proc/self/statm").read().split()[1]) * 4096
        before = resident()
        large = kernels.empty((20_000_000,), np.uint8)
        large[...] = 1
        small = kernels.empty((5_000,), np.uint8)
        small[...] = 7
        del large
        native.trim()
        print(before, resident(), (small == 7).all())
    """)
    assert int(after) - int(before) < 6 << 20
    assert kept == "True"


def test_much_free_memory_goes_back_by_itself():
    cached = in_a_process("""
        arrays = [kernels.empty((60 << 20,), np.uint8) for _ in range(12)]
        del arrays
        print(stats()["bytes_cached"])
    """)
    assert int(cached[0]) <= 512 << 20


def test_kernels_give_back_all_they_take(kernels):
    x = np.ones((300, 200), np.float32)
    mean, variance = kernels.batch_norm_moments(x)
    before = in_use()
    for _ in range(20):
        kernels.sum_rows(x)
        kernels.batch_norm_backward(x, x, mean, variance, mean, 1e-3, training=True)
        kernels.matmul(x, x, transpose_b=True)
    assert in_use() == before
