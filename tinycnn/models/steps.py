"""The steps of training, testing and predicting as methods, for subclasses that want others."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinycnn.autograd import Tensor, no_grad
from tinycnn.data import ArrayData, Batch, flatten, pack
from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError
from tinycnn.metrics import Metric
from tinycnn.models.compiled import Compiled
from tinycnn.models.feeding import Feed
from tinycnn.models.objective import Objective
from tinycnn.models.outputs import as_arrays, as_list

__all__ = ["Steps", "inputs_of"]


class Steps(Compiled):
    """A compiled model whose steps can be overridden, as in Keras.

    `fit` runs `train_step` for each batch, `evaluate` and validation `test_step`, `predict` `predict_step`. Their default is built of
    `compute_loss` and `compute_metrics`, which can be overridden alone. Where nothing is overridden, a quicker way to the same results is
    taken. What a subclass says of its loss and metrics is not checked beforehand.
    """

    # ---- to override
    def train_step(self, data: Any) -> Mapping[str, Any]:
        """Forward, loss, backward and update for one batch.

        Args:
            data: x, (x, y) or (x, y, sample_weight), as much as `fit` was given; Tensors, or lists or dicts of them. A list of inputs
                alone is (x,).

        Returns:
            Name -> value, what callbacks and the History get. An epoch's are those of its last batch.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
        self._compiled("train_step").note(loss, len(as_list(y_pred)[0]))
        self.optimizer.build(self.trainable_variables)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> Mapping[str, Any]:
        """Forward and loss for one batch, in inference mode; nothing is recorded. Arguments and result as in `train_step`."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self.compute_loss(x, y, y_pred, sample_weight, training=False)
        self._compiled("test_step").note(loss, len(as_list(y_pred)[0]))
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The outputs for one batch: a Tensor, or a list or dict of them. `data` as in `train_step`; all but x is ignored."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True) -> Tensor:
        """The loss to minimise, a scalar Tensor: that of `compile` and the penalties of the layers; 0 for a test of metrics alone.

        Raises:
            ShapeError, DTypeError: y does not fit y_pred.
            ArgumentError: there is no loss at all.
        """
        objective = self._compiled("compute_loss")
        penalties = self.losses
        if y is None or not objective.has_loss():
            if not penalties and not training and objective.has_metrics():
                return Tensor(0.0)  # as Keras tells it
            if not penalties:
                raise ArgumentError("there is no loss to compute: give one to compile(), with y in the data, or override compute_loss()")
            return sum(penalties[1:], penalties[0])
        targets, predictions, weights = self._resolved(objective, y, y_pred, sample_weight)
        return objective.loss(targets, predictions, weights, penalties, len(predictions[0]), noted=False)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Note a batch in the compiled metrics; -> `get_metrics_result()`."""
        if y is not None:
            objective = self._compiled("compute_metrics")
            objective.update_metrics(*self._resolved(objective, y, y_pred, sample_weight))
        return self.get_metrics_result()

    # ---- metrics
    @property
    def metrics(self) -> list[Any]:
        """The mean of the loss, the compiled metrics once the model has seen data, and the metrics kept in attributes."""
        return super().metrics + [value for value in vars(self).values() if isinstance(value, Metric)]

    def get_metrics_result(self) -> dict[str, Any]:
        """Name -> value of all `metrics`; one whose value is a dict adds that dict."""
        names = {} if self._objective is None else self._objective.names_by_id()
        found: dict[str, Any] = {}
        for metric in self.metrics:
            value: Any = metric.result()
            found |= value if isinstance(value, Mapping) else {names.get(id(metric), metric.name): value}
        return found

    def reset_metrics(self) -> None:
        """Begin new means, as each epoch does."""
        for metric in self.metrics:
            metric.reset_state()

    # ---- for the trainer
    def _overrides(self, *methods: str) -> bool:
        """Whether this model's class, or the model itself, has methods of its own under some of these names."""
        own, cls = vars(self), type(self)
        for method in methods:  # noqa: SIM110  # twice as quick as `any`, and on the way of every step
            if method in own or getattr(cls, method) is not getattr(Steps, method):
                return True
        return False

    def _has_own(self, kind: str) -> bool:
        """Whether a "train" or "test" step is other than the default."""
        return self._overrides(f"{kind}_step", "compute_loss", "compute_metrics")

    def _with_loss(self, method: str, kind: str) -> Objective:
        """The objective; NotBuiltError if there is none, or surely nothing for a "train" step to minimise, or a "test" step to tell."""
        objective = self._compiled(method)
        if kind == "test" and objective.has_metrics():
            return objective
        if not objective.has_loss() and not self._has_own(kind) and not self._may_add_losses():
            raise NotBuiltError(f"{method}() needs a loss, but compile() was given none")
        return objective

    def _is_spelt_out(self, kind: str) -> bool:
        """Whether a "train" or "test" step is done by the method: it is other than the default, or all losses are those that layers add."""
        return self._has_own(kind) or (self._objective is not None and not self._objective.has_loss())

    def _own_step(self, kind: str, batch: Batch) -> dict[str, Any]:
        """`train_step` or `test_step` on a batch."""
        data = _data(batch)
        if kind == "train":
            logs: Any = self.train_step(data)
        else:
            with no_grad():
                logs = self.test_step(data)
        if not isinstance(logs, Mapping):
            raise DTypeError(f"{kind}_step() must return a dict of name -> value, got {logs!r}")
        return {name: _plain(value) for name, value in logs.items()}

    def _forward(self, batch: Batch) -> Any:
        """What `call` gives, or `predict_step` where it is overridden, as ndarrays."""
        with no_grad():
            if self._overrides("predict_step"):
                return as_arrays(self.predict_step(_data(batch)))
            return as_arrays(self(inputs_of(batch), training=False))

    def _feed(self, kind: str, class_weight: Mapping[int, float] | None = None, finite: bool = False) -> Feed:
        """How data for a "train", "test" or "predict" step is checked, and made into batches."""
        admit: Callable[[ArrayData], Any]
        if kind != "predict" and not self._is_spelt_out(kind):
            admit = functools.partial(self._admit_targets, self._known_shapes())
        elif self._overrides(f"{kind}_step"):
            admit = _anything
        else:
            admit = functools.partial(self._admit_inputs, self._known_shapes())
        shapes = [tensor.shape for tensor in self.inputs]
        return Feed(admit, self.input_names, self.output_names, shapes, np.dtype(self.dtype), class_weight, finite)

    def _resolved(self, objective: Objective, y: Any, y_pred: Any, sample_weight: Any) -> tuple[list[Any], list[Tensor], list[Any]]:
        """Targets, outputs and weights, flat, after a check that they fit."""
        predictions = as_list(y_pred)
        targets = flatten(y, "y", self.output_names)[0]
        objective.resolve(self._names_of_outputs(len(predictions)), targets, [p.shape for p in predictions])
        return targets, predictions, self._feed("train").weights(sample_weight, targets)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """x, y and sample_weight of what `train_step` gets; None for what is not there."""
    parts = tuple(data) if isinstance(data, (tuple, list)) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ArgumentError(f"data must be x, (x, y) or (x, y, sample_weight), got {len(parts)} parts")
    x, y, sample_weight = (*parts, None, None)[:3]
    return x, y, sample_weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The inverse of `unpack_x_y_sample_weight`: (x, y, sample_weight) without the parts that are None at its end."""
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def inputs_of(batch: Batch) -> Any:
    """A batch's inputs in the form that the user gave; Tensors, for which a call has the shortest way."""
    return pack([Tensor.wrap(a) for a in batch.x], batch.structure)


def _data(batch: Batch) -> Any:
    """A batch as `train_step` gets it."""
    x = inputs_of(batch)
    if not batch.y:
        return pack_x_y_sample_weight(x)
    y = pack([Tensor.wrap(a) for a in batch.y], batch.y_structure)
    if all(w is None for w in batch.weights):
        return x, y
    return x, y, pack([None if w is None else Tensor.wrap(w) for w in batch.weights], batch.y_structure)


def _plain(value: Any) -> Any:
    """A number as a Python float; what is not one number as it is."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _anything(data: ArrayData) -> None:
    """The check of data for a step of the user's own."""
