"""Pictures of a training history, drawn with matplotlib (the extra `plot`)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

__all__ = ["plot_history"]


def plot_history(history: Mapping[str, Sequence[float]], path: str | os.PathLike[str]) -> None:
    """Draw one panel for each metric, training and validation together, and write the picture.

    Needs no display and leaves matplotlib's global state alone.

    Args:
        history: name -> value of each epoch, as in `History.history`; `val_<name>` goes into the panel of `<name>`.
        path: where the picture goes; its ending gives the format (.png, .svg, .pdf).

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "it is drawn with matplotlib, which is not installed (pip install matplotlib)", name="matplotlib"
        ) from None

    metrics = [name for name in sorted(history) if not name.startswith("val_")]
    figure = Figure(figsize=(5 * max(1, len(metrics)), 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        for key, style, label in ((name, "o-", "training"), (f"val_{name}", "s--", "validation")):
            if key in history:
                values = history[key]
                axes.plot(range(1, len(values) + 1), values, style, markersize=3, linewidth=1.5, label=label)
        axes.set(title=name, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)
