"""`tinycnn bench`: its cases run on every backend and its table has every number. Nothing is judged by its speed."""

import pytest

from tinycnn import bench
from tinycnn.errors import BackendError
from tinycnn.kernels import select


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(bench, "BATCH", 1)
    monkeypatch.setattr(bench, "BUDGET", 0.0)
    monkeypatch.setattr(bench, "_PEAK_SECONDS", 0.01)


def test_every_case_is_timed_on_the_backends_asked_for():
    cases = bench.cases(batch=1)
    with select.use_backend("numpy"):
        numpy = select.current()
    timings = bench.measure(cases, {"numpy": numpy}, budget=0)
    assert [timing.case for timing in timings] == cases
    assert all(0 < timing.seconds["numpy"] < 60 for timing in timings)


def test_flop_counts_two_for_a_multiply_add():
    (dense,) = [case for case in bench.cases(batch=2) if case.name.startswith("dense")]
    assert dense.flop == 2 * 2 * 2048 * 128
    (conv3,) = [case for case in bench.cases(batch=2) if case.name.startswith("conv3") and case.name.endswith("forward")]
    assert conv3.flop == 2 * (2 * 7 * 7) * 128 * (3 * 3 * 64)


def test_the_table_is_printed(capsys):
    before = select.backend()
    bench.run_bench("numpy")
    printed = capsys.readouterr().out
    for case in bench.cases(batch=1):
        assert case.name in printed
    assert select.backend() == before


def test_a_backend_that_is_missing_is_left_out_unless_it_was_asked_for(monkeypatch, capsys):
    use_backend = select.use_backend

    def only_numpy(name):
        if name != "numpy":
            raise BackendError(f"no {name} here")
        return use_backend(name)

    monkeypatch.setattr(select, "use_backend", only_numpy)
    bench.run_bench()
    assert "c is left out: no c here\nnumba is left out: no numba here\n" in capsys.readouterr().out
    with pytest.raises(BackendError, match="no numba here"):
        bench.run_bench("numba")


def test_the_c_backend_is_compared_with_the_fma_peak(capsys):
    if select.available_backends()["c"] != "available":
        pytest.skip("the C kernels are not built")
    bench.run_bench("c")
    printed = capsys.readouterr().out
    assert "of peak" in printed
    assert "FMA peak of this machine" in printed
