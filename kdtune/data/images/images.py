"""Decodes many image files to one tensor, in parallel threads, and keeps the result in the cache."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kdtune.data.cache import cached_tensors
from kdtune.data.images.pixels import Decoding, check_room, decode, size_of, without_warnings
from kdtune.data.images.remarks import Remarks
from kdtune.data.images.scale import ImageError, RangeError
from kdtune.data.mapped import fill_rows, mapped_file
from kdtune.errors import DataError

_VERSION = 2
"""Part of every cache key: raise it whenever a pixel, or a remark, may come out differently."""

_LISTED = 10
"""A message names at most this many of the images that can't be used."""

_SMALLER = "set a smaller `image_size`"

Failures = dict[str, ImageError]
"""Image file -> why it can't be used."""


class ImagesError(DataError):
    """Some images of a folder can't be used: all of them are counted, the first ten are named."""

    def __init__(self, root: Path, failures: Failures, total: int) -> None:
        kinds: dict[str, list[str]] = {}
        for file, failure in failures.items():
            kinds.setdefault(failure.kind, []).append(file)
        clauses = []
        for kind, files in kinds.items():
            first = failures[files[0]]
            clause = f"{root / files[0]}: {kind}: {first.detail}"
            if isinstance(first, RangeError):
                clause += ": set `value_range: [black, white]`"
            if len(files) > 1:
                more = f", … ({len(files) - _LISTED} more)" if len(files) > _LISTED else ""
                clause += f"; {len(files)} of {total} images in all: {', '.join(files[:_LISTED])}{more}"
            clauses.append(clause)
        super().__init__("; ".join(clauses))
        self.root, self.failures, self.total = root, failures, total

    @classmethod
    def joined(cls, errors: Sequence["ImagesError"]) -> "ImagesError":
        """Return one error for several splits of one folder."""
        failures = {file: failure for error in errors for file, failure in error.failures.items()}
        return cls(errors[0].root, failures, sum(error.total for error in errors))


def read_images(root: Path, files: Sequence[str], decoding: Decoding) -> tuple[Tensor, Remarks]:
    """Decode `files`, paths relative to `root`, to uint8 [n, channels, height, width]; return remarks with them.

    Without `image_size` all images must have the same size. The result is kept in the cache under the files'
    names, sizes and times.

    Raises:
        ImagesError: images can't be used; all of them are found before it is raised.
        DataError: an image has another size than the first.
    """

    def make() -> dict[str, Tensor]:
        pixels, decoder = _decoded(root, files, decoding)
        return {"inputs": pixels, **decoder.facts()}

    kept = cached_tensors(_key(root, files, decoding), make)
    return kept["inputs"], _remarks(kept)


def decode_images(root: Path, files: Sequence[str], decoding: Decoding) -> Tensor:
    """Do the same as `read_images`, and keep nothing in the cache."""
    return _decoded(root, files, decoding)[0]


def _decoded(root: Path, files: Sequence[str], decoding: Decoding) -> tuple[Tensor, "_Decoder"]:
    remedy = (
        f"{_SMALLER}, or keep the decoded images on disk where the data set has the option: `stream: true`"
    )
    cores = min(os.cpu_count() or 1, len(files))
    if decoding.shape is not None:  # one image alone may be too large
        check_room(str(root), len(files), decoding.shape, remedy, at_once=cores)
    decoder = _Decoder(root.resolve(), files, decoding)
    check_room(str(root), len(files), decoder.shape, remedy, at_once=cores)
    pixels = np.empty((len(files), *decoder.shape), dtype=np.uint8)
    with without_warnings():
        fill_rows(pixels, decoder.planes)
    decoder.check()
    return torch.from_numpy(pixels), decoder


def map_images(root: Path, files: Sequence[str], decoding: Decoding) -> tuple[Path, Remarks]:
    """Decode `files` as `read_images` does, into a .npy file in the cache, and return its path.

    Raises:
        ImagesError, DataError: as `read_images`, or the disk has no room for it.
    """
    if decoding.shape is not None:
        check_room(str(root), 0, decoding.shape, _SMALLER, at_once=min(os.cpu_count() or 1, len(files)))
    decoder = _Decoder(root.resolve(), files, decoding)
    key = _key(root, files, decoding)
    with without_warnings():
        file = mapped_file(
            key,
            (len(files), *decoder.shape),
            decoder.planes,
            check=decoder.check,
            remedy=_SMALLER,
        )
        return file, _remarks(cached_tensors(f"{key}-remarks", decoder.facts))


def check_images(root: Path, files: Sequence[str], decoding: Decoding, shape: Sequence[int]) -> None:
    """Check that `files` are images of a shape, (channels, height, width), by their first bytes: none is decoded.

    It finds what would be found otherwise only when the test split is opened. A result without a finding is kept in the
    cache, as decoded images are.

    Raises:
        ImagesError: some are not there, or are no images; all of them are found before it is raised.
        DataError: an image has another size.
    """

    def make() -> dict[str, Tensor]:
        folder, failures, sizes = root.resolve(), Failures(), []
        with without_warnings():
            for file in files:
                try:
                    sizes.append(size_of(folder / file, decoding))
                except ImageError as error:
                    failures[file] = error
                    sizes.append((0, 0))
        if failures:
            raise ImagesError(folder, failures, len(files))
        return {"sizes": torch.tensor(sizes)}

    sizes = cached_tensors(f"{_key(root, files, decoding)}-sizes", make)["sizes"]
    wanted = torch.tensor(list(shape[1:]))
    wrong = (sizes != wanted).any(dim=1).nonzero()
    if len(wrong):
        first = int(wrong[0, 0])
        height, width = sizes[first].tolist()
        raise DataError(
            f"{root / files[first]} (test) has {width}x{height} pixels, but the images of train have "
            f"{shape[2]}x{shape[1]}: set `image_size` to bring all images to one size"
        )


def _key(root: Path, files: Iterable[str], decoding: Decoding) -> str:
    root = root.resolve()
    digest = hashlib.sha256(f"{_VERSION}\0{root}\0{decoding}".encode(errors="surrogateescape"))
    for file in files:
        try:
            stat = os.stat(root / file)
            facts = f"{stat.st_size}\0{stat.st_mtime_ns}"
        except OSError:
            facts = "gone"  # the decoder lists it with all others that can't be used
        digest.update(f"\0{file}\0{facts}".encode(errors="surrogateescape"))
    return f"images/{digest.hexdigest()[:24]}"


def _remarks(kept: dict[str, Tensor]) -> Remarks:
    return Remarks(kept["flags"].numpy(), kept["peaks"].numpy())


class _Decoder:
    """Decodes files by their number, in any order and from several threads; collects what can't be used.

    Attributes:
        shape: of all images, (channels, height, width): that of the first that can be used.
    """

    def __init__(self, root: Path, files: Sequence[str], decoding: Decoding) -> None:
        self._root, self._files, self._decoding = root, files, decoding
        self._failures: Failures = {}
        self._flags = np.zeros(len(files), dtype=np.uint8)
        self._peaks = np.zeros(len(files), dtype=np.int32)
        self._is_decoded = np.zeros(len(files), dtype=bool)
        self._first = 0
        while (first := self._decode(self._first)) is None:
            self._first += 1
            if self._first == len(files):
                self.check()
        self.shape = first.shape

    def planes(self, number: int) -> NDArray[np.uint8]:
        """Return an image, uint8 [channels, height, width]; zeros where it can't be used.

        Raises:
            DataError: it has another size than the first.
        """
        image = self._decode(number)
        if image is None:
            return np.zeros(self.shape, dtype=np.uint8)
        if image.shape != self.shape:
            sizes = [f"{shape[2]}x{shape[1]}" for shape in (image.shape, self.shape)]
            raise DataError(
                f"{self._root / self._files[number]} has {sizes[0]} pixels, but {self._files[self._first]} has "
                f"{sizes[1]}: set `image_size` to bring all images to one size"
            )
        return image

    def check(self) -> None:
        """Raise an `ImagesError` if an image that was asked for can't be used."""
        if self._failures:
            failures = {file: self._failures[file] for file in self._files if file in self._failures}
            raise ImagesError(self._root, failures, len(self._files))

    def facts(self) -> dict[str, Tensor]:
        """Return the remarks on all images, as tensors."""
        for number in np.flatnonzero(~self._is_decoded).tolist():
            self._decode(number)
        return {"flags": torch.from_numpy(self._flags), "peaks": torch.from_numpy(self._peaks)}

    def _decode(self, number: int) -> NDArray[np.uint8] | None:
        file = self._files[number]
        try:
            found = decode(self._root / file, self._decoding)
        except ImageError as error:
            self._failures[file] = error
            return None
        self._flags[number], self._peaks[number] = found.remarks, found.peak
        self._is_decoded[number] = True
        return found.pixels.transpose(2, 0, 1)
