"""What compile is told to measure is tried before the first step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinycnn import errors, metrics
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Input
from tinycnn.models import Model, Sequential
from tinycnn.utils import set_random_seed, to_categorical

N, CLASSES = 20, 10
X = np.sin(np.arange(N * 4) * 1.3).reshape(N, 4).astype(np.float32)
LABELS = np.arange(N) % CLASSES
ONE_HOT = to_categorical(LABELS, CLASSES)


def classifier(loss: str = "sparse_categorical_crossentropy", **compiling: Any) -> Sequential:
    set_random_seed(3)
    model = Sequential([Input((4,)), BatchNormalization(), Dense(CLASSES, activation="softmax")])
    model.compile("adam", loss, **compiling)
    return model


def state(model: Model) -> list[bytes]:
    """Weights, the optimizer's variables and the metrics' values."""
    optimizer = model.optimizer.get_state() if model.optimizer.built else {}
    arrays = [*model.weights, *(v for metric in model.metrics for v in metric.variables), *optimizer.values()]
    return [np.asarray(array).tobytes() for array in arrays]


#: Metrics that do not fit class numbers and ten scores each.
UNFIT = {
    "precision": lambda: "precision",
    "mse": lambda: "mse",
    "f1_score": lambda: "f1_score",
    "categorical_accuracy": metrics.CategoricalAccuracy,
    "auc": lambda: metrics.AUC(multi_label=True),
    "mean_io_u": lambda: metrics.MeanIoU(CLASSES),
    "one_hot_io_u": lambda: metrics.OneHotIoU(CLASSES, [0]),
    "axis": lambda: metrics.IoU(CLASSES, [0], sparse_y_pred=False, axis=2, name="axis"),
    "r2_score": metrics.R2Score,
    "recall": lambda: {"class_name": "Recall", "config": {"class_id": 10}},
    "mean_absolute_error": lambda: metrics.mean_absolute_error,
}


@pytest.mark.parametrize("how", ["metrics", "weighted_metrics"])
@pytest.mark.parametrize("name", UNFIT)
def test_a_metric_that_does_not_fit_is_named_before_anything_changes(name: str, how: str) -> None:
    model = classifier(**{how: ["accuracy", UNFIT[name]()]})
    before = state(model)
    for use in (
        lambda: model.fit(X, LABELS, verbose=0),
        lambda: model.fit(iter([(X, LABELS)]), verbose=0),
        lambda: model.evaluate(X, LABELS, verbose=0),
        lambda: model.train_on_batch(X, LABELS),
        lambda: model.test_on_batch(X, LABELS),
    ):
        with pytest.raises(errors.ShapeError, match=f"metric '{name}' cannot take the targets and outputs"):
            use()
        assert state(model) == before
    assert not model.optimizer.built
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    expected = classifier(metrics=["accuracy"])
    histories = []
    for m in (model, expected):
        set_random_seed(5)
        histories.append(m.fit(X, LABELS, verbose=0, epochs=2).history)
    assert histories[0] == histories[1]
    assert state(model) == state(expected)


def test_trained_weights_and_gathered_values_stay_as_they_are() -> None:
    """A model that has been trained, and is given other targets."""
    model = classifier("mse", metrics=["mae", metrics.CategoricalAccuracy()])
    model.fit(X, ONE_HOT, verbose=0)
    before = state(model)
    with pytest.raises(errors.ShapeError):
        model.train_on_batch(X, LABELS)
    assert state(model) == before
    assert model.evaluate(X, ONE_HOT, verbose=0)[2] == pytest.approx(float((model.predict(X, verbose=0).argmax(1) == LABELS).mean()))


def test_labels_are_looked_at() -> None:
    model = classifier("mse", metrics=["sparse_categorical_accuracy"])
    before = state(model)
    with pytest.raises(errors.TinyCNNError, match="metric 'sparse_categorical_accuracy' cannot take"):
        model.fit(X, ONE_HOT, verbose=0)
    assert state(model) == before


def test_only_the_metric_of_the_wrong_output_is_named() -> None:
    x = Input((4,))
    model = Model(x, [Dense(3, name="kind", activation="softmax")(x), Dense(1, name="size")(x)])
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"], metrics=[["accuracy", "auc"], ["mae"]])
    with pytest.raises(errors.ShapeError, match="metric 'auc' cannot take"):
        model.fit(X, [LABELS % 3, X[:, 0]], verbose=0)


def test_what_a_user_wrote_is_not_called_early_and_raises_its_own_error() -> None:
    shapes = []

    def needs_two_classes(y_true: Any, y_pred: Any) -> Any:
        shapes.append(y_pred.shape)
        if len(np.unique(y_true)) < 2:
            raise RuntimeError("only one class")
        return np.ones(len(y_true))

    class Own(metrics.Mean):
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            shapes.append(y_pred.shape)
            super().update_state(np.ones(len(y_true)))

    model = classifier(metrics=[needs_two_classes, Own()])
    assert model.fit(X, LABELS, verbose=0).history["needs_two_classes"] == [1.0]
    assert shapes == [(N, CLASSES)] * 2
    with pytest.raises(RuntimeError, match="only one class"):
        model.fit(X, 0 * LABELS, verbose=0)


def test_each_form_of_the_data_is_tried_once() -> None:
    calls = []

    class Spy(metrics.CategoricalAccuracy):
        def __deepcopy__(self, memo: Any) -> Any:
            calls.append(self.name)
            return self

    Spy.__module__ = "tinycnn.spy"
    model = classifier("categorical_crossentropy", metrics=[Spy()])
    for _ in range(3):
        model.fit(X, ONE_HOT, batch_size=4, epochs=2, verbose=0)
        model.train_on_batch(X, ONE_HOT)
    assert calls == ["categorical_accuracy"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("nonsense", "unknown metric 'nonsense'"),
        (3, "metric must be a name"),
        ({"class_name": "Precision", "config": {"thresholds": "high"}}, "thresholds must be a number, got 'high'"),
        (metrics.IoU, "cannot be made without arguments .*num_classes"),
        ("iou", "'iou' cannot be made without arguments"),
    ],
    ids=str,
)
@pytest.mark.parametrize("place", [lambda m: m, lambda m: [m], lambda m: {"out": m}, lambda m: {"out": ["mse", m]}], ids=range(4))
def test_wrong_metrics_are_refused_by_compile(wrong: Any, message: str, place: Any) -> None:
    model = classifier(metrics=["accuracy"])
    before = model.get_compile_config()
    for how in ("metrics", "weighted_metrics"):
        with pytest.raises(errors.TinyCNNError, match=message):
            model.compile("sgd", "mse", **{how: place(wrong)})
        assert model.get_compile_config() == before


def test_means_go_on_over_images_of_several_sizes() -> None:
    set_random_seed(0)
    model = Sequential([Input((None, None, 1)), Conv2D(3, 3, padding="same", activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy", "mean_absolute_error"])
    rng = np.random.default_rng(0)
    batches = [(rng.random((2, s, s, 1), np.float32), rng.integers(0, 3, (2, s, s))) for s in (8, 6, 8, 4)]

    def stream() -> Iterator[Any]:
        yield from ((x, to_categorical(y, 3)) for x, y in batches)

    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    expected = np.mean([(model.predict(x, verbose=0).argmax(-1) == y).mean() for x, y in batches])
    assert model.evaluate(stream(), verbose=0)[1] == pytest.approx(expected)


def test_names_and_order_are_keras_3_15s() -> None:
    x = Input((4,))
    model = Model(x, [Dense(1, name="a")(x), Dense(3, activation="softmax", name="b")(x)])
    weighted = [["mae", "mae"], ["accuracy", "sparse_top_k_categorical_accuracy"]]
    model.compile("sgd", ["mse", "sparse_categorical_crossentropy"], metrics=[["mae", "mae"], ["accuracy"]], weighted_metrics=weighted)
    result = model.evaluate(X, [X[:, 0], LABELS % 3], verbose=0, return_dict=True)
    expected = ["loss", "a_loss", "b_loss", "a_mae", "a_mae_1", "b_accuracy", "a_weighted_mae", "a_weighted_mae_1", "b_weighted_accuracy"]
    assert list(result) == [*expected, "b_sparse_top_k_categorical_accuracy"]
    model = classifier("mse", metrics=["mae"], weighted_metrics=["mae", "mse"])
    assert list(model.evaluate(X, ONE_HOT, verbose=0, return_dict=True)) == ["loss", "mae", "weighted_mae", "mse"]


@pytest.mark.parametrize("shape", [(N, 3), (N, 1, 1), (N, CLASSES)])
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", None])
def test_weights_that_do_not_fit_are_named_before_anything_changes(shape: tuple[int, ...], loss: str | None) -> None:
    x = Input((4,))
    inner = BatchNormalization()(x)
    model = Model(x, [Dense(CLASSES, activation="softmax", name="a")(inner), Dense(1, name="b")(inner)])
    model.compile("adam", [loss, "mse"], weighted_metrics=[["accuracy"], []])
    before = [w.tobytes() for w in model.get_weights()]
    for use in (
        lambda w: model.fit(X, [LABELS, X[:, 0]], sample_weight=w, verbose=0),
        lambda w: model.train_on_batch(X, [LABELS, X[:, 0]], sample_weight=w),
        lambda w: model.evaluate(X, [LABELS, X[:, 0]], sample_weight=w, verbose=0),
    ):
        with pytest.raises(errors.ShapeError, match="sample_weight must have the leading axes"):
            use([np.ones(shape), None])
        assert [w.tobytes() for w in model.get_weights()] == before
        assert not model.optimizer.built
        assert not any(metric.result() for metric in model.metrics)
    model.fit(X, [LABELS, X[:, 0]], sample_weight=[np.ones((N, 1)), np.ones(N)], verbose=0)
