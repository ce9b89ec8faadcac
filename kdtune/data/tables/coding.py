"""From a row's label and sensitive columns to class and group numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from kdtune.data.groups import OTHER, Rare, columns_of, cross_codes, encode, remedy_for_stranger
from kdtune.data.tables.cells import Cells
from kdtune.data.tables.files.raw_table import RawTable, as_written, spelled
from kdtune.data.tables.kinds import marks_without
from kdtune.data.tables.numbers import canonical, number
from kdtune.errors import DataError, did_you_mean
from kdtune.text import rows_beside

MOST_CLASSES = 100
"""A label with more different values than this is a number to be predicted, not a class."""


@dataclass(frozen=True)
class Coding:
    """How a row's label and groups become numbers.

    Attributes:
        label: its column.
        classes: in order.
        attributes: sensitive columns, or intersections of them.
        declared: column -> all its groups, in order.
        edges: column, sensitive or the label -> edges of its bins.
        rare: what becomes of a value that is not a declared group.
        decimal: the decimal sign of the file's numbers.
        is_closed: whether the groups are settled; see `closed`.
    """

    label: str
    classes: tuple[str, ...]
    attributes: tuple[str, ...]
    declared: Mapping[str, tuple[str, ...]]
    edges: Mapping[str, tuple[float, ...]]
    rare: Rare
    decimal: str = "."
    is_closed: bool = False

    def closed(self, groups: Mapping[str, tuple[str, ...]]) -> "Coding":
        """Return the coding for other rows, with settled groups.

        A value that is none of these groups is then an error, missing or other, as `rare` says; it is missing if no
        group is called `other`.
        """
        return replace(self, declared=groups, is_closed=True)

    def encode_labels(self, table: RawTable) -> Tensor:
        """Return each row's class, int64 [n].

        In other rows, a full stop at the end of every label is ignored, as in UCI's adult.test, if the classes have
        none.

        Raises:
            DataError: a row has no label, or one that is none of the classes.
        """
        is_binned = self.label in self.edges
        cells = class_cells(table, self.label, self.edges, self.decimal) if is_binned else table[self.label]
        values = cells.present
        if self.is_closed and values and all(value.endswith(".") for value in values):
            stripped = cells.renamed(lambda value: value[:-1].strip())
            cells = stripped if set(stripped.present) <= set(self.classes) else cells
        position = {name: k for k, name in enumerate(self.classes)}

        def code(value: str) -> int:
            return position.get(value, position.get(canonical(value, self.decimal) or value, -1))

        _require_labels(table, self.label, cells, is_closed=self.is_closed)
        codes = np.array([*map(code, cells.values), -1], dtype=np.int64)[cells.codes]
        if (codes < 0).any():
            row = int(np.argmax(codes < 0))
            raise DataError(
                f"{table.at(row)}: the label {cells.values[cells.codes[row]]!r} in column {self.label!r} is none of "
                f"the classes ({', '.join(self.classes)})"
            )
        return torch.from_numpy(codes)

    def encode_groups(self, table: RawTable) -> tuple[dict[str, Tensor], dict[str, tuple[str, ...]]]:
        """Return attribute -> each row's group, int64 [n]; and column -> its groups.

        Raises:
            DataError: a value is not a group, or a column has no value at all.
        """
        codes, groups = {}, {}
        for column in columns_of(self.attributes):
            cells, declared = self._cells(table, column)
            try:
                codes[column], groups[column] = encode(
                    column,
                    cells.texts(),
                    declared,
                    undeclared=self._undeclared(declared or ()),
                    is_closed=self.is_closed,
                )
            except DataError as error:
                raise DataError(f"{table.prefix}{error}") from None
        return cross_codes(self.attributes, codes, groups), groups

    def _undeclared(self, declared: Sequence[str]) -> Rare:
        """Return what becomes of a value that is none of the declared groups of its column."""
        if self.is_closed and self.rare == "other" and OTHER not in map(str.lower, declared):
            return "missing"
        return self.rare

    def strange(self, table: RawTable) -> list[str]:
        """Return a line for each column with values that are no group here, or with one group alone.

        `encode_groups` reads such columns.
        """
        lines = []
        for column in columns_of(self.attributes):
            declared = self.declared[column]
            cells, _ = self._cells(table, column)
            occurring = [group for group in declared if group in cells.present]
            if len(occurring) == 1:
                lines.append(
                    f"column {column!r} has one group only, {occurring[0]!r}: differences between groups are undefined "
                    "on these rows"
                )
            if column in self.edges:  # of which a group holds any number
                continue
            is_new = np.array([*(value not in declared for value in cells.values), False])
            rows = np.flatnonzero(is_new[cells.codes])
            if len(rows):
                counted_as = f"in {OTHER!r}" if self._undeclared(declared) == "other" else "in no group"
                lines.append(
                    f"column {column!r} holds groups that train has not, in {len(rows):,} of {len(table):,} rows, such "
                    f"as {cells.values[cells.codes[rows[0]]]!r}: these rows are {counted_as}"
                )
        return lines

    def _cells(self, table: RawTable, column: str) -> tuple[Cells, Sequence[str] | None]:
        """Return a column of groups, numbers as their bins, and the groups that are declared, or None."""
        cells, declared = table[column], self.declared.get(column)
        if column in self.edges:
            cells, names = binned(table, column, self.edges[column], self.decimal)
            declared = declared or names
        if declared is None:
            return by_value(table, column, self.decimal), None
        return self._as_declared(table, column, cells, declared), declared

    def _as_declared(self, table: RawTable, column: str, cells: Cells, declared: Sequence[str]) -> Cells:
        """Return a column in the spelling of its declared groups; other values stay as they are."""
        cells = cells.renamed(lambda value: spelled(value, declared, self.decimal) or value)
        strangers = set(cells.present) - set(declared)
        if strangers and self.rare == "error":
            row = cells.first_row(strangers.__contains__)
            value = cells.values[cells.codes[row]]
            raise DataError(
                f"{table.at(row)}: column {column!r} holds {value!r}, which is none of its declared groups "
                f"({', '.join(declared)}){did_you_mean(value, declared)}; "
                f"{remedy_for_stranger(self.is_closed)}"
            )
        return cells


def declared_groups(table: RawTable, column: str, values: Sequence[object], decimal: str) -> tuple[str, ...]:
    """Return the groups listed by an option, in the spelling of the column if they occur there."""
    known = table[column].by_value(decimal).present
    groups = tuple(spelled(value, known, decimal) or as_written(value) for value in values)
    twice = next((group for group in groups if groups.count(group) > 1), None)
    if twice is not None:
        raise DataError(f"groups of {column!r}: {twice!r} is named twice")
    return groups


def edges_of(bins: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, ...]]:
    """Return the edges of each column's bins.

    Raises:
        DataError: some do not ascend.
    """
    for column, edges in bins.items():
        if not edges or list(edges) != sorted(set(edges)) or not all(map(math.isfinite, edges)):
            raise DataError(
                f"bins of {column!r} must be ascending edges, such as [25, 45], not {list(edges)}"
            )
    return {column: tuple(edges) for column, edges in bins.items()}


def binned(
    table: RawTable, column: str, edges: Sequence[float], decimal: str
) -> tuple[Cells, tuple[str, ...]]:
    """Return a column of numbers as names of bins, and the names of all bins.

    Raises:
        DataError: a cell is not a number.
    """
    shown = [canonical(str(edge)) or str(edge) for edge in edges]
    names = (f"<{shown[0]}", *(f"{low}-{high}" for low, high in pairwise(shown)), f">={shown[-1]}")
    cells = table[column]
    numbers = cells.numbers(decimal)
    wrong = np.flatnonzero(np.isnan(numbers[cells.codes]) & (cells.codes >= 0))
    if len(wrong):
        cell = cells.values[cells.codes[wrong[0]]]
        raise DataError(
            f"{table.at(int(wrong[0]))}: {cell!r} in column {column!r}, which has bins, is no number: if it "
            "stands for a missing value, name it under `missing`"
        )
    bin_of = dict(zip(cells.values, np.searchsorted(edges, numbers[:-1], "right").tolist(), strict=True))
    return cells.renamed(lambda value: names[bin_of[value]]), names


def class_cells(table: RawTable, label: str, edges: Mapping[str, tuple[float, ...]], decimal: str) -> Cells:
    """Return the label column as names of classes: bins, numbers by value, or texts."""
    return (
        binned(table, label, edges[label], decimal)[0] if label in edges else by_value(table, label, decimal)
    )


def by_value(table: RawTable, column: str, decimal: str) -> Cells:
    """Return a column of names with equal numbers as one name.

    Raises:
        DataError: some values are not numbers, so all are told apart by their spelling, and two are equal numbers.
    """
    raw = table[column]
    cells = raw.by_value(decimal)
    if cells is not raw:
        return cells
    seen: dict[Decimal, str] = {}
    for value in cells.present:
        if number(value, decimal) is None:
            continue
        first = seen.setdefault(Decimal(value.replace(decimal, ".")), value)
        if first != value:
            row = cells.first_row(value.__eq__)
            raise DataError(
                f"{table.at(row)}: {value!r} and {first!r} in column {column!r} are the same number, written in two "
                "ways: write them alike"
            )
    return cells


def find_classes(
    table: RawTable,
    label: str,
    positive: object,
    *,
    edges: Mapping[str, tuple[float, ...]],
    decimal: str,
    too_many: str = "",
) -> tuple[str, ...]:
    """Return the classes of a label column, sorted, numbers by value; `positive` last.

    Args:
        too_many: what the caller can do about too many classes, for the message.

    Raises:
        DataError: a row has no label, there are too many classes, or `positive` is not one of two classes.
    """
    cells = class_cells(table, label, edges, decimal)
    _require_labels(table, label, cells)
    found = cells.present
    numeric = all(canonical(value) is not None for value in found)
    if label in edges:
        classes = tuple(name for name in binned(table, label, edges[label], decimal)[1] if name in found)
    else:
        classes = tuple(sorted(found, key=Decimal if numeric else None))
    if len(found) > MOST_CLASSES:
        hint = f": to make classes of numbers, set `bins: {{{label}: [edge, …]}}`" if numeric else ""
        raise DataError(
            f"{table.prefix}label {label!r} has {len(found)} different values, too many for classes{hint}{too_many}"
        )
    return classes if positive is None else _positive_last(table, label, classes, positive, decimal)


def _require_labels(table: RawTable, label: str, cells: Cells, *, is_closed: bool = False) -> None:
    if not cells.n_missing:
        return
    rows = np.flatnonzero(cells.codes < 0)
    remedy = ""
    if cells.marks and table.path:
        shown = ", ".join(map(repr, cells.marks))
        advice = ", as in training" if is_closed else f": if it is a class, set {marks_without(table, cells)}"
        remedy = f"; {shown} in it counts as missing{advice}"
    raise DataError(
        f"{table.at(int(rows[0]))}: there is no label in column {label!r}{rows_beside(len(rows))}: fill it in, or "
        f"remove the row{remedy}"
    )


def _positive_last(
    table: RawTable, label: str, classes: tuple[str, ...], positive: object, decimal: str
) -> tuple[str, ...]:
    if len(classes) != 2:
        raise DataError(f"{table.prefix}'positive' needs two classes, but label {label!r} has {len(classes)}")
    wanted = spelled(positive, classes, decimal)
    if wanted is None:
        written = as_written(positive)
        quote = (
            ": YAML reads yes, no, on and off as true and false: quote it"
            if isinstance(positive, bool)
            else ""
        )
        near = "" if isinstance(positive, bool) else did_you_mean(written, classes)
        raise DataError(
            f"{table.prefix}positive: {written!r} is no value of label {label!r}{near}{quote} "
            f"(values: {', '.join(classes)})"
        )
    return (next(name for name in classes if name != wanted), wanted)
