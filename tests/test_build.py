"""What an install does with and without a C compiler, and that the source distribution carries every C file."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytest.importorskip("setuptools", minversion="77")
pytest.importorskip("Cython")

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tree(tmp_path):
    """A copy of what is needed to build, where a build may leave its traces."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in ("csrc", "tinycnn"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    return tree


def run_setup(tree, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "setup.py", *arguments],
        cwd=tree,
        env={**os.environ, "TINYCNN_BUILD": "", **environment},
        capture_output=True,
        text=True,
    )


def built(tree):
    return [path for path in tree.rglob("_native*") if path.suffix in (".so", ".pyd", ".dylib")]


def test_without_a_compiler_the_build_goes_on(tree):
    result = run_setup(tree, "build", CC="no-such-compiler")
    assert result.returncode == 0, result.stderr
    assert 'building extension "tinycnn.kernels._native" failed' in result.stdout + result.stderr
    assert not built(tree)
    assert list((tree / "build").rglob("numpy_ref.py"))


def test_a_required_build_fails_without_a_compiler(tree):
    result = run_setup(tree, "build", CC="no-such-compiler", TINYCNN_BUILD="require")
    assert result.returncode != 0
    assert "no-such-compiler" in result.stderr


def test_a_skipped_build_does_not_look_for_a_compiler(tree):
    result = run_setup(tree, "build", CC="no-such-compiler", TINYCNN_BUILD="skip")
    assert result.returncode == 0, result.stderr
    assert "no-such-compiler" not in result.stdout + result.stderr
    assert not built(tree)


def test_an_unknown_wish_is_refused(tree):
    result = run_setup(tree, "build", TINYCNN_BUILD="maybe")
    assert result.returncode != 0
    assert "TINYCNN_BUILD must be 'require' or 'skip' where it is set, got 'maybe'" in result.stderr


def test_the_source_distribution_carries_every_c_file(tree):
    result = run_setup(tree, "-q", "sdist", "--dist-dir", "dist")
    assert result.returncode == 0, result.stderr
    (archive,) = (tree / "dist").iterdir()
    with tarfile.open(archive) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
    wanted = {str(path.relative_to(ROOT)) for path in (ROOT / "csrc").rglob("*") if path.is_file()}
    assert wanted | {"setup.py", "tinycnn/kernels/_native.pyx"} <= packed
