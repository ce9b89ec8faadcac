"""Data sets in the forms of Hugging Face's `datasets`: Parquet, Arrow, a saved folder, or an object in memory.

On disk they are read with pyarrow alone; the package datasets (the extra `datasets`) is needed for names on the hub.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from kdtune.data.dataset import Dataset
from kdtune.data.examples.assemble import TEST, TRAIN, Cuts, assemble, split_name
from kdtune.data.examples.columns import column_inputs, one_of
from kdtune.data.groups import Rare, attribute_names, columns_of
from kdtune.data.images.pixels import SUFFIXES
from kdtune.data.options import Count, Seed, Share
from kdtune.data.registry import register_dataset
from kdtune.data.tables.files.foreign import SAMPLE_BYTES, foreign_format
from kdtune.data.tables.files.form import Form
from kdtune.data.tables.files.frames import table_of_frame
from kdtune.data.tables.files.parquet import MAGIC
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.errors import DataError, did_you_mean
from kdtune.files import open_regular

_SUFFIXES = (".parquet", ".arrow")
_OTHER_FILES = (".csv", ".tsv", ".json", ".jsonl", ".txt", ".zip", ".gz", ".tar")
_HUB_NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,95}(/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)
_ARROW_FILE = b"ARROW1"
_BESIDE = (
    "dataset_info.json",
    "dataset_dict.json",
    "dataset_infos.json",
    "state.json",
    "README.md",
    "LICENSE",
)


@dataclass(frozen=True)
class _Part:
    """A table of one split.

    Attributes:
        split: its name, or None where nothing says it.
        table: a pyarrow.Table.
        source: name for messages.
    """

    split: str | None
    table: Any
    source: str

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return the names of a `ClassLabel`, which `datasets` writes beside the schema; None where there are none."""
        try:
            features = json.loads((self.table.schema.metadata or {})[b"huggingface"])["info"]["features"]
            names = features[column]["names"]
        except (KeyError, TypeError, ValueError, RecursionError):
            return None
        good = isinstance(names, list) and len(names) > 1 and all(isinstance(name, str) for name in names)
        return tuple(names) if good and len(set(names)) == len(names) else None


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
    length: Annotated[int, Field(ge=2, le=8192)] = 128,
    vocabulary: Annotated[int, Field(ge=100)] = 30522,
    image_size: Annotated[int, Field(ge=4)] | None = None,
    channels: Literal[1, 3] = 3,
    crop: Annotated[int, Field(ge=0)] | None = None,
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
    parts, notes = _parts(path, config)
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
        _of_object(data), "from_hf", text=text, image=image, root=Path(), inputs=inputs, cuts=cuts
    )


def _of_parts(
    parts: Sequence[_Part],
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
    named = {name: _class_names(parts, name) for name in wanted}
    tables, values, splits = [], [], []
    for part in parts:
        cells = {name: _named(part, name, named[name]) for name in wanted}
        frame = pd.DataFrame(cells, dtype=object)
        tables.append(replace(table_of_frame(frame, Form()), path=part.source))
        values += part.table[column].to_pylist()
        splits += [part.split] * part.table.num_rows
    if not values:
        raise DataError(f"{source}: there is no example in it")
    table = RawTable.joined(tables, Form().is_missing())
    return assemble(
        "hf",
        source,
        table,
        column_inputs(values, table.at, text=text, image=image, root=root, options=inputs),
        cuts,
        parts=splits if any(split is not None for split in splits) else None,
        classes=named[cuts.label],
        notes=notes,
        input_column=column,
    )


def _named(part: _Part, column: str, names: Sequence[str] | None) -> list[Any]:
    """Return a part's column with the names of its own `ClassLabel` instead of their numbers.

    Args:
        names: those that the column has in all parts; None where it has none.
    """
    values: list[Any] = part.table[column].to_pylist()
    own = part.class_names(column)
    if own is None or names is None:
        return values
    found: list[Any] = []
    for row, code in enumerate(values):
        if code is None or code == -1:  # how `datasets` marks a label that is not known
            found.append(None)
        elif isinstance(code, int) and 0 <= code < len(own):
            found.append(own[code])
        else:
            raise DataError(
                f"{part.source}, row {row + 1}: {column!r} is {code!r}, and its ClassLabel has {len(own)} names"
            )
    return found


def _class_names(parts: Sequence[_Part], column: str) -> tuple[str, ...] | None:
    """Return the names of a `ClassLabel`, in the order of the first training part that has one; None without any.

    Each part is read by its own names, because the same number may stand for different names in two files.

    Raises:
        DataError: parts have different names, or one has numbers and no names.
    """
    by_split = sorted(parts, key=lambda part: part.split not in (None, TRAIN))
    first = next((part for part in by_split if part.class_names(column) is not None), None)
    if first is None:
        return None
    names = first.class_names(column)
    assert names is not None
    for part in parts:
        own = part.class_names(column)
        if own is None and not set(part.table[column].unique().to_pylist()) - {None} <= set(names):
            raise DataError(
                f"{part.source}: {column!r} has no ClassLabel, and that of {first.source} has one "
                f"({', '.join(names)}), so it is not known which class its values are: write both with the same "
                "features"
            )
        if own is not None and set(own) != set(names):
            raise DataError(
                f"{part.source}: the ClassLabel of {column!r} has the names {', '.join(own)}, and that of "
                f"{first.source} {', '.join(names)}: write both with the same features"
            )
    return names


def _parts(path: str | Path, config: str | None) -> tuple[list[_Part], list[str]]:
    """Return the tables, and notes on files: how many of each split were read, and what was left out."""
    root = Path(path).expanduser()
    if root.is_file():
        return [_Part(None, _read(root), str(root))], []
    if not root.is_dir():
        if not _may_be_on_the_hub(str(path)):
            raise DataError(
                f"{path}: there is no such file or folder{_near(root)}; a name on the hub is NAME or OWNER/NAME"
            )
        return _of_hub(str(path), config), []
    found = sorted(file for file in root.rglob("*") if file.is_file() and not _is_beside(file, root))
    files = [file for file in found if file.suffix.lower() in _SUFFIXES]
    if not files:
        raise DataError(f"{path}: there is no .parquet and no .arrow file in it")
    parts = [_Part(_split_of(file, root), _read(file), str(file)) for file in files]
    named = [part for part in parts if part.split is not None]
    if named and len(named) < len(parts):
        other = next(part.source for part in parts if part.split is None)
        raise DataError(
            f"{path}: {named[0].source} is {named[0].split}, but nothing says what {other} is: name folders or files "
            "train, validation and test"
        )
    notes = []
    counted = Counter(part.split for part in parts)
    if any(n > 1 for n in counted.values()):
        notes.append("files: " + ", ".join(f"{n} of {split or 'no split'}" for split, n in counted.items()))
    known = {*_SUFFIXES, *SUFFIXES}  # images, because a column may hold their paths
    others = Counter(file.suffix.lower() or file.name for file in found if file.suffix.lower() not in known)
    if others:
        notes.append("left out: " + ", ".join(f"{n} {kind}" for kind, n in sorted(others.items())))
    return parts, notes


def _may_be_on_the_hub(path: str) -> bool:
    """Tell whether a path that leads to nothing may be a name on the hub: asking there takes long."""
    folder, _, name = path.rpartition("/")
    return (
        _HUB_NAME.fullmatch(path) is not None
        and ".." not in path
        and Path(name).suffix.lower() not in (*_SUFFIXES, *_OTHER_FILES)
        and not (folder and Path(folder).exists())
    )


def _near(path: Path) -> str:
    try:
        return did_you_mean(path.name, os.listdir(path.parent))
    except OSError:
        return ""


def _is_beside(file: Path, root: Path) -> bool:
    """Tell whether a file is hidden, or one of those that `datasets` and its hub write beside the data."""
    names = file.relative_to(root).parts
    return (
        any(name.startswith(".") for name in names) or file.name in _BESIDE or file.name.startswith("cache-")
    )


def _split_of(file: Path, root: Path) -> str | None:
    """Return the split that a file, or the nearest folder above it, is named after."""
    inside = file.relative_to(root)
    for name in (inside.stem, *reversed(inside.parts[:-1])):
        if (split := split_name(re.split(r"[-_.\d]", name)[0])) is not None:
            return split
    return None


def _read(file: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    head = sample = b""
    try:
        with open_regular(file) as stream:
            sample = stream.read(SAMPLE_BYTES)
            head = sample[: len(_ARROW_FILE)]
            stream.seek(0)
            if head.startswith(MAGIC):
                table = pq.ParquetFile(stream).read()
            elif head == _ARROW_FILE:
                table = pa.ipc.open_file(stream).read_all()
            else:
                table = pa.ipc.open_stream(stream).read_all()
        table.validate(full=True)  # otherwise a wrong offset is met where a value is used, or never
        return table
    except Exception as error:  # a damaged file makes pyarrow stumble in every way, and at every step
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if not head.startswith((MAGIC, _ARROW_FILE)) and b"\0" not in sample:
            reason = (
                f"it is {foreign_format(sample) or 'text: the data sets `table` and `text` read CSV and TSV'}"
            )
        raise DataError(f"{file}: cannot be read as Parquet or Arrow: {reason}") from None


def _of_hub(name: str, config: str | None) -> list[_Part]:
    try:
        import datasets
    except ImportError:
        raise DataError(
            f"hf: {name!r} is no file and no folder; for a name on the hub, pip install 'kdtune[datasets]'"
        ) from None
    try:
        found = datasets.load_dataset(name, config)
    except Exception as error:  # what a hub and a download raise
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(
            f"hf: {name!r} is no file and no folder, and can't be had from the hub or its cache ({reason[0]}); where "
            "the hub can't be reached, bring $HF_HOME along, or save it: load_dataset(…).save_to_disk(FOLDER)"
        ) from None
    return _of_object(found)


def _of_object(data: Any) -> list[_Part]:
    """Return the tables of a `Dataset`, a `DatasetDict` or a pyarrow table."""
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return [_Part(None, data, "the table")]
    if isinstance(data, Mapping):
        parts = []
        for key, item in data.items():
            split = split_name(str(key))
            if split is None:
                raise DataError(
                    f"from_hf: the split {key!r} is none of train, validation and {TEST}: leave it out"
                )
            parts += [_Part(split, part.table, f"split {key!r}") for part in _of_object(item)]
        return parts
    if hasattr(data, "with_format") and hasattr(data, "features"):
        table = data.with_format("arrow")[:]
        metadata = json.dumps({"info": {"features": data.features.to_dict()}})
        return [_Part(None, table.replace_schema_metadata({"huggingface": metadata}), "the data set")]
    raise DataError(
        f"from_hf: a {type(data).__name__} is no datasets.Dataset, no DatasetDict, no pyarrow.Table and no path"
    )
