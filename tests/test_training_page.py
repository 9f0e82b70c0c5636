"""The code in docs/training.md runs as it stands."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "training.md"


def test_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert names["by_features"].shape == (4, 6, 6, 8)
    assert names["by_pixels"].shape == (4, 8, 8, 1)
    losses = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    assert len(losses) == 3
