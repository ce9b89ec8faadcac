"""Remarks on images that were read: flags for each image, and sentences for all of them."""

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray


class Remark(IntFlag):
    """What happened to an image when it became pixels."""

    NONE = 0
    TURNED = 1
    FRAMES = 2
    TRANSPARENT = 4
    DEEP = 8
    CLIPPED = 16


_SENTENCES = {
    Remark.TURNED: "turned as their EXIF orientation says",
    Remark.FRAMES: "with several frames, of which the first is read",
    Remark.TRANSPARENT: "with transparency, which is dropped: the colours below it count",
    Remark.DEEP: "with more than 8 bits, scaled to 8",
    Remark.CLIPPED: "with values outside `value_range`, which are clipped",
}


@dataclass(frozen=True)
class Remarks:
    """Remarks on n images: flags, uint8 [n], and the largest value of each 16-bit image, int32 [n], 0 for others."""

    flags: NDArray[np.uint8]
    peaks: NDArray[np.int32]

    def __add__(self, other: "Remarks") -> "Remarks":
        return Remarks(np.concatenate([self.flags, other.flags]), np.concatenate([self.peaks, other.peaks]))

    def sentences(self) -> tuple[str, ...]:
        """Return a sentence for each kind of remark, with the number of images."""
        said = []
        for remark, sentence in _SENTENCES.items():
            n = int(np.count_nonzero(self.flags & remark))
            if n:
                said.append(f"{n:,} {sentence}{self._dim() if remark is Remark.DEEP else ''}")
        return tuple(said)

    def _dim(self) -> str:
        """Return a warning if 16-bit images use so little of their range that few of the 256 levels are left."""
        peak = int(self.peaks.max())
        if not 0 < peak <= _DIM:
            return ""
        white = 2 ** peak.bit_length() - 1
        return (
            f" (their largest value is {peak} of 65535, which is nearly black: is "
            f"`value_range: [0, {white}]` meant?)"
        )


_DIM = 65535 // 4
"""16-bit images whose values are all below this keep only 6 of 8 bits: the values probably have 12 or 14 bits."""
