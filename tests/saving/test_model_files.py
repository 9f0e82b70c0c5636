"""Whole models and weights in tinycnn's own hands: what is kept, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tinycnn import saving
from tinycnn.errors import ArgumentError, DataError, DTypeError, NotBuiltError
from tinycnn.layers import Activation, BatchNormalization, Dense, Dropout, Input
from tinycnn.models import Model, Sequential, load_model, model_from_json, save_model

X = np.linspace(-1, 1, 15, dtype=np.float32).reshape(5, 3)
Y = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1]]


def network(**dense: object) -> Sequential:
    layers = [Dense(4, activation="relu", kernel_regularizer="l2", **dense), BatchNormalization(), Dropout(0.3, seed=5), Dense(2)]
    return Sequential([Input((3,)), *layers, Activation("softmax")])


def trained() -> Sequential:
    model = network()
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
    return model


@pytest.mark.parametrize("ending", [".keras", ".h5", ".hdf5"])
def test_a_model_trains_on_as_if_nothing_had_happened(ending: str, tmp_path: Path) -> None:
    model = trained()
    path = tmp_path / f"m{ending}"
    model.save(path)
    loaded = saving.load_model(path)
    assert type(loaded) is Sequential
    assert [layer.get_config() for layer in loaded.layers] == [layer.get_config() for layer in model.layers]
    for dropout in (model.layers[2], loaded.layers[2]):
        dropout.rate = 0.0  # where a random generator stands is not in files
    for _ in range(3):
        assert loaded.train_on_batch(X, Y) == model.train_on_batch(X, Y)
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    assert os.listdir(tmp_path) == [path.name]


def test_a_model_that_was_never_compiled(tmp_path: Path) -> None:
    network().save(tmp_path / "m.keras")
    assert not load_model(tmp_path / "m.keras").compiled
    trained().save(tmp_path / "m.keras")
    assert not load_model(tmp_path / "m.keras", compile=False).compiled


def test_the_state_of_the_optimizer_can_be_left_out(tmp_path: Path) -> None:
    model = trained()
    with_state, without = tmp_path / "with.keras", tmp_path / "without.keras"
    model.save(with_state)
    model.save(without, include_optimizer=False)
    assert without.stat().st_size < with_state.stat().st_size
    loaded = load_model(without)
    assert loaded.compiled
    assert (loaded.optimizer.iterations, load_model(with_state).optimizer.iterations) == (0, 2)
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


def test_without_its_optimizer_a_model_of_keras_2s_format_is_not_compiled(tmp_path: Path) -> None:
    model = trained()
    save_model(model, tmp_path / "m.h5", include_optimizer=False)
    loaded = load_model(tmp_path / "m.h5")
    assert not loaded.compiled
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    keras = pytest.importorskip("keras")
    assert not keras.saving.load_model(tmp_path / "m.h5").compiled


def test_save_format_is_told_by_the_ending(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"save_format.*ending") as caught:
        network().save(tmp_path / "m.h5", save_format="tf")
    assert caught[0].filename == __file__
    assert load_model(tmp_path / "m.h5")
    with pytest.raises(ArgumentError, match="filepath"):
        network().save(tmp_path / "m", save_format="tf")
    network().save(tmp_path / "m.keras", save_format=None)


def test_what_is_frozen_stays_frozen(tmp_path: Path) -> None:
    model = network()
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    assert [layer.trainable for layer in loaded.layers] == [layer.trainable for layer in model.layers]
    assert len(loaded.trainable_weights) == len(model.trainable_weights) == 4


def test_an_optimizer_of_other_variables_starts_afresh(tmp_path: Path) -> None:
    model = trained()
    model.layers[0].trainable = False  # after its optimizer was built
    model.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="state of optimizer 'adam' was not loaded"):
        assert load_model(tmp_path / "m.keras").optimizer.iterations == 0


def test_float64(tmp_path: Path) -> None:
    model = Sequential([Input((3,), dtype="float64"), Dense(2, dtype="float64")])
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    assert loaded.weights[0].dtype == np.float64
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_numbers_of_an_optimizer_in_float64(tmp_path: Path) -> None:
    model = Sequential([Input((3,), dtype="float64"), Dense(2, dtype="float64")])
    model.compile("nadam", "mse")
    model.fit(X.astype(np.float64), X[:, :2], epochs=3, verbose=0)
    model.save(tmp_path / "m.keras")
    ours, theirs = (m.optimizer.get_state()["u_product"] for m in (model, load_model(tmp_path / "m.keras")))
    assert ours == theirs != np.float32(ours)


def test_a_shared_weight_is_in_the_file_of_both(tmp_path: Path) -> None:
    model = Sequential([Input((3,)), Dense(3), Dense(3)])
    model.layers[1].kernel = model.layers[0].kernel
    model.layers[1]._trainable_variables = [model.layers[0].kernel, model.layers[1].bias]
    model.save_weights(tmp_path / "m.weights.h5")
    other = Sequential([Input((3,)), Dense(3), Dense(3)])
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other.layers[1].get_weights()[0], model.layers[0].get_weights()[0])


def test_the_archive(tmp_path: Path) -> None:
    trained().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.testzip() is None


def test_json() -> None:
    model = trained()
    again = model_from_json(model.to_json(indent=2))
    assert again.get_compile_config() == model.get_compile_config()
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    unbuilt = model_from_json(Sequential([Dense(2)]).to_json())
    assert not unbuilt.built


@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_weights_bring_the_state_of_a_built_optimizer_back(ending: str, tmp_path: Path) -> None:
    model, other = trained(), trained()
    (model.save if ending == ".keras" else model.save_weights)(tmp_path / f"m{ending}")
    other.train_on_batch(X, Y)
    other.load_weights(tmp_path / f"m{ending}")
    assert other.optimizer.iterations == model.optimizer.iterations == 2
    fresh = network()
    fresh.compile("adam", "categorical_crossentropy")
    fresh.load_weights(tmp_path / f"m{ending}")
    assert fresh.optimizer.iterations == 0
    for model_ in (other, fresh):
        np.testing.assert_array_equal(model_.predict(X, verbose=0), model.predict(X, verbose=0))


def test_layers_that_do_not_fit_can_be_skipped(tmp_path: Path) -> None:
    network().save_weights(tmp_path / "m.weights.h5")
    wide = Sequential([Input((3,)), Dense(4), BatchNormalization(), Dense(7)])
    before = wide.get_weights()
    with pytest.raises(DataError, match=r"m\.weights\.h5: weight 'dense_\d+/kernel' of layer 'dense_\d+' \(Dense\) has shape \(4, 7\)"):
        wide.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(wide.get_weights()[0], before[0])
    with pytest.warns(UserWarning, match="skipped the weights of layer 'dense_"):
        wide.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
    assert not np.array_equal(wide.get_weights()[0], before[0])
    np.testing.assert_array_equal(wide.get_weights()[-2], before[-2])


def test_what_cannot_be(tmp_path: Path) -> None:
    model = network()
    for path in ("m", "m.npz", "m.txt", "m.keras.zip"):
        with pytest.raises(ArgumentError, match=r"must end in '\.keras'"):
            model.save(tmp_path / path)
    with pytest.raises(ArgumentError, match="zipped"):
        model.save(tmp_path / "m.keras", zipped=False)
    with pytest.raises(NotBuiltError, match="build"):
        Sequential([Dense(2)]).save(tmp_path / "m.keras")
    save_model(model, tmp_path / "m.keras")
    with pytest.raises(ArgumentError, match="overwrite is False"):
        model.save(tmp_path / "m.keras", overwrite=False)
    with pytest.raises(FileNotFoundError, match=r"missing\.keras"):
        load_model(tmp_path / "missing.keras")
    (tmp_path / "text.keras").write_text("hello, this is no model")
    with pytest.raises(DataError, match=r"text\.keras: not an HDF5 file"):
        load_model(tmp_path / "text.keras")
    with pytest.raises(ArgumentError, match="skip_mismatch"):
        model.save_weights(tmp_path / "m.npz")
        model.load_weights(tmp_path / "m.npz", skip_mismatch=True)


def test_a_function_of_ones_own_has_no_place_in_a_file(tmp_path: Path) -> None:
    model = Sequential([Input((3,)), Dense(2, activation=lambda x: x)])
    with pytest.raises(DTypeError, match="cannot be written into a config"):
        model.save(tmp_path / "m.keras")
    assert os.listdir(tmp_path) == []


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    model.save(tmp_path / "m.keras")
    before = (tmp_path / "m.keras").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"m\.keras"):
        model.save(tmp_path / "m.keras")
    assert (tmp_path / "m.keras").read_bytes() == before
    assert os.listdir(tmp_path) == ["m.keras"]


SHORT_OF_MEMORY = """
import resource, sys
import h5py
from tinycnn.layers import Dense, Input
from tinycnn.models import Sequential, load_model

model = Sequential([Input((64,)), Dense(4000), Dense(2000)])
for name in sys.argv[1:]:
    save = model.save_weights if "weights" in name else model.save
    save(name)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 20 * 2**20, resource.RLIM_INFINITY))
    try:
        save(name)
        sys.exit(f"{name} was saved")
    except MemoryError:
        pass
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    model.load_weights(name)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_too_little_memory_is_a_memory_error(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("m.keras", "m.h5", "m.weights.h5")]
    subprocess.run([sys.executable, "-P", "-c", SHORT_OF_MEMORY, *names], check=True)
    assert sorted(os.listdir(tmp_path)) == ["m.h5", "m.keras", "m.weights.h5"]


def test_the_front_door() -> None:
    assert saving.load_model is load_model
    assert saving.save_model is save_model
    with pytest.raises(AttributeError, match="no attribute 'load_pickle'"):
        saving.load_pickle  # noqa: B018
    again = model_from_json(network().to_json())
    assert isinstance(again, Sequential)
    assert all(np.any(w != 0) for w in (again.weights[0].numpy(), again.weights[2].numpy()))  # drawn anew


def test_the_default_of_training_is_not_taken_for_a_wish() -> None:
    """Keras writes `training` beside the calls of layers that were told none, but not beside those of normalisation."""
    x = Input((3,))
    config = json.loads(Model(x, BatchNormalization(momentum=0.0)(Dropout(0.5)(x))).to_json())
    for entry in config["config"]["layers"][1:]:
        entry["inbound_nodes"][0]["kwargs"] = {"training": False}
    model = model_from_json(json.dumps(config))
    assert np.any(model(X + 2, training=True).numpy() == 0)
    np.testing.assert_array_equal(model.layers[-1].moving_mean.numpy(), 0)
    np.testing.assert_allclose(model(X, training=False).numpy(), X / np.sqrt(1.001), rtol=1e-6)
