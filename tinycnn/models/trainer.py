"""fit, evaluate and predict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinycnn.autograd import Tensor, no_grad
from tinycnn.callbacks import Callback, CallbackList, History, ProgbarLogger
from tinycnn.callbacks.progbar_logger import resolve_verbose
from tinycnn.data import Batch, Batches, Epochs, check_count, is_stream, pack, split_validation
from tinycnn.errors import ArgumentError
from tinycnn.models.building import undone_on_error
from tinycnn.models.compiled import Compiled
from tinycnn.models.feeding import Feed
from tinycnn.models.outputs import as_arrays, as_list, joined, presented

__all__ = ["Trainer"]


class Trainer(Compiled):
    """A compiled model that trains. Arguments, defaults and results are those of `keras.Model`; differences are said."""

    #: The `History` of the last `fit`, also of one that was interrupted.
    history: History | None = None

    # ---- data
    def _feed(self, targets: bool, class_weight: Mapping[int, float] | None = None, finite: bool = False) -> Feed:
        admit = self._admit_targets if targets else self._admit_inputs
        return Feed(admit, self.input_names, self.output_names, np.dtype(self.dtype), class_weight, finite)

    def _validation_epochs(self, validation_data: Any, batch_size: int | None, steps: int | None) -> Epochs:
        """Batches of fit's validation_data: (x, y), (x, y, sample_weight) or a stream."""
        feed = self._feed(targets=True)
        if is_stream(validation_data):
            return Epochs(feed.from_stream(validation_data), steps)
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise ArgumentError("validation_data must be (x, y), (x, y, sample_weight) or a stream of batches")
        return Epochs(feed.from_arrays(feed.arrays(*validation_data), batch_size), steps)

    # ---- fit
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Iterable[Callback] | Callback | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        check_finite: bool = False,
    ) -> History:
        """Train.

        Everything is checked before anything changes: after an error a correct call works. Ctrl-C ends the training within a batch:
        KeyboardInterrupt goes on to the caller, the weights and `model.history` have what was reached, and `fit` may be called again.

        Args:
            x: inputs, samples first: an array, a Tensor, a list or a dict by input name; or a stream - generator, iterable, or object with
                `__getitem__` and `__len__` - of (x, y) or (x, y, sample_weight) batches.
            y: targets in the same way.
            batch_size: samples a step; default 32.
            epochs: the epoch to train up to.
            verbose: 0 silent, 1 progress bar, 2 one line an epoch; "auto" is 1 on a terminal or in a notebook, else 2.
            callbacks: see `tinycnn.callbacks`.
            validation_split: the part of the samples, taken from the end, that is for validation.
            validation_data: (x, y), (x, y, sample_weight) or a stream.
            shuffle: go through arrays in a new random order each epoch.
            class_weight: class number -> weight in the loss.
            sample_weight: one weight a sample, in the loss and in `weighted_metrics`.
            initial_epoch: the number of the first epoch.
            steps_per_epoch: batches an epoch, default all; for endless streams.
            validation_steps: batches a validation.
            validation_batch_size: default batch_size.
            validation_freq: validate after every so many epochs, or after the epochs (from 1) that it lists.
            check_finite: look for NaN and infinity first (tinycnn's own argument): DataError tells where.

        Returns:
            The History: loss and metrics of each epoch.

        Raises:
            ShapeError, DTypeError, ArgumentError, DataError: naming the argument.
            NotBuiltError: the model is not compiled.
        """
        self._compiled("fit")
        check_count(epochs, "epochs")
        check_count(initial_epoch, "initial_epoch", least=0)
        if not isinstance(validation_freq, (int, Sequence)) or (isinstance(validation_freq, int) and validation_freq < 1):
            raise ArgumentError(f"validation_freq must be an int >= 1 or a list of epochs, got {validation_freq!r}")
        history = History()
        with undone_on_error(self):
            feed = self._feed(True, class_weight, check_finite)
            validation = None
            if validation_split and validation_data is None:
                if is_stream(x):
                    raise ArgumentError("validation_split needs arrays, got a stream of batches as x")
                train, held_out = split_validation(feed.arrays(x, y, sample_weight), validation_split)
                source: Batches = feed.from_arrays(train, batch_size, shuffle)
                validation = Epochs(feed.from_arrays(held_out, validation_batch_size or batch_size), validation_steps)
            else:
                source = feed(x, y, sample_weight, batch_size, shuffle)
                if validation_data is not None:
                    validation = self._validation_epochs(validation_data, validation_batch_size or batch_size, validation_steps)
            training = Epochs(source, steps_per_epoch)
            hooks = self._hooks(callbacks, verbose, history, epochs=epochs, steps=training.steps, validation=validation is not None)

        self.history = history
        self.stop_training = False
        hooks.call("on_train_begin")
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            hooks.call("on_epoch_begin", epoch)
            logs = self._run_epoch(training, hooks, "train", self._train_step)
            if validation is not None and _is_due(epoch + 1, validation_freq):
                logs |= {f"val_{name}": value for name, value in self._test(validation, hooks).items()}
            hooks.call("on_epoch_end", epoch, logs)
            if self.stop_training:
                break
        self.optimizer.finalize_variable_values()
        hooks.call("on_train_end", logs)
        return history

    #: The old name of `fit` for generators.
    fit_generator = fit

    def _hooks(self, callbacks: Any, verbose: Any, *more: Callback, **params: Any) -> CallbackList:
        """The user's callbacks, then the progress bar, then `more`."""
        given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
        params["verbose"] = resolve_verbose(verbose)
        bar = [ProgbarLogger()] if params["verbose"] else []
        return CallbackList([*given, *bar, *more], self, params)

    def _run_epoch(self, epochs: Epochs, hooks: CallbackList, kind: str, step: Callable[[Batch], None]) -> dict[str, float]:
        """One epoch of training ("train") or testing ("test"); the means over it."""
        objective = self._compiled("fit")
        objective.reset()
        self._look_up_weights()
        begin, end = f"on_{kind}_batch_begin", f"on_{kind}_batch_end"
        index = -1
        for index, batch in enumerate(epochs):
            hooks.call(begin, index)
            step(batch)
            if hooks.has(end):
                hooks.call(end, index, objective.results())
            if self.stop_training and kind == "train":
                break
        if index < 0:
            raise ArgumentError(f"the stream of batches is exhausted: it gave none for this epoch of {kind}ing")
        return objective.results()

    def _look_up_weights(self) -> None:
        """Find the trainable weights and their regularizers: once an epoch, for it is a walk through all layers."""
        self._trained = self.trainable_variables
        self._regularized_now = self.regularized

    def _penalties(self) -> list[Tensor]:
        """What the layers add to the loss: by `add_loss` in the call just made, and for their weights as they are."""
        return [*self.take_losses(), *(penalty(variable) for variable, penalty in self._regularized_now)]

    def _train_step(self, batch: Batch) -> None:
        """Forward, backward, update."""
        objective, optimizer = self._objective, self.optimizer
        assert objective is not None  # fit has checked it
        optimizer.build(self._trained)
        optimizer.zero_grad()
        predictions = as_list(self(pack(batch.x, batch.structure), training=True))
        loss = objective.loss(batch.y, predictions, batch.weights, self._penalties(), batch.size)
        loss.backward()
        optimizer.step()
        objective.update_metrics(batch.y, predictions, batch.weights)

    def _test_step(self, batch: Batch) -> None:
        """Forward only, in inference mode."""
        objective = self._objective
        assert objective is not None
        with no_grad():
            predictions = as_list(self(pack(batch.x, batch.structure), training=False))
            objective.loss(batch.y, predictions, batch.weights, self._penalties(), batch.size)
        objective.update_metrics(batch.y, predictions, batch.weights)

    def _test(self, epochs: Epochs, hooks: CallbackList) -> dict[str, float]:
        hooks.call("on_test_begin")
        logs = self._run_epoch(epochs, hooks, "test", self._test_step)
        hooks.call("on_test_end", logs)
        return logs

    # ---- evaluate, predict
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Iterable[Callback] | Callback | None = None,
        return_dict: bool = False,
        *,
        check_finite: bool = False,
    ) -> Any:
        """Loss and metrics on data, in inference mode.

        Args:
            x, y, sample_weight, check_finite: as in `fit`.
            batch_size: samples a step; default 32.
            verbose: as in `fit`.
            steps: batches to look at, default all.
            callbacks: see `tinycnn.callbacks`.
            return_dict: give a dict by name.

        Returns:
            A list of floats in the order of `metrics_names`, the loss first; a lone float if there are no metrics; or a dict.

        Raises:
            ShapeError, DTypeError, ArgumentError, DataError: naming the argument.
            NotBuiltError: the model is not compiled.
        """
        self._compiled("evaluate")
        epochs = Epochs(self._feed(True, None, check_finite)(x, y, sample_weight, batch_size), steps)
        hooks = self._hooks(callbacks, verbose, steps=epochs.steps)
        return presented(self._test(epochs, hooks), return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Iterable[Callback] | Callback | None = None,
    ) -> Any:
        """The model's outputs for all samples, in inference mode: an ndarray, or a list or dict of them as `call` gives.

        Args:
            x, verbose: as in `fit`; of a stream's batches only x is used.
            batch_size: samples a step; default 32.
            steps: batches to look at, default all.
            callbacks: see `tinycnn.callbacks`.

        Raises:
            ShapeError, DTypeError, ArgumentError: naming the argument.
        """
        epochs = Epochs(self._feed(False)(x, None, None, batch_size), steps)
        hooks = self._hooks(callbacks, verbose, steps=epochs.steps)
        hooks.call("on_predict_begin")
        found: list[Any] = []
        for index, batch in enumerate(epochs):
            hooks.call("on_predict_batch_begin", index)
            found.append(self._forward(batch))
            hooks.call("on_predict_batch_end", index, {"outputs": found[-1]})
        hooks.call("on_predict_end")
        if not found:
            raise ArgumentError("x is an exhausted stream: it gave no batches")
        return joined(found)

    def _forward(self, batch: Batch) -> Any:
        """What `call` gives, as ndarrays."""
        with no_grad():
            return as_arrays(self(pack(batch.x, batch.structure), training=False))

    # ---- single batches
    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Mapping[int, float] | None = None, return_dict: bool = False
    ) -> Any:
        """One training step. Returns loss and metrics of this batch as `evaluate` does. Arguments and errors as in `fit`."""
        return self._on_batch(self._train_step, "train_on_batch", class_weight, (x, y, sample_weight), return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch, in inference mode, as `evaluate` gives them."""
        return self._on_batch(self._test_step, "test_on_batch", None, (x, y, sample_weight), return_dict)

    def _on_batch(
        self,
        step: Callable[[Batch], None],
        method: str,
        class_weight: Mapping[int, float] | None,
        data: tuple[Any, Any, Any],
        return_dict: bool,
    ) -> Any:
        objective = self._compiled(method)
        batch = self._feed(True, class_weight).batch(*data)
        objective.reset()
        self._look_up_weights()
        step(batch)
        return presented(objective.results(), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The model's outputs for one batch, as `predict` gives them."""
        return self._forward(self._feed(False).batch(x))


def _is_due(epoch: int, frequency: int | Sequence[int]) -> bool:
    """Whether to validate after this epoch, counted from 1."""
    return epoch % frequency == 0 if isinstance(frequency, int) else epoch in frequency
