"""The part of a data set that training sees: train and validation, never test, ready on a device."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from kdtune.data.dataset import Dataset
from kdtune.data.views import Views


@dataclass(frozen=True)
class Arrays:
    """Train and validation as numpy arrays: what travels between processes (zero-copy through shared memory).

    Attributes:
        train_inputs: uint8 [n, channels, height, width] or float32 [n, features].
        validation_groups: sensitive attribute -> int64 [m], -1 where missing.
        n_groups: sensitive attribute -> number of declared groups.
        mean, std: per channel, or None for tables.
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

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Take what training needs from a data set."""
        normalisation = dataset.normalisation
        return cls(
            train_inputs=dataset.train.inputs.numpy(),
            train_labels=dataset.train.labels.numpy(),
            validation_inputs=dataset.validation.inputs.numpy(),
            validation_labels=dataset.validation.labels.numpy(),
            validation_groups={name: groups.numpy() for name, groups in dataset.validation.groups.items()},
            n_groups={name: len(groups) for name, groups in dataset.attributes.items()},
            n_classes=len(dataset.classes),
            mean=None if normalisation is None else normalisation.mean,
            std=None if normalisation is None else normalisation.std,
            crop=dataset.augmentation.crop,
            flip=dataset.augmentation.flip,
        )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.train_inputs.shape[1:]

    @property
    def is_image(self) -> bool:
        """Tell images from tables."""
        return self.train_inputs.ndim == 4


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
        ).to(device)
        self.labels = tensor_of(arrays.train_labels).to(device)
        self.validation = Views(tensor_of(arrays.validation_inputs), **normalise).to(device)
        self.validation_labels = tensor_of(arrays.validation_labels).to(device)

    def __len__(self) -> int:
        return len(self.labels)

    def view(self, epoch: int) -> int:
        """Return the view that the epoch (from 0) sees: its own where views differ."""
        return epoch if self.train.varies else 0


def tensor_of(array: np.ndarray) -> Tensor:
    """Return a tensor over the array's memory; shared memory is read-only, and nothing here writes to inputs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
