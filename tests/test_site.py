"""The site of docs/ and the API reference builds without a warning, and everything public is in it. Needs the extra `docs`."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinycnn

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")
    pytest.importorskip("mkdocstrings", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, str(ROOT / "docs" / "tools" / "build_site.py"), str(folder / "site"), str(folder / "pages")]
    environment = {**os.environ, "PYTHONPATH": str(Path(tinycnn.__file__).parents[1])}
    built = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "WARNING" not in built.stdout + built.stderr
    return folder / "site"


def test_every_page_of_docs_is_there(site: Path) -> None:
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")}
    assert {"index", "design", "keras"} <= pages
    assert pages <= {page.stem for page in site.glob("*.html")}
    assert (site / "source" / "tinycnn" / "registry.py.html").exists(), "a file that a page points to"


def test_every_public_class_and_function_is_described(site: Path) -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in site.glob("reference/*.html"))
    missing = []
    for page in site.glob("reference/*.html"):
        name = "tinycnn" if page.stem == "index" else f"tinycnn.{page.stem}"
        module = importlib.import_module(name)
        for value in (getattr(module, public) for public in module.__all__):
            if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith("tinycnn"):
                path = f"{value.__module__}.{value.__name__}"
                missing += [path] if f'id="{path}"' not in text else []
    assert missing == []


def test_every_public_module_has_a_page(site: Path) -> None:
    pages = {page.stem for page in site.glob("reference/*.html")}
    modules = {name for name in tinycnn.__all__ if inspect.ismodule(getattr(tinycnn, name))}
    assert modules <= pages
