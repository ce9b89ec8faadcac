"""SVHN (Netzer et al. 2011), cropped digits, in its published MATLAB files."""

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from kdtune.data.dataset import Augmentation, Dataset, Split
from kdtune.data.ids import row_ids
from kdtune.data.images.array_images import dataset_of_arrays
from kdtune.data.options import Count, Seed, Share
from kdtune.data.published.downloads import fetch, image_folder_hint, missing
from kdtune.data.published.matlab_files import MatlabFileError, read_matlab
from kdtune.data.published.source import Source
from kdtune.data.registry import register_dataset
from kdtune.data.split import Sizes
from kdtune.errors import DataError

CLASSES = tuple("0123456789")
_HOME = "http://ufldl.stanford.edu/housenumbers"
_FILES = {
    "train": ("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
    "test": ("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
}


@register_dataset("svhn")
def load_svhn(
    *,
    path: str | Path,
    download: bool = False,
    validation: Share = 0.1,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    limit_per_class: Count | None = None,
    crop: Annotated[int, Field(ge=0, le=31)] = 4,
    flip: bool = False,
    seed: Seed = 0,
) -> Dataset:
    """Read SVHN's cropped digits. Validation is cut from its training images, test is its own.

    The extra images are not used.

    Args:
        path: the folder with `train_32x32.mat` and `test_32x32.mat`.
        download: download the files (250 MB) if they are not there.
        validation: the share of the training images that is validation.
        n_train: use only this many images, stratified.
        n_validation: use only this many images, stratified.
        limit_per_class: use at most this many training images of each class, before validation is cut off.
        crop: padding in pixels for random crops.
        flip: mirror images at random; a mirrored digit is usually no digit.
        seed: the same seed cuts the same validation.

    Raises:
        DataError: a file is missing, cut short or not of this form; the message names it.
    """
    root = Path(path).expanduser()
    if download:
        for name, md5 in _FILES.values():
            if not (root / name).exists():
                fetch(f"{_HOME}/{name}", md5, root, extract=False)
    for split in _FILES:
        _require(root, split)
    images, labels = _read(root, "train")
    return dataset_of_arrays(
        "svhn",
        images,
        labels,
        CLASSES,
        sizes=Sizes(validation, n_train, n_validation, limit_per_class, seed),
        augmentation=Augmentation(crop, flip),
        open_test=partial(_open_test, root),
    )


def _open_test(root: Path) -> Split:
    images, labels = _read(root, "test")
    return Split(images, labels, ids=row_ids(range(len(labels)), "test"))


def _require(root: Path, split: str) -> Path:
    """Return the file of a split, which must be there."""
    path = root / _FILES[split][0]
    if not path.is_file():
        raise missing(
            path,
            f"{path.name} of {_HOME} (format 2, cropped digits)",
            download=True,
            hint=image_folder_hint(root),
        )
    return path


def _read(root: Path, split: str) -> tuple[Tensor, Tensor]:
    """Return images uint8 [n, 3, 32, 32] and labels int64 [n]; in the files, the digit 0 is class 10."""
    path = _require(root, split)
    try:
        content = read_matlab(Source(root).read([path.name])[path.name], ("X", "y"))
    except MatlabFileError as error:
        raise DataError(f"{path}: cut short or damaged ({error}): copy it again") from None
    x, y = content.get("X"), content.get("y")
    if x is None or y is None or x.dtype != np.uint8 or x.ndim != 4 or x.shape[:3] != (32, 32, 3):
        raise DataError(
            f"{path}: holds no X of 32x32x3 images and y of labels: take format 2, cropped digits"
        )
    labels = y.reshape(-1)
    if len(labels) != x.shape[3]:
        raise DataError(f"{path}: {x.shape[3]} images, but {len(labels)} labels: copy it again")
    strange = np.flatnonzero(~np.isin(labels, range(1, 11)))
    if len(strange):
        raise DataError(f"{path}: image {strange[0] + 1} has label {labels[strange[0]]}, not 1 to 10")
    images = torch.from_numpy(np.ascontiguousarray(x.transpose(3, 2, 0, 1)))
    return images, torch.from_numpy(labels.astype(np.int64) % 10)
