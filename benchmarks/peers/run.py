"""tinycnn and its peers, pairwise: `python benchmarks/peers/run.py --help`.

For each job and each peer two processes stand ready, tinycnn's and the peer's, and take short turns A B A B ... One turn of each is a
round, and gives one ratio; a neighbour's load on the machine hits both sides of it. The ratio told is the median of the rounds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import report
from process import PEERS, NotRunning, Worker
from workload import flop_per_image

#: Seconds between turns, for the threads of the last one to stop spinning (OpenBLAS's take 0.1, all others less than 0.05).
PAUSE = 0.15
#: How far a peer's prediction after the same steps may be from tinycnn's before it counts as doing another job. The peers
#: themselves differ by 1% (PyTorch adds epsilon elsewhere in Adam).
TOLERANCE = 0.03

#: What limits everybody to an instruction set.
ISA = {
    "x86_v3": {
        "TINYCNN_ISA": "x86_v3",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NUMBA_CPU_NAME": "haswell",
    }
}


@dataclass
class Pairing:
    """The turns of one peer and, beside each, tinycnn's: images per second. `skipped` says why there are none."""

    name: str
    theirs: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    skipped: str = ""


@dataclass
class Result:
    """One job. `fma_peak` is in FLOP/s over all threads; None if it is not known."""

    job: str
    batch: int
    ours: str
    flop_per_image: int
    fma_peak: float | None
    versions: dict[str, str]
    pairings: list[Pairing]


def main() -> None:
    options = _options()
    environment = os.environ | ISA.get(options.isa, {})
    results = []
    for job in options.job:
        try:
            results.append(measure(job, options, environment))
        except NotRunning as reason:
            sys.exit(f"{options.ours}: {reason}")
        report.print_table(results[-1])
    settings = {"threads": options.threads, "rounds": options.rounds, "seconds": options.seconds, "isa": options.isa}
    machine = report.machine()
    print(f"\n{machine['cpu']}, {machine['cores']} cores, {options.threads} threads, {options.isa or 'best'} instruction set")
    if options.json:
        report.write_json(options.json, results, machine | settings)
    if options.picture:
        report.write_picture(options.picture, results, machine | settings)


def measure(job: str, options: argparse.Namespace, environment: dict[str, str]) -> Result:
    """tinycnn against each of the peers asked for."""
    kind, batch = ("predict", 1) if job == "predict1" else (job, options.batch)

    def start(name: str) -> Worker:
        peer = PEERS[name]
        python = options.python if peer.external else sys.executable
        return Worker(python, peer, kind, batch, options.threads, environment)

    ours = start(options.ours)
    try:
        pairings = [_pair(name, start, ours, options) for name in options.peers if name != options.ours]
    finally:
        ours.close()
    fma_peak = options.peak * 1e9 if options.peak else ours.facts["fma_peak"]
    return Result(job, batch, options.ours, flop_per_image(kind), fma_peak, ours.facts["versions"], pairings)


def _pair(name: str, start: Callable[[str], Worker], ours: Worker, options: argparse.Namespace) -> Pairing:
    pairing = Pairing(name)
    try:
        theirs = start(name)
        try:
            _take_turns(pairing, ours, theirs, options)
        finally:
            theirs.close()
    except NotRunning as reason:
        pairing.skipped = str(reason)
    return pairing


def _take_turns(pairing: Pairing, ours: Worker, theirs: Worker, options: argparse.Namespace) -> None:
    pairing.versions = theirs.facts["versions"]
    check, wanted = theirs.facts["check"], ours.facts["check"]
    if abs(check - wanted) > TOLERANCE * wanted:
        raise NotRunning(f"failed: after the same steps it predicts {check:.4f} instead of {wanted:.4f}")
    our_steps, their_steps = _steps(ours, options.seconds), _steps(theirs, options.seconds)
    for _ in range(options.rounds):
        time.sleep(PAUSE)
        our_rate = ours.turn(our_steps)
        time.sleep(PAUSE)
        their_rate = theirs.turn(their_steps)
        pairing.ours.append(our_rate)
        pairing.theirs.append(their_rate)


def _steps(worker: Worker, seconds: float) -> int:
    """How many steps take about that long; found with two short turns."""
    rate = worker.turn(2)
    rate = worker.turn(max(2, int(0.1 * rate / worker.batch)))
    return max(1, round(seconds * rate / worker.batch))


def _options() -> argparse.Namespace:
    peers = list(PEERS)
    parser = argparse.ArgumentParser(description="tinycnn against other frameworks on the tutorial's network, pairwise")
    parser.add_argument("--job", nargs="+", default=["train"], choices=["train", "predict", "predict1"], help="predict1: batch 1")
    parser.add_argument("--batch", type=int, default=64, help="images a step (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each side (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn (default: %(default)s)")
    parser.add_argument("--ours", default="tinycnn", choices=peers, metavar="NAME", help="the A of A B A B (default: %(default)s)")
    parser.add_argument(
        "--peers", nargs="+", default=peers, choices=peers, metavar="NAME", help=f"the Bs, of {', '.join(peers)} (default: all)"
    )
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the other frameworks (default: this one)")
    parser.add_argument("--isa", choices=sorted(ISA), help="limit everybody to this instruction set (x86_v3: AVX2)")
    parser.add_argument("--peak", type=float, metavar="GFLOPS", help="FMA peak of all threads (default: as the C kernels measure it)")
    parser.add_argument("--json", type=Path, help="write everything that was measured here")
    parser.add_argument("--picture", type=Path, help="draw it (needs matplotlib)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
