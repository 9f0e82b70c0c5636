"""RandomErasing, CutMix and MixUp: boxes, mixtures and labels that fit them; out of training nothing."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import layers, random
from tinycnn.errors import ArgumentError, ShapeError
from tinycnn.layers import CutMix, MixUp, RandomErasing

R = np.random.default_rng(50)
N = 12
LABELS = np.eye(N, dtype=np.float32)
#: Each image holds its own number and nothing else.
NUMBERED = np.broadcast_to(np.arange(N, dtype=np.float32)[:, None, None, None], (N, 10, 8, 3)).copy()
DATA = {"images": NUMBERED, "labels": LABELS}


def test_mix_up_mixes_labels_as_it_does_images() -> None:
    found = MixUp(1.0, seed=1)(DATA, training=True)
    images, labels = found["images"].numpy(), found["labels"].numpy()
    np.testing.assert_allclose(images[:, 0, 0, 0], labels @ np.arange(N), rtol=1e-4)
    assert (images == images[:, :1, :1, :1]).all()
    np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-6)
    assert 0 < np.mean((labels > 0).sum(1) == 2) <= 1


def test_cut_mix_takes_a_box_and_its_part_of_the_labels() -> None:
    found = CutMix((1.0, 1.0), seed=1)(DATA, training=True)
    images, labels = found["images"].numpy(), found["labels"].numpy()
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        other = image != i
        rows, columns = other.any((1, 2)), other.any((0, 2))
        assert (other[rows][:, columns]).all()  # a box
        if other.any():
            assert len(np.unique(image[other])) == 1
            assert abs((1 - label[i]) - other.mean()) < 0.25  # up to a cell on each side
            assert label[int(image[other][0])] == pytest.approx(1 - label[i], abs=1e-5)
    assert (images != NUMBERED).any()


@pytest.mark.parametrize("layer", [MixUp(seed=3), CutMix(seed=3)])
def test_inputs_keep_their_form(layer) -> None:
    assert layer(NUMBERED, training=True).shape == NUMBERED.shape
    np.testing.assert_array_equal(layer(NUMBERED).numpy(), NUMBERED)
    np.testing.assert_array_equal(layer(NUMBERED[0], training=True).numpy(), NUMBERED[0])
    found = layer(DATA)
    np.testing.assert_array_equal(found["images"].numpy(), NUMBERED)
    np.testing.assert_array_equal(found["labels"].numpy(), LABELS)
    assert set(layer({"images": NUMBERED.astype(np.uint8)}, training=True)) == {"images"}
    first = type(layer)(seed=3, data_format="channels_first")(NUMBERED.transpose(0, 3, 1, 2), training=True).numpy()
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), type(layer)(seed=3)(NUMBERED, training=True).numpy())
    drawn = layer({"images": layers.Input((10, 8, 3)), "labels": layers.Input((N,))})
    assert {name: tensor.shape for name, tensor in drawn.items()} == {"images": (None, 10, 8, 3), "labels": (None, N)}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_against_keras() -> None:
    keras = pytest.importorskip("keras")
    source = random.generator(5)
    order, weight = source.permutation(N), source.beta(0.4, 0.4, N)
    theirs = keras.layers.MixUp(0.4)
    transformation = {
        "permutation_order": keras.ops.convert_to_tensor(order),
        "mix_weight": keras.ops.convert_to_tensor(weight.astype("f")),
    }
    found = MixUp(0.4, seed=5)(DATA, training=True)
    for name, function, value in (("images", theirs.transform_images, NUMBERED), ("labels", theirs.transform_labels, LABELS)):
        expected = function(keras.ops.convert_to_tensor(value), transformation, training=True)
        np.testing.assert_allclose(found[name].numpy(), keras.ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-5)


def test_erasing() -> None:
    images = np.full((200, 20, 20, 2), 7, np.float32)
    erased = RandomErasing((0.5, 0.5), (0.09, 0.25), fill_value=[1.0, 300.0], seed=1)(images, training=True).numpy()
    boxes = erased != 7
    np.testing.assert_array_equal(np.unique(erased[..., 0]), [1, 7])
    np.testing.assert_array_equal(np.unique(erased[..., 1]), [7, 255])  # cut to value_range
    changed = boxes.any((1, 2, 3))
    assert 0.4 < changed.mean() < 0.6
    heights, widths = boxes.any((2, 3)).sum(1)[changed], boxes.any((1, 3)).sum(1)[changed]
    assert heights.min() >= 5
    assert heights.max() <= 11
    assert widths.min() >= 5
    assert widths.max() <= 11
    noise = RandomErasing(1.0, (1.0, 1.0), value_range=(0, 1), seed=1)(images, training=True).numpy()
    assert noise[noise != 7].min() >= 0
    assert noise[noise != 7].max() <= 1


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="expects images, or a dict of 'images' and 'labels', got"):
        MixUp()({"images": NUMBERED, "boxes": LABELS})
    with pytest.raises(ShapeError, match=r"labels of .* must have shape \(batch, classes\)"):
        CutMix()({"images": NUMBERED, "labels": np.arange(N)})
    with pytest.raises(ShapeError, match="3 dimensions"):
        CutMix()(LABELS)
    with pytest.raises(ArgumentError, match="alpha must be a number above 0, got 0"):
        MixUp(0)
    with pytest.raises(ArgumentError, match=r"factor must be in \[0, 1\], got 2"):
        CutMix(2)
    with pytest.raises(ArgumentError, match="fill_value must be a number, a list of them or None, got 'black'"):
        RandomErasing(fill_value="black")
    with pytest.raises(ShapeError, match="one for each of 3 channels"):
        RandomErasing((1, 1), fill_value=[1, 2])(NUMBERED, training=True)
