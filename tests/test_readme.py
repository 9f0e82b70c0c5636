"""The README's commands are the ones that are run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_one_test_command_and_ci_finds_it(readme):
    pattern = re.search(r"grep -E '(\^.*?\$)' README\.md", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))[1]
    commands = re.findall(pattern, readme, flags=re.MULTILINE)
    assert commands == ['python3 -m venv .venv && .venv/bin/pip install -q ".[test,exchange,docs]" && .venv/bin/pytest']


def test_the_main_command_installs_what_the_picture_needs(readme):
    assert 'python3 -m venv .venv && .venv/bin/pip install -q ".[plot]" && .venv/bin/tinycnn train\n' in readme


def test_every_link_to_a_file_leads_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_python_in_the_readme_compiles(readme):
    blocks = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")


def test_every_script_of_the_benchmarks_is_on_their_page():
    folder = ROOT / "benchmarks"
    page = (folder / "README.md").read_text(encoding="utf-8")
    scripts = [path for path in (*folder.glob("*.py"), *folder.glob("faults/*.py")) if "__main__" in path.read_text(encoding="utf-8")]
    missing = [str(path.relative_to(folder)) for path in (*scripts, *folder.glob("*.sh")) if path.name not in page]
    assert missing == []


def test_the_table_of_faults_names_its_scripts():
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+\.py)`:", page))
    assert named == {path.name for path in (ROOT / "benchmarks" / "faults").glob("*.py")}
