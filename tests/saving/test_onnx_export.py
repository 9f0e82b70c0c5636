"""Models written as ONNX give the same outputs in onnxruntime."""

from __future__ import annotations

import runpy
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tinycnn import activations, ops, registry, saving
from tinycnn.errors import ArgumentError, BackendError, NotBuiltError
from tinycnn.layers import (
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Layer,
    LeakyReLU,
    MaxPooling2D,
    Permute,
    ReLU,
)
from tinycnn.models import Model, Sequential
from tinycnn.saving.onnx.activations import _ACTIVATIONS
from tinycnn.saving.onnx.layers import _LAYERS

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

#: Every layer of the package, as tests/layers/test_every_layer.py tries it out.
EVERY_LAYER = runpy.run_path(str(Path(__file__).parent.parent / "layers" / "test_every_layer.py"))
CASES = [case for case in EVERY_LAYER["LAYERS"] if case[0] in _LAYERS and case[0] != "InputLayer"]


def shaken(model: Model) -> Model:
    """The model with weights that are all different, none of them 0 or 1."""
    random = np.random.default_rng(1)
    for variable in model.weights:
        variable.assign(random.uniform(0.3, 1.0, variable.shape) * random.choice([-1, 1] if variable.trainable else [1], variable.shape))
    return model


def exported(model: Model, path: Path, **options) -> onnx.ModelProto:
    model.export(path / "m.onnx", **options)
    proto = onnx.load(path / "m.onnx")
    onnx.checker.check_model(proto, full_check=True)
    return proto


def ran(path: Path, *arrays: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path / "m.onnx", options, providers=["CPUExecutionProvider"])
    return session.run(None, {i.name: a for i, a in zip(session.get_inputs(), arrays, strict=True)})


def compare(model: Model, path: Path, *arrays: np.ndarray, **options) -> Counter:
    """Export, run, compare; how often each operator was used."""
    proto = exported(model, path, **options)
    expected = model.predict(list(arrays) if len(arrays) > 1 else arrays[0], verbose=0)
    found = ran(path, *arrays)
    for got, wanted in zip(found, expected if isinstance(expected, list) else [expected], strict=True):
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
    return Counter(node.op_type for node in proto.graph.node)


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize(("name", "shape", "arguments"), CASES, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(CASES)])
def test_every_layer(tmp_path, name, shape, arguments):
    xs = EVERY_LAYER["arrays"](shape)
    xs = xs if isinstance(xs, list) else [xs]
    inputs = [Input(x.shape[1:]) for x in xs]
    layer = EVERY_LAYER["make"](name, arguments)
    model = shaken(Model(inputs, layer(inputs if isinstance(shape, list) else inputs[0])))
    if name == "Resizing" and (layer.antialias or layer.pad_to_aspect_ratio):  # no words for these
        with pytest.raises(ArgumentError, match="padding to an aspect ratio, or antialiasing, of"):
            model.export(tmp_path / "m.onnx")
        return
    compare(model, tmp_path, *xs)


def test_no_layer_is_forgotten():
    """A layer that is neither converted nor listed here: write a converter, or say here that there are no words for it."""
    known = {"Sequential", "Functional", "Lambda", "Operation"}
    classes = {registry.lookup("layer", name) for name in registry.names("layer")}
    built_in = {cls.__name__ for cls in classes if cls.__module__.startswith("tinycnn.layers")}
    assert built_in - set(_LAYERS) - known == set()


@pytest.mark.parametrize("name", sorted(set(registry.names("activation")) & set(_ACTIVATIONS)))
@pytest.mark.parametrize("opset", [13, 18, 20])
def test_every_activation(tmp_path, name, opset):
    model = shaken(Sequential([Input((3, 2, 2)), Conv2D(2, 1, activation=name)]))
    operators = compare(model, tmp_path, 4 * images(5, 3, 2, 2), opset_version=opset)
    assert operators["Transpose"] == 2


def test_a_layer_as_an_activation(tmp_path):
    model = shaken(Sequential([Input((4, 4, 2)), Conv2D(3, 3, activation=ReLU(max_value=0.5, negative_slope=0.1, threshold=0.1))]))
    compare(model, tmp_path, images(2, 4, 4, 2))


# ---- whole models
def tutorial() -> Sequential:
    layers = [Input((12, 12, 1))]
    for filters in (4, 8):
        layers += [Conv2D(filters, 3, padding="same"), LeakyReLU(0.1), MaxPooling2D(2, padding="same"), BatchNormalization(), Dropout(0.3)]
    return Sequential([*layers, Flatten(), Dense(16), LeakyReLU(0.1), Dense(10, activation="softmax")])


def residual() -> Model:
    x = Input((9, 10, 3), name="picture")
    y = Conv2D(6, 3, padding="same", strides=2, use_bias=False)(x)
    y = Activation("relu")(BatchNormalization()(y))
    z = BatchNormalization()(DepthwiseConv2D(3, padding="same")(y))
    y = ReLU(6.0)(Add()([y, Conv2D(6, 1, activation="gelu")(z)]))
    y = Concatenate()([y, z])
    pooled = GlobalAveragePooling2D()(y)
    return Model(x, [Dense(4, activation="softmax", name="kind")(pooled), Dense(1, name="age")(pooled)])


@pytest.mark.parametrize("opset", [13, 16, 18, 21, None])
def test_a_stack(tmp_path, opset):
    operators = compare(shaken(tutorial()), tmp_path, images(3, 12, 12, 1), opset_version=opset)
    assert operators["Transpose"] == 2  # one at the images, one before Flatten


def test_a_graph_with_two_outputs(tmp_path):
    model = shaken(residual())
    operators = compare(model, tmp_path, images(3, 9, 10, 3))
    assert operators["Transpose"] == 1
    proto = onnx.load(tmp_path / "m.onnx")
    assert [i.name for i in proto.graph.input] == ["picture"]
    assert [o.name for o in proto.graph.output] == ["kind", "age"]
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert (proto.producer_name, proto.opset_import[0].version) == ("tinycnn", 18)


def test_channels_first_needs_no_transposition(tmp_path):
    kind = {"data_format": "channels_first"}
    layers = [Conv2D(3, 3, padding="same", **kind), MaxPooling2D(2, **kind), BatchNormalization(axis=1), GlobalAveragePooling2D(**kind)]
    assert compare(shaken(Sequential([Input((2, 6, 6)), *layers])), tmp_path, images(2, 2, 6, 6))["Transpose"] == 0


def test_images_of_any_size(tmp_path):
    layers = [Conv2D(3, 3, padding="same", strides=2), MaxPooling2D(3, padding="same", strides=2), GlobalAveragePooling2D()]
    model = shaken(Sequential([Input((None, None, 2)), *layers]))
    for shape in ((2, 9, 12, 2), (1, 16, 7, 2)):
        compare(model, tmp_path, images(*shape))


def test_permutations_cancel(tmp_path):
    model = shaken(Sequential([Input((2, 6, 6)), Permute((2, 3, 1)), Conv2D(3, 3), Permute((3, 1, 2))]))
    assert compare(model, tmp_path, images(2, 2, 6, 6))["Transpose"] == 0


def test_nested_and_shared_layers(tmp_path):
    body = Sequential([Input((6, 6, 2)), Conv2D(4, 3, activation="tanh"), Flatten()], name="body")
    left, right = Input((6, 6, 2), name="left"), Input((6, 6, 2), name="right")
    model = shaken(Model([left, right], Dense(2)(Add()([body(left), body(right)]))))
    operators = compare(model, tmp_path, images(2, 6, 6, 2), images(2, 6, 6, 2, seed=1))
    assert operators["Conv"] == 2
    assert len([i for i in onnx.load(tmp_path / "m.onnx").graph.initializer if i.name.startswith("body/conv2d")]) == 2


def test_an_output_may_be_an_input_or_come_twice(tmp_path):
    x = Input((3,), name="x")
    y = Dense(2, name="y")(x)
    compare(shaken(Model(x, [x, y, y])), tmp_path, images(4, 3))


def test_integers_are_cast(tmp_path):
    model = shaken(Sequential([Input((4, 4, 1), dtype="uint8"), Conv2D(2, 2)]))
    compare(model, tmp_path, np.random.default_rng(0).integers(0, 9, (2, 4, 4, 1), dtype=np.uint8))


def test_operations(tmp_path):
    x = Input((5, 5, 2))
    y = Conv2D(3, 3)(x)
    z = 2 * ops.tanh(y) - y / 4 + ops.square(y) ** 0.5
    z = ops.concatenate([z, ops.maximum(y, 0.1)], axis=-1)
    model = shaken(Model(x, [ops.mean(z, axis=(1, 2)), ops.sum(-z, axis=-1), z + np.arange(6)]))
    compare(model, tmp_path, images(2, 5, 5, 2))
    with pytest.raises(ArgumentError, match=r"the operation 'flip' of 'flip\w*' \(Operation\)"):
        Model(x, ops.flip(x, 1)).export(tmp_path / "m.onnx")


# ---- what it refuses
class Own(Layer):
    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


def test_everything_unsupported_is_named_at_once(tmp_path):
    layers = [Own(name="one"), Conv2D(2, 1, activation=lambda x: x, name="conv"), Dense(3), Own(name="two")]
    with pytest.raises(ArgumentError, match=r"'one' \(Own\); the activation '<lambda>' of 'conv' \(Conv2D\); 'two' \(Own\)$"):
        Sequential([Input((2, 2, 1)), *layers]).export(tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_refusals(tmp_path):
    model = Sequential([Input((2,)), Dense(1)])
    with pytest.raises(ArgumentError, match="no TensorFlow SavedModel"):
        model.export(tmp_path / "folder")
    with pytest.raises(ArgumentError, match=r"format must be 'onnx', got 'tf_saved_model'.*SavedModel"):
        model.export(tmp_path / "folder", format="tf_saved_model")
    for opset in (12, 99, "18", True):
        with pytest.raises(ArgumentError, match="opset_version must be from 13 to"):
            model.export(tmp_path / "m.onnx", opset_version=opset)
    with pytest.raises(NotBuiltError, match="build a Sequential first"):
        Sequential([Dense(1)]).export(tmp_path / "m.onnx")
    with pytest.raises(OSError, match="nowhere"):
        saving.export_onnx(model, tmp_path / "nowhere" / "m.onnx")


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(BackendError, match=r"pip install 'tinycnn\[onnx\]'"):
        Sequential([Input((2,)), Dense(1)]).export(tmp_path / "m.onnx")


def test_every_activation_of_the_package_is_known():
    assert {name for name in registry.names("activation") if getattr(activations, name).__name__ not in _ACTIVATIONS} <= {
        "glu",
        "sparsemax",
        "threshold",
    }
