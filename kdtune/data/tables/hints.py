"""What may be meant where a text file does not read as a table: another separator, or no header."""

import csv
from collections.abc import Sequence

from kdtune.data.tables.cells import tidy
from kdtune.data.tables.numbers import number

_SEPARATORS = (";", "\t", "|", ",", " ")


def quoted(separator: str) -> str:
    """Return a separator as YAML has it."""
    return '"\\t"' if separator == "\t" else f'"{separator}"'


def other_separator(sample: Sequence[str], separator: str) -> str:
    """Return the remedy, if another separator cuts the first lines into equally many cells; else nothing."""
    for other in _SEPARATORS:
        if other == separator or (other == " " and separator in sample[0]):
            continue  # a blank often follows another separator
        widths = {len(row) for row in csv.reader(sample, delimiter=other, skipinitialspace=True)}
        if min(widths) > 1 and max(widths) - min(widths) <= 1:
            return (
                f"; {quoted(other)} makes {max(widths)} cells of each line: if it separates them, set "
                f"`separator: {quoted(other)}`"
            )
    return ""


def no_header(names: Sequence[str], first: Sequence[str], decimal: str) -> str:
    """Return the remedy, if the first line holds data rather than names; else nothing.

    Args:
        names: its cells.
        first: the cells of the line after it.
        decimal: the decimal sign.
    """
    tidied = [tidy(name) for name in names]
    same = set(tidied) & {tidy(cell) for cell in first} - {""}
    if not same and not any(number(name, decimal) is not None for name in tidied):
        return ""
    return (
        "; the first line seems to hold data: if it names no columns, set `header: none` and "
        f"`columns: [name, …]` ({len(names)} names)"
    )
