"""Which backend computes: `use_backend`, and the thread count that the backends share.

"auto" takes the C kernels, else Numba, else NumPy. Nothing is loaded before the first kernel runs (`current`), so importing tinycnn
stays cheap; Numba is imported only if it is what runs.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import logging
import os
import platform
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from tinycnn.config import available_cores, check_num_threads, conv_algorithm, default_num_threads
from tinycnn.errors import ArgumentError, BackendError, shown
from tinycnn.kernels.spec import KernelSet
from tinycnn.version import __version__

__all__ = ["available_backends", "backend", "current", "get_num_threads", "set_num_threads", "show_config", "use_backend", "wrapping"]

#: Each backend's module, in the order of preference, and how to get it where it is missing. A module has `load() -> KernelSet`,
#: and `set_num_threads(n)` if it has threads.
_BACKENDS = {
    "c": ("tinycnn.kernels.native", "reinstall tinycnn where a C compiler is found"),
    "numba": ("tinycnn.kernels.numba_jit", "pip install 'tinycnn[numba]'"),
    "numpy": ("tinycnn.kernels.numpy_ref", ""),
}

_log = logging.getLogger("tinycnn")
_lock = threading.RLock()
_loaded: dict[str, tuple[ModuleType, KernelSet]] = {}
_chosen: KernelSet | None = None  # the backend
_current: KernelSet | None = None  # what runs: the backend, or what `wrapping` makes of it
_wrap: Callable[[KernelSet], KernelSet] | None = None
_num_threads: int | None = None
_said_that_c_is_missing = False


def current() -> KernelSet:
    """The kernels that run now; the first call chooses them by TINYCNN_BACKEND ("auto" if unset)."""
    kernels = _current  # read once: another thread may end a block of `use_backend` meanwhile, and put back that nothing was chosen
    if kernels is None:
        with _lock:
            if _current is None:
                _switch(_resolve(os.environ.get("TINYCNN_BACKEND", "").strip() or "auto", "TINYCNN_BACKEND"))
            kernels = _current
    return kernels  # type: ignore[return-value]


def backend() -> str:
    """The name of the backend that runs now: "c", "numba" or "numpy"."""
    return current().name


class _Previous:
    """What `use_backend` returns: as a context manager it puts the previous backend back at the end of the block."""

    def __init__(self, kernels: KernelSet | None) -> None:
        self._kernels = kernels

    def __enter__(self) -> str:
        return backend()

    def __exit__(self, *exception: object) -> None:
        _switch(self._kernels)


def use_backend(name: str = "auto") -> _Previous:
    """Choose the backend for the whole process, or for a block.

        tinycnn.use_backend("numpy")
        with tinycnn.use_backend("numba"): ...

    Args:
        name: "c", "numba", "numpy", or "auto" (default): the first of these that is available.

    Raises:
        ArgumentError: for any other name.
        BackendError: the backend asked for is not available; the reason and the remedy are in the message.
    """
    with _lock:
        previous = _Previous(_chosen)
        _switch(_resolve(name, "name"))
        return previous


@contextlib.contextmanager
def wrapping(wrap: Callable[[KernelSet], KernelSet]) -> Iterator[None]:
    """Run `wrap(kernels)` in place of the backend's kernels within the block, in all threads, whichever backend is chosen meanwhile.

    Raises BackendError if such a block is running already.
    """
    _set_wrap(wrap)
    try:
        yield
    finally:
        _set_wrap(None)


def available_backends() -> dict[str, str]:
    """Every backend's name -> "available", or the reason why not. Numba is looked for, not imported."""
    reasons = {"c": "available", "numba": "available", "numpy": "available"}
    try:
        _load("c")
    except BackendError as error:
        reasons["c"] = str(error)
    if importlib.util.find_spec("numba") is None:
        reasons["numba"] = f"Numba is not installed; {_BACKENDS['numba'][1]}"
    return reasons


def set_num_threads(num_threads: int) -> None:
    """Let the C and Numba kernels use `num_threads` threads, 1 to 1024; results do not depend on it. NumPy's BLAS is left alone."""
    global _num_threads
    num_threads = check_num_threads(num_threads)
    with _lock:
        _num_threads = num_threads
        for module, _ in _loaded.values():
            _pass_on_num_threads(module)


def get_num_threads() -> int:
    """The threads that kernels use: what `set_num_threads` said, else TINYCNN_NUM_THREADS, OMP_NUM_THREADS or the cores there are."""
    return default_num_threads() if _num_threads is None else _num_threads


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Print versions, machine, threads, backend, ISA level and allocator; return them instead if mode is "dicts", as in NumPy."""
    if mode not in ("stdout", "dicts"):
        raise ArgumentError(f"mode must be 'stdout' or 'dicts', got {mode!r}")
    config = _config()
    if mode == "dicts":
        return config
    for key, value in config.items():
        text = ", ".join(f"{name}: {entry}" for name, entry in value.items()) if isinstance(value, dict) else value
        print(f"{key:<11} {text}")
    return None


def _config() -> dict[str, Any]:
    config: dict[str, Any] = {
        "tinycnn": __version__,
        "python": platform.python_version(),
        **{package: _version(package) for package in ("numpy", "numba")},
        "platform": platform.platform(),
        "cores": available_cores(),
        "threads": get_num_threads(),
        "backend": backend(),
        "backends": available_backends(),
    }
    if "c" in _loaded:
        native: Any = _loaded["c"][0]
        config |= {
            "isa": native.isa(),
            "isas": ", ".join(native.isas()),
            "convolution": conv_algorithm(),
            "allocator": native.allocator_stats(),
        }
    return config


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _switch(kernels: KernelSet | None) -> None:
    global _chosen, _current
    with _lock:
        _chosen = kernels
        _current = kernels if kernels is None or _wrap is None else _wrap(kernels)


def _set_wrap(wrap: Callable[[KernelSet], KernelSet] | None) -> None:
    global _wrap
    with _lock:
        if _wrap is not None and wrap is not None:
            raise BackendError("the kernels are wrapped already, by another profile() for example; end that block first")
        _wrap = wrap
        _switch(_chosen)


def _resolve(name: str, argument: str) -> KernelSet:
    """The kernels called `name`."""
    if name not in ("auto", *_BACKENDS):
        raise ArgumentError(f"{argument} must be one of auto, {', '.join(_BACKENDS)}, got {shown(name)}")
    if name != "auto":
        return _load(name)
    try:
        return _load("c")
    except BackendError as error:
        return _next_best(error)


def _next_best(c_is_missing: BackendError) -> KernelSet:
    """Numba's kernels, else NumPy's; says once per process that the C kernels are missing."""
    global _said_that_c_is_missing
    try:
        kernels = _load("numba")
    except BackendError:
        kernels = _load("numpy")
    if not _said_that_c_is_missing:
        _said_that_c_is_missing = True
        _log.warning("tinycnn runs on its slower %s backend: %s", kernels.name, c_is_missing)
    return kernels


def _load(name: str) -> KernelSet:
    """The backend of that name, loaded once; BackendError with the reason and the remedy if it cannot be."""
    with _lock:
        if name not in _loaded:
            path, remedy = _BACKENDS[name]
            try:
                module = importlib.import_module(path)
            except ImportError as error:
                raise BackendError(f"the {name} backend cannot be imported ({error}); {remedy}") from error
            _loaded[name] = module, module.load()
            _pass_on_num_threads(module)
        return _loaded[name][1]


def _pass_on_num_threads(module: ModuleType) -> None:
    if hasattr(module, "set_num_threads"):
        module.set_num_threads(get_num_threads())
