"""Sequential: adding, building, looking at it, configs."""

from __future__ import annotations

import numpy as np
import pytest

import tinycnn
from tinycnn import errors
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, InputLayer, LeakyReLU, MaxPooling2D
from tinycnn.models import Model, Sequential


def small() -> Sequential:
    return Sequential([Input((8, 8, 1)), Conv2D(3, 3), LeakyReLU(), BatchNormalization(), Flatten(), Dense(2)])


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [Input((8, 8, 1)), Conv2D(3, 3), Flatten(), Dense(2)],
        lambda: [InputLayer((8, 8, 1)), Conv2D(3, 3), Flatten(), Dense(2)],
        lambda: [Conv2D(3, 3, input_shape=(8, 8, 1)), Flatten(), Dense(2)],
        lambda: [Sequential([Input((8, 8, 1)), Conv2D(3, 3)]), Flatten(), Dense(2)],
    ],
    ids=["Input", "InputLayer", "input_shape", "nested model"],
)
def test_it_is_built_as_soon_as_the_input_is_known(layers) -> None:
    model = Sequential(layers())
    assert model.built
    assert model.input_shape == (None, 8, 8, 1)
    assert model.output_shape == (None, 2)
    assert model.count_params() == 30 + 6 * 6 * 3 * 2 + 2
    assert model(np.zeros((5, 8, 8, 1))).shape == (5, 2)
    assert [t.shape for t in (*model.inputs, *model.outputs)] == [(None, 8, 8, 1), (None, 2)]


def test_it_is_built_by_build_or_by_data() -> None:
    for build in (lambda m: m.build((None, 8, 8, 1)), lambda m: m.build((32, 8, 8, 1)), lambda m: m(np.zeros((4, 8, 8, 1)))):
        model = Sequential([Conv2D(3, 3), Flatten(), Dense(2)])
        assert not model.built
        assert model.inputs == model.outputs == model.weights == []
        with pytest.raises(errors.NotBuiltError):
            model.count_params()
        with pytest.raises(errors.NotBuiltError):
            _ = model.output
        build(model)
        assert model.input_shape == (None, 8, 8, 1)
        assert len(model.weights) == 4
    with pytest.raises(errors.NotBuiltError, match="input_shape"):
        Sequential([Dense(1)]).build()


def test_the_depth_of_configs_is_bounded() -> None:
    config = {"name": "s", "trainable": True, "layers": []}
    for _ in range(80):
        config = {"name": "s", "trainable": True, "layers": [{"class_name": "Sequential", "config": config}]}
    with pytest.raises(errors.ArgumentError, match="200 levels"):
        Sequential.from_config(config)


def test_a_failed_build_leaves_no_trace() -> None:
    tinycnn.utils.set_random_seed(5)
    model = Sequential([Dense(3), Conv2D(2, 3), Flatten()])
    with pytest.raises(errors.ShapeError, match="conv2d"):
        model.build((None, 4))
    assert model.weights == []
    assert not any(layer.built for layer in model.walk())
    model.build((None, 4, 4, 1))
    tinycnn.utils.set_random_seed(5)
    again = Sequential([Dense(3), Conv2D(2, 3), Flatten()])
    again.build((None, 4, 4, 1))
    np.testing.assert_array_equal(model.get_weights()[0], again.get_weights()[0])


def test_add_refuses_what_does_not_belong_and_stays_as_it_was() -> None:
    model = Sequential([Input((4,)), Dense(2, name="a")])
    for layer, error in (
        (Input((4,)), errors.ArgumentError),
        (Dense(3, name="a"), errors.ArgumentError),
        (Conv2D(1, 3), errors.ShapeError),
        (print, errors.DTypeError),
        ("dense", errors.DTypeError),
    ):
        with pytest.raises(error):
            model.add(layer)
    assert [layer.name for layer in model.layers] == ["a"]
    model.add(Dense(5))
    assert model.output_shape == (None, 5)


def test_layers_must_be_a_list() -> None:
    with pytest.raises(errors.DTypeError, match="layers must be a list of layers"):
        Sequential(Dense(2))


def test_pop() -> None:
    model = small()
    before = model(np.ones((1, 8, 8, 1))).shape
    top = model.pop()
    assert isinstance(top, Dense)
    assert model.output_shape == (None, 108)
    assert model(np.ones((1, 8, 8, 1))).shape == (1, 108)
    model.add(top)
    assert model(np.ones((1, 8, 8, 1))).shape == before
    with pytest.raises(errors.ArgumentError):
        Sequential().pop()


def test_get_layer() -> None:
    model = Sequential([Input((4,)), Dense(2, name="a"), Dense(3, name="b")])
    assert model.get_layer("b") is model.get_layer(index=1) is model.layers[1] is model.get_layer(index=-1)
    for arguments in ({}, {"name": "c"}, {"index": 2}, {"name": "a", "index": 0}):
        with pytest.raises(errors.ArgumentError):
            model.get_layer(**arguments)


def test_intermediate_results_through_a_model_on_the_same_layers() -> None:
    model = small()
    x = np.sin(np.arange(128.0)).reshape(2, 8, 8, 1)
    inner = Model(model.inputs, model.layers[1].output)
    expected = model.layers[1](model.layers[0](x)).numpy()
    np.testing.assert_array_equal(inner.predict(x, verbose=0), expected)
    several = Model(model.input, [layer.output for layer in model.layers])
    assert [y.shape for y in several.predict(x, verbose=0)] == [(2, *layer.output_shape[1:]) for layer in model.layers]


def test_wrong_inputs_are_refused_by_name() -> None:
    model = Sequential([Input((4,)), Dense(2)], name="mine")
    for shape in ((5, 3), (5,), (5, 4, 1)):
        with pytest.raises(errors.ShapeError, match="mine"):
            model(np.zeros(shape))


def test_config_round_trip() -> None:
    model = Sequential([Input((8, 8, 1)), Conv2D(3, 3, activation="relu"), MaxPooling2D(), Dropout(0.2), Flatten(), Dense(2)])
    model.layers[0].trainable = False
    copy = Sequential.from_config(model.get_config())
    assert copy.get_config() == model.get_config()
    assert len(copy.trainable_weights) == 2
    copy.set_weights(model.get_weights())
    x = np.sin(np.arange(64.0)).reshape(1, 8, 8, 1)
    np.testing.assert_array_equal(copy(x).numpy(), model(x).numpy())
    nested = Sequential([Input((8, 8, 1)), model])
    assert Sequential.from_config(nested.get_config()).count_params() == model.count_params()
    for config in ({}, {"layers": []} | {"code": "x"}, {"layers": [{"class_name": "os.system", "config": {}}]}, {"layers": 3}):
        with pytest.raises(errors.ArgumentError):
            Sequential.from_config(config)


def test_set_weights_checks_before_it_writes() -> None:
    model = small()
    weights = model.get_weights()
    broken = [w + 1 for w in weights]
    broken[-1] = np.zeros(3)
    with pytest.raises(errors.ShapeError):
        model.set_weights(broken)
    for got, wanted in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_losses_of_regularizers_count() -> None:
    model = Sequential([Input((3,)), Dense(2, kernel_regularizer="l2", kernel_initializer="ones")])
    assert [float(penalty) for penalty in model.losses] == [pytest.approx(0.01 * 6)]
    model.compile("sgd", "mse")
    y = model.predict(np.ones((4, 3)), verbose=0)
    assert model.evaluate(np.ones((4, 3)), y, verbose=0) == pytest.approx(0.06)


def test_a_changed_stack_admits_what_it_takes_now():
    model = Sequential([Input((4,)), Dense(3)])
    model.compile("sgd", "mse")
    x = np.ones((2, 4), np.float32)
    model.train_on_batch(x, np.zeros((2, 3)))
    model.add(Dense(5))
    model.train_on_batch(x, np.zeros((2, 5)))
    with pytest.raises(errors.ShapeError):
        model.train_on_batch(x, np.zeros((2, 3)))
    model.pop()
    model.train_on_batch(x, np.zeros((2, 3)))


def test_a_list_of_its_one_input() -> None:
    model, x = small(), np.ones((2, 8, 8, 1), np.float32)
    np.testing.assert_array_equal(model([x]).numpy(), model(x).numpy())
    np.testing.assert_array_equal(model({model.inputs[0].name: x}).numpy(), model(x).numpy())
    with pytest.raises(errors.ShapeError):
        model({"other": x})
    inner = model([Input((8, 8, 1))])
    assert inner.shape == (None, 2)
    with pytest.raises(errors.ShapeError, match="expects inputs of shape"):
        model([x, x])


def test_a_layer_is_not_taken_twice() -> None:
    pool = MaxPooling2D()
    with pytest.raises(errors.ArgumentError, match="is in this model already: add another one, or share it in a functional model"):
        Sequential([Input((8, 8, 1)), pool, Conv2D(2, 1), pool])
