"""The classes of a column's `ClassLabel`, which are kept as numbers: their names, and its values by name."""

from collections.abc import Sequence
from typing import Any

from kdtune.data.examples.arrow.part import Part
from kdtune.data.examples.assemble import TRAIN
from kdtune.errors import DataError


def class_names(parts: Sequence[Part], column: str) -> tuple[str, ...] | None:
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


def named_values(part: Part, column: str, names: Sequence[str] | None) -> list[Any]:
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
