"""Image files with labels and groups, before any is decoded, and the data set made from them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from kdtune.data.copies import copies_notes
from kdtune.data.dataset import Augmentation, Dataset, Normalisation, Split, fingerprint
from kdtune.data.images.images import ImagesError, check_images, map_images, read_images
from kdtune.data.images.pixels import Decoding
from kdtune.data.images.remarks import Remarks
from kdtune.data.mapped import map_file
from kdtune.data.preparation import image_preparation
from kdtune.data.split import at_most_per_class, stratified_cut
from kdtune.data.tables.targets import Targets
from kdtune.errors import DataError
from kdtune.files import sha256_of

_MOST_FILES = 20_000
"""Among more files than this, nobody looks for copies, because that means to read them once more."""


@dataclass(frozen=True)
class ImageFiles:
    """A split that is not decoded yet: files, labels int64 [n] and, for each attribute, groups int64 [n]."""

    root: Path
    files: tuple[str, ...]
    labels: Tensor
    groups: Mapping[str, Tensor]

    def take(self, rows: Tensor) -> "ImageFiles":
        """Return the images at `rows`, int64 [k]."""
        groups = {name: codes[rows] for name, codes in self.groups.items()}
        return ImageFiles(
            self.root, tuple(self.files[row] for row in rows.tolist()), self.labels[rows], groups
        )

    def cut(self, size: float | int, seed: int, key: str) -> tuple["ImageFiles", "ImageFiles"]:
        """Cut off a stratified part; `key` is the option that asks for its size."""
        if isinstance(size, int) and size > len(self.files):
            raise DataError(f"{self.root}: {key!r} asks for {size} images, but there are {len(self.files)}")
        kept, part = stratified_cut(self.labels, self.groups, size, seed)
        return self.take(kept), self.take(part)

    def limited(self, per_class: int, seed: int) -> "ImageFiles":
        """Return at most `per_class` images of each class, stratified by groups."""
        return self.take(at_most_per_class(self.labels, self.groups, per_class, seed))


def image_dataset(
    name: str,
    classes: tuple[str, ...],
    attributes: Mapping[str, tuple[str, ...]],
    parts: Mapping[str, ImageFiles],
    decoding: Decoding,
    *,
    crop: int | None,
    flip: bool,
    stream: bool,
    normalisation: Normalisation | None = None,
    notes: tuple[str, ...] = (),
    targets: Targets | None = None,
) -> Dataset:
    """Decode train and validation and return the data set; of test, only the sizes are read before it is opened.

    Args:
        name: of the data set.
        classes: their names.
        attributes: sensitive attribute -> groups.
        parts: `train`, `validation` and `test`.
        decoding: how files become pixels.
        crop: padding in pixels for random crops; None: 4 up to 64 pixels, a sixteenth of the side above.
        flip: mirror images at random.
        stream: keep decoded images in a file that is mapped, instead of in memory.
        normalisation: None computes it from the training images.
        notes: on the files; this function adds notes on what was done to their images.
        targets: how a table of other images gives their groups.

    Raises:
        DataError: images cannot be decoded, or have another size than the others.
    """
    train, validation, remarks = _decoded(parts["train"], parts["validation"], decoding, stream=stream)
    shape = tuple(train.inputs.shape[1:])
    check_images(parts["test"].root, parts["test"].files, decoding, shape)
    _check_shape(parts["validation"].root, "validation", tuple(validation.inputs.shape[1:]), shape)
    normalisation = normalisation or Normalisation.of(train.inputs)
    side = min(shape[1:])
    return Dataset(
        name=name,
        classes=classes,
        attributes=attributes,
        train=train,
        validation=validation,
        normalisation=normalisation,
        augmentation=Augmentation.of(side, crop, flip),
        preprocessing=image_preparation(train.inputs, normalisation, decoding.value_range),
        fingerprint=fingerprint(train, validation, classes, attributes),
        open_test=partial(_open_test, parts["test"], decoding, shape=shape, stream=stream),
        notes=(
            *notes,
            *(f"images of train and validation: {line}" for line in remarks.sentences()),
            *_copies(parts),
        ),
        targets=None if targets is None else targets.to_dict(),
    )


def _copies(parts: Mapping[str, ImageFiles]) -> list[str]:
    """Return notes on files with the same bytes; only files of the same size are read."""
    if sum(len(part.files) for part in parts.values()) > _MOST_FILES:
        return []
    paths = [
        [parts[name].root / file for file in parts[name].files] for name in ("train", "validation", "test")
    ]
    sizes = {path: path.stat().st_size for files in paths for path in files}
    count = Counter(sizes.values())
    return copies_notes(
        *([sha256_of(path) if count[sizes[path]] > 1 else str(path) for path in files] for files in paths)
    )


def _decoded(
    train: ImageFiles, validation: ImageFiles, decoding: Decoding, *, stream: bool
) -> tuple[Split, Split, Remarks]:
    if stream:
        mapped, errors = [], []
        for part in (train, validation):
            try:
                mapped.append(_mapped(part, decoding))
            except ImagesError as error:
                errors.append(error)
        if errors:
            raise ImagesError.joined(errors)
        (first, first_remarks), (second, second_remarks) = mapped
        return first, second, first_remarks + second_remarks
    # Decoded together, so that the cache holds them once and images of another size are found.
    n = len(train.files)
    pixels, remarks = read_images(train.root, train.files + validation.files, decoding)
    return (
        Split(pixels[:n], train.labels, train.groups, ids=train.files),
        Split(pixels[n:], validation.labels, validation.groups, ids=validation.files),
        remarks,
    )


def _mapped(part: ImageFiles, decoding: Decoding) -> tuple[Split, Remarks]:
    file, remarks = map_images(part.root, part.files, decoding)
    return Split(_tensor(file), part.labels, part.groups, file, ids=part.files), remarks


def _tensor(file: Path) -> Tensor:
    # Copy on write, because torch wants memory that can be written; nothing ever is.
    return torch.from_numpy(map_file(file, mode="c"))


def _open_test(part: ImageFiles, decoding: Decoding, *, shape: tuple[int, ...], stream: bool) -> Split:
    if stream:
        split, _ = _mapped(part, decoding)
    else:
        pixels, _ = read_images(part.root, part.files, decoding)
        split = Split(pixels, part.labels, part.groups, ids=part.files)
    _check_shape(part.root, "test", tuple(split.inputs.shape[1:]), shape)
    return split


def _check_shape(root: Path, which: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if found != wanted:
        raise DataError(
            f"{root}: {which} images have {found[2]}x{found[1]} pixels, but those of train "
            f"{wanted[2]}x{wanted[1]}: set `image_size` to bring all images to one size"
        )
