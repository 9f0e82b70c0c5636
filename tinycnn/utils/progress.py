"""The progress bar of fit, evaluate and predict.

    750/750 ━━━━━━━━━━━━━━━━━━━━ 12s 16ms/step - accuracy: 0.7000 - loss: 0.8000

A line is redrawn in place, and coloured, on a terminal or in a notebook only. Into files and pipes goes the finished line alone,
without control codes.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Mapping

from tinycnn.errors import ArgumentError

__all__ = ["Progbar", "format_duration", "format_rate", "format_values", "is_interactive"]

_GREEN, _RESET = "\x1b[32m", "\x1b[0m"


def is_interactive() -> bool:
    """Whether stdout redraws lines: a terminal, or a notebook's output cell."""
    return _is_terminal() or type(sys.stdout).__module__.startswith("ipykernel")


def _is_terminal() -> bool:
    return bool(getattr(sys.stdout, "isatty", lambda: False)())


def _bar_character() -> str:
    """A heavy line, or "=" where stdout's encoding has none."""
    try:
        "━".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return "="
    return "━"


def format_values(values: Mapping[str, float]) -> str:
    """As in " - accuracy: 0.7000 - loss: 8.0000e-04": sorted, what begins with val_ last; %.4e where |v| <= 1e-3."""
    names = sorted(values, key=lambda name: (name.startswith("val_"), name))
    return "".join(f" - {name}: {values[name]:.4f}" if abs(values[name]) > 1e-3 else f" - {name}: {values[name]:.4e}" for name in names)


def format_duration(seconds: float) -> str:
    """Seconds as "12s", "1:02" or "1:01:02"."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_rate(seconds: float, unit: str = "step") -> str:
    """The time one step takes: "2s/step", "16ms/step" or "73us/step"."""
    if seconds >= 1:
        return f"{seconds:.0f}s/{unit}"
    return f"{seconds * 1e3:.0f}ms/{unit}" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/{unit}"


class Progbar:
    """A progress bar with running values.

    Args:
        target: the number of steps, or None if it is not known.
        width: of the bar, in characters.
        verbose: 0 silent; 1 a bar; 2 one line at the end.
        interval: the least time between two drawings, in seconds.
        stateful_metrics: names of values that are shown as they are; the others are averaged over the steps.
        stateless_metrics: instead of it, the names of those that are averaged; the others are shown as they are.
        unit_name: what a step is called.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.1,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if verbose not in (0, 1, 2):
            raise ArgumentError(f"verbose must be 0, 1 or 2, got {verbose!r}")
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ArgumentError("stateful_metrics and stateless_metrics cannot both be given")
        self.stateful_metrics = frozenset(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else frozenset(stateless_metrics)
        self._live = verbose == 1 and is_interactive()
        self._colour = self._live and _is_terminal()
        self._sums: dict[str, tuple[float, float]] = {}  # name -> (sum or value, weight)
        self._seen = 0
        self._drawn_length = 0
        self._drawn_at = 0.0
        self._start = time.perf_counter()

    def update(self, current: int, values: Iterable[tuple[str, float]] | None = None, finalize: bool | None = None) -> None:
        """Note that `current` steps are done.

        Args:
            current: steps done so far.
            values: (name, value) pairs, as of now.
            finalize: end the line; default: when `current` reaches the target.
        """
        steps = max(1, current - self._seen)
        for name, value in values or ():
            shown = name in self.stateful_metrics if self.stateless_metrics is None else name not in self.stateless_metrics
            total, weight = (0.0, 0.0) if shown else self._sums.get(name, (0.0, 0.0))
            self._sums[name] = (total + value * steps, weight + steps)
        self._seen = current
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        now = time.perf_counter()
        if finalize:
            self._finish(now - self._start)
        elif self.is_due(now):
            self._draw(now - self._start)
            self._drawn_at = now

    def add(self, n: int, values: Iterable[tuple[str, float]] | None = None) -> None:
        """`n` more steps are done."""
        self.update(self._seen + n, values)

    def is_due(self, now: float) -> bool:
        """Whether an update at the time `now` (of `time.perf_counter`) would draw: callers may spare themselves the values."""
        return self._live and now - self._drawn_at >= self.interval

    def _values(self) -> str:
        return format_values({name: total / weight for name, (total, weight) in self._sums.items()})

    def _draw(self, elapsed: float) -> None:
        """Redraw the line in place, with the time that is left (or has passed, if there is no target)."""
        rate = elapsed / max(self._seen, 1)
        left = elapsed if self.target is None else rate * max(self.target - self._seen, 0)
        self._write(f"{format_duration(left)} {format_rate(rate, self.unit_name)}{self._values()}", end="")

    def _finish(self, elapsed: float) -> None:
        """The last line stays."""
        rate = elapsed / max(self._seen, 1)
        if self.verbose == 1:
            self._write(f"{elapsed:.0f}s {format_rate(rate, self.unit_name)}{self._values()}", end="\n")
        elif self.verbose == 2:
            total = self._seen if self.target is None else self.target
            print(f"{self._seen}/{total} - {elapsed:.0f}s - {format_rate(rate, self.unit_name)}{self._values()}", flush=True)

    def _write(self, rest: str, end: str) -> None:
        """Count, bar and `rest`; on a redrawing screen over what is there, cut to its width while the line is not finished."""
        total = self.target if self.target is not None else (self._seen if end else None)
        count = f"{self._seen:>{len(str(total))}}/{total}" if total is not None else f"{self._seen}/Unknown"
        filled = self.width if not total else min(self.width, self.width * self._seen // total)
        line = f"{count} {_bar_character() * self.width} {rest}"
        if self._live and not end:
            line = line[: shutil.get_terminal_size().columns - 1]
        padding = " " * (self._drawn_length - len(line))
        self._drawn_length = len(line)
        if self._colour:
            begin = len(count) + 1
            line = f"{line[:begin]}{_GREEN}{line[begin : begin + filled]}{_RESET}{line[begin + filled :]}"
        print("\r" * self._live + line + padding, end=end, flush=True)
