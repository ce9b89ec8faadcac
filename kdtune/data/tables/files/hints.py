"""Guesses why a text file does not read as a table: another separator, or no header."""

import csv
import re
from collections.abc import Sequence

from kdtune.data.tables.cells import tidy, tidy_name
from kdtune.data.tables.numbers import number

_SEPARATORS = (";", "\t", "|", ",", " ", "~", "^", ":")
_COMMENT = re.compile(r"[#%|!;*]|//|--")


def quoted(separator: str) -> str:
    """Return a separator as it is written in YAML."""
    return '"\\t"' if separator == "\t" else f'"{separator}"'


def other_separator(sample: Sequence[str], separator: str) -> str:
    """Return the remedy if another separator gives the first lines equally many cells, else an empty text."""
    for other in _SEPARATORS:
        if other == separator or (other == " " and separator in sample[0]):
            continue  # because a blank often follows another separator
        try:
            widths = {len(row) for row in csv.reader(sample, delimiter=other, skipinitialspace=True)}
        except csv.Error:  # such as a cell that is too long
            return ""
        if min(widths) > 1 and max(widths) - min(widths) <= 1:
            return (
                f"; {quoted(other)} cuts the lines into {max(widths)} cells: if it is the separator, set "
                f"`separator: {quoted(other)}`"
            )
    return ""


def comment_mark(cell: str) -> str:
    """Return the remedy if a line begins with this cell as comments do, else an empty text."""
    mark = _COMMENT.match(cell.strip())
    return f'; if it is a comment, set `comment: "{mark[0]}"`' if mark else ""


def no_header(names: Sequence[str], first: Sequence[str], decimal: str) -> str:
    """Return the remedy if the first line seems to hold data instead of names, else an empty text.

    Args:
        names: the cells of the first line.
        first: the cells of the line after it.
        decimal: the decimal sign.
    """
    tidied = [tidy_name(name) for name in names]
    same = set(tidied) & {tidy(cell) for cell in first} - {""}
    if not same and not any(number(name, decimal) is not None for name in tidied):
        return ""
    return (
        "; the first line seems to hold data: if it is not a header, set `header: none` and "
        f"`columns: [name, …]` ({len(names)} names)"
    )
