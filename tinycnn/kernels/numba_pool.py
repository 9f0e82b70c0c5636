"""How the Numba kernels run in parallel: compiled without the GIL, over fixed chunks, on a pool of Python threads.

Numba's own layers are not used. "workqueue" aborts the process when two threads call into it
(https://numba.readthedocs.io/en/stable/user/threading-layer.html), GNU OpenMP ends a child forked after its first use, TBB is not
always there, and each makes every kernel compile several times longer. A chunk here is a range of items cut by shape alone, so
the results are the same for any number of threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from numba import njit

from tinycnn.config import default_num_threads

__all__ = ["chunk_size", "jit", "run", "set_num_threads"]

#: About this many inner operations make a chunk: some 50 microseconds, well above what handing one over costs.
OPERATIONS_PER_CHUNK = 1 << 21

_num_threads = default_num_threads()
_pool: ThreadPoolExecutor | None = None
_lock = threading.Lock()  # of these two


def jit(function: Callable[..., Any]) -> Any:
    """Compile without the GIL, division as in NumPy, a * b + c in one rounding; kept on disk where a folder can be written.

    What is kept is compiled anew when the file of `function` changes, not when that of a function it calls does: whoever edits a kernel
    that modules share removes tinycnn/kernels/__pycache__/*.nb*.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # no place for the cache: compile in each process
        return njit(**options)(function)


def chunk_size(items: int, operations: int) -> int:
    """How many of `items` make a chunk if all of them together are that many inner operations."""
    return max(1, items * OPERATIONS_PER_CHUNK // max(operations, 1))


def run(kernel: Callable[..., Any], items: int, size: int, *arguments: Any) -> None:
    """kernel(*arguments, start, stop) for every chunk of `size` out of range(items); the caller works beside the pool."""
    starts = iter(range(0, items, size))  # shared: `next` is atomic

    def work() -> None:
        for start in starts:
            kernel(*arguments, start, min(start + size, items))

    num_threads, pool = _team()
    helpers = min(num_threads, -(-items // size)) - 1
    futures = [pool.submit(work) for _ in range(helpers)]
    work()
    for future in futures:
        if not future.cancel():  # running, or done
            future.result()


def set_num_threads(num_threads: int) -> None:
    """Threads that `run` uses, the caller's included. Whoever works on the old pool finishes there."""
    global _num_threads, _pool
    with _lock:
        if num_threads != _num_threads:
            _num_threads, _pool = num_threads, None


def _team() -> tuple[int, ThreadPoolExecutor]:
    """How many threads to use, and the pool of all but the caller's."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(1, _num_threads - 1), thread_name_prefix="tinycnn")  # which starts none before it is needed
        return _num_threads, _pool


def _begin_anew() -> None:
    """In a forked child: threads do not survive a fork, nor does a lock that one of them held."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
