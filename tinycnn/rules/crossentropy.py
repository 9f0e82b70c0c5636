"""Softmax and cross-entropy as one op: exact where the probabilities alone would round to 0 or 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinycnn.errors import ShapeError
from tinycnn.kernels.spec import Array, KernelSet
from tinycnn.rules.op import Gradients, Needs, Op, Shape
from tinycnn.rules.reductions import Mean, ReductionGeometry

__all__ = ["SoftmaxCrossentropy"]


@dataclass(frozen=True, slots=True)
class CrossentropyGeometry:
    in_shape: Shape
    #: (rows, classes), as the kernels have it.
    matrix: Shape
    out_shape: Shape
    #: From the losses of all rows to one number; None: they stay apart.
    mean: ReductionGeometry | None


class SoftmaxCrossentropy(Op):
    """loss[...] = -sum_c targets[..., c] * log_softmax(logits)[..., c]; a gradient for the logits and one for the targets

    With `mean`, the mean of all these losses.
    """

    @staticmethod
    def shape(logits: Shape, targets: Shape, *, mean: bool = False) -> CrossentropyGeometry:
        if not logits or logits[-1] == 0 or logits != targets:
            raise ShapeError(f"target must have the shape of output, (..., classes), got {targets} and {logits}")
        rows = math.prod(logits[:-1])
        over_rows = Mean.shape((rows,)) if mean else None
        return CrossentropyGeometry(logits, (rows, logits[-1]), over_rows.out_shape if over_rows else logits[:-1], over_rows)

    @staticmethod
    def forward(k: KernelSet, geometry: CrossentropyGeometry, logits: Array, targets: Array) -> tuple[Array, Any]:
        logits, targets = logits.reshape(geometry.matrix), targets.reshape(geometry.matrix)
        loss, probabilities = k.softmax_crossentropy_forward(logits, targets)
        y = loss.reshape(geometry.out_shape) if geometry.mean is None else Mean.forward(k, geometry.mean, loss)[0]
        return y, (logits, probabilities, targets)

    @staticmethod
    def vjp(k: KernelSet, geometry: CrossentropyGeometry, saved: Any, dy: Array, needs: Needs) -> Gradients:
        logits, probabilities, targets = saved
        dloss = dy.reshape(-1) if geometry.mean is None else Mean.vjp(k, geometry.mean, None, dy, (True,))[0]
        assert dloss is not None  # it was asked for
        dlogits = dtargets = None
        if needs[0]:
            dlogits = k.softmax_crossentropy_backward(dloss, probabilities, targets).reshape(geometry.in_shape)
        if needs[1]:
            shifted = logits - logits.max(axis=-1, keepdims=True)
            dtargets = dloss[:, None] * (np.log(np.exp(shifted).sum(axis=-1, keepdims=True)) - shifted)
            dtargets = dtargets.reshape(geometry.in_shape)
        return dlogits, dtargets
