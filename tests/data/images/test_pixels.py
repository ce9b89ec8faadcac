"""What is read of an image, in each mode and format of Pillow, equals a conversion written here, or is refused."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from kdtune.data import load
from kdtune.data.images.pixels import FORMATS, SUFFIXES, Decoding, convert, decode
from kdtune.data.images.remarks import Remark
from kdtune.student.raw_input import inputs_of
from tests.data.images.drawn_images import LOSSLESS, RARE, SIZE, Draw, Pixels, drawn, read, saved


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """What EXIF's orientation asks a viewer to do."""
    along = [0, 0, 0, 0, 0, 1, 1, 1, 1][orientation]
    pixels = pixels.swapaxes(0, 1) if along else pixels
    up, left = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[
        orientation
    ]
    pixels = pixels[::-1] if up else pixels
    return pixels[:, ::-1] if left else pixels


@pytest.mark.parametrize(("name", "draw"), LOSSLESS, ids=lambda value: getattr(value, "__name__", value))
@settings(max_examples=16)
@given(seed=st.integers(0, 2**32), orientation=st.integers(1, 8))
def test_every_mode_in_every_format(
    new_folder: Callable[[], Path], name: str, draw: Draw, seed: int, orientation: int
) -> None:
    image, expected = draw(np.random.default_rng(seed))
    if Path(name).suffix.lower() not in (".png", ".tif", ".webp"):
        orientation = 1  # the others hold no EXIF
    path = saved(new_folder(), name, image, orientation)
    for channels, pixels in zip((3, 1), expected, strict=True):
        wanted = turned(pixels, orientation)
        assert np.array_equal(read(path, channels), wanted)
        shape = (channels, *wanted.shape[:2])
        assert np.array_equal(
            inputs_of(str(path), {}, shape).tensor[0].numpy().transpose(1, 2, 0).squeeze(), wanted
        )
        with Image.open(path) as opened:
            assert np.array_equal(
                inputs_of(opened, {}, shape).tensor[0].numpy().transpose(1, 2, 0).squeeze(), wanted
            )


@given(seed=st.integers(0, 2**32))
@pytest.mark.parametrize("mode", ["RGBa", "La", "PA", "HSV", "YCbCr", "LAB", "I;16N", "I;16L"])
def test_modes_that_few_files_have(new_folder: Callable[[], Path], mode: str, seed: int) -> None:
    """Given as open images; the reference is a formula, to the rounding of Pillow's tables. TIFFs hold two of them."""
    rng = np.random.default_rng(seed)
    image, expected, tolerance = RARE[mode](rng)
    for channels, pixels in zip((3, 1), expected, strict=True):
        found = convert(image, Decoding(None, channels)).pixels.squeeze().astype(int)
        assert np.abs(found - pixels).max() <= tolerance, mode
        # Pillow 12 does not read the YCbCr file that it has written.
        if mode == "LAB" or (mode == "YCbCr" and int(PIL.__version__.split(".")[0]) > 12):
            path = saved(new_folder(), "x.tif", image)
            assert np.array_equal(read(path, channels), found)


def png_of_16_bits(path: Path, values: NDArray[np.generic]) -> None:
    """Pillow writes no colours of 16 bits."""
    channels = values.shape[2]
    height, width = SIZE
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in chunks
        )
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@given(seed=st.integers(0, 2**32))
def test_png_of_16_bits(new_folder: Callable[[], Path], channels: int, seed: int) -> None:
    """Grey is scaled exactly; colours, and grey with transparency, are read by their high byte."""
    values = drawn(np.random.default_rng(seed), channels, dtype=np.uint16)
    path = new_folder() / "x.png"
    png_of_16_bits(path, values)
    colours = values[..., :3] if channels > 2 else np.repeat(values[..., :1], 3, axis=2)
    exact = np.rint(colours.astype(np.float64) / 257)
    assert np.abs(read(path, 3) - exact).max() <= (0 if channels == 1 else 1)


def test_what_a_file_is_called_does_not_matter(tmp_path: Path) -> None:
    for name, kind in (("x.png", "BMP"), ("x.jpg", "PNG"), ("x", "TIFF")):
        Image.new("RGB", SIZE[::-1], (1, 2, 3)).save(tmp_path / name, format=kind)
        assert (read(tmp_path / name, 3) == (1, 2, 3)).all()


def test_lossy_files_are_near_what_was_written(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    rgb = np.stack([smooth, smooth // 2, 255 - smooth], axis=2)
    for name in ("x.jpg", "x.JPEG", "x.jpe", "x.jfif", "y.webp"):
        Image.fromarray(rgb).save(tmp_path / name, quality=98)
        assert np.abs(read(tmp_path / name, 3).astype(int) - rgb).mean() < 3
    Image.fromarray(rgb).convert("CMYK").save(tmp_path / "inks.jpg", quality=98)
    assert np.abs(read(tmp_path / "inks.jpg", 3).astype(int) - rgb).mean() < 3


def test_the_suffixes_are_those_of_the_formats() -> None:
    known = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
    assert known - {".pam"} <= SUFFIXES


@pytest.mark.parametrize("suffix", ["gif", "webp", "tif", "png"])
def test_the_first_of_several_frames(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(np.full((8, 8, 3), value, dtype=np.uint8)) for value in (0, 255, 128)]
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=frames[1:], **options)
    found = decode(tmp_path / f"x.{suffix}", Decoding(None, 3))
    assert (found.pixels == 0).all()
    assert found.remarks == Remark.FRAMES


def test_damaged_exif_does_not_hide_an_image(tmp_path: Path) -> None:
    pixels = np.zeros((6, 9, 3), dtype=np.uint8)
    for number, exif in enumerate(
        (b"Exif\0\0garbage", b"Exif\0\0", b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x05\x01\x12\0\x03")
    ):
        Image.fromarray(pixels).save(tmp_path / f"{number}.jpg", exif=exif)
    data_root = tmp_path / "i"
    for name in "ab":
        (data_root / name).mkdir(parents=True)
        for k in range(12):
            (data_root / name / f"{k}.jpg").write_bytes((tmp_path / f"{k % 3}.jpg").read_bytes())
    assert load("folder", path=str(data_root)).input_shape == (3, 6, 9)


def test_a_student_reads_what_training_read(tmp_path: Path) -> None:
    """One folder with every mode and format: the pixels of training, and those of `predict`, file by file."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "i" / name).mkdir(parents=True)
    for number, (file, draw) in enumerate(LOSSLESS * 2):
        suffix = Path(file).suffix
        image, _ = draw(rng)
        orientation = 1 + number % 8 if suffix in (".png", ".tif", ".webp") else 1
        saved(tmp_path / "i" / "ab"[number % 2], f"{number:03}{suffix}", image, orientation)
    data = load("folder", path=tmp_path / "i", image_size=6, validation=0.3, test=0.1, flip=False)
    files = sorted((tmp_path / "i").rglob("*.*"))
    predicted = {
        inputs_of(file, data.preprocessing, data.input_shape).tensor[0].numpy().tobytes() for file in files
    }
    for split in (data.train, data.validation, data.open_test()):
        for pixels in split.inputs:
            assert pixels.numpy().tobytes() in predicted
    assert len(data.train) + len(data.validation) + len(data.open_test()) == len(files)
