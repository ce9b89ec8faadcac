"""Reads delimited text such as CSV strictly: what can't be read for certain is refused with its line."""

import csv
import gc
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from kdtune.data.tables.cells import Cells, Codebook, tidy_name
from kdtune.data.tables.files.encoding import check_encoding, is_utf_8, undecodable
from kdtune.data.tables.files.extra_cells import Column, ends_with_separators, has_row_names
from kdtune.data.tables.files.form import Form
from kdtune.data.tables.files.hints import comment_mark, no_header, other_separator, quoted
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.errors import DataError
from kdtune.files import open_regular

_CHUNK = 10_000
"""How many rows are held as Python texts at a time."""

_SAMPLE_LINES = 20
_EXCEL = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""A first line that tells Excel the separator."""

_LINE_END = re.compile(r"\r\n|\r|\n")

_WHY = {
    "unexpected end of data": "a quote opens here and never closes",
    "field larger": "a cell is longer than 131,072 characters: is a quote that opens here never closed?",
    "expected after": "text follows the closing quote of a cell: double quotes inside a cell, leave no blank after it",
}
"""Messages of Python's reader, in other words."""


def read_delimited(file: Path, form: Form) -> RawTable:
    """Read a text file, every cell as text.

    Raises:
        DataError: the file is not written in this form, rows differ in their number of cells, or there are none. The
            message names the line, and the option that may help.
    """
    check_encoding(file, form.encoding)
    encoding = "utf-8-sig" if is_utf_8(form.encoding) else form.encoding
    try:
        with TextIOWrapper(open_regular(file), encoding, newline="") as text, _no_collection():
            sample = [
                line.strip() for _, line in zip(range(_SAMPLE_LINES), text, strict=False) if line.strip()
            ]
            text.seek(0)
            return _Reader(file, form, sample).read(text)
    except UnicodeError:
        raise DataError(undecodable(file, form.encoding)) from None


@contextmanager
def _no_collection() -> Iterator[None]:
    """Stop Python from searching for reference cycles: rows have none, and the search takes longer than reading."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


_Row = tuple[int, list[str]]
"""The line on which a row begins, and its cells."""


def _without_blanks(line: str) -> str:
    """Return a line without blanks at its ends, but with its line break."""
    content = line.rstrip("\r\n")
    return content.strip(" ") + line[len(content) :]


class _Reader:
    """Reads one file.

    Attributes:
        sample: the first lines.
        skipped: number of lines so far that are not part of a row.
        comments: number of comment lines.
        empty: number of rows without any value.
    """

    def __init__(self, file: Path, form: Form, sample: Sequence[str]) -> None:
        self.file = file
        self.form = form
        self.separator = form.separator_of(file.suffix)
        self.sample = sample
        self.skipped = self.comments = self.empty = 0

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
            doubt=no_header(names, first[1], self.form.decimal) if self.form.header else "",
        )

    def lines(self, text: TextIO) -> Iterator[str]:
        """Return the lines without comments and without Excel's hint."""
        first = text.readline().removeprefix("\ufeff")
        if hint := _EXCEL.fullmatch(first):
            if hint.group(1) != self.separator:
                raise self.refused(
                    1, f"this hint names the separator: set `separator: {quoted(hint.group(1))}`"
                )
            self.skipped = 1
        lines = chain([] if hint else [first], text)
        return lines if self.form.comment is None and self.separator != " " else self.cleaned(lines)

    def cleaned(self, lines: Iterable[str]) -> Iterator[str]:
        """Leave out comments; and blanks around lines, if blanks are the separator."""
        comment, strip = self.form.comment, self.separator == " "
        for line in lines:
            if comment is not None and line.startswith(comment):
                self.comments += 1
                self.skipped += 1
            else:
                yield _without_blanks(line) if strip else line

    def rows(self, text: TextIO) -> Iterator[_Row]:
        """Yield the rows with a value; rows without one are counted, except for blank lines."""
        reader = csv.reader(self.lines(text), delimiter=self.separator, skipinitialspace=True, strict=True)
        before = 0
        try:
            for cells in reader:
                used, before = reader.line_num - before, reader.line_num
                if cells and (cells[0].strip() or any(map(str.strip, cells))):
                    line = before + self.skipped - used + 1
                    if used > 1:
                        self.check_swallowed(line, cells)
                    yield line, cells
                elif len(cells) > 1:
                    self.empty += 1
        except csv.Error as error:
            why = next((why for start, why in _WHY.items() if start in str(error)), str(error))
            hint = other_separator(self.sample, self.separator)
            raise self.refused(before + self.skipped + 1, why + hint) from None

    def check_swallowed(self, line: int, cells: Sequence[str]) -> None:
        """Refuse a cell that holds whole rows, because a quote opens in one row and closes in another."""
        for position, cell in enumerate(cells):
            first, *inner = (part.count(self.separator) for part in _LINE_END.split(cell))
            if not inner or len(cells) < 2:
                continue
            *whole, last = inner
            most = len(cells) - 1
            if first == most - position and last == position and all(count == most for count in whole):
                raise self.refused(
                    line,
                    f"a quote opens here and closes {len(inner)} line{'s' if len(inner) > 1 else ''} later, so that it "
                    "swallows rows: remove it, or double it",
                )

    def header(self, rows: Iterator[_Row]) -> tuple[list[str], _Row]:
        """Return the names, and the first row of data."""
        header = next(rows, None)
        if header is None:
            raise DataError(f"{self.file}: cannot be read as a table: it is empty")
        line, cells = header
        if not self.form.header:
            names = list(self.form.columns or ())
            if [tidy_name(cell) for cell in cells] == names:
                raise self.refused(line, "this is a header: leave out `header: none` and `columns`")
            self.check_width(header, names)
            return names, header
        if len(cells) == 1 and (hint := other_separator(self.sample, self.separator)):
            raise self.refused(line, f"there is no {quoted(self.separator)} in it{hint}")
        first = next(rows, None)
        if first is None:
            raise DataError(f"{self.file}: the table has no rows")
        return cells, first

    def columns(
        self, rows: Iterator[_Row], first: _Row, names: Sequence[str]
    ) -> tuple[list[Column], NDArray[np.int64]]:
        """Read all rows; return the raw columns, and the line of each row."""
        width = len(first[1])
        codebooks = [Codebook() for _ in range(width)]
        parts: list[list[NDArray[np.int64]]] = [[] for _ in range(width)]
        lines, chunk = [first[0]], [first[1]]

        def flush() -> None:
            for codebook, part, column in zip(codebooks, parts, zip(*chunk, strict=True), strict=True):
                part.append(codebook.codes(column))
            chunk.clear()

        for line, cells in rows:
            if len(cells) != width:
                self.check_width(first, names)
                self.check_width((line, cells), names)
            lines.append(line)
            chunk.append(cells)
            if len(chunk) == _CHUNK:
                flush()
        if chunk:
            flush()
        columns = [(np.concatenate(part), codebook) for part, codebook in zip(parts, codebooks, strict=True)]
        self.check_zeros(columns, lines)
        self.check_header_again(columns, lines, names)
        if not (
            ends_with_separators(columns, len(names))
            or has_row_names(columns, names, self.separator, self.sample)
        ):
            self.check_width(first, names)
        return columns, np.array(lines, dtype=np.int64)

    def check_zeros(self, columns: Sequence[Column], lines: Sequence[int]) -> None:
        """Refuse a zero byte in a cell."""
        for codes, codebook in columns:
            wrong = next((code for text, code in codebook.items() if "\0" in text), None)
            if wrong is not None:
                line = lines[int(np.argmax(codes == wrong))]
                raise self.refused(
                    line, "a zero byte: if the file is text, set its `encoding`, such as utf-16-le"
                )

    def check_header_again(
        self, columns: Sequence[Column], lines: Sequence[int], names: Sequence[str]
    ) -> None:
        """Refuse a row that repeats the header, as where files were joined; blanks and byte-order marks don't count."""
        same = np.ones(len(lines), dtype=bool)
        named = zip(columns, names, strict=False)
        # Tidying a million values takes a second: columns with few come first, and only what holds the name is tidied.
        for (codes, codebook), raw in sorted(named, key=lambda item: len(item[0][1])):
            name = tidy_name(raw)
            found = [
                k for text, k in codebook.items() if text == raw or (name in text and tidy_name(text) == name)
            ]
            same &= np.isin(codes, found)
            if not same.any():
                return
        raise self.refused(lines[int(np.argmax(same))], "this repeats the header: remove it")

    def check_width(self, row: _Row, names: Sequence[str]) -> None:
        """Refuse a row if its number of cells is not the number of names."""
        line, cells = row
        if len(cells) == len(names):
            return
        if not self.form.header:
            source = f"`columns` names {len(names)}"
        elif len(names) == 1:
            source = f"the header names one column ({tidy_name(names[0])!r}): remove that line if it is not the header"
        else:
            source = f"the header names {len(names)} columns"
        raise self.refused(
            line,
            f"{len(cells)} cell{'s' if len(cells) != 1 else ''}, but {source}"
            + (
                (self.form.header and comment_mark(names[0]))
                or comment_mark(cells[0])
                or other_separator(self.sample, self.separator)
            ),
        )

    def refused(self, line: int, why: str) -> DataError:
        return DataError(f"{self.file}: cannot be read as a table: line {line}: {why}")
