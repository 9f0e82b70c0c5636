"""The C backend as a whole: levels of instruction sets, equal bytes for any number of threads, errors that leave no trace."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest

from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.geometry import conv2d_geometry, conv_pool2d_geometry, pool2d_geometry
from tinycnn.kernels import native

_native = pytest.importorskip("tinycnn.kernels._native", reason="the C kernels are not built")


@pytest.fixture(autouse=True)
def settings_restored():
    isa, threads = native.isa(), native.get_num_threads()
    yield
    native.set_isa(isa)
    native.set_num_threads(threads)


@pytest.fixture
def kernels():
    return native.load()


def run_everything(kernels, dtype):
    """The bytes of every kernel's results on inputs large enough to be cut into many chunks, and uneven ones."""
    rng = np.random.default_rng(7)

    def draw(*shape):
        return rng.normal(size=shape).astype(dtype)

    x, w, b = draw(5, 29, 27, 19), draw(3, 3, 19, 13), draw(13)
    conv = conv2d_geometry(x.shape, w.shape, padding="same")
    pool = pool2d_geometry(x.shape, pool_size=3, strides=2, padding="same")
    dy, dpool = draw(*conv.out_shape), draw(*pool.out_shape)
    rows, columns = x.reshape(-1, 19), draw(4, 19)
    targets, dloss = np.abs(rows), draw(len(rows))
    state = [np.abs(rows).ravel() for _ in range(4)]
    kernels.adam_step(*state, alpha=0.01, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
    kernels.sgd_step(*state[:3], learning_rate=0.01, momentum=0.9, nesterov=True)
    pooled, argmax = kernels.max_pool2d_forward(pool, x)
    mean, variance = kernels.batch_norm_moments(rows)
    results = [
        *state,
        kernels.conv2d_forward(conv, x, w, b),
        kernels.conv2d_backward_input(conv, dy, w),
        kernels.conv2d_backward_kernel(conv, x, dy),
        pooled,
        argmax,
        kernels.max_pool2d_backward(pool, dpool, argmax),
        kernels.avg_pool2d_forward(pool, x),
        kernels.avg_pool2d_backward(pool, dpool),
        kernels.matmul(rows, rows, transpose_a=True),
        kernels.matmul(rows, columns, transpose_b=True),
        kernels.sum_rows(rows),
        kernels.bias_activation_forward("tanh", x, columns[0]),
        kernels.activation_backward("elu", x, x, 0.3),
        kernels.softmax(rows),
        *kernels.softmax_crossentropy_forward(rows, targets),
        kernels.softmax_crossentropy_backward(dloss, rows, targets),
        mean,
        variance,
        kernels.batch_norm_forward(rows, mean, variance, columns[1], columns[2], 1e-3),
        *kernels.batch_norm_backward(targets, rows, mean, variance, columns[1], 1e-3, training=True),
        kernels.dropout_mask(x.shape, 0.4, 123, dtype),
    ]
    blocks = (((1, 14, 14, 32), 70), ((2, 7, 7, 40), 130), ((1, 28, 28, 1), 32), ((9, 11, 10, 1), 20))  # few images, too
    for shape, filters in (*blocks, ((70, 7, 7, 16), 24), ((20, 9, 12, 3), 21)):
        block = conv_pool2d_geometry(shape, (3, 3, shape[-1], filters), padding="same", pool_padding="same")
        images, kernel = draw(*shape), draw(*block.conv.kernel_shape)
        results += kernels.conv2d_pool_forward(block, "leaky_relu", images, kernel, draw(filters), 0.1)
        results += kernels.conv2d_pool_backward(
            block, "leaky_relu", images, kernel, *results[-2:], draw(*block.out_shape), 0.1, (True, True, True)
        )
    results += [
        kernels.affine_forward("relu", draw(50, 300), draw(300, 611), draw(611)),
        kernels.affine_forward("tanh", draw(1, 900), draw(900, 333), None),
        kernels.affine_forward("relu", draw(30, 2100), draw(2100, 130), draw(130)),
        *kernels.affine_backward("tanh", draw(50, 300), draw(300, 611), draw(50, 611), draw(50, 611), 0.0, (True, True, True)),
        kernels.matmul(draw(64, 128), draw(700, 128), transpose_b=True),
        kernels.matmul(draw(61, 900), draw(61, 37), transpose_a=True),
    ]
    return [result.tobytes() for result in results]


# ---- levels of instruction sets
@pytest.mark.parametrize("level", native.isas())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_forced_level_is_the_one_that_runs(kernels, level, dtype):
    native.set_isa(level)
    run_everything(kernels, dtype)
    assert native.isa() == level  # read from the table that was called


def test_the_level_with_the_fewest_demands_always_runs():
    assert list(_native.isas())[-1] in native.isas()


def test_an_unknown_level_is_refused_by_name():
    before = native.isa()
    with pytest.raises(ArgumentError, match=r"name must be one of the levels compiled in \(.*\), got 'mmx'"):
        native.set_isa("mmx")
    assert native.isa() == before


def test_a_level_that_the_processor_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(_native, "isas", lambda: {"x86_v9": False, "baseline": True})
    with pytest.raises(ArgumentError, match="name is 'x86_v9', which this processor or system does not support; it runs baseline"):
        native.set_isa("x86_v9")


def test_the_environment_forces_a_level(monkeypatch):
    level = native.isas()[-1]
    monkeypatch.setenv("TINYCNN_ISA", level)
    native.load()
    assert native.isa() == level
    monkeypatch.setenv("TINYCNN_ISA", "mmx")
    with pytest.raises(ArgumentError, match=r"TINYCNN_ISA must be one of .* got 'mmx'"):
        native.load()


def test_the_extension_exports_nothing_but_its_entry():
    library = ctypes.CDLL(_native.__file__)
    assert library.PyInit__native
    for level in _native.isas():
        assert not hasattr(library, f"tc_kernels_{level}_f32")
    assert not hasattr(library, "tc_alloc")


# ---- the same bytes
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bytes_do_not_depend_on_the_number_of_threads(kernels, dtype):
    native.set_num_threads(1)
    alone = run_everything(kernels, dtype)
    for threads in (2, 3, 5):
        native.set_num_threads(threads)
        assert run_everything(kernels, dtype) == alone


def test_levels_agree_closely(kernels):
    levels = native.isas()
    results = []
    for level in levels:
        native.set_isa(level)
        results.append([np.frombuffer(data, np.float64) for data in run_everything(kernels, np.float64)[:8]])
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


# ---- errors
def test_wrong_operands_are_named(kernels):
    x, w = np.zeros((2, 6, 6, 3), np.float32), np.zeros((3, 3, 3, 4), np.float32)
    g = conv2d_geometry(x.shape, w.shape)
    with pytest.raises(ShapeError, match=r"x must have shape \(2, 6, 6, 3\), got \(2, 6, 5, 3\)"):
        kernels.conv2d_forward(g, x[:, :, :5], w, None)
    with pytest.raises(DTypeError, match="w must be float32, got float64"):
        kernels.conv2d_forward(g, x, w.astype(np.float64), None)
    with pytest.raises(ShapeError, match=r"b must have shape \(4,\), got \(5,\)"):
        kernels.conv2d_forward(g, x, w, np.zeros(5, np.float32))
    with pytest.raises(DTypeError, match="x must be a float32 or float64 array, got int64"):
        kernels.sum_rows(np.zeros((2, 3), np.int64))
    read_only = np.zeros(3, np.float32)
    read_only.flags.writeable = False
    with pytest.raises(ArgumentError, match="w is changed in place"):
        kernels.sgd_step(read_only, np.zeros(3, np.float32), None, learning_rate=0.1)


def test_the_binding_itself_refuses_an_operand_of_the_wrong_size():
    with pytest.raises(BufferError, match="an operand has 12 bytes where the kernel expects 16"):
        _native.activation_backward("relu", np.zeros(4, np.float32), np.zeros(3, np.float32), 0.0)


def test_an_argmax_outside_of_its_window_writes_nothing(kernels):
    g = pool2d_geometry((1, 4, 4, 2), pool_size=2)
    for place in (-1, 4, 2**31 - 1):
        dx = kernels.max_pool2d_backward(g, np.ones(g.out_shape, np.float32), np.full(g.out_shape, place, np.int32))
        assert not dx.any()


def test_an_array_beyond_all_memory_is_a_memory_error(kernels):
    before = native.allocator_stats()["bytes_in_use"]
    with pytest.raises(MemoryError):
        kernels.empty((2**46,), np.float32)
    with pytest.raises(MemoryError):
        kernels.matmul(np.ones((2**24, 1), np.float32), np.ones((1, 2**24), np.float32))
    with pytest.raises(MemoryError, match="no memory for an array of 18446744073709551616 bytes"):
        kernels.matmul(np.ones((2**31, 0), np.float32), np.ones((0, 2**31), np.float32))
    assert native.allocator_stats()["bytes_in_use"] == before


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_out_of_memory_inside_a_kernel_changes_nothing():
    code = """
import resource
import numpy as np
from tinycnn.kernels import native
kernels = native.load()
native.set_num_threads(1)
x = np.ones((3, 2**22), np.float32)
kernels.sum_rows(x[:, :10])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
in_use = native.allocator_stats()["bytes_in_use"]
resource.setrlimit(resource.RLIMIT_AS, (used + 2**25, resource.RLIM_INFINITY))  # the result fits, the sums in double do not
try:
    kernels.sum_rows(x)
except MemoryError:
    assert native.allocator_stats()["bytes_in_use"] == in_use
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert (kernels.sum_rows(x) == 3).all()
    print("survived")
"""
    assert subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout == "survived\n"
