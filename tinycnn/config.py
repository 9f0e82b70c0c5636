"""Process-wide settings and the environment variables they start from.

==========================  =========================================================================================
``TINYCNN_BACKEND``         "c", "numba", "numpy" or "auto" (default): which kernels run
``TINYCNN_NUM_THREADS``     threads of the kernels; then ``OMP_NUM_THREADS``; then the cores this process may use
``TINYCNN_ISA``             forces one level of the C kernels: "x86_v4", "x86_v3", "neon" or "baseline"
``TINYCNN_CONV_ALGORITHM``  what `set_conv_algorithm` takes, "auto" if unset
``TINYCNN_DATA``            a folder with the data sets' files
``TINYCNN_CACHE``           where downloads are kept (default: the platform's cache folder)
``TINYCNN_BUILD``           at install time: "require" makes a missing C compiler an error, "skip" builds no C
==========================  =========================================================================================

This module imports nothing of tinycnn but its errors, so that every floor may read it.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from tinycnn.errors import ArgumentError, shown

__all__ = [
    "available_cores",
    "conv_algorithm",
    "default_num_threads",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_interactive_logging_enabled",
    "set_conv_algorithm",
    "set_floatx",
]

#: The most threads anybody may ask for: more than any machine has, few enough not to exhaust one.
MAX_THREADS = 1024

#: How the C kernels may convolve: see `set_conv_algorithm`.
CONV_ALGORITHMS = ("auto", "direct", "winograd2", "winograd4")

_floatx = "float32"
_interactive_logging = True
_conv_algorithm: str | None = None  # None: as the environment says


def floatx() -> str:
    """The dtype of new weights and of converted inputs: "float32" (default) or "float64"."""
    return _floatx


def set_floatx(dtype: str) -> None:
    """Set `floatx`. Raises ArgumentError for anything but "float32" and "float64"."""
    global _floatx
    if dtype not in ("float32", "float64"):
        raise ArgumentError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
    _floatx = str(dtype)  # a NumPy dtype compares equal, too


def image_data_format() -> str:
    """Always "channels_last": what the kernels are laid out for."""
    return "channels_last"


def epsilon() -> float:
    """The fuzz factor of Keras's losses, 1e-7."""
    return 1e-7


def enable_interactive_logging() -> None:
    """Let `verbose="auto"` draw progress bars on a terminal or in a notebook, as it does from the start."""
    _set_interactive_logging(True)


def disable_interactive_logging() -> None:
    """Let `verbose="auto"` print a line an epoch everywhere."""
    _set_interactive_logging(False)


def is_interactive_logging_enabled() -> bool:
    """Whether `verbose="auto"` may draw progress bars."""
    return _interactive_logging


def _set_interactive_logging(value: bool) -> None:
    global _interactive_logging
    _interactive_logging = value


def conv_algorithm() -> str:
    """What `set_conv_algorithm` said, else TINYCNN_CONV_ALGORITHM, else "auto". Raises ArgumentError if that variable is malformed."""
    global _conv_algorithm
    if _conv_algorithm is None:
        wanted = os.environ.get("TINYCNN_CONV_ALGORITHM", "").strip() or "auto"
        _conv_algorithm = _check_conv_algorithm(wanted, "TINYCNN_CONV_ALGORITHM")
    return _conv_algorithm


def set_conv_algorithm(name: str) -> None:
    """Choose how the C kernels convolve, forward and backward, wherever that algorithm can do the convolution asked for.

    Args:
        name: "direct" sums the products as they stand; "winograd2" and "winograd4" are Winograd's F(2x2, 3x3) and F(4x4, 3x3), which
            multiply less and round differently (Lavin & Gray 2016); "auto" (default) takes what is fastest for the shape.

    Raises:
        ArgumentError: for any other name.
    """
    global _conv_algorithm
    _conv_algorithm = _check_conv_algorithm(name, "name")


def _check_conv_algorithm(name: str, argument: str) -> str:
    if name not in CONV_ALGORITHMS:
        raise ArgumentError(f"{argument} must be one of {', '.join(CONV_ALGORITHMS)}, got {name!r}")
    return name


def available_cores() -> int:
    """Cores this process may use: the CPU affinity mask, cut by the cgroup's CPU quota (v2 or v1) where there is one."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, min(cores, math.ceil(quota))) if quota else max(1, cores)


def _cgroup_quota() -> float | None:
    """The CPU quota in cores, or None where none is set."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:
        quota_us = int(Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").read_text())
        period_us = int(Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text())
        return quota_us / period_us if quota_us > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def default_num_threads() -> int:
    """TINYCNN_NUM_THREADS, else OMP_NUM_THREADS, else `available_cores`. Raises ArgumentError if tinycnn's own variable is malformed."""
    own = os.environ.get("TINYCNN_NUM_THREADS", "").strip()
    if own:
        return check_num_threads(int(own) if _is_count(own) else own, "TINYCNN_NUM_THREADS")
    inherited = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # may be a list, one number per nesting level
    if _is_count(inherited) and int(inherited) >= 1:
        return min(int(inherited), MAX_THREADS)
    return min(available_cores(), MAX_THREADS)


def _is_count(text: str) -> bool:
    """Whether it is plain digits, and no more of them than a number of threads may have."""
    return text.isascii() and text.isdecimal() and len(text) < 20


def check_num_threads(value: object, name: str = "num_threads") -> int:
    """`value` if it is an int from 1 to MAX_THREADS, else ArgumentError naming `name`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 1 <= value.__index__() <= MAX_THREADS:
        raise ArgumentError(f"{name} must be an int from 1 to {MAX_THREADS}, got {shown(value)}")
    return int(value.__index__())
