"""How a table is written as text: separator, encoding, decimal sign, header, comments, missing values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kdtune.data.tables.cells import MISSING_MARKERS, Missing, tidy_name
from kdtune.errors import DataError

DecimalSign = Literal[".", ","]

Header = Literal["first", "none"] | bool | None
"""Whether the first line names the columns: `first` or true if it does; `none`, false or nothing if not."""

_SPELLED_OUT = {"\\t": "\t", "tab": "\t", "blank": " ", "space": " ", "comma": ",", "semicolon": ";"}
"""Other ways to write a separator."""


OF_TEXT = ("separator", "encoding", "header", "columns", "comment")
"""What says how delimited text is written, and nothing of other files: those too may hold text with decimal commas."""


@dataclass(frozen=True)
class Form:
    """How to read a table's cells.

    Attributes:
        separator: one character; a blank stands for one or more. None: a tab in .tsv and .tab files, else a comma.
        encoding: Python's name of it.
        decimal: the decimal sign, `.` or `,`.
        header: whether the first line names the columns.
        columns: their names if it does not.
        comment: lines that begin with this text are left out.
        missing: the marks of a missing value, besides the empty cell.
    """

    separator: str | None = None
    encoding: str = "utf-8"
    decimal: DecimalSign = "."
    header: bool = True
    columns: tuple[str, ...] | None = None
    comment: str | None = None
    missing: tuple[str, ...] = MISSING_MARKERS

    @classmethod
    def checked(
        cls,
        *,
        separator: str | None,
        encoding: str,
        decimal: DecimalSign,
        header: Header,
        columns: Sequence[object] | None,
        comment: str | None,
        missing: Sequence[object],
    ) -> "Form":
        """Make it from the options of a loader.

        Raises:
            DataError: an option has no such value, or two contradict each other.
        """
        has_header = header in (True, "first")
        if separator is not None:
            separator = _SPELLED_OUT.get(separator, separator)
            if len(separator) != 1 or separator in '\r\n"':
                raise DataError(f'separator: {separator!r} is not one character: write ";", "|" or "\\t"')
        if separator == "." or (separator is not None and separator.isalnum()):
            raise DataError(f"separator: {separator!r} is a character of the cells themselves")
        try:
            "".encode(encoding)
        except (LookupError, ValueError):
            raise DataError(
                f"encoding: {encoding!r} is unknown: write utf-8, latin-1, cp1252, utf-16 or another of Python's"
            ) from None
        if comment is not None and not comment.strip():
            raise DataError('comment: write what comment lines begin with, as in `comment: "#"`')
        names = None if columns is None else tuple(tidy_name(str(name)) for name in columns)
        if has_header and names is not None:
            raise DataError(
                "columns: the first line already names them: leave `columns` out, or set `header: none` as well"
            )
        if not has_header and not names:
            raise DataError("header: none: name the columns in their order: `columns: [age, job, …]`")
        for name in names or ():
            if not name or (names or ()).count(name) > 1:
                raise DataError(f"columns: {name!r} {'is named twice' if name else 'is not a name'}")
        marks = tuple(str(mark) for mark in missing)
        return cls(separator, encoding, decimal, has_header, names, comment, marks)

    def separator_of(self, suffix: str) -> str:
        """Return the separator of a file with this suffix."""
        return self.separator or ("\t" if suffix.lower() in (".tsv", ".tab") else ",")

    def is_missing(self) -> Missing:
        """Return the test for missing values."""
        return Missing(self.missing, self.decimal)

    def without_marks(self) -> "Form":
        """Return the same, but that nothing except the empty cell is missing."""
        return replace(self, missing=())

    def sparing(self, names: Iterable[str]) -> "Form":
        """Return the same, but that no name of a class or group stands for a missing value."""
        names = set(names)
        return replace(self, missing=tuple(mark for mark in self.missing if mark not in names))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON, without the marks of missing values."""
        return {
            "separator": self.separator,
            "encoding": self.encoding,
            "decimal": self.decimal,
            "header": self.header,
            "columns": None if self.columns is None else list(self.columns),
            "comment": self.comment,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], missing: Sequence[str]) -> "Form":
        """Rebuild it from `to_dict`; what is not there has its default."""
        columns = state.get("columns")
        known = {**state, "columns": None if columns is None else tuple(columns)}
        return replace(cls(missing=tuple(missing)), **known)


OF_PROGRAMS = Form(missing=("nan", "NaN", "NaT", "<NA>"))
"""Of values that a program holds: what is missing is None there, or what numpy and pandas make of that as a text."""
