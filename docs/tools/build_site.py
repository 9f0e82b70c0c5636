"""Build the site: the pages of docs/, the API reference, and the source files that the pages point to.

    python docs/tools/build_site.py [SITE [PAGES]]     # default: build/site, whose index.html is the first page, and build/pages

Pages are put together in PAGES, with one page of reference for each public module: its docstring, then every name of its
`__all__`, by the file it is written in. Then the site generator runs over them, strictly: a warning is an error.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

#: The pages of the reference.
MODULES = (
    "models", "layers", "losses", "metrics", "optimizers", "optimizers.schedules", "callbacks", "activations", "initializers",
    "regularizers", "constraints", "ops", "ops.image", "autograd", "data", "datasets", "utils", "saving", "wrappers", "config", "errors",
    "backend", "profiler", "random", "testing",
)  # fmt: skip

LANGUAGES = {".py": "python", ".c": "c", ".h": "c", ".def": "c", ".toml": "toml", ".md": "markdown", ".sh": "bash"}

#: A link of a page to a file outside of docs/.
LINK = re.compile(r"\]\((\.\./[^)#\s]+)\)")


def write_pages(pages: Path) -> None:
    """Everything that the generator reads, into an empty folder."""
    docs = ROOT / "docs"
    shutil.copytree(docs, pages, ignore=shutil.ignore_patterns("tools", "*.md"))
    linked: set[Path] = set()
    for page in sorted(docs.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        linked |= {(docs / target).resolve() for target in LINK.findall(text)}
        _write(pages / page.name, LINK.sub(lambda match: f"]({_page_of((docs / match[1]).resolve())})", text))
    for path in linked:
        _write(pages / _page_of(path), source(path))
    _write(pages / "reference" / "index.md", overview())
    for name in MODULES:
        _write(pages / "reference" / f"{name}.md", reference(f"tinycnn.{name}"))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# ---- the reference
def overview() -> str:
    """The first page of the reference: a row for each module, then the names of the package itself that no module has."""
    rows = [f"| [`tinycnn.{name}`]({name}.md) | {_summary(f'tinycnn.{name}')} |" for name in MODULES]
    return "\n".join(["# Reference", "", _docstring("tinycnn"), "", "| module | |", "|---|---|", *rows, "", *_described("tinycnn")])


def reference(module_name: str) -> str:
    """The page of a module: its docstring, then the names of its `__all__` under a heading for each file they are written in."""
    return "\n".join([f"# {module_name}", "", _docstring(module_name), "", *_described(module_name)])


def _described(module_name: str) -> list[str]:
    lines, elsewhere = [], []
    for home, things in public(module_name).items():
        here = {path: aliases for path, aliases in things.items() if owners()[path] == module_name}
        elsewhere += [f"[`{path.rpartition('.')[2]}`][{path}]" for path in things if path not in here]
        if here and home != module_name:
            lines += [f"## {home.rpartition('.')[2].replace('_', ' ').capitalize()}", "", _summary(home), ""]
        for path, aliases in here.items():
            lines += [f"::: {path}", *_options(path), ""]
            if aliases:
                lines += [f"Also named {', '.join(f'`{alias}`' for alias in aliases)}.", ""]
    return [*lines, "## Described elsewhere", "", ", ".join(elsewhere), ""] if elsewhere else lines


def _options(path: str) -> list[str]:
    """Members that a class has of bases which no page describes are shown with it."""
    thing = getattr(importlib.import_module(path.rpartition(".")[0]), path.rpartition(".")[2])
    bases = [base for base in thing.__mro__[1:] if base.__module__.startswith("tinycnn")] if inspect.isclass(thing) else []
    described = [base for base in bases if f"{base.__module__}.{base.__name__}" in owners()]
    hidden = [base for base in bases if not any(issubclass(other, base) for other in described)]
    names = sorted({name for base in hidden for name, member in vars(base).items() if not name.startswith("_") and _is_method(member)})
    return ["    options:", f"      inherited_members: [{', '.join(names)}]"] if names else []


def _is_method(member: object) -> bool:
    return inspect.isroutine(member) or isinstance(member, (property, staticmethod, classmethod))


@functools.cache
def public(module_name: str) -> dict[str, dict[str, list[str]]]:
    """File -> full name of a class or function in it -> other public names of the same thing; the module's own names come first."""
    module = importlib.import_module(module_name)
    found: dict[str, dict[str, list[str]]] = {module_name: {}}
    for name in sorted(set(module.__all__), key=str.lower):
        value = getattr(module, name)
        if inspect.ismodule(value) and value.__name__.startswith("tinycnn.datasets."):  # known by their modules
            found |= public(value.__name__)
        elif (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith("tinycnn"):
            things = found.setdefault(value.__module__, {})
            things.setdefault(f"{value.__module__}.{value.__name__}", []).extend([name] if name != value.__name__ else [])
    return {home: found[home] for home in sorted(found, key=lambda home: (home != module_name, home)) if found[home]}


@functools.cache
def owners() -> dict[str, str]:
    """Full name of a class or function -> the module whose page describes it: the one it is written in, else the first that has it."""
    found: dict[str, str] = {}
    for module in [*(f"tinycnn.{name}" for name in MODULES), "tinycnn"]:
        for home, things in public(module).items():
            for path in things:
                if path not in found or home == module or (home.startswith(f"{module}.") and not home.startswith(f"{found[path]}.")):
                    found[path] = module
    return found


def _docstring(module_name: str) -> str:
    return inspect.getdoc(importlib.import_module(module_name)) or ""


def _summary(module_name: str) -> str:
    return _docstring(module_name).partition("\n\n")[0].replace("\n", " ")


# ---- source files
def _page_of(path: Path) -> str:
    return f"source/{os.path.relpath(path, ROOT)}.md"


def source(path: Path) -> str:
    """The page of a file: its text; of a folder: what is in it."""
    name = os.path.relpath(path, ROOT)
    if path.is_dir():
        return f"# {name}\n\n" + "\n".join(
            f"- `{child.name}`" for child in sorted(path.iterdir()) if not child.name.startswith((".", "__"))
        )
    return f"# {name}\n\n`````{LANGUAGES.get(path.suffix, 'text')}\n{path.read_text(encoding='utf-8')}\n`````\n"


def main(arguments: list[str]) -> Any:
    """Write the pages and run the generator; gives its exit status."""
    default = [str(ROOT / "build" / "site"), str(ROOT / "build" / "pages")]
    site, pages = (Path(folder).resolve() for folder in arguments + default[len(arguments) :])
    shutil.rmtree(pages, ignore_errors=True)
    write_pages(pages)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    environment = {**os.environ, "DOCS_PAGES": str(pages), "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
