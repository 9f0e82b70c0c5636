"""One peer in a process of its own: `python worker.py MODULE MODE JOB BATCH THREADS`, driven by lines.

It first says one of

    ready {json facts}      after warming up
    missing reason          what it needs is not installed
    failed reason

and then answers every line "n" with the seconds that n steps took, until its input ends. Between lines it sleeps in a read.
A module peer_<name>.py has a class `Peer(mode, work)` with

    versions                {package: version}, and whatever else should be told
    fma_peak                optional: FLOP per second of all threads at best, or None
    train(i), predict(i)    one step on batch i; what they return becomes an array, once computed, under `np.asarray`
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

#: Steps before the clock, enough for every compiler to have finished.
WARM_UP = 10


def main(module: str, mode: str, job: str, batch: str, threads: str) -> None:
    answers = _private_stdout()
    _limit_threads(int(threads))

    def say(line: str) -> None:
        print(line, file=answers, flush=True)

    try:
        peer, work = _load(module, mode, int(batch))
        step = {"train": peer.train, "predict": peer.predict}[job]
        _run(step, 0, WARM_UP, len(work))
        facts = {"versions": peer.versions, "fma_peak": getattr(peer, "fma_peak", None), "check": _check(peer, work)}
    except ModuleNotFoundError as error:
        say(f"missing {_one_line(error)}")
        return
    except Exception as error:
        say(f"failed {type(error).__name__}: {_one_line(error)}")
        raise
    say(f"ready {json.dumps(facts)}")
    done = WARM_UP
    for line in sys.stdin:
        steps = int(line)
        start = time.perf_counter()
        _run(step, done, steps, len(work))
        say(repr(time.perf_counter() - start))
        done += steps


def _private_stdout() -> Any:
    """The stream for answers; whatever a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _limit_threads(threads: int) -> None:
    """Set before the imports: some libraries read the variables, others (XLA, TensorFlow) count the cores they may use."""
    for library in ("TINYCNN", "OMP", "MKL", "OPENBLAS", "NUMBA"):
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _load(module: str, mode: str, batch: int) -> tuple[Any, Any]:
    peer_module = importlib.import_module(module)
    from workload import Workload

    work = Workload(batch)
    return peer_module.Peer(mode, work), work


def _run(step: Any, first: int, steps: int, batches: int) -> None:
    """`steps` steps over the batches in turn; returns when the last is computed."""
    import numpy as np

    last = None
    for i in range(first, first + steps):
        last = step(i % batches)
    np.asarray(last)


def _check(peer: Any, work: Any) -> float:
    """The mean probability given to the right class of batch 0. It depends on all that was computed so far."""
    import numpy as np

    probabilities = np.asarray(peer.predict(0))
    return float(np.take_along_axis(probabilities, work.labels[0][:, None], 1).mean())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


if __name__ == "__main__":
    main(*sys.argv[1:])
