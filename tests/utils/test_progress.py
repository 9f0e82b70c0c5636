"""The progress bar's lines."""

from __future__ import annotations

import io
import re
import sys

import pytest

from tinycnn import errors
from tinycnn.utils import Progbar
from tinycnn.utils.progress import format_duration, format_rate, format_values


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_values_are_sorted_with_validation_last() -> None:
    values = {"val_loss": 0.5, "loss": 0.0008, "accuracy": 0.7, "val_accuracy": -0.0005}
    assert format_values(values) == " - accuracy: 0.7000 - loss: 8.0000e-04 - val_accuracy: -5.0000e-04 - val_loss: 0.5000"
    assert format_values({"loss": 1e-3}) == " - loss: 1.0000e-03"


def test_times() -> None:
    assert [format_duration(s) for s in (0.2, 12, 62, 3661)] == ["0s", "12s", "1:02", "1:01:01"]
    assert [format_rate(s) for s in (2, 0.016, 73e-6)] == ["2s/step", "16ms/step", "73us/step"]


def test_a_pipe_gets_the_finished_line_alone(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Progbar(12, interval=0)
    for step in range(1, 13):
        bar.update(step, [("loss", 0.25)])
    out = capsys.readouterr().out
    assert re.fullmatch(r"12/12 ━{20} 0s \d+[mu]s/step - loss: 0\.2500\n", out)


def test_a_terminal_is_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    bar = Progbar(12, interval=0)
    bar.update(3, [("loss", 0.25)])
    bar.add(9, [("loss", 0.5)])
    first, last = screen.getvalue().split("\r")[1:]
    assert first.startswith(" 3/12 \x1b[32m━━━━━\x1b[0m━")
    assert "\n" not in first
    assert last.endswith("\n")
    assert "loss: 0.4375" in last  # the mean over steps


@pytest.mark.parametrize(
    ("which", "line"),
    [
        ({}, "a: 2.0000 - b: 20.0000"),
        ({"stateful_metrics": ["a"]}, "a: 3.0000 - b: 20.0000"),
        ({"stateless_metrics": ["a"]}, "a: 2.0000 - b: 30.0000"),
    ],
)
def test_which_values_are_averaged(which, line, capsys: pytest.CaptureFixture[str]) -> None:
    bar = Progbar(2, **which)
    bar.update(1, [("a", 1.0), ("b", 10.0)])
    bar.update(2, [("a", 3.0), ("b", 30.0)])
    assert capsys.readouterr().out.endswith(f" - {line}\n")
    with pytest.raises(errors.ArgumentError, match="both"):
        Progbar(2, stateful_metrics=[], stateless_metrics=[])


def test_an_unknown_length(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Progbar(None)
    bar.update(5)
    bar.update(6, finalize=True)
    assert re.match(r"6/6 ━{20} 0s", capsys.readouterr().out)


def test_one_line_and_silence(capsys: pytest.CaptureFixture[str]) -> None:
    Progbar(2, verbose=2).update(2, [("loss", 2.0)])
    assert re.fullmatch(r"2/2 - 0s - \d+\w+/step - loss: 2\.0000\n", capsys.readouterr().out)
    Progbar(2, verbose=0).update(2)
    assert capsys.readouterr().out == ""
    with pytest.raises(errors.ArgumentError):
        Progbar(2, verbose=3)


def test_stdout_without_the_character(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    Progbar(1).update(1)
    sys.stdout.flush()
    assert raw.getvalue().startswith(b"1/1 ====================")
