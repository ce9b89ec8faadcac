"""What a data set is to the rest of kdtune: tensors in memory, labels, groups, three splits."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kdtune.data.mapped import file_hash
from kdtune.errors import DataError
from kdtune.runs.records import ALL
from kdtune.user_code import kind_of

MISSING = -1
"""The group of an example whose sensitive attribute is not known."""


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set.

    Shapes: `inputs` uint8 [n, channels, height, width] for images, float32 [n, features] for tables, int64
    [n, length] for token ids (0 pads); `labels` int64 [n]; `groups` maps a sensitive attribute to int64 [n],
    `MISSING` where an example's group is not known. `file` is where the inputs lie as a .npy, when they are
    mapped from disk because they may not fit into memory: other processes then map it too. `rows` says where each
    example stands in its table, int64 [n], the first row after the header being 0; None if it comes from no table.
    `ids` says which example is which, each once in a data set: an image's path in its folder, a row's number
    (`17`), or both split and number where the source has splits of its own (`test/17`); None where nothing is known.

    Raises:
        DataError: lengths or dtypes do not fit together.
    """

    inputs: Tensor
    labels: Tensor
    groups: Mapping[str, Tensor] = field(default_factory=dict)
    file: Path | None = None
    rows: Tensor | None = None
    ids: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.groups, Mapping):
            raise DataError(f"groups are {kind_of(self.groups)}, not a dict of attribute -> int64 [n]")
        for what, tensor in {"inputs": self.inputs, "labels": self.labels, **self.groups}.items():
            _check_tensor(str(what), tensor)
        if self.inputs.dtype not in (torch.uint8, torch.float32, torch.int64):
            raise DataError(
                "inputs must be uint8 (images), float32 (tables) or int64 (token ids), not "
                f"{self.inputs.dtype}"
            )
        if self.inputs.dim() < 2:
            raise DataError(f"inputs must be [n, …], an example a row, not {list(self.inputs.shape)}")
        if self.inputs.dtype == torch.int64:
            _check_token_ids(self.inputs)
        for what, tensor in {"labels": self.labels, **self.groups}.items():
            if tensor.dtype != torch.int64:
                raise DataError(f"{what} must be int64, a position for each example, not {tensor.dtype}")
            if tensor.shape != (len(self.inputs),):
                raise DataError(
                    f"{what} has shape {tuple(tensor.shape)}, but there are {len(self.inputs)} inputs"
                )

        if self.ids is not None and len(self.ids) != len(self.inputs):
            raise DataError(f"there are {len(self.ids)} ids, but {len(self.inputs)} inputs")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> "Split":
        """Return the examples at `indices` (int64 [k], or bool [n]), in that order."""
        groups = {name: values[indices] for name, values in self.groups.items()}
        rows = torch.arange(len(self))[indices].tolist()
        ids = None if self.ids is None else tuple(self.ids[row] for row in rows)
        return Split(self.inputs[indices], self.labels[indices], groups, ids=ids)


def _check_token_ids(inputs: Tensor) -> None:
    if inputs.dim() != 2:
        raise DataError(
            f"int64 inputs are token ids, [n, length], not {list(inputs.shape)}: make images uint8, from 0 to 255"
        )
    if len(wrong := (inputs < 0).nonzero()):
        row, column = wrong[0].tolist()
        raise DataError(
            f"inputs[{row}, {column}] is {int(inputs[row, column])}, but token ids are not negative (0 pads)"
        )


def _check_tensor(what: str, tensor: object) -> None:
    """Refuse a tensor that numpy can't share."""
    if not isinstance(tensor, Tensor):
        raise DataError(f"{what} must be a torch.Tensor, not {kind_of(tensor)}: take torch.as_tensor(…)")
    if tensor.device.type != "cpu" or tensor.layout != torch.strided or tensor.requires_grad:
        raise DataError(f"{what} must be a plain tensor in memory: take .detach().cpu() (and .to_dense())")


@dataclass(frozen=True)
class Normalisation:
    """Per-channel mean and standard deviation of the training images, on the 0..1 scale."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, images: Tensor) -> "Normalisation":
        """Compute it exactly for uint8 [n, channels, height, width], from the histogram of each channel.

        A constant channel gets standard deviation 1, so that dividing by it is harmless.
        """
        levels = np.arange(256) / 255.0
        mean, std = [], []
        for channel in range(images.shape[1]):
            # In blocks, because one channel of all images may not fit into memory.
            counts = np.zeros(256, dtype=np.int64)
            for start in range(0, len(images), 4096):
                block = images[start : start + 4096, channel].flatten()
                counts += torch.bincount(block, minlength=256).numpy()
            share = counts / max(counts.sum(), 1)
            mean.append(float(share @ levels))
            variance = float(share @ (levels - mean[-1]) ** 2)
            std.append(variance**0.5 if variance > 1e-12 else 1.0)
        return cls(tuple(mean), tuple(std))


@dataclass(frozen=True)
class Augmentation:
    """What may be done to an image without changing its label: `crop` pixels of padding, mirror images."""

    crop: int = 0
    flip: bool = False

    @classmethod
    def of(cls, side: int, crop: int | None, flip: bool) -> "Augmentation":
        """Return that of images whose shorter side is known; without a crop, 4 pixels or a sixteenth of it."""
        usual = min(4, side - 1) if side <= 64 else side // 16
        return cls(usual if crop is None else crop, flip)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set as a sweep sees it; the test split is behind `open_test`, which nothing in a sweep calls.

    `attributes` maps each sensitive attribute to its *declared* groups, so that an absent one is missing, not
    forgotten. `preprocessing` is plain JSON: what a loaded student needs to prepare raw input. `fingerprint`
    is the SHA-256 of the content (see `fingerprint`). `open_test` is picklable if the data set is to be sent
    anywhere. `vocabulary` is the number of token ids, for text only. `targets` says how a table of other examples gives
    labels and groups (see `kdtune.data.tables.targets`); None if nothing says it. `notes` are lines for a person: what
    the loader made of the files, what it left out, and what it doubts. `min_group` is the fewest validation examples
    that a rate may be out of by which a search decides; None for no limit.
    """

    name: str
    classes: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    train: Split
    validation: Split
    normalisation: Normalisation | None
    augmentation: Augmentation
    preprocessing: dict[str, Any]
    fingerprint: str
    open_test: Callable[[], Split]
    vocabulary: int | None = None
    notes: tuple[str, ...] = ()
    targets: dict[str, Any] | None = None
    min_group: int | None = None

    def __post_init__(self) -> None:
        for what, split in (("train", self.train), ("validation", self.validation)):
            if not isinstance(split, Split):
                raise DataError(
                    f"data set {self.name!r}: {what} must be a kdtune.data.Split, not {kind_of(split)}"
                )
        if not isinstance(self.attributes, Mapping):
            raise DataError(
                f"data set {self.name!r}: attributes must be a dict of attribute -> groups, not "
                f"{kind_of(self.attributes)}"
            )
        for attribute in self.attributes:
            if not isinstance(attribute, str):
                raise DataError(
                    f"data set {self.name!r}: the sensitive attribute {attribute!r} is not a text"
                )
            if attribute == ALL:
                raise DataError(
                    f"data set {self.name!r}: a sensitive attribute can't be called {ALL!r}, which stands for all "
                    "examples: rename the column"
                )
            if not attribute.isprintable():
                raise DataError(
                    f"data set {self.name!r}: the sensitive attribute {attribute!r} has characters that do not print: "
                    "rename the column"
                )
        tokens = self.train.inputs.dtype == torch.int64
        if tokens != (self.vocabulary is not None):
            raise DataError(f"data set {self.name!r}: `vocabulary` is for token ids, and they need it")

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input, without the batch: (channels, height, width), (features,), or for token ids
        (length, vocabulary), the shape that they would have one-hot."""
        shape = tuple(self.train.inputs.shape[1:])
        return shape if self.vocabulary is None else (*shape, self.vocabulary)

    @property
    def majority(self) -> float:
        """Share of the most frequent class in validation: the accuracy of the best constant answer there."""
        return int(torch.bincount(self.validation.labels).max()) / len(self.validation)

    def describe(self) -> dict[str, Any]:
        """Return name, classes, groups, notes and the sizes of train and validation as plain JSON (see
        `group_sizes`)."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "notes": list(self.notes),
            "input_shape": list(self.input_shape),
            "classes": list(self.classes),
            "attributes": {name: list(groups) for name, groups in self.attributes.items()},
            "splits": {
                "train": group_sizes(self.train, self.classes, self.attributes),
                "validation": group_sizes(self.validation, self.classes, self.attributes),
            },
        }


def group_sizes(
    split: Split, classes: tuple[str, ...], attributes: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Count the examples of a split by class, and by group and class, as plain JSON.

    Returns `{"n": int, "classes": {class: n}, "groups": {attribute: {group: {class: n}}}, "missing":
    {attribute: n}}`; a declared group without examples is included, with zeros.
    """
    C = len(classes)

    def by_class(labels: Tensor) -> dict[str, int]:
        return dict(zip(classes, torch.bincount(labels, minlength=C).tolist(), strict=True))

    return {
        "n": len(split),
        "classes": by_class(split.labels),
        "groups": {
            name: {group: by_class(split.labels[split.groups[name] == g]) for g, group in enumerate(groups)}
            for name, groups in attributes.items()
        },
        "missing": {name: int((split.groups[name] == MISSING).sum()) for name in attributes},
    }


def fingerprint(
    train: Split, validation: Split, classes: tuple[str, ...], attributes: Mapping[str, tuple[str, ...]]
) -> str:
    """Return the SHA-256 (hex) of the content of a data set.

    It covers every input, label and group of both splits, in order, and the names of classes and groups.
    Neither paths nor options count, nor the order in which attributes are named, nor the machine's byte
    order. For inputs that are mapped from a file it covers the file, whose hash is stored beside it.
    """
    digest = hashlib.sha256()
    names = {"classes": list(classes), "attributes": {k: list(v) for k, v in attributes.items()}}
    digest.update(json.dumps(names, sort_keys=True).encode())
    for split in (train, validation):
        tensors = {"": split.inputs, " ": split.labels} | dict(split.groups)
        if split.file is not None:
            digest.update(file_hash(split.file).encode())
            del tensors[""]
        for name, tensor in sorted(tensors.items()):
            array = tensor.contiguous().numpy()
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
            digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
            digest.update(array.data)
    return digest.hexdigest()
