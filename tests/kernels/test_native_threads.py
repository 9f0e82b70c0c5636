"""The thread pool under callers, forks and resizing."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tinycnn.errors import ArgumentError
from tinycnn.kernels import native

pytest.importorskip("tinycnn.kernels._native", reason="the C kernels are not built")


@pytest.fixture(autouse=True)
def settings_restored():
    threads = native.get_num_threads()
    yield
    native.set_num_threads(threads)


@pytest.fixture
def kernels():
    return native.load()


def test_the_number_of_threads_is_kept_and_checked():
    native.set_num_threads(3)
    assert native.get_num_threads() == 3
    for bad in (0, -1, 1.5, "2", True, 10**9):
        with pytest.raises(ArgumentError, match="num_threads must be an int from 1 to"):
            native.set_num_threads(bad)
    assert native.get_num_threads() == 3


def test_eight_callers_at_once_each_get_their_own_result(kernels):
    native.set_num_threads(2)
    inputs = [np.random.default_rng(seed).normal(size=(64, 40, 40)).astype(np.float32) for seed in range(8)]
    expected = [kernels.bias_activation_forward("tanh", x, None).tobytes() for x in inputs]

    def call(i):
        return all(kernels.bias_activation_forward("tanh", inputs[i], None).tobytes() == expected[i] for _ in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(8)))


def test_the_pool_may_be_resized_while_others_use_it(kernels):
    x = np.random.default_rng(0).normal(size=(200, 1000)).astype(np.float32)
    expected = kernels.sum_rows(x).tobytes()
    with ThreadPoolExecutor(3) as pool:
        results = [pool.submit(lambda: kernels.sum_rows(x).tobytes()) for _ in range(300)]
        for threads in [1, 4, 2, 3] * 10:
            native.set_num_threads(threads)
        assert all(result.result() == expected for result in results)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_makes_its_own_pool():
    code = """
import os, threading
import numpy as np
from tinycnn.kernels import native
kernels = native.load()
native.set_num_threads(3)
x = np.ones((500, 500), np.float32)
before = kernels.bias_activation_forward("tanh", x, None).tobytes()
stop = threading.Event()
def busy():
    while not stop.is_set():
        kernels.bias_activation_forward("tanh", x, None)
others = [threading.Thread(target=busy) for _ in range(2)]
[t.start() for t in others]
children = []
for _ in range(20):  # forks while other threads are inside the pool and the allocator
    child = os.fork()
    if child == 0:
        same = all(kernels.bias_activation_forward("tanh", x, None).tobytes() == before for _ in range(5))
        os._exit(0 if same and native.get_num_threads() == 3 else 1)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
stop.set()
[t.join() for t in others]
assert kernels.bias_activation_forward("tanh", x, None).tobytes() == before
print(set(codes))
"""
    result = subprocess.run([sys.executable, "-P", "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60)
    assert result.stdout == "{0}\n", result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="limits the number of threads")
def test_without_threads_to_be_had_the_caller_works_alone():
    code = """
import resource
import numpy as np
from tinycnn.kernels import native
kernels = native.load()
native.set_num_threads(1)
x = np.ones((500, 500), np.float32)
alone = kernels.bias_activation_forward("tanh", x, None).tobytes()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**21, resource.RLIM_INFINITY))  # less than a thread's stack
def threads():
    return next(line for line in open("/proc/self/status") if line.startswith("Threads:"))
threads_before = threads()
native.set_num_threads(4)
together = kernels.bias_activation_forward("tanh", x, None)
no_more_threads = threads() == threads_before
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(together.tobytes() == alone, no_more_threads)
"""
    assert subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout == "True True\n"
