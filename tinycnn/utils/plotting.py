"""Pictures of training and of its results, drawn with matplotlib (the extra `plot`).

They need no display and leave matplotlib's global state alone. Colours are those of Okabe and Ito (2008), or run from light to dark, so
that they tell apart for everybody; what a colour says, a mark or a number says as well.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinycnn.checks import check_path
from tinycnn.errors import ArgumentError
from tinycnn.saving.atomic import replacing

__all__ = [
    "draw_history",
    "history_metrics",
    "history_panels",
    "new_figure",
    "plot_confusion_matrix",
    "plot_history",
    "plot_mistakes",
    "save_figure",
]

BLUE, VERMILLION, INK, FAINT = "#0072B2", "#D55E00", "#222222", "#8a8a8a"
_STYLES = {
    "": ("training", {"color": BLUE, "marker": "o"}),
    "val_": ("validation", {"color": VERMILLION, "marker": "s", "linestyle": "--"}),
}
_PANELS_IN_A_ROW = 3
#: Mistakes in a picture, and in a row of it.
_MISTAKES, _COLUMNS = 24, 6


def new_figure(width: float, height: float) -> Any:
    """A figure of so many inches. Raises ModuleNotFoundError if matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "it is drawn with matplotlib, which is not installed (pip install matplotlib)", name="matplotlib"
        ) from None
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write the figure, atomically; the ending gives the format (.png, .svg, .pdf). Raises OSError, or ArgumentError for another ending."""
    name = check_path("path", path)
    ending = os.path.splitext(name)[1].removeprefix(".").lower()
    if ending not in figure.canvas.get_supported_filetypes():
        raise ArgumentError(f"path must end in .png, .svg or .pdf, got {name!r}")
    with replacing(path) as stream:
        figure.savefig(stream, format=ending, dpi=120)


# ---- the history of a training
def history_metrics(history: Mapping[str, Sequence[float]]) -> list[str]:
    """The names that get a panel each: sorted, the validation's with the training's."""
    return sorted({name.removeprefix("val_") for name in history})


def history_panels(count: int) -> tuple[Any, list[Any]]:
    """A figure with so many panels, three in a row, and their Axes. Raises ModuleNotFoundError if matplotlib is not installed."""
    columns = max(1, min(count, _PANELS_IN_A_ROW))
    rows = max(1, math.ceil(count / columns))
    figure = new_figure(5 * columns, 3.6 * rows)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in axes[count:]:
        panel.axis("off")
    return figure, axes[:count]


def draw_history(
    history: Mapping[str, Sequence[float]],
    axes: Sequence[Any],
    metrics: Sequence[str],
    epochs: Mapping[str, Sequence[int]] | None = None,
) -> None:
    """Draw the curves of each metric into its own Axes.

    Args:
        history: name -> value of each epoch; `val_<name>` goes with `<name>`.
        axes: matplotlib's, one for each of `metrics`.
        metrics: names.
        epochs: name -> the numbers, from 1, of the epochs that its values are of; default 1, 2, ...
    """
    from matplotlib.ticker import MaxNLocator

    for panel, name in zip(axes, metrics, strict=True):
        for prefix, (label, style) in _STYLES.items():
            values = history.get(prefix + name) or []
            places = (epochs or {}).get(prefix + name, ())
            if len(places) != len(values):
                places = range(1, len(values) + 1)
            if values:
                panel.plot(places, values, markersize=3.5, linewidth=1.6, label=label, **style)
        panel.set_title(name.replace("_", " "), color=INK, fontsize=11)
        panel.set_xlabel("epoch", color=INK)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.25, linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color(FAINT)
        panel.tick_params(colors=INK, labelsize=9)
        if len(panel.get_legend_handles_labels()[0]) > 1:
            panel.legend(frameon=False, fontsize=9)


def plot_history(history: Mapping[str, Sequence[float]], path: str | os.PathLike[str]) -> None:
    """Draw one panel for each metric, training and validation together, and write the picture.

    Args:
        history: name -> value of each epoch, as in `History.history`; `val_<name>` goes into the panel of `<name>`.
        path: where the picture goes; its ending gives the format (.png, .svg, .pdf).

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        ArgumentError: the path has another ending.
        OSError: the file cannot be written.
    """
    metrics = history_metrics(history)
    figure, axes = history_panels(len(metrics))
    draw_history(history, axes, metrics)
    save_figure(figure, path)


# ---- the results of a classifier
def plot_confusion_matrix(labels: ArrayLike, predicted: ArrayLike, class_names: Sequence[str], path: str | os.PathLike[str]) -> None:
    """How often each class was taken for which, as a table: a row for each true class, coloured by the part of the row.

    Args:
        labels, predicted: (N,) class numbers.
        class_names: a name for each class.
        path: where the picture goes (.png, .svg, .pdf).

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        ArgumentError: the path has another ending.
        OSError: the file cannot be written.
    """
    count = len(class_names)
    table = np.zeros((count, count), np.int64)
    np.add.at(table, (np.asarray(labels), np.asarray(predicted)), 1)
    parts = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure = new_figure(max(5.5, 2.4 + 0.62 * count), max(4.0, 1.9 + 0.56 * count))
    axes = figure.subplots()
    # the root tells few from none, for mistakes are few
    picture = axes.imshow(np.sqrt(parts), cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(table), strict=True):
        dark = parts[row, column] > 0.3
        axes.text(column, row, f"{table[row, column]:,}", ha="center", va="center", fontsize=9, color="white" if dark else INK)
    axes.set_xticks(range(count), class_names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(count), class_names)
    axes.set_xticks(np.arange(-0.5, count), minor=True)
    axes.set_yticks(np.arange(-0.5, count), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0, colors=INK)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("taken for", color=INK)
    axes.set_ylabel("true class", color=INK)
    right, total = int(np.trace(table)), int(table.sum())
    axes.set_title(f"{right:,} of {total:,} right ({right / max(total, 1):.1%})", color=INK, fontsize=11)
    bar = figure.colorbar(picture, ax=axes, shrink=0.7, aspect=25, pad=0.02, ticks=np.sqrt([0, 0.01, 0.1, 0.25, 0.5, 1]))
    bar.set_ticklabels(["0", "1%", "10%", "25%", "50%", "100%"])
    bar.set_label("part of the true class", color=INK)
    bar.outline.set_visible(False)
    save_figure(figure, path)


def plot_mistakes(
    images: ArrayLike, labels: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str], path: str | os.PathLike[str]
) -> None:
    """The images whose class was missed, the surest mistakes first.

    Args:
        images: (N, H, W) or (N, H, W, 3).
        labels: (N,) class numbers.
        probabilities: (N, classes).
        class_names: a name for each class.
        path: where the picture goes (.png, .svg, .pdf).

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        ArgumentError: the path has another ending.
        OSError: the file cannot be written.
    """
    pixels, truth, chances = np.asarray(images), np.asarray(labels), np.asarray(probabilities)
    taken = chances.argmax(axis=1)
    wrong = np.flatnonzero(taken != truth)
    shown = wrong[np.argsort(-chances[wrong, taken[wrong]], kind="stable")][:_MISTAKES]
    rows = max(1, math.ceil(len(shown) / _COLUMNS))
    figure = new_figure(1.75 * _COLUMNS, 0.4 + 2.15 * rows)
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).reshape(-1)
    for panel, index in zip(panels, shown, strict=False):
        panel.imshow(pixels[index], cmap="gray_r" if pixels.ndim == 3 else None, interpolation="nearest")
        panel.set_title(f"{class_names[truth[index]]}", fontsize=9, color=INK, pad=3)
        panel.set_xlabel(f"{class_names[taken[index]]} {chances[index, taken[index]]:.0%}", fontsize=9, color=VERMILLION, labelpad=3)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[:].set_color("#cccccc")
    for panel in panels[len(shown) :]:
        panel.axis("off")
    told = f"{len(wrong):,} of {len(truth):,} missed"
    if len(shown):
        told += f"; the {len(shown)} surest: above what it is, below what it was taken for"
    figure.suptitle(told, color=INK, fontsize=11)
    save_figure(figure, path)
