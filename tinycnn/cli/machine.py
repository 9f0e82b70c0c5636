"""`info`, `bench`, and the options that choose the kernels. Knows nothing of models, so that it answers at once."""

from __future__ import annotations

from argparse import Namespace

import tinycnn
from tinycnn.bench import run_bench

__all__ = ["bench", "info", "use_kernels"]


def info(arguments: Namespace) -> int:
    """What tinycnn runs on."""
    use_kernels(arguments)
    tinycnn.show_config()
    return 0


def bench(arguments: Namespace) -> int:
    """A short table of kernel timings."""
    use_kernels(arguments)
    run_bench(None if arguments.backend == "auto" else arguments.backend)
    return 0


def use_kernels(arguments: Namespace) -> None:
    """--backend and --threads."""
    if arguments.backend:
        tinycnn.use_backend(arguments.backend)
    if arguments.threads:
        tinycnn.set_num_threads(arguments.threads)
