"""The linter, the formatter and the type checker are tests like others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "tool",
    [("ruff", "check", "--no-cache"), ("ruff", "format", "--check", "--no-cache"), ("mypy", "--cache-dir")],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_tool_finds_nothing(tool: tuple[str, ...], tmp_path: Path) -> None:
    where = [str(tmp_path)] if tool[-1] == "--cache-dir" else []
    result = subprocess.run([sys.executable, "-m", *tool, *where], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
