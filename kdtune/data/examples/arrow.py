"""Data sets in the forms of Hugging Face's `datasets`: Parquet, Arrow, a saved folder, or an object in memory.

On disk they are read with pyarrow alone; the package datasets (the extra `datasets`) is needed for names on the hub.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from kdtune.data.dataset import Dataset
from kdtune.data.examples.assemble import TEST, Cuts, assemble, split_name
from kdtune.data.examples.columns import column_inputs, one_of
from kdtune.data.groups import Rare, attribute_names, columns_of
from kdtune.data.options import Count, Share
from kdtune.data.registry import register_dataset
from kdtune.data.tables.files.form import Form
from kdtune.data.tables.files.frames import table_of_frame
from kdtune.data.tables.files.parquet import MAGIC
from kdtune.errors import DataError, did_you_mean
from kdtune.files import open_regular

_SUFFIXES = (".parquet", ".arrow")
_ARROW_FILE = b"ARROW1"


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
    seed: int = 0,
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
    parts = _parts(path, config)
    root = Path(path).expanduser()
    return _of_parts(
        parts,
        str(path),
        text=text,
        image=image,
        root=root if root.is_dir() else root.parent,
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
) -> Dataset:
    import pandas as pd

    column = one_of(source, text, image)
    wanted = list(dict.fromkeys([cuts.label, *columns_of(attribute_names(cuts.sensitive))]))
    frames, values, splits = [], [], []
    for part in parts:
        for name, key in (
            (column, "text" if text else "image"),
            *((name, "label or sensitive") for name in wanted),
        ):
            if name not in part.table.column_names:
                raise DataError(
                    f"{part.source}: there is no column {name!r}, named by {key!r}"
                    f"{did_you_mean(name, part.table.column_names)} (columns: {', '.join(part.table.column_names)})"
                )
        frames.append(pd.DataFrame({name: part.table[name].to_pylist() for name in wanted}, dtype=object))
        values += part.table[column].to_pylist()
        splits += [part.split] * part.table.num_rows
    frame = pd.concat(frames, ignore_index=True)
    classes = None
    for name in wanted:
        names = _class_names(parts[0].table, name)
        if names is None:
            continue
        frame[name] = _named(source, frame[name].tolist(), names, name)
        if name == cuts.label:
            classes = names
    if not len(frame):
        raise DataError(f"{source}: there is no example in it")
    table = table_of_frame(frame, Form())

    def at(row: int) -> str:
        return f"{source}, example {row + 1}"

    known = any(split is not None for split in splits)
    return assemble(
        "hf",
        source,
        table,
        column_inputs(values, at, text=text, image=image, root=root, options=inputs),
        cuts,
        parts=splits if known else None,
        classes=classes,
        input_column=column,
    )


def _named(source: str, codes: Sequence[Any], names: Sequence[str], column: str) -> list[Any]:
    named: list[Any] = []
    for row, code in enumerate(codes):
        if code is None or code == -1:  # how `datasets` marks a label that is not known
            named.append(None)
        elif isinstance(code, int) and 0 <= code < len(names):
            named.append(names[code])
        else:
            raise DataError(
                f"{source}, example {row + 1}: {column!r} is {code!r}, and its ClassLabel has {len(names)} names"
            )
    return named


def _class_names(table: Any, column: str) -> tuple[str, ...] | None:
    """Return the names of a `ClassLabel`, which `datasets` writes beside the schema; None where there are none."""
    try:
        features = json.loads((table.schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[column]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    good = isinstance(names, list) and len(names) > 1 and all(isinstance(name, str) for name in names)
    return tuple(names) if good and len(set(names)) == len(names) else None


def _parts(path: str | Path, config: str | None) -> list[_Part]:
    root = Path(path).expanduser()
    if root.is_file():
        return [_Part(None, _read(root), str(root))]
    if not root.is_dir():
        if str(path).startswith((".", "/", "~")) or Path(path).suffix in _SUFFIXES:
            raise DataError(f"{path}: there is no such file or folder")
        return _of_hub(str(path), config)
    files = sorted(
        file
        for file in root.rglob("*")
        if file.suffix in _SUFFIXES and file.is_file() and not file.name.startswith(("cache-", "."))
    )
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
    return parts


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

    try:
        with open_regular(file) as stream:
            head = stream.read(len(_ARROW_FILE))
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
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"{file}: cannot be read as Parquet or Arrow: {reason[0]}") from None


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
