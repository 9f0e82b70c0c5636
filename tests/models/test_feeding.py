"""What fit, evaluate and predict take as data."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinycnn import errors
from tinycnn.layers import Concatenate, Dense, Flatten, Input
from tinycnn.models import Model, Sequential
from tinycnn.utils import PyDataset, set_random_seed, to_categorical

N = 24
X = np.sin(np.arange(N * 4) * 1.3).reshape(N, 4).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
ONE_HOT = to_categorical(LABELS, 3)


def classifier(loss: str = "categorical_crossentropy") -> Sequential:
    set_random_seed(3)
    model = Sequential([Input((4,)), Dense(8, activation="relu"), Dense(3, activation="softmax")])
    model.compile("adam", loss, metrics=["accuracy"], weighted_metrics=["mae"] if loss != "sparse_categorical_crossentropy" else None)
    return model


def two_headed() -> Model:
    set_random_seed(3)
    a, b = Input((2,), name="a"), Input((2,), name="b")
    joined = Concatenate()([a, b])
    model = Model([a, b], [Dense(3, activation="softmax", name="kind")(joined), Dense(1, name="size")(joined)])
    model.compile(
        "adam",
        {"kind": "sparse_categorical_crossentropy", "size": "mse"},
        loss_weights={"size": 0.5},
        metrics={"kind": ["accuracy"], "size": "mae"},
    )
    return model


def trained(model: Model, *data: Any, **arguments: Any) -> tuple[list[np.ndarray], dict[str, list[float]]]:
    set_random_seed(5)
    history = model.fit(*data, **({"verbose": 0, "epochs": 2, "shuffle": False} | arguments)).history
    return model.get_weights(), dict(history)


def same(got: Any, wanted: Any) -> None:
    for a, b in zip(got[0], wanted[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    assert list(got[1]) == list(wanted[1])
    for name, values in wanted[1].items():
        assert got[1][name] == pytest.approx(values, rel=1e-6)


class Batches(PyDataset):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        rows = slice(8 * index, 8 * index + 8)
        return X[rows], ONE_HOT[rows]


# ---- streams
@pytest.mark.parametrize("workers", [1, 3])
def test_data_sets_train_as_arrays_do(workers: int) -> None:
    expected = trained(classifier(), X, ONE_HOT, batch_size=8, validation_data=(X, ONE_HOT), validation_batch_size=8)
    same(trained(classifier(), Batches(workers), validation_data=Batches(workers)), expected)
    model = classifier()
    assert model.evaluate(Batches(workers), verbose=0) == pytest.approx(model.evaluate(X, ONE_HOT, batch_size=8, verbose=0))
    np.testing.assert_array_equal(model.predict(Batches(workers), verbose=0), model.predict(X, batch_size=8, verbose=0))
    first, second = (trained(classifier(), Batches(w), shuffle=True) for w in (1, workers))
    same(first, second)


def test_batches_may_be_lists_and_weighted() -> None:
    weights = np.linspace(0, 2, N)
    expected = trained(classifier(), X, ONE_HOT, batch_size=8, sample_weight=weights)
    rows = [slice(8 * i, 8 * i + 8) for i in range(3)]
    for make in (tuple, list):
        stream = type("Stream", (), {"__iter__": lambda self, make=make: (make((X[r], ONE_HOT[r], weights[r])) for r in rows)})()
        same(trained(classifier(), stream), expected)
    classes = {0: 2.0, 1: 0.5}
    expected = trained(classifier(), X, ONE_HOT, batch_size=8, class_weight=classes)
    same(trained(classifier(), Batches(), class_weight=classes), expected)


def test_torch_data_loaders() -> None:
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(LABELS))
    loader = torch.utils.data.DataLoader(data, batch_size=8)
    loss = "sparse_categorical_crossentropy"
    expected = trained(classifier(loss), X, LABELS, batch_size=8)
    same(trained(classifier(loss), loader), expected)

    class Unsized(torch.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            return iter(zip(X, LABELS, strict=True))

    same(trained(classifier(loss), torch.utils.data.DataLoader(Unsized(), batch_size=8)), expected)
    same(trained(classifier(loss), torch.from_numpy(X), torch.from_numpy(LABELS), batch_size=8), expected)
    model = classifier(loss)
    np.testing.assert_array_equal(model.predict(loader, verbose=0), model.predict(X, batch_size=8, verbose=0))


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    frame["label"] = LABELS
    loss = "sparse_categorical_crossentropy"
    expected = trained(classifier(loss), X, LABELS[:, None], batch_size=8, class_weight={0: 3.0})
    same(trained(classifier(loss), frame[list("abcd")], frame["label"], batch_size=8, class_weight={0: 3.0}), expected)
    columns = {"a": frame[["a", "b"]], "b": frame[["c", "d"]]}
    targets = {"kind": frame["label"], "size": frame["a"]}
    same(trained(two_headed(), columns, targets), trained(two_headed(), [X[:, :2], X[:, 2:]], [LABELS[:, None], X[:, :1]]))


def test_old_names_with_their_order_of_arguments() -> None:
    model = classifier()
    history = model.fit_generator(Batches(), 2, 3, 0, validation_data=Batches(), validation_steps=1, workers=4)
    assert history.params["steps"] == 2
    assert history.epoch == [0, 1, 2]
    assert model.evaluate_generator(Batches(), 2) == pytest.approx(model.evaluate(X[:16], ONE_HOT[:16], batch_size=8, verbose=0))
    assert model.predict_generator(Batches(), 2).shape == (16, 3)


# ---- several inputs and outputs
def test_dicts_and_lists_and_streams_of_them() -> None:
    inputs, targets = {"b": X[:, 2:], "a": X[:, :2]}, {"size": X[:, :1], "kind": LABELS}
    expected = trained(two_headed(), [X[:, :2], X[:, 2:]], [LABELS, X[:, :1]], batch_size=8)
    assert set(expected[1]) == {"loss", "kind_loss", "size_loss", "kind_accuracy", "size_mae"}
    same(trained(two_headed(), inputs, targets, batch_size=8), expected)

    def stream() -> Any:
        for i in range(0, N, 8):
            yield {k: v[i : i + 8] for k, v in inputs.items()}, {k: v[i : i + 8] for k, v in targets.items()}

    same(trained(two_headed(), stream(), epochs=1), trained(two_headed(), inputs, targets, batch_size=8, epochs=1))


def test_weights_for_each_output() -> None:
    inputs, targets = [X[:, :2], X[:, 2:]], [LABELS, X[:, :1]]
    weights = np.linspace(0, 2, N)
    expected = trained(two_headed(), inputs, targets, sample_weight=[weights, np.ones(N)])
    for given in ({"kind": weights}, {"kind": weights, "size": None}, [weights, None]):
        same(trained(two_headed(), inputs, targets, sample_weight=given), expected)
    both = trained(two_headed(), inputs, targets, sample_weight=[weights, weights])
    same(trained(two_headed(), inputs, targets, sample_weight=weights), both)
    for wrong, message in (({"colour": weights}, "colour"), ([weights] * 3, "2 targets")):
        with pytest.raises(errors.ArgumentError, match=message):
            trained(two_headed(), inputs, targets, sample_weight=wrong)


# ---- class weights
def test_class_weights_are_not_for_validation() -> None:
    weighted = trained(classifier(), X, ONE_HOT, validation_split=0.5, class_weight={0: 5.0, 1: 0.1})
    set_random_seed(5)
    model = classifier()
    model.set_weights(weighted[0])
    loss = model.evaluate(X[N // 2 :], ONE_HOT[N // 2 :], verbose=0)[0]
    assert weighted[1]["val_loss"][-1] == pytest.approx(loss)
    by_number = trained(classifier("sparse_categorical_crossentropy"), X, LABELS, class_weight={0: 5.0, 1: 0.1})
    by_row = trained(classifier(), X, ONE_HOT, class_weight={0: 5.0, 1: 0.1})
    assert by_number[1]["loss"] == pytest.approx(by_row[1]["loss"])


# ---- order
def test_whole_batches_can_be_shuffled_and_nothing_else() -> None:
    got = trained(classifier(), X, ONE_HOT, batch_size=8, shuffle="batch")
    assert got[1]["loss"] != trained(classifier(), X, ONE_HOT, batch_size=8)[1]["loss"]
    with pytest.raises(errors.ArgumentError, match="shuffle"):
        trained(classifier(), X, ONE_HOT, shuffle="sample")


# ---- larger than memory
@pytest.mark.parametrize(
    ("dtype", "shuffle"), [("uint8", True), ("uint8", False), ("uint8", "batch"), ("<f4", True), (">f4", True), ("<f2", False)]
)
def test_a_memory_map_is_read_and_cast_batch_by_batch(tmp_path: Path, dtype: str, shuffle: bool | str) -> None:
    """400 MB on the disk (a hole: nothing is stored); three steps may read and allocate a small part of them."""
    path = tmp_path / "x.bin"
    rows = 400_000_000 // (1000 * np.dtype(dtype).itemsize)
    x = np.memmap(path, dtype, "w+", shape=(rows, 1000))
    y = np.zeros(rows, np.float32)
    model = Sequential([Input((1000,)), Dense(1)])
    model.compile("sgd", "mse")
    tracemalloc.start()
    model.fit(x, y, batch_size=16, steps_per_epoch=3, shuffle=shuffle, verbose=0)
    model.predict(x, batch_size=16, steps=3, verbose=0)
    allocated = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert allocated < 30_000_000  # the order of the rows alone is 3 MB
    resident = _resident(path)
    assert resident is None or resident < 40_000_000
    with pytest.raises(errors.ShapeError):
        model.fit(x[:, :10], y, verbose=0)


def _resident(path: Path) -> int | None:
    """Bytes of a mapped file that are in memory; None where the system does not say."""
    try:
        lines = Path("/proc/self/smaps").read_text().splitlines()
    except OSError:
        return None
    found = [i for i, line in enumerate(lines) if line.endswith(str(path))]
    return sum(1024 * int(line.split()[1]) for i in found for line in lines[i : i + 6] if line.startswith("Rss:"))


def test_a_memory_map_trains_as_the_array_does(tmp_path: Path) -> None:
    images = (np.arange(N * 9).reshape(N, 3, 3) % 251).astype(np.uint8)
    mapped = np.memmap(tmp_path / "x.bin", np.uint8, "w+", shape=images.shape)
    mapped[:] = images
    results = []
    for x in (images.astype(np.float32), mapped):
        set_random_seed(0)
        model = Sequential([Input((3, 3)), Flatten(), Dense(1)])
        model.compile("adam", "mse")
        results.append(trained(model, x, LABELS, batch_size=5, shuffle=True, validation_split=0.25))
    same(results[1], results[0])


def test_a_list_of_images_is_no_batch() -> None:
    model = Sequential([Input((4, 4, 1)), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(errors.ShapeError, match=r"x has 40 arrays, the model has 1 input: \["):
        model.fit([np.zeros((4, 4, 1), np.float32)] * 40, np.zeros((40, 1)), verbose=0)


# ---- a last axis of size 1
@pytest.mark.parametrize("functional", [False, True])
def test_gray_images_without_channels_are_images(functional: bool, tmp_path: Path) -> None:
    images = np.sin(np.arange(N * 16)).reshape(N, 4, 4).astype(np.float32)
    mapped = np.memmap(tmp_path / "x.bin", np.float32, "w+", shape=images.shape)
    mapped[:] = images
    results = []
    for x in (images[..., None], images, mapped, images[..., None, None]):
        set_random_seed(0)
        x_in = Input((4, 4, 1))
        model = Model(x_in, Dense(1)(Flatten()(x_in))) if functional else Sequential([x_in, Flatten(), Dense(1)])
        model.compile("adam", "mse")
        results.append((*trained(model, x, LABELS, batch_size=5), model.predict(x, verbose=0).tolist()))
    for result in results[1:]:
        same(result, results[0])
        assert result[2] == results[0][2]
    for wrong in (images[:, :3], images[..., None, None, None], images[:, 0]):
        with pytest.raises(errors.ShapeError):
            model.fit(wrong, LABELS, verbose=0)


def test_a_row_of_numbers_is_a_column_where_one_is_expected() -> None:
    model = Sequential([Input((1,)), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X[:, 0], LABELS, verbose=0)
    np.testing.assert_array_equal(model.predict(X[:, 0], verbose=0), model.predict(X[:, :1], verbose=0))
    with pytest.raises(errors.ShapeError):
        classifier().fit(X[:, 0], ONE_HOT, verbose=0)
