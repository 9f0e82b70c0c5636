"""The backends as the fixture `kernels`; compiled and warmed up by the first, unmeasured round."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinycnn.kernels import select
from tinycnn.kernels.spec import KernelSet

sys.path.insert(0, str(Path(__file__).parents[1]))  # `baselines` is beside this folder


@pytest.fixture(params=["c", "numba", "numpy"])
def kernels(request: pytest.FixtureRequest) -> Iterator[KernelSet]:
    state = select.available_backends()[request.param]
    if state != "available":
        pytest.skip(state)
    with select.use_backend(request.param):
        yield select.current()
