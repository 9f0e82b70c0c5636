"""fit, evaluate, predict and the single-batch methods; errors leave no trace."""

from __future__ import annotations

import contextlib
import gc
import weakref

import numpy as np
import pytest

import tinycnn
from tinycnn import errors
from tinycnn.callbacks import Callback, LambdaCallback, TerminateOnNaN
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input
from tinycnn.metrics import F1Score, Precision
from tinycnn.models import Model, Sequential
from tinycnn.utils import PyDataset, set_random_seed, to_categorical

N = 40
X = np.sin(np.arange(N * 4) * 1.3).reshape(N, 4).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
ONE_HOT = to_categorical(LABELS, 3)


def classifier(loss: str = "categorical_crossentropy", **compiling) -> Sequential:
    set_random_seed(3)
    model = Sequential([Input((4,)), Dense(8, activation="relu"), Dense(3, activation="softmax")])
    model.compile("adam", loss, metrics=["accuracy"], **compiling)
    return model


def test_it_learns() -> None:
    model = classifier()
    history = model.fit(X, ONE_HOT, batch_size=8, epochs=60, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert all(isinstance(value, float) for values in history.values() for value in values)
    loss, accuracy = model.evaluate(X, ONE_HOT, verbose=0)
    assert accuracy > 0.8
    assert model.evaluate(X, ONE_HOT, verbose=0, return_dict=True) == {"loss": loss, "accuracy": accuracy}
    assert model.metrics_names == ["loss", "accuracy"]


def test_evaluate_gives_a_lone_number_without_metrics() -> None:
    model = classifier()
    model.compile("sgd", "mse")
    assert isinstance(model.evaluate(X, ONE_HOT, verbose=0), float)


def test_the_loss_is_weighted_by_batch_size() -> None:
    model = classifier()
    whole = model.evaluate(X, ONE_HOT, batch_size=N, verbose=0)
    np.testing.assert_allclose(model.evaluate(X, ONE_HOT, batch_size=7, verbose=0), whole, rtol=1e-5)


def test_predict_joins_all_batches() -> None:
    model = classifier()
    outputs = model.predict(X, batch_size=7, verbose=0)
    assert outputs.shape == (N, 3)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, model(X).numpy(), rtol=1e-5)
    np.testing.assert_array_equal(model.predict_on_batch(X[:5]), model(X[:5]).numpy())


def test_single_batches() -> None:
    model = classifier()
    first = model.train_on_batch(X[:8], ONE_HOT[:8])
    assert first == pytest.approx(classifier().test_on_batch(X[:8], ONE_HOT[:8]))
    assert model.test_on_batch(X[:8], ONE_HOT[:8], return_dict=True)["loss"] < first[0]
    assert model.optimizer.iterations == 1


@pytest.mark.parametrize(
    "x",
    [
        X.astype(np.float64),
        np.asfortranarray(X),
        np.repeat(X, 2, axis=0)[::2],
        X.astype(">f4"),
        tinycnn.Tensor(X),
        [X],
        X.tolist(),
    ],
    ids=["float64", "fortran", "strided", "big-endian", "Tensor", "list of one", "nested list"],
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_any_layout_and_dtype_gives_the_same_weights(x, shuffle) -> None:
    expected = classifier()
    expected.fit(X, ONE_HOT, epochs=2, batch_size=16, shuffle=shuffle, verbose=0)
    model = classifier()
    model.fit(x, ONE_HOT, epochs=2, batch_size=16, shuffle=shuffle, verbose=0)
    for got, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-7)


def test_inputs_are_never_written() -> None:
    x, y = X.copy(), ONE_HOT.copy()
    x.flags.writeable = y.flags.writeable = False
    model = classifier()
    model.fit(x, y, epochs=1, verbose=0, sample_weight=np.ones(N))
    model.predict(x, verbose=0)
    np.testing.assert_array_equal(x, X)


def test_bytes_are_pictures() -> None:
    images = np.arange(6 * 5 * 5, dtype=np.uint8).reshape(6, 5, 5, 1)
    model = Sequential([Conv2D(2, 3), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(images, np.zeros(6), verbose=0)
    np.testing.assert_allclose(model.predict(images, verbose=0), model.predict(images.astype(np.float32), verbose=0))


WRONG = {
    "sample counts": ({"y": ONE_HOT[:-1]}, errors.ShapeError, "number of samples"),
    "rank of x": ({"x": X[:, None]}, errors.ShapeError, r"\(None, 4\)"),
    "width of x": ({"x": X[:, :3]}, errors.ShapeError, r"\(None, 4\)"),
    "no samples": ({"x": X[:0], "y": ONE_HOT[:0]}, errors.ShapeError, "no samples"),
    "class numbers": ({"y": LABELS}, errors.ShapeError, "sparse_categorical_crossentropy"),
    "number of classes": ({"y": to_categorical(LABELS, 4)}, errors.ShapeError, "3 classes"),
    "text": ({"x": np.full((N, 4), "a")}, errors.DTypeError, "numbers"),
    "no targets": ({"y": None}, errors.ArgumentError, "y must be given"),
    "batch size": ({"batch_size": 0}, errors.ArgumentError, "batch_size"),
    "epochs": ({"epochs": 0}, errors.ArgumentError, "epochs"),
    "two weights": ({"class_weight": {0: 2.0}, "sample_weight": np.ones(N)}, errors.ArgumentError, "together"),
    "weights' length": ({"sample_weight": np.ones(N - 1)}, errors.ShapeError, "sample_weight"),
    "validation split": ({"validation_split": 1.5}, errors.ArgumentError, "validation_split"),
    "validation split in text": ({"validation_split": "0.1"}, errors.ArgumentError, "validation_split"),
    "batch size of a validation": (
        {"validation_data": (X, ONE_HOT), "validation_batch_size": 0},
        errors.ArgumentError,
        "validation_batch_size",
    ),
    "class for an instance": ({"x": PyDataset, "y": None}, errors.DTypeError, "^x must hold real numbers"),
    "validation frequency": ({"validation_data": (X, ONE_HOT), "validation_freq": "a"}, errors.ArgumentError, "validation_freq"),
    "steps of an epoch": ({"steps_per_epoch": 1.25}, errors.ArgumentError, "steps_per_epoch"),
    "steps of a validation": ({"validation_data": (X, ONE_HOT), "validation_steps": 1.25}, errors.ArgumentError, "validation_steps"),
    "no inputs": ({"x": None}, errors.DTypeError, "^x must hold real numbers"),
    "validation data": ({"validation_data": (X, LABELS)}, errors.ShapeError, "sparse"),
    "validation form": ({"validation_data": X}, errors.ArgumentError, "validation_data"),
    "verbose": ({"verbose": 5}, errors.ArgumentError, "verbose"),
    "callbacks": ({"callbacks": [print]}, errors.DTypeError, "Callback"),
    "NaN": ({"x": np.where(np.arange(N)[:, None] == 7, np.nan, X), "check_finite": True}, errors.DataError, r"x holds nan at \(7, 0\)"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("built", [True, False], ids=["built", "unbuilt"])
def test_a_failed_fit_leaves_no_trace(case: str, built: bool) -> None:
    change, error, message = WRONG[case]
    model = classifier()
    if not built:
        if "of x" in case:
            pytest.skip("an unbuilt model takes any width")
        model = Sequential([Dense(8, activation="relu"), Dense(3, activation="softmax")])
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    before = model.get_weights()
    set_random_seed(1)
    with pytest.raises(error, match=message):
        model.fit(**({"x": X, "y": ONE_HOT, "verbose": 0} | change))
    assert model.history is None
    for got, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, wanted)
    model.fit(X, ONE_HOT, epochs=1, verbose=0)


@pytest.mark.parametrize("labels", [LABELS + 1, LABELS - 1, LABELS + 0.5, ONE_HOT])
def test_labels_out_of_range_are_named_before_training(labels) -> None:
    model = classifier("sparse_categorical_crossentropy")
    before = model.get_weights()
    with pytest.raises(errors.TinyCNNError, match="y_true"):
        model.fit(X, labels, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    model.fit(X, LABELS, verbose=0)


def test_a_model_must_be_compiled() -> None:
    model = Sequential([Dense(1)])
    with pytest.raises(errors.NotBuiltError, match="compile"):
        model.fit(X, LABELS)
    model.compile("sgd")
    with pytest.raises(errors.NotBuiltError, match="loss"):
        model.fit(X, LABELS)


@pytest.mark.parametrize(
    "arguments", [{"steps_per_execution": 0}, {"jit_compile": "yes"}, {"run_eagerly": True, "jit_compile": True}, {"optimizer": "adman"}]
)
def test_compile_refuses_what_it_cannot_do(arguments) -> None:
    model = classifier()
    before = model.optimizer
    with pytest.raises(errors.ArgumentError):
        model.compile(**({"optimizer": "sgd", "loss": "mse"} | arguments))
    assert model.optimizer is before


@pytest.mark.parametrize("wrong", [["accuracy"], "accuracy", {"dense": "a"}, [float("nan")], [[1.0]]], ids=str)
def test_compile_refuses_metrics_in_the_place_of_loss_weights(wrong) -> None:
    model = classifier()
    before = model.optimizer
    with pytest.raises(errors.ArgumentError, match=r"loss_weights must be finite numbers.*metrics="):
        model.compile("sgd", "mse", wrong)
    assert model.optimizer is before
    model.compile("sgd", "mse", [np.float32(0.5)])
    model.fit(X, ONE_HOT, verbose=0)


def test_a_frozen_model_says_that_it_cannot_learn() -> None:
    model = classifier()
    model.trainable = False
    with pytest.raises(errors.ArgumentError, match="no trainable weights"):
        model.fit(X, ONE_HOT, verbose=0)
    with pytest.raises(errors.ArgumentError, match="no trainable weights"):
        model.train_on_batch(X, ONE_HOT)
    model.trainable = True
    model.fit(X, ONE_HOT, verbose=0)


def test_ctrl_c_ends_within_a_batch_and_fit_goes_on_afterwards() -> None:
    model = classifier()
    seen: list[int] = []

    def interrupt(batch, logs) -> None:
        seen.append(batch)
        if len(seen) == 7:  # 5 batches an epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, ONE_HOT, batch_size=8, epochs=9, verbose=0, callbacks=[LambdaCallback(on_train_batch_end=interrupt)])
    assert len(seen) == 7
    assert model.optimizer.iterations == 7
    assert len(model.history.history["loss"]) == 1
    assert len(model.fit(X, ONE_HOT, batch_size=8, epochs=2, verbose=0).history["loss"]) == 2


@pytest.mark.parametrize("fails", [False, True])
def test_a_model_does_not_keep_its_data(fails: bool) -> None:
    x = X.copy()
    data = weakref.ref(x)
    model = classifier()
    callbacks = [LambdaCallback(on_epoch_end=lambda epoch, logs: fails and 1 / 0)]
    with pytest.raises(ZeroDivisionError) if fails else contextlib.nullcontext():
        model.fit(x, ONE_HOT, verbose=0, callbacks=callbacks)
    assert model.fit_data is None
    assert model.resumption is None
    del x
    gc.collect()
    assert fails or data() is None


def test_shuffling_is_a_fresh_permutation_each_epoch() -> None:
    orders: list[list[float]] = []

    class Spy(Dense):
        def call(self, inputs):
            orders.append(inputs.numpy()[:, 0].tolist())
            return super().call(inputs)

    numbers = np.arange(N, dtype=np.float32)[:, None]
    model = Sequential([Input((1,)), Spy(1)])
    model.compile("sgd", "mse")
    model.fit(numbers, numbers, batch_size=16, epochs=2, verbose=0)
    epochs = [[number for batch in orders[i : i + 3] for number in batch] for i in (0, 3)]
    assert [len(order) for order in orders] == [16, 16, 8] * 2
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(N))
    assert epochs[0] != epochs[1] != list(range(N))


def test_validation_frequency_and_steps() -> None:
    model = classifier()
    history = model.fit(X, ONE_HOT, epochs=4, verbose=0, validation_data=(X, ONE_HOT), validation_freq=2).history
    assert len(history["val_loss"]) == 2
    history = model.fit(X, ONE_HOT, epochs=4, verbose=0, validation_data=(X, ONE_HOT), validation_freq=[1, 2, 4]).history
    assert len(history["val_loss"]) == 3
    steps: list[int] = []
    count = LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    model.fit(X, ONE_HOT, batch_size=8, epochs=3, steps_per_epoch=2, verbose=0, callbacks=count)
    assert steps == [0, 1] * 3


def test_streams_of_batches() -> None:
    def endless():
        while True:
            for i in range(0, N, 8):
                yield X[i : i + 8], ONE_HOT[i : i + 8]

    class Folder:
        def __len__(self) -> int:
            return 5

        def __getitem__(self, i):
            return X[8 * i : 8 * i + 8], ONE_HOT[8 * i : 8 * i + 8]

    expected = classifier()
    expected.fit(X, ONE_HOT, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for stream, steps in ((endless(), 5), (Folder(), None), ([Folder()[i] for i in range(5)].__iter__, None)):
        model = classifier()
        if callable(stream):
            model.fit(stream(), verbose=0)
            assert model.optimizer.iterations == 5
            continue
        model.fit_generator(stream, steps_per_epoch=steps, epochs=2, verbose=0, shuffle=False, validation_data=Folder())
        for got, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(got, wanted)
    np.testing.assert_allclose(model.predict(iter([X[:8], X[8:]]), verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    assert model.evaluate(Folder(), verbose=0) == pytest.approx(model.evaluate(X, ONE_HOT, batch_size=8, verbose=0))


def test_a_stream_that_runs_dry_says_so() -> None:
    model = classifier()
    with pytest.warns(UserWarning, match="ran out after 1 of 3 steps"):
        model.fit(iter([(X, ONE_HOT)]), steps_per_epoch=3, verbose=0)
    ends: list[dict[str, float]] = []
    with pytest.warns(UserWarning, match="the data ran out: there is none for epoch 2 of 4"):
        history = model.fit(iter([(X, ONE_HOT)]), epochs=4, verbose=0, callbacks=[LambdaCallback(on_train_end=ends.append)])
    assert len(history.history["loss"]) == len(ends) == 1
    with pytest.raises(errors.ArgumentError, match="exhausted"):
        model.fit(iter([]), epochs=2, verbose=0)
    with pytest.raises(errors.ShapeError):
        model.fit(iter([(X[:, :2], ONE_HOT)]), verbose=0)
    with pytest.raises(errors.ArgumentError, match="batch_size"):
        model.fit(iter([(X, ONE_HOT)]), batch_size=4, verbose=0)


def test_terminate_on_nan_names_the_batch(capsys) -> None:
    y = ONE_HOT.copy()
    y[20] = np.nan
    model = classifier()
    model.fit(X, y, batch_size=8, epochs=3, shuffle=False, verbose=0, callbacks=[TerminateOnNaN()])
    assert "Batch 2" in capsys.readouterr().out
    assert model.optimizer.iterations == 3


def test_training_mode_reaches_the_layers() -> None:
    model = Sequential([Input((4,)), BatchNormalization(), Dropout(0.5)])
    model.compile("sgd", "mse")
    np.testing.assert_array_equal(model.predict(X, verbose=0), model(X, training=False).numpy())
    before = model.get_weights()
    model.evaluate(X, X, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[2], before[2])
    model.fit(X, X, verbose=0)
    assert (model.get_weights()[2] != before[2]).any()
    assert (model(X, training=True).numpy() == 0).any()


def test_frozen_layers_stay() -> None:
    model = classifier()
    model.layers[0].trainable = False
    model.compile("adam", "categorical_crossentropy")
    before = model.get_weights()
    model.fit(X, ONE_HOT, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert (before[2] != after[2]).any()


def test_two_models_may_share_layers_and_each_trains() -> None:
    shared = Dense(4)
    first = Sequential([Input((4,)), shared, Dense(3, activation="softmax")])
    second = Sequential([Input((4,)), shared, Dense(1)])
    for model, loss, y in ((first, "categorical_crossentropy", ONE_HOT), (second, "mse", LABELS)) * 2:
        model.compile("adam", loss)
        before = shared.get_weights()[0]
        model.fit(X, y, verbose=0)
        assert (shared.get_weights()[0] != before).any()
        np.testing.assert_array_equal(first.layers[0].kernel.numpy(), second.layers[0].kernel.numpy())


def test_a_subclassed_model_trains() -> None:
    class Net(Model):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = [Dense(8, activation="relu"), Dropout(0.1)]
            self.head = Dense(3, activation="softmax")

        def call(self, inputs, training=None):
            for layer in self.hidden:
                inputs = layer(inputs, training=training)
            return self.head(inputs)

    model = Net()
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    with pytest.raises(errors.ShapeError):
        model.fit(X, ONE_HOT[:, :2], verbose=0)
    assert model.weights == []
    model.fit(X, ONE_HOT, epochs=2, verbose=0)
    assert len(model.weights) == 4
    assert model.predict(X, verbose=0).shape == (N, 3)
    assert [layer.name for layer in model.layers] == [layer.name for layer in (*model.hidden, model.head)]


def test_callbacks_see_the_means_and_can_stop() -> None:
    class Watch(Callback):
        def __init__(self) -> None:
            super().__init__()
            self.events: list[str] = []

        def on_train_begin(self, logs=None) -> None:
            self.events.append("begin")

        def on_epoch_end(self, epoch, logs=None) -> None:
            self.events.append(",".join(sorted(logs)))
            self.model.stop_training = epoch == 1

        def on_test_end(self, logs=None) -> None:
            self.events.append("test")

        def on_train_end(self, logs=None) -> None:
            self.events.append("end")

    watch = Watch()
    classifier().fit(X, ONE_HOT, epochs=9, verbose=0, callbacks=[watch], validation_split=0.25)
    names = "accuracy,loss,val_accuracy,val_loss"
    assert watch.events == ["begin", "test", names, "test", names, "end"]
    assert watch.params["epochs"] == 9
    assert watch.params["steps"] == 1


def test_a_metric_may_have_several_values() -> None:
    model = classifier()
    model.compile("adam", "mse", metrics=[F1Score(), Precision()])
    history = model.fit(X, ONE_HOT, epochs=2, verbose=2).history
    assert [value.shape for value in history["f1_score"]] == [(3,), (3,)]
    assert all(isinstance(value, float) for value in history["precision"])
    _, scores, _ = model.evaluate(X, ONE_HOT, verbose=0)
    assert scores.shape == (3,)


def test_one_image_without_a_batch_axis_is_told_as_it_came() -> None:
    model = Sequential([Input((8, 8, 1)), Flatten(), Dense(2)])
    assert model.predict(np.ones((3, 8, 8)), verbose=0).shape == (3, 2)
    assert model.predict(np.ones((3, 8, 8, 1, 1)), verbose=0).shape == (3, 2)
    with pytest.raises(errors.ShapeError, match=r"expects inputs of shape \(None, 8, 8, 1\), got \(None, 8, 1\); .* batch axis"):
        model.predict(np.ones((8, 8, 1)), verbose=0)
    with pytest.raises(errors.ShapeError, match=r"got \(None, 8, 7\)$"):
        model.predict(np.ones((3, 8, 7)), verbose=0)
