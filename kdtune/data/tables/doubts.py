"""Names what is allowed in a table but seldom intended, each in one line."""

import re
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kdtune.data.tables.cells import MISSING_MARKERS, Cells
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.data.tables.kinds import marks_with
from kdtune.data.tables.numbers import canonical, number
from kdtune.data.tables.preprocessing import Category, Number
from kdtune.data.tables.summary import Coded
from kdtune.lookalikes import differing, readings

_TELLING = 0.9
"""A column almost predicts the label by itself if it avoids this share of the errors of a constant answer."""

_QUANTILES = 32
"""Numbers are cut into so many parts to see whether they predict the label."""

_FEWEST_IDS = 50
"""With fewer rows, whole numbers may all differ by chance."""

_MOST_NUMBERS = 10
"""More classes than this that are numbers may be a quantity."""

_CODE = re.compile(r"0\d+")
_THREE_DIGITS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
_STAND_IN = re.compile(r"-?(9{2,}|-0*1|8{2,})(\.0+)?|-1(\.0+)?")
"""Numbers that often stand for a missing value: 99, 999, -999, 888, -1."""

_FAR = 1.0
"""A number that stands for something else lies farther from all others than this share of their range."""

_UNKNOWN = {mark.casefold() for mark in MISSING_MARKERS} | {
    "missing", "unknown", "not available", "not known", "not stated", "nil", "(null)", "\\n",
}  # fmt: skip
"""Names that often stand for a missing value, in lower case."""

_ERROR = re.compile(r"#[\w/]+[!?]|#NV")
"""What spreadsheets write where a formula failed, in any language: `#REF!`, `#VALEUR!`, `#NAME?`."""

_MOST_SHOWN = 3
"""A line shows no more pairs of names than this."""

_EXACT_DIGITS = 15
"""Numbers of so many digits are told apart as they are computed with; not all of more."""

_HASH = re.compile(r"[0-9a-f]{8,}")
"""Not a number, though some are written like one: `00000e10`."""

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_FEWEST_COPIES = 0.01
"""Share of the rows that are copies of others, below which nothing is said."""


def doubts(
    table: RawTable,
    columns: Sequence[Number | Category],
    *,
    label: str,
    labels: Coded,
    rows: NDArray[np.int64],
    sensitive: Sequence[str],
    decimal: str,
) -> list[str]:
    """Return one line for each thing that is allowed but seldom intended.

    Args:
        table: all rows.
        columns: the features.
        label: its column.
        labels: the classes, and each row's.
        rows: those of train; only these are used to find columns that predict the label.
        sensitive: columns of groups.
        decimal: the decimal sign of numbers.
    """
    lines = []
    missing = partial(marks_with, table)
    classes, codes = labels
    for column in columns:
        cells, is_number = table[column.name], isinstance(column, Number)
        share = _tells(cells.take(rows), codes[rows], decimal if is_number else None)
        if share is not None:
            lines.append(
                f"column {column.name!r} alone predicts the label in {share:.1%} of the rows: if it becomes known only "
                "together with the label, name it under `drop`"
            )
        elif _is_id(cells, decimal if is_number else None):
            lines.append(
                f"column {column.name!r} holds a different {'whole number' if is_number else 'text'} in every row: "
                "if it is an id, name it under `drop`"
            )
        if is_number:
            lines += _misread(column.name, cells, decimal)
        else:
            lines += alike(f"column {column.name!r}", cells.by_value(decimal).present, decimal)
            errors = [value for value in cells.present if _ERROR.fullmatch(value)]
            lines += unknown(column.name, errors, "category", missing)
    if hint := bins_hint(label, classes):
        lines.append(hint)
    values = {label: list(classes), **{name: table[name].present for name in sensitive}}
    for name, names in values.items():
        lines += alike(f"column {name!r}", names)
        lines += unknown(name, names, "class" if name == label else "group", missing)
    return lines + _copies(table)


def _misread(name: str, cells: Cells, decimal: str) -> list[str]:
    """Return a line for each way in which numbers may mean something else than they say."""
    lines, present = [], cells.present
    code = next(filter(_CODE.fullmatch, present), None)
    if code is not None:
        lines.append(
            f"column {name!r} is read as numbers, and some begin with a zero ({code}): if they are codes, name it "
            "under `categorical`"
        )
    exact: dict[float, str] = {}
    for value in (value for value in present if len(value) > _EXACT_DIGITS):
        first = exact.setdefault(float(value.replace(decimal, ".")), value)
        if canonical(first, decimal) != canonical(value, decimal):
            lines.append(
                f"column {name!r} is read as numbers, of which {first} and {value} become one: if they are codes, name "
                "it under `categorical` or `drop`"
            )
            break
    pointed = [value for value in present if "." in value]
    if decimal == "." and 0 < len(pointed) < len(present) and all(map(_THREE_DIGITS.fullmatch, pointed)):
        lines.append(
            f"column {name!r} is read as numbers, and each point has three digits after it ({pointed[0]}): if points "
            f"separate thousands, write {pointed[0].replace('.', '')}"
        )
    return lines + _stand_in(name, cells, decimal)


def _stand_in(name: str, cells: Cells, decimal: str) -> list[str]:
    """Return a line if the largest or the smallest number lies far from all others and often stands for missing."""
    numbers = cells.numbers(decimal)[:-1]
    order = [k for k in np.argsort(numbers).tolist() if cells.counts[k]]
    if len(order) < 4:
        return []
    lines = []
    for end, others in ((order[0], order[1:]), (order[-1], order[:-1])):
        width = numbers[others[-1]] - numbers[others[0]]
        gap = min(abs(numbers[end] - numbers[others[0]]), abs(numbers[end] - numbers[others[-1]]))
        of_another_sign = numbers[end] < 0 <= numbers[others[0]]
        if _STAND_IN.fullmatch(cells.values[end]) and (gap > _FAR * width or of_another_sign):
            lines.append(
                f"column {name!r} holds {cells.values[end]} in {cells.counts[end]} rows, far from all other numbers: "
                "if it stands for a missing value, name it under `missing`"
            )
    return lines


def _copies(table: RawTable) -> list[str]:
    """Return a line if rows repeat others in all columns, of which one tells most rows apart."""
    cells = [table.columns[name] for name in table.columns]
    n = len(table)
    if not cells or max(len(column.present) for column in cells) < n / 2:
        return []
    keys = np.zeros(n, dtype=np.uint64)
    for column in cells:  # one number for each row: sorting whole rows would take seconds
        keys = keys * _FACTOR + column.codes.astype(np.uint64)
    n_copies = n - len(np.unique(keys))
    if n_copies < _FEWEST_COPIES * n:
        return []
    return [
        f"{n_copies:,} of {n:,} rows repeat another row in every column: copies may lie in train and in validation, or "
        "test: remove them if they are no examples of their own"
    ]


def bins_hint(label: str, classes: Sequence[str]) -> str:
    """Return the remedy for a label that may be a quantity, else an empty text."""
    if len(classes) <= _MOST_NUMBERS or not all(canonical(name) is not None for name in classes):
        return ""
    return (
        f"label {label!r} has {len(classes)} numbers as classes: if it is a quantity, set "
        f"`bins: {{{label}: [edge, …]}}`"
    )


def unknown(column: str, names: Sequence[str], what: str, option: Callable[[str], str] | None) -> list[str]:
    """Return a line for each name that often stands for a missing value in tables of other programs.

    Args:
        column: that holds the names.
        names: of classes, groups or categories.
        what: which of these they are: `class`, `group` or `category`.
        option: returns the option that makes a name missing; None where a program holds the values.
    """
    in_memory = "leave such examples out" if what == "class" else "give None"
    return [
        f"{name!r} in column {column!r} is a {what}: if it stands for a missing value, "
        + (in_memory if option is None else f"set {option(name)}")
        for name in names
        if name.casefold() in _UNKNOWN or _ERROR.fullmatch(name) or not any(map(str.isalnum, name))
    ]


def _tells(cells: Cells, labels: NDArray[np.int64], decimal: str | None) -> float | None:
    """Return how often a column predicts the label, if it nearly always does, else None.

    The prediction is the most frequent class of each value, or of each part of a number's range. It is learnt on every
    other row and judged on the rest.
    """
    codes = cells.codes + 1
    if decimal is not None:
        numbers = cells.numbers(decimal)[cells.codes]
        known = np.isfinite(numbers)
        edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, _QUANTILES + 1)[1:-1]))
        codes = np.where(known, np.searchsorted(edges, numbers, "right") + 1, 0)
    n_classes = int(labels.max()) + 1
    table = np.zeros((int(codes.max()) + 1, n_classes), dtype=np.int64)
    np.add.at(table, (codes[::2], labels[::2]), 1)
    constant = np.bincount(labels[::2], minlength=n_classes).argmax()
    answers = np.where(table.sum(axis=1) > 0, table.argmax(axis=1), constant)
    judged, codes = labels[1::2], codes[1::2]
    if not len(judged):
        return None
    errors, guessed = np.mean(answers[codes] != judged), np.mean(constant != judged)
    return float(1 - errors) if guessed and errors <= (1 - _TELLING) * guessed else None


def _is_id(cells: Cells, decimal: str | None) -> bool:
    """Tell whether every row holds a different whole number, or without `decimal` a different text."""
    n = len(cells)
    if n < _FEWEST_IDS or len(cells.present) < n:
        return False
    return decimal is None or all((canonical(value, decimal) or value).isdigit() for value in cells.values)


def alike(where: str, names: Sequence[str], decimal: str | None = None) -> list[str]:
    """Return a line if names look alike; with `decimal`, also if they are equal numbers."""
    seen: dict[str, str] = {}
    pairs = []
    for name in names:
        value = None if decimal is None or _HASH.fullmatch(name) else number(name, decimal)
        keys = readings(name) if value is None else {repr(value)}
        first = next((seen[key] for key in keys if key in seen), None)
        if first is not None:
            pairs.append((first, name))
        for key in keys:
            seen.setdefault(key, name)
    if not pairs:
        return []
    shown = ", ".join(
        f"{first!r} and {second!r}{differing(first, second)}" for first, second in pairs[:_MOST_SHOWN]
    )
    more = f" ({len(pairs) - _MOST_SHOWN:,} more such names)" if len(pairs) > _MOST_SHOWN else ""
    return [f"{shown} in {where} are different names here{more}"]
