"""Data sets of the benchmarks, registered as a user would register their own."""

import csv
from pathlib import Path

import numpy as np
import torch

from kdtune.data import Augmentation, Dataset, Split, fingerprint, register_dataset
from kdtune.data.dataset import Normalisation


@register_dataset("bench-digits")
def digits(*, n_train: int = 1297, seed: int = 0) -> Dataset:
    """Load scikit-learn's 1,797 digits of 8x8 pixels; those with more ink than the median are a group.

    The first `n_train` in an order that the seed decides are train, the last 500 validation, those between them test.
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    images = torch.from_numpy((raw.images * 255 / 16).round().astype(np.uint8))[:, None]
    labels = torch.from_numpy(raw.target.astype(np.int64))
    ink = images.float().mean(dim=(1, 2, 3))
    groups = (ink > ink.median()).long()
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
    everything = Split(images, labels, {"ink": groups}).take(order)
    train = everything.take(torch.arange(n_train))
    test = everything.take(torch.arange(n_train, 1297))
    validation = everything.take(torch.arange(1297, 1797))
    classes, attributes = tuple(map(str, range(10))), {"ink": ("light", "heavy")}
    return Dataset(
        name="bench-digits",
        classes=classes,
        attributes=attributes,
        train=train,
        validation=validation,
        normalisation=Normalisation.of(train.inputs),
        augmentation=Augmentation(crop=1),
        preprocessing={},
        fingerprint=fingerprint(train, validation, classes, attributes),
        open_test=lambda: test,
    )


def write_brightness(folder: Path, file: Path) -> Path:
    """Write, for the images of a CIFAR folder, whether each is darker or brighter than the median; return the file."""
    from PIL import Image

    paths = sorted(folder.glob("*/*/*.png"))
    means = [float(np.asarray(Image.open(path)).mean()) for path in paths]
    middle = float(np.median(means))
    with file.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["file", "brightness"])
        for path, mean in zip(paths, means, strict=True):
            rows.writerow([str(path.relative_to(folder)), "bright" if mean > middle else "dark"])
    return file
