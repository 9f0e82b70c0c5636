"""The picture of a training history."""

import sys

import pytest

from tinycnn.utils.plotting import plot_history

HISTORY = {"accuracy": [0.5, 0.6], "loss": [1.0, 0.8], "val_accuracy": [0.4, 0.5], "val_loss": [1.1, 0.9]}


@pytest.mark.parametrize("history", [HISTORY, {"loss": [1.0]}, {"loss": [2.0, float("nan")], "val_loss": [1.0]}])
def test_writes_a_picture_without_a_display(tmp_path, monkeypatch, history):
    image = pytest.importorskip("matplotlib.image")
    monkeypatch.delenv("DISPLAY", raising=False)
    plot_history(history, tmp_path / "curves.png")
    height, width, _ = image.imread(tmp_path / "curves.png").shape
    panels = sum(not name.startswith("val_") for name in history)
    assert (width, height) == (600 * panels, 432)


def test_leaves_matplotlibs_state_alone(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figures = pyplot.get_fignums()
    plot_history(HISTORY, tmp_path / "curves.png")
    assert pyplot.get_fignums() == figures


def test_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match="pip install matplotlib"):
        plot_history(HISTORY, tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()
