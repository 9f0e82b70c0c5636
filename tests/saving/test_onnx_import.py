"""Graphs of other frameworks as models: the same outputs, trained further, and nothing done that a file has no business to ask for."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tinycnn import saving
from tinycnn.errors import ArgumentError, DataError, ShapeError, TinyCNNError
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from tinycnn.losses import SparseCategoricalCrossentropy
from tinycnn.models import Model, Sequential
from tinycnn.optimizers import SGD
from tinycnn.saving import budget
from tinycnn.saving.onnx import runner

onnx = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, pytest.importorskip("onnx.numpy_helper")

X = np.random.default_rng(0).uniform(-1, 1, (4, 3, 8, 8)).astype(np.float32)


def info(name, *shape, kind=1):
    return helper.make_tensor_value_info(name, kind, list(shape))


def saved(path, nodes, constants=None, inputs=None, outputs=None, version=18, **more):
    """A file; by default from x (N, 2) to y (N, 2)."""
    graph = helper.make_graph(
        nodes,
        "g",
        inputs or [info("x", "n", 2)],
        outputs or [info("y", "n", 2)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    for name, value in more.items():
        getattr(graph, name).extend(value)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)]), path)
    return path


# ---- there and back
def small() -> Sequential:
    layers = [Conv2D(4, 3, padding="same", activation="relu"), BatchNormalization(), MaxPooling2D(2), Dropout(0.25), Flatten()]
    return Sequential([Input((8, 8, 3)), *layers, Dense(5, activation="softmax")])


@pytest.mark.parametrize("opset", [13, 18, 21])
def test_what_was_exported_comes_back(tmp_path, opset):
    model, x = small(), X.transpose(0, 2, 3, 1)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, np.arange(4), verbose=0)
    model.export(tmp_path / "m.onnx", opset_version=opset)
    again = saving.load_onnx(tmp_path / "m.onnx")
    assert again.input_shape == (None, 8, 8, 3)
    assert again.output_shape == (None, 5)
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)
    assert again.count_params() == model.count_params()
    assert {v.name for v in again.non_trainable_weights} == {f"{model.layers[1].name}/moving_{what}" for what in ("mean", "variance")}


def test_a_loaded_model_is_trained_further(tmp_path):
    small().export(tmp_path / "m.onnx")
    model = saving.load_onnx(tmp_path / "m.onnx")
    before = model.get_weights()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X.transpose(0, 2, 3, 1), np.arange(4), epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert all(np.abs(a - b).max() > 0 for a, b in zip(before, model.get_weights(), strict=True))
    model.save_weights(str(tmp_path / "w.npz"))
    other = saving.load_onnx(tmp_path / "m.onnx")
    other.load_weights(str(tmp_path / "w.npz"))
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    model.trainable = False
    assert model.trainable_weights == []


def test_several_inputs_and_outputs(tmp_path):
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Cast", ["sum"], ["whole"], to=7)]
    ports = [info("a", "n", 2), info("b", "n", 2, kind=6)]
    saved(tmp_path / "m.onnx", nodes, {}, ports, [info("sum", "n", 2), info("whole", "n", 2, kind=7)])
    model = saving.load_onnx(tmp_path / "m.onnx")
    a, b = np.array([[1.5, 2]], np.float32), np.array([[1, 2]], np.int32)
    first, second = model.predict([a, b], verbose=0)
    np.testing.assert_array_equal(first, [[2.5, 4]])
    np.testing.assert_array_equal(second, [[2, 4]])
    assert (model.input_names, model.output_names) == (["a", "b"], ["sum", "whole"])


def test_images_of_any_size(tmp_path):
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["y"])]
    model = saving.load_onnx(saved(tmp_path / "m.onnx", nodes, {}, [info("x", "n", 2, "h", "w")]))
    for size in (3, 5):
        assert model.predict(np.ones((2, 2, size, 4), np.float32), verbose=0).shape == (2, 2)
    with pytest.raises(ShapeError):
        model.predict(np.ones((2, 3, 4, 4), np.float32), verbose=0)


def test_old_files_list_their_weights_among_the_inputs(tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    path = saved(tmp_path / "m.onnx", nodes, {"w": np.eye(2, dtype=np.float32)}, [info("x", "n", 2), info("w", 2, 2)])
    assert saving.load_onnx(path).input_names == ["x"]


def test_half_and_double_precision(tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    for dtype, kind, got in ((np.float16, 10, np.float32), (np.float64, 11, np.float64)):
        ends = [info("x", "n", 2, kind=kind)], [info("y", "n", 2, kind=kind)]
        model = saving.load_onnx(saved(tmp_path / "m.onnx", nodes, {"w": np.full((2, 2), 0.5, dtype)}, *ends))
        found = model.predict(np.ones((1, 2), dtype), verbose=0)
        assert found.dtype == got
        np.testing.assert_array_equal(found, [[1, 1]])


def test_values_listed_as_numbers(tmp_path):
    tensors = [
        helper.make_tensor("w", kind, (2, 2), [0, 1, 2, 3]) for kind in (1, 6, 7, 10, 11)
    ]  # float_data, int32_data, int64_data, bit patterns, double_data
    for tensor in tensors:
        nodes = [helper.make_node("Cast", ["w"], ["c"], to=1), helper.make_node("MatMul", ["x", "c"], ["y"])]
        model = saving.load_onnx(saved(tmp_path / "m.onnx", nodes, initializer=[tensor]))
        np.testing.assert_array_equal(model.predict(np.eye(2, dtype=np.float32), verbose=0), [[0, 1], [2, 3]])


def test_the_config_cannot_be_written(tmp_path):
    model = saving.load_onnx(saved(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])]))
    with pytest.raises(ArgumentError, match="came from an ONNX file"):
        model.layers[1].get_config()


# ---- torch
def torch_networks():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Conv2d(8, 8, 3, padding=1, bias=False)
            self.norms = nn.ModuleList([nn.BatchNorm2d(8), nn.BatchNorm2d(8)])
            self.shortcut, self.head = nn.Conv2d(3, 8, 1), nn.Linear(8, 5)
            for norm in self.norms:
                norm.running_mean.uniform_(-1, 1)
                norm.running_var.uniform_(0.5, 2)

        def forward(self, x):
            y = self.norms[1](self.second(torch.relu(self.norms[0](self.first(x)))))
            y = torch.relu(y + self.shortcut(x))
            return self.head(nn.functional.adaptive_avg_pool2d(y, 1).flatten(1))

    lenet = [nn.Conv2d(3, 6, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 8, 3), nn.Sigmoid(), nn.MaxPool2d(2), nn.Flatten()]
    vgg = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Dropout()]
    separable = [nn.Conv2d(3, 6, 3, groups=3, padding=1, stride=2), nn.BatchNorm2d(6), nn.Hardswish(), nn.Conv2d(6, 12, 1), nn.GELU()]
    growing = [nn.ConvTranspose2d(3, 4, 3, 2, 1, 1), nn.InstanceNorm2d(4, affine=True), nn.GroupNorm(2, 4), nn.Upsample(scale_factor=2)]
    return {
        "lenet": nn.Sequential(*lenet, nn.Linear(8, 10), nn.ELU(), nn.Linear(10, 4), nn.LogSoftmax(1)),
        "vgg": nn.Sequential(*vgg, nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten(), nn.Linear(32, 7), nn.Softmax(1)),
        "residual": Residual(),
        "separable": nn.Sequential(*separable, nn.PReLU(12), nn.Hardsigmoid(), nn.SiLU(), nn.ReLU6()),
        "growing": nn.Sequential(*growing, nn.PixelShuffle(2), nn.AvgPool2d(3, 2, 1), nn.ReflectionPad2d(1), nn.Mish(), nn.SELU()),
    }


def from_torch(network, path, opset=17):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            torch.tensor(X),
            path,
            dynamo=False,
            opset_version=opset,
            input_names=["x"],
            dynamic_axes={"x": {0: "n"}},
            do_constant_folding=network.training is False,
            training=torch.onnx.TrainingMode.PRESERVE,
        )
    return saving.load_onnx(path)


@pytest.mark.parametrize("opset", [9, 18])
@pytest.mark.parametrize("name", ["lenet", "vgg", "residual", "separable", "growing"])
def test_networks_of_torch(tmp_path, name, opset):
    network = torch_networks()[name].eval()
    torch = pytest.importorskip("torch")
    model = from_torch(network, tmp_path / "m.onnx", opset)
    expected = network(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-5)


def test_training_goes_as_in_torch(tmp_path):
    """Three steps of gradient descent on the same batches, batch normalisation included."""
    torch = pytest.importorskip("torch")
    network = torch_networks()["residual"].train()
    model = from_torch(network, tmp_path / "m.onnx")
    labels = np.arange(4)
    model.compile(SGD(0.1), SparseCategoricalCrossentropy(from_logits=True))
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(network(torch.tensor(X)), torch.tensor(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert model.train_on_batch(X, labels) == pytest.approx(loss.item(), rel=1e-4)
    found = {v.name: v.numpy() for v in model.weights}
    for name, parameter in network.named_parameters():
        np.testing.assert_allclose(found[name], parameter.detach().numpy(), rtol=1e-3, atol=1e-5)


# ---- what it refuses
def test_unsupported_operators_are_listed_at_once(tmp_path):
    nodes = [helper.make_node(op, ["x"], [f"{op}{i}"], name=f"n{i}") for i, op in enumerate(("NonZero", "Relu", "NonZero", "Loop"))]
    nodes.append(helper.make_node("Fused", ["x"], ["y"], name="own", domain="com.example"))
    with pytest.raises(DataError, match=r"m\.onnx: .*Loop \(1: 'n3'\), NonZero \(2: 'n0', 'n2'\), com\.example::Fused \(1: 'own'\)$"):
        saving.load_onnx(saved(tmp_path / "m.onnx", nodes))


def relu(*more, **changes):
    return [helper.make_node("Relu", ["x"], ["y"], **changes), *more]


@pytest.mark.parametrize("version", [5, 99])
def test_other_versions(tmp_path, version):
    with pytest.raises(DataError, match="of version"):
        saving.load_onnx(saved(tmp_path / "m.onnx", relu(), version=version))


def test_external_data_is_not_opened(tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.eye(2, dtype=np.float32).tobytes())
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[2, 2], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=str(secret))
    path = saved(tmp_path / "m.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], initializer=[tensor])
    with pytest.raises(DataError, match="'w' has its data in another file, which is not opened"):
        saving.load_onnx(path)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        ({"dims": [2, 2], "raw_data": b"\0" * 15}, "has 15 bytes, expected 16"),
        ({"dims": [2**40, 2**40], "raw_data": b"\0"}, "has 1 bytes, expected"),
        ({"dims": [-1], "raw_data": b""}, "impossible shape"),
        ({"dims": [1] * 20, "raw_data": b"\0" * 4}, "impossible shape"),
        ({"dims": [0, 2**62, 2**62], "raw_data": b""}, r"m\.onnx: .*impossible shape"),
        ({"dims": [3], "float_data": [1.0]}, "has 1 values, expected 3"),
        ({"dims": [1], "data_type": 8, "string_data": [b"x"]}, "dtype 8"),
        ({"dims": [1], "data_type": 16, "raw_data": b"\0\0"}, "dtype 16"),
    ],
)
def test_tensors_that_are_not_what_they_say(tmp_path, tensor, message):
    proto = onnx.TensorProto(**{"name": "w", "data_type": 1, **tensor})
    with pytest.raises(DataError, match=message):
        saving.load_onnx(saved(tmp_path / "m.onnx", relu(), initializer=[proto]))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([helper.make_node("Add", ["x", "nothing"], ["y"])], "reads 'nothing', which no earlier node makes"),
        ([helper.make_node("Relu", ["z"], ["y"]), helper.make_node("Relu", ["y"], ["z"])], "which no earlier node makes"),
        (relu(helper.make_node("Relu", ["x"], ["y"])), "'y' is given to two values"),
        ([helper.make_node("Relu", ["x"], ["z"])], "the output 'y' is made by no node"),
        ([helper.make_node("Relu", ["x"], [])], "has no output"),
        (relu(helper.make_node("Dropout", ["x"], ["d", "mask"]), helper.make_node("Not", ["mask"], ["m"])), "only 1 of its results"),
        ([helper.make_node("Constant", [], ["y"], value_strings=["a"])], "not supported"),
        ([helper.make_node("Constant", [], ["y"])], "expected one of numbers"),
        ([helper.make_node("Sum", ["x", ""], ["y"])], "none of its inputs may be left out"),
        ([helper.make_node("Identity", ["x"], ["y"], then=helper.make_graph([], "g", [], []))], "of a kind that is not supported"),
    ],
)
def test_graphs_that_do_not_hold_together(tmp_path, nodes, message):
    with pytest.raises(DataError, match=message):
        saving.load_onnx(saved(tmp_path / "m.onnx", nodes))


@pytest.mark.parametrize("names", [("a/b", "a_b"), ("y", "y")])
def test_outputs_that_cannot_be_told_apart(tmp_path, names):
    nodes = [helper.make_node("Relu", ["x"], [name]) for name in dict.fromkeys(names)]
    with pytest.raises(DataError, match=r"m\.onnx: "):
        saving.load_onnx(saved(tmp_path / "m.onnx", nodes, outputs=[info(name, "n", 2) for name in names]))


@pytest.mark.parametrize(
    ("node", "shape"),
    [
        (helper.make_node("Conv", ["x", "w"], ["y"], pads=[500] * 4), (8, 8, 1000, 1000)),
        (helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], pads=[999] * 4), (8, 8, 1000, 1000)),
        (helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[999, 999], pads=[499] * 4), (1,)),
    ],
    ids=["Conv", "ConvTranspose", "MaxPool"],
)
def test_a_small_file_cannot_ask_for_much_work(tmp_path, node, shape):
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["w"]), node]
    with pytest.raises(DataError, match=rf"m\.onnx: the node 'y' \({node.op_type}\): {node.op_type} would compute too long"):
        saving.load_onnx(
            saved(tmp_path / "m.onnx", nodes, {"shape": np.array(shape)}, [info("x", 1, 8, 1000, 1000)], [info("y", 1, 8, 1001, 1001)])
        )


def test_many_products_are_too_much_together(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "_MAX_WORK", 2**24)
    monkeypatch.setattr(budget, "_WORK_OF_A_CELL", 0)
    nodes = [helper.make_node("MatMul", [f"v{i}" if i else "x", "w"], [f"v{i + 1}"]) for i in range(99)]
    nodes.insert(0, helper.make_node("ConstantOfShape", ["shape"], ["w"]))
    with pytest.raises(DataError, match=r"'v6.' \(MatMul\): MatMul would compute too long"):
        saving.load_onnx(saved(tmp_path / "m.onnx", nodes, {"shape": np.array([256, 256])}, [info("x", 4, 256)], [info("v99", 4, 256)]))


def test_a_small_file_cannot_ask_for_much_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "_MAX_CELLS", 2**16)
    doubling = [helper.make_node("Concat", [f"v{i}"] * 2, [f"v{i + 1}"], axis=1) for i in range(60)]
    doubling[0].input[:] = ["x", "x"]
    with pytest.raises(DataError, match="more than"):
        saving.load_onnx(saved(tmp_path / "m.onnx", doubling, outputs=[info("v60", "n", None)]))
    with pytest.raises(DataError, match="more than"):
        saving.load_onnx(saved(tmp_path / "m.onnx", relu(), inputs=[info("x", 1, 2**40)]))
    with pytest.raises(DataError, match="more than"):
        saving.load_onnx(saved(tmp_path / "m.onnx", relu(), inputs=[info("x", 2**40, 1)]))
    outer = [helper.make_node("Transpose", ["x"], ["t"]), helper.make_node("MatMul", ["t", "x"], ["y"])]
    with pytest.raises(DataError, match="more than"):
        saving.load_onnx(saved(tmp_path / "m.onnx", outer, inputs=[info("x", 1, 2**10)]))


def test_deep_graphs_do_not_recurse(tmp_path):
    nodes = [helper.make_node("Neg", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(3000)]
    model = saving.load_onnx(saved(tmp_path / "m.onnx", nodes, outputs=[info("v3000", "n", 2)]))
    np.testing.assert_array_equal(model.predict(np.ones((1, 2), np.float32), verbose=0), [[1, 1]])


def test_every_truncation_and_many_flips_are_named(tmp_path):
    weights = {"w": np.eye(2, dtype=np.float32), "s": np.array([-1, 2])}
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["a"], alpha=0.5, transB=1),
        helper.make_node("Reshape", ["a", "s"], ["b"]),
        helper.make_node("Softmax", ["b"], ["y"], axis=-1),
    ]
    good = saved(tmp_path / "good.onnx", nodes, weights).read_bytes()
    random = np.random.default_rng(0)
    bad = [good[:length] for length in range(0, len(good), 2)]
    for _ in range(300):
        data = bytearray(good)
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        bad.append(bytes(data))
    refused = 0
    for data in bad:
        (tmp_path / "bad.onnx").write_bytes(data)
        try:
            saving.load_onnx(tmp_path / "bad.onnx")
        except TinyCNNError as error:
            assert isinstance(error, DataError)  # noqa: PT017
            assert "bad.onnx" in str(error)  # noqa: PT017
            refused += 1
    assert refused > len(good) // 2


def test_what_is_no_file(tmp_path):
    for data in (b"", b"hello", b"\0" * 100, b"\x3a" * 1000):
        (tmp_path / "m.onnx").write_bytes(data)
        with pytest.raises(DataError, match=r"m\.onnx: not an ONNX file"):
            saving.load_onnx(tmp_path / "m.onnx")
    with pytest.raises(FileNotFoundError):
        saving.load_onnx(tmp_path / "none.onnx")


def test_names_out_of_a_file_may_be_anything(tmp_path):
    nodes = [helper.make_node("Relu", ["a/b"], ["/"])]
    model = saving.load_onnx(saved(tmp_path / "m.onnx", nodes, {}, [info("a/b", "n", 2)], [info("/", "n", 2)]))
    assert isinstance(model, Model)
    assert model.input_names == ["a_b"]
