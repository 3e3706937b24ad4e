"""Still images of every kind, and resizing."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image, ImageCms

from data_pipelines.clips import open_clip
from data_pipelines.errors import InputError
from data_pipelines.images import centre_square, read_frame, read_image, resize

RGB = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)


def test_rgb_png_is_read_as_it_is(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB)


def test_grey_is_repeated(tmp_path):
    Image.fromarray(RGB[..., 0]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.stack([RGB[..., 0]] * 3, axis=-1))


def test_16_bit_grey_frames_are_scaled_not_clipped(tmp_path):
    deep = np.linspace(0, 65535, 20 * 24).reshape(20, 24).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    expected = np.floor(deep.astype(np.float64) * 255 / 65535 + 0.5)
    np.testing.assert_array_equal(read_frame(tmp_path / "a.png"), np.stack([expected] * 3, axis=-1))


def deep_colour_png(path):
    """A png of 16 bits a channel, written by hand, because Pillow writes none."""
    rows = b"".join(b"\0" + np.zeros((24, 3), ">u2").tobytes() for _ in range(20))
    header = struct.pack(">IIBBBBB", 24, 20, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = (struct.pack(">I", len(x)) + name + x + struct.pack(">I", zlib.crc32(name + x)) for name, x in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def test_stills_that_are_not_8_bit_rgb_are_refused(tmp_path):
    alpha = np.full((20, 24, 1), 255, np.uint8)
    alpha[-1, -1] = 254
    Image.fromarray(np.concatenate([RGB, alpha], axis=-1)).save(tmp_path / "alpha.png")
    palette = Image.fromarray(RGB).quantize(8)
    palette.save(tmp_path / "palette.png", transparency=b"\x00\xff")
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "inks.jpg")
    Image.fromarray(RGB[..., 0].astype(np.uint16) * 257).save(tmp_path / "deep.png")
    deep_colour_png(tmp_path / "deep_colour.png")
    for name, trouble in [
        ("alpha.png", "transparent parts"),
        ("palette.png", "transparent parts"),
        ("inks.jpg", "CMYK colours"),
        ("deep.png", "more than 8 bits"),
        ("deep_colour.png", "more than 8 bits"),
    ]:
        with pytest.raises(InputError, match=f"{name} has {trouble}.*: save it as 8-bit RGB"):
            read_image(tmp_path / name)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_an_alpha_channel_that_is_opaque_says_nothing(tmp_path, mode, suffix):
    picture = Image.fromarray(RGB).convert(mode)
    expected = np.asarray(picture.convert("RGB"))
    picture.putalpha(255)
    picture.save(tmp_path / f"a.{suffix}", lossless=True)
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}"), expected)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif"])
@pytest.mark.parametrize("kind", ["EPS", "BMP", "TIFF"])
def test_files_of_other_kinds_are_refused_whatever_their_name(tmp_path, monkeypatch, name, kind):
    """Ghostscript, which Pillow starts for EPS, is a program that runs programs."""
    started = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *given, **options: started.append(given))
    Image.new("RGB", (32, 32), "red").save(tmp_path / name, format=kind)
    with pytest.raises(InputError, match=r"cannot be read as an image or is damaged: give a"):
        list(open_clip(tmp_path / name).frames())
    with pytest.raises(InputError, match=r"cannot be read as an image or is damaged: give a png, jpg or webp file"):
        read_image(tmp_path / name)
    assert not started


XYZ_OF_DISPLAY_P3 = np.array(  # columns of red, green and blue, adapted to D50, from Apple's profile
    [[0.515102, 0.291965, 0.157153], [0.241182, 0.692236, 0.066582], [-0.001050, 0.041881, 0.784378]]
)
XYZ_OF_SRGB = np.array(  # likewise, from the ICC's profile
    [[0.436066, 0.385147, 0.143066], [0.222488, 0.716873, 0.060608], [0.013916, 0.097076, 0.714096]]
)


def rgb_profile(name, columns=None):
    """The bytes of an sRGB profile, or of one with other primaries."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes())
    for index in range(struct.unpack_from(">I", content, 128)[0] if columns is not None else 0):
        tag, place = struct.unpack_from(">4sI", content, 132 + 12 * index)
        if tag in (b"rXYZ", b"gXYZ", b"bXYZ"):
            column = columns[:, b"rgb".index(tag[0])]
            struct.pack_into(">3i", content, place + 8, *np.rint(column * 65536).astype(int))
    return bytes(content)


def linear(encoded):
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encoded(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def test_photos_of_wide_colours_become_srgb(tmp_path):
    """As phones save them; the expected values are the closed form of both spaces."""
    to_srgb = np.linalg.inv(XYZ_OF_SRGB) @ XYZ_OF_DISPLAY_P3
    expected = 255 * np.clip(encoded(np.clip(linear(RGB / 255) @ to_srgb.T, 0, 1)), 0, 1)
    assert np.abs(expected - RGB).max() > 20
    profile = rgb_profile("sRGB", XYZ_OF_DISPLAY_P3)
    Image.fromarray(RGB).save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), expected, atol=1.5)
    opaque = Image.fromarray(RGB)
    opaque.putalpha(255)
    opaque.save(tmp_path / "b.png", icc_profile=profile)
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), read_image(tmp_path / "a.png"))
    np.testing.assert_array_equal(read_frame(tmp_path / "a.png"), RGB)


def test_a_grey_photo_of_another_gamma_becomes_srgb(tmp_path):
    grey = np.arange(16 * 16, dtype=np.uint8).reshape(16, 16)
    expected = np.repeat(255 * encoded((grey / 255) ** 1.8)[..., None], 3, axis=-1)
    assert np.abs(expected[..., 0] - grey).max() > 10
    Image.fromarray(grey).save(tmp_path / "a.png", icc_profile=grey_profile(gamma=1.8))
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), expected, atol=1.5)


def grey_profile(*, gamma):
    """A grey ICC profile with one curve, written by hand: a header, a table of three tags and what they point to."""
    white = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)
    curve = struct.pack(">4s4xIH2x", b"curv", 1, round(gamma * 256))
    name = struct.pack(">4s4xI12s12x67x3x", b"desc", 5, b"grey\0")
    parts, place, table, body = [(b"desc", name), (b"wtpt", white), (b"kTRC", curve)], 128 + 4 + 36, b"", b""
    for tag, content in parts:
        content += bytes(-len(content) % 4)
        table += struct.pack(">4sII", tag, place + len(body), len(content))
        body += content
    size = place + len(body)
    header = struct.pack(">I4sI4s4s4s12x4s28x3i48x", size, b"", 0x02400000, b"mntr", b"GRAY", b"XYZ ", b"acsp",
                         63190, 65536, 54061)  # fmt: skip
    return header.ljust(128, b"\0") + struct.pack(">I", 3) + table + body


@pytest.mark.parametrize(
    "profile",
    [
        rgb_profile("sRGB"),
        rgb_profile("sRGB", 1.008 * XYZ_OF_SRGB),
        b"no profile",
        rgb_profile("XYZ"),
        grey_profile(gamma=1.8),
    ],
    ids=["sRGB", "sRGB but for rounding", "damage", "XYZ", "grey"],
)
def test_a_profile_that_means_srgb_or_nothing_changes_nothing(tmp_path, profile):
    Image.fromarray(RGB).save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB)


def test_a_palette_without_transparency_is_read(tmp_path):
    flat = np.full((20, 24, 3), (200, 100, 50), np.uint8)
    Image.fromarray(flat).quantize(2).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), flat)


def test_frame_drops_its_alpha(tmp_path):
    alpha = np.zeros((20, 24, 1), np.uint8)
    Image.fromarray(np.concatenate([RGB, alpha], axis=-1)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_frame(tmp_path / "a.png"), RGB)


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_turned_photo_is_shown_upright(tmp_path, orientation, turns):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.rot90(RGB, turns))


def test_tiny_image_is_refused(tmp_path):
    Image.fromarray(RGB[:1, :1]).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png is too small: it is 1 x 1, .* at least 16 px"):
        read_image(tmp_path / "a.png")


def test_missing_and_damaged_images_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"there is no image .*a\.png"):
        read_image(tmp_path / "a.png")
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(InputError, match="cannot be read as an image"):
        read_image(tmp_path / "a.png")
    Image.fromarray(RGB).save(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").write_bytes((tmp_path / "b.jpg").read_bytes()[:-200])
    with pytest.raises(InputError, match=r"b\.jpg .* is damaged"):
        read_image(tmp_path / "b.jpg")


def test_shrinking_takes_the_mean_of_each_area():
    frame = np.random.default_rng(2).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    means = frame.reshape(16, 4, 16, 3, 3).astype(np.float64).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(frame, 16), means, atol=1)


def test_growing_is_bilinear():
    frame = np.zeros((2, 2, 3), np.uint8)
    frame[:, 1] = 100
    # Pixel centres of 4 columns lie at -1/4, 1/4, 3/4 and 5/4 of the old ones, outside of which the ends go on.
    np.testing.assert_array_equal(resize(frame, 4)[..., 0], [[0, 25, 75, 100]] * 4)


def test_size_that_fits_is_left_untouched():
    frame = RGB[:20, :20]
    np.testing.assert_array_equal(resize(frame, 20), frame)


@given(st.integers(1, 9), st.integers(1, 9))
def test_centre_square_is_centred(height, width):
    ys, xs = np.mgrid[:height, :width]
    square = centre_square(np.stack([ys, xs, xs], axis=-1).astype(np.uint8))
    side = min(height, width)
    assert square.shape == (side, side, 3)
    above, below = square[0, 0, 0], height - 1 - square[-1, 0, 0]
    left, right = square[0, 0, 1], width - 1 - square[0, -1, 1]
    assert 0 <= int(below) - int(above) <= 1
    assert 0 <= int(right) - int(left) <= 1
