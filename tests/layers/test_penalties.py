"""What layers add to the loss: activity regularizers, add_loss, the penalties of weights."""

from __future__ import annotations

import copy
import gc
import threading
import weakref

import numpy as np
import pytest

from tinycnn import Tensor, layers, losses, models, ops
from tinycnn.autograd import no_grad
from tinycnn.errors import DTypeError
from tinycnn.layers import Conv2D, Dense, Input, Layer, MaxPooling2D

X = np.random.default_rng(3).standard_normal((4, 3)).astype(np.float32)


class Watched(Layer):
    """Adds the mean of its inputs to the loss, by halves."""

    def call(self, inputs):
        half = ops.mean(inputs) / 2.0
        self.add_loss(half)
        self.add_loss([half])
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


def total(tensors) -> float:
    return float(sum(float(t) for t in tensors))


def test_an_activity_penalty_is_divided_by_the_batch_size() -> None:
    layer = Dense(2, activity_regularizer="l2", kernel_regularizer="l1")
    y = layer(X).numpy()
    activity, kernel = layer.losses
    assert float(activity) == pytest.approx(0.01 * np.square(y).sum() / 4, rel=1e-6)
    assert float(kernel) == pytest.approx(0.01 * np.abs(layer.kernel.numpy()).sum(), rel=1e-6)


def test_losses_are_those_of_the_last_call() -> None:
    layer = Watched()
    assert layer.losses == []
    for factor in (1.0, 2.0):
        layer(X * factor)
        assert total(layer.losses) == pytest.approx(factor * X.mean(), rel=1e-5)
    assert total(layer.take_losses()) == pytest.approx(2 * X.mean(), rel=1e-5)
    assert layer.losses == []


def test_a_layer_called_twice_inside_of_another_adds_twice() -> None:
    class Twice(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Watched()

        def call(self, inputs):
            return self.inner(self.inner(inputs))

    layer = Twice()
    for _ in range(2):
        layer(X)
        assert len(layer.losses) == 4
        assert total(layer.losses) == pytest.approx(2 * X.mean(), rel=1e-5)


def test_two_models_keep_their_losses_apart() -> None:
    first, second = Watched(), Watched()
    second(first(X) * 3)
    assert total(first.losses) == pytest.approx(X.mean(), rel=1e-5)
    assert total(second.losses) == pytest.approx(3 * X.mean(), rel=1e-5)


def test_gradients_go_through_added_losses() -> None:
    x = Tensor(X, requires_grad=True)
    layer = Watched()
    layer(x)
    sum(layer.losses).backward()
    np.testing.assert_allclose(x.grad, np.full(X.shape, 1 / X.size), rtol=1e-6)


def test_shapes_are_asked_for_without_losses() -> None:
    class Asked(Layer):
        """Has no compute_output_shape, so that it is called to know it."""

        def call(self, inputs):
            self.add_loss(ops.sum(inputs) + 1.0)
            return inputs

    layer = Asked()
    model = models.Model(x := Input((3,)), layer(x))
    assert layer.losses == []
    layer(X)
    assert layer.compute_output_shape((None, 3)) == (None, 3)
    assert total(model.losses) == pytest.approx(X.sum() + 1, rel=1e-5)


def test_only_tensors_can_be_added() -> None:
    with pytest.raises(DTypeError, match=r"add_loss\(\) of layer 'mine'"):
        Watched(name="mine").add_loss(3.0)


def test_no_graph_outlives_a_training_step() -> None:
    model = models.Sequential([Input((3,)), Dense(2, activity_regularizer="l2"), Watched()])
    model.compile("sgd", "mse")
    seen = []
    inner = Watched.call

    class Spy(Watched):
        def call(self, inputs):
            seen.append(weakref.ref(inputs))
            return inner(self, inputs)

    model.add(Spy())
    model.compile("sgd", "mse")
    model.train_on_batch(X, X[:, :2])
    gc.collect()
    assert seen
    assert all(ref() is None for ref in seen)
    assert model.take_losses() == []


def test_threads_have_losses_of_their_own() -> None:
    layer, found = Watched(), {}
    barrier = threading.Barrier(2, timeout=30)

    def run(factor: float) -> None:
        layer(X * factor)
        barrier.wait()
        found[factor] = total(layer.losses)

    threads = [threading.Thread(target=run, args=(factor,)) for factor in (1.0, 5.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {factor: pytest.approx(factor * X.mean(), rel=1e-5) for factor in (1.0, 5.0)}
    assert layer.losses == []


def test_a_copy_has_no_losses_yet() -> None:
    layer = Watched()
    layer(X)
    assert copy.deepcopy(layer).losses == []


def test_fit_and_evaluate_count_every_penalty() -> None:
    x = Input((3,))
    model = models.Model(x, Watched()(layers.ActivityRegularization(l2=0.5)(Dense(2, kernel_regularizer="l2")(x))))
    model.compile("sgd", "mse")
    target = np.zeros((4, 2), np.float32)
    with no_grad():
        y = model(X).numpy()
    expected = np.square(y).mean() + 0.5 * np.square(y).sum() / 4 + y.mean() + 0.01 * np.square(model.weights[0].numpy()).sum()
    assert model.evaluate(X, target, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert model.train_on_batch(X, target) == pytest.approx(expected, rel=1e-5)
    assert float(losses.get("mse")(target, y).numpy().mean()) < expected


def test_a_watched_convolution_is_not_fused() -> None:
    def build(**arguments):
        model = models.Sequential([Input((4, 4, 1)), Conv2D(2, 3, padding="same", activation="relu", **arguments), MaxPooling2D()])
        model.compile("sgd", "mse", jit_compile=True)
        return model

    plain, watched = build(), build(activity_regularizer="l2")
    watched.set_weights(plain.get_weights())
    images = np.random.default_rng(0).standard_normal((3, 4, 4, 1)).astype(np.float32)
    target = np.zeros((3, 2, 2, 2), np.float32)
    activity = 0.01 * np.square(plain.layers[0](images).numpy()).sum() / 3
    assert watched.evaluate(images, target, verbose=0) == pytest.approx(plain.evaluate(images, target, verbose=0) + activity, rel=1e-5)
