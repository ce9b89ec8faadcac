"""The kinds of inputs: arrays of images, rows of numbers, texts, and images that are still encoded."""

import io
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kdtune.data.dataset import Augmentation, Normalisation
from kdtune.data.examples.assemble import Described
from kdtune.data.given import pixels_wanted
from kdtune.data.images.pixels import Decoding, check_room, decode
from kdtune.data.images.scale import ImageError
from kdtune.data.preparation import image_preparation
from kdtune.data.texts.tokenizer import encode_texts
from kdtune.errors import DataError

_MOST_CHANNELS = 4


@dataclass(frozen=True, eq=False)
class Pixels:
    """Images of one size, uint8 [n, c, h, w]."""

    images: Tensor
    crop: int | None = None
    flip: bool = False

    def at(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the images of some rows."""
        return self.images[torch.from_numpy(rows)]

    def contents(self, rows: NDArray[np.int64]) -> list[Hashable]:
        """Return what tells the images of some rows apart."""
        return _bytes_of(self.images, rows)

    def described(self, train: Tensor) -> Described:
        """Describe them by the training images."""
        return _of_images(train, self.crop, self.flip, None)


@dataclass(frozen=True, eq=False)
class Numbers:
    """Rows of numbers, float32 [n, features]; they are standardised by the mean and deviation of the training rows."""

    rows: Tensor

    def at(self, rows: NDArray[np.int64]) -> Tensor:
        """Return some rows."""
        return self.rows[torch.from_numpy(rows)]

    def contents(self, rows: NDArray[np.int64]) -> list[Hashable]:
        """Return what tells some rows apart: their numbers, if those of one feature do for most rows."""
        if max(len(column.unique()) for column in self.rows.T) < len(self.rows) / 2:
            return list(rows.tolist())
        return _bytes_of(self.rows, rows)

    def described(self, train: Tensor) -> Described:
        """Describe them by the training rows; a constant column gets standard deviation 1."""
        wide = train.double()
        std = wide.std(dim=0, correction=0)
        std = torch.where(std > 1e-12 * wide.abs().amax(dim=0).clamp(min=1e-30), std, 1.0)
        normalisation = Normalisation(tuple(wide.mean(dim=0).tolist()), tuple(std.tolist()))
        return Described({"kind": "features", "n": int(train.shape[1])}, normalisation)


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts, and how they become token ids: see `kdtune.data.texts.tokenizer`."""

    texts: Sequence[str]
    preparation: dict[str, Any]

    def at(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the token ids of some rows, int64 [k, length]."""
        return encode_texts([self.texts[row] for row in rows.tolist()], self.preparation)

    def contents(self, rows: NDArray[np.int64]) -> list[Hashable]:
        """Return the texts of some rows."""
        return [self.texts[row] for row in rows.tolist()]

    def described(self, train: Tensor) -> Described:
        """Describe them; it needs none of the texts."""
        return Described(self.preparation, vocabulary=int(self.preparation["vocabulary"]))


@dataclass(frozen=True, eq=False)
class EncodedImages:
    """Images as the bytes of their files (PNG, JPEG, …), or as their paths.

    Attributes:
        where: name of each image, for messages.
    """

    files: Sequence[bytes | str]
    where: Sequence[str]
    decoding: Decoding
    crop: int | None = None
    flip: bool = False

    def at(self, rows: NDArray[np.int64]) -> Tensor:
        """Decode the images of some rows, uint8 [k, c, h, w].

        Raises:
            DataError: one does not decode, or has another size than the others; the message names it.
        """
        pixels: Tensor | None = None
        if self.decoding.shape is not None:
            self._check_room(len(rows), self.decoding.shape)
        for position, row in enumerate(rows.tolist()):
            content = self.files[row]
            try:
                found = decode(
                    io.BytesIO(content) if isinstance(content, bytes) else content, self.decoding
                ).pixels
            except (ImageError, OSError, SyntaxError, ValueError) as error:
                raise DataError(f"{self.where[row]}: {error}") from None
            if pixels is None:
                height, width, channels = found.shape
                self._check_room(len(rows), (channels, height, width))
                pixels = torch.empty((len(rows), channels, height, width), dtype=torch.uint8)
            if found.shape[:2] != tuple(pixels.shape[2:]):
                raise DataError(
                    f"{self.where[row]}: {found.shape[1]}x{found.shape[0]} pixels, but {self.where[int(rows[0])]} has "
                    f"{pixels.shape[3]}x{pixels.shape[2]}: set `image_size` to bring all images to one size"
                )
            pixels[position] = torch.from_numpy(found.transpose(2, 0, 1).copy())
        if pixels is None:
            raise DataError("there is no image in a split")
        return pixels

    def _check_room(self, n: int, shape: tuple[int, int, int]) -> None:
        check_room(self.where[0], n, shape, "set a smaller `image_size`, or use fewer examples (`n_train`)")

    def contents(self, rows: NDArray[np.int64]) -> list[Hashable]:
        """Return the bytes or the paths of some rows' images."""
        return [self.files[row] for row in rows.tolist()]

    def described(self, train: Tensor) -> Described:
        """Describe them by the training images."""
        return _of_images(train, self.crop, self.flip, self.decoding.value_range)


def _bytes_of(values: Tensor, rows: NDArray[np.int64]) -> list[Hashable]:
    array = values.numpy()
    return [array[row].tobytes() for row in rows.tolist()]


def _of_images(
    train: Tensor, crop: int | None, flip: bool, value_range: tuple[float, float] | None
) -> Described:
    normalisation = Normalisation.of(train)
    side = min(train.shape[2:])
    return Described(
        image_preparation(train, normalisation, value_range),
        normalisation,
        Augmentation.of(side, crop, flip),
    )


def channels_first(source: str, images: Tensor) -> Tensor:
    """Return uint8 images [n, h, w], [n, h, w, c] or [n, c, h, w] as the last of these.

    Raises:
        DataError: it is not clear which dimension holds the channels, or they are no bytes.
    """
    if images.dtype != torch.uint8:
        kind = str(images.dtype).removeprefix("torch.")
        shape = ", ".join(map(str, images.shape))
        if images.is_complex() or not images.numel():
            raise DataError(f"{source}: x are {kind} [{shape}], and no images: give uint8 from 0 to 255")
        wanted = pixels_wanted(images, "x", ".astype('uint8')")
        raise DataError(f"{source}: x are {kind} [{shape}] {wanted}")
    if images.dim() == 3:
        return images[:, None]
    first, last = images.shape[1] <= _MOST_CHANNELS, images.shape[3] <= _MOST_CHANNELS
    if first == last:
        raise DataError(
            f"{source}: x has shape {list(images.shape)}: it is not clear which dimension holds the channels: give "
            "[n, channels, height, width] with up to 4 channels"
        )
    return images if first else images.permute(0, 3, 1, 2).contiguous()
