"""load_img, img_to_array, array_to_img, save_img."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from tinycnn.errors import ArgumentError, DataError, DTypeError, ShapeError
from tinycnn.utils import array_to_img, img_to_array, load_img, save_img

Image = pytest.importorskip("PIL.Image")

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(RGB).save(path)
    return path


def test_from_file_to_array_and_back(picture, tmp_path) -> None:
    for source in (picture, str(picture), io.BytesIO(picture.read_bytes())):
        array = img_to_array(load_img(source))
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, RGB)
    np.testing.assert_array_equal(img_to_array(load_img(picture), "channels_first", "uint8"), RGB.transpose(2, 0, 1))
    save_img(tmp_path / "again.png", RGB, scale=False)
    np.testing.assert_array_equal(img_to_array(load_img(tmp_path / "again.png")), RGB)
    save_img(tmp_path / "first.bmp", RGB.transpose(2, 0, 1), "channels_first", scale=False)
    np.testing.assert_array_equal(img_to_array(load_img(tmp_path / "first.bmp")), RGB)


def test_color_modes(picture) -> None:
    assert load_img(picture, "grayscale").mode == "L"
    assert img_to_array(load_img(picture, "grayscale")).shape == (6, 8, 1)
    assert load_img(picture, "rgba").mode == "RGBA"
    with pytest.raises(ArgumentError, match="color_mode"):
        load_img(picture, "cmyk")


def test_sixteen_bits(tmp_path) -> None:
    deep = (np.arange(12).reshape(3, 4) * 5000).astype(np.uint16)
    path = tmp_path / "deep.png"
    Image.fromarray(deep).save(path)
    np.testing.assert_array_equal(img_to_array(load_img(path, "grayscale"))[..., 0], deep)
    np.testing.assert_array_equal(img_to_array(load_img(path))[..., 1], deep >> 8)


def test_target_size(picture) -> None:
    assert load_img(picture, target_size=(3, 4)).size == (4, 3)
    np.testing.assert_array_equal(img_to_array(load_img(picture, target_size=(12, 16))), RGB.repeat(2, 0).repeat(2, 1))
    kept = img_to_array(load_img(picture, target_size=(6, 6), keep_aspect_ratio=True))
    np.testing.assert_array_equal(kept, RGB[:, 1:7])
    assert load_img(picture, target_size=(5, 5), interpolation="lanczos").size == (5, 5)
    with pytest.raises(ArgumentError, match="interpolation"):
        load_img(picture, target_size=(5, 5), interpolation="cubic")


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", "cut", "flipped"])
def test_a_bad_file_is_named(picture, content) -> None:
    good = picture.read_bytes()
    picture.write_bytes({"cut": good[:-40], "flipped": good[:60] + b"\0\0\0" + good[63:]}.get(content, content))
    with pytest.raises(DataError, match=r"picture\.png is damaged, or no picture"):
        load_img(picture)


def test_a_missing_file_is_an_os_error(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_img(tmp_path / "nowhere.png")


def test_img_to_array_takes_what_is_flat() -> None:
    assert img_to_array(np.zeros((3, 4))).shape == (3, 4, 1)
    assert img_to_array(np.zeros((3, 4)), "channels_first").shape == (1, 3, 4)
    with pytest.raises(ShapeError, match="img"):
        img_to_array(np.zeros(3))
    with pytest.raises(ArgumentError, match="data_format"):
        img_to_array(RGB, "first")


def test_array_to_img_scales_and_cuts() -> None:
    x = np.linspace(-1, 1, 12).reshape(2, 2, 3)
    pixels = np.asarray(array_to_img(x))
    assert (pixels.min(), pixels.max()) == (0, 255)
    np.testing.assert_array_equal(np.asarray(array_to_img(x * 1000, scale=False)), np.clip(x * 1000, 0, 255).astype(np.uint8))
    assert np.asarray(array_to_img(np.full((2, 2, 3), 7.0))).max() == 0  # as in Keras: a constant has no contrast
    assert [array_to_img(np.ones((2, 2, c))).mode for c in (1, 3, 4)] == ["L", "RGB", "RGBA"]
    deep = array_to_img(np.full((2, 2, 1), 300.0), scale=False)
    assert (deep.mode, deep.getpixel((0, 0))) == ("I", 300)


@pytest.mark.parametrize(
    ("x", "error", "word"),
    [
        (np.zeros((2, 2)), ShapeError, "3 dimensions"),
        (np.zeros((2, 2, 2)), ShapeError, "channels"),
        (np.zeros((0, 2, 3)), ShapeError, "pixels"),
        (np.full((2, 2, 3), np.nan), ArgumentError, "finite"),
        ("picture", DTypeError, "data"),
    ],
)
def test_bad_arrays(x, error, word) -> None:
    with pytest.raises(error, match=word):
        array_to_img(x)


def test_saving(tmp_path) -> None:
    save_img(tmp_path / "a.jpg", np.ones((4, 4, 4)))
    assert load_img(tmp_path / "a.jpg").size == (4, 4)
    stream = io.BytesIO()
    save_img(stream, RGB, file_format="gif")
    assert stream.getvalue().startswith(b"GIF8")
    save_img(tmp_path / "odd", RGB, file_format="PNG")
    assert (tmp_path / "odd").read_bytes().startswith(b"\x89PNG")
    for path, more in ((tmp_path / "a.xyz", {}), (tmp_path / "a", {}), (stream, {}), (tmp_path / "a.png", {"file_format": "xyz"})):
        with pytest.raises(ArgumentError, match="file_format"):
            save_img(path, RGB, **more)


def test_a_failed_save_keeps_the_old_file(picture) -> None:
    before = picture.read_bytes()
    with pytest.raises(ShapeError):
        save_img(picture, np.zeros((2, 2)))
    with pytest.raises(AttributeError):
        save_img(picture, RGB, pnginfo="no such thing")
    assert picture.read_bytes() == before
    assert list(picture.parent.iterdir()) == [picture]


def test_without_pillow_it_says_so(picture, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    for call in (lambda: load_img(picture), lambda: array_to_img(RGB), lambda: save_img(picture, RGB)):
        with pytest.raises(ModuleNotFoundError, match="pip install pillow"):
            call()
