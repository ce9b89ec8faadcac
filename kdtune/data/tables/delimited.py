"""Delimited text (CSV and its kin), read strictly: what can't be read for sure is refused with its line."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from kdtune.data.tables.cells import Cells, Codebook, tidy
from kdtune.data.tables.encoding import check_encoding, undecodable
from kdtune.data.tables.extra_cells import Column, ends_with_separators, has_row_names
from kdtune.data.tables.form import UTF_8, Form
from kdtune.data.tables.hints import no_header, other_separator, quoted
from kdtune.data.tables.raw_table import RawTable
from kdtune.errors import DataError

_CHUNK = 10_000
"""Rows that are held as Python texts at a time."""

_SAMPLE_LINES = 20
_EXCEL = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""A first line with which Excel is told the separator."""

_LINE_END = re.compile(r"\r\n|\r|\n")

_WHY = {
    "unexpected end of data": "a quote opens here and never closes",
    "field larger": "a cell is longer than 131,072 characters: does a quote open here and never close?",
    "expected after": "a cell goes on behind its closing quote: write a quote inside a cell twice, and no blank behind",
}
"""What Python's reader says, in other words."""


def read_delimited(file: Path, form: Form) -> RawTable:
    """Read a text file of cells, every cell as text.

    Raises:
        DataError: the file is not written in this form, naming the line and the option that may help; or two rows
            have a different number of cells, or there are none.
    """
    check_encoding(file, form.encoding)
    encoding = "utf-8-sig" if form.encoding.lower() in UTF_8 else form.encoding
    try:
        with open(file, encoding=encoding, newline="") as text:
            sample = [
                line.strip() for _, line in zip(range(_SAMPLE_LINES), text, strict=False) if line.strip()
            ]
            text.seek(0)
            return _Reader(file, form, sample).read(text)
    except UnicodeError:
        raise DataError(undecodable(file, form.encoding)) from None


class _Row(NamedTuple):
    line: int
    cells: list[str]


class _Reader:
    """Reads one file.

    Attributes:
        sample: its first lines.
        line: the last one read, from 1.
        comments: lines left out.
        empty: rows left out because no cell holds anything.
    """

    def __init__(self, file: Path, form: Form, sample: Sequence[str]) -> None:
        self.file = file
        self.form = form
        self.separator = form.separator_of(file.suffix)
        self.sample = sample
        self.line = self.comments = self.empty = 0

    def read(self, text: TextIO) -> RawTable:
        rows = self.rows(text)
        names, first = self.header(rows)
        columns, lines = self.columns(rows, first, names)
        left_out = []
        if len(columns) > len(names):
            if ends_with_separators(columns, len(names)):
                columns = columns[: len(names)]
                left_out.append("the empty cell at each row's end")
            else:
                columns = columns[1:]
                left_out.append("the row names")
        for count, what in ((self.comments, "comment line"), (self.empty, "empty row")):
            if count:
                left_out.append(f"{count} {what}{'s' if count > 1 else ''}")
        missing = self.form.is_missing()
        return RawTable.named_columns(
            str(self.file),
            names,
            [Cells.of(codes, list(codebook), missing) for codes, codebook in columns],
            lines=lines,
            left_out=left_out,
            doubt=no_header(names, first.cells, self.form.decimal) if self.form.header else "",
        )

    def lines(self, text: TextIO) -> Iterator[str]:
        """Yield the lines that are no comments."""
        comment, strip = self.form.comment, self.separator == " "
        for raw in text:
            self.line += 1
            if "\0" in raw:
                raise self.refused(
                    self.line, "a byte of zero: if it is text, set its `encoding`, as utf-16-le"
                )
            line = raw.removeprefix("\ufeff") if self.line == 1 else raw
            if self.line == 1 and (hint := _EXCEL.fullmatch(line)):
                if hint.group(1) != self.separator:
                    raise self.refused(1, f"it says how to read it: set `separator: {quoted(hint.group(1))}`")
            elif comment is not None and line.startswith(comment):
                self.comments += 1
            else:
                yield line.strip(" ") if strip else line

    def rows(self, text: TextIO) -> Iterator[_Row]:
        """Yield the rows that hold something; others are counted if they are more than a blank line."""
        reader = csv.reader(self.lines(text), delimiter=self.separator, skipinitialspace=True, strict=True)
        read = begun = 0
        try:
            for cells in reader:
                used, read = reader.line_num - read, reader.line_num
                line, begun = self.line - used + 1, self.line
                if any(map(str.strip, cells)):
                    if used > 1:
                        self.check_swallowed(line, cells)
                    yield _Row(line, cells)
                elif len(cells) > 1:
                    self.empty += 1
        except csv.Error as error:
            why = next((why for start, why in _WHY.items() if start in str(error)), str(error))
            raise self.refused(begun + 1, why + other_separator(self.sample, self.separator)) from None

    def check_swallowed(self, line: int, cells: Sequence[str]) -> None:
        """Refuse a cell that holds whole rows: a quote opened in one and closed in another."""
        for position, cell in enumerate(cells):
            _, *inner = _LINE_END.split(cell)
            if not inner or len(cells) < 2:
                continue
            *whole, last = (part.count(self.separator) for part in inner)
            if last == position and all(count == len(cells) - 1 for count in whole):
                raise self.refused(
                    line,
                    f"a quote opens here and closes {len(inner)} line{'s' if len(inner) > 1 else ''} on, with rows "
                    "between: take it out, or write it twice",
                )

    def header(self, rows: Iterator[_Row]) -> tuple[list[str], _Row]:
        """Return the names, and the first row of data."""
        header = next(rows, None)
        if header is None:
            raise DataError(f"{self.file}: cannot be read as a table: it is empty")
        if not self.form.header:
            names = list(self.form.columns or ())
            if [tidy(cell) for cell in header.cells] == names:
                raise self.refused(header.line, "it is a header: leave out `header: none` and `columns`")
            self.check_width(header, names)
            return names, header
        if len(header.cells) == 1 and (hint := other_separator(self.sample, self.separator)):
            raise self.refused(header.line, f"there is no {quoted(self.separator)} in it{hint}")
        first = next(rows, None)
        if first is None:
            raise DataError(f"{self.file}: the table has no rows")
        return header.cells, first

    def columns(
        self, rows: Iterator[_Row], first: _Row, names: Sequence[str]
    ) -> tuple[list[Column], NDArray[np.int64]]:
        """Read all rows; return the raw columns, and the line of each row."""
        width = len(first.cells)
        codebooks = [Codebook() for _ in range(width)]
        parts: list[list[NDArray[np.int64]]] = [[] for _ in range(width)]
        lines, chunk = [first.line], [first.cells]

        def flush() -> None:
            for codebook, part, column in zip(codebooks, parts, zip(*chunk, strict=True), strict=True):
                part.append(codebook.codes(column))
            chunk.clear()

        for row in rows:
            if len(row.cells) != width:
                self.check_width(first, names)
                self.check_width(row, names)
            if row.cells == names:
                raise self.refused(row.line, "it repeats the header: take it out")
            lines.append(row.line)
            chunk.append(row.cells)
            if len(chunk) == _CHUNK:
                flush()
        if chunk:
            flush()
        columns = [(np.concatenate(part), codebook) for part, codebook in zip(parts, codebooks, strict=True)]
        if not (
            ends_with_separators(columns, len(names))
            or has_row_names(columns, names, self.separator, self.sample)
        ):
            self.check_width(first, names)
        return columns, np.array(lines, dtype=np.int64)

    def check_width(self, row: _Row, names: Sequence[str]) -> None:
        """Refuse a row with another number of cells than there are names."""
        if len(row.cells) == len(names):
            return
        if not self.form.header:
            source = f"`columns` names {len(names)}"
        elif len(names) == 1:
            source = f"the header names one column ({tidy(names[0])!r}): take it out if it is no header"
        else:
            source = f"the header names {len(names)} columns"
        raise self.refused(
            row.line,
            f"{len(row.cells)} cell{'s' if len(row.cells) != 1 else ''}, but {source}"
            + other_separator(self.sample, self.separator),
        )

    def refused(self, line: int, why: str) -> DataError:
        return DataError(f"{self.file}: cannot be read as a table: line {line}: {why}")
