"""Which layers run as one step: Conv2D -> activation -> MaxPooling2D, where one kernel does all three at the pooled resolution, and
Flatten -> Dense -> activation, which is then one op. Such steps that follow each other are recorded as one op, too.

A step is what a stack of layers, or such a stack inside of a functional model, is run by: (tensor, training) -> tensor. A layer is
one. Fused steps use the weights of their layers as they are at each call, so weights, frozen layers, files and summaries know nothing of
them. Only layers of exactly the classes named here are taken, since a subclass may compute anything; what they are set to is read when
the model is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinycnn.activations import KERNEL_ACTIVATIONS, softmax
from tinycnn.autograd import Prepared, Tensor, is_grad_enabled
from tinycnn.kernels.spec import Array, PoolableActivation
from tinycnn.layers import Activation, Conv2D, Dense, Flatten, Layer, LeakyReLU, MaxPooling2D, ReLU
from tinycnn.ops import cast
from tinycnn.rules.activation import Softmax
from tinycnn.rules.chain import Chain
from tinycnn.rules.fused import Affine, ConvPool2d
from tinycnn.rules.op import Op

__all__ = ["FusedStep", "Step", "begins", "chain_at", "fused_steps", "step_at"]

Step = Callable[..., Any]
#: An activation that may go after the maximum: its name in the kernels, and its slope below 0.
Slope = tuple[PoolableActivation, float]


class FusedStep:
    """Several layers in one.

    To predict, no tensor is needed: `compute` takes and gives an array.

    Args:
        op: what is computed, of the inputs, a kernel and a bias.
        layer: whose weights are used.
        then: what comes after the op, for activations that are none of the kernel's.
        **parameters: those of the op.
    """

    def __init__(self, op: type[Op], layer: Any, then: Callable[[Tensor], Tensor] | None = None, **parameters: Any) -> None:
        self.op, self.layer, self.then, self.parameters = op, layer, then, parameters
        self._run = Prepared(op, **parameters)

    def __call__(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        raise NotImplementedError

    def compute(self, x: Array) -> Array:
        """The same without a gradient."""
        raise NotImplementedError


class ConvPoolStep(FusedStep):
    """A convolution, its activation and its pooling.

    Args:
        conv: the layer whose weights are used.
        **parameters: those of the op.
    """

    def __init__(self, conv: Conv2D, **parameters: Any) -> None:
        super().__init__(ConvPool2d, conv, **parameters)
        self._inference = Prepared(ConvPool2d, **parameters, keeps_argmax=False)

    def __call__(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        run = self._run if is_grad_enabled() else self._inference
        return run(*_operands(self.layer, inputs))

    def compute(self, x: Array) -> Array:
        result: Array = self._inference.compute(*_arrays(self.layer, x))
        return result


class DenseStep(FusedStep):
    """A dense layer with the Flatten before it and the activation behind it.

    Args:
        dense: the layer whose weights are used.
        then: what comes after the op, for activations that are none of the kernel's.
        **parameters: those of the op.
    """

    def __init__(self, dense: Dense, then: Callable[[Tensor], Tensor] | None, **parameters: Any) -> None:
        super().__init__(Affine, dense, then, **parameters)
        self._softmax = Prepared(Softmax) if then is softmax else None

    def __call__(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        result = self._run(*_operands(self.layer, inputs))
        return result if self.then is None else self.then(result)

    def compute(self, x: Array) -> Array:
        result: Array = self._run.compute(*_arrays(self.layer, x))
        if self._softmax is not None:  # of nearly every classifier; no loss will ask for its logits
            result = self._softmax.compute(result)
        elif self.then is not None:
            result = self.then(Tensor.wrap(result)).data
        return result


class ChainStep(FusedStep):
    """Fused steps one after the other.

    Args:
        steps: at least two, of one dtype; only the last may have a `then`.
    """

    def __init__(self, steps: Sequence[FusedStep]) -> None:
        self.steps = steps
        links = [(step.op, step.parameters) for step in steps]
        super().__init__(Chain, steps[0].layer, steps[-1].then, links=links)

    def __call__(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if not is_grad_enabled() or not (inputs.requires_grad or self.layer.kernel.requires_grad):
            for step in self.steps:  # one by one: what is saved for no gradient is freed at once
                inputs = step(inputs)
            return inputs
        operands = [_entering(self.layer, inputs)]
        for step in self.steps:
            operands += (step.layer.kernel, step.layer.bias)
        result = self._run(*operands)
        return result if self.then is None else self.then(result)

    def compute(self, x: Array) -> Array:
        for step in self.steps:
            x = step.compute(x)
        return x


def _entering(layer: Any, inputs: Tensor) -> Tensor:
    """The inputs in the layer's dtype."""
    return inputs if inputs.data.dtype is layer.kernel.data.dtype else cast(inputs, layer.dtype)


def _operands(layer: Any, inputs: Tensor) -> tuple[Tensor, ...]:
    """The inputs in the layer's dtype, its kernel, and its bias if it has one."""
    kernel, bias = layer.kernel, layer.bias
    inputs = _entering(layer, inputs)
    return (inputs, kernel) if bias is None else (inputs, kernel, bias)


def _arrays(layer: Any, x: Array) -> tuple[Array, ...]:
    """`_operands` as arrays."""
    kernel, bias = layer.kernel.data, layer.bias
    if x.dtype is not kernel.dtype:
        x = x.astype(kernel.dtype, copy=False)
    return (x, kernel) if bias is None else (x, kernel, bias.data)


def fused_steps(layers: Sequence[Layer]) -> list[Step]:
    """The steps that run a stack of layers, as few as can be."""
    steps: list[Step] = []
    at = 0
    while at < len(layers):
        step, taken = chain_at(layers, at)
        steps.append(step)
        at += taken
    return steps


def chain_at(layers: Sequence[Any], at: int) -> tuple[Step, int]:
    """What begins with layer `at` of some that run one after the other, fused steps chained; and how many layers it takes."""
    step, taken = step_at(layers, at)
    steps: list[Any] = [step]
    while at + taken < len(layers):
        step, more = step_at(layers, at + taken)
        if not _continues(steps, step):
            break
        steps.append(step)
        taken += more
    return ChainStep(steps) if len(steps) > 1 else steps[0], taken


def _continues(steps: Sequence[Any], step: Any) -> bool:
    """Whether a step can go into the op of those before. Not with a layer that is there: the order of its gradients' sum would change."""
    before = steps[-1]
    if not (isinstance(before, FusedStep) and isinstance(step, FusedStep)):
        return False
    return before.then is None and before.layer.dtype == step.layer.dtype and all(step.layer is not one.layer for one in steps)


def step_at(layers: Sequence[Any], at: int) -> tuple[Step, int]:
    """The step that begins with layer `at` of some that run one after the other, and how many it takes: one if it cannot be fused."""
    step, end = _conv_pool_at(layers, at) or _dense_at(layers, at) or (layers[at], at + 1)
    return step, end - at


def begins(layer: Any) -> bool:
    """Whether a fused step can begin with this layer."""
    return _is_plainly(layer, Conv2D, Dense, Flatten)


def _conv_pool_at(layers: Sequence[Any], at: int) -> tuple[Step, int] | None:
    """Conv2D -> activation -> MaxPooling2D from layer `at` on, and where it ends."""
    conv = layers[at]
    if not _is_plainly(conv, Conv2D) or conv.data_format != "channels_last" or conv.groups != 1:
        return None
    slope, end = _activated(layers, at)
    if not slope or end == len(layers) or not _is_pool(layers[end]) or layers[end].dtype != conv.dtype:
        return None
    kind, alpha = slope
    step = ConvPoolStep(
        conv,
        kind=kind,
        alpha=alpha,
        strides=conv.strides,
        padding=conv.padding,
        dilation_rate=conv.dilation_rate,
        pool_padding=layers[end].padding,
    )
    return step, end + 1


def _dense_at(layers: Sequence[Any], at: int) -> tuple[Step, int] | None:
    """(Flatten ->) Dense -> activation from layer `at` on, and where it ends."""
    flattens = _is_plainly(layers[at], Flatten) and layers[at].data_format == "channels_last" and at + 1 < len(layers)
    at += flattens
    dense = layers[at]
    if not _is_plainly(dense, Dense):
        return None
    slope, end = _activated(layers, at)
    kind, alpha = slope or KERNEL_ACTIVATIONS.get(dense.activation, ("linear", 0.0))
    then = None if slope or dense.activation in KERNEL_ACTIVATIONS else dense.activation
    return DenseStep(dense, then, kind=kind, alpha=alpha, flatten=flattens), end


def _activated(layers: Sequence[Any], at: int) -> tuple[Slope | None, int]:
    """The activation of layer `at`, with those of the activation layers behind it; and where these end."""
    slope, end = _slope(layers[at].activation), at + 1
    while slope and end < len(layers) and _is_plainly(layers[end], Activation, LeakyReLU, ReLU) and layers[end].dtype == layers[at].dtype:
        composed = _composed(slope, _slope(layers[end]))
        if composed is None:
            break
        slope, end = composed, end + 1
    return slope, end


def _is_plainly(layer: Any, *classes: type) -> bool:
    """Is it of exactly one of these classes, was its `call` not replaced, and does nobody look at its result?"""
    return type(layer) in classes and "call" not in vars(layer) and layer.activity_regularizer is None


def _is_pool(layer: Any) -> bool:
    is_2x2 = _is_plainly(layer, MaxPooling2D) and layer.pool_size == layer.strides == (2, 2)
    return is_2x2 and layer.data_format == "channels_last"


def _slope(activation: Any) -> Slope | None:
    """How an activation, a function or a layer, is done by the kernel; None if it cannot be."""
    if _is_plainly(activation, Activation):
        return _slope(activation.activation)
    if _is_plainly(activation, LeakyReLU):
        return "leaky_relu", activation.negative_slope
    if _is_plainly(activation, ReLU):
        if activation.max_value is not None or activation.threshold:
            return None
        return ("leaky_relu", activation.negative_slope) if activation.negative_slope else ("relu", 0.0)
    kind, alpha = KERNEL_ACTIVATIONS.get(activation, ("none", 0.0))
    return (kind, alpha) if kind in ("linear", "relu", "leaky_relu") else None


def _composed(first: Slope, second: Slope | None) -> Slope | None:
    """One activation after another: the one that is not linear, if there are not two."""
    if second is None or (first[0] != "linear" and second[0] != "linear"):
        return None
    return first if second[0] == "linear" else second
