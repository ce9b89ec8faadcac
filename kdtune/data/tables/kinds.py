"""Decides which columns are numbers and which are categories, and refuses columns that may be either."""

import json
import re
from collections.abc import Callable, Iterable

import numpy as np

from kdtune.data.tables.cells import MISSING_MARKERS, Cells
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.data.tables.numbers import seems_a_number
from kdtune.errors import DataError

_OTHER_SIGN = {
    ".": (",", "comma", 'set `decimal: ","`'),
    ",": (r"\.", "point", "leave `decimal` out"),
}
"""Decimal sign -> a pattern of the other one, what it is called, and how to set it."""

_NOTATION = re.compile(
    r"(?P<before>[^0-9]*?)(?P<whole>[0-9]{1,3}(?:([.,'’_\s])[0-9]{3}(?:\3[0-9]{3})*)?|[0-9]+)"
    r"(?:[.,](?P<part>[0-9]+))?(?P<after>[^0-9]*)"
)
"""A number in another notation: what stands before it, thousands with or without separators, a decimal part."""

_MINUS = "-−–‐‑"
_DIGITS = re.compile(r"\d+")

MOST_CATEGORIES = 200
"""A text column with more different values than this is a name or a number, not a category."""

MOST_PATTERNED = 20
"""More values than this that differ only in their digits (`38 kg`, `2020-01-31`) are quantities."""


def is_number_column(table: RawTable, name: str, decimal: str) -> bool:
    """Tell whether a column holds numbers; a column of texts holds categories.

    Raises:
        DataError: only some of the cells are numbers, or numbers are in another notation; the message names the first
            such cell and the remedies.
    """
    cells = table[name]
    is_number = np.isfinite(cells.numbers(decimal)[:-1])
    if is_number[cells.counts > 0].all():
        return True
    numbers = {value for value, is_one in zip(cells.values, is_number, strict=True) if is_one}
    others = set(cells.present) - numbers
    odd = set(filter(seems_a_number, others))
    texts = others - odd
    counts = dict(zip(cells.values, cells.counts.tolist(), strict=True))
    rows_of_numbers = sum(counts[value] for value in numbers | odd)
    rows_of_texts = sum(counts[value] for value in texts)
    if not texts:
        _refuse_notation(table, name, decimal, odd.__contains__)
    elif len(numbers | odd) >= len(texts) or rows_of_numbers >= rows_of_texts:
        _refuse_texts(table, name, texts.__contains__)
    elif len(texts) > MOST_PATTERNED and len({_DIGITS.sub("#", value) for value in texts}) <= 2:
        _refuse_pattern(table, name, len(cells.present))
    return False


def _refuse_notation(table: RawTable, name: str, decimal: str, is_odd: Callable[[str], bool]) -> None:
    """Refuse a column of numbers; name its first cell in another notation."""
    row, cell, more = _first(table, name, is_odd)
    other, sign, option = _OTHER_SIGN[decimal]
    if re.fullmatch(rf"[+-]?\d+{other}\d+", cell):
        thousands = re.fullmatch(rf"[+-]?\d{{1,3}}({other}\d{{3}})+", cell)
        remedy = f"if the {sign} is the decimal sign, {option}"
        remedy += f"; if it separates thousands, write {re.sub(other, '', cell)}" if thousands else ""
        raise DataError(f"{table.at(row)}: {cell!r} in column {name!r} is no number: {remedy}{more}")
    plain = _plain(cell, decimal)
    shown = f" (such as {plain})" if plain else ""
    raise DataError(
        f"{table.at(row)}: {cell!r} in column {name!r} is no plain number: write one{shown}, or name the column under "
        f"`categorical` or `drop`{more}"
    )


def _plain(cell: str, decimal: str) -> str:
    """Return the plain number that a cell in another notation means, or an empty text if it may mean several."""
    found = _NOTATION.fullmatch(cell)
    if found is None:
        return ""
    whole, part, around = found["whole"], found["part"], found["before"] + found["after"]
    if any(letter.isalpha() or letter in ".,'’٫٬" for letter in around):
        return ""
    if part is None and whole.count(decimal) == 1:
        whole, part = whole.split(decimal)
    signs = sum(around.count(sign) for sign in _MINUS) + ("(" in around)
    if signs + around.count("+") > 1:
        return ""
    digits = re.sub(r"\D", "", whole)
    return f"{'-' if signs else ''}{digits}{decimal + part if part else ''}"


def _refuse_texts(table: RawTable, name: str, is_text: Callable[[str], bool]) -> None:
    """Refuse a column of numbers; name its first cell that is not a number."""
    row, cell, more = _first(table, name, is_text)
    raise DataError(
        f"{table.at(row)}: {cell!r} in column {name!r} is no number: if it stands for a missing value, set "
        f"{marks_with(table, cell)}; if the numbers are codes, name the column under `categorical`{more}"
    )


def _refuse_pattern(table: RawTable, name: str, n_values: int) -> None:
    row, cell, _ = _first(table, name, lambda value: _DIGITS.search(value) is not None)
    raise DataError(
        f"{table.at(row)}: {cell!r} in column {name!r}, whose {n_values} values differ only in their digits: "
        "write plain numbers, or name the column under `categorical` or `drop`"
    )


def _first(table: RawTable, name: str, is_sought: Callable[[str], bool]) -> tuple[int, str, str]:
    """Return the first row with such a cell, the cell, and how many more rows have one."""
    cells = table[name]
    row = cells.first_row(is_sought)
    rows = sum(
        count for value, count in zip(cells.values, cells.counts.tolist(), strict=True) if is_sought(value)
    )
    more = "" if rows == 1 else f" ({rows - 1:,} more such row{'s' if rows > 2 else ''})"
    return row, cells.values[cells.codes[row]], more


def marks_with(table: RawTable, cell: str) -> str:
    """Return the option `missing` with this cell, and with the usual marks in the file, which it would replace."""
    return _option([cell, *_usual_marks(table)])


def marks_without(table: RawTable, cells: Cells) -> str:
    """Return the option `missing` with the usual marks in the file but those in one of its columns."""
    return _option([mark for mark in _usual_marks(table) if mark not in cells.marks])


def _usual_marks(table: RawTable) -> list[str]:
    return [mark for mark in MISSING_MARKERS if mark in table.marks]


def _option(marks: Iterable[str]) -> str:
    shown = ", ".join(json.dumps(mark, ensure_ascii=False) for mark in dict.fromkeys(marks))
    return f"`missing: [{shown}]`"
