"""What was measured, as a table (Markdown), as JSON and as a picture."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from process import PEERS

if TYPE_CHECKING:
    from run import Pairing, Result

TITLES = {"train": "Training step", "predict": "Prediction", "predict1": "Prediction of one image"}


def machine() -> dict[str, Any]:
    """The processor's name and the cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": _cpu(), "cores": cores, "platform": platform.platform(), "python": platform.python_version()}


def ratios(pairing: Pairing) -> list[float]:
    """tinycnn's rate over the peer's, round by round."""
    return [a / b for a, b in zip(pairing.ours, pairing.theirs, strict=True)]


def roofline(result: Result) -> float | None:
    """Images per second of a dense implementation that does nothing but multiply-adds at the machine's peak."""
    return result.fma_peak / result.flop_per_image if result.fma_peak else None


def print_table(result: Result) -> None:
    print(f"\n{TITLES[result.job]}, batch {result.batch}, images/s\n")
    ours = PEERS[result.ours].label
    print(f"| | best | median | {ours} beside it | {ours} / peer | from - to | |")
    print("|---|--:|--:|--:|--:|--:|---|")
    for pairing in _fastest_first(result):
        told = sorted(ratios(pairing))
        print(
            f"| {PEERS[pairing.name].label} | {max(pairing.theirs):,.0f} | {median(pairing.theirs):,.0f} | {median(pairing.ours):,.0f} "
            f"| **{median(told):.2f}** | {told[0]:.2f} - {told[-1]:.2f} | {_versions(pairing.versions)} |"
        )
    line = roofline(result)
    if line and result.fma_peak:
        print(f"| *dense roofline, {result.fma_peak / 1e9:.0f} GFLOP/s* | {line:,.0f} | | | | | |")
    print(f"\n{ours}: {_versions(result.versions)}")
    for pairing in result.pairings:
        if pairing.skipped:
            print(f"{PEERS[pairing.name].label} is left out, {pairing.skipped}")


def write_json(path: Path, results: list[Result], settings: dict[str, Any]) -> None:
    jobs = []
    for result in results:
        job = asdict(result) | {"roofline": roofline(result)}
        for pairing, entry in zip(result.pairings, job["pairings"], strict=True):
            entry["ratios"] = ratios(pairing)
        jobs.append(job)
    path.write_text(json.dumps(settings | {"jobs": jobs}, indent=2) + "\n")


def write_picture(path: Path, results: list[Result], settings: dict[str, Any]) -> None:
    """A panel of bars for each job: median images per second, with the dense roofline where the FMA peak is known."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    heights = [1.5 + 0.32 * (1 + len(_fastest_first(result))) for result in results]
    figure, axes = plt.subplots(len(results), 1, figsize=(9, sum(heights)), height_ratios=heights, squeeze=False, layout="constrained")
    for panel, result in zip(axes[:, 0], results, strict=True):
        _draw(panel, result)
    figure.suptitle(f"{settings['cpu']}, {settings['threads']} threads, {settings['isa'] or 'best'} instruction set", fontsize=10)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _draw(panel: Any, result: Result) -> None:
    ours, pairings = PEERS[result.ours].label, _fastest_first(result)
    bars = []
    for pairing in pairings:
        rate, ratio = median(pairing.theirs), median(ratios(pairing))
        bars.append((PEERS[pairing.name].label, rate, f"  {rate:,.0f}   ({ratio:.2f}x)", _color(pairing)))
    if pairings:
        rate = median(rate for pairing in pairings for rate in pairing.ours)
        bars.append((ours, rate, f"  {rate:,.0f}", "#d1495b"))
    bars.sort(key=lambda bar: bar[1])
    for row, (_, rate, text, color) in enumerate(bars):
        panel.barh(row, rate, color=color)
        panel.text(rate, row, text, va="center", fontsize=9, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0}, zorder=3)
    panel.set_yticks(range(len(bars)), [label for label, *_ in bars])
    line = roofline(result)
    panel.set_xlim(0, 1.2 * max([1.15 * line if line else 1, *(rate for _, rate, *_ in bars)]))
    if line:
        panel.axvline(line, color="black", linestyle="--", linewidth=1)
        panel.text(line, -0.8, f"dense convolution at 100% of the FMA peak: {line:,.0f} ", fontsize=8, ha="right", va="center")
    panel.set_ylim(-1.2 if line else -0.6, len(bars) - 0.4)
    panel.set_title(f"{TITLES[result.job]}, batch {result.batch}: images per second ({ours} / peer)", loc="left", fontsize=11)
    panel.spines[["top", "right"]].set_visible(False)


def _color(pairing: Pairing) -> str:
    peer = PEERS[pairing.name]
    if not peer.external:
        return "#e8a5ae" if peer.module == "peer_tinycnn" else "#b8b8b8"
    return "#30638e" if peer.float32 else "#8fb3d1"


def _fastest_first(result: Result) -> list[Pairing]:
    return sorted((p for p in result.pairings if not p.skipped), key=lambda p: -median(p.theirs))


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()
