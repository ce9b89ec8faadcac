"""Any image folder: `<split>/<class>/*.png|jpg`, or class folders cut by seed; attributes from a CSV."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from kdtune.data.checks import require_classes
from kdtune.data.dataset import Dataset
from kdtune.data.groups import (
    Rare,
    attribute_names,
    columns_of,
    cross_codes,
    cross_groups,
    encode,
    settle_rare,
)
from kdtune.data.images.folder_scan import read_attributes, scan
from kdtune.data.images.image_files import ImageFiles, image_dataset
from kdtune.data.registry import register_dataset
from kdtune.errors import DataError

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


@register_dataset("folder")
def load_folder(
    *,
    path: str | Path,
    image_size: Annotated[int, Field(ge=4)] | None = None,
    channels: Literal[1, 3] = 3,
    sensitive: str | Sequence[str] | None = None,
    attributes: str | Path | None = None,
    groups: Mapping[str, Sequence[str | int]] | None = None,
    min_group: Count = 10,
    rare: Rare = "error",
    validation: Share = 0.15,
    test: Share = 0.15,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    limit_per_class: Count | None = None,
    crop: Annotated[int, Field(ge=0)] | None = None,
    flip: bool = True,
    stream: bool = False,
    seed: int = 0,
) -> Dataset:
    """Read an image folder; train and validation are decoded at once, test when it is opened.

    Where there is no folder for validation, it is cut from train, stratified by class and groups. Classes are
    the folders' names, sorted.

    Args:
        path: a folder with `train` and `test` (and `validation`, or `val`), each with a folder a class; or
            with class folders alone, which are cut by seed.
        image_size: scale the shorter side to so many pixels and cut out the centre; default: leave as it is.
        channels: 3 for colour, 1 for grey.
        sensitive: columns of `attributes`, or intersections (`sex*race`), that are the groups.
        attributes: a CSV with a column `file` (path relative to the folder, or bare name) and the attributes.
        groups: column -> all its groups, in order; otherwise those that occur, sorted.
        min_group: the fewest examples that a group may have in validation.
        rare: what becomes of smaller groups, and of values that are no declared group: `error`, `missing`
            (they belong to no group), or `other` (they are merged).
        validation: the share of train that is validation, where it has no folder.
        test: the share that is the test split, where there are class folders alone.
        n_train: take so many images only, stratified.
        n_validation: take so many images only, stratified.
        limit_per_class: take at most so many images of each class, before validation is cut off.
        crop: padding in pixels for random crops; default: 4 up to 64 pixels, a sixteenth of the side above.
        flip: mirror images at random.
        stream: keep the decoded images in a file and read them as they are needed, for more than fit into memory.
        seed: the same seed cuts the same splits.

    Raises:
        DataError: the folder or an image cannot be used; the message names it and the remedy.
    """
    root = Path(path).expanduser()
    names = attribute_names(sensitive)
    columns = columns_of(names)
    if columns and attributes is None:
        raise DataError(
            f"sensitive: {', '.join(columns)} must come from a CSV: give its path as `attributes`"
        )
    for column in groups or {}:
        if column not in columns:
            raise DataError(f"'groups' names {column!r}, which is not among the sensitive columns")

    listings = scan(root)
    classes = tuple(sorted(set(listings["all" if "all" in listings else "train"].classes)))
    files = [file for listing in listings.values() for file in listing.files]
    labels = torch.tensor([classes.index(name) for listing in listings.values() for name in listing.classes])
    values = read_attributes(attributes, columns, files) if attributes is not None and columns else {}
    codes, declared = {}, {}
    for column in columns:
        wanted = None if groups is None or column not in groups else [str(group) for group in groups[column]]
        codes[column], declared[column] = encode(column, values[column], wanted, undeclared=rare)
    everything = ImageFiles(root, tuple(files), labels, cross_codes(names, codes, declared))

    parts, start = {}, 0
    for split, listing in listings.items():
        stop = start + len(listing.files)
        parts[split], start = everything.take(torch.arange(start, stop)), stop
    if "all" in parts:
        parts["train"], parts["test"] = parts.pop("all").cut(test, seed + 1, "test")
    if limit_per_class is not None:
        parts["train"] = parts["train"].limited(limit_per_class, seed)
    settled, tables = _settle(
        parts, cross_groups(names, declared), n_validation or validation, min_group, rare
    )
    parts = {
        split: ImageFiles(
            root, part.files, part.labels, {name: tables[name][part.groups[name]] for name in names}
        )
        for split, part in parts.items()
    }
    if "validation" not in parts:
        parts["train"], parts["validation"] = parts["train"].cut(
            n_validation or validation, seed + 2, "n_validation"
        )
    elif n_validation is not None:
        parts["validation"] = parts["validation"].cut(n_validation, seed + 2, "n_validation")[1]
    if n_train is not None:
        parts["train"] = parts["train"].cut(n_train, seed + 3, "n_train")[1]
    require_classes(str(root), classes, train=parts["train"].labels, validation=parts["validation"].labels)

    return image_dataset(
        "folder",
        classes,
        settled,
        parts,
        image_size=image_size,
        channels=channels,
        crop=crop,
        flip=flip,
        stream=stream,
    )


def _settle(
    parts: Mapping[str, ImageFiles],
    groups: Mapping[str, tuple[str, ...]],
    size: float | int,
    min_group: int,
    rare: Rare,
) -> tuple[dict[str, tuple[str, ...]], dict[str, Tensor]]:
    """Settle groups that are too small, by their number in validation, or in what it will be cut from."""
    source = parts.get("validation", parts["train"])
    n = len(source.files)
    share = size if isinstance(size, float) else min(1.0, size / n)
    if "validation" in parts and isinstance(size, float):
        share = 1.0
    return settle_rare(source.groups, groups, share=share, min_group=min_group, rare=rare)
