"""Flattening, splitting, weighting and cutting into batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinycnn import Tensor, errors, random
from tinycnn.data import (
    ArrayBatches,
    ArrayData,
    Epochs,
    StreamBatches,
    check_finite,
    class_weights_to_sample_weights,
    flatten,
    is_stream,
    pack,
    split_validation,
)
from tinycnn.utils import set_random_seed

ROWS = np.arange(12.0).reshape(6, 2)


def data(x: np.ndarray, y: np.ndarray | None = None) -> ArrayData:
    return ArrayData([x], [] if y is None else [y], [] if y is None else [None])


# ---- structure
@pytest.mark.parametrize("value", [ROWS, Tensor(ROWS), ROWS.tolist(), [ROWS], (ROWS,)])
def test_one_array(value) -> None:
    arrays, structure = flatten(value, "x")
    np.testing.assert_array_equal(arrays[0], ROWS)
    assert structure is None
    assert pack(arrays, structure) is arrays[0]


def test_lists_and_dicts() -> None:
    arrays, structure = flatten([ROWS, ROWS[:, 0]], "x")
    assert [a.shape for a in pack(arrays, structure)] == [(6, 2), (6,)]
    arrays, structure = flatten({"b": ROWS, "a": ROWS[:, 0]}, "x", ["a", "b"])
    assert [a.shape for a in arrays] == [(6,), (6, 2)]
    assert list(pack(arrays, structure)) == ["a", "b"]
    for value, error in (({"a": ROWS}, errors.ArgumentError), (3.0, errors.ShapeError), (["a"], errors.DTypeError)):
        with pytest.raises(error):
            flatten(value, "x", ["a", "b"])


def test_nothing_is_cast_before_its_batch_comes() -> None:
    for array in (ROWS, ROWS.astype(np.float16), ROWS.astype(">i4"), ROWS.astype(np.uint8)):
        assert np.shares_memory(flatten(array, "x")[0][0], array)
    with pytest.raises(errors.DTypeError):
        flatten(ROWS.astype(complex), "x")


def test_torch_tensors_are_shared() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(12.0).reshape(6, 2)
    for value in (tensor, [tensor], {"a": tensor}):
        assert np.shares_memory(flatten(value, "x")[0][0], tensor.numpy())
    assert [a.shape for a in flatten([tensor, tensor[:, 0]], "x")[0]] == [(6, 2), (6,)]
    assert not is_stream(tensor)
    with pytest.raises(errors.DTypeError, match="grad"):
        flatten(tensor.requires_grad_(), "x")


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    np.testing.assert_array_equal(flatten(frame, "x")[0][0], [[1, 3], [2, 4]])
    np.testing.assert_array_equal(flatten(frame["b"], "y")[0][0], [[3], [4]])
    assert not is_stream(frame)
    with pytest.raises(errors.DTypeError):
        flatten(pandas.DataFrame({"a": ["x"]}), "x")


def test_what_a_stream_is() -> None:
    for x in (ROWS, Tensor(ROWS), [ROWS], {"a": ROWS}, ROWS.tolist(), None, 3):
        assert not is_stream(x)
    for x in (iter([ROWS]), (row for row in ROWS), map(abs, ROWS), {1, 2}):
        assert is_stream(x)


# ---- arrays
def test_sample_counts_must_agree() -> None:
    for x, y in ((ROWS, ROWS[:5]), (ROWS[:0], ROWS[:0])):
        with pytest.raises(errors.ShapeError, match="samples"):
            data(x, y)


@given(n=st.integers(2, 200), fraction=st.floats(0.01, 0.99))
@settings(deadline=None, max_examples=50)
def test_the_validation_part_is_the_end(n: int, fraction: float) -> None:
    cut = int(np.floor(n * (1 - fraction)))
    whole = data(np.arange(n))
    if not 0 < cut < n:
        with pytest.raises(errors.ArgumentError, match="leaves none"):
            split_validation(whole, fraction)
        return
    train, valid = split_validation(whole, fraction)
    assert train.x[0].tolist() + valid.x[0].tolist() == list(range(n))
    assert train.size == cut


def test_class_weights() -> None:
    for y in ([0, 2, 1, 2], [[0], [2], [1], [2]], np.eye(3)[[0, 2, 1, 2]]):
        np.testing.assert_array_equal(class_weights_to_sample_weights({0: 2.0, 2: 0.5}, np.array(y)), [2, 0.5, 1, 0.5])
    for weights, y, error in (
        ({0.5: 1}, np.zeros(2, int), errors.ArgumentError),
        ({-1: 1}, np.zeros(2, int), errors.ArgumentError),
        ([1, 2], np.zeros(2, int), errors.ArgumentError),
        ({0: 1}, np.zeros((2, 2, 2)), errors.ShapeError),
        ({0: 1}, np.array([-1, 0]), errors.ArgumentError),
        ({0: "heavy"}, np.zeros(2, int), errors.ArgumentError),
    ):
        with pytest.raises(error):
            class_weights_to_sample_weights(weights, y)


def test_finite_or_where_not() -> None:
    check_finite([ROWS, None, np.arange(3)], "x")
    bad = np.zeros((9000, 2), np.float32)
    bad[8999, 1] = np.inf
    with pytest.raises(errors.DataError, match=r"x\[1\] holds inf at \(8999, 1\)"):
        check_finite([ROWS, bad], "x")


# ---- batches
@given(n=st.integers(1, 40), size=st.integers(1, 50), shuffle=st.booleans(), layout=st.sampled_from(["plain", "strided", "swapped", "int"]))
@settings(deadline=None, max_examples=60)
def test_each_sample_comes_once_with_its_target(n: int, size: int, shuffle: bool, layout: str) -> None:
    x = np.arange(3.0 * n).reshape(n, 3)
    x = {"plain": x, "strided": np.repeat(x, 2, axis=1)[:, ::2], "swapped": x.astype(">f8"), "int": x.astype(np.int16)}[layout]
    batches = ArrayBatches(data(x, np.arange(n)), size, shuffle=shuffle, dtype="float32")
    assert batches.steps == -(-n // size)
    for _ in range(2):
        seen: list[int] = []
        for batch in batches:
            assert batch.x[0].dtype == np.float32
            assert batch.y[0].dtype == np.int64
            assert len(batch.x[0]) == batch.size <= size
            np.testing.assert_array_equal(batch.x[0][:, 0], 3 * batch.y[0])
            seen += batch.y[0].tolist()
        assert sorted(seen) == list(range(n))
        assert shuffle or seen == list(range(n))


def test_the_order_comes_from_the_seed() -> None:
    batches = ArrayBatches(data(np.arange(50.0)), 50, shuffle=True, dtype="float64")
    orders = []
    for _ in range(2):
        set_random_seed(4)
        orders.append([next(iter(batches)).x[0].tolist() for _ in range(2)])
    assert orders[0] == orders[1]
    assert orders[0][0] != orders[0][1]


@given(n=st.integers(1, 40), size=st.integers(1, 50))
@settings(deadline=None, max_examples=40)
def test_shuffling_whole_batches(n: int, size: int) -> None:
    orders = [batch.x[0].tolist() for batch in ArrayBatches(data(np.arange(float(n))), size, shuffle="batch", dtype="float64")]
    blocks = [list(range(start, min(start + size, n))) for start in range(0, n, size)]
    assert sorted(orders) == blocks
    assert n % size == 0 or orders[-1] == blocks[-1]


@given(n=st.integers(1, 30), size=st.integers(1, 8), skip=st.integers(0, 40), shuffle=st.sampled_from([False, True, "batch"]))
@settings(deadline=None, max_examples=60)
def test_a_pass_can_begin_anywhere(n: int, size: int, skip: int, shuffle: bool | str) -> None:
    batches = ArrayBatches(data(np.arange(float(n))), size, shuffle=shuffle, dtype="float64")
    set_random_seed(1)
    whole = [batch.x[0].tolist() for batch in batches]
    set_random_seed(1)
    assert [batch.x[0].tolist() for batch in batches.start(skip)] == whole[skip:]


def test_no_copy_where_none_is_needed() -> None:
    x = ROWS.astype(np.float32)
    for batch in ArrayBatches(data(x), 4, shuffle=False, dtype="float32"):
        assert np.shares_memory(batch.x[0], x)


@pytest.mark.parametrize("size", [0, -1, 2.5, "4", True])
def test_batch_size_is_a_count(size) -> None:
    with pytest.raises(errors.ArgumentError, match="batch_size"):
        ArrayBatches(data(ROWS), size, shuffle=False, dtype="float32")


# ---- epochs
def test_epochs_of_some_steps_go_on_where_the_last_stopped() -> None:
    epochs = Epochs(ArrayBatches(data(np.arange(6.0)), 2, shuffle=False, dtype="float64"), 2)
    firsts = [[batch.x[0][0] for batch in epochs] for _ in range(3)]
    assert firsts == [[0, 2], [4, 0], [2, 4]]


@given(steps=st.integers(1, 9), before=st.integers(0, 30), whole=st.booleans())
@settings(deadline=None, max_examples=60)
def test_another_run_goes_on_at_a_position(steps: int, before: int, whole: bool) -> None:
    def make() -> Epochs:
        batches = ArrayBatches(data(np.arange(7.0)), 2, shuffle=True, dtype="float64")
        return Epochs(batches, None if whole else steps)

    def run(epochs: Epochs, until: int, stop: bool) -> list[list[float]]:
        seen: list[list[float]] = []
        while len(seen) < until:
            for batch in epochs:
                seen.append(batch.x[0].tolist())
                if stop and len(seen) == until:
                    kept.append((epochs.position, random.get_state()))
                    break
        return seen

    kept: list[tuple[dict | None, dict]] = []
    set_random_seed(2)
    expected = run(make(), before + 20, False)
    set_random_seed(2)
    if before:
        run(make(), before, True)
        position, state = kept[0]
    else:
        position, state = make().position, random.get_state()
    set_random_seed(77)
    resumed = make()
    resumed.position = position
    random.set_state(state)
    assert run(resumed, 20, False)[:20] == expected[before : before + 20]


def test_a_validation_of_some_steps_sees_the_same_batches() -> None:
    epochs = Epochs(ArrayBatches(data(np.arange(6.0)), 2, shuffle=False, dtype="float64"), 2, afresh=True)
    assert [[batch.x[0][0] for batch in epochs] for _ in range(2)] == [[0, 2], [0, 2]]


def test_epochs_of_a_generator_end_with_it() -> None:
    def make(parts):
        return parts[0]

    stream = StreamBatches(iter([1, 2, 3]), make)
    assert stream.steps is None
    epochs = Epochs(stream, 2)
    assert list(epochs) == [1, 2]
    with pytest.warns(UserWarning, match="ran out after 1 of 2"):
        assert list(epochs) == [3]
    assert list(Epochs(StreamBatches([1, 2], make))) == [1, 2]
    assert StreamBatches([1, 2], make).steps == 2
    with pytest.raises(errors.ArgumentError, match="tuple of 4"):
        list(StreamBatches([(1, 2, 3, 4)], make))
    with pytest.raises(errors.ArgumentError, match="steps"):
        Epochs(stream, 0)
