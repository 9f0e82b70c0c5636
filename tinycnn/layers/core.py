"""Dense, and the layers that only rearrange, switch or scale: Activation, Dropout, Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinycnn import activations, ops, random, regularizers
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.layer import Layer
from tinycnn.layers.random_layer import RandomLayer, check_rate
from tinycnn.layers.shapes import Shape, check_data_format, known_size, normalize_shape, positive_int, product
from tinycnn.ops.random import dropped, mask_shape
from tinycnn.registry import register

__all__ = ["Activation", "ActivityRegularization", "Dense", "Dropout", "Flatten", "Permute", "RepeatVector", "Reshape"]


@register("layer")
class Dense(Layer):
    """activation(inputs @ kernel + bias): (N, ..., in) -> (N, ..., units).

    Args:
        units: outputs.
        activation: name, function or layer; default: none.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: anything `initializers.get` takes.
        kernel_regularizer, bias_regularizer, activity_regularizer: anything `regularizers.get` takes.
        kernel_constraint, bias_constraint: anything `constraints.get` takes.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    _left_out: ClassVar[dict[str, Any]] = {"lora_rank": None, "lora_alpha": None, "quantization_config": None}

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_int(units, "units")
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self._keep_rules(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.input_spec = InputSpec(min_ndim=2, layout="(batch, ..., features)")

    def build(self, input_shape: Shape) -> None:
        inputs = known_size(input_shape, -1, self.who)
        self.kernel = self._add_ruled("kernel", (inputs, self.units))
        self.bias = self._add_ruled("bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: inputs}, layout="(batch, ..., features)")

    def call(self, inputs: Tensor) -> Tensor:
        return activations.affine(inputs, self.kernel, self.bias, self.activation)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)


@register("layer")
class Activation(Layer):
    """activation(inputs), for a name, a function or a layer."""

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@register("layer")
class Dropout(RandomLayer):
    """In training: each cell is 0 with probability `rate`, the others are divided by 1 - rate (Srivastava et al. 2014). Else: nothing.

    Args:
        rate: in [0, 1).
        noise_shape: the shape of the random mask, which is broadcast; None in it stands for the inputs' own size. Default: all of theirs.
        seed: int >= 0, for a random sequence of the layer's own: layers of one seed drop the same cells, call by call, and a copy begins
            anew. Default: `tinycnn.random`'s, which `utils.set_random_seed` restarts.
        **kwargs: of `Layer`.

    Raises:
        ArgumentError, DTypeError, ShapeError: naming the argument.
    """

    def __init__(self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        self.rate = check_rate(rate)
        self.noise_shape = None if noise_shape is None else normalize_shape(noise_shape, "noise_shape")

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        seed = random.next_seed() if self.seed is None else int(self.generator.integers(2**63))
        return dropped(inputs, self.rate, self.mask_shape(inputs.shape), seed)

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the random mask for inputs of `shape`."""
        return shape if self.noise_shape is None else mask_shape(self.noise_shape, shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@register("layer")
class Flatten(Layer):
    """(N, ...) -> (N, cells), in the order of "channels_last" also for channels-first inputs."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1, layout="(batch, ...)")

    def call(self, inputs: Tensor) -> Tensor:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = ops.moveaxis(inputs, 1, -1)
        return ops.reshape(inputs, (len(inputs), product(inputs.shape[1:]) or 0))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], product(input_shape[1:]))


@register("layer")
class Reshape(Layer):
    """(N, ...) -> (N, *target_shape); one size of `target_shape` may be -1."""

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            self.target_shape = tuple(n.__index__() for n in target_shape)
        except (TypeError, AttributeError):
            raise ShapeError(f"target_shape must be a tuple of ints, got {target_shape!r}") from None
        if min(self.target_shape, default=1) < -1 or self.target_shape.count(-1) > 1:
            raise ShapeError(f"target_shape must hold sizes >= 0 and at most one -1, got {target_shape!r}")

    def call(self, inputs: Tensor) -> Tensor:
        sizes: Any = self.compute_output_shape(inputs.shape)
        return ops.reshape(inputs, sizes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        cells = product(input_shape[1:])
        known = product([n for n in self.target_shape if n != -1]) or 0
        if cells is None:
            return (input_shape[0], *(None if n == -1 else n for n in self.target_shape))
        missing = cells // known if known else 0
        target = tuple(missing if n == -1 else n for n in self.target_shape)
        if product(target) != cells:
            raise ShapeError(f"{self.who} cannot make {self.target_shape} of the {cells} cells of inputs of shape {tuple(input_shape)}")
        return (input_shape[0], *target)


@register("layer")
class Permute(Layer):
    """The axes after the batch in another order: Permute((2, 1)) exchanges the first two; they count from 1."""

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError(f"dims must hold each of the axes 1, 2, ... once, got {dims!r}")
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


@register("layer")
class RepeatVector(Layer):
    """Each vector `n` times: (N, F) -> (N, n, F)."""

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = positive_int(n, "n")
        self.input_spec = InputSpec(ndim=2, layout="(batch, features)")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, 1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.n, input_shape[1])


@register("layer")
class ActivityRegularization(Layer):
    """Passes its inputs x on, and adds (l1 * sum(|x|) + l2 * sum(x ** 2)) / batch size to the loss; both factors >= 0."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = float(l1), float(l2)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]  # made of the other two
        return config
