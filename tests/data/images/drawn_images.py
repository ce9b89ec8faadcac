"""Images of random pixels in each mode of Pillow, and what is to be read of them: a conversion written here."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kdtune.data.images.pixels import Decoding, decode

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


def read(path: Path, channels: int) -> Pixels:
    found = decode(path, Decoding(None, channels)).pixels
    return found[..., 0] if channels == 1 else found


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


RARE = {
    "RGBa": _premultiplied,
    "La": _grey_premultiplied,
    "PA": _palette_and_alpha,
    "HSV": _hsv,
    "YCbCr": _ycbcr,
    "LAB": _lab,
    "I;16N": _native("I;16N"),
    "I;16L": _native("I;16L"),
}
