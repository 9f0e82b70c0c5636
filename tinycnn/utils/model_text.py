"""A model drawn with characters: a line for each call of a layer, and lanes that lead from one to the next."""

from __future__ import annotations

from collections.abc import Sequence

from tinycnn.utils.model_graph import Box, Drawing

__all__ = ["text_drawing"]


def text_drawing(drawing: Drawing, details: Sequence[Sequence[str]]) -> str:
    """The drawing as text.

        ●   input (InputLayer)
        ├─● conv2d (Conv2D)
        ●─╯ add (Add)

    A lane ends where it bends into a box's line, goes on where a line branches off it, and has nothing to do with a line that crosses it.

    Args:
        drawing: boxes and arrows.
        details: for each box what stands in its line, cell by cell; cells of one column are aligned.
    """
    readers: dict[int, int] = {box.key: 0 for box in drawing.boxes}
    for source, _ in drawing.arrows:
        readers[source] += 1
    sources: dict[int, list[int]] = {box.key: [] for box in drawing.boxes}
    for source, target in drawing.arrows:
        sources[target].append(source)
    lanes: list[int | None] = []  # which box's result runs down in each column
    pictures = [_line(box, sources[box.key], readers, lanes) for box in drawing.boxes]
    width = max(map(len, pictures), default=0)
    cells = _aligned(details)
    return "\n".join(f"{picture:<{width}} {text}".rstrip() for picture, text in zip(pictures, cells, strict=True)) + "\n"


def _line(box: Box, sources: Sequence[int], readers: dict[int, int], lanes: list[int | None]) -> str:
    """The lanes in the line of one box, which are brought up to date."""
    columns = [lanes.index(source) for source in sources]
    ending = []
    for source, column in zip(sources, columns, strict=True):
        readers[source] -= 1
        if not readers[source]:
            ending.append(column)
    if ending:
        own = min(ending)
    else:
        own = lanes.index(None) if None in lanes else len(lanes)
    if own == len(lanes):
        lanes.append(None)
    left, right = min([own, *columns]), max([own, *columns])
    line = ""
    for column, lane in enumerate(lanes):
        line += _mark(column, own, column in columns, column in ending, lane is not None, left < column < right)
        line += "─" if left <= column < right else " "
    for column in ending:
        lanes[column] = None
    lanes[own] = box.key if readers[box.key] else None
    while lanes and lanes[-1] is None:
        lanes.pop()
    return line.rstrip()


def _mark(column: int, own: int, read: bool, ends: bool, taken: bool, crossed: bool) -> str:
    """What stands in one column."""
    if column == own:
        return "●"
    if read and ends:
        return "┴" if crossed else "╰" if column < own else "╯"
    if read:
        return "├" if column < own else "┤"
    if taken:
        return "┼" if crossed else "│"
    return "─" if crossed else " "


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The cells of each row, one column below the other."""
    widths: list[int] = []
    for row in rows:
        widths += [0] * (len(row) - len(widths))
        for place, cell in enumerate(row):
            widths[place] = max(widths[place], len(cell))
    return ["  ".join(f"{cell:<{widths[place]}}" for place, cell in enumerate(row)).rstrip() for row in rows]
