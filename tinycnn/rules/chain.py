"""Ops one after the other, as one node of the graph: what the engine does for a node takes as long as a small kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.op import Gradients, Needs, Op, Shape

__all__ = ["Chain"]


@dataclass(frozen=True, slots=True)
class ChainGeometry:
    #: Each op with its geometry.
    links: tuple[tuple[type[Op], Any], ...]
    out_shape: Shape


class Chain(Op):
    """y = op_n(... op_2(op_1(x, w_1, b_1), w_2, b_2) ..., w_n, b_n); a b may be None

    `links` holds each op with its parameters.
    """

    @staticmethod
    def shape(x: Shape, *operands: Shape | None, links: Sequence[tuple[type[Op], Mapping[str, Any]]]) -> ChainGeometry:
        found = []
        for (op, parameters), w, b in zip(links, operands[::2], operands[1::2], strict=True):
            geometry = op.shape(x, w, b, **parameters)
            found.append((op, geometry))
            x = geometry.out_shape
        return ChainGeometry(tuple(found), x)

    @staticmethod
    def forward(k: KernelSet, geometry: ChainGeometry, x: Array, *operands: Array | None) -> tuple[Array, Any]:
        saved = []
        for (op, own), w, b in zip(geometry.links, operands[::2], operands[1::2], strict=True):
            x, kept = op.forward(k, own, x, w, b)
            saved.append(kept)
        return x, saved

    @staticmethod
    def vjp(k: KernelSet, geometry: ChainGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        gradients: list[Array | None] = [None] * len(needs)
        gradient: Array | None = dy
        at = len(needs)
        for (op, own), kept in zip(reversed(geometry.links), reversed(saved), strict=True):
            at -= 2
            below = any(needs[:at])
            gradient, gradients[at], gradients[at + 1] = op.vjp(k, own, kept, gradient, (below, *needs[at : at + 2]))
            if not below:
                return tuple(gradients)
        gradients[0] = gradient
        return tuple(gradients)
