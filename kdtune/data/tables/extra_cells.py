"""Rows with more cells than the header has names: a separator at their ends, or a name before each, as R writes it."""

import csv
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kdtune.data.tables.cells import Codebook, tidy

Column = tuple[NDArray[np.int64], Codebook]
"""Each row's raw cell as a number, and the cells."""

_ID = re.compile(r"(?i:(?:^|[\W_])(?:id|idx|index|nr|no|num|number|row|key)$)|[a-z]I[dD]$")
"""What columns that count rows are called: where the header has one, rows need no further name."""


def ends_with_separators(columns: Sequence[Column], n_names: int) -> bool:
    """Tell whether every row has empty cells behind those that have names.

    Where the first cell is another in each row, it may as well be the name of a row whose last value is missing.
    """
    codes, first = columns[0]
    extra = columns[n_names:]
    return bool(extra) and all(set(codebook) <= {""} for _, codebook in extra) and len(first) < len(codes)


def has_row_names(
    columns: Sequence[Column], names: Sequence[str], separator: str, sample: Sequence[str]
) -> bool:
    """Tell whether it is the form of R's write.table: each row begins with a name that the header lacks.

    A comma that is part of a text without quotes makes rows longer, too. So the names must be in quotes, or be
    separated by something that is no comma, or count the rows, while no comma is followed by a blank, or each is.

    Args:
        columns: raw.
        names: the header.
        separator: between cells.
        sample: the first lines.
    """
    codes, first = columns[0]
    if len(columns) != len(names) + 1 or len(first) < len(codes) or set(columns[-1][1]) <= {""}:
        return False
    if separator in " \t" or all(line.startswith('"') for line in sample):
        return True
    rows = csv.reader(sample, delimiter=separator)
    blanks = {cell.startswith(" ") for row in rows for cell in row[1:]}
    return _counts_rows(columns[0]) and not _ID.search(tidy(names[0])) and len(blanks) == 1


def _counts_rows(column: Column) -> bool:
    """Tell whether a column counts the rows, from 0 or 1."""
    codes, codebook = column
    texts = list(codebook)
    return len(texts) == len(codes) and any(
        texts == [str(k) for k in range(start, start + len(texts))] for start in (0, 1)
    )
