"""Batch normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn import initializers, ops, regularizers
from tinycnn.autograd import Tensor, Variable
from tinycnn.errors import ArgumentError
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.layer import Layer
from tinycnn.layers.shapes import Shape, known_size
from tinycnn.registry import register
from tinycnn.rules.op import normalize_axis

__all__ = ["BatchNormalization"]


@register("layer")
class BatchNormalization(Layer):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta for each channel (Ioffe & Szegedy 2015).

    In training, mean and biased variance are the batch's own, and the moving averages follow them:
    moving = momentum * moving + (1 - momentum) * batch. Otherwise the moving averages are used. With `trainable = False` they always are.

    Args:
        axis: of the channels.
        momentum: the part of the moving averages that is kept, in [0, 1].
        epsilon: > 0, keeps the root away from 0.
        center, scale: whether there are beta and gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: anything `initializers.get` takes.
        beta_regularizer, gamma_regularizer: anything `regularizers.get` takes.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            axis = axis[0]
        if not hasattr(axis, "__index__"):
            raise ArgumentError(f"axis must be an int, got {axis!r}")
        if not 0 <= momentum <= 1:
            raise ArgumentError(f"momentum must be in [0, 1], got {momentum!r}")
        if not epsilon > 0:
            raise ArgumentError(f"epsilon must be > 0, got {epsilon!r}")
        self.axis = int(axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.input_spec = InputSpec(min_ndim=2, layout="(batch, ..., channels)")

    def build(self, input_shape: Shape) -> None:
        axis = normalize_axis(self.axis, len(input_shape))
        channels = known_size(input_shape, axis, self.who)
        size = (channels,)
        self.gamma = self.add_weight(size, self.gamma_initializer, regularizer=self.gamma_regularizer, name="gamma") if self.scale else None
        self.beta = self.add_weight(size, self.beta_initializer, regularizer=self.beta_regularizer, name="beta") if self.center else None
        self.moving_mean = self.add_weight(size, self.moving_mean_initializer, trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(size, self.moving_variance_initializer, trainable=False, name="moving_variance")
        self.input_spec = InputSpec(ndim=len(input_shape), axes={axis: channels})

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not (training and self.trainable):
            return ops.batch_normalization(inputs, self.moving_mean, self.moving_variance, self.axis, self.beta, self.gamma, self.epsilon)
        gamma = np.ones_like(self.moving_mean.data) if self.gamma is None else self.gamma
        beta = np.zeros_like(self.moving_mean.data) if self.beta is None else self.beta
        last = ops.moveaxis(inputs, self.axis, -1)
        y, mean, variance = ops.batch_normalization_training(last, gamma, beta, self.epsilon)
        self._follow(self.moving_mean, mean)
        self._follow(self.moving_variance, variance)
        return ops.moveaxis(y, -1, self.axis)

    def _follow(self, moving: Variable, value: Any) -> None:
        """Move a moving average towards the batch's value."""
        moving.assign(moving.data * self.momentum + value * (1 - self.momentum))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)
