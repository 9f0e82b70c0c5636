"""Making batches ahead, in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

__all__ = ["prefetched"]


def prefetched(make: Callable[[Any], Any], keys: Iterable[Any], workers: int, ahead: int) -> Iterator[Any]:
    """`make(key)` for each key, in order, made by threads before it is asked for.

    An exception in `make` comes out in its place. Closing the iterator, by its end, an exception or `close()`, ends the threads: what is
    being made is waited for, what is not begun is dropped.

    Args:
        make: runs in several threads at once.
        keys: may be endless.
        workers: threads.
        ahead: results that may be ready or in the making.
    """
    source = iter(keys)
    with ThreadPoolExecutor(workers, "tinycnn-data") as pool:
        waiting: deque[Future[Any]] = deque(pool.submit(make, key) for key in islice(source, ahead))
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(make, key) for key in islice(source, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
