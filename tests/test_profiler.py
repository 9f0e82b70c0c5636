"""The profiler: it counts what ran and how much work that was, and leaves results and kernels as they were. No speed is judged."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tinycnn import config, profiler
from tinycnn.errors import BackendError, ShapeError
from tinycnn.geometry import conv2d_geometry, conv_pool2d_geometry, pool2d_geometry
from tinycnn.kernels import select
from tinycnn.kernels.spec import KernelSet
from tinycnn.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from tinycnn.models import Sequential
from tinycnn.profiler import WORK, profile

KERNELS = [name for name, member in vars(KernelSet).items() if inspect.isfunction(member) and not name.startswith("_")]
KERNELS = [name for name in KERNELS if name not in ("empty", "last_algorithm")]  # which compute nothing


@pytest.fixture(autouse=True)
def _numpy_and_a_short_peak(monkeypatch):
    monkeypatch.setattr(profiler, "_PEAK_SECONDS", 0.01)
    with select.use_backend("numpy"):
        yield


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


CONV = conv2d_geometry((2, 5, 5, 4), (3, 3, 2, 6), padding="same", groups=2)
CONV_MACS = (2 * 5 * 5) * 6 * (3 * 3 * 2)
POOL = pool2d_geometry((2, 4, 4, 3), pool_size=2)
POOL_CELLS = 2 * 2 * 2 * 3
FUSED = conv_pool2d_geometry((2, 5, 5, 1), (3, 3, 1, 2), padding="same", pool_padding="same")
FUSED_MACS = (2 * 5 * 5) * 2 * 9
ARGMAX = np.zeros((2, 3, 3, 2), np.uint8)
ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "alpha": 0.1}

#: (kernel, arguments, options, sizes, FLOP, float32 numbers moved + other bytes), counted by hand.
CALLS = [
    (
        "conv2d_forward",
        (CONV, ones(2, 5, 5, 4), ones(3, 3, 2, 6), ones(6)),
        {},
        "Nx5x5x4 -> Nx5x5x6, 3x3, 2 groups",
        2 * CONV_MACS,
        614 * 4,
    ),
    ("conv2d_backward_input", (CONV, ones(2, 5, 5, 6), ones(3, 3, 2, 6)), {}, "Nx5x5x4 -> Nx5x5x6, 3x3, 2 groups", 2 * CONV_MACS, 608 * 4),
    ("conv2d_backward_kernel", (CONV, ones(2, 5, 5, 4), ones(2, 5, 5, 6)), {}, "Nx5x5x4 -> Nx5x5x6, 3x3, 2 groups", 2 * CONV_MACS, 608 * 4),
    ("max_pool2d_forward", (POOL, ones(2, 4, 4, 3)), {}, "Nx4x4x3 -> Nx2x2x3, 2x2", 3 * POOL_CELLS, (96 + 24 + 24) * 4),
    ("max_pool2d_backward", (POOL, ones(2, 2, 2, 3), np.zeros((2, 2, 2, 3), np.int32)), {}, "Nx4x4x3 -> Nx2x2x3, 2x2", POOL_CELLS, 144 * 4),
    ("avg_pool2d_forward", (POOL, ones(2, 4, 4, 3)), {}, "Nx4x4x3 -> Nx2x2x3, 2x2", 4 * POOL_CELLS, (96 + 24) * 4),
    ("avg_pool2d_backward", (POOL, ones(2, 2, 2, 3)), {}, "Nx4x4x3 -> Nx2x2x3, 2x2", 5 * POOL_CELLS, (96 + 24) * 4),
    (
        "conv2d_pool_forward",
        (FUSED, "relu", ones(2, 5, 5, 1), ones(3, 3, 1, 2), None, 0.0),
        {},
        "Nx5x5x1 -> Nx3x3x2, 3x3",
        2 * FUSED_MACS,
        (50 + 18 + 36) * 4 + 36,
    ),
    (
        "conv2d_pool_backward",
        (FUSED, "relu", ones(2, 5, 5, 1), ones(3, 3, 1, 2), ones(2, 3, 3, 2), ARGMAX, ones(2, 3, 3, 2), 0.0, (False, True, True)),
        {},
        "Nx5x5x1 -> Nx3x3x2, 3x3",
        2 * FUSED_MACS,
        (50 + 18 + 36 + 36 + 18 + 2) * 4 + 36,
    ),
    ("matmul", (ones(3, 2), ones(5, 3)), {"transpose_a": True, "transpose_b": True}, "2x3 @ 3x5", 2 * 2 * 3 * 5, (6 + 15 + 10) * 4),
    ("affine_forward", ("relu", ones(3, 4), ones(4, 5), ones(5)), {}, "3x4 @ 4x5, relu", 120, (12 + 20 + 5 + 15) * 4),
    (
        "affine_backward",
        ("tanh", ones(3, 4), ones(4, 5), ones(3, 5), ones(3, 5), 0.0, (True, True, True)),
        {},
        "3x4 @ 4x5, tanh",
        240,
        (12 + 20 + 15 + 15 + 12 + 20 + 5) * 4,
    ),
    ("sum_rows", (ones(4, 5),), {}, "Nx5", 20, 25 * 4),
    ("bias_activation_forward", ("relu", ones(4, 5), ones(5)), {}, "Nx5, relu", 40, 45 * 4),
    ("activation_backward", ("tanh", ones(4, 5), ones(4, 5)), {}, "Nx5, tanh", 40, 60 * 4),
    ("softmax", (ones(4, 5),), {}, "Nx5", 100, 40 * 4),
    ("softmax_crossentropy_forward", (ones(4, 5), ones(4, 5)), {}, "Nx5", 160, 64 * 4),
    ("softmax_crossentropy_backward", (ones(4), ones(4, 5), ones(4, 5)), {}, "Nx5", 80, 64 * 4),
    ("batch_norm_moments", (ones(4, 5),), {}, "Nx5", 80, 30 * 4),
    ("batch_norm_forward", (ones(4, 5), ones(5), ones(5), ones(5), ones(5), 1e-3), {}, "Nx5", 80, 60 * 4),
    ("batch_norm_backward", (ones(4, 5), ones(4, 5), ones(5), ones(5), ones(5), 1e-3), {"training": True}, "Nx5", 180, 85 * 4),
    ("dropout_mask", ((4, 5), 0.5, 1, np.float32), {}, "Nx5", 0, 20 * 4),
    ("sgd_step", (ones(9), ones(9), None), {"learning_rate": 0.1}, "9", 18, 27 * 4),
    ("adam_step", (ones(9), ones(9), ones(9), ones(9)), ADAM, "9", 108, 63 * 4),
]


def test_every_kernel_has_its_entry_with_its_own_parameters():
    assert list(WORK) == KERNELS
    for name in KERNELS:
        _, *parameters = inspect.signature(getattr(KernelSet, name)).parameters.values()
        own = inspect.signature(WORK[name]).parameters.values()
        assert [(p.name, p.kind, p.default) for p in own] == [(p.name, p.kind, p.default) for p in parameters], name


def test_every_kernel_is_called_below():
    assert [name for name, *_ in CALLS] == KERNELS


@pytest.mark.parametrize(("kernel", "arguments", "options", "sizes", "flop", "nbytes"), CALLS, ids=[call[0] for call in CALLS])
def test_flop_and_bytes_of_a_call(kernel, arguments, options, sizes, flop, nbytes):
    with profile() as p:
        getattr(select.current(), kernel)(*arguments, **options)
    (row,) = p.rows()
    assert (row.kernel, row.sizes, row.dtype, row.backend, row.calls) == (kernel, sizes, "float32", "numpy", 1)
    assert (row.flop, row.bytes) == (flop, nbytes)
    assert row.fraction_of_peak is None


def test_batches_of_different_size_share_a_row_and_dtypes_do_not():
    with profile() as p:
        for rows in (4, 4, 2):
            select.current().sum_rows(ones(rows, 5))
        select.current().sum_rows(np.ones((4, 5)))
    assert {(row.dtype, row.calls, row.flop) for row in p.rows()} == {("float32", 3, 50), ("float64", 1, 20)}


def test_a_training_is_the_same_with_and_without():
    def weights():
        model = Sequential([Input((6, 6, 1)), Conv2D(2, 3, activation="relu"), MaxPooling2D(), Flatten(), Dense(3, activation="softmax")])
        model.set_weights([np.linspace(-1, 1, w.size, dtype=np.float32).reshape(w.shape) for w in model.get_weights()])
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
        x = np.sin(np.arange(10 * 36, dtype=np.float32)).reshape(10, 6, 6, 1)
        model.fit(x, np.arange(10) % 3, batch_size=4, epochs=2, shuffle=False, verbose=0)
        return model.get_weights()

    with profile() as p:
        recorded = weights()
    for a, b in zip(recorded, weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    calls = {row.kernel: row.calls for row in p.rows()}
    assert calls["conv2d_pool_forward"] == calls["conv2d_pool_backward"] == calls["adam_step"] == 6


def test_rows_and_the_time_outside_add_up_to_the_wall_time():
    with profile() as p:
        time.sleep(0.01)
        for _ in range(3):
            select.current().sum_rows(ones(40, 50))
            select.current().softmax(ones(40, 50))
    rows = p.rows()
    assert [row.seconds for row in rows] == sorted((row.seconds for row in rows), reverse=True)
    assert p.outside >= 0.01
    assert sum(row.seconds for row in rows) + p.outside == pytest.approx(p.wall_time, rel=1e-9)
    assert p.wall_time == p.wall_time  # it stands still after the block


def test_the_kernels_are_untouched_outside_of_the_block():
    before = select.current()
    with pytest.raises(ZeroDivisionError), profile() as p:
        inside = select.current()
        assert inside is not before
        assert inside.name == "numpy"
        assert inside.empty((2, 3), np.float64).shape == (2, 3)
        raise ZeroDivisionError
    assert select.current() is before
    inside.sum_rows(ones(2, 2))  # who held on to the recorder computes, and is not recorded
    assert p.rows() == []


@pytest.mark.parametrize("name", [name for name, state in select.available_backends().items() if state == "available"])
def test_every_backend_is_recorded_and_changing_it_keeps_the_profile(name):
    before = select.current()
    with profile() as p:
        select.current().sum_rows(ones(2, 2))
        with select.use_backend(name):
            assert select.backend() == name
            select.current().sum_rows(ones(2, 3))
        select.current().sum_rows(ones(2, 4))
    assert select.current() is before
    assert {(row.backend, row.sizes) for row in p.rows()} == {("numpy", "Nx2"), (name, "Nx3"), ("numpy", "Nx4")}


def test_a_backend_chosen_in_the_block_stays_chosen_and_one_that_ends_in_it_is_recorded():
    plain = select.current()
    block = select.use_backend("numpy")
    with profile() as p:
        block.__exit__()
        select.current().sum_rows(ones(2, 2))
        late = select.use_backend("numpy")
    late.__exit__()
    assert select.current() is plain
    assert [row.calls for row in p.rows()] == [1]


def test_the_first_kernel_of_a_process_may_be_in_the_block():
    code = (
        "from tinycnn.profiler import profile; from tinycnn.kernels import select; import numpy as np\n"
        "with profile() as p: select.current().sum_rows(np.ones((2, 2)))\n"
        "print(p.rows()[0].calls, select.backend(), type(select.current()).__name__)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "1"
    assert "Recording" not in done.stdout


def test_nesting_is_an_error_that_leaves_the_outer_profile_running():
    with profile() as p:
        with pytest.raises(BackendError, match=r"wrapped already, by another profile\(\)"), profile():
            pass
        select.current().sum_rows(ones(2, 2))
    assert [row.calls for row in p.rows()] == [1]
    with profile():
        pass


def test_a_call_that_fails_is_not_recorded_and_keeps_its_error():
    with profile() as p, pytest.raises(ShapeError, match="x must"):
        select.current().softmax(ones(2, 2, 2))
    assert p.rows() == []


def test_threads_are_all_recorded(tmp_path):
    rounds, together = 50, threading.Barrier(4)

    def work():
        together.wait()
        for _ in range(rounds):
            select.current().sum_rows(ones(20, 30))

    with profile() as p:
        threads = [threading.Thread(target=work, name=f"worker {i}") for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (row,) = p.rows()
    assert row.calls == 4 * rounds
    assert 0 <= p.outside <= p.wall_time
    p.save(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {e["args"]["name"] for e in events if e["ph"] == "M"} == {"MainThread", *(f"worker {i}" for i in range(4))}
    assert len({e["tid"] for e in events if e.get("cat") == "kernel"}) == 4


def overlapping() -> profiler.Profile:
    """Two kernels of 3 us, of which 1 us is common, in 10 us."""
    p = profiler.Profile()
    kind = profiler._Kind("sum_rows", "", "Nx5", np.dtype(np.float32), "numpy")
    p._start, p._end = 1_000, 11_000
    p._calls = [profiler._Call(kind, 20, 100, start, start + 3_000, threading.get_ident()) for start in (5_000, 3_000)]
    return p


def test_time_in_which_several_threads_compute_is_not_counted_twice_as_inside():
    p = overlapping()
    assert p.wall_time == pytest.approx(10e-6)
    assert p.outside == pytest.approx(5e-6)
    assert p.rows()[0].seconds == pytest.approx(6e-6)
    assert p.rows()[0].gflops == pytest.approx(40 / 6e-6 / 1e9)
    assert "add up to more than the wall time" in str(p)


def test_the_table():
    with profile() as p:
        select.current().matmul(ones(20, 30), ones(30, 40))
        during = str(p)
    lines = str(p).splitlines()
    assert " ".join(lines[0].split()) == "kernel algorithm sizes dtype backend calls ms time GFLOP MB GFLOP/s of peak"
    assert lines[1].startswith("matmul                         20x30 @ 30x40  float32  numpy        1  ")
    assert lines[2].startswith("outside of kernels  ")
    assert lines[3].startswith("wall time  ")
    assert lines[3].rstrip().endswith("100.0%")
    assert len(lines) == 4
    assert during.splitlines()[1].startswith("matmul ")


def test_what_the_convolutions_chose():
    if select.available_backends()["c"] != "available":
        pytest.skip("the C kernels are not built")
    third = conv_pool2d_geometry((4, 7, 7, 64), (3, 3, 64, 128), padding="same", pool_padding="same")
    x, w, y, argmax = (
        ones(*third.conv.in_shape),
        ones(*third.conv.kernel_shape),
        ones(*third.out_shape),
        np.zeros(third.out_shape, np.uint8),
    )
    with select.use_backend("c"), profile() as p:
        for algorithm in ("winograd2", "direct"):
            config.set_conv_algorithm(algorithm)
            select.current().conv2d_pool_forward(third, "relu", x, w, None, 0.0)
            select.current().conv2d_pool_backward(third, "relu", x, w, y, argmax, y, 0.0, (True, True, False))
        config.set_conv_algorithm("auto")
        select.current().conv2d_forward(CONV, ones(2, 5, 5, 4), ones(3, 3, 2, 6), ones(6))
    assert sorted((row.kernel, row.algorithm) for row in p.rows()) == [
        ("conv2d_forward", "direct"),
        ("conv2d_pool_backward", "pool-sparse"),
        ("conv2d_pool_backward", "winograd2"),
        ("conv2d_pool_forward", "direct"),
        ("conv2d_pool_forward", "winograd2"),
    ]


def test_an_empty_profile_is_a_table_too():
    with profile() as p:
        pass
    assert [line.split("  ")[0] for line in str(p).splitlines()] == ["kernel", "outside of kernels", "wall time"]


def test_c_kernels_have_their_fraction_of_the_peak_after_the_block():
    if select.available_backends()["c"] != "available":
        pytest.skip("the C kernels are not built")
    with select.use_backend("c"), profile() as p:
        for dtype in (np.float32, np.float64):
            select.current().matmul(np.ones((64, 64), dtype), np.ones((64, 64), dtype))
        assert [row.fraction_of_peak for row in p.rows()] == [None, None]
    for row in p.rows():
        assert row.fraction_of_peak == pytest.approx(row.gflops * 1e9 / p._peaks[row.dtype])
        assert row.fraction_of_peak > 0
    assert "GFLOP/s of float64 multiply-adds in" in str(p)


def test_the_trace(tmp_path):
    with profile() as p:
        for _ in range(2):
            select.current().sum_rows(ones(4, 5))
    p.save(tmp_path / "trace.json")
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]
    trace = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))
    name, block, *calls = trace["traceEvents"]
    assert name["ph"] == "M"
    assert (block["name"], block["ph"], block["ts"], block["tid"]) == ("profile", "X", 0, 1)
    assert block["dur"] == pytest.approx(p.wall_time * 1e6)
    assert [call["name"] for call in calls] == ["sum_rows"] * 2
    assert calls[0]["args"] == {"algorithm": "", "sizes": "Nx5", "dtype": "float32", "backend": "numpy", "flop": 20, "bytes": 100}
    assert sum(call["dur"] for call in calls) == pytest.approx(p.rows()[0].seconds * 1e6)
    assert 0 <= calls[0]["ts"] <= calls[0]["ts"] + calls[0]["dur"] <= calls[1]["ts"] <= block["dur"]


def test_a_trace_that_cannot_be_written_names_the_path_and_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match=r"nowhere.trace\.json"):
        overlapping().save(tmp_path / "nowhere" / "trace.json")
    assert list(tmp_path.iterdir()) == []


def test_importing_the_profiler_is_light():
    code = "import sys, tinycnn.profiler; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"h5py", "rich", "numba", "tinycnn.kernels.native", "tinycnn.autograd"}
