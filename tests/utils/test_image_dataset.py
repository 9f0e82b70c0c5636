"""image_dataset_from_directory: what it finds, in which order, and what it says of folders and files that are not right."""

from __future__ import annotations

import gc
import pickle
import sys

import numpy as np
import pytest

from tinycnn import ops, utils
from tinycnn.errors import ArgumentError, DataError
from tinycnn.layers import Dense, Flatten, Input, Rescaling
from tinycnn.models import Sequential
from tinycnn.utils import image_dataset_from_directory

Image = pytest.importorskip("PIL.Image")

R = np.random.default_rng(0)
PICTURES = {
    "cat/1.png": R.integers(0, 256, (6, 8, 3), dtype=np.uint8),
    "cat/2.bmp": R.integers(0, 256, (6, 8, 3), dtype=np.uint8),
    "cat/deep/0.PNG": R.integers(0, 256, (4, 4, 3), dtype=np.uint8),
    "dog/1.gif": R.integers(0, 256, (5, 5), dtype=np.uint8),
    "dog/2.jpeg": np.full((8, 8, 3), 200, np.uint8),
    "eel/1.jpg": np.full((8, 8, 3), 50, np.uint8),
}


@pytest.fixture
def folder(tmp_path):
    for name, pixels in PICTURES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def load(folder, **arguments):
    return image_dataset_from_directory(folder, **{"image_size": (6, 8), "shuffle": False, "batch_size": 4, "verbose": False, **arguments})


def test_pictures_labels_and_batches(folder, capsys) -> None:
    dataset = load(folder, verbose=True)
    assert capsys.readouterr().out == "Found 6 files belonging to 3 classes.\n"
    assert dataset.class_names == ["cat", "dog", "eel"]
    assert dataset.file_paths == [str(folder / name) for name in PICTURES]
    assert len(dataset) == 2
    (images, labels), (rest, rest_labels) = dataset
    assert (images.shape, images.dtype, rest.shape) == ((4, 6, 8, 3), np.float32, (2, 6, 8, 3))
    assert (labels.tolist(), rest_labels.tolist(), labels.dtype) == ([0, 0, 0, 1], [1, 2], np.int32)
    np.testing.assert_array_equal(images[0], PICTURES["cat/1.png"])
    np.testing.assert_array_equal(images[1], PICTURES["cat/2.bmp"])
    expected = ops.image.resize(PICTURES["cat/deep/0.PNG"], (6, 8)).numpy()
    np.testing.assert_array_equal(images[2], expected)
    assert abs(rest[0] - 200).max() < 3
    np.testing.assert_array_equal(dataset[-1][0], rest)
    with pytest.raises(IndexError, match="no batch 2"):
        dataset[2]


def test_label_modes(folder) -> None:
    np.testing.assert_array_equal(
        load(folder, label_mode="categorical", batch_size=9)[0][1], np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1, 2]]
    )
    binary = load(folder, label_mode="binary", class_names=["dog", "cat"], batch_size=9)
    np.testing.assert_array_equal(binary[0][1], np.float32([[0], [0], [1], [1], [1]]))
    assert binary.class_names == ["dog", "cat"]
    for arguments in ({"label_mode": None}, {"labels": None}):
        dataset = load(folder, **arguments)
        assert dataset[0].shape == (4, 6, 8, 3)
        assert dataset.class_names is None
    numbered = load(folder, labels=[1, 0, 1, 0, 1, 0], batch_size=9)
    assert numbered[0][1].tolist() == [1, 0, 1, 0, 1, 0]
    assert numbered.class_names == ["0", "1"]


def test_colours_and_layouts(folder) -> None:
    assert load(folder, color_mode="grayscale")[0][0].shape == (4, 6, 8, 1)
    rgba = load(folder, color_mode="rgba")[0][0]
    assert rgba.shape == (4, 6, 8, 4)
    assert (rgba[..., 3] == 255).all()
    first = load(folder, data_format="channels_first")[0][0]
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), load(folder)[0][0])
    assert load(folder, image_size=5)[0][0].shape == (4, 5, 5, 3)
    cropped = load(folder, image_size=(4, 4), crop_to_aspect_ratio=True, interpolation="nearest")[0][0]
    np.testing.assert_array_equal(cropped[2], PICTURES["cat/deep/0.PNG"])


def test_sixteen_bit_pictures_become_eight(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    deep = (np.arange(12).reshape(3, 4) * 5000).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "a" / "deep.png")
    for mode in ("rgb", "grayscale"):
        np.testing.assert_array_equal(load(tmp_path, image_size=(3, 4), color_mode=mode)[0][0][0, :, :, 0], deep >> 8)


def test_shuffling_is_keras_first_and_another_in_each_pass(folder) -> None:
    order = np.arange(6)
    np.random.RandomState(5).shuffle(order)
    dataset = load(folder, shuffle=True, seed=5, batch_size=1)
    assert dataset.file_paths == [str(folder / list(PICTURES)[i]) for i in order]

    def passes(dataset):
        return [[int(labels[0]) for _, labels in dataset] for _ in range(4)]

    seen = passes(dataset)
    assert all(sorted(one) == [0, 0, 0, 1, 1, 2] for one in seen)
    assert len({tuple(one) for one in seen}) > 1
    assert passes(load(folder, shuffle=True, seed=5, batch_size=1)) == seen
    utils.set_random_seed(1)
    first = passes(load(folder, shuffle=True, batch_size=1))
    utils.set_random_seed(1)
    assert passes(load(folder, shuffle=True, batch_size=1)) == first


def test_subsets_share_nothing(folder) -> None:
    split = {"validation_split": 0.4, "seed": 3, "shuffle": True}
    training, validation = (load(folder, subset=subset, **split) for subset in ("training", "validation"))
    assert (len(training.file_paths), len(validation.file_paths)) == (4, 2)
    assert not set(training.file_paths) & set(validation.file_paths)
    both = load(folder, subset="both", **split)
    assert [part.file_paths for part in both] == [training.file_paths, validation.file_paths]
    assert [labels.tolist() for _, labels in both[1]] == [labels.tolist() for _, labels in both[1]]  # never shuffled again


def test_fit_evaluate_and_predict_take_it(folder) -> None:
    model = Sequential([Input((6, 8, 3)), Rescaling(1 / 255), Flatten(), Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    training, validation = load(folder, subset="both", validation_split=0.4, seed=0, shuffle=True)
    history = model.fit(training, validation_data=validation, epochs=2, verbose=0).history
    assert len(history["val_loss"]) == 2
    assert len(model.evaluate(training, verbose=0)) == 2
    assert model.predict(load(folder), verbose=0).shape == (6, 3)


def test_it_goes_to_workers(folder) -> None:
    dataset = load(folder)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(dataset))[0][0], dataset[0][0])


@pytest.mark.parametrize("content", [b"", b"no picture", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_a_bad_picture_is_named_when_its_batch_is_read(folder, content) -> None:
    (folder / "dog" / "1.gif").write_bytes(content)
    dataset = load(folder, batch_size=3)
    assert dataset[0][0].shape == (3, 6, 8, 3)
    with pytest.raises(DataError, match=r"dog.1\.gif is damaged, or no picture"):
        dataset[1]


def test_files_are_closed(folder) -> None:
    for _ in load(folder):
        pass
    gc.collect()  # a ResourceWarning is an error here


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ({"label_mode": "multi"}, ArgumentError, "label_mode"),
        ({"label_mode": "binary"}, ArgumentError, "two classes"),
        ({"color_mode": "hsv"}, ArgumentError, "color_mode"),
        ({"batch_size": 0}, ArgumentError, "batch_size"),
        ({"batch_size": None}, ArgumentError, "batch_size"),
        ({"image_size": (2, 3, 4)}, ArgumentError, "image_size"),
        ({"image_size": (0, 3)}, ArgumentError, "image_size"),
        ({"image_size": None}, ArgumentError, "image_size"),
        ({"interpolation": "area"}, ArgumentError, "interpolation"),
        ({"data_format": "first"}, ArgumentError, "data_format"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, ArgumentError, "both"),
        ({"class_names": ["cat", "cow"]}, ArgumentError, "class_names"),
        ({"class_names": ["cat", "cat"]}, ArgumentError, "class_names"),
        ({"class_names": ["cat"], "labels": None}, ArgumentError, "class_names"),
        ({"labels": "folders"}, ArgumentError, "labels"),
        ({"labels": [0, 1]}, ArgumentError, "each of the 6 pictures"),
        ({"labels": [0, 0, 2, 2, 2, 2]}, ArgumentError, "without a gap"),
        ({"subset": "test", "validation_split": 0.2}, ArgumentError, "subset"),
        ({"validation_split": 0.2}, ArgumentError, "together"),
        ({"subset": "training"}, ArgumentError, "together"),
        ({"subset": "training", "validation_split": 1.2, "seed": 0}, ArgumentError, "validation_split"),
        ({"subset": "training", "validation_split": 0.01, "seed": 0}, ArgumentError, "empty"),
        ({"subset": "training", "validation_split": 0.5, "shuffle": True}, ArgumentError, "seed"),
        ({"seed": -1}, ArgumentError, "seed"),
        ({"seed": 2**32}, ArgumentError, "seed"),
    ],
)
def test_bad_arguments(folder, arguments, error, word) -> None:
    with pytest.raises(error, match=word):
        load(folder, **arguments)


def test_bad_folders(folder) -> None:
    with pytest.raises(ArgumentError, match="directory must be a folder"):
        load(folder / "nowhere")
    with pytest.raises(DataError, match=r"no pictures .* in its subfolders"):
        load(folder / "eel")


def test_without_pillow_it_says_so(folder, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pillow"):
        load(folder)
