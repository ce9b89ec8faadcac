"""The role of each column: label, groups, features, or left out, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kdtune.data.groups import CROSS, attribute_names, columns_of
from kdtune.data.tables.files.raw_table import RawTable, is_nameless
from kdtune.errors import DataError, did_you_mean

K = TypeVar("K")
V = TypeVar("V")

_TRUTH: Mapping[object, bool] = {"true": True, "false": False}
"""Keys that YAML read as truth values, as they are written in JSON, whose keys are texts."""


@dataclass(frozen=True)
class Roles:
    """The role of each column.

    Attributes:
        label: the column with the class.
        attributes: sensitive columns, or intersections of them (`sex*race`).
        sensitive: the columns of these.
        features: the columns that features are made of, in the order of the file or of the option.
        left_out: columns that have no role -> why.
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
    """Assign each column its role; the arguments are the options of `load_table`.

    Raises:
        DataError: a column doesn't exist, exists twice, or can't have this role.
    """
    (label_column,) = table.named([label], "label")
    table.require([label_column], "label")
    attributes = _attributes(table, sensitive)
    columns = columns_of(attributes)
    for name in (name for name in attributes if CROSS in name and name in table.order):
        raise DataError(
            f"{table.prefix}sensitive {name!r} is an intersection of columns, and a column is called so, too: rename "
            "that column"
        )
    table.require(columns, "sensitive")
    if label_column in columns:
        raise DataError(f"column {label_column!r} is the label and cannot be sensitive as well")
    dropped = table.named(drop, "drop")
    table.require_there(dropped, "drop")
    hidden = {label_column, *(() if use_sensitive else columns), *dropped}
    if features is None:
        chosen = table.order
        hidden |= {*table.index}
    else:
        chosen = tuple(dict.fromkeys(table.named(features, "features")))
        table.require(chosen, "features")
        _check_features(table, chosen, label_column, () if use_sensitive else columns)
    used = tuple(name for name in chosen if name not in hidden)
    if not used:
        raise DataError(f"{table.prefix}no column is left to make features of")
    table.require(used, "features")
    known = {label_column, *columns, *used}
    left_out = dict.fromkeys(dropped, "dropped")
    left_out |= {name: why for name, why in table.index.items() if name not in known}
    left_out |= {name: "not under features" for name in table.order if name not in {*known, *left_out}}
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
        if is_nameless(column):
            raise DataError(
                f"{table.prefix}column {column!r} has no name in the file, so it is an index and cannot be a "
                "feature: give it a name"
            )


def by_column(
    table: RawTable, key: str, option: Mapping[K, Sequence[V]] | None, columns: Sequence[str]
) -> dict[str, tuple[V, ...]]:
    """Return an option by column, with the columns in the file's spelling.

    Raises:
        DataError: it names a column that is not among `columns`.
    """
    found = {}
    for asked, values in (option or {}).items():
        (name,) = table.named([asked if asked in table.order else _TRUTH.get(asked, asked)], key)
        if name not in columns:
            raise DataError(
                f"{key!r} names {name!r}, but it is for {' and '.join(map(repr, columns)) or 'sensitive columns'}"
                f"{did_you_mean(name, columns)}"
            )
        found[name] = tuple(values)
    return found
