"""The contract of `Layer`: names, weights, trainability, training mode, symbolic calls, layers of one's own."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest

from tinycnn import Tensor, Variable, config, layers, models, regularizers
from tinycnn.autograd import no_grad
from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError, ShapeError
from tinycnn.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    Layer,
    LeakyReLU,
    MaxPooling2D,
    naming,
)
from tinycnn.models import Model


class Scale(Layer):
    """A layer with a weight and no compute_output_shape."""

    def build(self, input_shape):
        self.factor = self.add_weight(shape=input_shape[-1:], initializer="ones", name="factor")

    def call(self, inputs):
        return inputs * self.factor


class Block(Layer):
    """A layer made of layers."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first = Dense(units)
        self.rest = [Dropout(0.5), BatchNormalization()]

    def call(self, inputs):
        x = self.first(inputs)
        for layer in self.rest:
            x = layer(x)
        return x


@pytest.fixture(autouse=True)
def _fresh_names():
    naming.reset()


# ---- names
def test_names_are_counted_by_class() -> None:
    made = [Conv2D(1, 1), Conv2D(1, 1), MaxPooling2D(), LeakyReLU(), Dense(1), Conv2D(1, 1)]
    assert [layer.name for layer in made] == ["conv2d", "conv2d_1", "max_pooling2d", "leaky_re_lu", "dense", "conv2d_2"]


@pytest.mark.parametrize(
    ("name", "snake"),  # Keras 3.15.1
    [("ReLU", "re_lu"), ("ELU", "elu"), ("GlobalAveragePooling2D", "global_average_pooling2d"), ("InputLayer", "input_layer")],
)
def test_snake_case(name, snake) -> None:
    assert naming.snake_case(name) == snake


@pytest.mark.parametrize("name", ["", "a/b", 3])
def test_bad_names(name) -> None:
    with pytest.raises(ArgumentError, match="name must be a string"):
        Dense(1, name=name)


# ---- dtype
def test_floats_are_cast_to_the_dtype_of_the_layer() -> None:
    x = np.ones((2, 3))
    assert Dense(1)(x).dtype == np.float32
    layer = Dense(1, dtype="float64")
    assert layer(x.astype(np.float32)).dtype == np.float64
    assert layer.kernel.dtype == np.float64


def test_integer_inputs_count_as_floats() -> None:
    layer = Conv2D(2, 3)
    image = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    np.testing.assert_array_equal(layer(image).numpy(), layer(image.astype(np.float32)).numpy())


def test_the_default_dtype_is_floatx() -> None:
    config.set_floatx("float64")
    try:
        assert Dense(1).dtype == "float64"
    finally:
        config.set_floatx("float32")


@pytest.mark.parametrize("dtype", ["int32", "float16", "nonsense", 7])
def test_bad_dtypes(dtype) -> None:
    with pytest.raises(ArgumentError, match="dtype must be"):
        Dense(1, dtype=dtype)


# ---- weights
def test_weights_come_in_the_order_of_keras() -> None:
    layer = BatchNormalization(name="bn")
    layer.build((None, 4))
    assert [v.path for v in layer.weights] == ["bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"]
    assert [v.name for v in layer.trainable_weights] == ["gamma", "beta"]
    assert [v.name for v in layer.non_trainable_weights] == ["moving_mean", "moving_variance"]
    assert layer.variables == layer.weights
    assert layer.count_params() == 16


def test_a_layer_that_is_not_built_has_no_parameters_to_count() -> None:
    layer = Dense(2, name="late")
    assert layer.weights == []
    with pytest.raises(NotBuiltError, match="'late'"):
        layer.count_params()
    with pytest.raises(NotBuiltError, match="'late'"):
        _ = layer.input_shape


def test_get_weights_copies_and_set_weights_writes() -> None:
    layer = Dense(2)
    layer.build((None, 3))
    kernel, bias = layer.get_weights()
    kernel[:] = 7
    assert not (layer.kernel.numpy() == 7).any()
    layer.set_weights([kernel, bias + 1])
    assert (layer.kernel.numpy() == 7).all()
    assert (layer.bias.numpy() == 1).all()


@pytest.mark.parametrize("base", [Layer, Model])
@pytest.mark.parametrize("value", [3, Dense(2)], ids=["number", "layer"])
def test_a_forgotten_super_init_is_named(base, value) -> None:
    class Forgetful(base):
        def __init__(self) -> None:
            self.part = value

    with pytest.raises(NotBuiltError, match=r"Forgetful must call super\(\).__init__\(\) first, before it sets 'part'"):
        Forgetful()


def test_set_weights_changes_nothing_if_one_does_not_fit() -> None:
    layer = Dense(2, name="fixed")
    layer.build((None, 3))
    before = layer.get_weights()
    with pytest.raises(ShapeError, match="fixed/bias"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(3)])
    with pytest.raises(ShapeError, match="2 arrays"):
        layer.set_weights([np.zeros((3, 2))])
    with pytest.raises(DTypeError, match="weights must be a list of 2 arrays"):
        layer.set_weights(None)
    for now, then in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_building_again_keeps_the_weights() -> None:
    layer = Dense(2)
    layer.build((None, 3))
    kernel = layer.kernel
    layer.build((None, 3))
    assert layer.kernel is kernel
    assert len(layer.weights) == 2


def test_a_failed_build_leaves_no_weights() -> None:
    layer = Dense(2, bias_initializer=lambda shape, dtype=None: np.zeros(5, dtype))
    with pytest.raises(ShapeError, match="'bias'"):
        layer.build((None, 3))
    assert not layer.built
    assert layer.weights == []
    layer.bias_initializer = lambda shape, dtype=None: np.zeros(shape, dtype)
    layer.build((None, 3))
    assert len(layer.weights) == 2


def test_variables_of_ones_own_are_weights() -> None:
    class Shift(Layer):
        def __init__(self):
            super().__init__()
            self.shift = Variable(np.zeros(3, np.float32), name="shift")
            self.shift = self.shift  # counted once

        def call(self, inputs):
            return inputs + self.shift

    layer = Shift()
    assert layer.weights == [layer.shift]
    layer.trainable = False
    assert layer.trainable_weights == []


# ---- trainability
def test_freezing_and_thawing() -> None:
    layer = BatchNormalization(trainable=False)
    layer.build((None, 4))
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 4
    layer.trainable = True
    assert [v.name for v in layer.trainable_weights] == ["gamma", "beta"]


def test_freezing_reaches_the_layers_inside() -> None:
    block = Block()
    block(np.ones((2, 4), np.float32))
    assert len(block.trainable_weights) == 4
    block.trainable = False
    assert block.trainable_weights == []
    assert not block.rest[1].trainable
    block.trainable = True
    assert len(block.trainable_weights) == 4


def test_frozen_weights_get_no_gradient() -> None:
    layer = Dense(2)
    x = Tensor(np.ones((3, 4)), requires_grad=True)
    layer(x)
    layer.trainable = False
    layer(x).sum().backward()
    assert layer.kernel.grad is None
    assert x.grad is not None


# ---- losses
def test_regularizers_give_losses_of_the_present_weights() -> None:
    layer = Dense(2, kernel_regularizer=regularizers.L2(0.5), bias_regularizer="l1", bias_initializer="ones")
    layer.build((None, 3))
    layer.kernel.assign(np.full((3, 2), 2.0))
    assert [float(loss) for loss in layer.losses] == pytest.approx([0.5 * 4 * 6, 0.01 * 2])
    layer.losses[0].backward()
    np.testing.assert_allclose(layer.kernel.grad, np.full((3, 2), 2.0))
    layer.trainable = False
    assert layer.losses == []


def test_losses_of_the_layers_inside_count() -> None:
    block = Block()
    block.first = Dense(2, kernel_regularizer="l2")
    block(np.ones((2, 4), np.float32))
    assert len(block.losses) == 1


# ---- training mode
def test_training_reaches_the_layers_inside_and_ends_with_the_call() -> None:
    block = Block()
    x = np.ones((50, 4), np.float32)
    block(x)
    before = block.rest[1].moving_mean.numpy().copy()
    block(x)
    np.testing.assert_array_equal(block.rest[1].moving_mean.numpy(), before)
    block(x, training=True)
    assert not np.array_equal(block.rest[1].moving_mean.numpy(), before)
    dropout = Dropout(0.5)
    np.testing.assert_array_equal(dropout(x).numpy(), x)  # the mode did not leak out of the block's call


def test_an_explicit_mode_wins_over_the_one_around() -> None:
    class Inference(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Dropout(0.9)

        def call(self, inputs):
            return self.inner(inputs, training=False)

    x = np.ones((4, 4), np.float32)
    np.testing.assert_array_equal(Inference()(x, training=True).numpy(), x)


def test_the_mode_is_restored_after_an_error() -> None:
    class Failing(Layer):
        def call(self, inputs):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        Failing()(np.ones((2, 2), np.float32), training=True)
    x = np.ones((4, 4), np.float32)
    np.testing.assert_array_equal(Dropout(0.5)(x).numpy(), x)


def test_the_mode_belongs_to_the_thread() -> None:
    x = np.ones((4, 4), np.float32)
    seen = []

    class Spy(Layer):
        def call(self, inputs, training=False):
            other = threading.Thread(target=lambda: seen.append(Dropout(0.9)(x).numpy()))
            other.start()
            other.join()
            return inputs

    Spy()(x, training=True)
    np.testing.assert_array_equal(seen[0], x)


# ---- symbolic calls
def test_symbolic_tensors_remember_how_they_were_made() -> None:
    x = Input((28, 28, 1), name="picture")
    y = Conv2D(4, 3, padding="same")(x)
    z = Add()([y, y])
    assert x.shape == (None, 28, 28, 1)
    assert y.shape == (None, 28, 28, 4)
    assert z.node.inputs == [y, y]
    layer = y.layer
    assert y.node.args == (x,)
    assert layer.input is x
    assert layer.output is y
    assert layer.input_shape == (None, 28, 28, 1)
    assert layer.output_shape == (None, 28, 28, 4)
    assert layer.count_params() == 40
    assert x.layer.name == "picture"


@pytest.mark.parametrize("use", [np.cumsum, np.asarray, float, bool, len, list, lambda t: Tensor(t)])
def test_symbolic_tensors_have_no_values(use) -> None:
    with pytest.raises(DTypeError, match="symbolic"):
        use(Input((3,), name="x"))


def test_a_constant_beside_a_symbolic_tensor() -> None:
    x = Input((3,))
    assert Add()([x, np.ones((1, 3), np.float32)]).shape == (None, 3)


def test_symbolic_inputs_are_checked() -> None:
    with pytest.raises(ShapeError, match="'conv2d'"):
        Conv2D(4, 3)(Input((28, 28)))


@pytest.mark.parametrize(
    ("arguments", "shape", "dtype"),
    [
        ({"shape": (3, 4)}, (None, 3, 4), "float32"),
        ({"shape": ()}, (None,), "float32"),
        ({"shape": (None, 4), "batch_size": 8}, (8, None, 4), "float32"),
        ({"batch_shape": (2, 3), "dtype": "uint8"}, (2, 3), "uint8"),
        ({"shape": [5], "dtype": np.float64}, (None, 5), "float64"),
    ],
)
def test_input(arguments, shape, dtype) -> None:
    x = Input(**arguments)
    assert (x.shape, x.dtype, x.ndim) == (shape, dtype, len(shape))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, ArgumentError),
        ({"shape": (3,), "batch_shape": (None, 3)}, ArgumentError),
        ({"shape": 3}, ShapeError),
        ({"shape": (-3,)}, ShapeError),
        ({"shape": ("a",)}, ShapeError),
        ({"shape": (3,), "dtype": "text"}, DTypeError),
        ({"shape": (3,), "dtype": "complex64"}, DTypeError),
    ],
)
def test_bad_input(arguments, error) -> None:
    with pytest.raises(error):
        Input(**arguments)


# ---- layers of one's own
def test_a_layer_without_a_shape_rule_is_asked_by_running_it() -> None:
    layer = Scale()
    assert layer(Input((3, 4))).shape == (None, 3, 4)
    assert layer.factor.shape == (4,)
    assert Scale().compute_output_shape((5, 4)) == (5, 4)
    assert Scale().compute_output_shape((None, None, 4)) == (None, None, 4)


def test_a_layer_with_two_results() -> None:
    class Halves(Layer):
        def call(self, inputs):
            return inputs[:, :2], inputs[:, 2:]

    left, right = Halves()(Input((5,)))
    assert (left.shape, right.shape) == ((None, 2), (None, 3))
    assert left.node is right.node
    assert (left.index, right.index) == (0, 1)


def test_results_must_be_tensors() -> None:
    class Wrong(Layer):
        def call(self, inputs):
            return inputs, None

    with pytest.raises(DTypeError, match="must give Tensors, got None"):
        Wrong()(Input((3,)))


def test_call_must_be_defined() -> None:
    with pytest.raises(NotImplementedError, match="Nothing must implement call"):
        type("Nothing", (Layer,), {})()(np.zeros((1, 1), np.float32))


def test_sublayers_in_attributes_lists_and_dicts() -> None:
    layer = Block()
    layer.table = {"a": Dense(1, name="a"), "again": layer.first}
    assert [inner.name for inner in layer.sublayers()] == ["dense", "dropout", "batch_normalization", "a"]
    assert [inner.name for inner in layer.walk()] == ["block", "dense", "dropout", "batch_normalization", "a"]


def test_weights_shared_by_two_layers_count_once() -> None:
    block = Block()
    block.twin = [block.first]
    block(np.ones((2, 4), np.float32))
    assert len(block.weights) == 6


def test_a_config_that_cannot_be_written_says_so() -> None:
    with pytest.raises(DTypeError, match="cannot be written into a config"):
        Dense(2, activation=lambda x: x).get_config()

    class Hidden(Layer):
        def __init__(self, depth, **kwargs):
            super().__init__(**kwargs)

        def call(self, inputs):
            return inputs

    with pytest.raises(ArgumentError, match="'depth'"):
        Hidden(object()).get_config()


def test_a_config_with_a_foreign_entry_is_refused() -> None:
    with pytest.raises(ArgumentError, match="colour"):
        Flatten.from_config({"name": "flat", "colour": "red"})
    with pytest.raises(ArgumentError, match="does not fit"):
        Activation.from_config({"name": "no activation"})
    with pytest.raises(ArgumentError, match=r"unknown layer 'os\.system'"):
        layers.deserialize({"class_name": "os.system", "config": {}})
    with pytest.raises(ArgumentError, match="must be a dict"):
        layers.deserialize("Dense")  # type: ignore[arg-type]


def test_layers_as_activations() -> None:
    layer = Dense(3, activation=LeakyReLU(negative_slope=0.5))
    again = layers.deserialize(layers.serialize(layer))
    assert again.activation.negative_slope == 0.5
    x = -np.ones((1, 2), np.float32)
    again(x)
    again.set_weights([np.ones((2, 3)), np.zeros(3)])
    np.testing.assert_array_equal(again(x).numpy(), [[-1, -1, -1]])


# ---- old scripts
def test_old_ways_to_announce_the_input_shape() -> None:
    assert Conv2D(1, 3, input_shape=(28, 28, 1)).batch_input_shape == (None, 28, 28, 1)
    assert Dense(1, batch_input_shape=(4, 7)).batch_input_shape == (4, 7)
    assert Dense(1, input_dim=7).batch_input_shape == (None, 7)
    assert Dense(1).batch_input_shape is None
    with pytest.raises(ShapeError, match="input_shape"):
        Dense(1, input_shape=7)


def test_old_import_paths() -> None:
    from tinycnn.layers.advanced_activations import LeakyReLU as Leaky
    from tinycnn.layers.convolutional import Conv2D as Conv
    from tinycnn.layers.core import Dense as Core
    from tinycnn.layers.normalization import BatchNormalization as Norm
    from tinycnn.layers.pooling import MaxPooling2D as Pool

    assert (Leaky, Conv, Core, Norm, Pool) == (LeakyReLU, Conv2D, Dense, BatchNormalization, MaxPooling2D)
    assert layers.Convolution2D is Conv2D
    assert layers.MaxPool2D is MaxPooling2D


def test_copies_are_independent() -> None:
    layer = Dense(2, activation="relu")
    y = layer(Input((3,)))
    twin = copy.deepcopy(layer)
    twin.kernel.assign(np.zeros((3, 2)))
    assert layer.kernel.numpy().any()
    assert twin.output_shape == y.shape
    assert [v.path for v in twin.weights] == [v.path for v in layer.weights]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer)).kernel.numpy(), layer.kernel.numpy())


def test_no_graph_under_no_grad() -> None:
    with no_grad():
        assert not Dense(1)(np.ones((2, 3), np.float32)).requires_grad


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (Dense(3), "kernel"),
        (Conv2D(3, 3), "bias"),
        (BatchNormalization(), "moving_mean"),
        (layers.DepthwiseConv2D(3), "kernel"),
        (layers.SeparableConv2D(3, 3), "depthwise_kernel"),
        (layers.SeparableConv1D(3, 3), "pointwise_kernel"),
        (layers.PReLU(), "alpha"),
    ],
)
def test_a_weight_that_is_not_there_yet(layer, name):
    with pytest.raises(NotBuiltError, match=f"is not built yet, so it has no {name}: call it on data"):
        getattr(layer, name)
    assert not hasattr(layer, name)
    assert getattr(layer, name, 5) == 5
    layer(np.ones((1, 4, 2) if isinstance(layer, layers.SeparableConv1D) else (1, 4, 4, 2), np.float32))
    assert isinstance(getattr(layer, name), Variable)


def test_layers_that_never_have_a_kernel_say_so_plainly():
    with pytest.raises(AttributeError, match="'Flatten' object has no attribute 'kernel'"):
        _ = Flatten().kernel
    with pytest.raises(AttributeError, match="'SeparableConv2D' object has no attribute 'kernel'"):
        _ = layers.SeparableConv2D(3, 3).kernel
    with pytest.raises(AttributeError, match="'ELU' object has no attribute 'gamma'"):
        _ = layers.ELU().gamma


def test_a_call_that_returns_nothing():
    class Silent(Layer):
        def call(self, inputs):
            inputs * 2

    with pytest.raises(DTypeError, match=r"call\(\) of layer 'mute' \(Silent\) must return Tensors, got None"):
        Silent(name="mute")(np.ones((1, 2), np.float32))


class Residual(Layer):
    """Keeps its arguments under no name of theirs."""

    def __init__(self, units, rates=(0.5, 0.25), **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(units)
        self.dropouts = [layers.Dropout(rate) for rate in rates]

    def call(self, x):
        for dropout in self.dropouts:
            x = dropout(x)
        return self.dense(x)


class Wider(Residual):
    def __init__(self, units, **kwargs):
        super().__init__(2 * units, rates=[], **kwargs)


@pytest.mark.parametrize("made", [lambda: Residual(3, name="b"), lambda: Wider(units=2, name="b")])
def test_plain_arguments_that_no_attribute_keeps_are_in_the_config(made, tmp_path) -> None:
    model = models.Sequential([layers.Input((4,)), made()])
    config = model.layers[0].get_config()
    assert config["name"] == "b"
    assert config["units"] in (2, 3)
    model.save(tmp_path / "m.keras")
    same = models.load_model(tmp_path / "m.keras", custom_objects={"Residual": Residual, "Wider": Wider})
    assert same.layers[0].get_config() == config
    for copied in (copy.deepcopy(model), same):
        np.testing.assert_array_equal(model.predict(np.ones((2, 4)), verbose=0), copied.predict(np.ones((2, 4)), verbose=0))


def test_an_argument_that_is_not_plain_needs_an_attribute() -> None:
    class Around(Layer):
        def __init__(self, inner):
            super().__init__()
            self.hidden = inner

    class Handing(Around):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)

    with pytest.raises(ArgumentError, match="Around keeps no attribute 'inner' for its argument of that name"):
        Around(layers.Dense(2)).get_config()
    with pytest.raises(ArgumentError, match="Handing keeps no attribute 'inner' for its argument of that name"):
        Handing(inner=layers.Dense(2)).get_config()  # else it would be lost without a word
    assert Handing(inner=3).get_config()["inner"] == 3
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'inner'"):
        Around()


def test_the_one_dtype_has_all_of_keras_names() -> None:
    layer = Dense(2, dtype="float64", name="d")
    assert (layer.dtype, layer.compute_dtype, layer.variable_dtype) == ("float64",) * 3
    layer.build((None, 3))
    assert layer.kernel.dtype == layer.variable_dtype
    with pytest.raises(AttributeError):
        layer.compute_dtype = "float32"  # type: ignore[misc]


def test_the_path_of_a_layer_begins_those_of_its_weights() -> None:
    layer = Dense(2, name="d")
    layer.build((None, 3))
    assert layer.path == "d"
    assert [weight.path for weight in layer.weights] == [f"{layer.path}/kernel", f"{layer.path}/bias"]
