"""The data set `hf`, and the same of an object in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from kdtune.data.dataset import Dataset
from kdtune.data.examples.arrow.class_labels import class_names, named_values
from kdtune.data.examples.arrow.objects import of_object
from kdtune.data.examples.arrow.part import Part
from kdtune.data.examples.arrow.places import parts_at
from kdtune.data.examples.assemble import Cuts, assemble
from kdtune.data.examples.columns import column_inputs, one_of
from kdtune.data.groups import Rare, attribute_names, columns_of
from kdtune.data.options import Count, Crop, ImageSize, Length, Seed, Share, Vocabulary
from kdtune.data.registry import register_dataset
from kdtune.data.tables.files.form import OF_PROGRAMS
from kdtune.data.tables.files.frames import table_of_frame
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.errors import DataError, did_you_mean
from kdtune.torch_defaults import torch_defaults


@register_dataset("hf")
def load_hf(
    *,
    path: str | Path,
    label: str,
    text: str | None = None,
    image: str | None = None,
    config: str | None = None,
    positive: str | int | bool | None = None,
    sensitive: str | Sequence[str] | None = None,
    groups: Mapping[str, Sequence[str | int]] | None = None,
    bins: Mapping[str, Sequence[int | float]] | None = None,
    min_group: Count = 10,
    rare: Rare = "error",
    tokenizer: str | Path | None = None,
    length: Length = 128,
    vocabulary: Vocabulary = 30522,
    image_size: ImageSize | None = None,
    channels: Literal[1, 3] = 3,
    crop: Crop | None = None,
    flip: bool = True,
    test: Share = 0.2,
    validation: Share = 0.2,
    n_train: Count | None = None,
    n_validation: Count | None = None,
    limit_per_class: Count | None = None,
    seed: Seed = 0,
) -> Dataset:
    """Read a data set with a column of images or of texts, as the library `datasets` writes it.

    Splits are those that folders or files are named after (`train-00000-of-00001.parquet`); what is missing is cut by
    seed, stratified by class and groups. Classes are those of the column's `ClassLabel`, or what occurs, sorted.

    Args:
        path: a .parquet or .arrow file, a folder of them, a folder of `save_to_disk`, or a name on the hub.
        label: the column with the class.
        text: the column of the texts.
        image: the column of the images, encoded (PNG, JPEG, …), as records of bytes and path, or as paths.
        config: of a name on the hub that has several.
        positive, sensitive, groups, bins, min_group, rare: as for `table`.
        tokenizer, length, vocabulary: of texts, as for `text`.
        image_size, channels, crop, flip: of images, as for `folder`.
        test, validation: the shares that are cut where there is no such split.
        n_train, n_validation, limit_per_class, seed: as for `table`.

    Raises:
        DataError: a file, column, image, label or group can't be used; the message names it and the remedy.
    """
    parts, notes = parts_at(path, config)
    root = Path(path).expanduser()
    return _of_parts(
        parts,
        str(path),
        text=text,
        image=image,
        root=root if root.is_dir() else root.parent,
        notes=notes,
        inputs={
            "tokenizer": tokenizer,
            "length": length,
            "vocabulary": vocabulary,
            "image_size": image_size,
            "channels": channels,
            "crop": crop,
            "flip": flip,
        },
        cuts=Cuts(
            label,
            positive=positive,
            sensitive=sensitive,
            groups=groups or {},
            bins=bins or {},
            min_group=min_group,
            rare=rare,
            test=test,
            validation=validation,
            n_train=n_train,
            n_validation=n_validation,
            limit_per_class=limit_per_class,
            seed=seed,
        ),
    )


@torch_defaults()
def from_hf(
    data: Any,
    label: str,
    *,
    text: str | None = None,
    image: str | None = None,
    sensitive: str | Sequence[str] | None = None,
    **options: Any,
) -> Dataset:
    """Return a data set of a `datasets.Dataset` or `DatasetDict`, of a pyarrow table, or of what lies at a path.

    Args:
        data: the object, or a path as for the data set `hf`.
        label: the column with the class.
        text, image: the column of the inputs, one of the two.
        sensitive: columns, or intersections (`sex*race`), that are the groups.
        options: as for the data set `hf`.

    Raises:
        DataError: something can't be used; the message names it and the remedy.
    """
    from kdtune.data.examples.frames import cut_options
    from kdtune.data.registry import load

    if isinstance(data, str | Path):
        return load("hf", path=str(data), label=label, text=text, image=image, sensitive=sensitive, **options)
    inputs, cuts = cut_options("from_hf", label, sensitive, options)
    return _of_parts(
        of_object(data), "from_hf", text=text, image=image, root=Path(), inputs=inputs, cuts=cuts
    )


def _of_parts(
    parts: Sequence[Part],
    source: str,
    *,
    text: str | None,
    image: str | None,
    root: Path,
    inputs: Mapping[str, Any],
    cuts: Cuts,
    notes: Sequence[str] = (),
) -> Dataset:
    import pandas as pd

    column = one_of(source, text, image)
    wanted = list(dict.fromkeys([cuts.label, *columns_of(attribute_names(cuts.sensitive))]))
    for part in parts:
        known = part.table.column_names
        for name, key in (
            (column, "text" if text else "image"),
            *((name, "label or sensitive") for name in wanted),
        ):
            if name not in known:
                raise DataError(
                    f"{part.source}: there is no column {name!r}, named by {key!r}{did_you_mean(name, known)} "
                    f"(columns: {', '.join(known)})"
                )
    named = {name: class_names(parts, name) for name in wanted}
    tables, values, splits = [], [], []
    for part in parts:
        cells = {name: named_values(part, name, named[name]) for name in wanted}
        frame = pd.DataFrame(cells, dtype=object)
        tables.append(replace(table_of_frame(frame, OF_PROGRAMS), path=part.source))
        values += part.table[column].to_pylist()
        splits += [part.split] * part.table.num_rows
    if not values:
        raise DataError(f"{source}: there is no example in it")
    table = RawTable.joined(tables, OF_PROGRAMS.is_missing())
    return assemble(
        "hf",
        source,
        table,
        column_inputs(source, values, table.at, text=text, image=image, root=root, options=inputs),
        cuts,
        parts=splits if any(split is not None for split in splits) else None,
        classes=named[cuts.label],
        notes=notes,
        input_column=column,
    )
