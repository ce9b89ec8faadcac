"""Image files with labels and groups, before any is decoded; and the data set that they make."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from kdtune.data.dataset import Augmentation, Dataset, Normalisation, Split, fingerprint
from kdtune.data.images.images import map_images, read_images
from kdtune.data.mapped import map_file
from kdtune.data.preparation import image_preparation
from kdtune.data.split import stratified_cut
from kdtune.errors import DataError


@dataclass(frozen=True)
class ImageFiles:
    """A split that is not decoded yet: files, labels int64 [n], and attribute -> groups int64 [n]."""

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
        """Cut a part off, stratified, whose size was asked for by the option `key`."""
        if isinstance(size, int) and size > len(self.files):
            raise DataError(f"{self.root}: {key!r} asks for {size} images, but there are {len(self.files)}")
        kept, part = stratified_cut(self.labels, self.groups, size, seed)
        return self.take(kept), self.take(part)

    def limited(self, per_class: int, seed: int) -> "ImageFiles":
        """Return at most so many images of each class, stratified by groups."""
        rows = []
        for label in sorted(set(self.labels.tolist())):
            of_class = torch.nonzero(self.labels == label).flatten()
            if len(of_class) > per_class:
                groups = {name: codes[of_class] for name, codes in self.groups.items()}
                of_class = of_class[stratified_cut(self.labels[of_class], groups, per_class, seed)[1]]
            rows.append(of_class)
        return self.take(torch.cat(rows).sort().values)


def image_dataset(
    name: str,
    classes: tuple[str, ...],
    attributes: Mapping[str, tuple[str, ...]],
    parts: Mapping[str, ImageFiles],
    *,
    image_size: int | None,
    channels: int,
    crop: int | None,
    flip: bool,
    stream: bool,
    normalisation: Normalisation | None = None,
) -> Dataset:
    """Decode train and validation, and return the data set; test is decoded when it is opened.

    Args:
        parts: `train`, `validation` and `test`.
        crop: padding in pixels for random crops; None: 4 up to 64 pixels, a sixteenth of the side above.
        stream: keep decoded images in a file that is mapped, instead of in memory.
        normalisation: that of the training images where it is None.

    Raises:
        DataError: an image cannot be decoded, or has another size than the others.
    """
    train, validation = parts["train"], parts["validation"]
    if stream:
        decoded = tuple(_mapped(part, image_size, channels) for part in (train, validation))
    else:
        # Decoded together, so that the cache holds them once and images of another size are found.
        n = len(train.files)
        files = train.files + validation.files
        pixels = read_images(train.root, files, image_size=image_size, channels=channels)
        decoded = (
            Split(pixels[:n], train.labels, train.groups),
            Split(pixels[n:], validation.labels, validation.groups),
        )
    shape = tuple(decoded[0].inputs.shape[1:])
    _check_shape(validation.root, "validation", tuple(decoded[1].inputs.shape[1:]), shape)
    normalisation = normalisation or Normalisation.of(decoded[0].inputs)
    side = min(shape[1:])
    return Dataset(
        name=name,
        classes=classes,
        attributes=attributes,
        train=decoded[0],
        validation=decoded[1],
        normalisation=normalisation,
        augmentation=Augmentation(crop if crop is not None else 4 if side <= 64 else side // 16, flip),
        preprocessing=image_preparation(decoded[0].inputs, normalisation),
        fingerprint=fingerprint(decoded[0], decoded[1], classes, attributes),
        open_test=partial(
            _open_test, parts["test"], image_size=image_size, channels=channels, shape=shape, stream=stream
        ),
    )


def _mapped(part: ImageFiles, image_size: int | None, channels: int) -> Split:
    file = map_images(part.root, part.files, image_size=image_size, channels=channels)
    return Split(_tensor(file), part.labels, part.groups, file)


def _tensor(file: Path) -> Tensor:
    # Copy on write, for torch wants memory that can be written; nothing ever is.
    return torch.from_numpy(map_file(file, mode="c"))


def _open_test(
    part: ImageFiles, *, image_size: int | None, channels: int, shape: tuple[int, ...], stream: bool
) -> Split:
    if stream:
        split = _mapped(part, image_size, channels)
    else:
        pixels = read_images(part.root, part.files, image_size=image_size, channels=channels)
        split = Split(pixels, part.labels, part.groups)
    _check_shape(part.root, "test", tuple(split.inputs.shape[1:]), shape)
    return split


def _check_shape(root: Path, which: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if found != wanted:
        raise DataError(
            f"{root}: {which} images have {found[2]}x{found[1]} pixels, but those of train "
            f"{wanted[2]}x{wanted[1]}: set `image_size` to bring all images to one size"
        )
