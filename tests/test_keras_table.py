"""docs/keras.md says for every public name of Keras what tinycnn has, and what it says is up to date.

Without Keras the names are those of docs/tools/keras_names.json; with it, that file is compared with Keras itself.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).parents[1] / "docs" / "tools"
REMEDY = "run `python docs/tools/keras_table.py`"


@pytest.fixture(scope="module")
def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("keras_table", TOOLS / "keras_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_name_has_a_verdict(table: ModuleType) -> None:
    assert table.problems() == [], "write into docs/tools/keras_notes.toml, or take out of it"


def test_the_page_is_up_to_date(table: ModuleType) -> None:
    assert table.PAGE.read_text(encoding="utf-8") == table.page(), REMEDY


def test_the_page_has_a_row_for_each_name(table: ModuleType) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (same|differs|absent) \| (.*) \|$", table.PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [name for name, _, _ in rows] == [name for names in table.read_names()["names"].values() for name in names]
    assert all(details for _, status, details in rows if status != "same")


def test_a_name_without_a_verdict_is_found(table: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"layers": {"Conv2D": {}, "Conv2000D": {}, "GRU": {}}, "losses": {"get": {}}}
    monkeypatch.setattr(table, "read_names", lambda: {"version": "0", "names": names})
    monkeypatch.setattr(table, "read_notes", lambda: ({"layers.GRU": "why", "layers.Conv2D": "why", "losses.gone": "why"}, {}))
    assert [line.partition(":")[0] for line in table.problems()] == ["layers.Conv2000D", "layers.Conv2D", "losses.gone"]


def test_every_module_of_keras_has_a_section_or_a_row(table: ModuleType) -> None:
    keras = pytest.importorskip("keras")
    names = table.read_names()["names"]
    modules = {name for name, value in vars(keras).items() if isinstance(value, ModuleType) and name not in {"src"} and name[0] != "_"}
    assert modules == {name for name in modules if (name in names) != (name in names[""])}
    assert {name for name in dir(keras) if name[0] != "_"} - modules - {"src"} <= set(names[""])


def test_what_no_all_names_is_not_there(table: ModuleType) -> None:
    assert table.verdict("ops", "more_math", {}, {}, {}) == ("", "")
    assert table.verdict("", "importlib", {}, {}, {}) == ("", "")


def test_a_module_is_no_function(table: ModuleType) -> None:
    assert table.verdict("", "errors", {}, {}, {}) == ("differs", "is a module")
    assert table.verdict("ops", "relu", ["relu"], {}, {}) == ("differs", "is no module")


def test_what_is_in_a_module_without_a_section_is_compared(table: ModuleType) -> None:
    assert table.verdict("optimizers", "legacy", ["Adam", "SGD"], {}, {}) == ("same", "")
    assert table.verdict("optimizers", "legacy", ["Adam", "Adem"], {}, {}) == ("differs", "no `Adem`")


def test_a_note_counts_for_a_second_path(table: ModuleType) -> None:
    assert table.verdict("ops.nn", "ctc_loss", {}, {"ops.ctc_loss": "why"}, {}) == ("absent", "why")
    assert table.verdict("ops.linalg", "norm", {}, {}, {"ops.norm": "how"})[1].startswith("how")


def test_differences_of_arguments(table: ModuleType) -> None:
    keras = {"a": None, "b": "1", "c": "(2, 2)", "d": "'Zeros'", "name": "'x'"}
    assert table.compare(keras, {"a": None, "b": "1", "c": "2", "d": "'zeros'", "name": "None"}) == ([], [])
    assert table.compare(keras, {"a": "5", "b": "2", "c": "(2, 2)", "e": "0", "name": "None"}) == (["no `d`", "`b` is `2`, not `1`"], ["e"])
    assert table.compare({"a": None, "b": None}, {"b": None, "a": None}) == (["order: `b`, `a`"], [])
    assert table.compare({"on_x": "None"}, {"**hooks": None}) == ([], [])


def test_the_list_of_names_is_that_of_keras(table: ModuleType) -> None:
    keras = pytest.importorskip("keras")
    version = table.read_names()["version"]
    if keras.__version__ != version:
        pytest.skip(f"the table is of Keras {version}, installed is {keras.__version__}")
    listed, found = table.read_names()["names"], json.loads(table.names_of_keras())["names"]
    for names in (listed, found):
        names["optimizers"]["Optimizer"] = names[""]["Optimizer"] = names[""]["Variable"] = None  # these depend on Keras's backend
    assert listed == found, f"{REMEDY} --update"
