from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinycnn
from tinycnn import Tensor, ops
from tinycnn.errors import ArgumentError, DTypeError, ShapeError, TinyCNNError
from tinycnn.testing import check_grads


def test_construction_copies() -> None:
    data = np.zeros(3, np.float32)
    t = Tensor(data)
    data[0] = 9
    np.testing.assert_array_equal(t.numpy(), [0, 0, 0])


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([1.0, 2.0], np.float32),
        (1.5, np.float32),
        ([1, 2], np.int64),
        ([True], np.bool_),
        (np.zeros(2), np.float64),
        (np.zeros(2, np.float16), np.float32),
        (np.zeros(2, ">f4"), np.float32),
        (np.zeros(2, ">i2"), np.int16),
        (np.uint8(3), np.uint8),
        (Tensor(np.zeros(2)), np.float64),
    ],
)
def test_dtypes(data: object, dtype: type) -> None:
    t = Tensor(data)
    assert t.dtype == dtype
    assert t.dtype.isnative


@pytest.mark.parametrize("code", np.typecodes["AllInteger"] + "fd?")
def test_arrays_are_shared_and_made_native(code: str) -> None:
    array = np.array([0, 1], code)
    t = ops.convert_to_tensor(array)
    assert t.data is array
    assert ops.convert_to_tensor(t) is ops.cast(t, array.dtype) is t
    swapped = array.astype(array.dtype.newbyteorder("S"))
    native = ops.convert_to_tensor(swapped)
    assert native.dtype.isnative
    assert native.dtype == array.dtype
    np.testing.assert_array_equal(native.data, array)


@pytest.mark.parametrize("code", "gFDGOSUMm")
def test_arrays_of_anything_else_are_refused(code: str) -> None:
    with pytest.raises(DTypeError):
        ops.convert_to_tensor(np.zeros(2, code))


@pytest.mark.parametrize("data", [[1j], ["a"], [object()], [None], [[1], [1, 2]], np.zeros(2, np.longdouble), {"a": 1}])
def test_what_is_not_numbers_is_refused(data: object) -> None:
    with pytest.raises(DTypeError):
        Tensor(data)


def test_looking_at_it() -> None:
    t = Tensor([[1.0, 2.0], [3.0, 4.0]])
    assert (t.shape, t.ndim, t.size, len(t), t.is_leaf) == ((2, 2), 2, 4, 2, True)
    assert t.tolist() == [[1, 2], [3, 4]]
    assert [row.tolist() for row in t] == [[1, 2], [3, 4]]
    assert "requires_grad" not in repr(t)
    assert "requires_grad=True" in repr(Tensor([1.0], requires_grad=True))
    assert float(Tensor(2.5)) == 2.5
    assert int(Tensor(2.5)) == 2
    assert [10, 20, 30][Tensor(1)] == 20
    assert bool(Tensor(1.0))
    with pytest.raises(ShapeError, match="one cell"):
        bool(t)
    with pytest.raises(DTypeError):
        len(Tensor(1.0))
    with pytest.raises(DTypeError):
        [1][Tensor(0.0)]


def test_operators_and_their_reflections() -> None:
    x = np.array([1.0, 2.0])
    t = Tensor(x)
    for got, expected in [
        (t + 1, x + 1),
        (1 + t, 1 + x),
        (t - 1, x - 1),
        (1 - t, 1 - x),
        (t * 3, x * 3),
        (3 * t, 3 * x),
        (t / 4, x / 4),
        (4 / t, 4 / x),
        (t**3, x**3),
        (2**t, 2**x),
        (t**-1, 1 / x),
        (-t, -x),
        (abs(-t), x),
        (t @ t, x @ x),
        (x + t, x + x),
        (x @ t, x @ x),
        (t < 2, x < 2),
        (t == x, x == x),
        (t != 1, x != 1),
        (t >= 2, x >= 2),
        (t[1:], x[1:]),
        (t[Tensor([1, 0])], x[[1, 0]]),
        (t[t > 1], x[x > 1]),
        (t.reshape(2, 1), x.reshape(2, 1)),
        (t.reshape((1, -1)), x.reshape(1, 2)),
        (Tensor([[1, 2]]).T, np.array([[1], [2]])),
        (Tensor(np.ones((2, 3))).transpose(1, 0), np.ones((3, 2))),
        (t.sum(), x.sum()),
        (t.astype("float32"), x.astype(np.float32)),
    ]:
        assert isinstance(got, Tensor)
        np.testing.assert_array_equal(got.numpy(), expected)


def test_python_numbers_do_not_widen() -> None:
    assert (Tensor([1.0]) * 2.5).dtype == np.float32
    assert (Tensor([1]) * 2.5).dtype == np.float32
    assert (Tensor([1.0]) * np.int64(2)).dtype == np.float32
    assert (Tensor([1.0]) + np.ones(1)).dtype == np.float64
    assert (Tensor([1]) + 1).dtype == np.int64
    assert (Tensor([4]) / Tensor([2])).dtype == np.float32


def test_numpy_takes_tensors() -> None:
    t = Tensor([1.0, 4.0], requires_grad=True)
    np.testing.assert_array_equal(np.asarray(t), [1, 4])
    assert np.asarray(t) is t.numpy()
    assert np.array(t, dtype=np.float64).dtype == np.float64
    y = np.sqrt(t)
    assert isinstance(y, Tensor)
    y.sum().backward()
    np.testing.assert_array_equal(t.grad, [0.5, 0.25])
    assert isinstance(np.ones(2, np.float32) * t, Tensor)
    with pytest.raises(DTypeError, match="floor is not recorded"):
        np.floor(t)
    np.testing.assert_array_equal(np.floor(t.detach()), [1, 4])
    with pytest.raises(DTypeError):
        out = np.zeros(2, np.float32)
        np.add(t, t, out=out)


def test_slicing_has_gradients() -> None:
    x = np.random.default_rng(0).standard_normal((4, 5))
    check_grads(lambda t: t[1:3, ::2] * t[0, 1], x)
    check_grads(lambda t: t[np.array([0, 0, 2])], x)
    with pytest.raises(IndexError):
        Tensor(x)[4]


def test_copies_and_pickles() -> None:
    t = Tensor([1.0, 2.0], requires_grad=True)
    for twin in (copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        np.testing.assert_array_equal(twin.numpy(), t.numpy())
        assert twin.requires_grad
        twin.data[0] = 5
        assert t.data[0] == 1


def test_hash_is_identity() -> None:
    a, b = Tensor([1.0]), Tensor([1.0])
    assert len({a, b}) == 2


def test_detach_shares_and_leaves_the_graph() -> None:
    x = Tensor([1.0], requires_grad=True)
    d = (x * 2).detach()
    assert not d.requires_grad
    with pytest.raises(TinyCNNError):
        d.backward()


def test_clip_bounds() -> None:
    with pytest.raises(ArgumentError, match="x_min"):
        ops.clip([1.0], 2, 1)


def test_the_package_shows_its_names() -> None:
    assert set(tinycnn.__all__) <= set(dir(tinycnn))
    with pytest.raises(AttributeError, match="nothing_here"):
        tinycnn.nothing_here  # noqa: B018


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_gradient_that_backward_is_given_is_neither_changed_nor_kept(dtype):
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    for root in (x, x + 0.0, x.reshape(3, 2), ops.transpose(x), ops.matmul(x, np.eye(3))):
        x.zero_grad()
        gradient = np.arange(6, dtype=dtype).reshape(root.shape)
        before = gradient.copy()
        root.backward(gradient)
        root_gradient = np.array(x.grad)
        np.testing.assert_array_equal(gradient, before)
        gradient[...] = 7
        np.testing.assert_array_equal(x.grad, root_gradient)


def test_numbers_from_ops_are_written_and_collected_like_numbers() -> None:
    x = Tensor([1.0, 2.5], requires_grad=True)
    loss = ops.mean(x) * 2
    assert f"{loss:.2f}" == "3.50"
    assert f"{loss}" == "3.5"
    assert f"{x}".startswith("Tensor([1. , 2.5]")
    with pytest.raises(TypeError):
        f"{x:.2f}"
    for number in (loss, ops.sum(x), ops.argmax(x), ops.all(x > 0), ops.stop_gradient(loss), x.max(), ops.std(x), x[0] * 2):
        assert type(np.asarray(number)) is np.ndarray
        assert np.asarray(number).shape == ()
        assert np.float32(number) == number.item()
        assert type(ops.convert_to_numpy(number)) is np.ndarray
    assert np.mean([loss, loss]) == 3.5
