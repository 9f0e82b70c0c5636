"""What `compile` was told to minimise and to measure, and its running means."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn import losses, metrics
from tinycnn.autograd import Tensor, no_grad
from tinycnn.config import floatx
from tinycnn.errors import ArgumentError, DTypeError, ShapeError, TinyCNNError, shown
from tinycnn.losses import Loss, LossFunctionWrapper
from tinycnn.losses.fused import fused_loss
from tinycnn.losses.settings import is_own
from tinycnn.metrics import Mean, Metric
from tinycnn.saving.configurable import serialize

__all__ = ["Objective"]

Shape = tuple[int | None, ...]


@dataclass
class _Output:
    """Loss and metrics of one output of the model."""

    loss: Loss | None
    loss_weight: float
    #: (metric, whether it uses sample weights), in the order they were given.
    metrics: list[tuple[Metric, bool]]
    #: The mean of this output's own loss; only models with several outputs report it.
    mean: Mean

    def __post_init__(self) -> None:
        self._fused = fused_loss(self.loss)

    @property
    def kinds(self) -> list[type[Metric]]:
        """What the metrics are."""
        return [type(metric) for metric, _ in self.metrics]

    def value(self, target: NDArray[Any], prediction: Tensor, weight: NDArray[Any] | None) -> Tensor:
        """The loss of a batch, which `resolve` has found to fit."""
        assert self.loss is not None
        value = self._fused(target, prediction) if self._fused and weight is None else None
        return self.loss(target, prediction, weight) if value is None else value


class Objective:
    """Loss, loss weights and metrics of a model.

    Which metric a name stands for is found when the outputs are known (`resolve`): "accuracy" means another one for one-hot targets than
    for class numbers.

    Args:
        loss: anything `losses.get` takes; for several outputs a list of these or a dict by output name. None for an output without one.
        loss_weights: for several outputs a list or a dict of numbers; default 1.
        metrics: a list of anything `metrics.get` takes; for several outputs a list of such lists, or a dict by output name.
        weighted_metrics: the same, for metrics that use the sample weights.

    Raises:
        ArgumentError, DTypeError: for an unknown name, a config that does not fit, or what is none of these.
    """

    def __init__(self, loss: Any, loss_weights: Any = None, metrics: Any = None, weighted_metrics: Any = None) -> None:
        self._loss = _each(loss, _as_loss)
        parts = self._loss.values() if isinstance(self._loss, Mapping) else self._loss if isinstance(self._loss, list) else [self._loss]
        self._has_loss = any(part is not None for part in parts)
        self._loss_weights = _each(loss_weights, _as_weight)
        self._metrics = _each(metrics, lambda part: _each(part, _as_metric))
        self._weighted_metrics = _each(weighted_metrics, lambda part: _each(part, _as_metric))
        self._outputs: list[_Output] = []
        self._resolved_for: Any = None
        self._weighed_for: Any = None
        self._total = Mean(name="loss")
        self._named: dict[str, Metric] = {"loss": self._total}
        self._means: list[Any] = [self._total]

    @property
    def metrics(self) -> list[Metric]:
        """The mean loss and, once the outputs are known, every metric: in the order that `results` has them."""
        return self._means

    def get_config(self) -> dict[str, Any]:
        """What was given, as plain data; but functions of the user's own as they are."""
        return {
            "loss": _plain(self._loss),
            "loss_weights": _plain(self._loss_weights),
            "metrics": _plain(self._metrics),
            "weighted_metrics": _plain(self._weighted_metrics),
        }

    @property
    def names(self) -> list[str]:
        """The names in `results`."""
        return list(self._named)

    def names_by_id(self) -> dict[int, str]:
        """id of a metric -> its name in `results`."""
        return {id(metric): name for name, metric in self._named.items()}

    def has_loss(self) -> bool:
        """Whether anything was given to be minimised."""
        return self._has_loss

    def has_metrics(self) -> bool:
        """Whether anything was given to be measured."""
        return bool(self._metrics or self._weighted_metrics)

    def resolve(self, names: Sequence[str], targets: Sequence[NDArray[Any]], predictions: Sequence[Shape]) -> None:
        """Fit losses and metrics to the outputs, and check that the targets fit them. An error leaves everything as it was.

        tinycnn's own metrics are tried on a sample, once for each form of the data.

        Args:
            names: of the outputs.
            targets: y, one array for each output, of any number of samples.
            predictions: the outputs' shapes; the first axis is not looked at.

        Raises:
            ShapeError, DTypeError, ArgumentError: naming what does not fit.
        """
        if len(targets) != len(names):
            raise ShapeError(f"y must have {len(names)} array{'s' * (len(names) != 1)}, one for each output, got {len(targets)}")
        key = [(name, t.shape[1:], p[1:]) for name, t, p in zip(names, targets, predictions, strict=True)]
        known = key == self._resolved_for
        all_losses = [output.loss for output in self._outputs] if known else _spread(self._loss, names, "loss")
        for loss, target, prediction in zip(all_losses, targets, predictions, strict=True):
            if loss is not None:
                loss.check_targets(target, (len(target), *prediction[1:]))
        if known:
            return
        weights = _spread(self._loss_weights, names, "loss_weights")
        plain = _spread(self._metrics, names, "metrics", several=True)
        weighted = _spread(self._weighted_metrics, names, "weighted_metrics", several=True)
        outputs = []
        for i, name in enumerate(names):
            shapes = ((None, *targets[i].shape[1:]), (None, *predictions[i][1:]))
            found = [(metrics.resolve(m, *shapes), False) for m in _listed(plain[i])]
            found += [(metrics.resolve(m, *shapes), True) for m in _listed(weighted[i])]
            weight = 1.0 if weights[i] is None else weights[i]
            outputs.append(_Output(all_losses[i], weight, found, Mean(name=f"{name}_loss")))
        same = [output.kinds for output in outputs] == [output.kinds for output in self._outputs]
        if same:  # as for images of another size: what is gathered goes on
            outputs = self._outputs
        for output, target, prediction in zip(outputs, targets, predictions, strict=True):
            for metric, _ in output.metrics:
                _try(metric, target, prediction)
        self._outputs, self._resolved_for = outputs, key
        if not same:
            self._name_results(names)

    def check_weights(self, targets: Sequence[NDArray[Any]], predictions: Sequence[Shape], weights: Sequence[NDArray[Any] | None]) -> None:
        """Raise ShapeError unless sample weights fit losses and metrics, after `resolve`: tried on a sample, once for each form of them."""
        if not any(weight is not None for weight in weights):
            return
        key = [(t.shape[1:], p[1:], None if w is None else w.shape[1:]) for t, p, w in zip(targets, predictions, weights, strict=True)]
        if key == self._weighed_for:
            return
        for output, target, prediction, weight in zip(self._outputs, targets, predictions, weights, strict=True):
            if weight is not None:
                if output.loss is not None and _is_own(output.loss) and None not in prediction[1:]:
                    with no_grad(), np.errstate(all="ignore"):
                        output.loss(*_two_samples(target, prediction), _two(weight))
                for metric in [metric for metric, weighted in output.metrics if weighted]:
                    _try(metric, target, prediction, weight)
        self._weighed_for = key

    @property
    def shapes(self) -> list[list[list[int]]] | None:
        """The shapes of a target and an output that `resolve` has seen for each output, without the batch; None before."""
        return None if self._resolved_for is None else [[list(target), list(output)] for _, target, output in self._resolved_for]

    def resolve_shapes(self, names: Sequence[str], shapes: Sequence[Sequence[Sequence[int]]]) -> None:
        """`resolve` without data, by what `shapes` was."""
        self.resolve(names, [np.zeros((0, *target), np.int64) for target, _ in shapes], [(None, *output) for _, output in shapes])

    def _name_results(self, names: Sequence[str]) -> None:
        """Who reports under which name: several outputs put theirs first; a name that is taken gets "weighted_" or a number."""
        named: dict[str, Metric] = {"loss": self._total}
        if len(names) > 1:
            named |= {f"{name}_loss": o.mean for name, o in zip(names, self._outputs, strict=True) if o.loss is not None}
        prefixes = [f"{name}_" if len(names) > 1 else "" for name in names]
        found = [(p, metric, weighted) for p, output in zip(prefixes, self._outputs, strict=True) for metric, weighted in output.metrics]
        for prefix, metric, weighted in sorted(found, key=lambda item: item[2]):  # as Keras has them, those with weights last
            stem = prefix + metric.name
            if weighted and stem in named:
                stem = f"{prefix}weighted_{metric.name}"
            key, count = stem, 1
            while key in named:
                key = f"{stem}_{count}"
                count += 1
            named[key] = metric
        self._named = named
        self._means = list(named.values())

    def loss(
        self,
        y: Sequence[NDArray[Any]],
        predictions: Sequence[Tensor],
        weights: Sequence[NDArray[Any] | None],
        penalties: Sequence[Tensor],
        size: int,
        noted: bool = True,
    ) -> Tensor:
        """The total loss of a batch of `size` samples: the outputs' weighted losses and the layers' penalties; in the means, if `noted`."""
        total: Tensor | None = None
        for output, target, prediction, weight in zip(self._outputs, y, predictions, weights, strict=True):
            if output.loss is None:
                continue
            value = output.value(target, prediction, weight)
            if len(self._outputs) > 1:
                output.mean.note(float(value.data), size)
            term = value if output.loss_weight == 1 else value * output.loss_weight
            total = term if total is None else total + term
        for term in penalties:
            total = term if total is None else total + term
        assert total is not None  # there is a loss, or who calls has made sure of a penalty
        if noted:
            self._total.note(float(total.data), size)
        return total

    def note(self, total: Tensor, size: int) -> None:
        """Note the total loss of a batch of `size` samples in its mean."""
        self._total.note(float(total.data), size)

    def update_metrics(self, y: Sequence[NDArray[Any]], predictions: Sequence[Tensor], weights: Sequence[NDArray[Any] | None]) -> None:
        """Note a batch in the metrics."""
        for output, target, prediction, weight in zip(self._outputs, y, predictions, weights, strict=True):
            for metric, weighted in output.metrics:
                metric.update_state(target, prediction.data, weight if weighted else None)

    def results(self) -> dict[str, Any]:
        """Name -> running mean since `reset`, the loss first: a float, or an array where a metric has several values."""
        found = {}
        for name, metric in self._named.items():
            value = metric.result()
            found[name] = value if type(value) is float or np.ndim(value) else float(value)
        return found

    def reset(self) -> None:
        """Begin new means."""
        for mean in self._means:
            mean.reset_state()


def _as_loss(identifier: Any) -> Loss | None:
    """An instance of Loss, from anything that Keras takes."""
    found = losses.get(identifier)
    return found if found is None or isinstance(found, Loss) else LossFunctionWrapper(found)


def _as_metric(identifier: Any) -> Any:
    """A metric of a class or a config; a name, which must be known, and a function as they are."""
    if identifier is None or (isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc")):
        return identifier
    try:
        found = metrics.get(identifier)
    except TypeError as error:
        if isinstance(error, TinyCNNError):
            raise
        raise ArgumentError(f"metrics: {shown(identifier)} cannot be made without arguments ({error})") from None
    if not callable(found):
        raise DTypeError(f"metrics must hold names, metrics or functions, got {shown(identifier)}")
    return identifier if isinstance(identifier, str) else found


def _is_own(thing: Loss | Metric) -> bool:
    """Whether it is tinycnn's own: a function or a class of the user's is not called before there are true outputs."""
    return is_own(type(thing)) and is_own(getattr(thing, "fn", type(thing)))


def _two(rows: NDArray[Any]) -> NDArray[Any]:
    """The first row, twice."""
    return np.repeat(rows[:1], 2, axis=0)


def _two_samples(targets: NDArray[Any], prediction: Shape) -> tuple[NDArray[Any], NDArray[Any]]:
    """The first target, twice, and outputs of 0."""
    return _two(targets), np.zeros((2, *(n or 0 for n in prediction[1:])), floatx())


def _try(metric: Metric, targets: NDArray[Any], prediction: Shape, weight: NDArray[Any] | None = None) -> None:
    """Raise if `metric` cannot take such targets, outputs and weights: a copy of it notes two samples."""
    if not len(targets) or None in prediction[1:] or not _is_own(metric):
        return
    try:
        with np.errstate(all="ignore"):
            copy.deepcopy(metric).update_state(*_two_samples(targets, prediction), None if weight is None else _two(weight))
    except (TinyCNNError, ValueError) as error:
        kind = type(error) if isinstance(error, TinyCNNError) else ShapeError
        raise kind(f"metric {metric.name!r} cannot take the targets and outputs, tried with two samples: {error}") from None


def _as_weight(value: Any) -> float | None:
    """A finite number as a Python float; None stays."""
    try:
        if value is None or (not isinstance(value, (str, bytes)) and math.isfinite(value)):
            return None if value is None else float(value)
    except TypeError:
        pass
    raise ArgumentError(f"loss_weights must be finite numbers, got {value!r}; what is measured goes into metrics=[...]")


def _each(value: Any, function: Any) -> Any:
    """`function` of a lone value, or of every part of a list or of a dict by output name."""
    if isinstance(value, Mapping) and "class_name" not in value:
        return {name: function(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [function(part) for part in value]
    return function(value)


def _plain(value: Any) -> Any:
    """A loss, a metric, or lists and dicts of them, as plain data; but a function of the user's own as it is."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if type(value) is LossFunctionWrapper and value.reduction == "sum_over_batch_size" and not value.settings:
        value = value.fn
    try:
        return serialize(value)
    except DTypeError:
        if inspect.isfunction(value):
            return value
        raise


def _listed(value: Any) -> list[Any]:
    """One metric or several, as a flat list."""
    if value is None:
        return []
    return [part for item in value for part in _listed(item)] if isinstance(value, (list, tuple)) else [value]


def _spread(value: Any, names: Sequence[str], argument: str, *, several: bool = False) -> list[Any]:
    """`value`, a list or a dict by output name, as one entry for each output. With `several`, a list for a lone output is its entry."""
    if value is None:
        return [None] * len(names)
    if isinstance(value, Mapping) and "class_name" not in value:
        unknown = set(value) - set(names)
        if unknown:
            raise ArgumentError(f"{argument} names {sorted(unknown)}, but the outputs are {list(names)}")
        return [value.get(name) for name in names]
    if len(names) == 1:
        lone = isinstance(value, (list, tuple)) and not several
        if lone and len(value) != 1:
            raise ArgumentError(f"{argument} must have 1 entry, one for each output, got {len(value)}")
        return [value[0] if lone else value]
    if isinstance(value, (list, tuple)):
        if len(value) != len(names):
            raise ArgumentError(f"{argument} must have {len(names)} entries, one for each output, got {len(value)}")
        return list(value)
    if argument == "loss":
        return [value] * len(names)
    raise ArgumentError(f"{argument} of a model with the outputs {list(names)} must be a list or a dict, got {value!r}")
