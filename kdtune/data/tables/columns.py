"""Which columns of a table are the label, the groups and the features, and why the others are not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kdtune.data.groups import attribute_names, columns_of
from kdtune.data.tables.raw_table import RawTable
from kdtune.errors import DataError, did_you_mean

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Roles:
    """What each column is for.

    Attributes:
        label: the column with the class.
        attributes: sensitive columns, or intersections of them (`sex*race`).
        sensitive: the columns that these are made of.
        features: the columns that features are made of, in the file's order or that of the option.
        left_out: column -> why it is no feature, where that is not plain.
    """

    label: str
    attributes: tuple[str, ...]
    sensitive: tuple[str, ...]
    features: tuple[str, ...]
    left_out: Mapping[str, str]


def assign_roles(
    table: RawTable,
    *,
    label: object,
    sensitive: object,
    features: Sequence[object] | None,
    drop: Sequence[object],
    use_sensitive: bool,
) -> Roles:
    """Return what each column is for, by the options of the same names.

    Raises:
        DataError: a column is not there, is there twice, or cannot be what it is asked to be.
    """
    (label_column,) = table.named([label], "label")
    table.require([label_column], "label")
    attributes = _attributes(table, sensitive)
    columns = columns_of(attributes)
    table.require(columns, "sensitive")
    if label_column in columns:
        raise DataError(f"column {label_column!r} is the label and cannot be sensitive as well")
    dropped = table.named(drop, "drop")
    table.require_there(dropped, "drop")
    chosen = table.order
    if features is not None:
        chosen = tuple(dict.fromkeys(table.named(features, "features")))
        table.require(chosen, "features")
        _check_features(table, chosen, label_column, () if use_sensitive else columns)
    hidden = {label_column, *(() if use_sensitive else columns), *dropped, *table.index}
    used = tuple(name for name in chosen if name not in hidden)
    if not used:
        raise DataError(f"{table.prefix}no column is left to make features of")
    table.require(used, "features")
    left_out = dict.fromkeys(dropped, "dropped") | dict(table.index)
    left_out |= {name: "not under features" for name in table.order if name not in {*hidden, *used}}
    return Roles(label_column, attributes, columns, used, left_out)


def _attributes(table: RawTable, sensitive: object) -> tuple[str, ...]:
    if sensitive is None:
        return ()
    asked = sensitive if isinstance(sensitive, list | tuple) else [sensitive]
    return attribute_names(
        [name if isinstance(name, str) else table.named([name], "sensitive")[0] for name in asked]
    )


def _check_features(table: RawTable, features: Sequence[str], label: str, hidden: Sequence[str]) -> None:
    for column in features:
        if column == label:
            raise DataError(f"column {column!r} is the label and cannot be a feature")
        if column in hidden:
            raise DataError(
                f"column {column!r} is sensitive: set `use_sensitive: true` to make it a feature as well"
            )
        if column in table.index:
            raise DataError(
                f"{table.prefix}column {column!r} has no name of its own ({table.index[column]}) and cannot be a "
                "feature: give it a name in the file"
            )


def by_column(
    table: RawTable, key: str, option: Mapping[K, Sequence[V]] | None, columns: Sequence[str]
) -> dict[str, tuple[V, ...]]:
    """Return an option that says something of some columns, with the columns' names as the file has them.

    Raises:
        DataError: it names another column.
    """
    found = {}
    for asked, values in (option or {}).items():
        (name,) = table.named([asked], key)
        if name not in columns:
            raise DataError(
                f"{key!r} names {name!r}, which is not among the sensitive columns{did_you_mean(name, columns)}"
            )
        found[name] = tuple(values)
    return found
