"""What owns weights: itself, and through the layers it keeps as attributes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from tinycnn import constraints, initializers, ops, regularizers
from tinycnn.autograd import Tensor, Variable
from tinycnn.errors import DTypeError, NotBuiltError, ShapeError
from tinycnn.layers.arguments import ArgumentKeeper
from tinycnn.saving import budget

if TYPE_CHECKING:
    from tinycnn.layers.layer import Layer

__all__ = ["MadeByBuild", "WeightHolder", "holdings_changed"]


#: A weight and its penalty.
Regularized: TypeAlias = tuple[Variable, Callable[[Tensor], Tensor]]

#: How the arguments of layers that speak of a weight end, and what makes objects of them.
_GETTERS: dict[str, Callable[[Any], Any]] = {
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraints.get,
}


class _NoWeightYetError(NotBuiltError, AttributeError):
    """Also an AttributeError, so that `hasattr` and `getattr` with a default see that there is none."""


class MadeByBuild:
    """Stands in the class for a weight that `build` will set: attributes of the layer itself come first, so built layers lose no time.

    Args:
        name: of the weight.
        rules: how the layer's arguments that speak of it begin; default: with its name.
    """

    def __init__(self, name: str, rules: str | None = None) -> None:
        self._name, self._rule = name, f"{rules or name}_initializer"

    def __get__(self, layer: WeightHolder | None, owner: type) -> Any:
        if layer is None:
            return self
        if not getattr(layer, "built", True) and hasattr(layer, self._rule):
            raise _NoWeightYetError(f"{layer.who} is not built yet, so it has no {self._name}: call it on data, or build(input_shape)")
        raise AttributeError(f"{owner.__name__!r} object has no attribute {self._name!r}")


class WeightHolder(ArgumentKeeper):
    """The half of a `Layer` that keeps weights.

    Args:
        name: of the layer.
        dtype: of its weights.
        trainable: whether they are trained.
    """

    def __init__(self, name: str, dtype: str, trainable: bool) -> None:
        self._parts: list[str] = []  # the attributes that hold layers, or may: a walk need not look at the others
        self._trainable_variables: list[Variable] = []
        self._non_trainable_variables: list[Variable] = []
        self._regularized: list[Regularized] = []
        self._holdings: _Holdings | None = None
        self._trainable = trainable
        self.name = name
        self.dtype = dtype
        self.built = False

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            super().__setattr__(name, value)
            return
        if "_parts" not in self.__dict__:
            raise NotBuiltError(f"__init__() of {type(self).__name__} must call super().__init__() first, before it sets {name!r}")
        if isinstance(value, Variable):
            self._track(value)
        super().__setattr__(name, value)
        held, holds = name in self._parts, _may_hold(value)
        if held != holds:
            (self._parts.remove if held else self._parts.append)(name)
        if held or holds:
            holdings_changed()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in self._parts:
            self._parts.remove(name)
            holdings_changed()

    @property
    def who(self) -> str:
        """How errors call this layer."""
        return f"layer {self.name!r} ({type(self).__name__})"

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        *,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A new weight of this layer.

        Args:
            shape: sizes along its axes; default: (), one number.
            initializer: anything `initializers.get` takes; default: "glorot_uniform", or "zeros" for integers.
            dtype: default: the layer's.
            trainable: whether an optimizer may change it.
            regularizer: anything `regularizers.get` takes; its penalty is added to the loss.
            constraint: anything `constraints.get` takes; it is applied after each step of the optimizer.
            name: for people and files; default: "variable".

        Raises:
            ShapeError: the initializer gave another shape.
        """
        shape, name, dtype = tuple(shape or ()), name or "variable", dtype or self.dtype
        default = "glorot_uniform" if np.dtype(dtype).kind == "f" else "zeros"
        initialize: Any = initializers.get(default if initializer is None else initializer)
        is_in_file = budget.claim(shape, self.who)
        value = np.zeros(shape, dtype) if is_in_file else initialize(shape, dtype=dtype)
        if np.shape(value) != shape:
            raise ShapeError(f"the initializer of weight {name!r} of {self.who} gave shape {np.shape(value)}, expected {shape}")
        penalty, projection = regularizers.get(regularizer), constraints.get(constraint)
        path = f"{self.name}/{name}"
        variable = Variable(value, trainable=trainable, name=name, path=path, dtype=dtype, constraint=projection)
        self._track(variable)
        if penalty is not None:
            self._regularized.append((variable, penalty))
            holdings_changed()
        return variable

    def _keep_rules(self, **rules: Any) -> None:
        """Keep the arguments <weight>_initializer, <weight>_regularizer and <weight>_constraint, made objects, under their names."""
        for name, rule in rules.items():
            setattr(self, name, _GETTERS[name.rpartition("_")[2]](rule))

    def _add_ruled(self, name: str, shape: Sequence[int], rules: str | None = None, *, trainable: bool = True) -> Variable:
        """A weight made as the arguments of its name say, which `_keep_rules` kept; `rules` is their prefix where it is not the name."""
        initializer, regularizer, constraint = (getattr(self, f"{rules or name}_{kind}", None) for kind in _GETTERS)
        return self.add_weight(shape, initializer, trainable=trainable, regularizer=regularizer, constraint=constraint, name=name)

    def _track(self, variable: Variable) -> None:
        """Count `variable` among the layer's own, once."""
        if any(variable is known for known in (*self._trainable_variables, *self._non_trainable_variables)):
            return
        if variable.trainable:
            self._trainable_variables.append(variable)
            variable.trainable = self._trainable
        else:
            self._non_trainable_variables.append(variable)
        holdings_changed()

    def sublayers(self) -> Iterator[Layer]:
        """The layers kept in attributes, directly or in nested lists, tuples and dicts; each once."""
        seen = {id(self)}
        for part in _nested([getattr(self, name) for name in self._parts]):
            if isinstance(part, WeightHolder) and id(part) not in seen:
                seen.add(id(part))
                yield cast("Layer", part)

    def walk(self) -> Iterator[Layer]:
        """This layer and all below it, each once."""
        seen: set[int] = set()
        stack = [cast("Layer", self)]
        while stack:
            layer = stack.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                if layer._parts:
                    stack.extend(reversed(list(layer.sublayers())))

    @property
    def own_weights(self) -> list[Variable]:
        """The layer's own weights, trainable ones first; without those of its sublayers."""
        return [*self._trainable_variables, *self._non_trainable_variables]

    @property
    def weights(self) -> list[Variable]:
        """All weights: the layer's own, trainable ones first, then those of its sublayers."""
        return list(self._found_holdings().weights)

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that an optimizer shall change."""
        return [v for v in self._found_holdings().weights if v.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The others: moving averages, and everything in a frozen layer."""
        return [v for v in self.weights if not (v.trainable and self._trainable)]

    @property
    def variables(self) -> list[Variable]:
        """The same as `weights`."""
        return self.weights

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether the weights are trained. Setting it sets it for the sublayers, too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.set_own_trainable(value)
        for layer in self.sublayers():
            layer.trainable = self._trainable

    def set_own_trainable(self, value: bool) -> None:
        """Set `trainable` without the sublayers."""
        self._trainable = bool(value)
        for variable in self._trainable_variables:
            variable.trainable = self._trainable

    @property
    def regularized(self) -> list[Regularized]:
        """The trainable weights that have a regularizer, with it; of this layer and its sublayers."""
        return [(variable, penalty) for variable, penalty in self._found_holdings().regularized if variable.trainable]

    def count_params(self) -> int:
        """The number of cells in all weights. Raises NotBuiltError if they are not made yet."""
        if not self.built:
            raise NotBuiltError(f"{self.who} has no weights yet: call it on data, or build(input_shape)")
        return sum(v.size for v in self.weights)

    def get_weights(self) -> list[NDArray[Any]]:
        """Copies of all weights."""
        return [v.data.copy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrite all weights, in the order of `weights`.

        Raises:
            ShapeError: another number of arrays, or one of another shape; nothing is written then.
        """
        variables = self.weights
        if not isinstance(weights, (Sequence, np.ndarray)):
            raise DTypeError(f"weights must be a list of {len(variables)} arrays for {self.who}, got {type(weights).__name__}")
        if len(weights) != len(variables):
            raise ShapeError(f"weights must be a list of {len(variables)} arrays for {self.who}, got {len(weights)}")
        arrays = [ops.convert_to_numpy(value) for value in weights]
        for variable, array in zip(variables, arrays, strict=True):
            if array.shape != variable.shape:
                raise ShapeError(f"weight {variable.path!r} has shape {variable.shape}, got an array of shape {array.shape}")
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)

    def _found_holdings(self) -> _Holdings:
        """What this layer and all below it hold."""
        if self._holdings is None or not self._holdings.are_current():
            self._holdings = _Holdings(self)
        return self._holdings

    def _forget_weights(self) -> None:
        """As before `build`."""
        self._trainable_variables, self._non_trainable_variables, self._regularized = [], [], []
        self.built = False
        holdings_changed()


#: Attributes of layers and models that hold no layers, or only such that another one holds.
_OWN = frozenset(
    {"_parts", "_trainable_variables", "_non_trainable_variables", "_regularized", "_built_for", "_drawn_tensors", "_steps", "_admitted"}
    | {"_trained", "_regularized_now", "_holdings"}
)


for _name in ("bias", "beta", "gamma", "kernel", "moving_mean", "moving_variance"):
    setattr(WeightHolder, _name, MadeByBuild(_name))


def _may_hold(value: Any) -> bool:
    """Whether it is a layer, or might hold one now or later."""
    if type(value) is tuple:
        return any(_may_hold(part) for part in value)
    return isinstance(value, WeightHolder) or type(value) in (list, dict)


def _nested(value: Any) -> Iterator[Any]:
    """`value`, and what is in it at any depth, if it is a list, tuple or dict."""
    yield value
    kind = type(value)
    if kind is list or kind is tuple or kind is dict:
        for part in value.values() if kind is dict else value:
            yield from _nested(part)


class _Holdings:
    """The weights and regularizers of a layer and of all below it, as a walk found them: no step can afford that walk.

    What changes them calls `holdings_changed`; but nobody tells of a change in a list or dict, so these are compared.
    """

    #: Replaced by each change, in whatever layer.
    stamp = object()

    def __init__(self, layer: WeightHolder) -> None:
        self._stamp = _Holdings.stamp
        layers = list(layer.walk())
        self.weights = list({id(v): v for layer in layers for v in layer.own_weights}.values())
        self.regularized = [entry for layer in layers for entry in layer._regularized]
        parts = _nested([getattr(layer, name) for layer in layers for name in layer._parts])
        self._containers = [(part, [*_contents(part)]) for part in parts if type(part) in (list, dict)][1:]  # the first is made here

    def are_current(self) -> bool:
        """Whether nothing has changed since."""
        if self._stamp is not _Holdings.stamp:
            return False
        for container, before in self._containers:
            now = _contents(container)
            if len(now) != len(before) or not all(map(operator.is_, now, before)):
                return False
        return True


def _contents(container: Any) -> Any:
    return container.values() if type(container) is dict else container


def holdings_changed() -> None:
    """To be called whenever a layer has other weights, regularizers or attributes that may hold layers than before."""
    _Holdings.stamp = object()
