"""Metrics against Keras 3.15.1 (TensorFlow backend), over batches, and what they refuse."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinycnn import Tensor, metrics, ops
from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.metrics import Mean, MeanMetricWrapper, Metric, Sum

ONE_HOT = np.array([[0, 1, 0], [0, 0, 1]], np.float32)
LABELS = np.array([1, 2])
PROBABILITIES = np.array([[0.05, 0.9, 0.05], [0.1, 0.8, 0.1]], np.float32)
LOGITS = np.array([[1, -2, 3], [0.5, 0, -1]], np.float32)
NUMBERS = np.array([[1.5, -0.5, 2], [0.2, 3, 1]], np.float32)
POSITIVE = np.array([[1, 0.5, 0.7], [0.3, 0.4, 2.5]], np.float32)

#: metric, targets, outputs, result, result with the sample weights 0.7 and 0.3
KERAS = [
    (metrics.Accuracy(), LABELS, np.array([1, 1]), 0.5, 0.7),
    (metrics.BinaryAccuracy(), ONE_HOT, PROBABILITIES, 0.6666667, 0.8),
    (metrics.CategoricalAccuracy(), ONE_HOT, PROBABILITIES, 0.5, 0.7),
    (metrics.SparseCategoricalAccuracy(), LABELS, PROBABILITIES, 0.5, 0.7),
    (metrics.RootMeanSquaredError(), NUMBERS, LOGITS, 1.6628289, 1.4579666),
    (metrics.MeanSquaredError(), NUMBERS, LOGITS, 2.7649999, 2.1256666),
    (metrics.CosineSimilarity(), NUMBERS, LOGITS, 0.3184956, 0.5475141),
    (metrics.KLDivergence(), POSITIVE, PROBABILITIES, 3.4520445, 3.8908982),
]


@pytest.mark.parametrize(("metric", "y_true", "y_pred", "plain", "weighted"), KERAS, ids=lambda x: x.name if isinstance(x, Metric) else "")
def test_numbers_of_keras(metric: Metric, y_true: Any, y_pred: Any, plain: float, weighted: float) -> None:
    assert metric(y_true, y_pred) == pytest.approx(plain, rel=1e-6)
    assert type(metric.result()) is float
    metric.reset_state()
    assert metric.result() == 0
    assert metric(Tensor(y_true), Tensor(y_pred), sample_weight=[0.7, 0.3]) == pytest.approx(weighted, rel=1e-6)
    metric.reset_state()
    for i in range(2):
        metric.update_state(y_true[i : i + 1], y_pred[i : i + 1])
    assert metric.result() == pytest.approx(plain, rel=1e-6)
    metric.reset_state()


def test_mean_and_sum() -> None:
    mean = Mean()
    mean.update_state([[1, 2], [3, 4.0]])
    mean.update_state([5.0, 6, 7])
    assert mean.result() == pytest.approx(4.6)
    for weight, expected in (([1, 3], 3.0), ([[1, 3], [0, 1]], 2.2), ([[1], [3]], 3.0), (2.0, 2.5)):
        mean.reset_state()
        mean.update_state([[1, 2], [3, 4.0]], sample_weight=weight)
        assert mean.result() == pytest.approx(expected)
    mean.reset_state()
    mean.update_state(2.0, 3)
    mean.update_state(1.0, 1)
    assert mean.result() == 1.75
    total = Sum()
    total.update_state([1.0, 2])
    total.update_state([[1, 2], [3, 4.0]], sample_weight=[1, 3])
    assert total.result() == 27


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(1, 9)), min_size=1, max_size=20))
def test_mean_weighs_batches_by_their_size(batches: list[tuple[float, int]]) -> None:
    mean = Mean()
    for value, size in batches:
        mean.update_state(value, size)
    np.testing.assert_allclose(mean.result(), np.repeat(*zip(*batches, strict=True)).mean(), rtol=1e-9, atol=1e-9)


def test_long_means_lose_no_digits() -> None:
    mean = Mean()
    for _ in range(1000):
        mean.update_state(np.full(70_000, 0.1, np.float32))
    assert mean.result() == pytest.approx(float(np.float32(0.1)), rel=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_top_k(k: int) -> None:
    rng = np.random.default_rng(k)
    scores, labels = rng.standard_normal((50, 7)), rng.integers(0, 7, 50)
    expected = np.mean([label in np.argsort(-row)[:k] for row, label in zip(scores, labels, strict=True)])
    assert metrics.SparseTopKCategoricalAccuracy(k)(labels, scores) == pytest.approx(expected)
    assert metrics.TopKCategoricalAccuracy(k)(np.eye(7)[labels], scores) == pytest.approx(expected)


def test_top_k_does_not_count_nan() -> None:
    assert metrics.SparseTopKCategoricalAccuracy(2)([0, 1], [[np.nan, 1.0], [0.0, 1.0]]) == 0.5


def test_labels_of_several_shapes() -> None:
    for labels in (LABELS, LABELS[:, None], LABELS.astype(np.uint8), LABELS.astype(np.float32)):
        np.testing.assert_array_equal(metrics.sparse_categorical_accuracy(labels, PROBABILITIES), [1, 0])
    np.testing.assert_array_equal(metrics.binary_accuracy([1, 0], [[0.7], [0.8]]), [[1], [0]])
    images = np.zeros((2, 4, 4, 3))
    assert metrics.SparseCategoricalAccuracy()(np.zeros((2, 4, 4)), images) == 1


@pytest.mark.parametrize(
    ("identifier", "y_true", "y_pred", "cls"),
    [
        ("accuracy", (None, 10), (None, 10), metrics.CategoricalAccuracy),
        ("acc", (None,), (None, 10), metrics.SparseCategoricalAccuracy),
        ("accuracy", (None, 1), (None, 10), metrics.SparseCategoricalAccuracy),
        ("Accuracy", (None, 1), (None, 1), metrics.BinaryAccuracy),
        ("accuracy", (None,), (None, 1), metrics.BinaryAccuracy),
        ("mse", (None, 1), (None, 1), metrics.MeanSquaredError),
        ("CategoricalCrossentropy", (None, 3), (None, 3), metrics.CategoricalCrossentropy),
    ],
)
def test_resolve_keeps_the_users_name(identifier: str, y_true: Any, y_pred: Any, cls: type[Metric]) -> None:
    metric = metrics.resolve(identifier, y_true, y_pred)
    assert type(metric) is cls
    assert metric.name == identifier


def test_resolve_other_things() -> None:
    shapes = (None, 3), (None, 3)
    top = metrics.TopKCategoricalAccuracy(2, name="top2")
    assert metrics.resolve(top, *shapes) is top
    assert metrics.resolve(metrics.BinaryAccuracy, *shapes).name == "binary_accuracy"
    assert metrics.resolve({"class_name": "TopKCategoricalAccuracy", "config": {"k": 3}}, *shapes).get_config()["k"] == 3

    def largest(y_true: Any, y_pred: Any) -> Any:
        return np.abs(y_true - y_pred).max(axis=-1)

    own = metrics.resolve(largest, *shapes)
    assert own.name == "largest"
    assert own(NUMBERS, LOGITS) == pytest.approx((1.5 + 3) / 2)
    assert metrics.resolve(metrics.categorical_accuracy, *shapes)(ONE_HOT, PROBABILITIES) == 0.5
    with pytest.raises(ArgumentError, match="'accurac'; did you mean"):
        metrics.resolve("accurac", *shapes)
    with pytest.raises(DTypeError, match="metric"):
        metrics.resolve(3, *shapes)
    with pytest.raises(DTypeError, match="metrics must hold"):
        metrics.resolve(None, *shapes)


#: Metrics that need an argument.
NEEDED: dict[str, dict[str, Any]] = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotMeanIoU": {"num_classes": 3},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}


@pytest.mark.parametrize("name", [n for n in metrics.__all__ if n[0].isupper() and n not in ("Metric", "MeanMetricWrapper")])
def test_config_round_trip(name: str) -> None:
    metric = metrics.get({"class_name": name, "config": NEEDED.get(name, {})})
    assert metric.result() == 0
    metric.name = "mine"
    twin = metrics.deserialize(metrics.serialize(metric))
    assert type(twin) is type(metric)
    assert twin.get_config() == metric.get_config()
    assert twin.get_config()["name"] == "mine"


def test_wrapper_of_a_registered_loss() -> None:
    wrapper = MeanMetricWrapper("huber", name="h", delta=2.0)
    twin = metrics.get(metrics.serialize(wrapper))
    assert twin(NUMBERS, LOGITS) == wrapper(NUMBERS, LOGITS) > 0
    with pytest.raises(DTypeError, match="cannot be written into a config"):
        metrics.serialize(MeanMetricWrapper(lambda y_true, y_pred: y_pred))


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred"),
    [
        (metrics.CategoricalAccuracy(), LABELS, PROBABILITIES),
        (metrics.CategoricalAccuracy(), np.zeros((2, 4)), PROBABILITIES),
        (metrics.SparseCategoricalAccuracy(), ONE_HOT, PROBABILITIES),
        (metrics.BinaryAccuracy(), LABELS, PROBABILITIES),
        (metrics.SparseTopKCategoricalAccuracy(), [1, 3], PROBABILITIES),
        (metrics.SparseTopKCategoricalAccuracy(), [-1, 1], PROBABILITIES),
        (metrics.MeanSquaredError(), LABELS, PROBABILITIES),
        (metrics.SparseCategoricalAccuracy(), [0, 1], np.zeros((2, 0))),
    ],
)
def test_what_does_not_fit_is_refused_and_not_counted(metric: Metric, y_true: Any, y_pred: Any) -> None:
    with pytest.raises(ArgumentError, match="y_"):
        metric.update_state(y_true, y_pred)
    assert metric.result() == 0


def test_weights_that_do_not_fit() -> None:
    for metric, values in ((Mean(), ([1.0, 2.0],)), (Sum(), ([1.0, 2.0],)), (metrics.CategoricalAccuracy(), (ONE_HOT, PROBABILITIES))):
        with pytest.raises(ShapeError, match="sample_weight"):
            metric.update_state(*values, sample_weight=[1, 2, 3])
        assert metric.result() == 0


def test_bad_settings() -> None:
    for make in (lambda: metrics.TopKCategoricalAccuracy(0), lambda: metrics.TopKCategoricalAccuracy(2.5)):
        with pytest.raises(ArgumentError, match="k must be an int >= 1"):
            make()
    with pytest.raises(ArgumentError, match="threshold"):
        metrics.BinaryAccuracy(threshold=2)
    with pytest.raises(ArgumentError, match="BinaryAccuracy"):
        metrics.get({"class_name": "BinaryAccuracy", "config": {"cut": 0.5}})


def test_an_own_metric() -> None:
    class Count(Metric):
        def __init__(self) -> None:
            super().__init__()
            self.reset_state()

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.n += len(y_true)

        def result(self) -> float:
            return float(self.n)

        def reset_state(self) -> None:
            self.n = 0

    count = Count()
    assert count(ONE_HOT, PROBABILITIES) == 2
    assert repr(count) == "<Count name=count>"
    with pytest.raises(NotImplementedError, match="result"):
        Metric().result()
    with pytest.raises(NotImplementedError, match="update_state"):
        Metric()(ONE_HOT, LOGITS)


def test_nan_shows() -> None:
    assert math.isnan(metrics.MeanSquaredError()(ONE_HOT, np.full((2, 3), np.nan)))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.integers(1, 4),
    st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0]), min_size=1, max_size=5),
)
def test_counts_are_those_of_comparing_cell_by_cell(seed: int, samples: int, labels: int, thresholds: list[float]) -> None:
    rng = np.random.default_rng(seed)
    pred = rng.choice(np.array([0, 0.1, 0.2, 0.3, 0.5, 0.6, 0.9, 1, np.nan], np.float32), (samples, labels))
    true, weight = rng.integers(0, 2, (samples, labels)), rng.integers(0, 4, samples)
    for name, positive, right in (
        ("TruePositives", True, True),
        ("FalsePositives", True, False),
        ("TrueNegatives", False, True),
        ("FalseNegatives", False, False),
    ):
        metric = getattr(metrics, name)(thresholds)
        metric.update_state(true, pred, weight)
        above = pred[None] > np.array(thresholds, np.float32)[:, None, None]
        wanted = (above == positive) & (((true == 1) == above) == right)
        expected = (wanted * weight[:, None]).sum(axis=(1, 2))
        np.testing.assert_array_equal(metric.result(), expected if len(thresholds) > 1 else expected[0])


def test_the_area_under_the_curve_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    pred, true = rng.random(300), rng.integers(0, 2, 300)
    ones, zeros = pred[true == 1], pred[true == 0]
    pairs = (ones[:, None] > zeros).mean()
    assert metrics.AUC(2000)(true, pred) == pytest.approx(pairs, abs=2e-3)
    bounds = [metrics.AUC(50, summation_method=method)(true, pred) for method in ("minoring", "interpolation", "majoring")]
    assert bounds[0] < pairs < bounds[2]
    assert bounds == sorted(bounds)


def test_right_and_wrong_targets_of_several_batches() -> None:
    perfect = np.eye(3)[[0, 1, 2, 1]]
    for name in ("F1Score", "Precision", "Recall", "AUC", "R2Score", "FBetaScore"):
        metric = metrics.get({"class_name": name, "config": NEEDED.get(name, {})})
        metric.update_state(perfect[:2], perfect[:2])
        metric.update_state(perfect[2:], perfect[2:])
        np.testing.assert_allclose(metric.result(), 1, rtol=1e-5, err_msg=name)
        twin = copy.deepcopy(metric)
        metric.reset_state()
        assert not any(v.numpy().any() for v in metric.variables)
        np.testing.assert_allclose(twin.result(), 1, rtol=1e-5, err_msg=name)
        before = [v.numpy().copy() for v in twin.variables]
        with pytest.raises(ShapeError):
            twin.update_state(perfect[:, :2], perfect)
        for old, v in zip(before, twin.variables, strict=True):
            np.testing.assert_array_equal(v.numpy(), old)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("Precision", {"thresholds": 1.5}, "thresholds must be a finite number from 0 to 1, got 1.5"),
        ("Recall", {"thresholds": [0.5, None]}, "thresholds must be a number, got None"),
        ("Recall", {"thresholds": []}, "thresholds must hold at least one number"),
        ("Precision", {"top_k": 0}, "top_k must be an int >= 1, got 0"),
        ("Recall", {"class_id": -1}, "class_id must be an int >= 0, got -1"),
        ("Recall", {"name": 3}, "name must be a string or None, got 3"),
        ("PrecisionAtRecall", {"recall": 2}, "recall must be a finite number from 0 to 1, got 2"),
        ("SensitivityAtSpecificity", {"specificity": 0.5, "num_thresholds": 0}, "num_thresholds must be an int >= 1, got 0"),
        ("AUC", {"num_thresholds": 1}, "num_thresholds must be an int >= 2, got 1"),
        ("AUC", {"num_thresholds": 80_000_000}, "num_thresholds must be at most 100,000, got 80000000"),
        ("AUC", {"curve": "roc curve"}, "curve must be one of ROC, PR, PRGAIN, got 'roc curve'"),
        ("AUC", {"summation_method": "sum"}, "summation_method must be one of"),
        ("AUC", {"num_labels": 3}, "num_labels is for multi_label=True only"),
        ("AUC", {"multi_label": True, "num_labels": 3, "label_weights": [1, 2]}, "label_weights must have 3 numbers"),
        ("AUC", {"label_weights": "ab"}, "label_weights must be a number, got 'ab'"),
        ("AUC", {"thresholds": "ab"}, "thresholds must be a number, got 'ab'"),
        ("AUC", {"from_logits": "no"}, "from_logits must be True or False, got 'no'"),
        ("F1Score", {"average": "mean"}, "average must be None, 'micro', 'macro' or 'weighted', got 'mean'"),
        ("F1Score", {"threshold": 0}, "threshold must be above 0"),
        ("F1Score", {"threshold": "a"}, "threshold must be a number, got 'a'"),
        ("FBetaScore", {"beta": -1}, "beta must be a finite number >= 0, got -1"),
        ("FBetaScore", {"beta": 0}, "beta must be > 0, got 0"),
        ("IoU", {"num_classes": 2, "target_class_ids": [2]}, "target_class_ids must be class numbers from 0 to 1"),
        ("IoU", {"num_classes": 2, "target_class_ids": ["a"]}, "target_class_ids must be an int >= 0, got 'a'"),
        ("IoU", {"num_classes": 2, "target_class_ids": 0, "axis": "last"}, "axis must be an int, got 'last'"),
        ("IoU", {"num_classes": 2, "target_class_ids": [0], "ignore_class": 0.5}, "ignore_class must be an int, got 0.5"),
        ("IoU", {"num_classes": 2, "target_class_ids": [0], "sparse_y_true": "no"}, "sparse_y_true must be True or False"),
        ("MeanIoU", {"num_classes": "2"}, "num_classes must be an int >= 1, got '2'"),
        ("BinaryIoU", {"threshold": "half"}, "threshold must be a number, got 'half'"),
        ("BinaryAccuracy", {"threshold": "half"}, "threshold must be a number, got 'half'"),
        ("CosineSimilarity", {"axis": 0.5}, "axis must be an int, got 0.5"),
        ("CategoricalCrossentropy", {"label_smoothing": 7}, "label_smoothing must be a finite number from 0 to 1, got 7"),
        ("CategoricalCrossentropy", {"from_logits": "maybe"}, "from_logits must be True or False, got 'maybe'"),
        ("SparseCategoricalCrossentropy", {"ignore_class": "void"}, "ignore_class must be an int, got 'void'"),
        ("TopKCategoricalAccuracy", {"k": "3"}, "k must be an int >= 1, got '3'"),
        ("MeanMetricWrapper", {"fn": "mse", "k": 3}, r"mean_squared_error cannot take the settings \['k'\]"),
        ("MeanIoU", {"num_classes": 0}, "num_classes must be an int >= 1, got 0"),
        ("R2Score", {"class_aggregation": "mean"}, "class_aggregation must be None"),
        ("R2Score", {"num_regressors": -1}, "num_regressors must be an int >= 0"),
    ],
)
def test_bad_arguments(name: str, arguments: dict[str, Any], message: str) -> None:
    """In a constructor, and so in a file's config, too; not with the first data."""
    with pytest.raises((ArgumentError, DTypeError), match=message):
        getattr(metrics, name)(**arguments)
    with pytest.raises((ArgumentError, DTypeError), match=message):
        metrics.get({"class_name": name, "config": arguments})


def test_arrays_that_do_not_fit() -> None:
    for metric, y_true, y_pred in (
        (metrics.Precision(class_id=3), ONE_HOT, PROBABILITIES),
        (metrics.AUC(multi_label=True), LABELS, LABELS / 2),
        (metrics.AUC(label_weights=[1, 2]), ONE_HOT, PROBABILITIES),
        (metrics.F1Score(), LABELS, LABELS),
        (metrics.R2Score(), LABELS, LABELS),
        (metrics.MeanIoU(3), LABELS, PROBABILITIES),
    ):
        with pytest.raises(ShapeError, match="y_"):
            metric.update_state(y_true, y_pred)
        assert metric.result() == 0
    with pytest.raises(DTypeError, match="dtype must name a dtype, got 'number'"):
        metrics.Mean(dtype="number")


def test_a_score_that_cannot_be_adjusted_says_so() -> None:
    with pytest.warns(UserWarning, match="num_regressors is 6, too many for 6 numbers"):
        assert metrics.R2Score(num_regressors=6)(NUMBERS, LOGITS) == metrics.R2Score()(NUMBERS, LOGITS)


@pytest.mark.parametrize("make", ["add_variable", "add_weight"])
def test_a_metric_written_for_keras(make: str) -> None:
    class TruePositives(Metric):
        def __init__(self, name: str = "tp", **kwargs: Any) -> None:
            super().__init__(name=name, **kwargs)
            self.found = getattr(self, make)(shape=(), name="found", initializer="zeros")
            self.least = getattr(self, make)((2,), "ones", "float32")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            right = ops.cast(ops.equal(ops.cast(y_true, "int32"), ops.argmax(y_pred, axis=-1)), "float32")
            self.found.assign_add(ops.sum(right))
            self.least.assign_sub(right * 0.5)

        def result(self) -> Any:
            return self.found

    metric = TruePositives()
    np.testing.assert_array_equal(metric.least, [1, 1])
    assert (metric.found.dtype, metric.least.dtype) == (np.float64, np.float32)
    assert [float(metric(LABELS, PROBABILITIES)) for _ in range(2)] == [1, 2]
    np.testing.assert_array_equal(metric.least, [0, 1])
    metric.reset_state()
    assert float(metric.result()) == 0
    with pytest.raises(ArgumentError, match="initializer"):
        metric.add_variable(initializer="zeroes")
    assert len(metric.variables) == 2
