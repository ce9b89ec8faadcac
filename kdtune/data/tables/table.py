"""Any CSV or Parquet file with a label column and sensitive columns."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field
from torch import Tensor

from kdtune.data.checks import require_classes
from kdtune.data.dataset import Augmentation, Dataset, Split, fingerprint
from kdtune.data.groups import Rare, attribute_names, columns_of, cross_groups, settle_rare
from kdtune.data.registry import register_dataset
from kdtune.data.split import stratified_cut
from kdtune.data.tables.coding import Coding, find_classes
from kdtune.data.tables.preprocessing import TablePreprocessing
from kdtune.data.tables.reading import MISSING_MARKERS, file_digest, read_table, require_columns
from kdtune.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

Share = Annotated[float, Field(gt=0, lt=1)]


@register_dataset("table")
def load_table(
    *,
    path: str | Path,
    label: str,
    positive: str | int | float | bool | None = None,
    sensitive: str | Sequence[str] | None = None,
    groups: Mapping[str, Sequence[str | int]] | None = None,
    bins: Mapping[str, Sequence[int | float]] | None = None,
    min_group: Annotated[int, Field(ge=1)] = 10,
    rare: Rare = "error",
    features: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    use_sensitive: bool = False,
    min_frequency: Annotated[int, Field(ge=2)] | None = None,
    missing: Sequence[str] = MISSING_MARKERS,
    test: Share | str = 0.2,
    validation: Share = 0.2,
    limit: Annotated[int, Field(ge=1)] | None = None,
    seed: int = 0,
) -> Dataset:
    """Read a table, cut it into train, validation and test, and make features of its columns.

    Test is cut first, then validation from the rest, each stratified by class and groups; rows keep their
    order. The preprocessing is fitted on train only.

    Args:
        path: a .csv, .tsv or .parquet file.
        label: the column with the class. Classes are in sorted order, numbers by value.
        positive: with two classes, the one that is class 1, "positive" for DPD and EOD. Default: the second
            in sorted order.
        sensitive: columns, or intersections (`sex*race`), that are the groups.
        groups: column -> all its groups, in order; otherwise those that occur, sorted.
        bins: numeric sensitive column -> ascending edges: `[25, 45]` makes `<25`, `25-45`, `>=45`; an edge
            belongs to the bin above it.
        min_group: the fewest examples that a group may have in validation.
        rare: what becomes of smaller groups, and of values that are no declared group: `error`, `missing`
            (their rows belong to no group), or `other` (they are merged).
        features: the columns that features are made of; default: all but label, sensitive ones and `drop`.
        drop: columns that are no features: identifiers, and whatever leaks the label.
        categorical: columns of numbers that are codes.
        use_sensitive: let sensitive columns be features as well.
        min_frequency: categories with fewer training rows are joined into one feature.
        missing: what stands for a missing value, beside the empty cell.
        test: the share of rows that is the test split, or the path of another file.
        validation: the share of the remaining rows that is validation.
        limit: take so many rows only, stratified.
        seed: the same seed cuts the same splits.

    Raises:
        DataError: a file, column, label, value or group cannot be used; the message names it and the remedy.
    """
    path = str(path)
    frame = read_table(path, missing)
    attributes = attribute_names(sensitive)
    columns = columns_of(attributes)
    require_columns(frame, [label], path=path, key="label")
    require_columns(frame, columns, path=path, key="sensitive")
    for key, named in {"groups": groups or {}, "bins": bins or {}}.items():
        for column in named:
            if column not in columns:
                near = did_you_mean(column, columns)
                raise DataError(f"{key!r} names {column!r}, which is not among the sensitive columns{near}")
    if label in columns:
        raise DataError(f"column {label!r} is the label and cannot be sensitive as well")

    classes = find_classes(frame, path, label, positive)
    declared = {column: tuple(map(str, values)) for column, values in (groups or {}).items()}
    edges = {column: tuple(values) for column, values in (bins or {}).items()}
    coding = Coding(path, label, classes, attributes, declared, edges, rare)
    labels, coded, column_groups = coding.encode(frame)

    rows = torch.arange(len(frame))
    if limit is not None and limit < len(rows):
        rows = stratified_cut(labels, coded, limit, seed)[1]
    test_rows: Tensor | None = None
    if isinstance(test, float):
        rest, cut = stratified_cut(labels[rows], _at(coded, rows), test, seed + 1)
        rows, test_rows = rows[rest], rows[cut]
    attribute_groups, tables = settle_rare(
        _at(coded, rows),
        cross_groups(attributes, column_groups),
        share=validation,
        min_group=min_group,
        rare=rare,
    )
    settled = {name: tables[name][coded[name]] for name in attributes}
    kept, cut = stratified_cut(labels[rows], _at(settled, rows), validation, seed + 2)
    train_rows, validation_rows = rows[kept], rows[cut]
    require_classes(path, classes, train=labels[train_rows], validation=labels[validation_rows])

    used = _feature_columns(
        frame, path, features=features, drop=drop, label=label, hidden=columns if not use_sensitive else ()
    )
    require_columns(frame, categorical, path=path, key="categorical")
    preprocessing = TablePreprocessing.fit(
        frame.iloc[train_rows.numpy()][used],
        categorical=categorical,
        min_frequency=min_frequency,
        missing=missing,
    )

    def split(chosen: Tensor) -> Split:
        inputs = torch.from_numpy(preprocessing.transform(frame.iloc[chosen.numpy()]))
        return Split(inputs, labels[chosen], _at(settled, chosen))

    train, held_out = split(train_rows), split(validation_rows)
    test_file, digest = _test_source(path, test)
    return Dataset(
        name="table",
        classes=classes,
        attributes=attribute_groups,
        train=train,
        validation=held_out,
        normalisation=None,
        augmentation=Augmentation(),
        preprocessing=preprocessing.to_dict(),
        fingerprint=fingerprint(train, held_out, classes, attribute_groups),
        open_test=partial(
            _open_test,
            test_file,
            digest=digest,
            rows=test_rows,
            coding=coding.closed(column_groups, test_file),
            tables=tables,
            preprocessing=preprocessing,
        ),
    )


def _at(groups: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    return {name: codes[rows] for name, codes in groups.items()}


def _feature_columns(
    frame: "pd.DataFrame",
    path: str,
    *,
    features: Sequence[str] | None,
    drop: Sequence[str],
    label: str,
    hidden: Sequence[str],
) -> list[str]:
    require_columns(frame, drop, path=path, key="drop")
    if features is not None:
        require_columns(frame, features, path=path, key="features")
        for column in features:
            if column == label:
                raise DataError(f"column {column!r} is the label and cannot be a feature")
            if column in hidden:
                raise DataError(
                    f"column {column!r} is sensitive: set `use_sensitive: true` to make it a feature as well"
                )
    chosen = [str(column) for column in frame.columns] if features is None else list(dict.fromkeys(features))
    used = [column for column in chosen if column != label and column not in hidden and column not in drop]
    if not used:
        raise DataError(f"{path}: no column is left to make features of")
    return used


def _test_source(path: str, test: float | str) -> tuple[str, str | None]:
    """Return the file with the test rows; and the digest of its content, if it has been read already."""
    if isinstance(test, str):
        if not Path(test).expanduser().is_file():
            raise DataError(f"{test}: there is no such file, named by 'test'")
        return test, None
    return path, file_digest(path)


def _open_test(
    path: str,
    *,
    digest: str | None,
    rows: Tensor | None,
    coding: Coding,
    tables: Mapping[str, Tensor],
    preprocessing: TablePreprocessing,
) -> Split:
    if digest is not None and file_digest(path) != digest:
        raise DataError(
            f"{path} has changed since the data set was loaded: its test rows are no longer the same"
        )
    frame = read_table(path, preprocessing.missing)
    if rows is None:
        require_columns(
            frame, [coding.label, *columns_of(coding.attributes)], path=path, key="label, sensitive"
        )
    else:
        frame = frame.iloc[rows.numpy()]
    labels, coded, _ = coding.encode(frame)
    if not len(labels):
        raise DataError(f"{path}: the test split is empty")
    return Split(
        torch.from_numpy(preprocessing.transform(frame)),
        labels,
        {name: tables[name][coded[name]] for name in coding.attributes},
    )
