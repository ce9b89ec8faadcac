"""CIFAR-10 and CIFAR-100 as published."""

from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field

from kdtune.data.dataset import Augmentation, Dataset, Split
from kdtune.data.ids import row_ids
from kdtune.data.images.array_images import dataset_of_arrays
from kdtune.data.options import Count, Seed, Share
from kdtune.data.published.cifar_files import CIFAR10, CIFAR100, HOME, CifarFiles, Form, find_files
from kdtune.data.published.downloads import fetch
from kdtune.data.registry import register_dataset
from kdtune.data.split import Sizes


@register_dataset("cifar10")
def load_cifar10(
    *,
    path: str | Path,
    download: bool = False,
    validation: Share = 0.1,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    limit_per_class: Count | None = None,
    crop: Annotated[int, Field(ge=0, le=31)] = 4,
    flip: bool = True,
    seed: Seed = 0,
) -> Dataset:
    """Read CIFAR-10 in its binary or its Python version. Validation is cut from the training images, test is its own.

    The Python version consists of pickles; nothing in them is run.

    Args:
        path: the folder `cifar-10-batches-bin` or `cifar-10-batches-py`, the archive `cifar-10-binary.tar.gz` or
            `cifar-10-python.tar.gz`, or the folder that holds one of them.
        download: download the binary version (170 MB) if neither is there.
        validation: the share of the training images that is validation.
        n_train: use only this many images, stratified.
        n_validation: use only this many images, stratified.
        limit_per_class: use at most this many training images of each class, before validation is cut off.
        crop: padding in pixels for random crops.
        flip: mirror images at random.
        seed: the same seed cuts the same validation.

    Raises:
        DataError: a file is missing, cut short or not of this form; the message names it.
    """
    sizes = Sizes(validation, n_train, n_validation, limit_per_class, seed)
    return _load(CIFAR10, Path(path).expanduser(), sizes, Augmentation(crop, flip), download=download)


@register_dataset("cifar100")
def load_cifar100(
    *,
    path: str | Path,
    download: bool = False,
    validation: Share = 0.1,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    limit_per_class: Count | None = None,
    crop: Annotated[int, Field(ge=0, le=31)] = 4,
    flip: bool = True,
    seed: Seed = 0,
) -> Dataset:
    """Read CIFAR-100 in its binary or its Python version, with its 100 fine classes; errors as `cifar10`.

    Args:
        path: the folder `cifar-100-binary` or `cifar-100-python`, an archive of either, or the folder that holds one.
        download, validation, n_train, n_validation, limit_per_class, crop, flip, seed: as for `cifar10`.
    """
    sizes = Sizes(validation, n_train, n_validation, limit_per_class, seed)
    return _load(CIFAR100, Path(path).expanduser(), sizes, Augmentation(crop, flip), download=download)


def _load(form: Form, root: Path, sizes: Sizes, augmentation: Augmentation, *, download: bool) -> Dataset:
    files = find_files(form, root)
    if download and not files.source.path.exists():
        fetch(f"{HOME}/{form.versions[0].archive}", form.md5, root, extract=True)
        files = find_files(form, root)
    classes = files.classes()
    images, labels = files.train()
    files.require_test()
    return dataset_of_arrays(
        form.name,
        images,
        labels,
        classes,
        sizes=sizes,
        augmentation=augmentation,
        open_test=partial(_open_test, files),
    )


def _open_test(files: CifarFiles) -> Split:
    images, labels = files.test()
    return Split(images, labels, ids=row_ids(range(len(labels)), "test"))
