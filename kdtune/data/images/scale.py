"""Scales images with more than 8 bits to 8 bits: which of their values are black and white."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kdtune.data.images.remarks import Remark
from kdtune.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

EIGHT_BITS = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
"""Pillow's modes with at most 8 bits a channel."""

_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
_WHITE_IS_ZERO = 0  # a value of the tag PhotometricInterpretation
_UNSIGNED, _SIGNED = 1, 2  # values of the tag SampleFormat
_SIXTEEN_BITS_AS_I = ("PNG", "PPM")
"""Formats with at most 16 bits, though Pillow may open their images with 32."""


class ImageError(DataError):
    """An image can't be used: `kind` is what is wrong, `detail` is what is wrong with this image."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class RangeError(ImageError):
    """It is not known which of an image's values are black and white."""

    def __init__(self, detail: str) -> None:
        super().__init__("has no known scale", detail)


@dataclass(frozen=True)
class Scale:
    """The values of an image that become black and white.

    Attributes:
        black: becomes 0.
        white: becomes 255.
        strict: values outside are an error; they are clipped otherwise.
        unsigned: the numbers have 32 bits and no sign, though Pillow gives them one.
    """

    black: float
    white: float
    strict: bool
    unsigned: bool = False

    @property
    def is_of_sixteen_bits(self) -> bool:
        """Whether it is the full range of 16 bits, taken by default."""
        return self.strict and 65535.0 in (self.black, self.white)

    def apply(self, values: NDArray[np.generic]) -> tuple[NDArray[np.uint8], Remark]:
        """Return 8-bit grey: (value - black) / (white - black) * 255, rounded.

        Raises:
            ImageError: a value is no number, or outside where that is an error.
        """
        if self.unsigned:
            values = values.view(np.uint32)
        numbers = values.astype(np.float64)
        if not np.isfinite(numbers).all():
            raise ImageError("holds values that are no numbers", "NaN or infinity")
        low, high = float(numbers.min()), float(numbers.max())
        first, last = sorted((self.black, self.white))
        outside = low < first or high > last
        if outside and self.strict:
            raise RangeError(f"floating-point values from {low:g} to {high:g}")
        grey = (numbers.clip(first, last) - self.black) / (self.white - self.black) * 255
        return np.rint(grey).astype(np.uint8), Remark.CLIPPED if outside else Remark.NONE


def scale_of(image: "Image", value_range: tuple[float, float] | None) -> Scale | None:
    """Return the scale of an image that has more than 8 bits a channel; None for all others.

    Args:
        image: as it was opened; a copy lacks the tags of its file.
        value_range: black and white as the user gave them; None takes the full range of 16 bits (of TIFF's 12
            bits: of 12), and 0 to 1 for floating-point numbers.

    Raises:
        ImageError: it is not known which values are black and white.
    """
    signed = _tag(image, _SAMPLE_FORMAT) == _SIGNED
    if image.mode in EIGHT_BITS:
        if signed:
            raise ImageError("has signed values of 8 bits", "save it with values from 0 to 255")
        return None
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        raise ImageError("has a mode that kdtune does not read", image.mode)
    unsigned = image.mode == "I" and _tag(image, _BITS) == 32 and not signed
    black, white = _range(image) if value_range is None else value_range
    if _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO:
        # Pillow inverts such images only if they have 8 bits.
        black, white = white, black
    return Scale(black, white, strict=value_range is None, unsigned=unsigned)


def _range(image: "Image") -> tuple[float, float]:
    if image.mode == "F":
        return 0.0, 1.0
    if image.mode.startswith("I;16"):
        return 0.0, 2.0 ** (_tag(image, _BITS) or 16) - 1
    if image.format in _SIXTEEN_BITS_AS_I:
        return 0.0, 65535.0
    low, high = image.getextrema()
    bits = _tag(image, _BITS) or 32
    raise RangeError(f"whole numbers of {bits} bits, from {low} to {high}")


def _tag(image: "Image", number: int) -> int | None:
    """Return a tag of a TIFF file (the first of several values), None where there is none."""
    value = getattr(image, "tag_v2", {}).get(number)
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else None
