"""Every metric beside the installed Keras, over two batches: with and without sample weights, and what it keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinycnn import metrics

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

N, C = 24, 4
RNG = np.random.default_rng(3)
NUMBERS = RNG.normal(size=(N, C)).astype(np.float32)
OTHERS = (NUMBERS + RNG.normal(size=(N, C))).astype(np.float32)
POSITIVE, MORE = RNG.gamma(2.0, size=(2, N, C)).astype(np.float32)
CHANCES = np.exp(OTHERS) / np.exp(OTHERS).sum(-1, keepdims=True)
TRUTHS = np.exp(NUMBERS) / np.exp(NUMBERS).sum(-1, keepdims=True)
SIGMOIDS = 1 / (1 + np.exp(-OTHERS))
BITS = (NUMBERS > 0.3).astype(np.float32)
LABELS = NUMBERS.argmax(-1)
ONE_HOT = np.eye(C, dtype=np.float32)[LABELS]
GUESSES = OTHERS.argmax(-1)
WEIGHTS = RNG.gamma(2.0, size=N).astype(np.float32)
ODD = [0.1, 0.35, 0.5, 0.9]

CASES: list[tuple[str, Any, Any, dict[str, Any]]] = [
    ("Accuracy", LABELS, GUESSES, {}),
    ("BinaryAccuracy", BITS, SIGMOIDS, {"threshold": 0.4}),
    ("CategoricalAccuracy", ONE_HOT, CHANCES, {}),
    ("SparseCategoricalAccuracy", LABELS, CHANCES, {}),
    ("TopKCategoricalAccuracy", ONE_HOT, CHANCES, {"k": 2}),
    ("SparseTopKCategoricalAccuracy", LABELS, CHANCES, {"k": 2}),
    ("SparseTopKCategoricalAccuracy", LABELS, np.argsort(-CHANCES), {"k": 2, "from_sorted_ids": True}),
    *[(name, BITS, SIGMOIDS, {}) for name in ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives")],
    *[(name, BITS, SIGMOIDS, {"thresholds": ODD}) for name in ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives")],
    ("Precision", BITS, SIGMOIDS, {}),
    ("Precision", BITS[:, 0], SIGMOIDS[:, 0], {}),
    ("Precision", BITS, SIGMOIDS, {"thresholds": [0.9, 0.2, 0.5]}),
    ("Precision", BITS, SIGMOIDS, {"thresholds": [0.0, 0.5, 1.0]}),
    ("Precision", BITS, SIGMOIDS, {"top_k": 2}),
    ("Precision", BITS, SIGMOIDS, {"class_id": 1}),
    ("Precision", BITS, SIGMOIDS, {"class_id": 1, "top_k": 2, "thresholds": 0.3}),
    ("Recall", BITS, SIGMOIDS, {}),
    ("Recall", BITS, SIGMOIDS, {"thresholds": 0.2}),
    ("Recall", BITS, SIGMOIDS, {"top_k": 1}),
    ("Recall", BITS, SIGMOIDS, {"class_id": 3, "thresholds": ODD}),
    *[("F1Score", ONE_HOT, CHANCES, {"average": a}) for a in (None, "micro", "macro", "weighted")],
    *[("FBetaScore", BITS, SIGMOIDS, {"average": a, "beta": 2.0, "threshold": 0.4}) for a in (None, "micro", "macro", "weighted")],
    *[
        ("AUC", BITS, SIGMOIDS, {"curve": curve, "summation_method": method})
        for curve in ("ROC", "PR", "PRGAIN")
        for method in ("interpolation", "majoring", "minoring")
    ],
    ("AUC", BITS, OTHERS, {"from_logits": True, "num_thresholds": 11}),
    ("AUC", BITS, SIGMOIDS, {"thresholds": ODD}),
    ("AUC", BITS, SIGMOIDS, {"multi_label": True}),
    ("AUC", BITS, SIGMOIDS, {"multi_label": True, "num_labels": C, "label_weights": [1.0, 2.0, 3.0, 0.5], "curve": "PR"}),
    ("AUC", BITS, SIGMOIDS, {"label_weights": [1.0, 2.0, 3.0, 0.5]}),
    ("SensitivityAtSpecificity", BITS, SIGMOIDS, {"specificity": 0.6}),
    ("SensitivityAtSpecificity", BITS, SIGMOIDS, {"specificity": 0.6, "num_thresholds": 1}),
    ("SpecificityAtSensitivity", BITS, SIGMOIDS, {"sensitivity": 0.6, "class_id": 2}),
    ("PrecisionAtRecall", BITS, SIGMOIDS, {"recall": 0.7}),
    ("RecallAtPrecision", BITS, SIGMOIDS, {"precision": 0.7, "num_thresholds": 20}),
    ("IoU", LABELS, GUESSES, {"num_classes": C, "target_class_ids": [0, 2], "dtype": "float32"}),
    ("IoU", LABELS, GUESSES, {"num_classes": C + 2, "target_class_ids": [0, 5], "ignore_class": 2, "dtype": "float32"}),
    ("BinaryIoU", BITS[:, 0], SIGMOIDS[:, 0], {"threshold": 0.4, "dtype": "float32"}),
    ("MeanIoU", LABELS, GUESSES, {"num_classes": C, "dtype": "float32"}),
    ("MeanIoU", LABELS, CHANCES, {"num_classes": C, "sparse_y_pred": False, "dtype": "float32"}),
    ("OneHotIoU", ONE_HOT, CHANCES, {"num_classes": C, "target_class_ids": [1], "dtype": "float32"}),
    ("OneHotMeanIoU", ONE_HOT, CHANCES, {"num_classes": C, "dtype": "float32"}),
    ("MeanSquaredError", NUMBERS, OTHERS, {}),
    ("RootMeanSquaredError", NUMBERS, OTHERS, {}),
    ("RootMeanSquaredError", NUMBERS[:, 0], OTHERS[:, 0], {}),
    ("MeanAbsoluteError", NUMBERS, OTHERS, {}),
    ("MeanAbsolutePercentageError", NUMBERS, OTHERS, {}),
    ("MeanSquaredLogarithmicError", POSITIVE, MORE, {}),
    ("CosineSimilarity", NUMBERS, OTHERS, {}),
    ("LogCoshError", NUMBERS, OTHERS, {}),
    ("R2Score", NUMBERS, OTHERS, {}),
    ("R2Score", NUMBERS, OTHERS, {"class_aggregation": None}),
    ("R2Score", NUMBERS, OTHERS, {"class_aggregation": "variance_weighted_average", "num_regressors": 3}),
    ("PearsonCorrelation", NUMBERS, OTHERS, {}),
    ("ConcordanceCorrelation", NUMBERS, OTHERS, {}),
    ("KLDivergence", TRUTHS, CHANCES, {}),
    ("Poisson", POSITIVE, MORE, {}),
    ("BinaryCrossentropy", BITS, OTHERS, {"from_logits": True, "label_smoothing": 0.1}),
    ("CategoricalCrossentropy", ONE_HOT, CHANCES, {"label_smoothing": 0.1}),
    ("SparseCategoricalCrossentropy", LABELS, CHANCES, {}),
    ("SparseCategoricalCrossentropy", LABELS, CHANCES, {"ignore_class": 1}),
    ("Hinge", BITS, NUMBERS, {}),
    ("SquaredHinge", BITS, OTHERS, {}),
    ("CategoricalHinge", ONE_HOT, OTHERS, {}),
]
IDS = [f"{name}-{'-'.join(map(str, arguments.values()))}" for name, _, _, arguments in CASES]


@pytest.mark.parametrize(("name", "y_true", "y_pred", "arguments"), CASES, ids=IDS)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_two_batches(name: str, y_true: Any, y_pred: Any, arguments: dict[str, Any], weighted: bool) -> None:
    ours, theirs = getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)
    for _ in range(2):
        for batch in (slice(0, 10), slice(10, N)):
            for metric in (ours, theirs):
                metric.update_state(y_true[batch], y_pred[batch], WEIGHTS[batch] if weighted else None)
        expected = keras.ops.convert_to_numpy(theirs.result())
        np.testing.assert_allclose(ours.result(), expected, rtol=2e-5, atol=1e-6)
        assert type(ours.result()) is (np.ndarray if expected.ndim else float)
        assert [v.shape for v in ours.variables] == [v.shape for v in theirs.variables]
        for mine, other in zip(ours.variables, theirs.variables, strict=True):
            np.testing.assert_allclose(mine.numpy(), keras.ops.convert_to_numpy(other.value), rtol=2e-5, atol=1e-4)
        ours.reset_state()
        theirs.reset_state()


@pytest.mark.parametrize(("name", "y_true", "y_pred", "arguments"), CASES, ids=IDS)
def test_configs(name: str, y_true: Any, y_pred: Any, arguments: dict[str, Any]) -> None:
    ours, theirs = (
        getattr(metrics, name)(**arguments),
        getattr(keras.metrics, name)(name=getattr(metrics, name)(**arguments).name, **arguments),
    )
    config = {k: v for k, v in theirs.get_config().items() if k != "fn"}
    if name == "AUC" and config["label_weights"] is not None:
        config["label_weights"] = keras.ops.convert_to_numpy(config["label_weights"]).tolist()
    found = ours.get_config()
    for key, value in config.items():
        if key == "thresholds" and name == "AUC":
            np.testing.assert_allclose(found[key], value)
        else:
            assert found[key] == (list(value) if isinstance(value, tuple) else value), key
    assert type(getattr(metrics, name).from_config(config)) is type(ours)
    getattr(keras.metrics, name).from_config({k: v for k, v in found.items() if v is not None or k in config})
