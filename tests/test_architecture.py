"""Imports only go down: each module's floor, and every import in it, deferred ones included."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import tinycnn

ROOT = Path(tinycnn.__file__).parent

#: Top-level module or package -> floor; a subpackage may stand higher than the rest. What is missing here fails the test by name.
FLOORS = {
    "errors": 0,
    "version": 0,
    "config": 0,
    "checks": 0,
    "random": 0,
    "geometry": 0,
    "registry": 0,
    "kernels": 1,
    "rules": 2,
    "autograd": 3,
    "ops": 3,
    "layers": 4,
    "activations": 4,
    "constraints": 4,
    "initializers": 4,
    "regularizers": 4,
    "losses": 4,
    "metrics": 4,
    "optimizers": 4,
    "saving": 4,
    "saving.onnx": 5,  # reads and writes whole models
    "callbacks": 5,
    "data": 5,
    "models": 5,
    "datasets": 5,
    "utils": 5,
    "wrappers": 5,
    "testing": 5,
    "profiler": 5,
    "backend": 5,
    "bench": 6,
    "cli": 6,
    "__main__": 6,
    "__init__": 6,  # the package's front door names everything, lazily
}

#: What a floor may import from outside the standard library.
ALLOWED = {0: {"numpy"}, 1: {"numpy", "numba", "llvmlite"}, 2: {"numpy"}, 3: {"numpy"}}


def _sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def _floor(module: str) -> int:
    """The floor of a dotted name inside tinycnn, e.g. tinycnn.kernels.spec -> 1; KeyError for a name that has none."""
    parts = module.split(".")
    if len(parts) == 1:
        return FLOORS["__init__"]
    return FLOORS.get(".".join(parts[1:3])) or FLOORS[parts[1]]


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def _imports(tree: ast.AST) -> list[tuple[int, str]]:
    """(line, dotted name) of every import, wherever it stands; `from tinycnn import ops` counts as tinycnn.ops."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            if node.module == "tinycnn":
                found += [(node.lineno, f"tinycnn.{alias.name}") for alias in node.names]
            else:
                found.append((node.lineno, node.module or ""))
    return found


@pytest.mark.parametrize("path", _sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_can_be_read_at_a_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 500, "CONTRIBUTING.md says so: part it by its ideas"


def test_every_module_has_a_floor() -> None:
    here = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in _sources()}
    assert here - set(FLOORS) == set()


@pytest.mark.parametrize("path", _sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    own = _floor(_name(path))
    wrong = []
    for line, name in _imports(ast.parse(path.read_text())):
        top = name.split(".")[0]
        if top == "tinycnn":
            try:
                floor = _floor(name)
            except KeyError:  # a name of the package itself, such as tinycnn.__version__
                floor = FLOORS["version"] if name == "tinycnn.__version__" else FLOORS["__init__"]
            if floor > own:
                wrong.append(f"line {line}: {name} (floor {floor}) from floor {own}")
        elif own in ALLOWED and top not in ALLOWED[own] and top not in sys.stdlib_module_names:
            wrong.append(f"line {line}: {name} is not for floor {own}")
    assert wrong == []


def test_the_oracle_needs_numpy_only() -> None:
    """numpy_ref is read by students: it imports NumPy and what describes the problem, no other kernel code."""
    names = {name for _, name in _imports(ast.parse((ROOT / "kernels" / "numpy_ref.py").read_text()))}
    outside = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert outside == {"numpy", "tinycnn"}
