"""Broadcasting arithmetic: two arrays in, one out."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.op import Broadcast, Gradients, Needs, Op, Shape, broadcast, unbroadcast

__all__ = ["Add", "Binary", "Divide", "Maximum", "Minimum", "Multiply", "Power", "Subtract", "Where", "split"]


class Binary(Op, is_base=True):
    """What the two-operand rules share: the broadcasting shape rule."""

    @staticmethod
    def shape(a: Shape, b: Shape) -> Broadcast:
        return broadcast(a, b)


def split(geometry: Broadcast, needs: Needs, da: Any, db: Any) -> Gradients:
    """Sum both gradients back to their operands' shapes; `da` and `db` are callables, run only where needed."""
    a, b = geometry.in_shapes
    return (unbroadcast(da(), a) if needs[0] else None, unbroadcast(db(), b) if needs[1] else None)


class Add(Binary):
    """a + b"""

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, a: Array, b: Array) -> tuple[Array, None]:
        return np.add(a, b), None

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: None, dy: Array, needs: Needs) -> Gradients:
        return split(geometry, needs, lambda: dy, lambda: dy)


class Subtract(Binary):
    """a - b"""

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, a: Array, b: Array) -> tuple[Array, None]:
        return np.subtract(a, b), None

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: None, dy: Array, needs: Needs) -> Gradients:
        return split(geometry, needs, lambda: dy, lambda: -dy)


class Multiply(Binary):
    """a * b"""

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, a: Array, b: Array) -> tuple[Array, Any]:
        return np.multiply(a, b), (a, b)

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: Any, dy: Array, needs: Needs) -> Gradients:
        a, b = saved
        return split(geometry, needs, lambda: dy * b, lambda: dy * a)


class Divide(Binary):
    """a / b"""

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, a: Array, b: Array) -> tuple[Array, Any]:
        y = np.divide(a, b)
        return y, (b, y)

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: Any, dy: Array, needs: Needs) -> Gradients:
        b, y = saved
        return split(geometry, needs, lambda: dy / b, lambda: -dy * y / b)


class Power(Binary):
    """a ** b. At a = 0 the gradient for b is 0, the limit from above."""

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, a: Array, b: Array) -> tuple[Array, Any]:
        y = np.power(a, b)
        return y, (a, b, y)

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: Any, dy: Array, needs: Needs) -> Gradients:
        a, b, y = saved

        def da() -> Array:
            # 0 ** 0 is constant 1 in a, so its slope is 0, not the 0 * 0**-1 = nan of the formula.
            slope: Array = np.where(b == 0, 0, b * np.power(a, np.where(b == 0, 1, b - 1)))
            return dy * slope

        def db() -> Array:
            return dy * np.where(a == 0, 0, y * np.log(np.where(a == 0, 1, a)))

        return split(geometry, needs, da, db)


class Maximum(Binary):
    """max(a, b); a tie gives its gradient to a."""

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, a: Array, b: Array) -> tuple[Array, Any]:
        return np.maximum(a, b), a >= b

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: Any, dy: Array, needs: Needs) -> Gradients:
        return split(geometry, needs, lambda: dy * saved, lambda: dy * ~saved)


class Minimum(Binary):
    """min(a, b); a tie gives its gradient to a."""

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, a: Array, b: Array) -> tuple[Array, Any]:
        return np.minimum(a, b), a <= b

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: Any, dy: Array, needs: Needs) -> Gradients:
        return split(geometry, needs, lambda: dy * saved, lambda: dy * ~saved)


class Where(Op):
    """condition ? a : b, with a boolean condition"""

    @staticmethod
    def shape(condition: Shape, a: Shape, b: Shape) -> Broadcast:
        return broadcast(condition, a, b)

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, condition: Any, a: Array, b: Array) -> tuple[Array, Any]:
        return np.where(condition, a, b), condition

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: Any, dy: Array, needs: Needs) -> Gradients:
        _, a, b = geometry.in_shapes
        return (
            None,
            unbroadcast(np.where(saved, dy, 0), a) if needs[1] else None,
            unbroadcast(np.where(saved, 0, dy), b) if needs[2] else None,
        )
