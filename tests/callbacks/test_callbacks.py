"""Each callback on a small model, or driven by hand."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinycnn import errors, utils
from tinycnn.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
    TerminateOnNaN,
    progbar_logger,
)
from tinycnn.layers import Dense, Input
from tinycnn.models import Sequential
from tinycnn.optimizers import SGD
from tinycnn.saving import load_model
from tinycnn.utils import set_random_seed

X = np.sin(np.arange(60.0)).reshape(20, 3)
Y = X[:, :1]


def regression() -> Sequential:
    model = Sequential([Input((3,)), Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


class FakeModel:
    """Enough of a model for a callback driven by hand; its weights are [the number of the epoch]."""

    def __init__(self) -> None:
        self.stop_training = False
        self.optimizer = SimpleNamespace(learning_rate=1.0)
        self.weights: list[int] = []

    def get_weights(self) -> list[int]:
        return self.weights

    def set_weights(self, weights: list[int]) -> None:
        self.weights = weights


def drive(callback: Callback, values: list[float], name: str = "val_loss") -> FakeModel:
    """Run `callback` over epochs in which the value `name` is as given."""
    model = FakeModel()
    callback.set_model(model)
    callback.set_params({"epochs": len(values), "steps": 1, "verbose": 0})
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_begin(epoch)
        model.weights = [epoch]
        callback.on_epoch_end(epoch, {name: value})
        if model.stop_training:
            break
    callback.on_train_end()
    return model


# ---- History
def test_history_finds_old_and_new_names() -> None:
    history = History()
    history.on_train_begin()
    for epoch in range(2):
        history.on_epoch_end(epoch, {"accuracy": 0.5, "val_accuracy": 0.25, "learning_rate": 0.1, "loss": 1.0})
    record = history.history
    assert record["acc"] is record["accuracy"] == [0.5, 0.5]
    assert record["val_acc"] == record.get("val_acc") == [0.25, 0.25]
    assert record["lr"] == [0.1, 0.1]
    assert list(record) == ["accuracy", "val_accuracy", "learning_rate", "loss"]
    assert "acc" not in record
    assert record.get("auc", 3) == 3
    assert history.epoch == [0, 1]
    with pytest.raises(KeyError, match="accuracy"):
        record["auc"]
    old = History()
    old.on_epoch_end(0, {"acc": 1.0})
    assert old.history["accuracy"] == [1.0]


# ---- CallbackList, Callback
def test_only_overridden_hooks_are_called_and_old_names_count() -> None:
    seen: list[str] = []

    class Old(Callback):
        def on_batch_end(self, batch, logs=None) -> None:
            seen.append(f"batch {batch}")

    hooks = CallbackList([Old(), LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(f"epoch {epoch}"))], None, {"steps": 3})
    assert len(hooks.functions("on_train_batch_end")) == 1
    assert hooks.functions("on_train_batch_begin") == []
    hooks.call("on_train_batch_end", 4, {})
    hooks.call("on_epoch_end", 2, {})
    hooks.call("on_predict_end")
    assert seen == ["batch 4", "epoch 2"]
    assert hooks.callbacks[0].params == {"steps": 3}
    regression().fit(X, Y, batch_size=10, verbose=0, callbacks=hooks)
    assert seen[2:] == ["batch 0", "batch 1", "epoch 0"]
    with pytest.raises(errors.ArgumentError, match="on_epoch_ends"):
        LambdaCallback(on_epoch_ends=print)
    with pytest.raises(errors.DTypeError):
        CallbackList([Callback(), Callback], None, {})


# ---- EarlyStopping
@pytest.mark.parametrize(
    ("arguments", "values", "stopped", "best"),
    [
        ({}, [3, 2, 2, 1], 2, 1),
        ({"patience": 2}, [3, 2, 2.5, 1, 1, 1, 1], 5, 3),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.8, 2.6], 1, 0),
        ({"mode": "max"}, [1, 2, 1], 2, 1),
        ({"monitor": "val_acc"}, [0.1, 0.3, 0.2], 2, 1),
        ({"start_from_epoch": 3}, [3, 4, 5, 6, 7], 4, 3),
        ({"baseline": 1.0, "patience": 2}, [3, 2, 1.5, 0.5], 0, 3),
        ({"baseline": 1.0, "patience": 2}, [3, 2, 2, 0.5], 2, 1),
        ({"patience": 9}, [3, 2, 1], 0, 2),
        ({"patience": 1}, [math.nan, math.nan, 1], 1, 0),
    ],
)
def test_early_stopping(arguments, values, stopped, best) -> None:
    callback = EarlyStopping(**arguments, restore_best_weights=True)
    name = "val_accuracy" if arguments.get("monitor") == "val_acc" else "val_loss"
    model = drive(callback, values, name)
    assert callback.stopped_epoch == stopped
    assert model.weights == [callback.best_epoch] == [best]
    assert model.stop_training == bool(stopped)


def test_early_stopping_restores_real_weights() -> None:
    model = regression()
    kept: list[np.ndarray] = []
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()[0]))
    stop = EarlyStopping(monitor="loss", mode="max", patience=2, restore_best_weights=True)
    model.fit(X, Y, epochs=9, verbose=0, callbacks=[keep, stop])
    assert len(kept) == 3
    np.testing.assert_array_equal(model.get_weights()[0], kept[0])


def test_monitors_must_be_known() -> None:
    with pytest.raises(errors.ArgumentError, match="mode"):
        EarlyStopping(monitor="my_number")
    with pytest.raises(errors.ArgumentError, match="mode"):
        EarlyStopping(mode="best")
    EarlyStopping(monitor="my_number", mode="max")
    with pytest.warns(UserWarning, match="'val_loss', which is not among loss, mae"):
        regression().fit(X, Y, verbose=0, callbacks=[EarlyStopping()])


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("val_loss", "min"),
        ("accuracy", "max"),
        ("val_top_k_categorical_accuracy", "max"),
        ("auc_3", "max"),
        ("val_precision_at_recall", "max"),
        ("cosine_similarity", "max"),
        ("head_mean_absolute_error", "min"),
        ("binary_crossentropy", "min"),
        ("false_negatives_1", "min"),
        ("logcosh", "min"),
    ],
)
def test_the_direction_is_known_from_the_name(name: str, mode: str) -> None:
    assert EarlyStopping(name).mode == mode


# ---- learning rate
def test_reduce_on_plateau() -> None:
    callback = ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1, min_lr=0.2)
    model = drive(callback, [3, 3 - 1e-5, 3, 3, 3, 3, 3, 3, 3])
    assert model.optimizer.learning_rate == 0.2
    history = regression().fit(X, 0 * Y, epochs=3, verbose=0, callbacks=[ReduceLROnPlateau("loss", factor=0.1, patience=1)]).history
    assert history["lr"] == history["learning_rate"] == pytest.approx([0.01, 0.01, 0.001])
    with pytest.raises(errors.ArgumentError, match="factor"):
        ReduceLROnPlateau(factor=1.0)


def test_learning_rate_scheduler() -> None:
    model = regression()
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[LearningRateScheduler(lambda epoch, rate: rate * 0.5)]).history
    assert history["learning_rate"] == pytest.approx([0.005, 0.0025, 0.00125])
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1))]).history
    assert history["lr"] == [0.5, 0.25]
    with pytest.raises(errors.DTypeError, match="number"):
        model.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch, rate: "small")])
    with pytest.raises(errors.DTypeError, match="schedule must be a function"):
        LearningRateScheduler(0.1)


# ---- files
def test_checkpoints(tmp_path: Path) -> None:
    model = regression()
    pattern = tmp_path / "{epoch:02d}-{val_loss:.4f}.weights.npz"
    history = model.fit(X, Y, epochs=3, verbose=0, validation_split=0.2, callbacks=[ModelCheckpoint(pattern)]).history
    assert sorted(os.listdir(tmp_path)) == [f"{i + 1:02d}-{loss:.4f}.weights.npz" for i, loss in enumerate(history["val_loss"])]
    last = model.get_weights()
    model.load_weights(tmp_path / sorted(os.listdir(tmp_path))[-1])
    np.testing.assert_array_equal(model.get_weights()[0], last[0])


def test_the_best_checkpoint_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = regression()
    path = tmp_path / "best.npz"
    worse = ModelCheckpoint(path, monitor="loss", mode="max", save_best_only=True, verbose=1)
    after: list[np.ndarray] = []
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: after.append(model.get_weights()[0]))
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[keep, worse])
    assert "Epoch 1: loss improved from -inf" in (out := capsys.readouterr().out)
    assert out.count("did not improve") == 2
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], after[0])


def test_checkpoints_by_batch(tmp_path: Path) -> None:
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{batch}.npz", save_freq=3)
    regression().fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[checkpoint])
    assert sorted(os.listdir(tmp_path)) == ["1-3.npz", "2-1.npz", "2-4.npz"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"filepath": "a.keras", "save_weights_only": True},
        {"filepath": "a.ckpt"},
        {"save_freq": 0},
        {"save_freq": "batch"},
        {"mode": "good"},
    ],
)
def test_checkpoints_refuse_what_they_cannot_do(arguments) -> None:
    with pytest.raises(errors.ArgumentError):
        ModelCheckpoint(**({"filepath": "a.npz", "save_best_only": True} | arguments))


@pytest.mark.parametrize("end", ["keras", "weights.h5", "npz"])
def test_checkpoints_of_whole_models_and_folders(tmp_path: Path, end: str) -> None:
    model = regression()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "new" / f"{{epoch}}.{end}")])
    assert sorted(os.listdir(tmp_path / "new")) == [f"1.{end}", f"2.{end}"]
    path = tmp_path / "new" / f"2.{end}"
    if end == "keras":
        again = load_model(path)
    else:
        again = regression()
        again.load_weights(path)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_a_checkpoint_without_the_monitored_value_is_saved_all_the_same(tmp_path: Path) -> None:
    """As in Keras 3.15."""
    with pytest.warns(UserWarning, match="'val_loss'"):
        regression().fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "a.npz", save_best_only=True)])
    assert os.listdir(tmp_path) == ["a.npz"]


def test_the_last_good_checkpoint_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = regression()
    path = tmp_path / "a.npz"
    model.fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(path)])
    good = model.get_weights()
    with pytest.warns(UserWarning, match="not finite"):
        model.fit(X, np.full_like(Y, np.nan), epochs=3, verbose=0, callbacks=[ModelCheckpoint(path), TerminateOnNaN()])
    assert np.isnan(model.get_weights()[0]).all()
    assert "Batch 0" in capsys.readouterr().out
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], good[0])
    model.set_weights([np.full_like(w, np.inf) for w in good])
    checkpoint = ModelCheckpoint(path)
    checkpoint.set_model(model)
    with pytest.warns(UserWarning, match="not finite"):
        checkpoint.on_epoch_end(0, {"loss": 1.0})


def test_a_checkpoint_path_with_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(errors.ArgumentError, match="nothing"):
        regression().fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "{nothing}.npz")])


def rows(path: Path, separator: str = ",") -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file, delimiter=separator))


def test_csv_logger(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    model = regression()
    history = model.fit(X, Y, epochs=2, verbose=0, validation_split=0.2, callbacks=[CSVLogger(path)]).history
    table = rows(path)
    assert table[0] == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [row[0] for row in table[1:]] == ["0", "1"]
    assert [float(row[1]) for row in table[1:]] == history["loss"]
    model.fit(X, Y, epochs=1, verbose=0, validation_split=0.2, callbacks=[CSVLogger(path, append=True)])
    assert len(rows(path)) == 4
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[CSVLogger(path, separator=";")])
    assert rows(path, ";")[0] == ["epoch", "loss", "mae"]


def test_csv_logger_with_rare_validation(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    regression().fit(X, Y, epochs=2, verbose=0, validation_split=0.2, validation_freq=2, callbacks=[CSVLogger(path)])
    assert rows(path)[0] == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert rows(path)[1][3:] == ["NA", "NA"]
    assert "NA" not in rows(path)[2]


def test_csv_logger_says_at_once_that_it_cannot_write(tmp_path: Path) -> None:
    model = regression()
    with pytest.raises(OSError, match="folder"):
        model.fit(X, Y, verbose=0, callbacks=[CSVLogger(tmp_path / "no folder" / "log.csv")])
    assert model.optimizer.iterations == 0


# ---- the rest
def test_terminate_on_nan(capsys: pytest.CaptureFixture[str]) -> None:
    callback = TerminateOnNaN()
    callback.set_model(model := FakeModel())
    callback.on_train_batch_end(1, {"loss": 3.0})
    assert not model.stop_training
    callback.on_train_batch_end(2, {"loss": math.inf})
    assert model.stop_training
    assert "Batch 2" in capsys.readouterr().out
    with pytest.raises(errors.DataError, match="batch 3: the loss is nan"):
        strict = TerminateOnNaN(raise_error=True)
        strict.on_train_batch_end(2, {"loss": 1.0})
        strict.on_train_batch_end(3, {"loss": math.nan})


def averaged() -> Sequential:
    set_random_seed(0)
    model = Sequential([Input((3,)), Dense(2), Dense(1)])
    model.compile(SGD(0.1, use_ema=True, ema_momentum=0.9), "mse")
    return model


def test_evaluation_by_averages() -> None:
    """Averages kept by hand, from the weights after each step."""
    model = averaged()
    averages: list[np.ndarray] = []
    seen: list[list[np.ndarray]] = []

    class Follow(Callback):
        def on_train_batch_end(self, batch, logs=None) -> None:
            weights = model.get_weights()
            averages[:] = [0.9 * a + 0.1 * w for a, w in zip(averages, weights, strict=True)] if averages else weights

        def on_test_begin(self, logs=None) -> None:
            seen.append(model.get_weights())

        def on_test_end(self, logs=None) -> None:
            seen.append(model.get_weights())

    raw: list[list[np.ndarray]] = []
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: raw.append(model.get_weights()))
    model.fit(X, Y, batch_size=5, epochs=3, verbose=0, validation_data=(X, Y), callbacks=[SwapEMAWeights(), Follow(), note])
    assert len(seen) == 6
    for got, wanted in zip(seen[4], averages, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)
    for got, wanted in zip(seen[5], raw[2], strict=True):
        np.testing.assert_array_equal(got, wanted)
    for got, wanted in zip(model.get_weights(), averages, strict=True):  # where a training with averages ends
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_checkpoints_of_averages(tmp_path: Path) -> None:
    plain, swapped = averaged(), averaged()
    for model, callbacks in ((plain, []), (swapped, [SwapEMAWeights(swap_on_epoch=True), ModelCheckpoint(tmp_path / "{epoch}.npz")])):
        set_random_seed(1)
        model.fit(X, Y, batch_size=5, epochs=3, verbose=0, callbacks=callbacks)
    for got, wanted in zip(swapped.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)
    swapped.load_weights(tmp_path / "3.npz")
    np.testing.assert_array_equal(swapped.get_weights()[0], plain.get_weights()[0])


def test_averages_leave_the_model_when_a_validation_is_interrupted() -> None:
    model = averaged()

    def interrupt(batch, logs) -> None:
        raise KeyboardInterrupt

    raw: list[list[np.ndarray]] = []
    callbacks = [
        SwapEMAWeights(),
        LambdaCallback(on_test_batch_end=interrupt, on_train_batch_end=lambda batch, logs: raw.append(model.get_weights())),
    ]
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=5, verbose=0, validation_data=(X, Y), callbacks=callbacks)
    np.testing.assert_array_equal(model.get_weights()[0], raw[-1][0])
    with pytest.raises(errors.ArgumentError, match="use_ema"):
        regression().evaluate(X, Y, verbose=0, callbacks=[SwapEMAWeights()])


def test_callbacks_that_come_last_and_hear_of_interrupts() -> None:
    seen: list[str] = []

    class Last(Callback):
        comes_last = True

        def on_epoch_begin(self, epoch, logs=None) -> None:
            seen.append("last")

        def on_interrupt(self) -> None:
            seen.append("interrupted")

        def on_train_end(self, logs=None) -> None:
            seen.append("never")

    first = LambdaCallback(lambda epoch, logs: seen.append("first"), on_train_batch_begin=lambda batch, logs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        regression().fit(X, Y, verbose=0, callbacks=[Last(), first])
    assert seen == ["first", "last", "interrupted"]


def test_a_history_is_a_table() -> None:
    pandas = pytest.importorskip("pandas")
    model = regression()
    history = model.fit(X, Y, epochs=3, initial_epoch=1, verbose=0)
    frame = pandas.DataFrame(history.history, index=history.epoch)
    assert list(frame.columns) == ["loss", "mae"]
    assert list(frame.index) == [1, 2]
    assert history.model is model
    assert history.params == {"epochs": 3, "steps": 1, "verbose": 0, "validation": False}


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 4), (2, 4), ("auto", 4)])
def test_what_fit_prints_into_a_pipe(verbose, lines, capsys: pytest.CaptureFixture[str]) -> None:
    regression().fit(X, Y, epochs=2, batch_size=8, verbose=verbose, validation_split=0.2)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == lines
    assert "\x1b" not in out
    assert "\r" not in out
    if lines:
        assert out.splitlines()[2] == "Epoch 2/2"
        assert out.splitlines()[3].startswith("2/2 ━━━━━━━━━━━━━━━━━━━━ 0s" if verbose == 1 else "2/2 - 0s - ")
        assert " - loss: " in out
        assert out.index(" - mae: ") < out.index(" - val_loss: ")


def test_verbose_auto_follows_the_interactive_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progbar_logger, "is_interactive", lambda: True)
    try:
        assert (utils.is_interactive_logging_enabled(), progbar_logger.resolve_verbose("auto")) == (True, 1)
        utils.disable_interactive_logging()
        assert (utils.is_interactive_logging_enabled(), progbar_logger.resolve_verbose("auto")) == (False, 2)
        assert progbar_logger.resolve_verbose(1) == 1
    finally:
        utils.enable_interactive_logging()
    assert progbar_logger.resolve_verbose("auto") == 1


def test_what_evaluate_and_predict_print(capsys: pytest.CaptureFixture[str]) -> None:
    model = regression()
    model.evaluate(X, Y, batch_size=8, verbose=1)
    assert capsys.readouterr().out.startswith("3/3 ━")
    model.predict(X, batch_size=8, verbose=1)
    assert capsys.readouterr().out.startswith("3/3 ━")
