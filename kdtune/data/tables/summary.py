"""Says in one line what was made of a table, and warns of what a person may want to check."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kdtune.data.tables.cells import Cells
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.data.tables.numbers import canonical
from kdtune.data.tables.preprocessing import Category, Number

Coded = tuple[Sequence[str], NDArray[np.int64]]
"""Names, and each row's position among them, -1 if it has none."""

_MOST_NAMES = 12
"""A list names no more columns than this, and counts the rest."""

_TELLING = 0.9
"""A column almost predicts the label by itself if it avoids this share of the errors of a constant answer."""

_QUANTILES = 32
"""Numbers are cut into so many parts to see whether they predict the label."""

_FEWEST_IDS = 50
"""With fewer rows, whole numbers may all differ by chance."""

_MOST_NUMBERS = 10
"""More classes than this that are numbers may be a quantity."""


def summary_line(
    table: RawTable,
    columns: Sequence[Number | Category],
    *,
    label: str,
    labels: Coded,
    groups: Mapping[str, Coded],
    left_out: Mapping[str, str],
) -> str:
    """Return one line that says what was made of a table.

    Args:
        table: the rows that are used.
        columns: the features.
        label: its column.
        labels: the classes, and each row's.
        groups: sensitive attribute -> its groups, and each row's.
        left_out: column -> why it is not a feature.
    """
    numbers = [column.name for column in columns if isinstance(column, Number)]
    categories = [
        f"{column.name}: {len(table[column.name].present)}"
        for column in columns
        if isinstance(column, Category)
    ]
    kinds = [
        _counted(numbers, "number", "numbers"),
        _counted(categories, "category", "categories"),
    ]
    parts = [
        "features: " + ", ".join(filter(None, kinds)),
        f"label {label}: " + _sizes(*labels),
    ]
    without = [f"{name} ({why})" for name, why in left_out.items()] + list(table.left_out)
    if without:
        parts.append(f"left out: {_listed(without)}")
    parts += [f"sensitive {attribute}: " + _sizes(*coded) for attribute, coded in groups.items()]
    unknown = [(column.name, table[column.name].n_missing) for column in columns]
    if any(count for _, count in unknown):
        parts.append("missing cells: " + _listed([f"{name} {count}" for name, count in unknown if count]))
    return "; ".join(parts)


def _counted(names: Sequence[str], one: str, many: str) -> str:
    return f"{len(names)} {one if len(names) == 1 else many} ({_listed(names)})" if names else ""


def _listed(names: Sequence[str]) -> str:
    more = [f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return ", ".join([*names[:_MOST_NAMES], *more])


def _sizes(names: Sequence[str], codes: NDArray[np.int64]) -> str:
    counts = np.bincount(codes[codes >= 0], minlength=len(names)).tolist()
    sizes = [f"{name} {count}" for name, count in zip(names, counts, strict=True)]
    missing = int((codes < 0).sum())
    return _listed([*sizes, f"missing {missing}"] if missing else sizes)


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
    classes, codes = labels
    for column in columns:
        cells, is_number = table[column.name], isinstance(column, Number)
        share = _tells(cells.take(rows), codes[rows], decimal if is_number else None)
        if share is not None:
            lines.append(
                f"column {column.name!r} alone predicts the label in {share:.1%} of the rows: if it becomes known only "
                "together with the label, name it under `drop`"
            )
        elif is_number and _is_id(cells):
            lines.append(
                f"column {column.name!r} holds a different whole number in every row: if it is an id, name it under "
                "`drop`"
            )
    if hint := bins_hint(label, classes):
        lines.append(hint)
    values = {label: list(classes), **{name: table[name].present for name in sensitive}}
    for name, names in values.items():
        lines += _alike(name, names)
    return lines


def bins_hint(label: str, classes: Sequence[str]) -> str:
    """Return the remedy for a label that may be a quantity, else an empty text."""
    if len(classes) <= _MOST_NUMBERS or not all(canonical(name) is not None for name in classes):
        return ""
    return (
        f"label {label!r} has {len(classes)} numbers as classes: if it is a quantity, set "
        f"`bins: {{{label}: [edge, …]}}`"
    )


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


def _is_id(cells: Cells) -> bool:
    """Tell whether every row holds a different whole number."""
    n = len(cells)
    return n >= _FEWEST_IDS and len(cells.present) == n and all(value.isdigit() for value in cells.values)


def _alike(column: str, names: Sequence[str]) -> list[str]:
    """Return a line for each pair of names that differ only in case or blanks."""
    seen: dict[str, str] = {}
    lines = []
    for name in names:
        folded = "".join(name.casefold().split())
        if folded in seen:
            lines.append(f"{seen[folded]!r} and {name!r} in column {column!r} are different names here")
        seen.setdefault(folded, name)
    return lines
