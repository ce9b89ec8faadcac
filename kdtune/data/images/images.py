"""Decoding image files into one tensor, in parallel threads, kept decoded in the cache."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kdtune.data.cache import cached_tensors
from kdtune.data.mapped import mapped_file
from kdtune.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
"""What is decoded, whatever a file is called: Pillow knows more, and hands some of it (EPS) to other programs."""
_MODES = {1: "L", 3: "RGB"}


def read_images(root: Path, files: Sequence[str], *, image_size: int | None, channels: int) -> Tensor:
    """Decode `files`, paths relative to `root`, to uint8 [n, channels, height, width].

    With `image_size`, the shorter side is scaled to it and the centre square is cut out; without, all images
    must have one size. The result is kept in the cache under the files' names, sizes and times.

    Raises:
        DataError: a file is gone, does not decode, or has another size than the first.
    """
    key = _key(root, files, image_size, channels)
    make = partial(_decode_all, root.resolve(), files, image_size, channels)
    return cached_tensors(key, lambda: {"inputs": make()})["inputs"]


def map_images(root: Path, files: Sequence[str], *, image_size: int | None, channels: int) -> Path:
    """Decode `files` as `read_images` does, into a .npy file in the cache, and return its path.

    Raises:
        DataError: as `read_images`, or the disk has no room for it.
    """
    root = root.resolve()
    height, width, _ = first = _decode(root / files[0], image_size, channels).shape

    def row(number: int) -> NDArray[np.uint8]:
        image = _decode(root / files[number], image_size, channels)
        _check_size(image, first, root / files[number], files[0])
        return image.transpose(2, 0, 1)

    shape = (len(files), channels, height, width)
    return mapped_file(
        _key(root, files, image_size, channels), shape, row, remedy="set a smaller `image_size`"
    )


def _key(root: Path, files: Sequence[str], image_size: int | None, channels: int) -> str:
    root = root.resolve()
    digest = hashlib.sha256(f"{root}\0{image_size}\0{channels}".encode())
    for file in files:
        try:
            facts = os.stat(root / file)
        except OSError as error:
            raise DataError(f"{root / file}: cannot be read: {error.strerror}") from None
        digest.update(f"\0{file}\0{facts.st_size}\0{facts.st_mtime_ns}".encode())
    return f"images/{digest.hexdigest()[:24]}"


def _check_size(image: NDArray[np.uint8], first: tuple[int, ...], path: Path, first_file: str) -> None:
    if image.shape != first:
        sizes = [f"{shape[1]}x{shape[0]}" for shape in (image.shape, first)]
        raise DataError(
            f"{path} has {sizes[0]} pixels, but {first_file} has {sizes[1]}: "
            "set `image_size` to bring all images to one size"
        )


def _decode_all(root: Path, files: Sequence[str], image_size: int | None, channels: int) -> Tensor:
    first = _decode(root / files[0], image_size, channels)
    images = torch.empty(len(files), *first.shape, dtype=torch.uint8)
    rows = images.numpy()

    def fill(row: int) -> None:
        image = _decode(root / files[row], image_size, channels)
        _check_size(image, first.shape, root / files[row], files[0])
        rows[row] = image

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for result in [pool.submit(fill, row) for row in range(len(files))]:
            try:
                result.result()
            except DataError:
                pool.shutdown(cancel_futures=True)
                raise
    return images.permute(0, 3, 1, 2).contiguous()


def _decode(path: Path, image_size: int | None, channels: int) -> NDArray[np.uint8]:
    """Return one image, [height, width, channels]."""
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as file:
            return prepared(file, image_size, channels)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "the file is cut short" if "truncated" in str(error) else "it is no image, or a damaged one"
        raise DataError(f"{path}: does not decode: {reason}") from None


def prepared(file: "Image", image_size: int | None, channels: int) -> NDArray[np.uint8]:
    """Return an opened image as pixels uint8 [height, width, channels].

    With `image_size`, the shorter side is scaled to it and the centre square is cut out.
    """
    from PIL import Image

    # A palette's transparent entries have no colour of their own before they are spelt out.
    image = file.convert("RGBA") if file.mode == "P" else file
    image = image.convert(_MODES[channels])
    if image_size is not None and image.size != (image_size, image_size):
        scale = image_size / min(image.size)
        width, height = (max(image_size, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - image_size) // 2, (height - image_size) // 2
        image = image.crop((left, top, left + image_size, top + image_size))
    return np.asarray(image).reshape(image.height, image.width, channels)
