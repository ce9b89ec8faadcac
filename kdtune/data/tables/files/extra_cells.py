"""Rows with more cells than the header has names: they end with a separator, or begin with a row name, as R's do."""

import csv
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kdtune.data.tables.cells import Codebook, tidy_name

Column = tuple[NDArray[np.int64], Codebook]
"""For each row the position of its raw cell, and the distinct cells."""

_ID = re.compile(r"(?i:(?:^|[\W_])(?:id|idx|index|nr|no|num|number|row|key)$)|[a-z]I[dD]$")
"""Usual names of a column that counts rows: if the header has such a column, rows need no further name."""


def ends_with_separators(columns: Sequence[Column], n_names: int) -> bool:
    """Tell whether in every row the cells without a name are empty.

    If the first cell is different in each row, it may also be a row name, and the last value missing.
    """
    codes, first = columns[0]
    extra = columns[n_names:]
    return bool(extra) and all(set(codebook) <= {""} for _, codebook in extra) and len(first) < len(codes)


def has_row_names(
    columns: Sequence[Column], names: Sequence[str], separator: str, sample: Sequence[str]
) -> bool:
    """Tell whether this is the form of R's write.table: each row begins with a row name, which the header lacks.

    A comma inside a text without quotes makes rows longer, too. So the row names must be in quotes, or the separator
    must not be a comma, or the row names must count the rows, with a blank after every comma or after none.

    Args:
        columns: raw.
        names: those of the header.
        separator: between cells.
        sample: the first lines of the file.
    """
    codes, first = columns[0]
    if len(columns) != len(names) + 1 or len(first) < len(codes) or set(columns[-1][1]) <= {""}:
        return False
    if separator in " \t" or all(line.startswith('"') for line in sample):
        return True
    rows = csv.reader(sample, delimiter=separator)
    blanks = {cell.startswith(" ") for row in rows for cell in row[1:]}
    return _counts_rows(columns[0]) and not _ID.search(tidy_name(names[0])) and len(blanks) == 1


def _counts_rows(column: Column) -> bool:
    """Tell whether a column counts the rows, starting with 0 or 1."""
    codes, codebook = column
    texts = list(codebook)
    return len(texts) == len(codes) and any(
        texts == [str(k) for k in range(start, start + len(texts))] for start in (0, 1)
    )
