"""Any image folder: `<split>/<class>/…`, or class folders cut by seed; sensitive attributes from a table."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from kdtune.data.checks import require_classes
from kdtune.data.dataset import Dataset
from kdtune.data.groups import Rare, attribute_names, columns_of, cross_groups, settle_rare
from kdtune.data.images.attributes import ImageTable, find_metadata, read_attributes
from kdtune.data.images.folder_scan import Splits, scan
from kdtune.data.images.image_files import ImageFiles, image_dataset
from kdtune.data.images.pixels import Decoding
from kdtune.data.options import Count, Crop, ImageSize, Seed, Share, Written
from kdtune.data.registry import register_dataset
from kdtune.data.tables.cells import MISSING_MARKERS
from kdtune.data.tables.coding import Coding, declared_groups, edges_of
from kdtune.data.tables.files.form import DecimalSign, Form, Header
from kdtune.data.tables.files.reading import check_form
from kdtune.data.tables.targets import Targets
from kdtune.errors import DataError, did_you_mean
from kdtune.text import counted


@register_dataset("folder")
def load_folder(
    *,
    path: str | Path,
    splits: Splits = "auto",
    image_size: ImageSize | None = None,
    channels: Literal[1, 3] = 3,
    value_range: Annotated[Sequence[int | float], Field(min_length=2, max_length=2)] | None = None,
    sensitive: str | Sequence[str] | None = None,
    attributes: str | Path | Sequence[str | Path] | None = None,
    separator: str | None = None,
    encoding: str = "utf-8",
    decimal: DecimalSign = ".",
    header: Header = "first",
    columns: Sequence[Written] | None = None,
    comment: str | None = None,
    missing: Sequence[Written] = MISSING_MARKERS,
    groups: Mapping[str, Sequence[Written]] | None = None,
    bins: Mapping[str, Sequence[int | float]] | None = None,
    min_group: Count = 10,
    rare: Rare = "error",
    validation: Share = 0.15,
    test: Share = 0.15,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    limit_per_class: Count | None = None,
    crop: Crop | None = None,
    flip: bool = True,
    stream: bool = False,
    seed: Seed = 0,
) -> Dataset:
    """Read an image folder; train and validation are decoded at once, test when it is opened.

    Where there is no folder for validation, it is cut from train, stratified by class and groups. Classes are
    the folders' names, sorted; images may lie in folders below them. See docs/datasets.md for the
    files that are read, and for how images become pixels.

    Args:
        path: a folder with `train` and `test` (and `validation`), each with a folder for each class; or
            with class folders alone, which are cut by seed.
        splits: `auto`: a folder is a split if it is called like one and holds class folders; `none`: all folders
            are classes, whatever their names.
        image_size: scale the shorter side to this many pixels and cut out the centre; default: keep the size.
        channels: 3 for colour, 1 for grey.
        value_range: the values that are black and white in images with more than 8 bits; values outside are clipped.
            Default: 0 and 65535 for 16 bits, 0 and 1 for floating-point numbers; other values are refused.
        sensitive: columns of `attributes`, or intersections (`sex*race`), that are the groups.
        attributes: a table, or several, with the attributes and a column `file` (or `file_name`): the image's path, or
            as much of its end as is unambiguous. Default: Hugging Face's `metadata.csv`, `.jsonl` or `.parquet` in
            the folder or its splits.
        separator, encoding, decimal, header, columns, comment, missing: how that table is written, as for `table`.
        groups: column -> all its groups, in order; otherwise those that occur, sorted.
        bins: numeric column -> ascending edges: `[25, 45]` makes `<25`, `25-45`, `>=45`; an edge belongs to the bin
            above it.
        min_group: the fewest examples that a group may have in validation, and that a rate may be out of by which a
            search decides.
        rare: what happens to smaller groups, and to values that are no declared group: `error`, `missing`
            (they belong to no group), or `other` (they are merged).
        validation: the share of train that is validation, where it has no folder.
        test: the share that is the test split, where there are class folders alone.
        n_train: use only this many images, stratified.
        n_validation: use only this many images, stratified.
        limit_per_class: use at most this many images of each class, before validation is cut off.
        crop: padding in pixels for random crops; default: 4 up to 64 pixels, a sixteenth of the side above.
        flip: mirror images at random.
        stream: keep decoded images in a file and read them as needed: for more images than fit into memory.
        seed: the same seed cuts the same splits.

    Raises:
        DataError: the folder or an image cannot be used; the message names it and the remedy.
    """
    root = Path(path).expanduser()
    names = attribute_names(sensitive)
    sensitive_columns = columns_of(names)
    for key, option in {"groups": groups, "bins": bins}.items():
        for column in option or {}:
            if column not in sensitive_columns:
                near = did_you_mean(column, sensitive_columns)
                raise DataError(f"{key!r} names {column!r}, which is not among the sensitive columns{near}")
    edges = edges_of(bins or {})
    form = Form.checked(
        separator=separator,
        encoding=encoding,
        decimal=decimal,
        header=header,
        columns=columns,
        comment=comment,
        missing=missing,
    )
    decoding = Decoding(image_size, channels, _black_and_white(value_range))

    listings, notes = scan(root, splits)
    classes = tuple(sorted(set(listings["all" if "all" in listings else "train"].classes)))
    files = [file for listing in listings.values() for file in listing.files]
    number = {name: k for k, name in enumerate(classes)}
    labels = torch.tensor([number[name] for listing in listings.values() for name in listing.classes])
    codes: dict[str, Tensor] = {}
    declared: dict[str, tuple[str, ...]] = {}
    coding = Coding("", (), (), {}, edges, rare, decimal)
    if sensitive_columns:
        table, told = _read_table(root, attributes, sensitive_columns, files, form)
        listed = {
            column: declared_groups(table, column, values, decimal)
            for column, values in (groups or {}).items()
        }
        coding = Coding("", (), names, listed, edges, rare, decimal)
        codes, declared = coding.encode_groups(table)
        notes += told
    everything = ImageFiles(root, tuple(files), labels, codes)

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
        decoding,
        crop=crop,
        flip=flip,
        stream=stream,
        notes=notes,
        targets=Targets.of(coding, declared, tables, form),
    )


def _black_and_white(value_range: Sequence[int | float] | None) -> tuple[float, float] | None:
    if value_range is None:
        return None
    black, white = map(float, value_range)
    if not (math.isfinite(black) and math.isfinite(white)) or black == white:
        raise DataError(
            f"'value_range' must be two different numbers, black and white, not {list(value_range)}"
        )
    return black, white


def _read_table(
    root: Path,
    attributes: str | Path | Sequence[str | Path] | None,
    columns: Sequence[str],
    files: Sequence[str],
    form: Form,
) -> tuple[ImageTable, tuple[str, ...]]:
    """Return the sensitive columns of each image, and notes on the tables."""
    if attributes is None:
        paths = find_metadata(root)
    else:
        given = [attributes] if isinstance(attributes, str | Path) else attributes
        paths = [Path(item).expanduser() for item in given]
    if not paths:
        raise DataError(
            f"sensitive: {', '.join(columns)} must come from a CSV: give its path as `attributes`"
        )
    check_form(form, paths)
    table = read_attributes(paths, columns, files, root, form)
    told = [] if attributes is not None else [f"attributes from {table.path}"]
    if table.unused:
        told.append(f"attributes: there is no image in the folder for {counted(table.unused, 'row')}")
    return table, tuple(told)


def _settle(
    parts: Mapping[str, ImageFiles],
    groups: Mapping[str, tuple[str, ...]],
    size: float | int,
    min_group: int,
    rare: Rare,
) -> tuple[dict[str, tuple[str, ...]], dict[str, Tensor]]:
    """Settle groups that are too small, by their size in validation or in the images that it will be cut from."""
    source = parts.get("validation", parts["train"])
    n = len(source.files)
    share = size if isinstance(size, float) else min(1.0, size / n)
    if "validation" in parts and isinstance(size, float):
        share = 1.0
    return settle_rare(source.groups, groups, share=share, min_group=min_group, rare=rare)
