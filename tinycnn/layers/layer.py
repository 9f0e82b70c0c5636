"""The Layer: weights, and a function of them. Keras 3's contract for layers of one's own holds here too."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np

from tinycnn import config, ops, regularizers
from tinycnn.autograd import Tensor, no_grad
from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError, ShapeError
from tinycnn.layers import naming
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.shapes import Shape, normalize_shape
from tinycnn.layers.symbolic import SymbolicTensor
from tinycnn.layers.weights import WeightHolder
from tinycnn.saving.configurable import serialize

__all__ = ["Layer"]


class _Mode(threading.local):
    """What holds while layers call each other, in one thread."""

    def __init__(self) -> None:
        #: Whether this is a training step; None while no layer is being called.
        self.training: bool | None = None
        #: What `add_loss` was given since the outermost call began. Not kept in the layers: a copy of a layer shall not copy a graph.
        self.losses: WeakKeyDictionary[Layer, list[Tensor]] = WeakKeyDictionary()


_mode = _Mode()


class Layer(WeightHolder):
    """Base of all layers.

    A layer of your own implements `call`, and where it has weights `build`; other layers that it keeps as attributes are part of it::

        class Scale(Layer):
            def build(self, input_shape):
                self.factor = self.add_weight(shape=input_shape[-1:], initializer="ones", name="factor")

            def call(self, inputs):
                return inputs * self.factor

    A `call` that behaves differently in training takes an argument `training`.

    Args:
        trainable: whether the weights are trained.
        dtype: "float32" or "float64": of weights, and what floating-point inputs are cast to; default: `config.floatx`.
        name: default: the class name in snake_case, with a number from the second on.
        **kwargs: `activity_regularizer`, anything `regularizers.get` takes: its penalty of the result, divided by the batch size, is added
            to the loss. `input_shape`, `batch_input_shape` or `input_dim`, as old scripts give to the first layer of a Sequential.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    _takes_training: ClassVar[bool] = False
    #: Arguments that Keras has for what tinycnn leaves out, with the values that mean so; any other value is refused.
    _left_out: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, *, trainable: bool = True, dtype: Any = None, name: str | None = None, **kwargs: Any) -> None:
        if name is not None and (not isinstance(name, str) or not name or "/" in name):
            raise ArgumentError(f"name must be a string without '/', got {name!r}")
        super().__init__(name or naming.unique_name(naming.snake_case(type(self).__name__)), _check_dtype(dtype), bool(trainable))
        self.activity_regularizer = regularizers.get(kwargs.pop("activity_regularizer", None))
        for argument, off in self._left_out.items():
            value = kwargs.pop(argument, off)
            if value != off:
                raise ArgumentError(f"{argument} must be {off!r} for a {type(self).__name__}: tinycnn leaves it out, got {value!r}")
        self._batch_input_shape = _given_input_shape(type(self).__name__, kwargs)
        self._input_shape: Any = None
        self._drawn: tuple[Any, Any] | None = None  # inputs and results of the first symbolic call
        #: What inputs must look like: one spec, one for each input, or None.
        self.input_spec: InputSpec | Sequence[InputSpec] | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "call" in vars(cls):
            cls._takes_training = "training" in inspect.signature(cls.call).parameters
        if "build" in vars(cls):
            cls.build = _building(cls.build)  # type: ignore[assignment, method-assign]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    # ---- what a layer computes
    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape, (None, ...) with the batch; called before the first `call`."""
        self._input_shape = input_shape
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The layer's result: Tensors in, Tensors out."""
        raise NotImplementedError(f"{type(self).__name__} must implement call()")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the result for inputs of `input_shape`, None standing for unknown sizes.

        A layer that does not override this is built and called once, on zeros, with one sample for an unknown batch.

        Raises:
            ShapeError: a size other than the batch's is unknown.
        """
        shapes = [input_shape] if _is_shape(input_shape) else list(input_shape)
        if any(None in shape[1:] for shape in shapes):
            raise ShapeError(
                f"{type(self).__name__} must override compute_output_shape() to take inputs of unknown size, got {input_shape}"
            )
        zeros = [Tensor.wrap(np.zeros([1 if n is None else n for n in shape], self.dtype)) for shape in shapes]
        before, _mode.losses = _mode.losses, WeakKeyDictionary()  # this is no call to have losses of
        try:
            with no_grad():
                result = self(zeros[0] if _is_shape(input_shape) else zeros, training=False)
        finally:
            _mode.losses = before
        batch_known = all(shape[0] is not None for shape in shapes)
        found = [r.shape if batch_known else (None, *r.shape[1:]) for r in _listed(result)]
        return found if isinstance(result, (list, tuple)) else found[0]

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Apply the layer.

        Args:
            inputs: an array or a Tensor; a list of these where the layer takes several; or symbolic tensors.
            training: whether this is a training step; default: what the layer around this one was told, else False.

        Returns:
            A Tensor, or a symbolic tensor for symbolic inputs; a list if the layer has several results.

        Raises:
            ShapeError, DTypeError: the inputs do not fit.
        """
        if isinstance(inputs, Tensor):  # by far the most frequent
            inputs = self._as_tensor(inputs)
            self._check_inputs(inputs.data.shape)
        elif any(isinstance(part, SymbolicTensor) for part in _listed(inputs)):
            return self._call_symbolically(inputs, training)
        else:
            inputs = _map(self._as_tensor, inputs)
            self._check_inputs(_map(lambda x: x.shape, inputs))
        if not self.built:
            self.build(_map(lambda x: (None, *x.shape[1:]), inputs))
        before = _mode.training
        if before is None and _mode.losses:
            self.take_losses()
        _mode.training = bool(before if training is None else training)
        try:
            call: Callable[..., Any] = self.call
            result = call(inputs, training=_mode.training) if self._takes_training else call(inputs)
            if self.activity_regularizer is not None:
                for part in _listed(result):
                    self.add_loss(self.activity_regularizer(part) / float(max(len(part), 1) if part.ndim else 1))
            return result
        finally:
            _mode.training = before

    def _call_symbolically(self, inputs: Any, training: bool | None) -> Any:
        if not all(isinstance(part, SymbolicTensor) for part in _listed(inputs)):
            raise DTypeError(f"{self.who} must be called on symbolic tensors only or on arrays only, got a mixture")
        shape = _map(lambda x: x.shape, inputs)
        self._check_inputs(shape)
        if not self.built:
            self.build(shape)
        found = self.compute_output_shape(shape)
        lone = _is_shape(found)
        history = (self, inputs)
        results = [
            SymbolicTensor(tuple(s), self.dtype, f"{self.name}_output", history, index=None if lone else i, training=training)
            for i, s in enumerate([found] if lone else found)
        ]
        result = results[0] if lone else results
        if self._drawn is None:
            self._drawn = inputs, result
        return result

    def _as_tensor(self, x: Any) -> Tensor:
        """`x` as a Tensor, floats in the layer's dtype; integers stay for layers that count with them."""
        tensor = ops.convert_to_tensor(x)
        return ops.cast(tensor, self.dtype) if tensor.data.dtype.kind == "f" and tensor.data.dtype != self.dtype else tensor

    def _check_inputs(self, shape: Any) -> None:
        """Compare with `input_spec`."""
        if self.input_spec is None:
            return
        specs = [self.input_spec] if isinstance(self.input_spec, InputSpec) else self.input_spec
        shapes = [shape] if _is_shape(shape) else _listed(shape)
        if len(shapes) != len(specs):
            raise ShapeError(f"{self.who} expects {len(specs)} input{'s' * (len(specs) != 1)}, got {len(shapes)}")
        for spec, one in zip(specs, shapes, strict=True):
            spec.check(one, self.who)

    # ---- penalties that depend on inputs
    def add_loss(self, loss: Any) -> None:
        """Add to the loss of the model, from inside of `call`.

        Args:
            loss: a Tensor, whose cells are summed; or a list of them. It counts for this call of the outermost layer, in this thread.

        Raises:
            DTypeError: for anything but Tensors.
        """
        for part in _listed(loss):
            if not isinstance(part, Tensor):
                raise DTypeError(f"add_loss() of {self.who} takes Tensors, got {part!r}")
        _mode.losses.setdefault(self, []).extend(_listed(loss))

    @property
    def losses(self) -> list[Tensor]:
        """Scalar Tensors: what `add_loss` and activity regularizers gave in the last call, and the penalties of the weights as they are."""
        return [*self._added_losses(), *(penalty(variable) for variable, penalty in self.regularized)]

    def take_losses(self) -> list[Tensor]:
        """What `add_loss` and activity regularizers gave in the last call, of this layer and its sublayers; it is forgotten thereby."""
        found = self._added_losses()
        for layer in self.walk() if found else ():
            _mode.losses.pop(layer, None)
        return found

    def _added_losses(self) -> list[Tensor]:
        if not _mode.losses:
            return []
        return [ops.sum(part) if part.ndim else part for layer in self.walk() for part in _mode.losses.get(layer, ())]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.activity_regularizer is not None:  # layers that name the argument write None, too, as in Keras
            config["activity_regularizer"] = serialize(self.activity_regularizer)
        return config

    # ---- shapes
    @property
    def batch_input_shape(self) -> Shape | None:
        """The shape that `input_shape=` announced, with the batch; None if it was not given."""
        return self._batch_input_shape

    @property
    def input_shape(self) -> Any:
        """The shape of the inputs the layer was built for. Raises NotBuiltError before."""
        if self._input_shape is None:
            raise NotBuiltError(f"{self.who} was never called, so it has no input shape")
        return self._input_shape

    @property
    def output_shape(self) -> Any:
        """The shape of the result for `input_shape`."""
        return self.compute_output_shape(self.input_shape)

    # ---- the place in a functional model
    @property
    def input(self) -> Any:
        """The symbolic input of the layer's first symbolic call. Raises NotBuiltError before."""
        return self._first_drawing()[0]

    @property
    def output(self) -> Any:
        """The symbolic result of the layer's first symbolic call. Raises NotBuiltError before."""
        return self._first_drawing()[1]

    def _first_drawing(self) -> tuple[Any, Any]:
        if self._drawn is None:
            raise NotBuiltError(f"{self.who} was never called on a symbolic tensor (of `Input(...)`)")
        return self._drawn


def _building(build: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """`build` with what belongs around it: once only, inputs checked first, and no weights left behind by an error."""

    @functools.wraps(build)
    def wrapper(self: Layer, input_shape: Any = None) -> None:
        input_shape = normalize_shape(input_shape, "input_shape") if _is_shape(input_shape) else input_shape
        self._check_inputs(input_shape)
        if self.built:
            return
        try:
            build(self, input_shape)
        except BaseException:
            self._forget_weights()
            raise
        Layer.build(self, input_shape)

    return wrapper


def _given_input_shape(who: str, kwargs: dict[str, Any]) -> Shape | None:
    """The old arguments that announce the input shape, with the batch; ArgumentError for any other argument."""
    unknown = set(kwargs) - {"input_shape", "batch_input_shape", "input_dim"}
    if unknown:
        raise ArgumentError(f"{who} takes no argument {', '.join(map(repr, sorted(unknown)))}")
    if kwargs.get("batch_input_shape") is not None:
        return normalize_shape(kwargs["batch_input_shape"], "batch_input_shape")
    if kwargs.get("input_dim") is not None:
        return normalize_shape((None, kwargs["input_dim"]), "input_dim")
    if kwargs.get("input_shape") is not None:
        return (None, *normalize_shape(kwargs["input_shape"], "input_shape"))
    return None


def _check_dtype(dtype: Any) -> str:
    """The name of a dtype to compute in."""
    try:
        name = config.floatx() if dtype is None else np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in ("float32", "float64"):
        raise ArgumentError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
    return name


def _is_shape(value: Any) -> bool:
    """True for one shape, false for a list or a dict of shapes."""
    return isinstance(value, (tuple, list)) and all(n is None or hasattr(n, "__index__") for n in value)


def _listed(value: Any) -> list[Any]:
    """One thing, or the things in a list, tuple or dict, as a list."""
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _map(function: Callable[[Any], Any], value: Any) -> Any:
    """`function` of one thing, or of each in a list, tuple or dict."""
    if isinstance(value, Mapping):
        return {key: function(part) for key, part in value.items()}
    return [function(part) for part in value] if isinstance(value, (list, tuple)) else function(value)
