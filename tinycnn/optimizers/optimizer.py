"""What every optimizer shares: flat variables, clipping, weight decay, moving averages, state; a subclass adds the update rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd import Tensor, Variable
from tinycnn.autograd.engine import quiet
from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError, ShapeError
from tinycnn.optimizers.checks import check_number
from tinycnn.optimizers.flat import FlatVariables, by_dtype
from tinycnn.optimizers.schedule import LearningRateSchedule
from tinycnn.saving.configurable import Configurable, resolve, serialize

__all__ = ["Optimizer", "Options"]

Array = NDArray[Any]
Rate = float | LearningRateSchedule | Callable[[int], float]


class Options(TypedDict, total=False):
    """The arguments that all optimizers share; see `Optimizer`."""

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    name: str | None
    lr: Rate


class Optimizer(Configurable):
    """Base of all optimizers: a subclass names its `slots` and defines `update_step`.

    A step is: clip the gradients, decay the weights, update, average. All variables lie in one flat array (`FlatVariables`), so the
    update rule sees one long vector, and a kernel takes it in one call.

    Args:
        learning_rate: >= 0; or a `LearningRateSchedule`, or any function from the number of finished steps to such a number.
        weight_decay: d in w -= w * d * learning_rate before each update (Loshchilov & Hutter 2019); None is none.
        clipnorm: each variable's gradient is scaled down to at most this L2 norm.
        clipvalue: each gradient cell is clipped to [-clipvalue, clipvalue].
        global_clipnorm: all gradients together are scaled down to at most this L2 norm. At most one of the three can be set.
        use_ema: keep a moving average of the weights, a = ema_momentum * a + (1 - ema_momentum) * w.
        ema_momentum: in [0, 1].
        ema_overwrite_frequency: every so many steps the weights are set to their average; None: only by `finalize_variable_values`.
        name: for logs.
        lr: the old name of learning_rate.

    Raises:
        ArgumentError, DTypeError: for a value that is out of range, or an argument that does not exist.
    """

    #: Names of the arrays that the update rule keeps beside the weights.
    slots: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: Rate,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        name: str | None = None,
        lr: Rate | None = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise ArgumentError(f"{type(self).__name__} takes no argument {next(iter(unknown))!r}")
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        for argument, value in {"weight_decay": weight_decay, **clips}.items():
            if value is not None:
                check_number(argument, value)
        if sum(value is not None for value in clips.values()) > 1:
            raise ArgumentError(f"only one of clipnorm, clipvalue and global_clipnorm can be set, got {clips}")
        if ema_overwrite_frequency is not None and (not isinstance(ema_overwrite_frequency, int) or ema_overwrite_frequency < 1):
            raise ArgumentError(f"ema_overwrite_frequency must be an int >= 1 or None, got {ema_overwrite_frequency!r}")
        self.name = name or type(self).__name__.lower()
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema = bool(use_ema)
        self.ema_momentum = check_number("ema_momentum", ema_momentum, 0, 1)
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self._learning_rate = _as_rate(learning_rate if lr is None else lr)
        self._not_decayed: tuple[tuple[Variable, ...], tuple[str, ...]] = ((), ())
        self._iterations = 0
        self._variables: list[Variable] = []
        self._groups: list[FlatVariables] = []

    # ---- the update rule
    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        """Change `weights` and `slots` in place. Flat arrays of one dtype and length; `self.iterations` steps are finished."""
        raise NotImplementedError(f"{type(self).__name__} must define update_step(weights, gradients, slots, learning_rate)")

    # ---- learning rate and counters
    @property
    def learning_rate(self) -> float:
        """The rate of the next step. It can be set, to a number or a schedule."""
        rate = self._learning_rate
        return rate if isinstance(rate, float) else check_number("learning_rate", rate(self._iterations))

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        rate = _as_rate(value)
        if isinstance(rate, float) and not isinstance(self._learning_rate, float):
            raise ArgumentError("learning_rate is a schedule here: set another schedule, not a number")
        self._learning_rate = rate

    @property
    def lr(self) -> float:
        """The old name of `learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Rate) -> None:
        self.learning_rate = value

    @property
    def iterations(self) -> int:
        """Finished steps."""
        return self._iterations

    @iterations.setter
    def iterations(self, value: int) -> None:
        if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 0:
            raise ArgumentError(f"iterations must be an int >= 0, got {value!r}")
        self._iterations = value.__index__()

    # ---- variables
    @property
    def built(self) -> bool:
        """Whether the variables are known."""
        return bool(self._groups)

    def build(self, variables: Iterable[Variable]) -> None:
        """Move the variables into flat buffers, and make the slots.

        With the same variables again it does nothing; with others, those that were known keep their slots.

        Raises:
            DTypeError: for anything but floating-point Variables.
            ArgumentError: if there are none, or one appears twice.
        """
        variables = list(variables)
        if [id(v) for v in variables] == [id(v) for v in self._variables] and self.built:
            return
        for variable in variables:
            if not isinstance(variable, Variable) or variable.dtype.kind != "f":
                raise DTypeError(f"variables must be floating-point Variables, got {variable!r}")
        if len({id(v) for v in variables}) != len(variables) or not variables:
            raise ArgumentError(f"variables must be at least one, and each once, got {[v.path for v in variables]}")
        old = {id(v): arrays for v, arrays in self._slots_by_variable()}
        names = (*self.slots, "average") if self.use_ema else self.slots
        groups = by_dtype(variables, lambda group: FlatVariables(group, names))  # may run out of memory: nothing is changed then
        self._variables, self._groups = variables, groups
        for variable, arrays in self._slots_by_variable():
            for name, array in old.get(id(variable), {}).items():
                arrays[name][...] = array

    def _slots_by_variable(self) -> list[tuple[Variable, dict[str, Array]]]:
        """Each variable with views of its slots, in the order of `build`."""
        place = {id(v): (group, i) for group in self._groups for i, v in enumerate(group.variables)}
        found = []
        for variable in self._variables:
            group, i = place[id(variable)]
            found.append((variable, {name: group.view(flat, i) for name, flat in group.slots.items()}))
        return found

    def exclude_from_weight_decay(self, var_list: Sequence[Variable] = (), var_names: Sequence[str] = ()) -> None:
        """Spare these variables, and those whose path contains one of the names, from weight decay. Each call replaces the last."""
        self._not_decayed = (tuple(var_list), tuple(var_names))

    def _decays(self, variable: Variable) -> bool:
        spared, names = self._not_decayed
        return not any(variable is v for v in spared) and not any(name in variable.path for name in names)

    # ---- a step
    @quiet()
    def step(self) -> None:
        """One step by the `.grad` of the variables; those that are frozen or have none stay as they are.

        Clipping changes `.grad`. Raises NotBuiltError before `build`.
        """
        if not self.built:
            raise NotBuiltError("this optimizer has no variables yet; call build(variables) first")
        learning_rate = self.learning_rate
        ready = [(group, group.gather()) for group in self._groups]
        self._clip(ready)
        for group, chosen in ready:
            if self.weight_decay:
                decayed = [i for i in chosen if self._decays(group.variables[i])]
                for weights in group.each(group.weights, decayed):
                    weights *= 1 - self.weight_decay * learning_rate
            for run in group.runs(chosen):
                slots = {name: group.slots[name][run] for name in self.slots}
                self.update_step(group.weights[run], group.gradients[run], slots, learning_rate)
        if self.use_ema:
            self._average()
        self._iterations += 1

    def apply(self, grads: Sequence[Any], trainable_variables: Iterable[Variable] | None = None) -> None:
        """One step by given gradients, arrays or Tensors; None leaves its variable as it is.

        Args:
            grads: one for each variable, of its shape.
            trainable_variables: default: those of `build`. The first call builds the optimizer with them.

        Raises:
            ArgumentError, ShapeError, NotBuiltError: if the two do not fit; nothing is changed then.
        """
        if trainable_variables is None and not self.built:
            raise NotBuiltError("this optimizer has no variables yet; call build(variables) first, or pass trainable_variables")
        variables = self._variables if trainable_variables is None else list(trainable_variables)
        if len(grads) != len(variables):
            raise ArgumentError(f"grads must be one for each of {len(variables)} variables, got {len(grads)}")
        arrays = [_as_gradient(g, v) for g, v in zip(grads, variables, strict=True)]
        if not self.built:
            self.build(variables)
        known = {id(v) for v in self._variables}
        for variable in variables:
            if id(variable) not in known:
                raise ArgumentError(f"variable {variable.path!r} is unknown to this optimizer; build it with all variables")
        self.zero_grad()
        for variable, array in zip(variables, arrays, strict=True):
            variable.grad = array
        self.step()

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> int:
        """`apply` for pairs of (gradient, variable); -> the number of finished steps."""
        pairs = list(grads_and_vars)
        if pairs:
            self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def zero_grad(self) -> None:
        """Forget the gradients of all variables."""
        for variable in self._variables:
            variable.grad = None

    def _clip(self, ready: Sequence[tuple[FlatVariables, list[int]]]) -> None:
        """Cut the gradients that will be used down to what the arguments allow, in place."""
        gradients = [g for group, chosen in ready for g in group.each(group.gradients, chosen)]
        if self.clipvalue is not None:
            for g in gradients:
                np.clip(g, -self.clipvalue, self.clipvalue, out=g)
        elif self.clipnorm is not None:
            for g in gradients:
                _scale_down([g], self.clipnorm)
        elif self.global_clipnorm is not None:
            _scale_down(gradients, self.global_clipnorm)

    # ---- moving averages
    def _average(self) -> None:
        """Note the weights in their averages, and overwrite them where it is time."""
        keep = self.ema_momentum if self._iterations else 0.0
        for group in self._groups:
            average = group.slots["average"]
            average *= keep
            average += (1 - keep) * group.weights
        if self.ema_overwrite_frequency and (self._iterations + 1) % self.ema_overwrite_frequency == 0:
            self._overwrite_with_average()

    def _overwrite_with_average(self) -> None:
        for group in self._groups:
            group.gather()
            group.weights[...] = group.slots["average"]

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """At the end of a training: with `use_ema`, set the weights to their averages."""
        if self.use_ema and self._iterations:
            self._overwrite_with_average()

    # ---- state and config
    def get_state(self) -> dict[str, Array]:
        """All that a training needs to go on: name -> copy, plain arrays.

        "iterations", "learning_rate" (unless it is a schedule), and "<slot>/<i>" for variable i of `build`.
        """
        state: dict[str, Array] = {"iterations": np.array(self._iterations, np.int64)}
        if isinstance(self._learning_rate, float):
            state["learning_rate"] = np.array(self._learning_rate)
        for i, (_, arrays) in enumerate(self._slots_by_variable()):
            state |= {f"{name}/{i}": array.copy() for name, array in arrays.items()}
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Put back what `get_state` gave, of an optimizer of this class built with variables of these shapes.

        Raises:
            ArgumentError, ShapeError: if something is missing, too much or of another shape; nothing is changed then.
        """
        targets = {f"{name}/{i}": array for i, (_, arrays) in enumerate(self._slots_by_variable()) for name, array in arrays.items()}
        names = {"iterations", *targets} | ({"learning_rate"} if isinstance(self._learning_rate, float) else set())
        if set(state) != names:
            raise ArgumentError(f"state must have the entries {sorted(names)}, got {sorted(state)}")
        for name, target in targets.items():
            if np.shape(state[name]) != target.shape:
                raise ShapeError(f"state {name!r} must have shape {target.shape}, got {np.shape(state[name])}")
        rate = check_number("learning_rate", float(state["learning_rate"])) if "learning_rate" in names else None
        self.iterations = int(state["iterations"])
        if rate is not None:
            self._learning_rate = rate
        for name, target in targets.items():
            target[...] = state[name]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this optimizer again, plain data; a schedule as its own config, whatever its rate is now.

        Raises:
            DTypeError: the learning rate is a function that has no place in a config.
        """
        config = super().get_config()
        config.pop("lr", None)  # learning_rate under its old name
        if "learning_rate" in config:
            config["learning_rate"] = serialize(self._learning_rate)
        return config

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, learning_rate={self.learning_rate:g}, iterations={self._iterations}>"


def _as_rate(rate: Any) -> float | Callable[[int], float]:
    """A learning rate as a float or a function of the step; a config becomes the schedule it describes."""
    if isinstance(rate, dict):
        rate = resolve("schedule", rate)
    return rate if callable(rate) else check_number("learning_rate", rate)


def _as_gradient(gradient: Any, variable: Variable) -> Array | None:
    if gradient is None:
        return None
    array = np.asarray(gradient.data if isinstance(gradient, Tensor) else gradient, variable.dtype)
    if array.shape != variable.shape:
        raise ShapeError(f"the gradient of variable {variable.path!r} must have shape {variable.shape}, got {array.shape}")
    return array


def _scale_down(gradients: Sequence[Array], limit: float) -> None:
    """Scale gradients so that their common L2 norm is at most `limit` (Pascanu et al. 2013)."""
    norm = math.sqrt(math.fsum(float(np.square(g, dtype=np.float64).sum()) for g in gradients))
    if norm > limit:
        for g in gradients:
            g *= limit / norm
