"""Ten kinds of garments as signed distance fields.

Each garment is a function of the coordinates and of random draws, and gives two fields of the same shape: the distance to its
outline (negative inside; exact for capsules, a bound elsewhere, which is enough to draw it) and its lightness, 1 where it is plain,
less at buttons, seams, laces. Coordinates run from -1 to 1 over the picture, x to the right and y down; arrays are (N, H, W),
draws (N, 1, 1), all float32. Shapes are joined by minimum and cut by maximum
(https://iquilezles.org/articles/distfunctions2d/).

Only +, -, *, /, sqrt, abs, minimum, maximum and comparisons are used: IEEE 754 rounds each of them exactly, so the same fields come
out on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["GARMENTS", "PIXELS_PER_UNIT", "Draw", "Field", "coverage"]

#: float32 throughout; NumPy's type stubs lose track of that where a Python float takes part.
Field: TypeAlias = NDArray[Any]
#: draw(low, high) -> (N, 1, 1): one number for each picture, uniform between the two.
Draw: TypeAlias = Callable[[float, float], Field]
Garment: TypeAlias = Callable[[Field, Field, Draw], tuple[Field, Field]]

Number: TypeAlias = Field | float

PIXELS_PER_UNIT = 14


# ---------------------------------------------------------------------------------------------------- shapes
def trapezoid(across: Field, y: Field, top: Number, bottom: Number, half_top: Number, half_bottom: Number) -> Field:
    """Upright, with horizontal edges; `across` is the distance from its axis."""
    half = half_top + (half_bottom - half_top) / (bottom - top) * (y - top)
    distance: Field = np.maximum(across - half, np.maximum(top - y, y - bottom))
    return distance


def capsule(x: Field, y: Field, x0: Number, y0: Number, x1: Number, y1: Number, radius: Number) -> Field:
    """A thick line from (x0, y0) to (x1, y1)."""
    dx, dy = x1 - x0, y1 - y0
    along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
    px, py = x - x0 - along * dx, y - y0 - along * dy
    distance: Field = np.sqrt(px * px + py * py) - radius
    return distance


def ellipse(x: Field, y: Field, cx: Number, cy: Number, rx: Number, ry: Number) -> Field:
    """An upright ellipse."""
    px, py = (x - cx) / rx, (y - cy) / ry
    distance: Field = (np.sqrt(px * px + py * py) - 1) * np.minimum(rx, ry)
    return distance


def coverage(distance: Field) -> Field:
    """How much of each pixel the shape covers, 0 to 1: the outline is a ramp of one pixel's width."""
    covered: Field = np.clip(0.5 - distance * PIXELS_PER_UNIT, 0, 1)
    return covered


def dark(where: Field, depth: Number) -> Field:
    """Lightness 1 - depth inside the shape `where`, 1 outside."""
    lightness: Field = 1 - depth * coverage(where)
    return lightness


# ---------------------------------------------------------------------------------------------------- tops
def _torso(x: Field, y: Field, draw: Draw, *, hem: tuple[float, float], sleeve: tuple[float, float]) -> tuple[Field, Field, Field]:
    """Body, two sleeves (their length as a part of the arm's) and a neck opening: -> distance, |x|, top."""
    side = np.abs(x)
    top, bottom = draw(-0.85, -0.65), draw(*hem)
    shoulder = draw(0.34, 0.46)
    body = trapezoid(side, y, top, bottom, shoulder, draw(0.32, 0.50))
    length, width = draw(*sleeve), draw(0.10, 0.15)
    reach, drop = draw(0.35, 0.65) - 0.2 * length, draw(0.6, 0.8) + 0.4 * length  # short sleeves stand off, long ones hang
    arms = capsule(side, y, shoulder - width, top + width, shoulder - width + reach * length, top + width + drop * length, width)
    neck = ellipse(side, y, 0.0, top, draw(0.12, 0.22), draw(0.08, 0.26))
    return np.maximum(np.minimum(body, arms), -neck), side, top


def t_shirt(x: Field, y: Field, draw: Draw) -> tuple[Field, Field]:
    """Short sleeves; sometimes a print on the chest."""
    distance, _, _ = _torso(x, y, draw, hem=(0.45, 0.9), sleeve=(0.3, 0.5))
    cx, cy = draw(-0.1, 0.1), draw(-0.2, 0.1)
    printed = np.maximum(np.abs(x - cx) - draw(0.08, 0.28), np.abs(y - cy) - draw(0.05, 0.25))
    return distance, dark(printed, draw(-0.6, 0.8))


def pullover(x: Field, y: Field, draw: Draw) -> tuple[Field, Field]:
    """Long sleeves; a ribbed hem."""
    distance, _, _ = _torso(x, y, draw, hem=(0.45, 0.9), sleeve=(0.75, 1.05))
    band = draw(0.4, 0.75)
    return distance, dark(np.abs(y - band) - draw(0.01, 0.06), draw(0.0, 0.5))


def coat(x: Field, y: Field, draw: Draw) -> tuple[Field, Field]:
    """Long sleeves, open in front from the lapels to the hem, with pockets."""
    distance, side, top = _torso(x, y, draw, hem=(0.6, 0.98), sleeve=(0.75, 1.05))
    front = draw(-0.08, 0.08)
    opening = np.abs(x - front) - draw(0.015, 0.06)
    lapel = trapezoid(side, y, top, top + draw(0.3, 0.9), draw(0.10, 0.24), 0.0)
    pocket = np.maximum(np.abs(y - draw(0.2, 0.5)) - draw(0.015, 0.04), np.abs(side - 0.24) - 0.1)
    return distance, dark(opening, draw(0.3, 0.9)) * dark(lapel, draw(0.2, 0.8)) * dark(pocket, draw(0.0, 0.7))


def shirt(x: Field, y: Field, draw: Draw) -> tuple[Field, Field]:
    """Sleeves of any length, a collar, and buttons down a thin placket."""
    distance, side, top = _torso(x, y, draw, hem=(0.5, 0.95), sleeve=(0.4, 1.05))
    collar = capsule(side, y, 0.05, top + draw(0.10, 0.25), draw(0.15, 0.24), top, draw(0.03, 0.06))
    pitch = draw(0.14, 0.30)
    rows = (y - top) / pitch
    button = np.maximum(np.abs(x - draw(-0.03, 0.03)) - 0.05, np.abs(rows - np.floor(rows) - 0.5) * pitch - 0.05)
    return np.minimum(distance, collar), dark(button, draw(0.5, 1.0)) * dark(collar, draw(-0.4, 0.6))


# ---------------------------------------------------------------------------------------------------- from the waist
def trouser(x: Field, y: Field, draw: Draw) -> tuple[Field, Field]:
    """Two legs, long or short, from one waist; a crease or a seam."""
    side = np.abs(x)
    top, bottom, crotch = draw(-0.95, -0.75), draw(0.35, 0.98), draw(-0.45, -0.15)
    waist, spread = draw(0.22, 0.36), draw(0.0, 0.2)
    outer = trapezoid(side, y, top, bottom, waist, waist + spread)
    gap = trapezoid(side, y, crotch, bottom + 0.1, 0.0, draw(0.04, 0.22))
    return np.maximum(outer, -gap), dark(np.abs(side - waist * 0.6) - 0.02, draw(0.0, 0.5))


def dress(x: Field, y: Field, draw: Draw) -> tuple[Field, Field]:
    """A bodice, with or without sleeves, and a skirt that opens from the waist down."""
    side = np.abs(x)
    top, waist, hem = draw(-0.95, -0.75), draw(-0.35, 0.05), draw(0.6, 0.98)
    shoulder, middle = draw(0.18, 0.36), draw(0.15, 0.28)
    bodice = trapezoid(side, y, top, waist, shoulder, middle)
    skirt = trapezoid(side, y, waist, hem, middle, middle + draw(0.02, 0.35))
    length, width = draw(-0.4, 0.8), draw(0.06, 0.11)
    sleeve = capsule(side, y, shoulder - width, top + width, shoulder + 0.35 * length, top + width + length, width)
    sleeve = np.where(length > 0.1, sleeve, np.float32(1))
    neck = ellipse(side, y, 0.0, top, draw(0.08, 0.18), draw(0.06, 0.35))
    outline = np.maximum(np.minimum(np.minimum(bodice, skirt), sleeve), -neck)
    return outline, dark(np.abs(y - waist) - draw(0.01, 0.06), draw(-0.3, 0.7))


def bag(x: Field, y: Field, draw: Draw) -> tuple[Field, Field]:
    """A wide body with a flap and a clasp, and a handle above."""
    top, bottom = draw(-0.45, 0.05), draw(0.45, 0.85)
    half = draw(0.4, 0.85)
    body = trapezoid(np.abs(x), y, top, bottom, half, half * draw(0.85, 1.15))
    handle = np.abs(ellipse(x, y, 0.0, top, half * draw(0.4, 0.85), draw(0.2, 0.6))) - draw(0.03, 0.07)
    flap = np.abs(y - top - draw(0.1, 0.5)) - draw(0.01, 0.04)
    clasp = np.maximum(np.abs(x) - 0.08, np.abs(y - top - draw(0.15, 0.5)) - 0.07)
    return np.minimum(body, np.maximum(handle, y - top)), dark(flap, draw(0.0, 0.8)) * dark(clasp, draw(-0.5, 0.9))


# ---------------------------------------------------------------------------------------------------- shoes, the toe to the left
def _sole(x: Field, y: Field, draw: Draw, ground: Field, toe: Field, heel: Field, lift: Field) -> Field:
    """From toe to heel, which a block holds `lift` above the ground."""
    flat = capsule(x, y, toe, ground, heel, ground - lift, draw(0.04, 0.08))
    block = trapezoid(np.abs(x - heel + 0.12), y, ground - lift, ground + 0.06, 0.12, draw(0.05, 0.14))
    return np.minimum(flat, block)


def sandal(x: Field, y: Field, draw: Draw) -> tuple[Field, Field]:
    """A sole with separate straps over the foot and around the heel."""
    ground, toe, heel = draw(0.3, 0.5), draw(-0.9, -0.7), draw(0.6, 0.85)
    sole = _sole(x, y, draw, ground, toe, heel, draw(0.0, 0.22))
    rise, width = draw(0.3, 0.75), draw(0.035, 0.085)
    instep = draw(-0.35, 0.0)
    front = capsule(x, y, toe + 0.2, ground, instep, ground - rise * 0.7, width)
    cross = capsule(x, y, instep - draw(0.0, 0.3), ground - rise * 0.65, instep + draw(0.25, 0.5), ground - 0.05, width)
    ankle = capsule(x, y, heel - 0.05, ground - 0.1, heel - draw(0.0, 0.25), ground - rise, width)
    loop = capsule(x, y, instep, ground - rise * 0.7, heel - 0.1, ground - rise * draw(0.6, 1.1), width)
    loop = np.where(draw(0, 1) < 0.6, loop, np.float32(1))
    return np.minimum(np.minimum(np.minimum(sole, front), np.minimum(cross, ankle)), loop), np.ones_like(x)


def _shoe(x: Field, y: Field, draw: Draw, *, shaft: tuple[float, float], lift: tuple[float, float]) -> tuple[Field, Field]:
    """A closed shoe whose shaft rises `shaft` above the instep, on a sole with a heel of `lift`."""
    ground, toe, heel = draw(0.35, 0.65), draw(-0.9, -0.65), draw(0.5, 0.8)
    sole = _sole(x, y, draw, ground, toe, heel, draw(*lift))
    height = draw(0.16, 0.28)
    cap = ellipse(x, y, toe + 0.25, ground, 0.3, height)
    instep = draw(-0.15, 0.15)
    vamp = capsule(x, y, toe + 0.25, ground - height * 0.5, instep + 0.2, ground - height - 0.1, height * 0.6)
    middle = (instep + heel) * 0.5
    upper = trapezoid(
        np.abs(x - middle), y, ground - height - draw(*shaft), ground, (heel - instep) * draw(0.40, 0.52), (heel - instep) * 0.55
    )
    outline = np.minimum(np.minimum(sole, upper), np.maximum(np.minimum(cap, vamp), y - ground))
    rim = np.abs(y - ground + 0.05) - 0.025
    return outline, dark(rim, draw(-0.4, 0.8))


def sneaker(x: Field, y: Field, draw: Draw) -> tuple[Field, Field]:
    """A low shoe with laces or stripes on its side."""
    outline, light = _shoe(x, y, draw, shaft=(0.05, 0.35), lift=(0.0, 0.08))
    slant = x * draw(-0.9, 0.9) + y
    pitch = draw(0.14, 0.3)
    rows = slant / pitch
    stripes = np.maximum(np.abs(rows - np.floor(rows) - 0.5) * pitch - 0.04, np.abs(x - draw(-0.35, 0.1)) - 0.2)
    return outline, light * dark(stripes, draw(-0.2, 0.8))


def ankle_boot(x: Field, y: Field, draw: Draw) -> tuple[Field, Field]:
    """A shoe with a shaft over the ankle and often a heel; a zip or an elastic on the side."""
    outline, light = _shoe(x, y, draw, shaft=(0.3, 0.95), lift=(0.0, 0.22))
    side = np.abs(x - draw(0.15, 0.45)) - draw(0.015, 0.08)
    return outline, light * dark(np.maximum(side, y - draw(0.1, 0.4)), draw(-0.2, 0.8))


#: In the order of Fashion-MNIST's labels.
GARMENTS: tuple[Garment, ...] = (t_shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle_boot)
