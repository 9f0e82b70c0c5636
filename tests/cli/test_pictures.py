"""Reading anybody's picture."""

import numpy as np
import pytest

from tinycnn.cli import pictures
from tinycnn.errors import DataError

Image = pytest.importorskip("PIL.Image")

SQUARE = np.zeros((28, 28), np.uint8)
SQUARE[8:20, 10:18] = 200


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def test_a_picture_in_the_data_sets_own_form_is_kept(tmp_path):
    got = pictures.read(save(tmp_path / "p.png", SQUARE))
    assert not got.inverted
    assert got.pixels.dtype == np.uint8
    np.testing.assert_array_equal(got.pixels, SQUARE)


def test_a_light_background_is_inverted(tmp_path):
    got = pictures.read(save(tmp_path / "p.png", 255 - SQUARE))
    assert got.inverted
    np.testing.assert_array_equal(got.pixels, SQUARE)


@pytest.mark.parametrize("shape", [(280, 280), (56, 56), (2800, 2800)])
def test_large_pictures_are_scaled_down(tmp_path, shape):
    factor = shape[0] // 28
    got = pictures.read(save(tmp_path / "p.png", np.kron(SQUARE, np.ones((factor, factor), np.uint8))))
    assert np.abs(got.pixels.astype(int) - SQUARE).max() <= 40  # at edges, where Pillow's first reduction is smoother
    assert np.abs(got.pixels.astype(int) - SQUARE).mean() < 2


def test_a_wide_picture_is_padded_and_not_stretched(tmp_path):
    wide = np.full((28, 56), 255, np.uint8)
    wide[8:20, 14:42] = 0
    got = pictures.read(save(tmp_path / "p.png", wide)).pixels
    rows, columns = np.nonzero(got > 128)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (11, 16, 7, 20)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_gives_the_same(tmp_path, mode):
    grey = Image.fromarray(SQUARE // 200 * 255)
    image = Image.fromarray(SQUARE.astype(np.uint16) // 200 * 65535) if mode == "I;16" else grey.convert(mode)
    image.save(tmp_path / "p.png")
    np.testing.assert_array_equal(pictures.read(tmp_path / "p.png").pixels, SQUARE // 200 * 255)


@pytest.mark.parametrize("ending", ["jpg", "gif", "bmp", "tiff", "webp", "ppm"])
def test_other_formats_are_read_too(tmp_path, ending):
    options = {"lossless": True} if ending == "webp" else {"quality": 100} if ending == "jpg" else {}
    got = pictures.read(save(tmp_path / f"p.{ending}", SQUARE, **options)).pixels
    assert np.abs(got.astype(int) - SQUARE).max() <= 2


@pytest.mark.parametrize("ending", ["tiff", "pgm"])
def test_grey_of_16_bits(tmp_path, ending):
    got = pictures.read(save(tmp_path / f"p.{ending}", SQUARE.astype(np.uint16) * 257))
    np.testing.assert_array_equal(got.pixels, SQUARE)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_pixels_without_a_known_range_are_refused(tmp_path, dtype):
    with pytest.raises(DataError, match=r"p\.tiff cannot be read as a picture: .* expected 8 or 16 bits"):
        pictures.read(save(tmp_path / "p.tiff", SQUARE.astype(dtype)))


@pytest.mark.parametrize("ending", ["dds", "blp", "spi", "tga"])
def test_a_format_that_is_not_meant_is_refused(tmp_path, ending):
    Image.new("P" if ending == "blp" else "L", (28, 28)).save(tmp_path / f"p.{ending}", "SPIDER" if ending == "spi" else None)
    with pytest.raises(DataError, match=rf"p\.{ending} cannot be read as a picture: expected a PNG, JPEG, .* file"):
        pictures.read(tmp_path / f"p.{ending}")


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError, AttributeError, KeyError])
def test_whatever_a_reader_stumbles_over_names_the_file(tmp_path, monkeypatch, error):
    def stumble(*args, **kwargs):
        raise error("damaged")

    monkeypatch.setattr(Image.Image, "convert", stumble)
    with pytest.raises(DataError, match=r"p\.png cannot be read as a picture: .*damaged"):
        pictures.read(save(tmp_path / "p.png", SQUARE))


def test_a_readers_warnings_are_kept_quiet(tmp_path, recwarn):
    good = save(tmp_path / "p.tiff", SQUARE).read_bytes()
    (tmp_path / "p.tiff").write_bytes(good[:60])  # its directory stands at the start
    with pytest.raises(DataError):
        pictures.read(tmp_path / "p.tiff")
    assert not recwarn.list


def test_transparent_counts_as_white(tmp_path):
    rgba = np.zeros((28, 28, 4), np.uint8)
    rgba[8:20, 10:18, 3] = 255  # a black square on nothing
    got = pictures.read(save(tmp_path / "p.png", rgba))
    assert got.inverted
    np.testing.assert_array_equal(got.pixels, SQUARE // 200 * 255)


def test_what_is_no_picture_is_named(tmp_path):
    file = tmp_path / "not.png"
    file.write_bytes(b"hello")
    with pytest.raises(DataError, match=r"not\.png cannot be read as a picture"):
        pictures.read(file)
    with pytest.raises(FileNotFoundError):
        pictures.read(tmp_path / "none.png")


def test_every_truncation_is_a_data_error(tmp_path):
    good = save(tmp_path / "good.png", np.random.default_rng(0).integers(0, 255, (28, 28), dtype=np.uint8)).read_bytes()
    for length in range(0, len(good) - 12 - 4 - 4, 7):  # without its end marker alone, a PNG still has all its pixels
        (tmp_path / "cut.png").write_bytes(good[:length])
        with pytest.raises(DataError):
            pictures.read(tmp_path / "cut.png")


def test_a_bomb_is_refused(tmp_path):
    save(tmp_path / "bomb.png", np.zeros((12_000, 12_000), np.uint8), compress_level=1)
    with pytest.raises(DataError, match=r"bomb\.png"):
        pictures.read(tmp_path / "bomb.png")
