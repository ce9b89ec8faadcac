"""CIFAR-10 and CIFAR-100 in their published binary version.

The Python version holds pickles, which can run code when they are read: kdtune does not open them.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from kdtune.data.dataset import Augmentation, Dataset, Split
from kdtune.data.images.array_images import Sizes, dataset_of_arrays
from kdtune.data.published.downloads import fetch, missing
from kdtune.data.registry import register_dataset
from kdtune.errors import DataError

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class _Form:
    """Where things are in one of the two: each record is `labels` bytes, the last of them used, and the pixels."""

    name: str
    folder: str
    train: tuple[str, ...]
    test: str
    classes: str
    n_classes: int
    labels: int
    archive: str
    md5: str
    python_version: str


_HOME = "https://www.cs.toronto.edu/~kriz"
_CIFAR10 = _Form(
    name="cifar10",
    folder="cifar-10-batches-bin",
    train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    test="test_batch.bin",
    classes="batches.meta.txt",
    n_classes=10,
    labels=1,
    archive="cifar-10-binary.tar.gz",
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    python_version="cifar-10-batches-py",
)
_CIFAR100 = _Form(
    name="cifar100",
    folder="cifar-100-binary",
    train=("train.bin",),
    test="test.bin",
    classes="fine_label_names.txt",
    n_classes=100,
    labels=2,
    archive="cifar-100-binary.tar.gz",
    md5="03b5dce01913d631647c71ecec9e9cb8",
    python_version="cifar-100-python",
)


@register_dataset("cifar10")
def load_cifar10(
    *,
    path: str | Path,
    download: bool = False,
    validation: Share = 0.1,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    crop: Annotated[int, Field(ge=0, le=31)] = 4,
    flip: bool = True,
    seed: int = 0,
) -> Dataset:
    """Read CIFAR-10's binary version: validation is cut from its training images, test is its own.

    Args:
        path: the folder `cifar-10-batches-bin`, or the one that holds it.
        download: fetch the archive (170 MB) where it is not there.
        validation: the share of the training images that is validation.
        n_train: take so many images only, stratified.
        n_validation: take so many images only, stratified.
        crop: padding in pixels for random crops.
        flip: mirror images at random.
        seed: the same seed cuts the same validation.

    Raises:
        DataError: a file is missing, cut short or not of this form; the message names it.
    """
    sizes = Sizes(validation, n_train, n_validation, seed)
    return _load(_CIFAR10, Path(path).expanduser(), sizes, Augmentation(crop, flip), download=download)


@register_dataset("cifar100")
def load_cifar100(
    *,
    path: str | Path,
    download: bool = False,
    validation: Share = 0.1,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    crop: Annotated[int, Field(ge=0, le=31)] = 4,
    flip: bool = True,
    seed: int = 0,
) -> Dataset:
    """Read CIFAR-100's binary version, by its 100 fine classes; options and errors as for `cifar10`.

    `path` is the folder `cifar-100-binary`, or the one that holds it.
    """
    sizes = Sizes(validation, n_train, n_validation, seed)
    return _load(_CIFAR100, Path(path).expanduser(), sizes, Augmentation(crop, flip), download=download)


def _load(form: _Form, root: Path, sizes: Sizes, augmentation: Augmentation, *, download: bool) -> Dataset:
    folder = root if (root / form.train[0]).exists() else root / form.folder
    if not (folder / form.train[0]).exists() and download:
        fetch(f"{_HOME}/{form.archive}", form.md5, root, extract=True)
    classes = _classes(form, folder)
    parts = [_read(form, folder / name) for name in form.train]
    images, labels = (torch.cat([part[k] for part in parts]) for k in (0, 1))
    return dataset_of_arrays(
        form.name,
        images,
        labels,
        classes,
        sizes=sizes,
        augmentation=augmentation,
        open_test=partial(_open_test, form, folder),
    )


def _open_test(form: _Form, folder: Path) -> Split:
    return Split(*_read(form, folder / form.test))


def _absent(form: _Form, path: Path) -> DataError:
    hint = f"the content of {form.archive} (the binary version, from {_HOME}/cifar.html)"
    if any((parent / form.python_version).exists() for parent in (path.parent, path.parent.parent)):
        hint += f"; {form.python_version} is the Python version, whose pickles kdtune does not open"
    return missing(path, hint, download=True)


def _classes(form: _Form, folder: Path) -> tuple[str, ...]:
    path = folder / form.classes
    if not path.is_file():
        raise _absent(form, path)
    names = tuple(path.read_text(encoding="utf-8", errors="replace").split())
    if len(names) != form.n_classes or len(set(names)) != form.n_classes:
        raise DataError(f"{path}: holds {len(set(names))} class names, not {form.n_classes}: copy it again")
    return names


def _read(form: _Form, path: Path) -> tuple[Tensor, Tensor]:
    """Return images uint8 [n, 3, 32, 32] and labels int64 [n]."""
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError:
        raise _absent(form, path) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    record = form.labels + _PIXELS
    if len(content) == 0 or len(content) % record:
        raise DataError(
            f"{path}: {len(content)} bytes are no whole number of records of {record}: the file is cut short, or "
            "another one; copy it again"
        )
    records = content.reshape(-1, record)
    labels = records[:, form.labels - 1]
    if labels.max() >= form.n_classes:
        row = int((labels >= form.n_classes).argmax())
        raise DataError(
            f"{path}: record {row + 1} has label {labels[row]}, but there are {form.n_classes} classes: "
            f"is it a file of {form.name}?"
        )
    images = torch.from_numpy(records[:, form.labels :].reshape(-1, 3, 32, 32).copy())
    return images, torch.from_numpy(labels.astype(np.int64))
