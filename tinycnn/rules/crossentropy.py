"""Softmax and cross-entropy as one op: exact where the probabilities alone would round to 0 or 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.errors import ShapeError
from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.op import Broadcast, Gradients, Needs, Op, Shape

__all__ = ["SoftmaxCrossentropy"]


class SoftmaxCrossentropy(Op):
    """loss[...] = -sum_c targets[..., c] * log_softmax(logits)[..., c]; a gradient for the logits and one for the targets"""

    @staticmethod
    def shape(logits: Shape, targets: Shape) -> Broadcast:
        if not logits or logits[-1] == 0 or logits != targets:
            raise ShapeError(f"target must have the shape of output, (..., classes), got {targets} and {logits}")
        return Broadcast(logits[:-1], (logits, targets))

    @staticmethod
    def forward(k: KernelSet, geometry: Broadcast, logits: Array, targets: Array) -> tuple[Array, Any]:
        rows = (-1, logits.shape[-1])
        logits, targets = logits.reshape(rows), targets.reshape(rows)
        loss, probabilities = k.softmax_crossentropy_forward(logits, targets)
        return loss.reshape(geometry.out_shape), (logits, probabilities, targets)

    @staticmethod
    def vjp(k: KernelSet, geometry: Broadcast, saved: Any, dy: Array, needs: Needs) -> Gradients:
        logits, probabilities, targets = saved
        dloss = dy.reshape(-1)
        dlogits = dtargets = None
        if needs[0]:
            dlogits = k.softmax_crossentropy_backward(dloss, probabilities, targets).reshape(geometry.in_shapes[0])
        if needs[1]:
            shifted = logits - logits.max(axis=-1, keepdims=True)
            dtargets = dloss[:, None] * (np.log(np.exp(shifted).sum(axis=-1, keepdims=True)) - shifted)
            dtargets = dtargets.reshape(geometry.in_shapes[1])
        return dlogits, dtargets
