"""Steps of a subclass's own, as Keras's guides write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinycnn import errors, losses, metrics, ops
from tinycnn.callbacks import LambdaCallback
from tinycnn.layers import Dense, Dropout, Input, Layer
from tinycnn.models import Model, Sequential
from tinycnn.utils import set_random_seed, to_categorical

N = 40
X = np.sin(np.arange(N * 4) * 1.3).reshape(N, 4).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
ONE_HOT = to_categorical(LABELS, 3)
WEIGHTS = np.linspace(0.5, 1.5, N)


class OwnTrainStep(Sequential):
    """The step spelt out; results must be those of the plain one."""

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y, sample_weight = data if len(data) == 3 else (*data, None)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        for variable in self.trainable_variables:
            variable.zero_grad()
        loss.backward()
        trained = self.trainable_variables
        self.optimizer.apply([v.grad for v in trained], trained)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(np.full(len(y), loss.item()))
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class OwnLoss(Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight, training) * 1.0


class OwnMetrics(Sequential):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred, sample_weight) | {"twice": 2 * self.metrics[0].result()}


def build(cls: type[Sequential], **compiling: Any) -> Sequential:
    set_random_seed(3)
    model = cls([Input((4,)), Dense(8, activation="relu"), Dropout(0.2), Dense(3, activation="softmax", kernel_regularizer="l2")])
    model.compile("adam", **({"loss": "categorical_crossentropy", "metrics": ["accuracy"]} | compiling))
    return model


def fit(model: Model, **arguments: Any) -> dict[str, list[float]]:
    set_random_seed(5)
    return model.fit(X, ONE_HOT, verbose=0, **arguments).history


def on_batch(model: Model) -> Any:
    set_random_seed(5)
    return model.train_on_batch(X[:8], ONE_HOT[:8])


@pytest.mark.parametrize("cls", [OwnTrainStep, OwnLoss, OwnMetrics])
@pytest.mark.parametrize("extra", [{}, {"sample_weight": WEIGHTS}, {"class_weight": {0: 2.0}}, {"validation_split": 0.25}], ids=list)
def test_a_spelt_out_step_does_what_the_plain_one_does(cls, extra) -> None:
    expected, model = build(Sequential), build(cls)
    histories = [fit(m, batch_size=16, epochs=3, **extra) for m in (expected, model)]
    for name, values in histories[0].items():
        assert histories[1][name] == pytest.approx(values, rel=1e-6), name
    for got, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)
    if cls is OwnMetrics:
        assert histories[1]["twice"] == pytest.approx([2 * loss for loss in histories[1]["loss"]])
    assert model.evaluate(X, ONE_HOT, verbose=0)[:2] == pytest.approx(expected.evaluate(X, ONE_HOT, verbose=0))
    assert on_batch(model)[:2] == pytest.approx(on_batch(expected))


def test_the_default_steps_are_the_quick_ones_spelt_out() -> None:
    plain = build(Sequential)
    first = plain.train_on_batch(X, ONE_HOT, return_dict=True)
    called = build(Sequential)
    called.reset_metrics()
    assert called.train_step((X, ONE_HOT)) == pytest.approx(first)
    np.testing.assert_array_equal(called.get_weights()[0], plain.get_weights()[0])
    called.reset_metrics()
    assert called.test_step((X, ONE_HOT)) == pytest.approx(plain.test_on_batch(X, ONE_HOT, return_dict=True))
    np.testing.assert_array_equal(called.predict_step((X,)).numpy(), plain.predict_on_batch(X))
    lossless = Sequential([Input((4,)), Dense(1)])
    lossless.compile("sgd")
    with pytest.raises(errors.ArgumentError, match="no loss"):
        lossless.compute_loss()


def test_a_model_without_call_or_targets() -> None:
    """As generative models do it: several networks and optimizers, metrics in attributes, y never given."""

    class Autoencoder(Model):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = Sequential([Input((4,)), Dense(2)])
            self.decoder = Sequential([Input((2,)), Dense(4)])
            self.error = metrics.Mean(name="error")
            self.own = metrics.Mean(name="own")

        def compile(self, second: str) -> None:
            super().compile("adam")
            self.second = second

        @property
        def metrics(self) -> list[Any]:
            return [self.error, self.own]

        def train_step(self, data: Any) -> dict[str, Any]:
            restored = self.decoder(self.encoder(data, training=True), training=True)
            loss = ops.mean((restored - data) ** 2)
            self.optimizer.build(self.trainable_variables)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.error.update_state(loss)
            self.own.update_state(1.0)
            return {"error": self.error.result(), "own": self.own.result()}

        def test_step(self, data: Any) -> dict[str, Any]:
            return {"error": ops.mean((self.decoder(self.encoder(data)) - data) ** 2)}

        def predict_step(self, data: Any) -> Any:
            return self.encoder(data)

    model = Autoencoder()
    model.compile(second="x")
    seen: list[dict[str, float]] = []
    watch = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs))
    history = model.fit(X, batch_size=8, epochs=30, verbose=0, callbacks=[watch]).history
    assert set(history) == {"error", "own"}
    assert history["own"] == [1.0] * 30
    assert history["error"][-1] < 0.9 * history["error"][0]
    assert set(seen[0]) == {"error", "own"}
    assert model.evaluate(X, batch_size=N, verbose=0) == pytest.approx(
        float(np.mean((model.decoder(model.encoder(X)).numpy() - X) ** 2)), rel=1e-5
    )
    assert model.predict(X, verbose=0).shape == (N, 2)


def test_a_loss_of_its_own_needs_none_in_compile() -> None:
    class Own(Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return losses.MeanSquaredError()(y, y_pred)

    set_random_seed(0)
    own = Own([Input((4,)), Dense(3)])
    own.compile("sgd", metrics=["mae"])
    set_random_seed(0)
    plain = Sequential([Input((4,)), Dense(3)])
    plain.compile("sgd", "mse", metrics=["mae"])
    histories = [fit(m, epochs=2) for m in (own, plain)]
    for name in ("loss", "mae"):
        assert histories[0][name] == pytest.approx(histories[1][name])


def test_data_comes_in_the_form_it_was_given_in() -> None:
    seen: list[Any] = []

    class Watch(Model):
        def train_step(self, data):
            seen.append(data)
            return {"loss": 0.0}

    model = Watch()
    model.compile("sgd")
    halves = {"a": X[:, :2], "b": X[:, 2:]}
    for x, y, weights in (
        (halves, {"p": LABELS, "q": ONE_HOT}, None),
        (list(halves.values()), [LABELS, ONE_HOT], [WEIGHTS, None]),
        (X, LABELS, WEIGHTS),
        (X, None, None),
    ):
        model.fit(x, y, sample_weight=weights, batch_size=N, shuffle=False, verbose=0)
    (x, y), (x_list, y_list, w_list), (_, _, w), alone = seen
    assert (set(x), set(y)) == ({"a", "b"}, {"p", "q"})
    assert x["b"].shape == x_list[1].shape == (N, 2)
    assert y["q"].shape == y_list[1].shape == (N, 3)
    assert w_list[1] is None
    np.testing.assert_allclose(w.numpy(), WEIGHTS, rtol=1e-6)
    np.testing.assert_array_equal(alone.numpy(), X)


@pytest.mark.parametrize("count", [2, 3])
def test_several_inputs_and_nothing_else(count: int) -> None:
    """A siamese network: what looks like (x, y, sample_weight) are three inputs."""

    class Triplet(Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = Dense(2)

        def call(self, inputs: Any) -> Any:
            assert len(inputs) == count
            return [self.dense(x) for x in inputs]

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            assert y is sample_weight is None
            return ops.mean(ops.square(y_pred[0] - y_pred[1]))

    model = Triplet()
    model.compile("sgd")
    inputs = [X, X + 1, X - 1][:count]
    first = model.fit(inputs, verbose=0).history["loss"][0]
    assert model.evaluate(inputs, verbose=0) < first
    assert [p.shape for p in model.predict(inputs, verbose=0)] == [(N, 2)] * count
    assert isinstance(model.train_on_batch(inputs), float)


def test_wrong_steps_are_named() -> None:
    class Silent(Sequential):
        def train_step(self, data):
            return None

    with pytest.raises(errors.DTypeError, match=r"train_step\(\) must return a dict"):
        build(Silent).fit(X, ONE_HOT, verbose=0)
    with pytest.raises(errors.ArgumentError, match="4 parts"):
        build(Sequential).train_step((X, ONE_HOT, None, None))
    with pytest.raises(errors.ShapeError):
        build(OwnLoss).fit(X, ONE_HOT[:, :2], verbose=0)


@pytest.mark.parametrize(("together", "expected"), [(1, [0, 1, 2, 3, 4]), (2, [1, 3, 4]), (9, [4])])
def test_batch_hooks_are_called_every_so_many_steps(together: int, expected: list[int]) -> None:
    model = build(Sequential, steps_per_execution=together)
    begun: list[int] = []
    ended: list[int] = []
    watch = LambdaCallback(
        on_train_batch_begin=lambda batch, logs: begun.append(batch), on_train_batch_end=lambda batch, logs: ended.append(batch)
    )
    model.fit(X, ONE_HOT, batch_size=8, verbose=0, callbacks=[watch])
    assert ended == expected
    assert begun == [0, *(i + 1 for i in expected[:-1])]
    assert model.optimizer.iterations == 5


def test_layers_may_add_all_the_loss_there_is() -> None:
    """As Keras's guides write variational autoencoders: compile(optimizer), fit(x)."""

    class Distance(Layer):
        def call(self, inputs: Any) -> Any:
            wanted, got = inputs
            self.add_loss(ops.mean(ops.square(wanted - got)))
            return got

    set_random_seed(0)
    x = Input((4,))
    model = Model(x, Distance()([x, Dense(4)(Dense(2)(x))]))
    model.compile("adam")
    set_random_seed(0)
    x = Input((4,))
    expected = Model(x, Dense(4)(Dense(2)(x)))
    expected.compile("adam", "mse")
    histories = []
    for m, data in ((model, (X,)), (expected, (X, X))):
        set_random_seed(5)
        histories.append(m.fit(*data, batch_size=8, epochs=3, validation_split=0.5, verbose=0).history)
    assert set(histories[0]) == {"loss", "val_loss"}
    for name, values in histories[1].items():
        assert histories[0][name] == pytest.approx(values, rel=1e-5)
    for got, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)
    assert model.evaluate(X, verbose=0) == pytest.approx(expected.evaluate(X, X, verbose=0), rel=1e-5)
    assert model.train_on_batch(X) == pytest.approx(expected.train_on_batch(X, X), rel=1e-5)
    assert model.fit(X, LABELS, verbose=0).history["loss"][0] > 0  # targets mean nothing to it


def test_penalties_of_weights_may_be_all_the_loss_there_is() -> None:
    model = Sequential([Input((4,)), Dense(3, kernel_regularizer="l2")])
    model.compile("sgd")
    before = np.abs(model.layers[0].kernel.numpy()).sum()
    model.fit(X, verbose=0)
    assert np.abs(model.layers[0].kernel.numpy()).sum() < before


def test_no_loss_at_all_is_named() -> None:
    plain = Sequential([Input((4,)), Dense(3)])
    plain.compile("sgd")

    class Quiet(Layer):
        def call(self, inputs: Any) -> Any:
            return inputs

    own = Sequential([Input((4,)), Dense(3), Quiet()])
    own.compile("sgd")
    for model, message in ((plain, "needs a loss, but compile"), (own, "there is no loss to compute")):
        before = model.get_weights()
        for use in (model.fit, model.evaluate):
            with pytest.raises(errors.TinyCNNError, match=message):
                use(X, ONE_HOT, verbose=0)
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_metrics_can_be_evaluated_without_a_loss() -> None:
    model = Sequential([Input((4,)), Dense(3, kernel_initializer="ones")])
    model.compile(metrics=["mae"])
    assert model.evaluate(np.ones((5, 4)), np.ones((5, 3)), verbose=0, return_dict=True) == {"loss": 0.0, "mae": 3.0}
    with pytest.raises(errors.NotBuiltError, match=r"fit\(\) needs a loss"):
        model.fit(np.ones((5, 4)), np.ones((5, 3)), verbose=0)
