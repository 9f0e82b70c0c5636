"""Layers that run as one step: found where they may be, the same within rounding, and nobody sees it from outside."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import activations, layers, models, ops, random
from tinycnn.autograd import Tensor
from tinycnn.models import graph
from tinycnn.models.fusion import ChainStep, ConvPoolStep, DenseStep, fused_steps, step_at

X = np.sin(np.arange(20 * 9 * 10 * 3) * 0.7).reshape(20, 9, 10, 3).astype(np.float32)
Y = np.arange(20) % 4


def small_model(*, kernel_regularizer=None, padding="same", pool_padding="same") -> models.Sequential:
    random.set_seed(7)
    return models.Sequential(
        [
            layers.Input((9, 10, 3)),
            layers.Conv2D(8, 3, padding=padding, kernel_regularizer=kernel_regularizer),
            layers.LeakyReLU(0.1),
            layers.MaxPooling2D(2, padding=pool_padding),
            layers.Conv2D(6, 2, activation="relu", use_bias=False),
            layers.MaxPooling2D(2, padding=pool_padding),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )


def compiled(model: models.Sequential, jit_compile: object = "auto") -> models.Sequential:
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=jit_compile)
    return model


def n_fused(model: models.Model) -> int:
    steps = [step.run if isinstance(step, graph.Step) else step for step in model._runnable()]
    singly = [one for step in steps for one in (step.steps if isinstance(step, ChainStep) else [step])]
    return sum(isinstance(step, ConvPoolStep) for step in singly)


# ---------------------------------------------------------------------------------------------------- what is found
def conv(**kwargs) -> layers.Conv2D:
    return layers.Conv2D(4, 3, **kwargs)


POOL = layers.MaxPooling2D(2, name="pool_for_patterns")


@pytest.mark.parametrize(
    ("stack", "kind", "alpha"),
    [
        ([conv(), POOL], "linear", 0.0),
        ([conv(activation="relu"), POOL], "relu", 0.0),
        ([conv(activation="leaky_relu"), POOL], "leaky_relu", 0.2),
        ([conv(activation=layers.LeakyReLU(0.3)), POOL], "leaky_relu", 0.3),
        ([conv(), layers.LeakyReLU(0.1), POOL], "leaky_relu", 0.1),
        ([conv(), layers.ReLU(), POOL], "relu", 0.0),
        ([conv(), layers.ReLU(negative_slope=0.25), POOL], "leaky_relu", 0.25),
        ([conv(), layers.Activation("relu"), POOL], "relu", 0.0),
        ([conv(), layers.Activation(layers.LeakyReLU(0.4)), POOL], "leaky_relu", 0.4),
        ([conv(activation="relu"), layers.Activation("linear"), POOL], "relu", 0.0),
        ([conv(activation="linear"), layers.Activation("leaky_relu"), POOL], "leaky_relu", 0.2),
        ([conv(strides=2, dilation_rate=1), layers.MaxPooling2D((2, 2), 2, "same")], "linear", 0.0),
    ],
)
def test_found(stack, kind, alpha):
    (step,) = fused_steps(stack)
    assert isinstance(step, ConvPoolStep)
    assert (step.parameters["kind"], step.parameters["alpha"]) == (kind, alpha)


class OwnConv(layers.Conv2D):
    def call(self, inputs):
        return 2 * super().call(inputs)


def replaced_call() -> layers.Conv2D:
    layer = conv()
    layer.call = lambda inputs: ops.zeros((1, 4, 4, 4))
    return layer


@pytest.mark.parametrize(
    "stack",
    [
        [conv()],
        [conv(), layers.ReLU()],
        [conv(), layers.MaxPooling2D(3)],
        [conv(), layers.MaxPooling2D(2, strides=1)],
        [conv(), layers.AveragePooling2D(2)],
        [conv(), layers.Dropout(0.5), POOL],
        [conv(), layers.BatchNormalization(), POOL],
        [conv(activation="tanh"), POOL],
        [conv(activation="relu"), layers.LeakyReLU(0.1), POOL],
        [conv(activation=lambda x: -x), POOL],
        [conv(), layers.ReLU(max_value=6.0), POOL],
        [conv(), layers.ReLU(threshold=1.0), POOL],
        [conv(groups=2), POOL],
        [layers.Conv2D(4, 3, data_format="channels_first"), layers.MaxPooling2D(2, data_format="channels_first")],
        [conv(), layers.MaxPooling2D(2, data_format="channels_first")],
        [layers.DepthwiseConv2D(3), POOL],
        [conv(dtype="float64"), POOL],
        [OwnConv(4, 3), POOL],
        [replaced_call(), POOL],
    ],
)
def test_left_alone(stack):
    assert fused_steps(stack) == stack


def test_what_stands_around_stays():
    before, after = layers.ZeroPadding2D(1), layers.Flatten()
    first, step, last = fused_steps([before, conv(), POOL, after])
    assert (first, last) == (before, after)
    assert isinstance(step, ConvPoolStep)


# ---------------------------------------------------------------------------------------------------- when
def test_compile_decides():
    model = small_model()
    assert n_fused(model) == 0
    assert n_fused(compiled(model)) == 2
    assert n_fused(compiled(model, True)) == 2
    assert n_fused(compiled(model, False)) == 0
    model.compile("sgd", "mse", run_eagerly=True)
    assert n_fused(model) == 0


def test_layers_added_or_taken_off_later_count():
    model = compiled(models.Sequential([layers.Input((9, 10, 3)), conv()]))
    assert n_fused(model) == 0
    model.add(layers.MaxPooling2D(2))
    assert n_fused(model) == 1
    model.pop()
    assert n_fused(model) == 0


# ---------------------------------------------------------------------------------------------------- the same result
def gradients(model: models.Sequential) -> list[np.ndarray]:
    for variable in model.trainable_variables:
        variable.grad = None
    prediction = model(X, training=True)
    ops.sum(ops.square(prediction)).backward()
    return [prediction.data, *(variable.grad.copy() for variable in model.trainable_variables)]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("pool_padding", ["same", "valid"])
def test_outputs_and_gradients(padding, pool_padding):
    model = small_model(padding=padding, pool_padding=pool_padding)
    fused = gradients(compiled(model))
    for got, want in zip(fused, gradients(compiled(model, False)), strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * np.abs(want).max())


def test_training():
    histories = []
    for jit_compile in ("auto", False):
        model = compiled(small_model(kernel_regularizer="l2"), jit_compile)
        histories.append(model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history)
    assert histories[0].keys() == histories[1].keys()
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-4)
    assert histories[0]["loss"][-1] < histories[0]["loss"][0]


def test_other_inputs():
    """Integers, float64 and lists of numbers are cast as a layer casts them."""
    model = small_model()
    whole = np.round(X * 9)
    want = model.predict(whole, verbose=0)
    compiled(model)
    for form in (whole, whole.astype(int), whole.astype(np.float64)):
        np.testing.assert_allclose(model(form).data, want, rtol=0, atol=1e-5)
        assert model(form).dtype == np.float32


# ---------------------------------------------------------------------------------------------------- seen from outside
def test_a_frozen_layer_stays_and_the_others_learn():
    model = small_model()
    model.layers[0].trainable = False
    compiled(model)
    before = model.get_weights()
    model.fit(X, Y, epochs=1, verbose=0)
    changed = [not np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, True, True, True]
    assert n_fused(model) == 2
    model.layers[0].trainable = True
    model.fit(X, Y, epochs=1, verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_weights_summary_config_and_files(tmp_path):
    plain, fused = small_model(), compiled(small_model())
    fused.fit(X, Y, epochs=1, verbose=0)
    texts: list[list[str]] = [[], []]
    for model, text in zip((plain, fused), texts, strict=True):
        model.summary(print_fn=text.append)
    assert [w.shape for w in plain.weights] == [w.shape for w in fused.weights]
    assert [len(text) for text in texts] == [1, 1]
    assert texts[0][0].count("Conv2D") == texts[1][0].count("Conv2D") == 2
    assert [layer["class_name"] for layer in plain.get_config()["layers"]] == [
        layer["class_name"] for layer in fused.get_config()["layers"]
    ]
    fused.save_weights(tmp_path / "a.weights.npz")
    plain.load_weights(tmp_path / "a.weights.npz")
    np.testing.assert_allclose(plain(X).data, fused(X).data, atol=1e-6)


def test_layers_in_between_can_be_looked_at():
    model = compiled(small_model())
    activation, pool = model.layers[1:3]
    looking = models.Model(model.input, [activation.output, pool.output])
    z, y = (tensor.data for tensor in looking(X))
    assert z.shape == (20, 9, 10, 8)
    np.testing.assert_array_equal(ops.max_pool(z, 2, padding="same").data, y)
    np.testing.assert_allclose(model.layers[0](X).data, np.where(z > 0, z, z / np.float32(0.1)), atol=1e-5)


def test_new_weights_are_used_at_once():
    model = compiled(small_model())
    first = model(X).data
    model.set_weights([w * 2 for w in model.get_weights()])
    assert not np.allclose(first, model(X).data)


# ---------------------------------------------------------------------------------------------------- functional models
def block(x, channels: int, activation=None):
    """One of each pattern: activation inside, or behind."""
    y = layers.Conv2D(channels, 3, padding="same", activation=activation)(x)
    y = y if activation else layers.LeakyReLU(0.1)(y)
    return layers.MaxPooling2D(2, padding="same")(y)


def head(y):
    return layers.Dense(4, activation="softmax")(layers.Flatten()(y))


def branching(x):
    """Two branches that fuse, joined: whoever reads a pool's result reads it from the fused step."""
    first = block(x, 4)
    return head(layers.Add()([block(first, 5, "relu"), block(first, 5)]))


def skipping(x):
    """The activation is also read by a skip connection."""
    y = layers.ReLU()(layers.Conv2D(4, 3, padding="same")(x))
    return head(layers.Concatenate()([layers.MaxPooling2D(2)(y), layers.AveragePooling2D(2)(y)]))


def through_an_op(x):
    """The convolution is read by an op, too."""
    y = layers.Conv2D(4, 3, padding="same")(x)
    return head(layers.MaxPooling2D(2)(y) + ops.mean(y, axis=(1, 2), keepdims=True))


def shared(x):
    """The same three layers in two places."""
    conv, relu, pool = layers.Conv2D(3, 3, padding="same"), layers.ReLU(), layers.MaxPooling2D(2, padding="same")
    return head(pool(relu(conv(pool(relu(conv(x)))))))


def nested(x):
    """A stack inside, of which nobody but the outer model was told whether to fuse; and a functional model inside."""
    stack = models.Sequential([layers.Conv2D(4, 3), layers.ReLU(), layers.MaxPooling2D(2)])
    inside = layers.Input((3, 4, 4))
    return head(models.Model(inside, block(inside, 3))(stack(x)))


@pytest.mark.parametrize(("draw", "count"), [(branching, 3), (skipping, 0), (through_an_op, 0), (shared, 2), (nested, 0)])
def test_functional_models(draw, count):
    random.set_seed(3)
    x = layers.Input((9, 10, 3))
    model = models.Model(x, draw(x))
    assert n_fused(model) == 0
    plain = gradients(model)
    fused = gradients(compiled(model))
    assert n_fused(model) == count
    for got, want in zip(fused, plain, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * np.abs(want).max())
    compiled(model, False)
    assert n_fused(model) == 0


def test_the_outermost_model_decides():
    """Inner models run as the model around them was compiled, and alone as they were themselves."""
    x = layers.Input((9, 10, 3))
    model = models.Model(x, nested(x))
    inner = [layer for layer in model.layers if isinstance(layer, models.Model)]
    seen = []

    class Spy(layers.Dense):
        def call(self, inputs):
            seen.append([n_fused(one) for one in inner])
            return super().call(inputs)

    spied = models.Model(x, Spy(2)(model(x)))
    for jit_compile, count in (("auto", 1), (False, 0)):
        compiled(spied, jit_compile)
        spied(X)
        assert seen.pop() == [count, count]
    compiled(inner[0])
    spied(X)
    assert seen.pop() == [0, 0]
    assert [n_fused(one) for one in inner] == [1, 0]


def test_what_is_an_output_is_not_fused_away():
    x = layers.Input((9, 10, 3))
    y = layers.Conv2D(4, 3)(x)
    pooled = layers.MaxPooling2D(2)(y)
    assert n_fused(compiled(models.Model(x, pooled))) == 1
    both = models.Model(x, [y, pooled])
    both.compile("sgd", "mse")
    assert n_fused(both) == 0
    z, got = (tensor.data for tensor in both(X))
    np.testing.assert_array_equal(ops.max_pool(z, 2).data, got)


def test_a_call_with_arguments_of_its_own_is_not_fused():
    x = layers.Input((9, 10, 3))
    y = layers.MaxPooling2D(2)(layers.Conv2D(4, 3)(x, training=False))
    assert n_fused(compiled(models.Model(x, y))) == 0


def test_functional_training():
    histories = []
    for jit_compile in ("auto", False):
        random.set_seed(5)
        x = layers.Input((9, 10, 3))
        model = compiled(models.Model(x, branching(x)), jit_compile)
        histories.append(model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-4)


# ---- dense layers
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(
    ("behind", "taken", "kind"),
    [
        ([layers.LeakyReLU(negative_slope=0.1)], 1, "leaky_relu"),
        ([layers.Activation("relu"), layers.Dense(2)], 1, "relu"),
        ([layers.Activation("linear"), layers.ReLU()], 2, "relu"),
        ([layers.Activation("softmax")], 0, "linear"),
        ([layers.LeakyReLU(), layers.ReLU()], 1, "leaky_relu"),
        ([layers.ReLU(max_value=2.0)], 0, "linear"),
        ([layers.Dropout(0.5), layers.ReLU()], 0, "linear"),
        ([], 0, "linear"),
    ],
)
@pytest.mark.parametrize("before", [[], [layers.Flatten()]])
def test_a_dense_layer_takes_the_layers_around_it(before, behind, taken, kind, use_bias):
    step, count = step_at([*before, layers.Dense(3, use_bias=use_bias), *behind], 0)
    assert isinstance(step, DenseStep)
    assert count == len(before) + 1 + taken
    assert (step.parameters["kind"], step.parameters["flatten"], step.then) == (kind, bool(before), None)


@pytest.mark.parametrize(
    ("activation", "kind", "alpha", "then"),
    [
        ("tanh", "tanh", 0.0, None),
        ("elu", "elu", 1.0, None),
        ("softmax", "linear", 0.0, activations.softmax),
        ("gelu", "linear", 0.0, activations.gelu),
    ],
)
def test_the_activation_of_a_dense_layer_itself(activation, kind, alpha, then):
    step, count = step_at([layers.Dense(3, activation=activation), layers.ReLU()], 0)
    assert isinstance(step, DenseStep)
    assert (step.parameters["kind"], step.parameters["alpha"], step.then, count) == (kind, alpha, then, 1)


@pytest.mark.parametrize(
    "stack",
    [
        [layers.Flatten()],
        [layers.Flatten(), layers.ReLU(), layers.Dense(3)],
        [layers.Flatten(data_format="channels_first"), layers.Dense(3)],
        [layers.Flatten(activity_regularizer="l2"), layers.Dense(3)],
        [layers.Dense(3, activity_regularizer="l2"), layers.ReLU()],
    ],
)
def test_what_stays_a_layer(stack):
    assert step_at(stack, 0) == (stack[0], 1)


@pytest.mark.parametrize("dtypes", [("float64", "float32"), ("float32", "float64")])
def test_each_layer_computes_in_its_own_dtype(dtypes):
    found = []
    for jit_compile in ("auto", False):
        random.set_seed(3)
        first, second = dtypes
        model = compiled(
            models.Sequential(
                [
                    layers.Input((9, 10, 3)),
                    layers.Conv2D(4, 3, dtype=first),
                    layers.MaxPooling2D(2, dtype=first),
                    layers.Flatten(dtype=second),
                    layers.Dense(4, dtype=second),
                ]
            ),
            jit_compile,
        )
        found.append(model.predict(X, verbose=0))
        assert found[-1].dtype == second
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(6,), (2, 3), (3, 2, 1)])
def test_flattened_inputs_get_their_gradients_back_in_shape(shape):
    dense = layers.Dense(2)
    step, _ = step_at([layers.Flatten(), dense], 0)
    dense.build((None, 6))
    x = Tensor(np.arange(24.0).reshape(4, *shape), requires_grad=True)
    step(x).sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad, np.broadcast_to(dense.kernel.numpy().sum(axis=1).reshape(shape), x.shape), rtol=1e-6)


def test_dense_layers_compute_and_learn_the_same_either_way():
    x = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)
    weights, found = None, []
    for jit_compile in (False, "auto"):
        model = models.Sequential(
            [
                layers.Input((5,)),
                layers.Dense(7),
                layers.LeakyReLU(negative_slope=0.1),
                layers.Dense(4, use_bias=False),
                layers.ReLU(),
                layers.Dense(3),
            ]
        )
        model.compile("adam", "mse", jit_compile=jit_compile)
        weights = weights or model.get_weights()
        model.set_weights(weights)
        model.fit(x, x[:, :3], epochs=3, shuffle=False, verbose=0)
        found.append([model.predict(x, verbose=0), *model.get_weights()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- predicting on arrays
def dense_model(activation: str) -> models.Sequential:
    random.set_seed(1)
    stack = [layers.Input((3, 4)), layers.Flatten(), layers.Dense(6, activation="tanh"), layers.Dense(4, activation=activation)]
    return models.Sequential(stack)


@pytest.mark.parametrize("activation", ["softmax", "gelu", "linear", "elu"])
def test_predicting_on_arrays_gives_what_a_call_gives(activation):
    model = compiled(dense_model(activation))
    x = np.random.default_rng(0).standard_normal((7, 3, 4))  # float64
    want = model(x, training=False).numpy()
    for got in (model.predict(x, batch_size=3, verbose=0), model.predict_on_batch(x)):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


def test_whoever_replaces_a_method_is_asked():
    class Doubled(models.Sequential):
        def call(self, inputs, training=None, mask=None):
            return super().call(inputs, training, mask) * 2

    x = np.ones((2, 3, 4), np.float32)
    plain = compiled(dense_model("linear"))
    want = plain.predict_on_batch(x)
    subclassed = compiled(Doubled(plain.layers))
    np.testing.assert_array_equal(subclassed.predict_on_batch(x), 2 * want)
    patched = compiled(dense_model("linear"))
    patched.predict_step = lambda data: ops.zeros((2, 4))
    assert not patched.predict_on_batch(x).any()
    called = []
    patched = compiled(dense_model("linear"))
    original = patched.call
    patched.call = lambda *args, **kwargs: called.append(1) or original(*args, **kwargs)
    np.testing.assert_array_equal(patched.predict_on_batch(x), want)
    assert called
    patched = compiled(dense_model("linear"))
    patched.layers[1].call = lambda inputs: inputs[:, :6]
    assert patched.predict_on_batch(x).shape == (2, 4)
    assert not np.array_equal(patched.predict_on_batch(x), want)
