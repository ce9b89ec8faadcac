"""CelebA (Liu et al. 2015), aligned and cropped. One attribute is the label, others are sensitive."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from kdtune.data.checks import require_classes
from kdtune.data.dataset import Dataset
from kdtune.data.groups import attribute_names, columns_of, cross_codes, cross_groups, settle_rare
from kdtune.data.images.image_files import ImageFiles, image_dataset
from kdtune.data.images.pixels import Decoding
from kdtune.data.options import Count, Seed
from kdtune.data.published.downloads import missing
from kdtune.data.registry import register_dataset
from kdtune.errors import DataError, did_you_mean
from kdtune.files import read_text

_SPLITS = ("train", "validation", "test")
_IMAGES, _ATTRIBUTES, _PARTITION = "img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"
_SOURCE = "CelebA's (mmlab.ie.cuhk.edu.hk/projects/CelebA.html: aligned and cropped images, Anno, Eval)"


@register_dataset("celeba")
def load_celeba(
    *,
    path: str | Path,
    download: bool = False,
    label: str = "Smiling",
    sensitive: str | Sequence[str] | None = ("Young", "Male"),
    image_size: Annotated[int, Field(ge=8)] = 64,
    balance: Literal["all", "none"] = "all",
    min_group: Count = 10,
    stream: bool = False,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    limit_per_class: Count | None = None,
    crop: Annotated[int, Field(ge=0)] | None = None,
    flip: bool = True,
    seed: Seed = 0,
) -> Dataset:
    """Read CelebA in its published splits, with the classes of each split balanced by undersampling.

    Args:
        path: the folder with `img_align_celeba/*.jpg`, `list_attr_celeba.txt` and `list_eval_partition.txt`; or the
            folder that holds it under the name `celeba`, as torchvision writes it.
        download: let torchvision download it (1.4 GB, from Google Drive) if it is not there.
        label: the attribute to predict; the classes are `not <label>` and `<label>`.
        sensitive: attributes that are the groups, or intersections (`Young*Male`).
        image_size: scale the shorter side to this many pixels and cut out the centre.
        balance: `all`: in each split the larger class is undersampled to the size of the smaller one, in equal shares
            of all groups; `none`: as published.
        min_group: the fewest examples that a group may have in validation, and that a rate may be out of by which a
            search decides.
        stream: keep the decoded images in a file and read them as needed.
        n_train: use only this many images, stratified.
        n_validation: use only this many images, stratified.
        limit_per_class: use at most this many training images of each class, once classes are balanced.
        crop: padding in pixels for random crops; default: 4 up to 64 pixels, a sixteenth of the side above.
        flip: mirror images at random.
        seed: the same seed chooses the same images.

    Raises:
        DataError: a file is missing or cut short, or attributes, splits and images do not match.
    """
    root = _folder(Path(path).expanduser(), download=download)
    names = attribute_names(sensitive)
    columns = columns_of(names)
    files, values = _attributes(root / _ATTRIBUTES, (label, *columns))
    if label in columns:
        raise DataError(f"celeba: {label!r} is both label and sensitive: choose another of the two")
    split = _partition(root / _PARTITION, files)
    _check_images(root, files)
    codes = {column: torch.from_numpy(values[:, 1 + k]) for k, column in enumerate(columns)}
    declared = cross_groups(names, {column: (f"not {column}", column) for column in columns})
    everything = ImageFiles(
        root,
        tuple(f"{_IMAGES}/{file}" for file in files),
        torch.from_numpy(values[:, 0].copy()),
        cross_codes(names, codes, {column: (f"not {column}", column) for column in columns}),
    )
    classes = (f"not {label}", label)
    parts = {
        name: everything.take(torch.from_numpy(np.flatnonzero(split == k))) for k, name in enumerate(_SPLITS)
    }
    for name, part in parts.items():
        require_classes(f"{root}, {name}", classes, **{name: part.labels})
        if balance == "all":
            parts[name] = part.limited(int(torch.bincount(part.labels).min()), seed)
    if limit_per_class is not None:
        parts["train"] = parts["train"].limited(limit_per_class, seed + 3)
    if n_train is not None:
        parts["train"] = parts["train"].cut(n_train, seed + 1, "n_train")[1]
    if n_validation is not None:
        parts["validation"] = parts["validation"].cut(n_validation, seed + 2, "n_validation")[1]
    settle_rare(parts["validation"].groups, declared, share=1.0, min_group=min_group, rare="error")
    return image_dataset(
        "celeba",
        classes,
        declared,
        parts,
        Decoding(image_size, channels=3),
        crop=crop,
        flip=flip,
        stream=stream,
    )


def _folder(root: Path, *, download: bool) -> Path:
    inner = root / "celeba"
    if not (root / _ATTRIBUTES).exists() and not (inner / _ATTRIBUTES).exists() and download:
        import torchvision.datasets

        try:
            torchvision.datasets.CelebA(str(root), download=True)
        except (
            Exception
        ) as error:  # Google Drive refuses in many ways, and its client is a package of its own
            reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
            raise DataError(
                f"cannot download CelebA ({reason[0]}): put {_SOURCE} files into {inner}: {_IMAGES}/*.jpg, "
                f"{_ATTRIBUTES}, {_PARTITION}"
            ) from None
    return inner if (inner / _ATTRIBUTES).exists() else root


def _lines(path: Path) -> list[str]:
    try:
        return read_text(path).splitlines()
    except FileNotFoundError:
        raise missing(path, f"{_SOURCE} {path.name}", download=True) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable ({type(error).__name__}): copy it again") from None


def _attributes(path: Path, columns: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the files, and the columns as 0 and 1, int64 [n, columns].

    The file holds a count, a line of names, then for each image its file and a -1 or 1 for each name.
    """
    lines = _lines(path)
    if len(lines) < 3 or not lines[0].strip().isdecimal():
        raise DataError(f"{path}: does not begin with the number of images and the names: copy it again")
    known = lines[1].split()
    for column in columns:
        if column not in known:
            raise DataError(
                f"celeba: attribute {column!r} is not in {path.name}{did_you_mean(column, known)} "
                f"(known: {', '.join(known)})"
            )
    at = [1 + known.index(column) for column in columns]
    files, values = [], np.empty((len(lines) - 2, len(columns)), dtype=np.int64)
    for row, line in enumerate(lines[2:]):
        cells = line.split()
        if len(cells) != 1 + len(known) or any(cells[k] not in ("-1", "1") for k in at):
            raise DataError(
                f"{path}, line {row + 3}: is not a file and {len(known)} times -1 or 1: the file is cut short or "
                "damaged, copy it again"
            )
        files.append(cells[0])
        values[row] = [cells[k] == "1" for k in at]
    if int(lines[0]) != len(files) or len(set(files)) != len(files):
        raise DataError(
            f"{path}: says {int(lines[0])} images, and holds rows of {len(set(files))}: copy it again"
        )
    return files, values


def _partition(path: Path, files: Sequence[str]) -> NDArray[np.int64]:
    """Return each file's split, 0 to 2. Each line of the table holds a file and its split."""
    splits: dict[str, int] = {}
    for number, line in enumerate(_lines(path), start=1):
        cells = line.split()
        if len(cells) != 2 or cells[1] not in ("0", "1", "2"):
            raise DataError(f"{path}, line {number}: is not a file and 0, 1 or 2: copy it again")
        splits[cells[0]] = int(cells[1])
    _check_same(path, "images have no line in it", set(files) - set(splits))
    _check_same(path, f"images in it have no row in {_ATTRIBUTES}", set(splits) - set(files))
    return np.array([splits[file] for file in files], dtype=np.int64)


def _check_images(root: Path, files: Sequence[str]) -> None:
    folder = root / _IMAGES
    if not folder.is_dir():
        raise missing(folder, f"{_SOURCE} images, unpacked,", download=True)
    there = {item.name for item in folder.iterdir() if item.suffix.lower() == ".jpg"}
    _check_same(folder, f"images of {_ATTRIBUTES} are not there", set(files) - there)
    _check_same(folder, f"images have no row in {_ATTRIBUTES}", there - set(files))


def _check_same(path: Path, what: str, names: set[str]) -> None:
    if names:
        shown = ", ".join(sorted(names)[:3])
        raise DataError(f"{path}: {len(names)} {what} ({shown}): take all files from the same release")
