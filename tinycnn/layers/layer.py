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
from tinycnn.autograd import Tensor
from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError, ShapeError, shown
from tinycnn.layers import copying, naming
from tinycnn.layers.input_spec import InputSpec
from tinycnn.layers.shapes import Shape, is_shape, map_shapes, normalize_shape
from tinycnn.layers.symbolic import KerasTensor, Node, infer, symbols
from tinycnn.layers.tree import leaves, map_leaves
from tinycnn.layers.weights import WeightHolder
from tinycnn.saving.configurable import serialize

__all__ = ["Layer"]


class _Mode(threading.local):
    """What holds while layers call each other, in one thread."""

    def __init__(self) -> None:
        #: Whether this is a training step; None while no layer is being called.
        self.training: bool | None = None
        #: What `add_loss` was given since the outermost call began, if anything. Not kept in the layers: a copy shall not copy a graph.
        self.losses: WeakKeyDictionary[Layer, list[Tensor]] | None = None


_mode = _Mode()

#: Held while layers are built, so that threads which call a model for the first time at once build it once.
building = threading.RLock()


class Layer(WeightHolder):
    """Base of all layers.

    A layer of your own implements `call`, and where it has weights `build`; other layers that it keeps as attributes are part of it::

        class Scale(Layer):
            def build(self, input_shape):
                self.factor = self.add_weight(shape=input_shape[-1:], initializer="ones", name="factor")

            def call(self, inputs):
                return inputs * self.factor

    A `call` that behaves differently in training takes an argument `training`. One that takes several tensors may have several arguments;
    `build` and `compute_output_shape` then have one for each, named like `call`'s with "_shape" behind, or only the first one's.

    Args:
        trainable: whether the weights are trained.
        dtype: "float32" or "float64": of weights, and what floating-point inputs are cast to; default: `config.floatx`.
        name: default: the class name in snake_case, with a number from the second on.
        **kwargs: `activity_regularizer`, anything `regularizers.get` takes: its penalty of the result, divided by the batch size, is added
            to the loss. `input_shape`, `batch_input_shape` or `input_dim`, as old scripts give to the first layer of a Sequential.

    Raises:
        ArgumentError, DTypeError: naming the argument.
    """

    _signature: ClassVar[inspect.Signature]
    _takes_training: ClassVar[bool] = False
    _takes_mask: ClassVar[bool] = False
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
        self._built_for: dict[str, Any] | None = None  # the shapes of the first call's tensors, by argument
        self._drawn: tuple[Any, Any] | None = None  # inputs and results of the first symbolic call
        #: What inputs must look like: one spec, one for each input, or None.
        self.input_spec: InputSpec | Sequence[InputSpec] | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "call" in vars(cls):
            cls._signature = _without_self(cls.call)
            cls._takes_training = "training" in cls._signature.parameters
            cls._takes_mask = "mask" in cls._signature.parameters
        if "build" in vars(cls):
            cls.build = _building(cls.build)  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    # ---- names of Keras for what layers have once here
    @property
    def compute_dtype(self) -> str:
        """The same as `dtype`: weights and computation have one."""
        return self.dtype

    @property
    def variable_dtype(self) -> str:
        """The same as `dtype`: weights and computation have one."""
        return self.dtype

    @property
    def path(self) -> str:
        """What the paths of the layer's weights begin with: its name, without those of the models around it."""
        return self.name

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

        A layer that does not override this is built and run on zeros.
        """
        inputs = map_shapes(lambda shape: KerasTensor(shape, self.dtype), input_shape)
        return map_leaves(lambda tensor: tensor.shape, self._tried((inputs,), {}))

    def _tried(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Fresh symbolic tensors of the shapes that a trial gives; it is no call to have losses of."""
        before, _mode.losses = _mode.losses, None
        try:
            return infer(functools.partial(self, training=False), args, kwargs)
        finally:
            _mode.losses = before

    def __call__(self, /, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Apply the layer.

        Args:
            *args, **kwargs: what `call` takes: arrays or Tensors, lists or dicts of these, or symbolic tensors.
            training: whether this is a training step; default: what the layer around this one was told, else False.

        Returns:
            A Tensor, or a symbolic tensor for symbolic inputs; a list, tuple or dict if the layer has several results.

        Raises:
            ShapeError, DTypeError, ArgumentError: the arguments do not fit.
        """
        if len(args) == 1 and not kwargs and isinstance(args[0], Tensor):  # by far the most frequent
            inputs = self._as_tensor(args[0])
            args = (inputs,)
            self._check_inputs(inputs.data.shape)
        else:
            args, kwargs, training = self._taken(args, kwargs, training)
            if symbols((args, kwargs)):
                return self._call_symbolically(args, kwargs, training)
            self._check_inputs(_map_tensors(lambda x: x.shape, _first(args, kwargs)))
        if not self.built:
            self._build_for(args, kwargs)
        before = _mode.training
        if before is None and _mode.losses is not None:
            self.take_losses()
        _mode.training = bool(before if training is None else training)
        try:
            call: Callable[..., Any] = self.call
            if self._takes_training:
                kwargs["training"] = _mode.training
            result = call(*args, **kwargs)
            if result is None:
                raise DTypeError(f"call() of {self.who} must return Tensors, got None: is there a return?")
            if self.activity_regularizer is not None:
                for part in leaves(result):
                    self.add_loss(self.activity_regularizer(part) / float(max(len(part), 1) if part.ndim else 1))
            return result
        finally:
            _mode.training = before

    def _taken(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None
    ) -> tuple[tuple[Any, ...], dict[str, Any], bool | None]:
        """The arguments of a call, checked, arrays made Tensors; and `training`, which may be anywhere among them."""
        if not self._takes_mask and kwargs.get("mask", 0) is None:
            kwargs = {name: value for name, value in kwargs.items() if name != "mask"}
        try:
            given = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise ArgumentError(f"{self.who} cannot be called so: {error}") from None
        if "training" in given:
            training = given["training"]
            names = list(self._signature.parameters)
            place = names.index("training")
            kwargs = {**dict(zip(names[place + 1 :], args[place + 1 :], strict=False)), **kwargs}
            args = args[:place]
        args = tuple(self._converted(value, i == 0) for i, value in enumerate(args))
        return args, {name: self._converted(value, not args and i == 0) for i, (name, value) in enumerate(kwargs.items())}, training

    def _converted(self, value: Any, is_first: bool) -> Any:
        """Arrays, anywhere in lists and dicts, as Tensors; of the first argument also numbers."""
        if isinstance(value, (Tensor, np.ndarray)):
            return self._as_tensor(value)
        if isinstance(value, KerasTensor):
            return value
        if isinstance(value, (list, tuple, Mapping)) and any(hasattr(leaf, "shape") for leaf in leaves(value)):
            return map_leaves(lambda leaf: self._converted(leaf, is_first), value)
        return self._as_tensor(value) if is_first or hasattr(value, "__array__") else value

    def _call_symbolically(self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None) -> Any:
        first = _first(args, kwargs)
        self._check_inputs(_map_tensors(lambda x: x.shape, first))
        if not self.built:
            self._build_for(args, kwargs)
        results = self.symbolic_results(args, kwargs)
        if self._takes_mask:
            kwargs.setdefault("mask", map_leaves(lambda _: None, first))
        Node(self, args, kwargs if training is None else {**kwargs, "training": training}, results)
        if self._drawn is None:
            inputs = symbols((args, kwargs))
            self._drawn = (inputs[0] if isinstance(first, KerasTensor) and len(inputs) == 1 else inputs), results
        return results

    def symbolic_results(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Fresh tensors of the shapes that a call gives. Layers inside that only `call` builds are built by running it."""
        is_whole = all(layer.built for layer in self.sublayers())
        if type(self).compute_output_shape is Layer.compute_output_shape or not is_whole:
            return self._tried(args, kwargs)
        positional, named = self._shapes_for(type(self).compute_output_shape, args, kwargs)
        return map_shapes(lambda shape: KerasTensor(shape, self.dtype), self.compute_output_shape(*positional, **named))

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build for the shapes of a call's arguments, the batch left open."""
        given = self._signature.bind(*args, **kwargs).arguments
        self._built_for = {name: _map_tensors(_open_shape, value) for name, value in given.items() if _has_tensors(value)}
        positional, named = self._shapes_for(type(self).build, args, kwargs)
        self.build(*positional, **named)

    def _shapes_for(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The shapes of a call's tensors as `method` takes them: the first one's alone, or all by name."""
        given = self._signature.bind(*args, **kwargs).arguments
        shapes = {name: _map_tensors(_open_shape, value) for name, value in given.items() if _has_tensors(value)}
        names = [name for name, parameter in _without_self(method).parameters.items() if parameter.kind is not parameter.VAR_KEYWORD]
        if len(names) == 1 or len(shapes) == 1:
            return (next(iter(shapes.values())),), {}
        missing = [name for name in names if name.removesuffix("_shape") not in shapes and _is_required(method, name)]
        if missing:
            raise ArgumentError(f"{self.who}: {method.__name__}() takes {missing[0]!r}, but call() was given tensors {list(shapes)}")
        return (), {f"{name}_shape": shape for name, shape in shapes.items() if f"{name}_shape" in names}

    def _as_tensor(self, x: Any) -> Tensor:
        """`x` as a Tensor, floats in the layer's dtype; integers stay for layers that count with them."""
        if isinstance(x, Tensor) and x.data.dtype is _DTYPES.get(self.dtype):  # as nearly always
            return x
        tensor = ops.convert_to_tensor(x)
        return ops.cast(tensor, self.dtype) if tensor.data.dtype.kind == "f" and tensor.data.dtype != self.dtype else tensor

    def _check_inputs(self, shape: Any) -> None:
        """Compare with `input_spec`."""
        if self.input_spec is None:
            return
        specs = [self.input_spec] if isinstance(self.input_spec, InputSpec) else self.input_spec
        shapes = [shape] if is_shape(shape) else list(shape.values()) if isinstance(shape, Mapping) else list(shape)
        if len(shapes) != len(specs):
            raise ShapeError(f"{self.who} expects {len(specs)} input{'s' * (len(specs) != 1)}, got {len(shapes)}")
        for spec, one in zip(specs, shapes, strict=True):
            spec.check(one, self.who)

    @property
    def lacks_weights(self) -> bool:
        """Whether weights are still to be made, by `build` or by the first call."""
        return not self.built and (type(self).build is not Layer.build or any(True for _ in self.sublayers()))

    # ---- copies
    def __reduce__(self) -> Any:
        return copying.restored, (type(self), copying.state(self))

    def extra_state(self) -> Any:
        """What copies need beside config and weights, as plain data."""

    def restore_extra_state(self, state: Any) -> None:
        """Take over what `extra_state` gave."""

    def build_as(self, other_built_for: Any) -> None:
        """Make the weights for the same shapes as another layer has them, by its `built_for`."""
        if isinstance(other_built_for, dict):
            tensors = {name: map_shapes(lambda shape: KerasTensor(shape, self.dtype), form) for name, form in other_built_for.items()}
            self._tried((), tensors)
        elif other_built_for is not None:
            self.build(other_built_for)

    @property
    def built_for(self) -> Any:
        """The shapes that the weights were made for: of a call's tensors by argument, or what `build` was given; None before."""
        return self._built_for if self._built_for is not None and self.built else self._input_shape

    # ---- penalties that depend on inputs
    def add_loss(self, loss: Any) -> None:
        """Add to the loss of the model, from inside of `call`.

        Args:
            loss: a Tensor, whose cells are summed; or a list of them. It counts for this call of the outermost layer, in this thread.

        Raises:
            DTypeError: for anything but Tensors.
        """
        for part in leaves(loss):
            if not isinstance(part, Tensor):
                raise DTypeError(f"add_loss() of {self.who} takes Tensors, got {shown(part)}")
        if _mode.losses is None:
            _mode.losses = WeakKeyDictionary()
        _mode.losses.setdefault(self, []).extend(leaves(loss))

    @property
    def losses(self) -> list[Tensor]:
        """Scalar Tensors: what `add_loss` and activity regularizers gave in the last call, and the penalties of the weights as they are."""
        return [*self._added_losses(), *(penalty(variable) for variable, penalty in self.regularized)]

    def take_losses(self) -> list[Tensor]:
        """What `add_loss` and activity regularizers gave in the last call, of this layer and its sublayers; it is forgotten thereby."""
        losses = _mode.losses
        if losses is None:
            return []
        found = self._added_losses()
        for layer in self.walk() if found else ():
            losses.pop(layer, None)
        if not losses:
            _mode.losses = None
        return found

    def _added_losses(self) -> list[Tensor]:
        losses = _mode.losses
        if losses is None:
            return []
        return [ops.sum(part) if part.ndim else part for layer in self.walk() for part in losses.get(layer, ())]

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
        """The shape of the result of the first symbolic call, or else for `input_shape`."""
        if self._drawn is not None:
            return _map_tensors(lambda tensor: tensor.shape, self._drawn[1])
        if self.built and self._built_for is not None and len(self._built_for) > 1:
            tensors = {name: map_shapes(lambda shape: KerasTensor(shape, self.dtype), form) for name, form in self._built_for.items()}
            return _map_tensors(lambda tensor: tensor.shape, self.symbolic_results((), tensors))
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


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The first argument, which `input_spec` is about."""
    return args[0] if args else next(iter(kwargs.values()), None)


def _building(build: Callable[..., None]) -> Callable[..., None]:
    """`build` with what belongs around it: once only, inputs checked first, and no weights left behind by an error."""

    @functools.wraps(build)
    def wrapper(self: Layer, *shapes: Any, **named: Any) -> None:
        normalized = [
            map_shapes(lambda shape: normalize_shape(shape, "input_shape"), shape) for shape in shapes or ([] if named else [None])
        ]
        first = normalized[0] if normalized else next(iter(named.values()))
        self._check_inputs(first)
        with building:
            if self.built:
                return
            try:
                build(self, *normalized, **named)
            except BaseException:
                self._forget_weights()
                raise
            Layer.build(self, first)

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


#: The dtypes to compute in, by name.
_DTYPES = {name: np.dtype(name) for name in ("float32", "float64")}


def _check_dtype(dtype: Any) -> str:
    """The name of a dtype to compute in."""
    try:
        name = config.floatx() if dtype is None else np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in _DTYPES:
        raise ArgumentError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
    return name


def _has_tensors(value: Any) -> bool:
    return any(isinstance(leaf, (Tensor, KerasTensor)) for leaf in leaves(value))


def _map_tensors(function: Callable[[Any], Any], value: Any) -> Any:
    """`function` of one tensor, or of each in a dict or, as a list, in a list or tuple."""
    if isinstance(value, Mapping):
        return {key: _map_tensors(function, part) for key, part in value.items()}
    return [_map_tensors(function, part) for part in value] if isinstance(value, (list, tuple)) else function(value)


def _open_shape(tensor: Any) -> Shape:
    """The shape of a symbolic tensor; of another with the batch left open."""
    return tensor.shape if isinstance(tensor, KerasTensor) else (None, *tensor.shape[1:])


@functools.lru_cache(maxsize=1024)
def _without_self(method: Callable[..., Any]) -> inspect.Signature:
    """The signature of a method as its callers see it."""
    signature = inspect.signature(method)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _is_required(method: Callable[..., Any], name: str) -> bool:
    parameter = _without_self(method).parameters[name]
    return parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL


Layer._signature = _without_self(Layer.call)
