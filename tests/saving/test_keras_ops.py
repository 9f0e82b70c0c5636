"""Every op that a functional model may hold is written as the class that Keras has for it."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from tinycnn import layers, models, ops, registry
from tinycnn.errors import DTypeError
from tinycnn.saving import keras_ops

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("name", registry.names("operation"))
def test_class(name: str) -> None:
    function = registry.lookup("operation", name).__name__
    config = {"name": "it", "function": function, "arguments": {}}
    if function in keras_ops.ONLY_HERE.split():
        with pytest.raises(DTypeError, match="Keras has no op"):
            keras_ops.op_to_keras(config)
        homes = [importlib.import_module(f"keras.src.ops.{home}") for home in ("core", "image", "linalg", "math", "nn", "numpy")]
        assert not any(hasattr(home, keras_ops.class_of(function)) for home in homes)
        return
    written = keras_ops.op_to_keras(config)
    found = getattr(importlib.import_module(written["module"]), written["class_name"])
    assert issubclass(found, keras.Operation)
    assert found.__module__ == written["module"]
    assert keras_ops.op_from_keras(written["class_name"], written["config"], "it")[0]["function"] == function


def several(x: Any) -> Any:
    """(N, 4, 6) -> (N, 4, 4), by ops of several homes."""
    y = ops.einsum("bij,bkj->bik", x, ops.arctan2(x, 2.0))
    z = ops.tensordot(ops.cumsum(x, 2), np.ones((6, 4), np.float32), 1)
    w = ops.slice_update(y, (0, 1, 1), ops.slice(z, (0, 0, 0), (1, 2, 2)))
    return (
        ops.logaddexp(w, ops.max(z, 2, keepdims=True, initial=0.5))
        + ops.ptp(x, (1, 2), keepdims=True)
        + ops.cbrt(ops.append(y, z, 1)[:, 2:6])
    )


def of_images(x: Any) -> Any:
    """(N, 8, 8, 3) -> (N, 6, 6, 1), by ops on images."""
    y = ops.image.hsv_to_rgb(ops.image.rgb_to_hsv(ops.image.resize(x, (5, 5))))
    y = ops.image.gaussian_blur(ops.image.pad_images(y, 1, 2, None, None, 9, 9), (3, 3), (0.7, 0.7))
    return ops.image.rgb_to_grayscale(ops.image.crop_images(y, 1, 1, 2, 2))


@pytest.mark.parametrize(("function", "shape"), [(several, (1, 4, 6)), (of_images, (1, 8, 8, 3))])
def test_there_and_back(function: Any, shape: tuple[int, ...], tmp_path: Any) -> None:
    inputs = layers.Input(shape[1:], batch_size=1)
    model = models.Model(inputs, function(inputs))
    x = np.random.default_rng(0).uniform(0.1, 1, shape).astype(np.float32)
    model.save(tmp_path / "here.keras")
    theirs = keras.saving.load_model(tmp_path / "here.keras")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(theirs(x)), model(x).numpy(), rtol=1e-4, atol=1e-5)
    theirs.save(tmp_path / "there.keras")
    np.testing.assert_allclose(models.load_model(tmp_path / "there.keras")(x).numpy(), model(x).numpy(), rtol=1e-5)


@pytest.mark.parametrize("value", [None, 0.0, 3.0])
def test_what_is_padded_with(value: float | None, tmp_path: Any) -> None:
    """Keras has it in the call, not in the op's config."""
    x, width = np.ones((2, 4, 3), np.float32), ((0, 0), (1, 2), (0, 0))
    model = models.Model(inputs := layers.Input((4, 3)), ops.pad(inputs, width, constant_values=value))
    model.save(tmp_path / "here.keras")
    theirs = keras.saving.load_model(tmp_path / "here.keras")
    drawn = keras.Model(inputs := keras.Input((4, 3)), keras.ops.pad(inputs, width, constant_values=value))
    for i, their in enumerate((theirs, drawn)):
        their.save(tmp_path / f"there_{i}.keras")
        assert np.array_equal(their.predict(x, verbose=0), model.predict(x, verbose=0))
        assert np.array_equal(models.load_model(tmp_path / f"there_{i}.keras").predict(x, verbose=0), model.predict(x, verbose=0))
