"""The mean cross-entropy as one op: to the last bit what the loss itself gives, and only where it may stand for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinycnn import activations, losses
from tinycnn.autograd import Tensor
from tinycnn.callbacks import LambdaCallback
from tinycnn.errors import ArgumentError
from tinycnn.layers import Dense, Input
from tinycnn.losses.fused import fused_loss
from tinycnn.models import Sequential

RNG = np.random.default_rng(3)
CLASSES = 7


def batch(*cells: int) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Logits that want a gradient, class numbers and one-hot rows."""
    numbers = RNG.integers(0, CLASSES, cells)
    logits = Tensor(RNG.standard_normal((*cells, CLASSES)).astype(np.float32), requires_grad=True)
    return logits, numbers, np.eye(CLASSES, dtype=np.float32)[numbers]


def gradient(logits: Tensor, loss: Tensor) -> np.ndarray:
    logits.zero_grad()
    loss.backward()
    assert logits.grad is not None
    return logits.grad


@pytest.mark.parametrize("cells", [(1,), (64,), (5, 3), (2, 3, 4)])
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
def test_it_is_the_loss_to_the_last_bit(cells: tuple[int, ...], from_logits: bool, sparse: bool, dtype: Any) -> None:
    logits, numbers, rows = batch(*cells)
    make = losses.SparseCategoricalCrossentropy if sparse else losses.CategoricalCrossentropy
    loss, targets = make(from_logits=from_logits), numbers.astype(dtype) if sparse else rows
    fused = fused_loss(loss)
    assert fused is not None
    outputs = logits if from_logits else activations.softmax(logits)
    want = loss(targets, outputs)
    got = fused(targets, outputs)
    assert got is not None
    assert got.shape == ()
    np.testing.assert_array_equal(got.numpy(), want.numpy())
    np.testing.assert_array_equal(gradient(logits, got), gradient(logits, loss(targets, outputs)))


@pytest.mark.parametrize("name", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_a_name_gives_it_too_and_labels_may_have_an_axis_of_one(name: str) -> None:
    logits, numbers, rows = batch(9)
    loss = losses.LossFunctionWrapper(name)
    fused = fused_loss(loss)
    assert fused is not None
    targets = numbers[:, None] if name.startswith("sparse") else rows
    got = fused(targets, activations.softmax(logits))
    assert got is not None
    assert got.item() == loss(targets, activations.softmax(logits)).item()


class Doubled(losses.SparseCategoricalCrossentropy):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return super().call(y_true, y_pred) * 2


def replaced() -> losses.Loss:
    loss = losses.SparseCategoricalCrossentropy()
    loss.call = lambda y_true, y_pred: y_pred[:, 0]  # type: ignore[method-assign]
    return loss


@pytest.mark.parametrize(
    "loss",
    [
        None,
        losses.MeanSquaredError(),
        losses.BinaryCrossentropy(),
        losses.CategoricalCrossentropy(label_smoothing=0.1),
        losses.CategoricalCrossentropy(axis=1),
        losses.SparseCategoricalCrossentropy(ignore_class=3),
        losses.SparseCategoricalCrossentropy(reduction="sum"),
        losses.SparseCategoricalCrossentropy(reduction=None),
        losses.CategoricalCrossentropy(dtype="float64"),
        losses.LossFunctionWrapper(lambda y_true, y_pred: y_pred[:, 0]),
        Doubled(),
        replaced(),
    ],
)
def test_a_loss_that_asks_for_more_has_none(loss: Any) -> None:
    assert fused_loss(loss) is None


def test_outputs_and_targets_of_another_kind_are_left_to_the_loss() -> None:
    logits, numbers, rows = batch(8)
    sparse, dense = fused_loss(losses.SparseCategoricalCrossentropy()), fused_loss(losses.CategoricalCrossentropy())
    assert sparse is not None
    assert dense is not None
    probabilities = activations.softmax(logits)
    assert sparse(numbers, probabilities.detach()) is None  # whose logits nobody knows
    assert sparse(numbers.astype(np.float32), probabilities) is None
    assert dense(rows.astype(np.float64), probabilities) is None
    assert sparse(numbers[:0], activations.softmax(logits[:0])) is None


@pytest.mark.parametrize("wrong", [-1, CLASSES])
def test_labels_that_a_callback_made_wrong_are_told(wrong: int) -> None:
    x, y = RNG.standard_normal((20, 5)).astype(np.float32), RNG.integers(0, CLASSES, 20)
    model = Sequential([Input((5,)), Dense(CLASSES, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ArgumentError, match=rf"class numbers from 0 to {CLASSES - 1}, got "):
        model.fit(x, y, epochs=2, verbose=0, callbacks=[LambdaCallback(on_epoch_end=lambda epoch, logs: y.fill(wrong))])


def test_a_model_trains_the_same_with_a_loss_that_has_none() -> None:
    x, y = RNG.standard_normal((90, 5)).astype(np.float32), RNG.integers(0, 3, 90)
    found = []
    for loss in ("sparse_categorical_crossentropy", lambda t, p: losses.sparse_categorical_crossentropy(t, p)):
        model = Sequential([Input((5,)), Dense(8, activation="relu", kernel_initializer="ones"), Dense(3, activation="softmax")])
        model.layers[1].set_weights([np.linspace(-1, 1, 24).reshape(8, 3), np.zeros(3)])
        model.compile("sgd", loss)
        history = model.fit(x, y, batch_size=20, epochs=2, shuffle=False, verbose=0)
        found.append((history.history["loss"], model.get_weights(), model.evaluate(x, y, verbose=0)))
    assert found[0][0] == found[1][0]
    for one, other in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert found[0][2] == found[1][2]
