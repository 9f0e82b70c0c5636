"""fit, evaluate and predict."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tinycnn.autograd import Tensor, no_grad
from tinycnn.autograd.engine import quiet
from tinycnn.callbacks import Callback, CallbackList, History, ProgbarLogger
from tinycnn.callbacks.backup_and_restore import Resumption
from tinycnn.callbacks.progbar_logger import resolve_verbose
from tinycnn.checks import check_count
from tinycnn.data import Batch, Batches, Epochs, is_stream
from tinycnn.errors import ArgumentError
from tinycnn.models.building import undone_on_error
from tinycnn.models.generators import GeneratorMethods
from tinycnn.models.outputs import as_list, joined, presented
from tinycnn.models.steps import Steps, inputs_of

__all__ = ["Trainer"]

#: A step: what it returns, if anything, are the logs.
Step = Callable[[Batch], dict[str, float] | None]


class _NoBatchError(ArgumentError):
    """The data gave nothing for an epoch."""


class Trainer(GeneratorMethods, Steps):
    """A compiled model that trains. Arguments, defaults and results are those of `keras.Model`; differences are said."""

    #: The `History` of the last `fit`, also of one that was interrupted.
    history: History | None = None

    #: The training data of the `fit` that runs.
    fit_data: Epochs | None = None
    #: Where the training that begins goes on, if it is an interrupted one: `BackupAndRestore` says so.
    resumption: Resumption | None = None

    # ---- data
    def _validation_epochs(self, validation_data: Any, batch_size: int | None, steps: int | None) -> Epochs:
        """Batches of fit's validation_data: (x, y), (x, y, sample_weight) or a stream."""
        feed = self._feed("test")
        if is_stream(validation_data):
            return Epochs(feed.from_stream(validation_data), steps, afresh=True, argument="validation_steps")
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise ArgumentError("validation_data must be (x, y), (x, y, sample_weight) or a stream of batches")
        return Epochs(feed.from_arrays(feed.arrays(*validation_data), batch_size), steps, afresh=True, argument="validation_steps")

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
        shuffle: bool | str = True,
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
            x: inputs, samples first: an array (on the disk, by np.memmap, if it is larger than memory), a Tensor, a DataFrame, a list or a
                dict by input name; or a stream of (x, y) or (x, y, sample_weight) batches: a generator, any iterable such as torch's
                DataLoader, a `utils.PyDataset` or an object with `__getitem__` and `__len__` like it.
            y: targets in the same way.
            batch_size: samples a step; default 32.
            epochs: the epoch to train up to.
            verbose: 0 silent, 1 progress bar, 2 one line an epoch; "auto" is 1 on a terminal or in a notebook, else 2.
            callbacks: see `tinycnn.callbacks`.
            validation_split: the part of the samples, taken from the end, that is for validation.
            validation_data: (x, y), (x, y, sample_weight) or a stream.
            shuffle: go through arrays in a new random order each epoch; through what has `__getitem__` batch by batch in such an order.
                "batch" keeps each batch's samples of an array together.
            class_weight: class number -> weight in the loss; for class numbers or one-hot rows.
            sample_weight: one weight a sample, in the loss and in `weighted_metrics`; for several outputs also a list or a dict.
            initial_epoch: the number of the first epoch.
            steps_per_epoch: batches an epoch, default all; for endless streams.
            validation_steps: batches a validation, from the first on each time.
            validation_batch_size: default batch_size.
            validation_freq: validate after every so many epochs, or after the epochs (from 1) that it lists.
            check_finite: look for NaN and infinity first (tinycnn's own argument): DataError tells where.

        Returns:
            The History: loss and metrics of each epoch.

        Raises:
            ShapeError, DTypeError, ArgumentError, DataError: naming the argument.
            NotBuiltError: the model is not compiled.
        """
        self._with_loss("fit", "train")
        check_count("epochs", epochs)
        check_count("initial_epoch", initial_epoch, least=0)
        if (
            not isinstance(validation_freq, (int, Sequence))
            or isinstance(validation_freq, str)
            or (isinstance(validation_freq, int) and validation_freq < 1)
        ):
            raise ArgumentError(f"validation_freq must be an int >= 1 or a list of epochs, got {validation_freq!r}")
        if shuffle not in (True, False, "batch"):
            raise ArgumentError(f"shuffle must be True, False or 'batch', got {shuffle!r}")
        history = History()
        if validation_batch_size is None:
            validation_batch_size = batch_size
        else:
            check_count("validation_batch_size", validation_batch_size)
        with undone_on_error(self):
            feed = self._feed("train", class_weight, check_finite)
            validation = None
            if validation_split and validation_data is None:
                if is_stream(x):
                    raise ArgumentError("validation_split needs arrays, got a stream of batches as x")
                train, held_out = feed.split(x, y, sample_weight, validation_split)
                source: Batches = feed.from_arrays(train, batch_size, shuffle)
                held_out_batches = self._feed("test").from_arrays(held_out, validation_batch_size)
                validation = Epochs(held_out_batches, validation_steps, afresh=True, argument="validation_steps")
            else:
                source = feed(x, y, sample_weight, batch_size, shuffle)
                if validation_data is not None:
                    validation = self._validation_epochs(validation_data, validation_batch_size, validation_steps)
            training = Epochs(source, steps_per_epoch, argument="steps_per_epoch")
            hooks = self._hooks(callbacks, verbose, history, epochs=epochs, steps=training.steps, validation=validation is not None)

        self.history = history
        self.stop_training = False
        self.fit_data, self.resumption = training, None
        try:
            with _running(hooks, training, validation):
                self._train(training, validation, hooks, range(initial_epoch, epochs), validation_freq)
        finally:
            self.fit_data = self.resumption = None
        return history

    def _train(
        self, training: Epochs, validation: Epochs | None, hooks: CallbackList, epochs: range, validation_freq: int | Sequence[int]
    ) -> None:
        """What `fit` does once all is known to be right."""
        step = self._step("train")
        logs: dict[str, float] = {}
        hooks.call("on_train_begin", {})
        if self.resumption:
            epochs = range(self.resumption.epoch, epochs.stop)
        for epoch in epochs:
            hooks.call("on_epoch_begin", epoch, {})
            try:
                logs = self._run_epoch(training, hooks, "train", step)
            except _NoBatchError:
                if epoch == epochs.start:
                    raise
                warnings.warn(
                    f"the data ran out: there is none for epoch {epoch + 1} of {epochs.stop}, the training ends here", stacklevel=3
                )
                break
            if validation is not None and _is_due(epoch + 1, validation_freq):
                logs |= {f"val_{name}": value for name, value in self._test(validation, hooks).items()}
            hooks.call("on_epoch_end", epoch, logs)
            if self.stop_training:
                break
        self.optimizer.finalize_variable_values()
        hooks.call("on_train_end", logs)

    def _hooks(self, callbacks: Any, verbose: Any, *more: Callback, **params: Any) -> CallbackList:
        """The user's callbacks, then the progress bar, then `more`."""
        if isinstance(callbacks, CallbackList):
            callbacks = callbacks.callbacks
        given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
        params["verbose"] = resolve_verbose(verbose)
        bar = [ProgbarLogger()] if params["verbose"] else []
        return CallbackList([*given, *bar, *more], self, params)

    def _run_epoch(self, epochs: Epochs, hooks: CallbackList, kind: str, step: Step) -> dict[str, float]:
        """One epoch of training ("train") or testing ("test"); the means over it."""
        objective = self._compiled("fit")
        self.reset_metrics()
        self._look_up_weights()
        begin, end = hooks.functions(f"on_{kind}_batch_begin"), hooks.functions(f"on_{kind}_batch_end")
        training, together = kind == "train", self.steps_per_execution
        done = self._resume() if training else 0
        index = told = done - 1
        logs = None
        for index, batch in enumerate(epochs, done):
            if begin and index == told + 1:
                for hook in begin:
                    hook(index, {})
            logs = step(batch)
            if index - told == together:
                told = index
                if end:
                    results = objective.results() if logs is None else logs
                    for hook in end:
                        hook(index, results)
                if training and self.stop_training:
                    break
        if index < 0:
            raise _NoBatchError(f"the stream of batches is exhausted: it gave none for this epoch of {kind}ing")
        results = objective.results() if logs is None else logs
        if index > told:
            with epochs.held_at_the_end():
                for hook in end:
                    hook(index, results)
        return dict(results)

    def _resume(self) -> int:
        """Go to where an interrupted training was, if this epoch is its; -> the number of batches that are done."""
        resumption, self.resumption = self.resumption, None
        if resumption is None or not resumption.batches:
            return 0
        resumption.restore()
        return resumption.batches

    def _step(self, kind: str) -> Step:
        """What runs for each batch: the quick way, unless this model has a step of its own, or no loss but those that layers add."""
        if self._is_spelt_out(kind):
            return functools.partial(self._own_step, kind)
        return self._train_step if kind == "train" else self._test_step

    def _look_up_weights(self) -> None:
        """Find the trainable weights and their regularizers: once an epoch, for it is a walk through all layers."""
        self._trained = self.trainable_variables
        self._regularized_now = self.regularized

    def _penalties(self) -> list[Tensor]:
        """What the layers add to the loss: by `add_loss` in the call just made, and for their weights as they are."""
        return self.take_losses() + [penalty(variable) for variable, penalty in self._regularized_now]

    def _train_step(self, batch: Batch) -> None:
        """Forward, backward, update."""
        objective, optimizer = self._objective, self.optimizer
        assert objective is not None  # fit has checked it
        if not self._trained:
            raise ArgumentError(f"model {self.name!r} has no trainable weights: set trainable=True where something is to be learnt")
        optimizer.build(self._trained)
        optimizer.zero_grad()
        with quiet():
            predictions = as_list(self(inputs_of(batch), training=True))
            loss = objective.loss(batch.y, predictions, batch.weights, self._penalties(), batch.size)
            loss.backward()
            optimizer.step()
        objective.update_metrics(batch.y, predictions, batch.weights)

    def _test_step(self, batch: Batch) -> None:
        """Forward only, in inference mode."""
        objective = self._objective
        assert objective is not None
        with no_grad():
            predictions = as_list(self(inputs_of(batch), training=False))
            objective.loss(batch.y, predictions, batch.weights, self._penalties(), batch.size)
        objective.update_metrics(batch.y, predictions, batch.weights)

    def _test(self, epochs: Epochs, hooks: CallbackList) -> dict[str, float]:
        hooks.call("on_test_begin", {})
        logs = self._run_epoch(epochs, hooks, "test", self._step("test"))
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
        self._with_loss("evaluate", "test")
        epochs = Epochs(self._feed("test", None, check_finite)(x, y, sample_weight, batch_size), steps)
        hooks = self._hooks(callbacks, verbose, steps=epochs.steps)
        with _running(hooks, epochs):
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
        epochs = Epochs(self._feed("predict")(x, None, None, batch_size), steps)
        hooks = self._hooks(callbacks, verbose, steps=epochs.steps)
        found: list[Any] = []
        with _running(hooks, epochs):
            hooks.call("on_predict_begin", {})
            for index, batch in enumerate(epochs):
                hooks.call("on_predict_batch_begin", index, {})
                found.append(self._forward(batch))
                hooks.call("on_predict_batch_end", index, {"outputs": found[-1]})
            if not found:
                raise ArgumentError("x is an exhausted stream: it gave no batches")
            hooks.call("on_predict_end", {})
        return joined(found)

    # ---- single batches
    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Mapping[int, float] | None = None, return_dict: bool = False
    ) -> Any:
        """One training step. Returns loss and metrics of this batch as `evaluate` does. Arguments and errors as in `fit`."""
        return self._on_batch("train", class_weight, (x, y, sample_weight), return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch, in inference mode, as `evaluate` gives them."""
        return self._on_batch("test", None, (x, y, sample_weight), return_dict)

    def _on_batch(self, kind: str, class_weight: Mapping[int, float] | None, data: tuple[Any, Any, Any], return_dict: bool) -> Any:
        objective = self._with_loss(f"{kind}_on_batch", kind)
        batch = self._feed(kind, class_weight).batch(*data)
        self.reset_metrics()
        self._look_up_weights()
        logs = self._step(kind)(batch)
        return presented(objective.results() if logs is None else logs, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The model's outputs for one batch, as `predict` gives them."""
        return self._forward(self._feed("predict").batch(x))


@contextlib.contextmanager
def _running(hooks: CallbackList, *data: Epochs | None) -> Iterator[None]:
    """What stands around all steps: callbacks hear of an exception, and the threads of the data end."""
    try:
        yield
    except BaseException:
        hooks.call("on_interrupt")
        raise
    finally:
        for epochs in data:
            if epochs is not None:
                epochs.close()


def _is_due(epoch: int, frequency: int | Sequence[int]) -> bool:
    """Whether to validate after this epoch, counted from 1."""
    return epoch % frequency == 0 if isinstance(frequency, int) else epoch in frequency
