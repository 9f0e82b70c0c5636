"""The command line as a user meets it: what is printed, what is written, and the exit status."""

import csv
import dataclasses
import functools
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinycnn
from tinycnn.cli import main
from tinycnn.cli.run import Run
from tinycnn.datasets import fashion_mnist, synthetic_fashion
from tinycnn.layers import Dense, Flatten, Input
from tinycnn.models import Sequential, load_model

NOWHERE = "http://127.0.0.1:9/"  # the discard port: nothing listens there
FILES = ["curves.png", "history.csv", "model.keras", "run.json"]


@pytest.fixture(autouse=True)
def _small_and_offline(monkeypatch, tmp_path):
    """A small drawn set; Fashion-MNIST can be had from nowhere; everything is written under tmp_path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYCNN_DATA", raising=False)
    monkeypatch.setenv("TINYCNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(synthetic_fashion, "load_data", functools.partial(synthetic_fashion.load_data, 200, 100))
    monkeypatch.setattr(fashion_mnist, "_DATASET", dataclasses.replace(fashion_mnist._DATASET, mirrors=(NOWHERE,)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two epochs on the small drawn set: its folder."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic_fashion, "load_data", functools.partial(synthetic_fashion.load_data, 200, 100))
        assert main(["train", "--dataset", "synthetic_fashion", "--epochs", "2", "--out", str(folder)]) == 0
    return folder


def one_line(capsys):
    """The single line on stderr."""
    printed = capsys.readouterr().err
    assert printed.startswith("tinycnn: ")
    assert printed.count("\n") == 1
    return printed


# ---------------------------------------------------------------------------------------------------- train
def test_train_leaves_a_whole_run_folder(trained):
    assert sorted(file.name for file in trained.iterdir()) == FILES
    record = json.loads((trained / "run.json").read_text())
    assert record["dataset"] == "synthetic_fashion"
    assert record["missing"] is None
    assert record["interrupted"] is False
    assert record["epochs"] == 2
    assert record["arguments"]["seed"] == 0
    assert record["versions"]["tinycnn"] == tinycnn.__version__
    assert 0 <= record["test_accuracy"] <= 1
    with open(trained / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert list(rows[0]) == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]
    assert (trained / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_train_prints_summary_verdict_and_path(tmp_path, capsys):
    assert main(["train", "--dataset", "synthetic_fashion", "--epochs", "2", "--batch-size", "50"]) == 0
    printed = capsys.readouterr().out
    assert "Total params: 356,234" in printed
    assert "Epoch 2/2" in printed
    assert "test loss " in printed
    assert "on synthetic_fashion\n" in printed
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"run folder: {folder.relative_to(tmp_path)}" in printed
    assert folder.name.endswith("-synthetic_fashion")


def test_same_seed_same_weights(trained, tmp_path):
    same, other = tmp_path / "same", tmp_path / "other"
    base = ["train", "--dataset", "synthetic_fashion", "--epochs", "2", "--out"]
    assert main([*base, str(same), "--seed", "0"]) == 0
    assert main([*base, str(other), "--seed", "1"]) == 0
    first, second, third = [load_model(folder / "model.keras").get_weights() for folder in (trained, same, other)]
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(not np.array_equal(a, b) for a, b in zip(first, third, strict=True))


def test_without_fashion_mnist_the_drawn_set_takes_its_place_and_says_so(tmp_path, capsys):
    assert main(["train", "--epochs", "1", "--out", "run"]) == 0
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "Fashion-MNIST is neither" in printed.err
    assert "Training on the embedded synthetic_fashion instead" in printed.err
    assert "NOT Fashion-MNIST" in printed.out
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["dataset"] == "synthetic_fashion"
    assert "could not be downloaded" in record["missing"]


@pytest.mark.parametrize("insisting", [["--dataset", "fashion_mnist"], ["--data", "."]])
def test_who_names_the_data_gets_no_other(tmp_path, capsys, insisting):
    assert main(["train", "--out", "run", *insisting]) == 2
    assert "Fashion-MNIST" in one_line(capsys)
    assert not (tmp_path / "run").exists()


def test_the_drawn_set_takes_no_folder(trained, tmp_path, capsys):
    assert main(["train", "--dataset", "synthetic_fashion", "--data", "nosuch"]) == 2
    assert "--data nosuch cannot be used with synthetic_fashion" in one_line(capsys)
    assert main(["evaluate", str(trained), "--data", "nosuch"]) == 2
    assert "--data nosuch cannot be used with synthetic_fashion" in one_line(capsys)


@pytest.mark.parametrize("command", [["train"], ["evaluate", "run", "--dataset", "mnist"]])
def test_a_data_folder_that_is_none_is_named(trained, tmp_path, capsys, command):
    shutil.copytree(trained, tmp_path / "run")
    assert main([*command, "--data", "nosuch"]) == 2
    assert one_line(capsys).startswith("tinycnn: --data nosuch is not a folder")


def test_an_existing_folder_is_never_written_into(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    assert main(["train", "--dataset", "synthetic_fashion", "--out", "run"]) == 2
    assert "--out run exists already" in one_line(capsys)
    assert list((tmp_path / "run").iterdir()) == []


def test_without_matplotlib_the_picture_is_left_out_with_a_word(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["train", "--dataset", "synthetic_fashion", "--epochs", "1", "--out", "run"]) == 0
    assert "curves.png was left out: it is drawn with matplotlib" in capsys.readouterr().out
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == FILES[1:]


def fill_the_disk(monkeypatch, name):
    """The file of this name finds no room."""
    replace = os.replace

    def full(source, target):
        if Path(target).name == name:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)


@pytest.mark.parametrize(("name", "kept"), [("model.keras", None), ("history.csv", FILES[2:3]), ("run.json", FILES[1:3])])
def test_a_full_disk_leaves_whole_files_only(tmp_path, monkeypatch, capsys, name, kept):
    fill_the_disk(monkeypatch, name)
    assert main(["train", "--dataset", "synthetic_fashion", "--epochs", "1", "--out", "run"]) == 2
    printed = one_line(capsys)
    assert "No space left on device" in printed
    assert name in printed
    assert (sorted(file.name for file in (tmp_path / "run").iterdir()) if kept else None) == kept
    assert (tmp_path / "run").exists() == bool(kept)


@pytest.mark.parametrize(("options", "before"), [([], []), ([], ["runs"]), (["--out", "a/b/c"], []), (["--out", "a/b/c"], ["a"])])
def test_a_failure_leaves_no_folder_that_it_made(tmp_path, monkeypatch, capsys, options, before):
    for name in before:
        (tmp_path / name).mkdir()
    fill_the_disk(monkeypatch, "model.keras")
    assert main(["train", "--dataset", "synthetic_fashion", "--epochs", "1", *options]) == 2
    one_line(capsys)
    assert [path.name for path in tmp_path.rglob("*")] == before


def test_two_runs_of_one_second_have_folders_of_their_own(tmp_path):
    runs = [Run.create(None, "mnist") for _ in range(3)]
    assert len({run.folder for run in runs}) == 3
    for run in reversed(runs):
        run.discard_if_empty()
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_fails_costs_nothing_else(tmp_path, monkeypatch, capsys):
    fill_the_disk(monkeypatch, "curves.png")
    assert main(["train", "--dataset", "synthetic_fashion", "--epochs", "1", "--out", "run"]) == 0
    printed = capsys.readouterr()
    assert "curves.png was left out: [Errno 28] No space left on device" in printed.out
    assert "run folder: run\n" in printed.out
    assert printed.err == ""
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == FILES[1:]


class Filling(io.StringIO):
    """A stdout that takes nothing after `last`."""

    def __init__(self, last):
        super().__init__()
        self.last = last

    def write(self, text):
        if self.last in self.getvalue():
            raise OSError(28, "No space left on device")
        return super().write(text)


@pytest.mark.parametrize(("last", "epochs"), [("Epoch 1/2\n", 1), ("Epoch 2/2", 1), ("Epoch 2/2\n", 2)])
def test_what_was_trained_until_stdout_is_full_is_kept(tmp_path, monkeypatch, capsys, last, epochs):
    monkeypatch.setattr(sys, "stdout", Filling(last))
    assert main(["train", "--dataset", "synthetic_fashion", "--epochs", "2", "--out", "run"]) == 2
    assert one_line(capsys) == "tinycnn: stdout is lost (No space left on device); what was trained is kept in run\n"
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["epochs"] == epochs
    assert record["interrupted"] is True
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == FILES
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert main(["evaluate", "run"]) == 0


def test_a_run_whose_end_cannot_be_told_is_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Filling("test loss"))
    assert main(["train", "--dataset", "synthetic_fashion", "--epochs", "1", "--out", "run"]) == 2
    assert one_line(capsys) == "tinycnn: stdout is lost (No space left on device); what was trained is kept in run\n"
    assert json.loads((tmp_path / "run" / "run.json").read_text())["interrupted"] is False


@pytest.mark.parametrize("last", ["", "dense", "Epoch 1/2"])
def test_a_stdout_that_is_full_before_an_epoch_leaves_nothing(tmp_path, monkeypatch, capsys, last):
    monkeypatch.setattr(sys, "stdout", Filling(last))
    assert main(["train", "--dataset", "synthetic_fashion", "--epochs", "2", "--out", "run"]) == 2
    assert one_line(capsys) == "tinycnn: stdout is lost (No space left on device) before an epoch was finished; nothing is kept\n"
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------------------------------------------- evaluate, predict
def test_evaluate_repeats_the_figures_of_train(trained, capsys):
    record = json.loads((trained / "run.json").read_text())
    assert main(["evaluate", str(trained)]) == 0
    expected = f"test loss {record['test_loss']:.4f}, test accuracy {record['test_accuracy']:.4f} on synthetic_fashion\n"
    assert capsys.readouterr().out == expected


def test_evaluate_draws_what_was_missed(trained, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    assert main(["evaluate", str(run), "--plots"]) == 0
    _, *told = capsys.readouterr().out.splitlines()
    assert told == [f"{run / 'confusion.png'}: which class was taken for which", f"{run / 'mistakes.png'}: the surest mistakes"]
    assert all((run / name).read_bytes().startswith(b"\x89PNG") for name in ("confusion.png", "mistakes.png"))


def test_evaluate_cannot_draw_without_matplotlib(trained, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["evaluate", str(trained), "--plots"]) == 2
    assert "--plots needs matplotlib" in one_line(capsys)
    assert sorted(file.name for file in trained.iterdir()) == FILES


def test_predict_names_classes_and_probabilities(trained, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    (_, _), (test_x, _) = synthetic_fashion.load_data()
    image.fromarray(test_x[0]).save(tmp_path / "first.png")
    image.fromarray(255 - test_x[0]).resize((280, 280)).save(tmp_path / "light.png")
    assert main(["predict", str(trained), "first.png", "light.png"]) == 0
    first, light = capsys.readouterr().out.splitlines()
    assert first.startswith("first.png  ")
    assert first.count("%") == 3
    assert any(name in first for name in fashion_mnist.CLASS_NAMES)
    assert "inverted" not in first
    assert light.endswith("(light background: inverted)")


def test_predict_names_the_picture_it_cannot_read(trained, tmp_path, capsys):
    assert main(["predict", str(trained), "none.png"]) == 2
    assert "none.png" in one_line(capsys)


@pytest.mark.parametrize("content", [None, "", "[1]", "{}", '{"format": 1, "dataset": "os"}', "[" * 100_000])
def test_what_is_no_run_folder_is_named(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    assert main(["evaluate", str(tmp_path)]) == 2
    assert str(tmp_path) in one_line(capsys)


def another(inputs=(28, 28, 1), outputs=10, loss="categorical_crossentropy", metrics=("accuracy",), **options):
    model = Sequential([Input(inputs), Flatten(), Dense(outputs)])
    if loss:
        model.compile(loss=loss, metrics=list(metrics), **options)
    return model


@pytest.mark.parametrize(
    "how",
    [
        {"inputs": (3,)},
        {"outputs": 2},
        {"loss": None},
        {"loss": "mse"},
        {"metrics": ()},
        {"metrics": ("mse",)},
        {"metrics": ("accuracy", "mse")},
        {"weighted_metrics": ["mse"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_another_model_is_refused(trained, tmp_path, capsys, how, command):
    image = pytest.importorskip("PIL.Image")
    image.new("L", (28, 28)).save(tmp_path / "p.png")
    (tmp_path / "run.json").write_bytes((trained / "run.json").read_bytes())
    another(**how).save(tmp_path / "model.keras")
    assert main([command, str(tmp_path), *(["p.png"] if command == "predict" else [])]) == 2
    assert "model.keras does not hold a network that `tinycnn train` made" in one_line(capsys)


def test_a_damaged_model_is_named(trained, tmp_path, capsys):
    (tmp_path / "run.json").write_bytes((trained / "run.json").read_bytes())
    (tmp_path / "model.keras").write_bytes((trained / "model.keras").read_bytes()[:-1000])
    assert main(["evaluate", str(tmp_path)]) == 2
    assert "model.keras" in one_line(capsys)


# ---------------------------------------------------------------------------------------------------- the rest
def test_info_shows_what_runs(capsys):
    assert main(["info", "--threads", "1"]) == 0
    printed = capsys.readouterr().out
    assert tinycnn.__version__ in printed
    assert tinycnn.backend() in printed


@pytest.fixture(autouse=True)
def _same_threads_afterwards():
    threads = tinycnn.get_num_threads()
    yield
    tinycnn.set_num_threads(threads)


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["train", "--epochs", "0"], ["train", "--epochs", "x"], ["train", "--seed", "-1"], ["train", "--backend", "fortran"]],
)
def test_wrong_arguments_are_one_line_and_status_2(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    one_line(capsys)


@pytest.mark.parametrize("arguments", [["train", "--out", ""], ["train", "--data", ""], ["evaluate", ""], ["predict", "run", ""]])
def test_an_empty_path_is_named(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "the path is empty" in one_line(capsys)


def test_too_many_threads_are_an_error(capsys):
    assert main(["info", "--threads", "100000"]) == 2
    assert "num_threads" in one_line(capsys)


# ---------------------------------------------------------------------------------------------------- as a process
def start(*arguments, cwd, stdout=subprocess.PIPE, before=(), **variables):
    """`python -m tinycnn ...` with the package under test, output to a pipe; `before` stands before it, a shell for example."""
    environment = os.environ | {"PYTHONPATH": str(Path(tinycnn.__file__).parents[1]), "PYTHONUNBUFFERED": "1"} | variables
    return subprocess.Popen(
        [*before, sys.executable, "-P", "-m", "tinycnn", *arguments],
        cwd=cwd,
        env=environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_module_runs(tmp_path):
    process = start("--version", cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, f"tinycnn {tinycnn.__version__}\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to one process on Windows")
def test_ctrl_c_keeps_what_was_trained(tmp_path):
    process = start("train", "--dataset", "synthetic_fashion", "--epochs", "1000", "--out", "run", cwd=tmp_path)
    try:
        for line in process.stdout:
            if "Epoch 1/1000" in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, err
    assert "interrupted; what was trained is kept" in out
    assert "run folder: run" in out
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["interrupted"] is True
    assert record["epochs"] == 0
    assert "test_loss" not in record
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == FILES[1:]  # no curve without an epoch
    process = start("evaluate", "run", cwd=tmp_path)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "test accuracy" in out


posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files and shell")
unbuffered = pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@unbuffered
@pytest.mark.parametrize("command", ["--help", "--version", "info"])
def test_a_full_stdout_is_one_line_and_status_2(tmp_path, command, unbuffered):
    with open("/dev/full", "w") as full:
        process = start(command, cwd=tmp_path, stdout=full, PYTHONUNBUFFERED=unbuffered)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, "tinycnn: [Errno 28] No space left on device\n")


@posix
@unbuffered
@pytest.mark.parametrize("command", ["--help", "info"])
def test_who_reads_no_further_is_told_nothing(tmp_path, command, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as broken:
        process = start(command, cwd=tmp_path, stdout=broken, PYTHONUNBUFFERED=unbuffered)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, "")


@posix
@pytest.mark.parametrize(
    ("closed", "arguments", "status"), [(">&-", ["info"], 0), (">&-", ["--help"], 0), (">&- 2>&-", ["evaluate", "none"], 2)]
)
def test_closed_streams_take_what_is_printed_to_nowhere(tmp_path, closed, arguments, status):
    process = start(*arguments, cwd=tmp_path, before=("sh", "-c", f'exec "$@" {closed}', "sh"))
    assert (*process.communicate(timeout=60), process.returncode) == ("", "", status)


def test_names_are_escaped_where_stdout_cannot_encode_them(trained, tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.new("L", (28, 28)).save(tmp_path / "sho\u00e9.png")
    process = start("predict", str(trained), "sho\u00e9.png", cwd=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("sho\\xe9.png  ")


@posix
def test_train_says_that_nobody_reads_on(tmp_path):
    with start("train", "--dataset", "synthetic_fashion", "--out", "run", cwd=tmp_path) as process:
        process.stdout.close()
        assert process.stderr.read() == "tinycnn: stdout is lost (Broken pipe) before an epoch was finished; nothing is kept\n"
    assert process.returncode == 2
    assert not (tmp_path / "run").exists()
