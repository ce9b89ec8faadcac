"""Checks every data set before anything is trained on it, whoever made it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from kdtune.data.dataset import MISSING, Augmentation, Dataset, Normalisation, Split
from kdtune.data.given import pixels_wanted
from kdtune.data.groups import few_groups
from kdtune.data.ids import check_ids
from kdtune.errors import DataError
from kdtune.user_code import kind_of

_MOST_CHANNELS = 4
"""A last dimension of up to this size holds channels, if the second one is larger."""

_DARK = 31
"""Images without a brighter pixel use at most 5 of 8 bits."""

_BLOCK = 65_536
"""How many examples are checked at a time, because a copy of all may not fit into memory."""


def require_classes(source: str, classes: Sequence[str], **splits: Tensor) -> None:
    """Require an example of every class in each split; `splits` are labels, int64 [n], by the split's name.

    Raises:
        DataError: there are fewer than two classes, or a class has no example in a split.
    """
    if len(classes) < 2:
        raise DataError(
            f"{source}: there must be at least two classes, found {', '.join(map(repr, classes)) or 'none'}"
        )
    for split, labels in splits.items():
        sizes = torch.bincount(labels, minlength=len(classes)).tolist()
        for name, size in zip(classes, sizes, strict=True):
            if size == 0:
                raise DataError(
                    f"{source}: class {name!r} has no example in {split}: "
                    "give it more examples, leave it out, or make that split larger"
                )


def check_crop(source: str, crop: int, shape: Sequence[int]) -> None:
    """Check the padding for random crops of images [n, c, h, w]: a wider one would show no pixel of some.

    Raises:
        DataError: it is as wide as the image.
    """
    side = min(shape[2:])
    if crop >= side:
        raise DataError(
            f"{source}: crop is {crop}, but images have {shape[3]}x{shape[2]} pixels: it may be at most {side - 1}"
        )


def check_dataset(name: str, dataset: object) -> Dataset:
    """Check what a loader made and return it: each tensor by itself, and all of them together.

    Raises:
        DataError: it is not a data set, or something in it is wrong; the message names the part and the index.
    """
    if not isinstance(dataset, Dataset):
        raise DataError(
            f"data set {name!r}: its loader returned {kind_of(dataset)}, not a kdtune.data.Dataset: return one"
        )
    source = f"data set {name!r}"
    _check_names(source, dataset)
    form = Expected.of(source, dataset)
    for what, split in (("train", dataset.train), ("validation", dataset.validation)):
        form.check(what, split)
    if dataset.train.inputs.dim() == 4:
        check_crop(source, dataset.augmentation.crop, dataset.train.inputs.shape)
    require_classes(source, dataset.classes, train=dataset.train.labels, validation=dataset.validation.labels)
    check_ids(source, train=dataset.train.ids, validation=dataset.validation.ids)
    _check_groups(source, dataset)
    _check_normalisation(source, dataset)
    doubts = _doubtful_pixels(dataset.train)
    return replace(dataset, notes=(*dataset.notes, *doubts)) if doubts else dataset


@dataclass(frozen=True)
class Expected:
    """What each split of a data set must look like.

    Attributes:
        source: name for messages.
        shape: of one input.
        groups: sensitive attribute -> number of groups.
        vocabulary: number of token ids, for text.
    """

    source: str
    n_classes: int
    shape: tuple[int, ...]
    dtype: torch.dtype
    groups: Mapping[str, int]
    vocabulary: int | None

    @classmethod
    def of(cls, source: str, dataset: Dataset) -> "Expected":
        """Derive it from a data set's names and its training split."""
        return cls(
            source,
            len(dataset.classes),
            tuple(dataset.train.inputs.shape[1:]),
            dataset.train.inputs.dtype,
            {name: len(groups) for name, groups in dataset.attributes.items()},
            dataset.vocabulary,
        )

    def check(self, what: str, split: object) -> Split:
        """Check a split and return it; `what` names it in messages.

        Raises:
            DataError: it is not as expected; the message names the part and the index.
        """
        where = f"{self.source}, {what}"
        if not isinstance(split, Split):
            raise DataError(f"{where}: {kind_of(split)} is not a kdtune.data.Split")
        if not len(split):
            raise DataError(f"{where}: there is no example in it")
        inputs = split.inputs
        if inputs.dtype != self.dtype or tuple(inputs.shape[1:]) != self.shape:
            raise DataError(
                f"{where}: one input is {_described(inputs.dtype, inputs.shape[1:])}, but in train it is "
                f"{_described(self.dtype, self.shape)}"
            )
        _check_codes(f"{where}: labels", split.labels, 0, self.n_classes, "classes")
        if set(split.groups) != set(self.groups):
            raise DataError(
                f"{where}: groups are given of {_names(split.groups)}, but the attributes are {_names(self.groups)}"
            )
        for attribute, codes in split.groups.items():
            _check_codes(f"{where}: groups of {attribute!r}", codes, -1, self.groups[attribute], "groups")
        if split.file is None:
            self._check_inputs(where, inputs)
        return split

    def _check_inputs(self, where: str, inputs: Tensor) -> None:
        if inputs.dtype == torch.float32:
            if inputs.dim() != 2:
                raise DataError(f"{where}: {_float_images(inputs)}")
            for start in range(0, len(inputs), _BLOCK):
                wrong = (~torch.isfinite(inputs[start : start + _BLOCK])).nonzero()
                if len(wrong):
                    row, column = int(wrong[0, 0]) + start, int(wrong[0, 1])
                    raise DataError(f"{where}: inputs[{row}, {column}] is {inputs[row, column].item()}")
        elif inputs.dtype == torch.uint8:
            _check_image_shape(where, inputs)
        elif self.vocabulary is not None and int(inputs.max()) >= self.vocabulary:
            row, column = (inputs >= self.vocabulary).nonzero()[0].tolist()
            raise DataError(
                f"{where}: inputs[{row}, {column}] is {int(inputs[row, column])}, but token ids go from 0 to "
                f"{self.vocabulary - 1}"
            )


def _check_image_shape(where: str, images: Tensor) -> None:
    shape = list(images.shape)
    if len(shape) != 4:
        raise DataError(
            f"{where}: uint8 inputs are images [n, channels, height, width], not {shape}: make tables float32 "
            "[n, features]"
        )
    if min(shape[1:]) == 0:
        raise DataError(f"{where}: images are {shape}: there is no pixel in them")
    if shape[1] > _MOST_CHANNELS >= shape[3]:
        raise DataError(
            f"{where}: images are {shape}, with the channels last, but must be [n, channels, height, width]: take "
            "images.permute(0, 3, 1, 2)"
        )


def _check_groups(source: str, dataset: Dataset) -> None:
    """Require that two groups of each attribute occur in validation: a gap is between two."""
    for attribute, groups in dataset.attributes.items():
        codes = dataset.validation.groups[attribute]
        occurring = [groups[code] for code in torch.unique(codes[codes != MISSING]).tolist()]
        if len(occurring) < 2:
            raise DataError(
                f"{source}, validation: {few_groups(attribute, occurring)}: give it examples of others, or leave the "
                "attribute out"
            )


def _doubtful_pixels(train: Split) -> tuple[str, ...]:
    """Return a line if images use so little of their range that they are probably on another scale."""
    if train.file is not None or train.inputs.dtype != torch.uint8:
        return ()
    low, high = int(train.inputs.min()), int(train.inputs.max())
    if low == high:
        return (
            f"all pixels of all training images are {low}: were they read, or converted, on another scale?",
        )
    if high <= _DARK:
        return (
            f"the largest pixel of all training images is {high} of 255, which is nearly black: is their scale "
            "another one?",
        )
    return ()


def _check_names(source: str, dataset: Dataset) -> None:
    if not isinstance(dataset.name, str) or not dataset.name:
        raise DataError(f"{source}: its name is {dataset.name!r}: give it one")
    if not isinstance(dataset.notes, tuple) or not all(isinstance(note, str) for note in dataset.notes):
        raise DataError(f"{source}: notes must be a tuple of texts, not {dataset.notes!r}")
    _check_distinct(f"{source}: classes", dataset.classes)
    for attribute, groups in dataset.attributes.items():
        what = f"{source}: groups of {attribute!r}"
        _check_distinct(what, groups)
        if len(groups) < 2:
            raise DataError(f"{source}: {few_groups(attribute, groups)}: leave it out")
    if not isinstance(dataset.fingerprint, str) or not dataset.fingerprint:
        raise DataError(
            f"{source}: the fingerprint is {dataset.fingerprint!r}: take kdtune.data.fingerprint(…)"
        )
    if not callable(dataset.open_test):
        raise DataError(
            f"{source}: open_test is {kind_of(dataset.open_test)}, not a function that returns a Split"
        )
    if not isinstance(dataset.augmentation, Augmentation):
        raise DataError(
            f"{source}: augmentation is {kind_of(dataset.augmentation)}, no kdtune.data.Augmentation"
        )
    crop = dataset.augmentation.crop
    if not isinstance(crop, int) or crop < 0:
        raise DataError(f"{source}: augmentation.crop is {crop!r}, not a number of pixels")
    try:
        json.dumps(dataset.preprocessing, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{source}: preprocessing is not plain JSON ({error})") from None
    if not isinstance(dataset.preprocessing, dict):
        raise DataError(f"{source}: preprocessing is {kind_of(dataset.preprocessing)}, not a dict")


def _check_distinct(what: str, names: object) -> None:
    if not isinstance(names, tuple) or not all(isinstance(name, str) and name for name in names):
        raise DataError(f"{what} must be a tuple of names, not {names!r}")
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{what}: {name!r} is named twice")


def _check_codes(what: str, codes: Tensor, low: int, n: int, of: str) -> None:
    wrong = ((codes < low) | (codes >= n)).nonzero()
    if len(wrong):
        k = int(wrong[0, 0])
        unknown = ", or -1 where it is not known" if low < 0 else ""
        raise DataError(
            f"{what}[{k}] is {int(codes[k])}, but there are {n} {of}, 0 to {n - 1}{unknown}"
            + (f" ({len(wrong) - 1:,} more such)" if len(wrong) > 1 else "")
        )


def _check_normalisation(source: str, dataset: Dataset) -> None:
    normalisation, inputs = dataset.normalisation, dataset.train.inputs
    if normalisation is None:
        return
    if not isinstance(normalisation, Normalisation):
        raise DataError(
            f"{source}: normalisation is {kind_of(normalisation)}, not a kdtune.data.Normalisation"
        )
    if inputs.dtype == torch.int64:
        raise DataError(
            f"{source}: token ids have no mean and standard deviation: give None as normalisation"
        )
    n = inputs.shape[1]
    if len(normalisation.mean) != n or len(normalisation.std) != n:
        raise DataError(
            f"{source}: the normalisation has {len(normalisation.mean)} means and {len(normalisation.std)} standard "
            f"deviations for {n} {'channels' if inputs.dim() == 4 else 'features'}"
        )
    for k, (mean, std) in enumerate(zip(normalisation.mean, normalisation.std, strict=True)):
        if not (math.isfinite(mean) and math.isfinite(std) and std > 0):
            raise DataError(f"{source}: normalisation[{k}] has mean {mean} and standard deviation {std}")


def _float_images(inputs: Tensor) -> str:
    """Return what is wrong with float inputs of more than two dimensions, and the remedy."""
    shape = f"float32 {list(inputs.shape)}"
    if inputs.dim() != 4:
        return (
            f"inputs are {shape}, but float32 inputs are tables, [n, features]: flatten them, or make images uint8 "
            "[n, channels, height, width]"
        )
    return f"images are {shape} {pixels_wanted(inputs, 'images', '.to(torch.uint8)')}"


def _described(dtype: torch.dtype, shape: Sequence[int]) -> str:
    return f"{str(dtype).removeprefix('torch.')} {list(shape)}"


def _names(names: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, names)) or "none"
