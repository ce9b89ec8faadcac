"""Says in one line what was made of a table, and warns of what a person may want to check."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kdtune.data.tables.files.raw_table import RawTable
from kdtune.data.tables.preprocessing import Category, Number

Coded = tuple[Sequence[str], NDArray[np.int64]]
"""Names, and each row's position among them, -1 if it has none."""

_MOST_NAMES = 12
"""A list names no more columns than this, and counts the rest."""


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
    return " ".join("; ".join(parts).splitlines())


def _counted(names: Sequence[str], one: str, many: str) -> str:
    return f"{len(names)} {one if len(names) == 1 else many} ({_listed(names)})" if names else ""


def _listed(names: Sequence[str]) -> str:
    more = [f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return ", ".join([*names[:_MOST_NAMES], *more])


def _sizes(names: Sequence[str], codes: NDArray[np.int64]) -> str:
    counts = np.bincount(codes[codes >= 0], minlength=len(names)).tolist()
    sizes = [f"{name} {count}" for name, count in zip(names, counts, strict=True)]
    missing = int((codes < 0).sum())
    return _listed(sizes) + (f", missing {missing}" if missing else "")
