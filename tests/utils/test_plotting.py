"""The picture of a training history."""

import sys

import numpy as np
import pytest

from tinycnn.callbacks import History
from tinycnn.errors import ArgumentError
from tinycnn.utils import plotting
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


# ---- History.plot
def history(**values):
    """A History of so many epochs; None where there is no value."""
    record = History()
    for epoch, logs in enumerate(zip(*values.values(), strict=True)):
        record.on_epoch_end(epoch, {name: value for name, value in zip(values, logs, strict=True) if value is not None})
    return record


def lines(axes):
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}


def test_a_history_draws_itself(tmp_path):
    pytest.importorskip("matplotlib")
    figure = history(**HISTORY).plot(path=tmp_path / "curves.svg")
    assert [axes.get_title() for axes in figure.axes] == ["accuracy", "loss"]
    assert lines(figure.axes[1]) == {"training": ([1, 2], [1.0, 0.8]), "validation": ([1, 2], [1.1, 0.9])}
    assert b"<svg" in (tmp_path / "curves.svg").read_bytes()


def test_into_axes_of_the_users_own():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.subplots(1, 2)
    assert history(**HISTORY).plot(axes) is figure
    assert history(**HISTORY).plot(axes[0], metrics="acc") is figure
    with pytest.raises(ArgumentError, match="ax must be one for each of accuracy, loss"):
        history(**HISTORY).plot(axes[0])


def test_validations_that_are_fewer_than_epochs():
    pytest.importorskip("matplotlib")
    figure = history(loss=[4.0, 3.0, 2.0, 1.0], val_loss=[3.5, None, None, 1.5]).plot()
    assert lines(figure.axes[0])["validation"] == ([1, 4], [3.5, 1.5])


def test_what_cannot_be_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(ArgumentError, match="no epoch is finished"):
        history().plot()
    with pytest.raises(ArgumentError, match="metrics must be among accuracy, loss, got 'f1'"):
        history(**HISTORY).plot(metrics="f1")
    with pytest.raises(ArgumentError, match=r"path must end in \.png"):
        history(**HISTORY).plot(path=tmp_path / "curves.txt")


# ---- classifiers
def test_confusion_matrix(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    figures = kept(monkeypatch)
    plotting.plot_confusion_matrix([0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 2, 0], ["cat", "dog", "fox"], tmp_path / "c.png")
    axes = figures[0].axes[0]
    assert {(*text.get_position()[::-1], text.get_text()) for text in axes.texts} == {
        *[(0, 0, "1"), (0, 1, "1"), (1, 1, "1"), (2, 2, "2"), (2, 0, "1")]
    }
    assert axes.get_title() == "4 of 6 right (66.7%)"
    assert (tmp_path / "c.png").stat().st_size > 1000


def test_mistakes_come_with_the_surest_first(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    figures = kept(monkeypatch)
    chances = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]])
    plotting.plot_mistakes(np.zeros((3, 4, 4)), [1, 1, 1], chances, ["cat", "dog"], tmp_path / "m.png")
    shown = [(axes.get_title(), axes.get_xlabel()) for axes in figures[0].axes if axes.images]
    assert shown == [("dog", "cat 90%"), ("dog", "cat 60%")]
    plotting.plot_mistakes(np.zeros((1, 4, 4, 3)), [1], chances[2:], ["cat", "dog"], tmp_path / "none.png")
    assert figures[1].get_suptitle() == "0 of 1 missed"


def kept(monkeypatch):
    """The figures that are saved from now on."""
    figures = []
    save = plotting.save_figure
    monkeypatch.setattr(plotting, "save_figure", lambda figure, path: (figures.append(figure), save(figure, path)))
    return figures
