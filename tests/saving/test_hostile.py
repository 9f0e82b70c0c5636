"""Files that someone made to do harm, or that something damaged: a DataError that says where, and nothing happens."""

from __future__ import annotations

import copy
import importlib.util
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tinycnn.errors import DataError
from tinycnn.layers import Conv2D, Dense, Flatten, Input
from tinycnn.models import Sequential, load_model, model_from_json

PARTS = ("metadata.json", "config.json", "model.weights.h5")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The members of a good archive."""
    path = tmp_path_factory.mktemp("good") / "m.keras"
    model = Sequential([Input((4, 4, 1), name="input"), Conv2D(2, 3, name="conv"), Flatten(name="flat"), Dense(2, name="dense")], name="m")
    model.compile("adam", "mse")
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in PARTS}


def packed(path: Path, members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


# ---- the archive
ARCHIVES: dict[str, tuple[Callable[[dict[str, bytes]], list[tuple[str, bytes]]], int, str]] = {
    "a name that leads out": (lambda p: [*p.items(), ("../outside", b"x")], zipfile.ZIP_STORED, "forbidden name '../outside'"),
    "an absolute name": (lambda p: [*p.items(), ("/etc/x", b"x")], zipfile.ZIP_STORED, "forbidden name"),
    "no config": (lambda p: [("model.weights.h5", p["model.weights.h5"])], zipfile.ZIP_STORED, "lacks 'config.json'"),
    "no weights": (lambda p: [("config.json", p["config.json"])], zipfile.ZIP_STORED, "lacks 'model.weights.h5'"),
    "a bomb": (lambda p: [*p.items(), ("assets", bytes(1 << 24))], zipfile.ZIP_DEFLATED, "more than twice its size"),
    "bzip2": (lambda p: [*p.items()], zipfile.ZIP_BZIP2, "compressed by method 12"),
    "no JSON": (lambda p: [*{**p, "config.json": b"{"}.items()], zipfile.ZIP_STORED, "config.json is not JSON"),
    "a list": (lambda p: [*{**p, "config.json": b"[1]"}.items()], zipfile.ZIP_STORED, "must hold a JSON object"),
    "endless brackets": (lambda p: [*{**p, "config.json": b"[" * 500_000}.items()], zipfile.ZIP_STORED, "config.json is not JSON"),
    "no HDF5": (lambda p: [*{**p, "model.weights.h5": b"x" * 99}.items()], zipfile.ZIP_STORED, "not an HDF5 file"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(name: str, good: dict[str, bytes], tmp_path: Path) -> None:
    change, method, message = ARCHIVES[name]
    path = packed(tmp_path / "bad.keras", change(good), method)
    with pytest.raises(DataError, match=rf"bad\.keras: .*{message}"):
        load_model(path)
    assert [p.name for p in tmp_path.iterdir()] == ["bad.keras"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice(good: dict[str, bytes], tmp_path: Path) -> None:
    path = packed(tmp_path / "bad.keras", [*good.items(), ("config.json", b"{}")])
    with pytest.raises(DataError, match=r"'config\.json' twice"):
        load_model(path)


def test_a_well_packed_archive_is_read(good: dict[str, bytes], tmp_path: Path) -> None:
    """Another program may compress the members; the weights of a small model hardly shrink... but the HDF5 around them does."""
    weights = np.random.default_rng(0).bytes(60_000)
    parts = {**good, "noise": weights}
    assert load_model(packed(tmp_path / "m.keras", [*parts.items()], zipfile.ZIP_DEFLATED)).name == "m"


# ---- the config
def changed(good: dict[str, bytes], change: Callable[[Any], Any]) -> dict[str, bytes]:
    config = json.loads(good["config.json"])
    config = change(copy.deepcopy(config)) or config
    return {**good, "config.json": json.dumps(config).encode()}


def layer(config: Any, i: int) -> Any:
    return config["config"]["layers"][i]


def edited(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(config: Any) -> Any:
        change(config)
        return config

    return apply


CODE = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}
SYSTEM = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}
DOWNLOAD = {
    "module": "keras.utils",
    "class_name": "get_file",
    "config": {"fname": "x", "origin": "http://localhost/x"},
    "registered_name": None,
}

CONFIGS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a Lambda": (
        edited(lambda c: layer(c, 2).update(class_name="Lambda", config={"name": "f", "function": CODE})),
        r"layer 'f' \(class Lambda\) at config\.layers\[2\]: it holds Python code",
    ),
    "a lambda as activation": (
        edited(lambda c: layer(c, 3)["config"].update(activation=CODE)),
        r"config\.layers\[3\]\.activation.*Python code",
    ),
    "a function by its module": (
        edited(lambda c: layer(c, 3)["config"].update(activation=SYSTEM)),
        r"\(class Dense\).*unknown activation 'system'",
    ),
    "a function as a layer": (
        edited(lambda c: c["config"]["layers"].__setitem__(2, DOWNLOAD)),
        r"class get_file\) at config\.layers\[2\].*no layer",
    ),
    "another module's class": (
        edited(lambda c: layer(c, 2).update(module="subprocess", class_name="Popen")),
        r"'flat' \(class Popen\) at config",
    ),
    "an unknown argument": (
        edited(lambda c: layer(c, 3)["config"].update(evil=1)),
        r"\(class Dense\) at config\.layers\[3\].*no argument 'evil'",
    ),
    "a wrong value": (
        edited(lambda c: layer(c, 3)["config"].update(units=-1)),
        r"'dense' \(class Dense\) at config\.layers\[3\]: units must be",
    ),
    "a huge layer": (edited(lambda c: layer(c, 3)["config"].update(units=10**9)), r"layer 'dense' \(Dense\) would have a weight of shape"),
    "a huge input": (edited(lambda c: layer(c, 0)["config"].update(batch_shape=[None, 10**6, 10**6, 1])), "would have a weight of shape"),
    "a negative input": (edited(lambda c: layer(c, 0)["config"].update(batch_shape=[None, -4, 4, 1])), r"config\.layers\[0\].*>= 0"),
    "no layers": (edited(lambda c: c["config"].update(layers=None)), "must have a list of layers"),
    "a text for a layer": (edited(lambda c: c["config"]["layers"].__setitem__(2, "flatten")), r"config\.layers\[2\] must be a layer"),
    "a text for a config": (edited(lambda c: layer(c, 2).update(config="x")), r"its config must be a dict"),
    "too many layers": (edited(lambda c: c["config"].update(layers=[layer(c, 2)] * 10_001)), "has 10001 layers"),
    "no model": (lambda c: layer(c, 3), "config must be a model's"),
    "an initializer that is a layer": (
        edited(lambda c: layer(c, 3)["config"].update(kernel_initializer=layer(c, 2))),
        r"initializer 'flat' \(class Flatten\) at config\.layers\[3\]\.kernel_initializer: tinycnn has no initializer",
    ),
    "an unknown optimizer": (
        edited(lambda c: c["compile_config"]["optimizer"].update(class_name="Foo")),
        r"class Foo\) at compile_config\.opt.*compile=F",
    ),
    "an unknown loss": (edited(lambda c: c["compile_config"].update(loss=SYSTEM)), r"loss 'system' at compile_config\.loss.*compile=False"),
    "a learning rate that is none": (
        edited(lambda c: c["compile_config"]["optimizer"]["config"].update(learning_rate="fast")),
        "compile_config.*learning_rate",
    ),
    "steps that are none": (
        edited(lambda c: c["compile_config"].update(steps_per_execution="x")),
        "compile_config: steps_per_execution must",
    ),
    "an array that is none": (
        edited(lambda c: layer(c, 3)["config"].update(units={"class_name": "__numpy__", "config": {"value": [[1], "x"]}})),
        "units must be",
    ),
    "no class": (lambda c: {"a": 1}, "must be {'class_name'"),
    "a class that is a number": (lambda c: {**c, "class_name": 3}, "must be {'class_name'"),
    "no config": (lambda c: {"class_name": "Sequential"}, "the config of a Sequential must have"),
    "a long class": (edited(lambda c: layer(c, 2).update(class_name="X" * 99_999)), "class XXX"),
    "a long name": (edited(lambda c: layer(c, 3)["config"].update(activation="x" * 99_999)), "unknown activation 'xxx"),
    "a long number": (edited(lambda c: layer(c, 3)["config"].update(units="x" * 99_999)), "units must be"),
    "a long object": (edited(lambda c: layer(c, 3)["config"].update(activation={"a": "x" * 99_999})), "must be {'class_name'"),
    "a long key": (edited(lambda c: layer(c, 3)["config"].update(kernel_initializer={"x" * 99_999: [0]})), "must be {'class_name'"),
    "codes for terminals": (edited(lambda c: layer(c, 2).update(class_name="X\n\x1b[31mY")), r"class X\\n\\x1b\[31mY\)"),
    "deep nesting": (edited(lambda c: layer(c, 3)["config"].update(units=json.loads("[" * 900 + "]" * 900))), "config|nested"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_configs(name: str, good: dict[str, bytes], tmp_path: Path) -> None:
    change, message = CONFIGS[name]
    path = packed(tmp_path / "bad.keras", [*changed(good, change).items()])
    with pytest.raises(DataError, match=rf"bad\.keras: .*{message}") as raised:
        load_model(path)
    assert len(str(raised.value)) < 1100
    assert str(raised.value).isprintable()


def test_a_config_that_no_weights_limit_is_told_where_it_is_wrong() -> None:
    with pytest.raises(DataError, match="json_string is not JSON"):
        model_from_json("{")
    with pytest.raises(DataError, match="a layer config must be"):
        model_from_json('{"a": 1}')
    with pytest.raises(DataError, match="config must be a model's, got Dense"):
        model_from_json(json.dumps({"class_name": "Dense", "config": {"units": 1}}))


def with_op(size: int, **op: Any) -> bytes:
    """A functional model of two inputs (size, 1) and (1, size), and an op."""

    def tensor(name: str) -> dict[str, Any]:
        return {"class_name": "__keras_tensor__", "config": {"shape": [], "dtype": "float32", "keras_history": [name, 0, 0]}}

    shapes = {"a": [None, size, 1], "b": [None, 1, size]}
    layers = [
        {"class_name": "InputLayer", "config": {"name": n, "batch_shape": s}, "name": n, "inbound_nodes": []} for n, s in shapes.items()
    ]
    calls = [{"args": [tensor(name) for name in op.pop("reads")], "kwargs": {}}]
    layers.append({"module": "keras.src.ops.numpy", **op, "name": "op", "inbound_nodes": calls})
    ends = {"input_layers": [["a", 0, 0], ["b", 0, 0]], "output_layers": [["op", 0, 0]]}
    return json.dumps({"class_name": "Functional", "config": {"name": "m", "layers": layers, **ends}}).encode()


OPS: dict[str, tuple[int, dict[str, Any], str]] = {
    "a sum that broadcasts": (50_000, {"class_name": "Add", "config": {"name": "op"}, "reads": "ab"}, "may make one of more than"),
    "large inputs": (10**9, {"class_name": "Sqrt", "config": {"name": "op"}, "reads": "a"}, "may make one of more than"),
    "repeats": (
        9,
        {"class_name": "Repeat", "config": {"name": "op", "repeats": 10**9, "axis": 1}, "reads": "a"},
        "its arguments would make",
    ),
    "repeats of a large input": (
        1 << 20,
        {"class_name": "Repeat", "config": {"name": "op", "repeats": 250, "axis": 1}, "reads": "a"},
        r"operation 'op' \(repeat\).* would make 524,288,000 cells",
    ),
    "long work": (
        1 << 13,
        {"class_name": "Diff", "config": {"name": "op", "n": 1 << 24, "axis": 1}, "reads": "a"},
        r"operation 'op' \(diff\).* would compute too long",
    ),
    "padding": (
        9,
        {"class_name": "Pad", "config": {"name": "op", "pad_width": [[0, 0], [9999, 9999], [9999, 0]]}, "reads": "a"},
        "its arguments",
    ),
    "no op": (
        9,
        {"class_name": "System", "config": {"name": "op"}, "reads": "a"},
        r"\(class System\) at config.layers\[2\]: tinycnn has no op",
    ),
}


@pytest.mark.parametrize("name", OPS)
def test_ops(name: str, good: dict[str, bytes], tmp_path: Path) -> None:
    size, op, message = OPS[name]
    path = packed(tmp_path / "bad.keras", [*{**good, "config.json": with_op(size, **op)}.items()])
    with pytest.raises(DataError, match=rf"bad\.keras: .*{message}"):
        load_model(path)


# ---- the weights
def weights_without(good: dict[str, bytes], change: Callable[[Any], Any]) -> dict[str, bytes]:
    stream = io.BytesIO(good["model.weights.h5"])
    with h5py.File(stream, "r+") as file:
        change(file)
    return {**good, "model.weights.h5": stream.getvalue()}


def replaced(name: str, make: Callable[[Any, str], Any]) -> Callable[[Any], Any]:
    def change(file: Any) -> None:
        del file[name]
        make(file, name)

    return change


KERNEL = "layers/dense/vars/0"
WEIGHTS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "missing": (lambda file: file.__delitem__("layers/dense"), r"layer 'dense' \(Dense\) has 2 weights, the file lacks the group"),
    "too few": (lambda file: file.__delitem__(KERNEL), r"layer 'dense' \(Dense\) has 2 weights, the file has \['1'\]"),
    "too many": (lambda file: file.__setitem__("layers/dense/vars/2", [1.0]), r"has 2 weights, the file has \['0', '1', '2'\]"),
    "another shape": (
        replaced(KERNEL, lambda file, name: file.create_dataset(name, data=np.zeros((8, 3), "f4"))),
        r"shape \(8, 2\), dataset .*\(8, 3\)",
    ),
    "another dtype": (
        replaced(KERNEL, lambda file, name: file.create_dataset(name, data=np.zeros((8, 2), "i4"))),
        r"holds floats, dataset .*int32",
    ),
    "a link": (replaced(KERNEL, lambda file, name: file.__setitem__(name, h5py.SoftLink("/layers/conv/vars/0"))), "soft link"),
    "an external link": (replaced(KERNEL, lambda file, name: file.__setitem__(name, h5py.ExternalLink("x.h5", "/x"))), "not read here"),
    "an external file": (
        replaced(KERNEL, lambda file, name: file.create_dataset(name, (8, 2), "f4", external=[("/etc/hostname", 0, 64)])),
        "in external files",
    ),
    "compressed": (
        replaced(KERNEL, lambda file, name: file.create_dataset(name, (8, 2), "f4", compression="gzip")),
        "compressed or filtered",
    ),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(name: str, good: dict[str, bytes], tmp_path: Path) -> None:
    change, message = WEIGHTS[name]
    path = packed(tmp_path / "bad.keras", [*weights_without(good, change).items()])
    with pytest.raises(DataError, match=rf"bad\.keras: .*({message})"):
        load_model(path)


def test_a_failed_load_of_weights_changes_nothing(good: dict[str, bytes], tmp_path: Path) -> None:
    model = Sequential([Input((4, 4, 1)), Conv2D(2, 3), Flatten(), Dense(2)])
    before = model.get_weights()
    path = packed(tmp_path / "bad.keras", [*weights_without(good, WEIGHTS["too few"][0]).items()])
    with pytest.raises(DataError):
        model.load_weights(path)
    for got, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_loading_draws_nothing_from_the_seed(good: dict[str, bytes], tmp_path: Path) -> None:
    from tinycnn import random

    before = random.get_state()
    load_model(packed(tmp_path / "m.keras", [*good.items()]))
    assert random.get_state() == before


# ---- damage
def _fuzz() -> Any:
    spec = importlib.util.spec_from_file_location("fuzz_files", Path(__file__).parents[2] / "benchmarks" / "fuzz_files.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["keras", "h5", "weights", "npz", "safetensors"])
def test_truncations_and_flips(kind: str) -> None:
    """The short version of benchmarks/fuzz_files.py."""
    counts, wrong = _fuzz().run(kind, flips=60, step=997)
    assert wrong == []
    assert counts["DataError"] > 20


def test_memory_stays_near_the_size_of_the_file(tmp_path: Path) -> None:
    """The file, the weights, and, while it is being made, one more copy of a weight: here all of them are in one."""
    model = Sequential([Input((2000,)), Dense(2000)])
    model.save(tmp_path / "big.keras")
    size = (tmp_path / "big.keras").stat().st_size
    del model
    tracemalloc.start()
    load_model(tmp_path / "big.keras")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3.2 * size
