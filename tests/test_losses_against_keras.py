"""Every loss beside the installed Keras: values, gradients, reductions and sample weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinycnn import Tensor, losses

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")

N, H, C = 4, 3, 5
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(N, H, C)).astype(np.float32)
CHANCES = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
SIGMOIDS = 1 / (1 + np.exp(-LOGITS))
LABELS = RNG.integers(0, C, size=(N, H))
ONE_HOT = np.eye(C, dtype=np.float32)[LABELS]
BITS = RNG.integers(0, 2, size=(N, H, C)).astype(np.float32)
POSITIVE = RNG.gamma(2.0, size=(N, H, C)).astype(np.float32)
WEIGHTS = RNG.gamma(2.0, size=(N, H)).astype(np.float32)

EMBEDDED = LOGITS[:, 0] / np.linalg.norm(LOGITS[:, 0], axis=1, keepdims=True)

CASES: list[tuple[str, np.ndarray, np.ndarray, dict[str, Any]]] = [
    ("CategoricalCrossentropy", ONE_HOT, CHANCES, {}),
    ("CategoricalCrossentropy", ONE_HOT, LOGITS, {"from_logits": True, "label_smoothing": 0.2}),
    ("CategoricalCrossentropy", ONE_HOT.swapaxes(1, 2), CHANCES.swapaxes(1, 2), {"axis": 1}),
    ("SparseCategoricalCrossentropy", LABELS, CHANCES, {}),
    ("SparseCategoricalCrossentropy", LABELS[..., None], LOGITS, {"from_logits": True}),
    ("SparseCategoricalCrossentropy", LABELS, CHANCES, {"ignore_class": 2}),
    ("BinaryCrossentropy", BITS, SIGMOIDS, {}),
    ("BinaryCrossentropy", BITS, LOGITS, {"from_logits": True, "label_smoothing": 0.2}),
    ("BinaryCrossentropy", BITS.swapaxes(1, 2), SIGMOIDS.swapaxes(1, 2), {"axis": 1}),
    ("BinaryFocalCrossentropy", BITS, SIGMOIDS, {}),
    ("BinaryFocalCrossentropy", BITS, SIGMOIDS, {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5, "label_smoothing": 0.1}),
    ("BinaryFocalCrossentropy", BITS, LOGITS, {"from_logits": True}),
    ("CategoricalFocalCrossentropy", ONE_HOT, CHANCES, {}),
    ("CategoricalFocalCrossentropy", ONE_HOT, LOGITS, {"from_logits": True, "gamma": 3.0, "alpha": 0.5, "label_smoothing": 0.1}),
    ("CategoricalFocalCrossentropy", ONE_HOT, CHANCES, {"alpha": [0.1, 0.2, 0.3, 0.4, 0.5]}),
    ("CategoricalGeneralizedCrossEntropy", LABELS, CHANCES, {"q": 0.7}),
    ("KLDivergence", CHANCES[::-1], CHANCES, {}),
    ("Poisson", POSITIVE, POSITIVE[::-1], {}),
    ("MeanSquaredError", POSITIVE, LOGITS, {}),
    ("MeanAbsoluteError", POSITIVE, LOGITS, {}),
    ("MeanAbsolutePercentageError", POSITIVE, LOGITS, {}),
    ("MeanSquaredLogarithmicError", POSITIVE, LOGITS, {}),
    ("Huber", POSITIVE, LOGITS, {}),
    ("Huber", POSITIVE, LOGITS, {"delta": 0.3}),
    ("LogCosh", POSITIVE, LOGITS, {}),
    ("Hinge", BITS, LOGITS, {}),
    ("Hinge", 2 * BITS - 1, LOGITS, {}),
    ("SquaredHinge", BITS, LOGITS, {}),
    ("CategoricalHinge", ONE_HOT, LOGITS, {}),
    ("CosineSimilarity", POSITIVE, LOGITS, {}),
    ("CosineSimilarity", POSITIVE, LOGITS, {"axis": 1}),
    ("Circle", np.array([0, 1, 0, 1]), EMBEDDED, {}),
    ("Circle", np.array([[0], [1], [0], [2]]), EMBEDDED, {"gamma": 3.0, "margin": 0.2}),
    ("Circle", np.array([0, 1, 0, 2]), EMBEDDED, {"gamma": 3.0, "remove_diagonal": False}),
    ("Dice", BITS, SIGMOIDS, {}),
    ("Dice", BITS, SIGMOIDS, {"axis": 2}),
    ("Tversky", BITS, SIGMOIDS, {"alpha": 0.3, "beta": 0.8}),
    ("Tversky", BITS, SIGMOIDS, {"alpha": 0.3, "axis": 2}),
]
IDS = [f"{name}-{'-'.join(settings)}" for name, _, _, settings in CASES]


def gradient(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """The derivative of a Keras function, by whichever backend it runs on."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        tf = pytest.importorskip("tensorflow")
        variable = tf.Variable(x)
        with tf.GradientTape() as tape:
            value = function(tf.convert_to_tensor(variable))
        return np.asarray(tape.gradient(value, variable))
    if backend == "torch":
        torch = pytest.importorskip("torch")
        leaf = torch.tensor(np.ascontiguousarray(x), requires_grad=True)
        function(leaf).backward()
        return leaf.grad.numpy()
    return np.asarray(pytest.importorskip("jax").grad(function)(x))


@pytest.mark.parametrize(("name", "y_true", "y_pred", "settings"), CASES, ids=IDS)
def test_values_and_gradients(name: str, y_true: np.ndarray, y_pred: np.ndarray, settings: dict[str, Any]) -> None:
    ours, theirs = getattr(losses, name)(**settings), getattr(keras.losses, name)(**settings)
    x = Tensor(y_pred, requires_grad=True)
    value = ours(y_true, x)
    np.testing.assert_allclose(value.numpy().sum(), float(keras.ops.sum(theirs(y_true, y_pred))), rtol=1e-5)
    value.sum().backward()
    np.testing.assert_allclose(x.grad, gradient(lambda p: keras.ops.sum(theirs(y_true, p)), y_pred), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("name", "y_true", "y_pred", "settings"), CASES, ids=IDS)
def test_functions(name: str, y_true: np.ndarray, y_pred: np.ndarray, settings: dict[str, Any]) -> None:
    function = getattr(losses, name)(**settings).fn.__name__
    ours, theirs = (
        getattr(losses, function)(y_true, y_pred, **settings),
        getattr(keras.losses, function)(y_true, keras.ops.convert_to_tensor(y_pred), **settings),
    )
    np.testing.assert_allclose(ours.numpy(), keras.ops.convert_to_numpy(theirs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "sum", "none", None, "mean_with_sample_weight"])
@pytest.mark.parametrize("settings", [{}, {"ignore_class": 2}], ids=["all", "ignoring"])
@pytest.mark.parametrize("weight", [None, WEIGHTS, WEIGHTS[..., None]], ids=["plain", "weights", "weights of one more axis"])
def test_reductions(reduction: Any, settings: dict[str, Any], weight: Any) -> None:
    ours, theirs = (
        library.SparseCategoricalCrossentropy(reduction=reduction, **settings)(LABELS, CHANCES, weight)
        for library in (losses, keras.losses)
    )
    np.testing.assert_allclose(ours.numpy(), keras.ops.convert_to_numpy(theirs), rtol=1e-5)


@pytest.mark.parametrize(("name", "y_true", "y_pred", "settings"), CASES, ids=IDS)
def test_configs(name: str, y_true: np.ndarray, y_pred: np.ndarray, settings: dict[str, Any]) -> None:
    ours, theirs = getattr(losses, name)(**settings), getattr(keras.losses, name)(**settings)
    assert theirs.get_config().items() <= ours.get_config().items()
    getattr(keras.losses, name).from_config(ours.get_config())
    assert getattr(losses, name).from_config(theirs.get_config()).name == theirs.name
