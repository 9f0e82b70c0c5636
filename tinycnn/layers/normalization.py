"""Normalisation: of each channel over the batch, or of each sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tinycnn import ops
from tinycnn.autograd import Tensor, Variable
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.layer import Layer
from tinycnn.layers.shapes import Shape, known_size
from tinycnn.registry import register
from tinycnn.rules.op import normalize_axes, normalize_axis

__all__ = ["BatchNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization", "UnitNormalization"]

Axes = int | Sequence[int]


class _Normalization(Layer):
    """A layer whose result has the shape of its inputs, normalised along one axis or several."""

    def _one_axis(self, axis: Any) -> int:
        """The argument `axis` where it must be one."""
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            axis = axis[0]
        if not hasattr(axis, "__index__"):
            raise ArgumentError(f"axis must be an int, got {axis!r}")
        return int(axis)

    def _several_axes(self, axis: Any) -> Any:
        """The argument `axis` where it may be several."""
        if not all(hasattr(one, "__index__") for one in (axis if isinstance(axis, (list, tuple)) and axis else [axis])):
            raise ArgumentError(f"axis must be an int or a list of ints, got {axis!r}")
        return list(axis) if isinstance(axis, (list, tuple)) else int(axis)

    def _sizes(self, input_shape: Shape, axis: Axes) -> dict[int, int]:
        """axis -> the size that weights along it have."""
        return {i: known_size(input_shape, i, self.who) for i in normalize_axes(axis, len(input_shape))}

    def _shape_along(self, input_shape: Shape, axis: Axes) -> tuple[int, ...]:
        """The shape of a weight along one axis or several, as Keras has it: sorted by the numbers as they were given, -1 before 1."""
        axes = [axis] if isinstance(axis, int) else sorted(axis)
        return tuple(known_size(input_shape, normalize_axis(one, len(input_shape)), self.who) for one in axes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


class _Affine(_Normalization):
    """One that scales and shifts what it has normalised: gamma * x + beta."""

    def __init__(
        self,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = _check_epsilon(epsilon)
        self.center = bool(center)
        self.scale = bool(scale)
        self._keep_rules(
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def _add_scale_and_offset(self, shape: Sequence[int]) -> None:
        self.gamma = self._add_ruled("gamma", shape) if self.scale else None
        self.beta = self._add_ruled("beta", shape) if self.center else None


def _check_epsilon(epsilon: Any) -> float:
    if not epsilon > 0:
        raise ArgumentError(f"epsilon must be > 0, got {epsilon!r}")
    return float(epsilon)


@register("layer")
class BatchNormalization(_Affine):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta for each channel (Ioffe & Szegedy 2015).

    In training, mean and biased variance are the batch's own, and the moving averages follow them:
    moving = momentum * moving + (1 - momentum) * batch. Otherwise the moving averages are used. With `trainable = False` they always are.

    Args:
        axis: of the channels.
        momentum: the part of the moving averages that is kept, in [0, 1].
        epsilon: above 0, keeps the root away from 0.
        center, scale: whether there are beta and gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: anything `initializers.get` takes.
        beta_regularizer, gamma_regularizer: anything `regularizers.get` takes.
        beta_constraint, gamma_constraint: anything `constraints.get` takes.
        **kwargs: of `Layer`. Keras's `renorm` and `synchronized` must be False: batch renormalisation and several processes are left out.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    _left_out: ClassVar[dict[str, Any]] = {"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99, "synchronized": False}

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
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.axis = self._one_axis(axis)
        if not 0 <= momentum <= 1:
            raise ArgumentError(f"momentum must be in [0, 1], got {momentum!r}")
        self.momentum = float(momentum)
        self._keep_rules(moving_mean_initializer=moving_mean_initializer, moving_variance_initializer=moving_variance_initializer)
        self.input_spec = InputSpec(min_ndim=2, layout="(batch, ..., channels)")

    def build(self, input_shape: Shape) -> None:
        sizes = self._sizes(input_shape, self.axis)
        shape = tuple(sizes.values())
        self._add_scale_and_offset(shape)
        self.moving_mean = self._add_ruled("moving_mean", shape, trainable=False)
        self.moving_variance = self._add_ruled("moving_variance", shape, trainable=False)
        self.input_spec = InputSpec(ndim=len(input_shape), axes=sizes)

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


@register("layer")
class LayerNormalization(_Affine):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, with mean and biased variance of each sample over `axis` (Ba et al. 2016).

    Args:
        axis: an int or several; gamma and beta have the inputs' sizes along them.
        epsilon: above 0, keeps the root away from 0.
        center, scale: whether there are beta and gamma.
        beta_initializer, gamma_initializer: anything `initializers.get` takes.
        beta_regularizer, gamma_regularizer: anything `regularizers.get` takes.
        beta_constraint, gamma_constraint: anything `constraints.get` takes.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    _left_out: ClassVar[dict[str, Any]] = {"rms_scaling": False}

    def __init__(
        self,
        axis: Axes = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.axis = self._several_axes(axis)

    def build(self, input_shape: Shape) -> None:
        sizes = self._sizes(input_shape, self.axis)
        self._add_scale_and_offset(self._shape_along(input_shape, self.axis))
        self.input_spec = InputSpec(ndim=len(input_shape), axes=sizes)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.layer_normalization(inputs, self.gamma, self.beta, self.axis, self.epsilon)


@register("layer")
class GroupNormalization(_Affine):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance of each group of channels of a sample (Wu & He 2018).

    Args:
        groups: into how many the channels are cut; -1: each is a group of its own (instance normalisation).
        axis: of the channels.
        epsilon, center, scale: as in `LayerNormalization`; gamma and beta have one cell for each channel.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: as there.
        **kwargs: as there.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        if isinstance(groups, bool) or not isinstance(groups, int) or (groups < 1 and groups != -1):
            raise ArgumentError(f"groups must be an int >= 1, or -1 for one a channel, got {groups!r}")
        self.groups = groups
        self.axis = self._one_axis(axis)
        self.input_spec = InputSpec(min_ndim=2, layout="(batch, ..., channels)")

    def build(self, input_shape: Shape) -> None:
        axis = normalize_axis(self.axis, len(input_shape))
        if axis == 0:
            raise ArgumentError(f"axis must not be that of the batch, got {self.axis}")
        channels = known_size(input_shape, axis, self.who)
        if channels % self.groups:
            raise ShapeError(f"{self.who} expects inputs whose channels are a multiple of groups={self.groups}, got {channels}")
        self._add_scale_and_offset((channels,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={axis: channels})

    def call(self, inputs: Tensor) -> Tensor:
        axis = normalize_axis(self.axis, inputs.ndim)
        shape, channels = inputs.shape, inputs.shape[axis]
        groups = channels if self.groups == -1 else self.groups
        grouped = ops.reshape(inputs, (*shape[:axis], groups, channels // groups, *shape[axis + 1 :]))
        y = ops.standardize(grouped, [i for i in range(1, grouped.ndim) if i != axis], self.epsilon)
        y = ops.reshape(y, shape)
        along = [-1 if i == axis else 1 for i in range(inputs.ndim)]
        if self.gamma is not None:
            y = y * ops.reshape(self.gamma, along)
        return y if self.beta is None else y + ops.reshape(self.beta, along)


@register("layer")
class RMSNormalization(_Normalization):
    """scale * x / sqrt(mean(x ** 2) + epsilon), the mean over `axis`, an int or several (Zhang & Sennrich 2019)."""

    def __init__(self, axis: Axes = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = self._several_axes(axis)
        self.epsilon = _check_epsilon(epsilon)

    def build(self, input_shape: Shape) -> None:
        sizes = self._sizes(input_shape, self.axis)
        self.scale = self.add_weight(self._shape_along(input_shape, self.axis), "ones", name="scale")
        self.input_spec = InputSpec(ndim=len(input_shape), axes=sizes)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.rms_normalization(inputs, self.scale, self.axis, self.epsilon)


@register("layer")
class UnitNormalization(_Normalization):
    """x divided by its Euclidean norm over `axis`, an int or several."""

    def __init__(self, axis: Axes = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = self._several_axes(axis)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.normalize(inputs, self.axis, epsilon=1e-12)
