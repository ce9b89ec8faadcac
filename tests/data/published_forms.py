"""Files of the paper's data sets in their published form, tiny, each with the loader that reads it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kdtune.data import load
from tests.data.published import test_celeba, test_cifar, test_hatexplain, test_imagenet, test_svhn


def _cifar(name: str) -> Callable[[Path], Path]:
    return lambda folder: test_cifar.write(folder, name)


def _hatexplain(folder: Path) -> Path:
    return Path(test_hatexplain.write(folder / "hatexplain", *test_hatexplain.content()))


_SMALL: dict[str, dict[str, Any]] = {
    "cifar10": {"validation": 0.25},
    "cifar100": {"validation": 0.25},
    "svhn": {"validation": 0.25},
    "celeba": {"image_size": 16, "min_group": 1},
    "imagenet": {"image_size": 32, "validation": 0.25, "stream": False},
    "tinyimagenet": {"validation": 0.25},
    "hatexplain": {"length": 8, "vocabulary": 500, "min_group": 1},
}
_WRITE: dict[str, Callable[[Path], Path]] = {
    "cifar10": _cifar("cifar10"),
    "cifar100": _cifar("cifar100"),
    "svhn": test_svhn.write,
    "celeba": lambda folder: test_celeba.write(folder / "celeba"),
    "imagenet": lambda folder: test_imagenet.write(folder / "imagenet"),
    "tinyimagenet": lambda folder: test_imagenet.write_tiny(folder / "tiny-imagenet-200"),
    "hatexplain": _hatexplain,
}
FILES = {
    "CIFAR-10's images": ("cifar10", "data_batch_2.bin"),
    "CIFAR-100's class names": ("cifar100", "fine_label_names.txt"),
    "SVHN's MATLAB file": ("svhn", "train_32x32.mat"),
    "CelebA's attributes": ("celeba", "list_attr_celeba.txt"),
    "CelebA's partition": ("celeba", "list_eval_partition.txt"),
    "a picture of CelebA": ("celeba", "img_align_celeba/000003.jpg"),
    "a picture of ImageNet": ("imagenet", "train/n01440764/n01440764_3.JPEG"),
    "Tiny ImageNet's annotations": ("tinyimagenet", "val/val_annotations.txt"),
    "HateXplain's dataset.json": ("hatexplain", "dataset.json"),
    "HateXplain's post_id_divisions.json": ("hatexplain", "post_id_divisions.json"),
}
"""By what it is: the data set, and the file in its folder."""


def make(what: str) -> Callable[[Path], Path]:
    """Return what writes a file, and those beside it, into an empty folder, and returns its path there."""
    name, file = FILES[what]
    return lambda folder: _WRITE[name](folder) / file


def read(what: str) -> Callable[[Path], object]:
    """Return what loads the data set of a file, its test split too."""
    name, file = FILES[what]

    def open_all(path: Path) -> object:
        root = path.parents[len(Path(file).parts) - 1]
        return load(name, path=str(root), **_SMALL[name]).open_test()

    return open_all
