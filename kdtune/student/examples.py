"""Examples that a student has not seen: read from a file, a folder or a DataFrame, as its training data were."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os.path import exists
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kdtune.data.given import class_names, values_of
from kdtune.data.groups import encode
from kdtune.data.tables.cells import tidy
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.data.tables.targets import Targets
from kdtune.errors import DataError, did_you_mean
from kdtune.order import check_same_order
from kdtune.student.raw_input import features_of, input_kind, inputs_of, table_in_form

LABEL = "label"
"""The label's column where the student does not say another."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples, and what is known of them.

    Attributes:
        take: returns the raw inputs from one position to another: uint8, float32 or int64 (see `inputs_of`).
        names: of the examples: their row in a table (the first after the header is 0), or their file.
        labels: classes, int64 [n]; None if nobody asked for them.
        groups: sensitive attribute -> int64 [n], -1 where it is not known.
        notes: what is unlike the training data, though it can be read.
    """

    take: Callable[[int, int], Tensor]
    names: Sequence[int] | Sequence[str]
    labels: Tensor | None = None
    groups: Mapping[str, Tensor] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Wanted:
    """What is to be read beside the inputs.

    Attributes:
        labels: whether the examples have labels.
        groups: whether they have groups; they need labels.
        label: column of the labels; default: as in training.
        column: column of the texts; default: as in training.
        attributes: tables of the images' sensitive attributes; default: `metadata.csv`, `.jsonl` or
            `.parquet` in the folder.
    """

    labels: bool = True
    groups: bool = True
    label: str | None = None
    column: str | None = None
    attributes: Sequence[str | Path] = ()


def read_examples(source: Any, config: Mapping[str, Any], wanted: Wanted) -> Examples:
    """Read the file, the image folder or the DataFrame of examples.

    Args:
        source: path, or DataFrame.
        config: of the student.
        wanted: what to read.

    Raises:
        DataError: it can't be read, or does not fit what the student was trained on.
    """
    if isinstance(source, str | Path):
        source = Path(source).expanduser()
        if not exists(source):  # unlike Path's, it takes a name that is too long for one that is not there
            raise DataError(f"{source}: there is no such file or folder")
    kind = input_kind(config["preprocessing"], config["input_shape"])
    _check_options(kind, wanted)
    match kind:
        case "image":
            return _of_folder(source, config, wanted)
        case "text":
            return _of_texts(source, config, wanted)
        case _:
            return _of_table(source, config, wanted)


_READS = {
    "image": "images: their folders name the classes",
    "text": "texts",
    "table": "the columns of a table",
}
_OPTIONS = {"label": ("text", "table"), "column": ("text",), "attributes": ("image",)}
"""Options of `Wanted` -> the kinds of students for which they mean something."""


def _check_options(kind: str, wanted: Wanted) -> None:
    """Refuse an option that means nothing for a student of this kind: nobody may think that it was heeded."""
    for option, kinds in _OPTIONS.items():
        if getattr(wanted, option) and kind not in kinds:
            raise DataError(f"{option}: this student reads {_READS[kind]}: leave it out")


def require_any(n: int, prefix: str = "") -> None:
    """Require an example to evaluate."""
    if not n:
        raise DataError(f"{prefix}there is no example to evaluate")


def targets_of(config: Mapping[str, Any]) -> Targets:
    """Return how a table gives labels and groups, as far as the student says it."""
    state = config.get("targets")
    if state is None:
        return Targets.plain(LABEL, config["classes"], config.get("attributes") or {})
    return Targets.from_dict(state, config["classes"])


def _of_table(source: Any, config: Mapping[str, Any], wanted: Wanted) -> Examples:
    preprocessing = config["preprocessing"]
    if preprocessing.get("kind") != "table":
        raise DataError(
            f"this student reads rows of {config['input_shape'][0]} numbers that a program prepared, and does not know "
            "how a file becomes them: give it arrays in Python"
        )
    from kdtune.data.tables.preprocessing import TablePreprocessing

    fitted = TablePreprocessing.from_dict(preprocessing)
    table = table_in_form(source, fitted.form)
    features, notes = features_of(table, fitted)
    examples = _examples(table, lambda start, stop: features[start:stop], targets_of(config), wanted)
    return replace(examples, notes=(*notes, *examples.notes))


def _of_texts(source: Any, config: Mapping[str, Any], wanted: Wanted) -> Examples:
    from kdtune.data.examples.columns import texts_of

    targets = targets_of(config)
    table = table_in_form(source, targets.form.without_marks())
    column = wanted.column or targets.column or "text"
    table.require([column], "text")
    # As in training: "none" may be all that a text says.
    table = table.marked(targets.form.is_missing(), but=column)
    raw = table[column].texts() if isinstance(source, Path) else source[column].tolist()
    texts = texts_of(raw, table.at, column, config["preprocessing"])
    return _examples(table, lambda start, stop: texts.at(np.arange(start, stop)), targets, wanted)


def _examples(
    table: RawTable, take: Callable[[int, int], Tensor], targets: Targets, wanted: Wanted
) -> Examples:
    if wanted.label is not None or not targets.coding.label:
        targets = targets.of_columns(tidy(wanted.label or LABEL), targets.columns)
    if wanted.labels:
        require_any(len(table), table.prefix)
    labels = targets.labels(table) if wanted.labels else None
    groups, notes = _groups(targets, table) if wanted.labels and wanted.groups else ({}, ())
    n = len(table)
    return Examples(lambda start, stop: take(start, min(stop, n)), range(n), labels, groups, notes)


def _groups(targets: Targets, table: RawTable) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the groups that the columns of a table give, and what is unlike those in train."""
    absent = [column for column in targets.columns if column not in table.order]
    if absent:
        raise DataError(
            f"{table.prefix}there is no sensitive column {absent[0]!r}{did_you_mean(absent[0], table.order)}: add it, "
            "or evaluate without groups (--without-groups)"
        )
    return targets.groups(table), tuple(f"{table.prefix}{line}" for line in targets.strange(table))


def _of_folder(source: Any, config: Mapping[str, Any], wanted: Wanted) -> Examples:
    from kdtune.data.images.folder_scan import list_classes
    from kdtune.data.images.images import decode_images
    from kdtune.data.images.pixels import Decoding
    from kdtune.data.images.tree import walk

    if not isinstance(source, Path):
        raise DataError(f"this student reads images: name a folder, not a {type(source).__name__}")
    shape = tuple(config["input_shape"])
    decoding = Decoding.of_student(config["preprocessing"], shape)
    root, labels = source, None
    files: tuple[str, ...] = ()
    groups: dict[str, Tensor] = {}
    notes: tuple[str, ...] = ()
    if source.is_file():
        root, files = source.parent, (source.name,)
        if wanted.labels:
            raise DataError(f"{source}: is a file: give a folder with a folder of images for each class")
    elif wanted.labels:
        listing = list_classes(root, "")
        files = listing.files
        number = {name: k for k, name in enumerate(config["classes"])}
        for name in dict.fromkeys(listing.classes):
            if name not in number:
                raise DataError(
                    f"{root / name}: {name!r} is none of the classes ({', '.join(number)})"
                    f"{did_you_mean(name, number)}; folders of splits are evaluated one by one: {root / 'test'}"
                )
        labels = torch.tensor([number[name] for name in listing.classes])
        if wanted.groups and config.get("attributes"):
            groups, notes = _groups_of_images(root, files, targets_of(config), wanted.attributes)
    else:
        files = tuple(walk(root).images)
        if not files:
            raise DataError(f"{root}: there is no image in it")

    def take(start: int, stop: int) -> Tensor:
        images = decode_images(root, files[start:stop], decoding)
        if tuple(images.shape[1:]) != shape:
            raise DataError(
                f"{root}: its images have {images.shape[3]}x{images.shape[2]} pixels; this student reads "
                f"{shape[2]}x{shape[1]}"
            )
        return images

    return Examples(take, files, labels, groups, notes)


def _groups_of_images(
    root: Path, files: Sequence[str], targets: Targets, attributes: Sequence[str | Path]
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    from kdtune.data.images.attributes import find_metadata, read_attributes

    paths = [Path(path).expanduser() for path in attributes] or find_metadata(root)
    if not paths:
        raise DataError(
            f"{root}: nothing says the images' {', '.join(targets.columns)}: name a table with a column `file` "
            "(--attributes), or evaluate without groups (--without-groups)"
        )
    # Below the folder above, because a table of all splits names `train/cat/1.png` beside `test/cat/1.png`.
    whole = root.resolve()
    inside = [f"{whole.name}/{file}" for file in files]
    return _groups(targets, read_attributes(paths, targets.columns, inside, whole.parent, targets.form))


def labelled(x: Any, y: Any, groups: Mapping[str, Any] | None, config: Mapping[str, Any]) -> Examples:
    """Return examples that a program holds.

    Args:
        x: as for `Student.logits`.
        y: n names of classes; or, where no class is called a number, their positions.
        groups: sensitive attribute, or column of one -> n values; None and NaN for unknown.
        config: of the student.

    Raises:
        DataError: they do not fit together, or the student.
    """
    import pandas as pd

    from kdtune.data.tables.files.frames import table_of_frame

    inputs, notes = inputs_of(x, config["preprocessing"], config["input_shape"])
    given = {LABEL: y, **{f"group of {name}": values for name, values in (groups or {}).items()}}
    check_same_order("examples", {"x": x, **given})
    labels = values_of("y", y)
    listed = {str(name): values_of(f"groups[{name!r}]", values) for name, values in (groups or {}).items()}
    for what, values in zip(given, [labels, *listed.values()], strict=True):
        if len(values) != len(inputs):
            raise DataError(f"x has {len(inputs)} examples, but the {what} has {len(values)}")
    require_any(len(inputs))
    targets = targets_of(config)
    classes = config["classes"]
    form = targets.form.sparing(classes)
    numeric = any(name.lstrip("+-").replace(".", "", 1).isdigit() for name in classes)
    labels = class_names(labels, None if numeric else classes)

    def table(columns: Mapping[str, Sequence[Any]]) -> RawTable:
        series = {name: pd.Series(values, dtype=object) for name, values in columns.items()}
        return table_of_frame(pd.DataFrame(series), form)

    codes = targets.of_columns(LABEL, ()).labels(table({LABEL: labels}))
    found, strange = _named_groups(listed, targets, config.get("attributes") or {}, table)
    return Examples(
        lambda start, stop: inputs[start:stop], range(len(inputs)), codes, found, (*notes, *strange)
    )


def _named_groups(
    groups: Mapping[str, Sequence[Any]],
    targets: Targets,
    attributes: Mapping[str, Sequence[str]],
    table: Callable[[Mapping[str, Sequence[Any]]], RawTable],
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the codes of the attributes that are given, or that columns are given of; and what is unlike train."""
    columns = {name: values for name, values in groups.items() if name in targets.columns}
    of_columns = targets.of_columns(LABEL, list(columns))
    for name in groups:
        if name not in attributes and name not in of_columns.columns:
            raise DataError(
                f"groups: {name!r} is no sensitive attribute of this student{did_you_mean(name, attributes)} "
                f"(attributes: {', '.join(attributes) or 'none'})"
            )
    found, notes = _groups(of_columns, table(columns)) if columns else ({}, ())
    for name in groups.keys() - columns.keys():
        texts = table({name: groups[name]})[tidy(name)].texts()
        found[name], _ = encode(name, texts, attributes[name], is_closed=True)
    return {name: found[name] for name in attributes if name in found}, notes
