"""Every backend, and the C one on every level that this processor runs, as the fixture `kernels`; float64 NumPy as `oracle`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tinycnn import config
from tinycnn.errors import BackendError
from tinycnn.kernels import native, numpy_ref, select
from tinycnn.kernels.spec import KernelSet

#: TINYCNN_EXAMPLES=10000 looks further, and elsewhere each time.
_EXAMPLES = os.environ.get("TINYCNN_EXAMPLES")
settings.register_profile("kernels", max_examples=int(_EXAMPLES or 50), deadline=None, derandomize=not _EXAMPLES, database=None)
settings.load_profile("kernels")


def _backends() -> list[str]:
    try:
        native.load()
    except BackendError:
        levels = []
    else:
        levels = [f"c-{level}" for level in native.isas()]
    return [*levels, *(name for name, state in select.available_backends().items() if name != "c" and state == "available")]


@pytest.fixture(scope="module", params=_backends())
def kernels(request: pytest.FixtureRequest) -> Iterator[KernelSet]:
    name, _, level = request.param.partition("-")
    with select.use_backend(name):
        if not level:
            yield select.current()
            return
        before = native.isa()
        native.set_isa(level)
        assert native.isa() == level  # as the kernels' own table says
        yield select.current()
        native.set_isa(before)


@pytest.fixture(scope="session")
def oracle() -> KernelSet:
    """To be called in float64."""
    return numpy_ref.load()


@pytest.fixture(scope="module")
def direct_convolution() -> Iterator[None]:
    """No Winograd: for what only the direct sum promises."""
    before = config.conv_algorithm()
    config.set_conv_algorithm("direct")
    yield
    config.set_conv_algorithm(before)


@pytest.fixture
def restored_threads() -> Iterator[None]:
    before = select.get_num_threads()
    yield
    select.set_num_threads(before)
