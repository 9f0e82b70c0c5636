"""Losses against Keras 3.15.1 (TensorFlow backend), their gradients against differences, and what they refuse."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest

from tinycnn import Tensor, activations, losses, metrics, ops, registry
from tinycnn.errors import ArgumentError, DTypeError, ShapeError, TinyCNNError
from tinycnn.layers import Dense, Input
from tinycnn.losses import Loss, LossFunctionWrapper
from tinycnn.losses.settings import check_setting
from tinycnn.models import Sequential
from tinycnn.testing import check_grads

ONE_HOT = np.array([[0, 1, 0], [0, 0, 1]], np.float32)
LABELS = np.array([1, 2])
PROBABILITIES = np.array([[0.05, 0.9, 0.05], [0.1, 0.8, 0.1]], np.float32)
LOGITS = np.array([[1, -2, 3], [0.5, 0, -1]], np.float32)
NUMBERS = np.array([[1.5, -0.5, 2], [0.2, 3, 1]], np.float32)
POSITIVE = np.array([[1, 0.5, 0.7], [0.3, 0.4, 2.5]], np.float32)

KERAS: list[tuple[str, Any, Any, dict[str, Any], list[float]]] = [
    ("categorical_crossentropy", ONE_HOT, PROBABILITIES, {}, [0.1053605, 2.3025851]),
    ("categorical_crossentropy", ONE_HOT, LOGITS, {"from_logits": True}, [5.1328454, 2.1041307]),
    ("categorical_crossentropy", ONE_HOT, PROBABILITIES, {"label_smoothing": 0.1}, [0.298052, 2.2332704]),
    ("sparse_categorical_crossentropy", LABELS, PROBABILITIES, {}, [0.1053606, 2.3025851]),
    ("sparse_categorical_crossentropy", LABELS[:, None], LOGITS, {"from_logits": True}, [5.1328454, 2.1041307]),
    ("sparse_categorical_crossentropy", LABELS, PROBABILITIES, {"ignore_class": 2}, [0.1053606, 0.0]),
    ("binary_crossentropy", ONE_HOT, PROBABILITIES, {}, [0.0693157, 1.3391279]),
    ("binary_crossentropy", ONE_HOT, LOGITS, {"from_logits": True}, [2.1629257, 0.9934953]),
    ("binary_crossentropy", ONE_HOT, PROBABILITIES, {"label_smoothing": 0.1}, [0.2040841, 1.316023]),
    ("mean_squared_error", NUMBERS, LOGITS, {}, [1.1666666, 4.3633332]),
    ("mean_absolute_error", NUMBERS, LOGITS, {}, [1.0, 1.7666668]),
    ("mean_absolute_percentage_error", NUMBERS, LOGITS, {}, [127.7777786, 150.0]),
    ("mean_squared_logarithmic_error", POSITIVE, PROBABILITIES, {}, [0.2344146, 0.4769209]),
    ("huber", NUMBERS, LOGITS, {}, [0.5416667, 1.3483334]),
    ("log_cosh", NUMBERS, LOGITS, {}, [0.4697784, 1.2262239]),
    ("cosine_similarity", NUMBERS, LOGITS, {}, [-0.8910421, 0.2540509]),
    ("hinge", ONE_HOT, LOGITS, {}, [3.0, 1.5]),
    ("squared_hinge", ONE_HOT, LOGITS, {}, [9.666667, 2.4166667]),
    ("categorical_hinge", ONE_HOT, LOGITS, {}, [6.0, 2.5]),
    ("kl_divergence", POSITIVE, PROBABILITIES, {}, [4.5491791, 2.3549099]),
    ("poisson", POSITIVE, PROBABILITIES, {}, [2.0484736, 2.5121644]),
    ("binary_focal_crossentropy", ONE_HOT, PROBABILITIES, {}, [0.0004366909, 0.9653959]),
    (
        "binary_focal_crossentropy",
        ONE_HOT,
        LOGITS,
        {"from_logits": True, "apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5},
        [1.028696, 0.2508883],
    ),
    ("categorical_focal_crossentropy", ONE_HOT, PROBABILITIES, {"label_smoothing": 0.1}, [0.04530665, 0.4508054]),
    ("categorical_focal_crossentropy", ONE_HOT, LOGITS, {"from_logits": True, "alpha": 0.5, "gamma": 1.0}, [2.551281, 0.9237642]),
    ("categorical_generalized_cross_entropy", LABELS, PROBABILITIES, {"q": 0.7}, [0.101569, 1.143534]),
    ("dice", ONE_HOT, PROBABILITIES, {"axis": 1}, [0.1, 0.9]),
    ("tversky", ONE_HOT, PROBABILITIES, {"alpha": 0.3, "beta": 0.8, "axis": 1}, [0.108911, 0.9082569]),
]
CLASSES = {"kl_divergence": "KLDivergence", "log_cosh": "LogCosh"}


def class_of(name: str) -> type[Loss]:
    found: type[Loss] = getattr(losses, CLASSES.get(name, name.title().replace("_", "")))
    return found


@pytest.mark.parametrize(("name", "y_true", "y_pred", "settings", "expected"), KERAS, ids=lambda x: x if isinstance(x, str) else "")
def test_numbers_of_keras(name: str, y_true: Any, y_pred: Any, settings: dict[str, Any], expected: list[float]) -> None:
    values = getattr(losses, name)(y_true, y_pred, **settings)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values.numpy(), expected, rtol=3e-6)

    loss = class_of(name)(**settings)
    value = loss(y_true.astype(np.float64), y_pred)
    assert (value.shape, value.dtype) == ((), np.float32)
    np.testing.assert_allclose(value.item(), np.sum(expected) / (1 if "ignore_class" in settings else 2), rtol=3e-6)
    loss.check_targets(y_true, (None, 3))
    twin = losses.deserialize(losses.serialize(loss))
    assert type(twin) is type(loss)
    assert twin.get_config() == loss.get_config()
    assert twin(y_true, y_pred).item() == loss(y_true, y_pred).item()


@pytest.mark.parametrize(("name", "y_true", "y_pred", "settings", "expected"), KERAS, ids=lambda x: x if isinstance(x, str) else "")
def test_gradients(name: str, y_true: Any, y_pred: Any, settings: dict[str, Any], expected: list[float]) -> None:
    function = getattr(losses, name)
    check_grads(lambda y: function(y_true.astype(np.float64), y, **settings), y_pred + 0.017)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("sum_over_batch_size", 0.382264),
        ("mean", 0.382264),
        ("sum", 0.764528),
        ("mean_with_sample_weight", 0.764528),
        ("none", [0.0737524, 0.6907756]),
        (None, [0.0737524, 0.6907756]),
    ],
)
def test_reductions_and_sample_weights(reduction: Any, expected: Any) -> None:
    loss = losses.CategoricalCrossentropy(reduction=reduction)
    for weight in ([0.7, 0.3], [[0.7], [0.3]]):
        np.testing.assert_allclose(loss(ONE_HOT, PROBABILITIES, weight).numpy(), expected, rtol=1e-6)


def test_weights_of_samples_and_of_cells() -> None:
    y_true, y_pred = np.zeros((2, 3, 1)), np.arange(6.0).reshape(2, 3, 1)
    loss = losses.MeanAbsoluteError()
    assert loss(y_true, y_pred, [1, 0]).item() == pytest.approx((0 + 1 + 2) / 6)
    assert loss(y_true, y_pred, [[1, 0, 0], [0, 0, 1]]).item() == pytest.approx((0 + 5) / 6)
    assert losses.MeanAbsoluteError("mean_with_sample_weight")(y_true, y_pred, [1, 0]).item() == pytest.approx(1)
    assert losses.MeanAbsoluteError("mean_with_sample_weight")(y_true, y_pred, [0, 0]).item() == 0
    with pytest.raises(ShapeError, match=r"sample_weight must have the leading axes .*\(2, 3\), got shape \(3,\)"):
        loss(y_true, y_pred, [1, 0, 1])


@pytest.mark.parametrize("loss", [losses.CategoricalCrossentropy(), losses.SparseCategoricalCrossentropy()])
def test_logits_behind_a_softmax_keep_the_gradient(loss: Loss) -> None:
    x = Tensor(np.array([[200.0, 0.0, -50.0]], np.float32), requires_grad=True)
    y_true = [[0.0, 0.0, 1.0]] if isinstance(loss, losses.CategoricalCrossentropy) else [2]
    value = loss(y_true, activations.softmax(x))
    assert value.item() == 250
    value.backward()
    np.testing.assert_allclose(x.grad, [[1, 0, -1]])
    detached = loss(y_true, activations.softmax(x).numpy())
    assert detached.item() == pytest.approx(-np.log(1e-7), rel=1e-5)


def test_logits_behind_a_sigmoid_keep_the_gradient() -> None:
    x = Tensor(np.array([[60.0]], np.float32), requires_grad=True)
    value = losses.BinaryCrossentropy()([[0.0]], activations.sigmoid(x))
    assert value.item() == 60
    value.backward()
    np.testing.assert_allclose(x.grad, [[1]])


def test_the_batch_may_be_empty() -> None:
    for name in ("mse", "categorical_crossentropy"):
        loss = LossFunctionWrapper(losses.get(name))
        assert loss(np.zeros((0, 3)), np.zeros((0, 3), np.float32)).item() == 0


@pytest.mark.parametrize(
    ("name", "y_true", "shape", "message"),
    [
        ("categorical_crossentropy", LABELS, (None, 3), "shape (batch, 3), got (batch,); for class numbers use sparse_categorical"),
        ("categorical_crossentropy", LABELS[:, None], (2, 3), "for class numbers use sparse_categorical_crossentropy"),
        ("categorical_crossentropy", np.zeros((2, 4)), (2, 3), "each of 3 classes, shape (batch, 3), got (batch, 4)"),
        ("categorical_crossentropy", np.zeros((2, 3)), (5, 3), "one row for each of 5 samples"),
        ("sparse_categorical_crossentropy", ONE_HOT, (None, 3), "for one-hot rows use categorical_crossentropy"),
        ("sparse_categorical_crossentropy", np.array([0, 3]), (None, 3), "class numbers from 0 to 2, got 0 to 3"),
        ("sparse_categorical_crossentropy", np.array([-1, 2]), (None, 3), "class numbers from 0 to 2, got -1 to 2"),
        ("sparse_categorical_crossentropy", np.array([0.5, 2]), (None, 3), "y_true must hold integers"),
        ("binary_crossentropy", LABELS, (None, 3), "y_true must have the output's shape (batch, 3)"),
        ("mean_squared_error", np.zeros((2, 4)), (None, 3), "y_true must have the output's shape (batch, 3), got (batch, 4)"),
        ("mean_squared_error", np.array(["a", "b"]), (None, 1), "real numbers"),
        ("mean_squared_error", np.float32(1), (None, 1), "one row for each"),
    ],
)
def test_targets_that_do_not_fit(name: str, y_true: Any, shape: Any, message: str) -> None:
    for loss in (class_of(name)(), LossFunctionWrapper(name)):
        with pytest.raises(TinyCNNError, match=re.escape(message)):
            loss.check_targets(y_true, shape)


@pytest.mark.parametrize("name", ["mean_squared_error", "categorical_crossentropy", "binary_crossentropy", "hinge"])
def test_shapes_that_would_broadcast_are_refused(name: str) -> None:
    with pytest.raises(ShapeError):
        getattr(losses, name)(np.zeros((3,)), np.zeros((3, 3), np.float32))


def test_a_last_axis_of_one_may_be_missing() -> None:
    y_true, y_pred = np.array([1.0, 2, 3]), np.zeros((3, 1), np.float32)
    for a, b in ((y_true, y_pred), (y_true[:, None], y_pred[:, 0]), (y_true[:, None], y_pred)):
        np.testing.assert_array_equal(losses.mse(a, b).numpy(), [1, 4, 9])
        losses.MeanSquaredError().check_targets(a, b.shape)


def test_ignored_labels_may_be_out_of_range() -> None:
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    y_true = np.array([1, -1])
    loss.check_targets(y_true, (None, 3))
    np.testing.assert_allclose(loss(y_true, PROBABILITIES).item(), 0.1053606, rtol=1e-6)  # the mean of what is left
    np.testing.assert_allclose(loss(y_true, PROBABILITIES, [0.5, 9]).item(), 0.0526803, rtol=1e-6)
    assert loss([-1, -1], PROBABILITIES).item() == 0
    assert losses.SparseCategoricalCrossentropy(ignore_class=-1, reduction="none")(y_true, PROBABILITIES).shape == (2,)


def test_names() -> None:
    for short, long in (
        ("mse", "mean_squared_error"),
        ("MAE", "mean_absolute_error"),
        ("kld", "kl_divergence"),
        ("bce", "binary_crossentropy"),
    ):
        assert losses.get(short) is losses.get(long) is getattr(losses, short)
    assert losses.get(None) is None
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    assert losses.get({"class_name": "Huber", "config": {"delta": 2.0}}).get_config()["delta"] == 2
    with pytest.raises(ArgumentError, match="'catgorical_crossentropy'; did you mean 'categorical_crossentropy'"):
        losses.get("catgorical_crossentropy")
    with pytest.raises(DTypeError, match="loss must be"):
        losses.get(3)
    with pytest.raises(ArgumentError, match="Huber"):
        losses.get({"class_name": "Huber", "config": {"beta": 2.0}})


def test_bad_settings() -> None:
    for make, message in (
        (lambda: losses.MeanSquaredError(reduction="average"), "reduction must be None or one of"),
        (lambda: losses.CategoricalCrossentropy(label_smoothing=1.5), "label_smoothing must be a finite number from 0 to 1"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=-1), "label_smoothing must be a finite number from 0 to 1"),
        (lambda: losses.Huber(delta=0), "delta must be > 0"),
        (lambda: losses.BinaryFocalCrossentropy(label_smoothing=2), "label_smoothing must be a finite number from 0 to 1"),
        (lambda: losses.CategoricalFocalCrossentropy(label_smoothing=2), "label_smoothing must be a finite number from 0 to 1"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(q=1), "q must be between 0 and 1"),
        (lambda: losses.Huber(delta="a"), "delta must be a number, got 'a'"),
        (lambda: losses.Dice(axis="a"), "axis must be an int, got 'a'"),
        (lambda: losses.Tversky(alpha=[0.5, None]), "alpha must be a number, got None"),
        (lambda: losses.CategoricalFocalCrossentropy(gamma=-1), "gamma must be a finite number >= 0"),
        (lambda: losses.CategoricalFocalCrossentropy(from_logits=2), "from_logits must be True or False, got 2"),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class=0.5), "ignore_class must be an int, got 0.5"),
        (lambda: losses.LossFunctionWrapper("mse", delta=1), r"mean_squared_error cannot take the settings \['delta'\]"),
        (lambda: losses.LossFunctionWrapper(lambda y_true, y_pred: y_pred, delta=1), "<lambda> cannot take the settings"),
    ):
        with pytest.raises((ArgumentError, DTypeError), match=message):
            make()


def test_dtype() -> None:
    logits = Tensor(LOGITS, requires_grad=True)
    for dtype in ("float64", np.float64):
        value = losses.CategoricalCrossentropy(dtype=dtype)(ONE_HOT, activations.softmax(logits))
        assert value.dtype == np.float64
        assert value.item() == pytest.approx(losses.CategoricalCrossentropy(from_logits=True)(ONE_HOT, LOGITS.astype(float)).item())
        value.backward()
        assert logits.grad is not None
        assert logits.grad.dtype == np.float32
    assert losses.MeanSquaredError(dtype="float32")(NUMBERS.astype(float), LOGITS.astype(float)).dtype == np.float32
    for dtype in ("float16", "number", 3):
        with pytest.raises(DTypeError, match="dtype must be float32, float64 or None"):
            losses.MeanSquaredError(dtype=dtype)


@pytest.mark.parametrize("loss", [losses.BinaryFocalCrossentropy(), losses.CategoricalFocalCrossentropy()])
def test_focal_losses_remember_the_logits(loss: Loss) -> None:
    x = Tensor(np.array([[60.0, -60.0]], np.float32), requires_grad=True)
    activation = activations.sigmoid if isinstance(loss, losses.BinaryFocalCrossentropy) else activations.softmax
    loss([[0.0, 1.0]], activation(x)).backward()
    assert x.grad is not None
    assert (x.grad[0] * [1, -1] > 0.2).all()


def test_overlaps_of_samples() -> None:
    y_true, y_pred = np.array([[[1.0], [0]], [[1], [1]]]), np.array([[[0.5], [0.5]], [[1], [0]]])
    np.testing.assert_allclose(losses.Dice(axis=(1, 2), reduction="none")(y_true, y_pred).numpy(), [0.5, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(losses.Dice()(y_true, y_pred).item(), 1 - 2 * 1.5 / 5, rtol=1e-6)
    np.testing.assert_allclose(losses.Tversky(1.0, 0.0)(y_true, y_pred).item(), 1 - 1.5 / 3, rtol=1e-6)


def test_own_losses() -> None:
    def largest(y_true: Any, y_pred: Tensor) -> Tensor:
        return abs(y_pred - y_true).max(axis=-1)

    wrapped = LossFunctionWrapper(largest)
    assert wrapped.name == "largest"
    assert wrapped(NUMBERS, LOGITS).item() == pytest.approx((1.5 + 3) / 2)
    wrapped.check_targets(np.zeros((2, 9)), (None, 3))

    class Zero(Loss):
        def call(self, y_true: Any, y_pred: Tensor) -> Tensor:
            return (y_pred * 0).sum(axis=-1)

    assert Zero()(ONE_HOT, LOGITS).item() == 0
    assert Zero().get_config() == {"name": "zero", "reduction": "sum_over_batch_size"}
    with pytest.raises(NotImplementedError, match="call"):
        Loss()(ONE_HOT, LOGITS)


def test_a_config_holds_registered_functions_only() -> None:
    assert losses.serialize(losses.mse) == "mean_squared_error"
    wrapped = LossFunctionWrapper(losses.huber, delta=np.float32(2))
    assert wrapped.get_config() == {"fn": "huber", "reduction": "sum_over_batch_size", "name": "huber", "delta": 2.0}
    twin = losses.get(losses.serialize(wrapped))
    assert twin(NUMBERS, LOGITS).item() == wrapped(NUMBERS, LOGITS).item()

    def huber(y_true: Any, y_pred: Tensor) -> Tensor:
        return abs(y_pred - y_true).max(axis=-1)

    with pytest.raises(DTypeError, match="cannot be written into a config"):
        losses.serialize(LossFunctionWrapper(huber))


def test_each_setting_has_its_check() -> None:
    """Of the functions that wrappers take: a new one must say what it may be."""
    functions = [registry.lookup("loss", name) for name in registry.names("loss")]
    functions += [
        getattr(metrics, name) for name in metrics.__all__ if name.islower() and name not in ("get", "deserialize", "resolve", "serialize")
    ]
    for function in functions:
        if inspect.isfunction(function):
            for name, parameter in list(inspect.signature(function).parameters.items())[2:]:
                if parameter.default is not inspect.Parameter.empty:
                    check_setting(name, parameter.default)


def squares(y_true, y_pred):
    """A user's loss, without a thought for shapes and dtypes."""
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


class Squares(losses.Loss):
    def call(self, y_true, y_pred):
        return squares(y_true, y_pred)


@pytest.mark.parametrize("y_shape", [(6,), (6, 1)])
@pytest.mark.parametrize("p_shape", [(6,), (6, 1)])
def test_a_function_of_ones_own_gets_targets_of_the_outputs_rank(y_shape: tuple[int, ...], p_shape: tuple[int, ...]) -> None:
    """As in Keras; else a subtraction would make six times six of them."""
    y, p = np.arange(6.0, dtype="f4"), np.linspace(0, 3, 6, dtype="f4")
    got = losses.LossFunctionWrapper(squares)(y.reshape(y_shape), p.reshape(p_shape))
    np.testing.assert_allclose(got.numpy(), np.square(y - p).mean(), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float64"])
@pytest.mark.parametrize("make", [Squares, lambda: losses.LossFunctionWrapper(squares)])
def test_a_loss_of_ones_own_gets_targets_of_the_outputs_dtype(make, dtype: str) -> None:
    """As in Keras; else 0 - 1 would be 255."""
    y, p = np.array([[0, 1], [1, 0]], dtype), np.array([[0.5, 0.25], [1, 1]], "f4")
    got = make()(y, p)
    np.testing.assert_allclose(got.numpy(), np.square(y.astype("f8") - p).mean(), rtol=1e-6)
    model = Sequential([Input((2,)), Dense(2, kernel_initializer="identity")])
    model.compile("sgd", make())
    np.testing.assert_allclose(model.evaluate(p, y, verbose=0), got.item(), rtol=1e-6)
