"""Turns one image into pixels. Training and the `predict` of an exported student both use this module."""

import io
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from kdtune.data.images.remarks import Remark
from kdtune.data.images.scale import ImageError, scale_of
from kdtune.errors import DataError
from kdtune.memory import check_memory

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageCms import ImageCmsTransform

FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "PPM", "TIFF", "WEBP")
"""The formats that are decoded, whatever the name of the file. Pillow knows more, and gives some (EPS) to other
programs."""

SUFFIXES = frozenset(
    (
        *(
            ".png",
            ".apng",
            ".jpg",
            ".jpeg",
            ".jpe",
            ".jfif",
            ".bmp",
            ".dib",
            ".gif",
            ".webp",
            ".tif",
            ".tiff",
        ),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    )
)
"""The suffixes of these formats, in lower case."""

_WITH_FRAMES = ("GIF", "PNG", "TIFF", "WEBP")
_MODES = {1: "L", 3: "RGB"}


_WHILE_DECODED = 6
"""Times the memory of its pixels that an image takes while it is decoded: scaled, cut, and copied out of Pillow."""


@dataclass(frozen=True)
class Decoding:
    """The options by which images become pixels.

    Attributes:
        image_size: the shorter side is scaled to this many pixels and the centre square is cut out; None keeps
            the size.
        channels: 3 for colour, 1 for grey.
        value_range: the values that become black and white in images with more than 8 bits, see `scale_of`.
    """

    image_size: int | None
    channels: int
    value_range: tuple[float, float] | None = None

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """Shape that every image will have, (channels, height, width); None where an image keeps its size."""
        return None if self.image_size is None else (self.channels, self.image_size, self.image_size)

    @classmethod
    def of_student(cls, preprocessing: Mapping[str, Any], shape: tuple[int, ...]) -> Self:
        """Return the options for a student that was trained on images of `shape`, (channels, height, width)."""
        channels, height, width = shape
        value_range = preprocessing.get("value_range")
        return cls(
            height if height == width else None,
            channels,
            None if value_range is None else (float(value_range[0]), float(value_range[1])),
        )


def check_room(where: str, n: int, shape: Sequence[int], remedy: str, *, at_once: int = 1) -> None:
    """Refuse to decode images that do not fit into memory.

    Args:
        where: begins the message.
        n: number of images that are held.
        shape: of each, (channels, height, width).
        at_once: how many are decoded at the same time.

    Raises:
        DataError: their pixels alone take more memory than there is.
    """
    what = f"{where}: {n or at_once:,} images of {shape[2]}x{shape[1]} pixels"
    check_memory((n + _WHILE_DECODED * at_once) * math.prod(shape), what, remedy, DataError)


@dataclass(frozen=True)
class Decoded:
    """Pixels uint8 [height, width, channels], remarks on them, and the largest value of a 16-bit image (else 0)."""

    pixels: NDArray[np.uint8]
    remarks: Remark
    peak: int = 0


def decode(path: str | Path | io.BytesIO, decoding: Decoding) -> Decoded:
    """Read an image file, or its bytes. Of several frames, the first is read.

    Raises:
        ImageError: the file does not decode, or it is not known which of its values are black and white.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as file:
            several = file.format in _WITH_FRAMES and getattr(file, "is_animated", False)
            found = convert(file, decoding)
    except ImageError:
        raise
    except Exception as error:  # a damaged file makes Pillow stumble in every way
        raise ImageError("does not decode", _reason(error)) from None
    return Decoded(found.pixels, found.remarks | Remark.FRAMES, found.peak) if several else found


def size_of(path: Path, decoding: Decoding) -> tuple[int, int]:
    """Return the height and width that `decode` will give an image file, from its first bytes alone.

    Raises:
        ImageError: the file is not there, or is no image.
    """
    from PIL import ExifTags, Image

    try:
        with Image.open(path, formats=FORMATS) as file:
            width, height = file.size
            # Pillow has turned the size of a TIFF already; and it decodes a PNG to find its orientation.
            is_on_its_side = (
                decoding.image_size is None
                and width != height
                and file.format != "TIFF"
                and file.getexif().get(ExifTags.Base.Orientation, 1) in range(5, 9)
            )
    except Exception as error:
        raise ImageError("does not decode", _reason(error)) from None
    if decoding.image_size is not None:
        return decoding.image_size, decoding.image_size
    return (width, height) if is_on_its_side else (height, width)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return f"it can't be read ({os.strerror(error.errno)})"
    if "truncated" in str(error):
        return "the file is cut short"
    if type(error).__name__ == "DecompressionBombError":
        return "it has more pixels than Pillow reads safely: make it smaller"
    return "it is no image, a damaged one, or of a kind that Pillow does not read"


def convert(image: "Image", decoding: Decoding) -> Decoded:
    """Return the pixels of an open image, turned as its EXIF orientation says.

    Every mode becomes 8-bit grey or colour by Pillow's own conversion. Transparency is dropped: the colours
    below it count. Images with more than 8 bits are scaled to 8 bits first.

    Raises:
        ImageError: it has no pixel, or it is not known which of its values are black and white.
    """
    from PIL import ExifTags, Image, ImageOps

    if not all(image.size):
        raise ImageError("does not decode", "there is no pixel in it")
    # Read before the image is loaded, because Pillow turns TIFFs while it loads them and then forgets the orientation.
    is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
    _load(image)
    remarks, peak = Remark.TURNED if is_turned else Remark.NONE, 0
    scale = scale_of(image, decoding.value_range)
    turned = ImageOps.exif_transpose(image)
    if scale is not None:
        values = np.asarray(turned)
        grey, clipped = scale.apply(values)
        turned = Image.fromarray(grey)
        remarks |= Remark.DEEP | clipped
        peak = int(values.max()) if scale.is_of_sixteen_bits else 0
    elif turned.has_transparency_data:
        # In a palette, transparent entries get their colours only by the conversion to RGBA.
        turned = turned.convert("LA" if turned.mode == "La" else "RGBA")
        remarks |= Remark.TRANSPARENT if np.asarray(turned.getchannel("A")).min() < 255 else Remark.NONE
    elif turned.mode == "LAB":
        turned = _lab_to_rgb().apply(turned)
    turned = _sized(turned.convert(_MODES[decoding.channels]), decoding.image_size)
    return Decoded(np.asarray(turned).reshape(turned.height, turned.width, decoding.channels), remarks, peak)


@cache
def _lab_to_rgb() -> "ImageCmsTransform":
    """Return the conversion that Pillow itself would build anew for each image; all threads may use it."""
    from PIL import ImageCms

    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, rgb, "LAB", "RGB")


def _load(image: "Image") -> None:
    name = getattr(image, "filename", "")
    if image.format != "TIFF" or not name:
        image.load()
        return
    # Pillow maps plain files into memory by their name. It garbles TIFFs whose orientation swaps the axes, because
    # it takes the height for the width.
    image.filename = ""  # type: ignore[attr-defined]
    try:
        image.load()
    finally:
        image.filename = name  # type: ignore[attr-defined]


def _sized(image: "Image", size: int | None) -> "Image":
    """Scale the shorter side to `size` and cut out the centre square."""
    from PIL import Image

    if size is None or image.size == (size, size):
        return image
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return image.crop((left, top, left + size, top + size))


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silence Pillow's warnings about odd metadata, in all threads: enter it in one thread only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
