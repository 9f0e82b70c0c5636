"""What `spec.KernelSet` promises of every method alike: signatures, operands in any form, errors, empty batches, any number of threads."""

from __future__ import annotations

import inspect
import os
import re
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tinycnn.errors import ArgumentError, DTypeError, ShapeError
from tinycnn.geometry import conv2d_geometry, conv_pool2d_geometry, pool2d_geometry
from tinycnn.kernels import select
from tinycnn.kernels.spec import KernelSet

METHODS = [name for name, member in vars(KernelSet).items() if inspect.isfunction(member) and not name.startswith("_")]


@dataclass
class Call:
    """One call of `method`. The arrays named in `changed` are written in place."""

    method: str
    arrays: dict[str, np.ndarray]
    options: dict[str, Any] = field(default_factory=dict)
    changed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join([self.method, *(str(v) for k, v in self.options.items() if k in ("kind", "training", "nesterov"))])

    def run(self, kernels: KernelSet, **replaced: Any) -> list[np.ndarray]:
        """The results; those of an in-place call are copies of what it changed."""
        arrays = {name: array.copy() if name in self.changed else array for name, array in self.arrays.items()} | replaced
        result = getattr(kernels, self.method)(**arrays, **self.options)
        if self.changed:
            return [arrays[name] for name in self.changed]
        return list(result) if isinstance(result, tuple) else [result]


def calls(batch: int = 3, size: int = 7, channels: int = 6, dtype: Any = np.float32) -> list[Call]:
    """Every method of the interface that takes an array."""
    random = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(dtype)

    def positive(*shape: int) -> np.ndarray:
        return np.abs(normal(*shape)) + dtype(0.5)

    conv = conv2d_geometry((batch, size, size, channels), (3, 3, channels // 2, 10), padding="same", strides=(2, 1), groups=2)
    pool = pool2d_geometry((batch, size, size, channels), pool_size=(3, 2), strides=2, padding="same")
    argmax = random.integers(0, 6, pool.out_shape).astype(np.int32)
    fused = conv_pool2d_geometry((batch, size, size, channels), (3, 3, channels, 10), padding="same", pool_padding="same")
    image, kernel = normal(*fused.conv.in_shape), normal(*fused.conv.kernel_shape)
    pooled = {"y": normal(*fused.out_shape), "argmax": random.integers(0, 2, fused.out_shape).astype(np.uint8)}
    step = {"geometry": fused, "kind": "leaky_relu", "alpha": 0.1}
    rows, length = batch * size * size, 100 * batch * channels
    x, targets, vector = normal(rows, channels), positive(rows, channels), positive(channels)
    statistics = {"mean": normal(channels), "variance": vector, "gamma": normal(channels)}
    flat = {name: positive(length) for name in "wgmv"}
    momentum = {name: flat[name] for name in "wgm"}
    return [
        Call("conv2d_forward", {"x": normal(*conv.in_shape), "w": normal(*conv.kernel_shape), "b": normal(10)}, {"geometry": conv}),
        Call("conv2d_backward_input", {"dy": normal(*conv.out_shape), "w": normal(*conv.kernel_shape)}, {"geometry": conv}),
        Call("conv2d_backward_kernel", {"x": normal(*conv.in_shape), "dy": normal(*conv.out_shape)}, {"geometry": conv}),
        Call("max_pool2d_forward", {"x": normal(*pool.in_shape)}, {"geometry": pool}),
        Call("max_pool2d_backward", {"dy": normal(*pool.out_shape), "argmax": argmax}, {"geometry": pool}),
        Call("avg_pool2d_forward", {"x": normal(*pool.in_shape)}, {"geometry": pool}),
        Call("avg_pool2d_backward", {"dy": normal(*pool.out_shape)}, {"geometry": pool}),
        Call("conv2d_pool_forward", {"x": image, "w": kernel, "b": normal(10)}, step),
        Call(
            "conv2d_pool_backward",
            {"x": image, "w": kernel, **pooled, "dy": normal(*fused.out_shape)},
            step | {"needs": (True, True, True)},
        ),
        Call("matmul", {"a": x, "b": normal(channels, 33)}),
        Call("matmul", {"a": x, "b": normal(rows, 33)}, {"transpose_a": True}),
        *(
            Call("affine_forward", {"x": x, "w": normal(channels, 33), "b": normal(33)}, {"kind": kind, "alpha": 0.1})
            for kind in ("linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh")
        ),
        *(
            Call(
                "affine_backward",
                {"x": x, "w": normal(channels, 33), "y": positive(rows, 33), "dy": normal(rows, 33)},
                {"kind": kind, "alpha": 0.1, "needs": (True, True, True)},
            )
            for kind in ("linear", "leaky_relu", "tanh")
        ),
        Call("sum_rows", {"x": x}),
        *(
            Call("bias_activation_forward", {"x": x, "b": vector}, {"kind": kind, "alpha": 0.1})
            for kind in ("linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh")
        ),
        *(Call("activation_backward", {"dy": x, "y": targets}, {"kind": kind, "alpha": 0.1}) for kind in ("relu", "sigmoid")),
        Call("softmax", {"x": x}),
        Call("softmax_crossentropy_forward", {"logits": x, "targets": targets}),
        Call("softmax_crossentropy_backward", {"dloss": normal(rows), "probabilities": targets, "targets": targets}),
        Call("batch_norm_moments", {"x": x}),
        Call("batch_norm_forward", {"x": x, **statistics, "beta": vector}, {"epsilon": 1e-3}),
        *(Call("batch_norm_backward", {"dy": targets, "x": x, **statistics}, {"epsilon": 1e-3, "training": t}) for t in (True, False)),
        Call("sgd_step", {"w": flat["w"], "g": flat["g"]}, {"m": None, "learning_rate": 0.1}, ("w",)),
        *(Call("sgd_step", momentum, {"learning_rate": 0.1, "momentum": 0.9, "nesterov": n}, ("w", "m")) for n in (True, False)),
        Call("adam_step", flat, {"alpha": 0.1, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-7}, ("w", "m", "v")),
    ]


CALLS = calls()
each_call = pytest.mark.parametrize("call", CALLS, ids=str)


def assert_same_bytes(got: list[np.ndarray], want: list[np.ndarray]) -> None:
    for one, other in zip(got, want, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()


# ---------------------------------------------------------------------------------------------------- the interface
def test_the_calls_cover_the_interface():
    assert {call.method for call in CALLS} == set(METHODS) - {"empty", "last_algorithm", "dropout_mask"}


@pytest.mark.parametrize("method", METHODS)
def test_signature(kernels, method):
    assert kernels.name in ("c", "numba", "numpy")
    want = list(inspect.signature(getattr(KernelSet, method)).parameters.values())[1:]
    got = list(inspect.signature(getattr(kernels, method)).parameters.values())
    assert [(p.name, p.kind, p.default) for p in got] == [(p.name, p.kind, p.default) for p in want]


def test_empty(kernels):
    array = kernels.empty((3, 0, 2), np.float64)
    assert (array.shape, array.dtype) == ((3, 0, 2), np.float64)
    array = kernels.empty((5, 7), np.float32)
    array[:] = 1
    assert array.flags.c_contiguous
    assert array.flags.writeable


@each_call
def test_results_are_new_contiguous_arrays(kernels, call):
    for result in call.run(kernels):
        assert type(result) is np.ndarray
        assert result.flags.c_contiguous
        assert call.changed or not any(np.shares_memory(result, array) for array in call.arrays.values())


# ---------------------------------------------------------------------------------------------------- operands in any form
def strided(array: np.ndarray) -> np.ndarray:
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), 7, array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def reversed_(array: np.ndarray) -> np.ndarray:
    return array[::-1].copy()[::-1]


def fortran(array: np.ndarray) -> np.ndarray:
    return np.asfortranarray(array)


def misaligned(array: np.ndarray) -> np.ndarray:
    shifted = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


def big_endian(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder(">"))


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("form", [strided, reversed_, fortran, misaligned, big_endian, read_only])
@each_call
def test_operands_in_any_form_give_the_bytes_of_a_copy(kernels, call, form):
    others = {name: form(array) for name, array in call.arrays.items() if name not in call.changed}
    before = [array.tobytes() for array in others.values()]
    assert_same_bytes(call.run(kernels, **others), call.run(kernels))
    assert [array.tobytes() for array in others.values()] == before


PLACES = {"conv2d_backward_kernel": "into", "matmul": "into", "conv2d_pool_backward": "dw_into"}
with_a_place = pytest.mark.parametrize("call", [call for call in CALLS if call.method in PLACES], ids=str)


def result_with_place(call: Call, results: list[np.ndarray]) -> np.ndarray:
    return results[1 if call.method == "conv2d_pool_backward" else 0]


@with_a_place
def test_a_result_can_be_put_into_an_array(kernels, call):
    want = call.run(kernels)
    flat = np.full(result_with_place(call, want).size + 32, np.nan, np.float32)  # as one buffer of many
    place = flat[16:-16].reshape(result_with_place(call, want).shape)
    got = call.run(kernels, **{PLACES[call.method]: place})
    assert result_with_place(call, got) is place
    assert_same_bytes(got, want)
    assert np.isnan(flat[:16]).all()
    assert np.isnan(flat[-16:]).all()


@with_a_place
@pytest.mark.parametrize(
    ("spoilt", "error"),
    [
        (lambda a: a[..., :-1], ShapeError),
        (lambda a: a.astype(np.float64), DTypeError),
        (lambda a: np.asfortranarray(a), ArgumentError),
        (lambda a: np.broadcast_to(a[:1] * 0, a.shape), ArgumentError),
    ],
)
def test_a_place_that_does_not_fit(kernels, call, spoilt, error):
    place = spoilt(np.zeros_like(result_with_place(call, call.run(kernels))))
    with pytest.raises(error, match=PLACES[call.method]):
        call.run(kernels, **{PLACES[call.method]: place})


@pytest.mark.parametrize("form", [strided, misaligned, big_endian, read_only])
@pytest.mark.parametrize("call", [call for call in CALLS if call.changed], ids=str)
def test_what_is_changed_in_place_must_be_writable_as_it_lies(kernels, call, form):
    for name in call.changed:
        arrays = {key: array.copy() for key, array in call.arrays.items()}
        arrays[name] = form(arrays[name])
        before = {key: array.tobytes() for key, array in arrays.items()}
        with pytest.raises(ArgumentError, match=rf"^{name} is changed in place"):
            call.run(kernels, **arrays)
        assert {key: array.tobytes() for key, array in arrays.items()} == before


# ---------------------------------------------------------------------------------------------------- errors
@each_call
def test_a_wrong_shape_is_named(kernels, call):
    for name, array in call.arrays.items():
        for wrong in (array[None], array[..., :-1], array.ravel()[:1].reshape(())):
            if call.method == "bias_activation_forward" and wrong.ndim > 2:
                continue  # any rank will do
            if (
                call.method in ("sum_rows", "softmax", "batch_norm_moments", "matmul", "affine_forward", "affine_backward")
                and wrong.ndim == 2
            ):
                continue  # any matrix will do
            with pytest.raises(ShapeError, match=rf"^({'|'.join(call.arrays)}) must .* got "):
                call.run(kernels, **{name: wrong})


@pytest.mark.parametrize("wrong", [np.float16, np.int64, np.complex64, np.longdouble, object])
@each_call
def test_a_wrong_dtype_is_named(kernels, call, wrong):
    for name, array in call.arrays.items():
        with pytest.raises(DTypeError, match=rf"^{name} must be .*, got {np.dtype(wrong)}"):
            call.run(kernels, **{name: array.astype(wrong)})


@each_call
def test_dtypes_are_not_mixed(kernels, call):
    floating = {name: array for name, array in call.arrays.items() if array.dtype.kind == "f"}
    for name, array in floating.items():
        if len(floating) > 1:
            with pytest.raises(DTypeError, match=rf"^({'|'.join(call.arrays)}) must be "):
                call.run(kernels, **{name: array.astype(np.float64)})


@each_call
def test_only_arrays_are_taken(kernels, call):
    for name, array in call.arrays.items():
        with pytest.raises(DTypeError, match=rf"^{name} must be .* got list$"):
            call.run(kernels, **{name: array.tolist()})


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("bias_activation_forward", ("swish", np.ones(3), None), "kind must be one of linear, .* got 'swish'"),
        ("bias_activation_forward", ("elu", np.ones(3), None, -1.0), "alpha must be >= 0, got -1.0"),
        ("bias_activation_forward", ("elu", np.ones(3), None, float("nan")), "alpha must be >= 0, got nan"),
        ("dropout_mask", ((3,), 1.0, 0, "float32"), r"rate must be in \[0, 1\), got 1.0"),
        ("dropout_mask", ((3,), float("nan"), 0, "float32"), r"rate must be in \[0, 1\), got nan"),
        ("dropout_mask", ((3,), 0.5, -1, "float32"), r"seed must be an int from 0 to 2\*\*64 - 1, got -1"),
        ("dropout_mask", ((3,), 0.5, 2**64, "float32"), r"seed must be an int from 0 to 2\*\*64 - 1, got "),
        ("dropout_mask", ((3,), 0.5, 0, "int32"), "dtype must be float32 or float64, got int32"),
    ],
)
def test_a_wrong_setting_is_named(kernels, method, arguments, message):
    with pytest.raises((ArgumentError, DTypeError), match=message):
        getattr(kernels, method)(*arguments)


# ---------------------------------------------------------------------------------------------------- empty batches
@pytest.mark.parametrize("call", calls(batch=0), ids=str)
def test_an_empty_batch_gives_an_empty_or_zero_result(kernels, call):
    for result in call.run(kernels):
        assert not result.any()


def test_an_empty_image(kernels):
    g = conv2d_geometry((2, 0, 5, 3), (3, 3, 3, 4), padding="same")
    x, w, dy = np.ones(g.in_shape), np.ones(g.kernel_shape), np.ones(g.out_shape)
    assert kernels.conv2d_forward(g, x, w, np.ones(4)).shape == (2, 0, 5, 4)
    assert kernels.conv2d_backward_input(g, dy, w).shape == g.in_shape
    assert not kernels.conv2d_backward_kernel(g, x, dy).any()
    p = pool2d_geometry((2, 0, 5, 3), pool_size=2, padding="same")
    y, argmax = kernels.max_pool2d_forward(p, np.ones(p.in_shape))
    assert kernels.max_pool2d_backward(p, y, argmax).shape == p.in_shape


# ---------------------------------------------------------------------------------------------------- threads
LARGE = calls(batch=16, size=20, channels=40)


@pytest.mark.parametrize("call", LARGE, ids=str)
def test_any_number_of_threads_gives_the_same_bytes(kernels, restored_threads, call):
    select.set_num_threads(1)
    alone = call.run(kernels)
    for threads in (2, 3):
        select.set_num_threads(threads)
        assert_same_bytes(call.run(kernels), alone)


def test_dropout_mask_does_not_depend_on_threads(kernels, restored_threads):
    masks = []
    for threads in (1, 3):
        select.set_num_threads(threads)
        masks.append([kernels.dropout_mask((300, 1001), 0.5, 3, np.float32)])
    assert_same_bytes(*masks)


def test_eight_python_threads_at_once(kernels):
    chosen = [call for call in LARGE if call.method in ("conv2d_forward", "conv2d_backward_kernel", "sum_rows", "max_pool2d_forward")]
    want = [call.run(kernels) for call in chosen]
    failures = []

    def work() -> None:
        try:
            for _ in range(5):
                for call, expected in zip(chosen, want, strict=True):
                    assert_same_bytes(call.run(kernels), expected)
        except BaseException as error:  # a thread's failure is nobody's otherwise
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:.*fork")  # Python warns from 3.12 on, and JAX, where other tests have imported it
def test_a_forked_child_computes(kernels, restored_threads):
    select.set_num_threads(2)
    call = LARGE[0]
    want = call.run(kernels)
    child = os.fork()
    if child == 0:
        os._exit(0 if call.run(kernels)[0].tobytes() == want[0].tobytes() else 1)
    assert os.waitpid(child, 0)[1] == 0


# ---------------------------------------------------------------------------------------------------- NaN
@each_call
def test_nan_shows(kernels, call):
    for name, array in call.arrays.items():
        if array.dtype.kind == "f" and (call.method, name) != ("activation_backward", "y"):
            poisoned = array.copy()
            poisoned[...] = np.nan
            assert all(np.isnan(r).any() for r in call.run(kernels, **{name: poisoned}) if r.dtype.kind == "f" and depends(call, name, r))


def depends(call: Call, name: str, result: np.ndarray) -> bool:
    """Does this result of the call depend on that operand?"""
    if call.method == "conv2d_pool_backward":  # dx depends on w, dw on x; y only decides
        return name == "dy" or (name in "xw" and result.ndim == 4 and result.shape != call.arrays[name].shape)
    if call.method == "affine_backward":  # so here, but that y is a factor of the derivative of tanh
        decides = name == "y" and call.options["kind"] != "tanh"
        return not decides and (name in ("y", "dy") or (result.ndim == 2 and result.shape != call.arrays[name].shape))
    if call.method == "softmax_crossentropy_forward" and name == "targets":
        return result.ndim == 1  # the loss, not the probabilities
    if call.method == "batch_norm_backward":
        inference = not call.options["training"]
        return name == "dy" or (result.ndim == 2 and (name in ("variance", "gamma") or not inference))
    return call.method not in ("sgd_step", "adam_step") or name == "g"


def test_messages_are_one_sentence(kernels):
    with pytest.raises(ShapeError) as caught:
        kernels.matmul(np.ones((2, 3)), np.ones((4, 5)))
    assert re.fullmatch(r"b must have 3 rows to match a of shape \(2, 3\), got shape \(4, 5\)", str(caught.value))
