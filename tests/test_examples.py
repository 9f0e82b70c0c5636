"""The examples run as they stand, only shorter."""

import os
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest

from tinycnn.datasets import fashion_mnist, synthetic_fashion

EXAMPLES = Path(__file__).parents[1] / "examples"
EXAMPLE = EXAMPLES / "fashion_mnist.py"


@pytest.fixture
def small_data(monkeypatch):
    """A few hundred pictures in Fashion-MNIST's place: of the real ones where TINYCNN_DATA has them, else of the drawn ones."""
    folder = os.environ.get("TINYCNN_DATA")
    loaded = fashion_mnist.load_data(folder) if folder else synthetic_fashion.load_data(1000, 100)
    (train_x, train_y), (test_x, test_y) = loaded
    monkeypatch.setattr(fashion_mnist, "load_data", lambda: ((train_x[:960], train_y[:960]), (test_x[:100], test_y[:100])))


def test_the_tutorial_differs_from_keras_by_one_word():
    source = EXAMPLE.read_text(encoding="utf-8")
    assert source.count("\nfrom tinycnn.") == 7
    for line in (
        "from tinycnn.models import Sequential, Input, Model",
        "from tinycnn.layers.normalization import BatchNormalization",
        "from tinycnn.layers.advanced_activations import LeakyReLU",
        "epochs = 20",
        'fashion_train.history["val_acc"]',
    ):
        assert line in source


@pytest.mark.usefixtures("small_data")
def test_the_tutorial_runs(tmp_path, monkeypatch, capsys):
    matplotlib = pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    matplotlib.use("Agg")
    script = tmp_path / "fashion_mnist.py"
    script.write_text(EXAMPLE.read_text(encoding="utf-8").replace("epochs = 20", "epochs = 2"), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
        names = runpy.run_path(str(script))
    import matplotlib.pyplot as plt

    plt.close("all")
    printed = capsys.readouterr().out
    assert "Total params: 356,234" in printed
    assert "Epoch 2/2" in printed
    loss, accuracy = names["test_eval"]
    assert loss < 2.2
    assert accuracy > 0.25
    assert len(names["val_accuracy"]) == 2
    assert names["fashion_train"].history["loss"][-1] < names["fashion_train"].history["loss"][0]


@pytest.mark.usefixtures("small_data")
def test_grad_cam_runs(tmp_path, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    script = tmp_path / "grad_cam.py"
    script.write_text((EXAMPLES / "grad_cam.py").read_text(encoding="utf-8").replace("epochs = 3", "epochs = 1"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(script))
    import matplotlib.pyplot as plt

    plt.close("all")
    assert (tmp_path / "grad_cam.png").stat().st_size > 10_000
    assert names["slopes"].shape == names["features"].shape == (10, 7, 7, 128)
    assert names["heat"].shape == (10, 28, 28)
    assert names["heat"].max() > 0
    inside, step = names["inside"], 1e-4
    rest = inside.layers[inside.layers.index(inside.get_layer("features")) + 1 :]

    def score(features):
        for layer in rest:
            features = layer(features)
        return float((features.numpy() * np.eye(10)[names["classes"]]).sum())

    features, along = names["features"].numpy(), np.sign(names["slopes"])
    change = (score(features + step * along) - score(features - step * along)) / (2 * step)
    assert change == pytest.approx(np.abs(names["slopes"]).sum(), rel=0.02)
