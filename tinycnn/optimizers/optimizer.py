"""What every optimizer shares: flat variables, clipping, weight decay, moving averages, state; a subclass adds the update rule."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd import Tensor, Variable, no_grad
from tinycnn.autograd.engine import quiet
from tinycnn.checks import check_number
from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError, ShapeError
from tinycnn.optimizers.clipping import clip_norm, clip_value
from tinycnn.optimizers.flat import FlatVariables, by_dtype
from tinycnn.optimizers.rate import IntSetting, Setting, as_rate, current_rate
from tinycnn.optimizers.schedules import LearningRateSchedule
from tinycnn.saving.configurable import Configurable, serialize

__all__ = ["Optimizer", "Options"]

Array = NDArray[Any]
Ready = Sequence[tuple[FlatVariables, list[int]]]
Rate = float | LearningRateSchedule | Callable[..., float]

#: Slots that this class keeps itself, beside those of the update rule.
AVERAGE, ACCUMULATOR = "average", "gradient_accumulator"


class Options(TypedDict, total=False):
    """The arguments that all optimizers share; see `Optimizer`."""

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: None
    gradient_accumulation_steps: int | None
    name: str | None
    lr: Rate


class Optimizer(Configurable):
    """Base of all optimizers: a subclass names its `slots` and defines `update_step`.

    A step is: clip the gradients, decay the weights, update, average, constrain. All variables lie in one flat array (`FlatVariables`), so
    the update rule sees one long vector, and a kernel takes it in one call.

    Args:
        learning_rate: at least 0; or a `LearningRateSchedule`; or a function of the number of finished steps, or of nothing, to such a
            number.
        weight_decay: d in w -= w * d * learning_rate before each update (Loshchilov & Hutter 2019); None is none.
        clipnorm: each variable's gradient is scaled down to at most this L2 norm. 0 is no limit, here and in the next two.
        clipvalue: each gradient cell is clipped to [-clipvalue, clipvalue].
        global_clipnorm: all gradients together are scaled down to at most this L2 norm. At most one of the three can be set.
        use_ema: keep a moving average of the weights, a = ema_momentum * a + (1 - ema_momentum) * w.
        ema_momentum: in [0, 1].
        ema_overwrite_frequency: every so many steps the weights are set to their average; None: only by `finalize_variable_values`.
        loss_scale_factor: must be None: it is for float16.
        gradient_accumulation_steps: n >= 2: the weights change in every n-th step only, by the mean of n gradients. Schedules still count
            every step; `iterations` counts the changes.
        name: for logs.
        lr: the old name of learning_rate.

    Raises:
        ArgumentError, DTypeError: for a value that is out of range, or an argument that does not exist.
    """

    #: Names of the arrays that the update rule keeps beside the weights.
    slots: tuple[str, ...] = ()

    #: What a slot starts with, where it is not 0; to be set after `Optimizer.__init__`.
    initial_values: dict[str, float]

    #: Numbers, as arrays without axes, that the update rule keeps for all weights together; to be set after `Optimizer.__init__`.
    scalars: dict[str, Array]

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
        loss_scale_factor: None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        lr: Rate | None = None,
        **unknown: Any,
    ) -> None:
        if unknown.pop("decay", None):
            raise ArgumentError("decay is no argument any more: give learning_rate a schedule, such as schedules.InverseTimeDecay")
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
        if loss_scale_factor is not None:
            raise ArgumentError(f"loss_scale_factor must be None, since nothing is computed in float16, got {loss_scale_factor!r}")
        if gradient_accumulation_steps is not None and (
            not isinstance(gradient_accumulation_steps, int) or gradient_accumulation_steps < 2
        ):
            raise ArgumentError(f"gradient_accumulation_steps must be an int >= 2 or None, got {gradient_accumulation_steps!r}")
        self.name = name or type(self).__name__.lower()
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema = bool(use_ema)
        self.ema_momentum = check_number("ema_momentum", ema_momentum, 0, 1)
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.initial_values = {}
        self.scalars = {}
        self._learning_rate = as_rate(learning_rate if lr is None else lr)
        self._not_decayed: tuple[tuple[Variable, ...], tuple[str, ...]] = ((), ())
        self._count: Array = np.array(0, np.int64)  # finished steps
        self._variables: list[Variable] = []
        self._groups: list[FlatVariables] = []

    # ---- the update rule
    def update_step(self, weights: Array, gradients: Array, slots: dict[str, Array], learning_rate: float) -> None:
        """Change `weights` and `slots` in place. Flat arrays of one dtype and length; `self._updates` updates are finished."""
        raise NotImplementedError(f"{type(self).__name__} must define update_step(weights, gradients, slots, learning_rate)")

    def begin_update(self) -> None:
        """Called once before the calls of `update_step` that make one update: the place to change `scalars`."""

    # ---- learning rate and counters
    @property
    def learning_rate(self) -> Setting:
        """The rate of the next step. It can be set, to a number or a schedule; a number by `learning_rate.assign(number)`, too."""
        return Setting(current_rate(self._learning_rate, self._steps), self, "learning_rate")

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        rate = as_rate(value)
        if not isinstance(rate, np.ndarray):
            self._learning_rate = rate
        elif isinstance(self._learning_rate, np.ndarray):
            self._learning_rate[...] = rate  # in place: `variables` shares it
        else:
            raise ArgumentError("learning_rate is a schedule here: set another schedule, not a number")

    @property
    def lr(self) -> Setting:
        """The old name of `learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Rate) -> None:
        self.learning_rate = value

    @property
    def iterations(self) -> IntSetting:
        """Finished updates: steps, divided by `gradient_accumulation_steps` if there are any. It can be set, as `learning_rate` can."""
        return IntSetting(self._updates, self, "iterations")

    @iterations.setter
    def iterations(self, value: int) -> None:
        self._count[...] = _as_count(value) * (self.gradient_accumulation_steps or 1)

    @property
    def _steps(self) -> int:
        """Finished steps."""
        return int(self._count)

    @property
    def _updates(self) -> int:
        """`iterations` as a plain number."""
        return self._steps // (self.gradient_accumulation_steps or 1)

    # ---- variables
    @property
    def variables(self) -> list[Variable]:
        """All that `get_state` gives, in its order, as Variables; what is assigned to them is assigned to the optimizer."""
        names = {f"{slot}/{i}": f"{v.path.replace('/', '_')}_{slot}" for i, v in enumerate(self._variables) for slot in self._kept_slots}
        names["iterations"] = "iteration"
        found = []
        for entry, array in self._state().items():
            name = names.get(entry, entry)
            variable = Variable(array, trainable=False, name=name, path=f"{self.name}/{name}")
            variable.data = array  # itself, not a copy
            found.append(variable)
        return found

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
        if self.built and len(variables) == len(self._variables) and all(map(operator.is_, variables, self._variables)):
            return
        for variable in variables:
            if not isinstance(variable, Variable) or variable.dtype.kind != "f":
                raise DTypeError(f"variables must be floating-point Variables, got {variable!r}")
        if len({id(v) for v in variables}) != len(variables) or not variables:
            raise ArgumentError(f"variables must be at least one, and each once, got {[v.path for v in variables]}")
        old = {id(v): arrays for v, arrays in self._slots_by_variable()}
        groups = by_dtype(variables, lambda group: FlatVariables(group, self._kept_slots))  # may run out of memory: nothing is changed then
        for name, value in self.initial_values.items():
            for group in groups:
                group.slots[name][...] = value
        self._variables, self._groups = variables, groups
        for variable, arrays in self._slots_by_variable():
            for name, array in old.get(id(variable), {}).items():
                arrays[name][...] = array

    def slot_blocks(self) -> tuple[tuple[str, ...], ...]:
        """The slots as they follow each other in Keras's files: a block holds its slots of one variable, then those of the next."""
        return (self.slots,)

    def _blocks(self) -> list[tuple[str, ...]]:
        """`slot_blocks` after those of this class."""
        own = [(AVERAGE,)] * self.use_ema + [(ACCUMULATOR,)] * bool(self.gradient_accumulation_steps)
        return [*own, *self.slot_blocks()]

    @property
    def _kept_slots(self) -> list[str]:
        return [name for block in self._blocks() for name in block]

    def _slots_by_variable(self) -> list[tuple[Variable, dict[str, Array]]]:
        """Each variable with views of its slots, in the order of `build`."""
        place = {id(v): (group, i) for group in self._groups for i, v in enumerate(group.variables)}
        found = []
        for variable in self._variables:
            group, i = place[id(variable)]
            found.append((variable, {name: self._slot(group, name, i) for name in group.slots}))
        return found

    def slot_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a slot of a variable of `shape`, of at most as many cells."""
        return shape

    def _slot(self, group: FlatVariables, name: str, i: int) -> Array:
        """The slot of variable i of a group, in its shape."""
        shape = self.slot_shape(name, group.variables[i].shape)
        return group.slots[name][group.places[i]][: math.prod(shape)].reshape(shape)

    def exclude_from_weight_decay(self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None) -> None:
        """Spare these variables, and those whose name contains one of `var_names`, from weight decay. Each call replaces the last."""
        self._not_decayed = (tuple(var_list or ()), tuple(var_names or ()))

    def _decays(self, variable: Variable) -> bool:
        spared, names = self._not_decayed
        return not any(variable is v for v in spared) and not any(name in variable.name for name in names)

    # ---- a step
    def step(self) -> None:
        """One step by the `.grad` of the variables; those that are frozen or have none stay as they are.

        Clipping changes `.grad`. Raises NotBuiltError before `build`.
        """
        if not self.built:
            raise NotBuiltError("this optimizer has no variables yet; call build(variables) first")
        learning_rate = current_rate(self._learning_rate, self._steps)
        with quiet():
            ready = [(group, group.gather()) for group in self._groups]
            if not self.gradient_accumulation_steps or self._accumulate(ready):
                self._update(ready, learning_rate)
            if self.use_ema:
                self._average()
        for group, chosen in ready:
            _constrain(group, chosen)
        self._count[...] = self._steps + 1

    def _update(self, ready: Ready, learning_rate: float) -> None:
        """Clip, decay and change the weights that have a gradient."""
        self._clip(ready)
        self.begin_update()
        for group, chosen in ready:
            if self.weight_decay:
                decayed = [i for i in chosen if self._decays(group.variables[i])]
                for weights in group.each(group.weights, decayed):
                    weights *= 1 - self.weight_decay * learning_rate
            self.update_group(group, chosen, learning_rate)

    def update_group(self, group: FlatVariables, chosen: list[int], learning_rate: float) -> None:
        """Call `update_step` on as few flat arrays as hold the variables `chosen`; a rule that needs their shapes does otherwise."""
        for run in group.runs(chosen):
            slots = {name: group.slots[name][run] for name in self.slots}
            self.update_step(group.weights[run], group.gradients[run], slots, learning_rate)

    def _accumulate(self, ready: Ready) -> bool:
        """Add the gradients to what was gathered; -> whether it is time to update: the gradients are the means then."""
        steps = self.gradient_accumulation_steps or 1
        full = (self._steps + 1) % steps == 0
        for group, chosen in ready:
            total = group.slots[ACCUMULATOR]
            for run in group.runs(chosen):
                total[run] += group.gradients[run]
                if full:
                    np.divide(total[run], steps, out=group.gradients[run])
            if full:
                total[...] = 0
        return full

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
        """`apply` for pairs of (gradient, variable); -> the number of finished steps, whether or not they changed the weights."""
        pairs = list(grads_and_vars)
        if pairs:
            self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._steps

    def zero_grad(self) -> None:
        """Forget the gradients of all variables."""
        for variable in self._variables:
            variable.grad = None

    def _clip(self, ready: Ready) -> None:
        """Cut the gradients that will be used down to what the arguments allow, in place."""
        if not (self.clipvalue or self.clipnorm or self.global_clipnorm):
            return
        gradients = [g for group, chosen in ready for g in group.each(group.gradients, chosen)]
        if self.clipvalue:
            clip_value(gradients, self.clipvalue)
        elif self.clipnorm:
            for g in gradients:
                clip_norm([g], self.clipnorm)
        elif self.global_clipnorm:
            clip_norm(gradients, self.global_clipnorm)

    # ---- moving averages
    def _average(self) -> None:
        """Note the weights in their averages, and overwrite them where it is time."""
        keep = self.ema_momentum if self._updates else 0.0
        for group in self._groups:
            average = group.slots[AVERAGE]
            average *= keep
            average += (1 - keep) * group.weights
        if self.ema_overwrite_frequency and (self._updates + 1) % self.ema_overwrite_frequency == 0:
            self._overwrite_with_average()

    def _overwrite_with_average(self) -> None:
        for group in self._groups:
            group.gather()
            group.weights[...] = group.slots[AVERAGE]

    def _swap_with_average(self) -> None:
        """Exchange the weights and their averages; a second call undoes it. Raises NotBuiltError if there are no averages yet."""
        if not self.use_ema or not self._steps:
            raise NotBuiltError("this optimizer has no averages: it needs use_ema=True, and a first step")
        for group in self._groups:
            group.gather()
            weights = group.weights.copy()
            group.weights[...] = group.slots[AVERAGE]
            group.slots[AVERAGE][...] = weights

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """At the end of a training: with `use_ema`, set the weights to their averages."""
        if self.use_ema and self._steps:
            self._overwrite_with_average()

    # ---- state and config
    def get_state(self) -> dict[str, Array]:
        """All that a training needs to go on: name -> copy, plain arrays, in the order of Keras's `optimizer.variables`.

        "iterations" (every step counts), "learning_rate" (unless it is a schedule), "<slot>/<i>" for variable i of `build`, and the
        `scalars` of the update rule.
        """
        return {name: array.copy() for name, array in self._state().items()}

    def _state(self) -> dict[str, Array]:
        """`get_state`, shared."""
        rate = {"learning_rate": self._learning_rate} if isinstance(self._learning_rate, np.ndarray) else {}
        return {"iterations": self._count, **rate, **self._named_slots(), **self.scalars}

    def _named_slots(self) -> dict[str, Array]:
        """ "<slot>/<i>" -> view, in the order of Keras's files."""
        arrays = [slots for _, slots in self._slots_by_variable()]
        return {f"{name}/{i}": arrays[i][name] for block in self._blocks() for i in range(len(arrays)) for name in block}

    def set_state(self, state: dict[str, Any]) -> None:
        """Put back what `get_state` gave, of an optimizer of this class built with variables of these shapes.

        Raises:
            ArgumentError, ShapeError: if something is missing, too much or of another shape; nothing is changed then.
        """
        targets = self._state()
        if set(state) != set(targets):
            raise ArgumentError(f"state must have the entries {sorted(targets)}, got {sorted(state)}")
        for name, target in targets.items():
            if np.shape(state[name]) != target.shape:
                raise ShapeError(f"state {name!r} must have shape {target.shape}, got {np.shape(state[name])}")
        for name in {"learning_rate", *self.scalars} & set(targets):
            check_number(name, float(state[name]))
        _as_count(int(state["iterations"]))
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
        return f"<{type(self).__name__} name={self.name}, learning_rate={self.learning_rate:g}, iterations={self._steps}>"


def _as_count(value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 0:
        raise ArgumentError(f"iterations must be an int >= 0, got {value!r}")
    return int(value.__index__())


def _constrain(group: FlatVariables, chosen: list[int]) -> None:
    """Put what the constraints of the variables `chosen` make of them in their place."""
    variables = group.variables
    for i in chosen:
        constraint = variables[i].constraint
        if constraint is not None:
            with no_grad():
                variables[i].assign(constraint(variables[i]))


def _as_gradient(gradient: Any, variable: Variable) -> Array | None:
    if gradient is None:
        return None
    array = np.asarray(gradient.data if isinstance(gradient, Tensor) else gradient, variable.dtype)
    if array.shape != variable.shape:
        raise ShapeError(f"the gradient of variable {variable.path!r} must have shape {variable.shape}, got {array.shape}")
    return array
