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
from kdtune.data.images.scale import ImageError, RangeError
from kdtune.errors import DataError
from kdtune.student.raw_input import inputs_of

Pixels = NDArray[np.uint8]
SIZE = (5, 7)
"""Height and width: not a square, so that what is turned shows."""


def drawn(rng: np.random.Generator, *channels: int, dtype: type = np.uint8) -> NDArray[np.generic]:
    high = 256 if dtype is np.uint8 else np.iinfo(dtype).max + 1
    return rng.integers(0, high, (*SIZE, *channels), dtype=dtype)


def grey_of(rgb: Pixels) -> Pixels:
    """ITU-R 601, in the whole numbers that Pillow uses."""
    r, g, b = (rgb[..., k].astype(np.int64) for k in range(3))
    return ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16).astype(np.uint8)


def colour_of(grey: Pixels) -> Pixels:
    return np.repeat(grey[..., None], 3, axis=2)


def both(rgb: Pixels) -> tuple[Pixels, Pixels]:
    return rgb, grey_of(rgb)


def same(grey: NDArray[np.generic]) -> tuple[Pixels, Pixels]:
    return colour_of(grey.astype(np.uint8)), grey.astype(np.uint8)


def bilevel(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels]]:
    bits = rng.integers(0, 2, SIZE, dtype=np.uint8) * 255
    return Image.fromarray(bits).convert("1"), same(bits)


def grey(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels]]:
    values = drawn(rng)
    return Image.fromarray(values), same(values)


def grey_and_alpha(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels]]:
    values = drawn(rng, 2)
    return Image.fromarray(values, "LA"), same(values[..., 0])


def palette(rng: np.random.Generator, alpha: bool = False) -> tuple[Image.Image, tuple[Pixels, Pixels]]:
    colours, at = rng.integers(0, 256, (16, 3), dtype=np.uint8), rng.integers(0, 16, SIZE, dtype=np.uint8)
    image = Image.fromarray(at, "L")
    image = image.convert("P")
    image.putdata(at.ravel().tolist())
    image.putpalette(colours.tobytes())
    if alpha:
        image.info["transparency"] = bytes(rng.integers(0, 256, 16, dtype=np.uint8))
    return image, both(colours[at])


def palette_with_transparency(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels]]:
    return palette(rng, alpha=True)


def colour(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels]]:
    values = drawn(rng, 3)
    return Image.fromarray(values), both(values)


def colour_and_alpha(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels]]:
    values = drawn(rng, 4)
    return Image.fromarray(values, "RGBA"), both(values[..., :3])


def colour_and_nothing(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels]]:
    values = drawn(rng, 4)
    return Image.fromarray(values, "RGBX"), both(values[..., :3])


def inks(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels]]:
    values = drawn(rng, 4)
    white = 255 - values[..., 3:].astype(np.int64)
    products = values[..., :3] * white + 128
    rgb = white - ((products >> 8) + products >> 8)  # Pillow's division by 255
    return Image.fromarray(values, "CMYK"), both(rgb.clip(0, 255).astype(np.uint8))


def sixteen_bits(rng: np.random.Generator, mode: str = "I;16") -> tuple[Image.Image, tuple[Pixels, Pixels]]:
    values = drawn(rng, dtype=np.uint16)
    image = Image.new(mode, SIZE[::-1])
    image.putdata([int(value) for value in values.ravel()])
    return image, same(np.floor(values.astype(np.float64) * 255 / 65535 + 0.5))


def sixteen_bits_big_endian(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels]]:
    return sixteen_bits(rng, "I;16B")


def floats(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels]]:
    values = rng.random(SIZE, dtype=np.float32)
    return Image.fromarray(values), same(np.rint(values.astype(np.float64) * 255))


Draw = Callable[[np.random.Generator], tuple[Image.Image, tuple[Pixels, Pixels]]]
LOSSLESS: list[tuple[str, Draw]] = [
    *((name, bilevel) for name in ("x.png", "x.bmp", "x.tif", "x.pbm", "x.dib")),
    *((name, grey) for name in ("x.png", "x.bmp", "x.tiff", "x.pgm", "x.gif")),
    *((name, grey_and_alpha) for name in ("x.png", "x.tif")),
    *((name, palette) for name in ("x.png", "x.bmp", "x.tif", "x.gif")),
    *((name, palette_with_transparency) for name in ("x.png",)),
    *((name, colour) for name in ("x.png", "x.bmp", "x.tif", "x.ppm", "x.webp", "x.PNG", "x.apng", "x.pnm")),
    *((name, colour_and_alpha) for name in ("x.png", "x.tif", "x.webp")),
    *((name, colour_and_nothing) for name in ("x.tif",)),
    *((name, inks) for name in ("x.tif",)),
    *((name, sixteen_bits) for name in ("x.png", "x.tif", "x.pgm")),
    *((name, sixteen_bits_big_endian) for name in ("x.tif",)),
    *((name, floats) for name in ("x.tif", "x.pfm")),
]


def saved(folder: Path, name: str, image: Image.Image, orientation: int = 1) -> Path:
    options = {"lossless": True, "exact": True} if name.lower().endswith("webp") else {}
    if orientation != 1:
        exif = Image.Exif()
        exif[0x112] = orientation
        options["exif"] = exif
    path = folder / name
    image.save(path, format="PNG" if path.suffix.lower() in (".png", ".apng") else None, **options)
    return path


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """What EXIF's orientation asks a viewer to do."""
    along = [0, 0, 0, 0, 0, 1, 1, 1, 1][orientation]
    pixels = pixels.swapaxes(0, 1) if along else pixels
    up, left = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[
        orientation
    ]
    pixels = pixels[::-1] if up else pixels
    return pixels[:, ::-1] if left else pixels


def read(path: Path, channels: int) -> Pixels:
    found = decode(path, Decoding(None, channels)).pixels
    return found[..., 0] if channels == 1 else found


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
        assert np.array_equal(inputs_of(str(path), {}, shape)[0].numpy().transpose(1, 2, 0).squeeze(), wanted)
        with Image.open(path) as opened:
            assert np.array_equal(
                inputs_of(opened, {}, shape)[0].numpy().transpose(1, 2, 0).squeeze(), wanted
            )


@given(seed=st.integers(0, 2**32))
@pytest.mark.parametrize("mode", ["RGBa", "La", "PA", "HSV", "YCbCr", "LAB", "I;16N", "I;16L"])
def test_modes_that_few_files_have(new_folder: Callable[[], Path], mode: str, seed: int) -> None:
    """Given as open images; the reference is a formula, to the rounding of Pillow's tables. TIFFs hold two of them."""
    rng = np.random.default_rng(seed)
    image, expected, tolerance = _RARE[mode](rng)
    for channels, pixels in zip((3, 1), expected, strict=True):
        found = convert(image, Decoding(None, channels)).pixels.squeeze().astype(int)
        assert np.abs(found - pixels).max() <= tolerance, mode
        # Pillow 12 does not read the YCbCr file that it has written.
        if mode == "LAB" or (mode == "YCbCr" and int(PIL.__version__.split(".")[0]) > 12):
            path = saved(new_folder(), "x.tif", image)
            assert np.array_equal(read(path, channels), found)


def _premultiplied(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels], int]:
    values = np.full((*SIZE, 4), 255, dtype=np.uint8)
    values[..., :3] = drawn(rng, 3)
    return Image.fromarray(values, "RGBA").convert("RGBa"), both(values[..., :3]), 0


def _grey_premultiplied(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels], int]:
    values = np.full((*SIZE, 2), 255, dtype=np.uint8)
    values[..., 0] = drawn(rng)
    return Image.fromarray(values, "LA").convert("La"), same(values[..., 0]), 0


def _palette_and_alpha(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels], int]:
    image, expected = palette(rng)
    return image.convert("PA"), expected, 0


def _hsv(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels], int]:
    import colorsys

    values = drawn(rng, 3)
    rgb = [[colorsys.hsv_to_rgb(*(int(v) / 255 for v in pixel)) for pixel in row] for row in values]
    return Image.fromarray(values, "HSV"), both(np.rint(np.array(rgb) * 255).astype(np.uint8)), 2


def _ycbcr(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels], int]:
    values = drawn(rng, 3)
    y, cb, cr = (values[..., k].astype(np.float64) - (128 if k else 0) for k in range(3))
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=2)
    return Image.fromarray(values, "YCbCr"), (np.rint(rgb.clip(0, 255)).astype(np.uint8), values[..., 0]), 2


def _lab(rng: np.random.Generator) -> tuple[Image.Image, tuple[Pixels, Pixels], int]:
    """Greys only: for them L* alone counts, and the white point does not."""
    lightness = drawn(rng)
    values = np.zeros((*SIZE, 3), dtype=np.uint8)
    values[..., 0] = lightness
    f = (lightness / 255 * 100 + 16) / 116
    y = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    encoded = np.where(y <= 0.0031308, 12.92 * y, 1.055 * y ** (1 / 2.4) - 0.055)
    return Image.fromarray(values, "LAB"), same(np.rint(encoded * 255)), 3


def _native(mode: str) -> Callable[[np.random.Generator], tuple[Image.Image, tuple[Pixels, Pixels], int]]:
    return lambda rng: (*sixteen_bits(rng, mode), 0)


_RARE = {
    "RGBa": _premultiplied,
    "La": _grey_premultiplied,
    "PA": _palette_and_alpha,
    "HSV": _hsv,
    "YCbCr": _ycbcr,
    "LAB": _lab,
    "I;16N": _native("I;16N"),
    "I;16L": _native("I;16L"),
}


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


def test_12_bits_of_a_tiff_are_scaled_by_12(tmp_path: Path) -> None:
    values = np.arange(36, dtype=np.uint16).reshape(6, 6) * 117
    pairs = values.reshape(-1, 2).astype(np.uint32)
    packed = b"".join(int(a << 12 | b).to_bytes(3, "big") for a, b in pairs)
    tags = {256: 6, 257: 6, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 6, 279: len(packed)}
    directory = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in tags.items()
    )
    (tmp_path / "x.tif").write_bytes(
        struct.pack("<2sHI", b"II", 42, 8 + len(packed)) + packed + directory + bytes(4)
    )
    assert np.array_equal(read(tmp_path / "x.tif", 1), np.rint(values / 4095 * 255))


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


@pytest.mark.parametrize("low", [-1, 0])
def test_32_bits_need_a_range(tmp_path: Path, low: int) -> None:
    values = np.linspace(low, 70000, 35).astype(np.int32).reshape(SIZE)
    Image.fromarray(values).save(tmp_path / "x.tif")
    with pytest.raises(RangeError, match=f"whole numbers of 32 bits, from {low} to 70000"):
        decode(tmp_path / "x.tif", Decoding(None, 1))
    found = decode(tmp_path / "x.tif", Decoding(None, 1, (0, 70000)))
    assert np.array_equal(found.pixels[..., 0], np.rint(values.clip(0) / 70000 * 255))
    assert bool(found.remarks & Remark.CLIPPED) == (low < 0)


@pytest.mark.parametrize(
    ("value", "message"),
    [(1.5, "from 0 to 1.5"), (-0.25, "from -0.25 to 0"), (np.nan, "no numbers"), (np.inf, "no numbers")],
)
def test_floating_point_values_of_no_known_scale(tmp_path: Path, value: float, message: str) -> None:
    values = np.zeros(SIZE, dtype=np.float32)
    values[2, 3] = value
    Image.fromarray(values).save(tmp_path / "x.tif")
    with pytest.raises(ImageError, match=message):
        decode(tmp_path / "x.tif", Decoding(None, 3))
    with Image.open(tmp_path / "x.tif") as opened, pytest.raises(DataError, match=message):
        inputs_of(opened, {}, (3, *SIZE))


@given(st.integers(-5000, 5000), st.integers(-5000, 5000).filter(bool), st.integers(0, 2**32))
def test_a_value_range(black: int, span: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(-6000, 6000, SIZE).astype(np.float32)
    white = black + span
    found = convert(Image.fromarray(values), Decoding(None, 1, (black, white))).pixels[..., 0]
    share = ((values.astype(np.float64) - black) / span).clip(0, 1)
    assert np.array_equal(found, np.rint(share * 255))


def test_tiff_with_white_as_zero_and_with_unsigned_numbers(tmp_path: Path) -> None:
    values = np.arange(35, dtype=np.uint16).reshape(SIZE) * 1800
    Image.fromarray(values).save(tmp_path / "x.tif", tiffinfo={262: 0})
    assert np.array_equal(read(tmp_path / "x.tif", 1), 255 - np.rint(values / 257))
    large = (np.arange(35, dtype=np.uint32).reshape(SIZE) * 120_000_000).view(np.int32)
    Image.fromarray(large).save(tmp_path / "u.tif")
    signed, unsigned = (struct.pack("<HHIH", 339, 3, 1, value) for value in (2, 1))
    content = (tmp_path / "u.tif").read_bytes()
    assert content.count(signed) == 1
    (tmp_path / "u.tif").write_bytes(content.replace(signed, unsigned))
    found = decode(tmp_path / "u.tif", Decoding(None, 1, (0, 34 * 120_000_000))).pixels[..., 0]
    assert np.array_equal(found, np.rint(np.arange(35) / 34 * 255).reshape(SIZE))


def test_signed_values_of_8_bits_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros(SIZE, dtype=np.uint8)).save(tmp_path / "x.tif", tiffinfo={339: 2})
    with pytest.raises(ImageError, match="signed values of 8 bits"):
        decode(tmp_path / "x.tif", Decoding(None, 1))


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
    predicted = {inputs_of(file, data.preprocessing, data.input_shape)[0].numpy().tobytes() for file in files}
    for split in (data.train, data.validation, data.open_test()):
        for pixels in split.inputs:
            assert pixels.numpy().tobytes() in predicted
    assert len(data.train) + len(data.validation) + len(data.open_test()) == len(files)
