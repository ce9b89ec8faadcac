"""The part of a data set that training sees: train and validation, never test, ready on a device."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from kdtune.data.dataset import Dataset, Split
from kdtune.data.images.views import Views
from kdtune.data.mapped import map_file


@dataclass(frozen=True)
class Arrays:
    """Train and validation as numpy arrays: what travels between processes (zero-copy through shared memory).

    Attributes:
        train_inputs: uint8 [n, channels, height, width], float32 [n, features], or token ids int64 [n, length].
        validation_groups: sensitive attribute -> int64 [m], -1 where missing.
        n_groups: sensitive attribute -> number of declared groups.
        train_groups: as `validation_groups`, int64 [n], for weights by group.
        group_names: sensitive attribute -> names of its groups, for measures of one group.
        mean, std: per channel, or None for tables and text.
        vocabulary: number of token ids, for text only.

    Inputs that are mapped from a file travel as its path, and the receiver maps the file again: all nodes must
    see it under that path.
    """

    train_inputs: np.ndarray
    train_labels: np.ndarray
    validation_inputs: np.ndarray
    validation_labels: np.ndarray
    validation_groups: Mapping[str, np.ndarray]
    n_groups: Mapping[str, int]
    n_classes: int
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    crop: int
    flip: bool
    vocabulary: int | None = None
    train_groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    group_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: _Mapped(str(value.filename)) if isinstance(value, np.memmap) else value
            for name, value in vars(self).items()
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            # The class is frozen; unpickling has to set its fields nevertheless.
            object.__setattr__(self, name, map_file(value.path) if isinstance(value, _Mapped) else value)

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Return what training needs of a data set."""
        normalisation = dataset.normalisation
        return cls(
            train_inputs=inputs_of(dataset.train),
            train_labels=dataset.train.labels.numpy(),
            validation_inputs=inputs_of(dataset.validation),
            validation_labels=dataset.validation.labels.numpy(),
            validation_groups={name: groups.numpy() for name, groups in dataset.validation.groups.items()},
            n_groups={name: len(groups) for name, groups in dataset.attributes.items()},
            n_classes=len(dataset.classes),
            mean=None if normalisation is None else normalisation.mean,
            std=None if normalisation is None else normalisation.std,
            crop=dataset.augmentation.crop,
            flip=dataset.augmentation.flip,
            vocabulary=dataset.vocabulary,
            train_groups={name: groups.numpy() for name, groups in dataset.train.groups.items()},
            group_names={name: tuple(groups) for name, groups in dataset.attributes.items()},
        )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example, as in `Dataset.input_shape`."""
        shape = tuple(self.train_inputs.shape[1:])
        return shape if self.vocabulary is None else (*shape, self.vocabulary)

    @property
    def is_image(self) -> bool:
        """Whether the inputs are images, not a table or text."""
        return self.train_inputs.ndim == 4


@dataclass(frozen=True)
class _Mapped:
    """An array that travels as the path of its .npy file."""

    path: str


def inputs_of(split: Split) -> np.ndarray:
    """Return a split's inputs, mapped from their file if they have one."""
    return split.inputs.numpy() if split.file is None else map_file(split.file)


class DeviceData:
    """`Arrays` on a device, with the augmentation of one view stream."""

    def __init__(self, arrays: Arrays, device: torch.device, *, view_seed: int, augment: bool) -> None:
        self.arrays = arrays
        self.device = device
        normalise: dict[str, Any] = {"mean": arrays.mean, "std": arrays.std}
        self.train = Views(
            tensor_of(arrays.train_inputs),
            **normalise,
            crop=arrays.crop if augment else 0,
            flip=arrays.flip if augment else False,
            seed=view_seed,
            stream=isinstance(arrays.train_inputs, np.memmap),
        ).to(device)
        self.labels = tensor_of(arrays.train_labels).to(device)
        self.validation = Views(
            tensor_of(arrays.validation_inputs),
            **normalise,
            stream=isinstance(arrays.validation_inputs, np.memmap),
        ).to(device)
        self.validation_labels = tensor_of(arrays.validation_labels).to(device)

    def __len__(self) -> int:
        return len(self.labels)

    def view(self, epoch: int) -> int:
        """Return the view that an epoch (from 0) sees: a view of its own if views differ, else always view 0."""
        return epoch if self.train.varies else 0


def tensor_of(array: np.ndarray) -> Tensor:
    """Return a tensor over the array's memory; shared memory is read-only, and nothing here writes to inputs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
