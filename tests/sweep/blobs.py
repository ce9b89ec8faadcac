"""A data set of numbers that a user might register: two classes around two points, with alternating groups."""

import pytest
import torch

from kdtune.data import Augmentation, Dataset, Split, fingerprint


def blobs() -> Dataset:
    generator = torch.Generator().manual_seed(0)

    def split(n: int) -> Split:
        labels = torch.arange(n) % 2
        inputs = torch.randn(n, 4, generator=generator) + labels[:, None]
        return Split(inputs, labels, {"parity": torch.arange(n) // 2 % 2})

    train, validation = split(200), split(100)
    groups = {"parity": ("even", "odd")}
    return Dataset(
        name="blobs",
        classes=("low", "high"),
        attributes=groups,
        train=train,
        validation=validation,
        normalisation=None,
        augmentation=Augmentation(),
        preprocessing={},
        fingerprint=fingerprint(train, validation, ("low", "high"), groups),
        open_test=lambda: pytest.fail("a sweep never opens the test split"),
    )
