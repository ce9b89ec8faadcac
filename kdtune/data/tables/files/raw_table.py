"""A table as text: its columns, the line of each row, and the columns that can't be used as they are."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from kdtune.data.tables.cells import Cells, Missing, tidy, tidy_name
from kdtune.data.tables.numbers import canonical
from kdtune.errors import DataError, did_you_mean

_MOST_NAMES = 30
"""A message lists no more columns than this."""

_ONE_COLUMN = "; if a character separates more columns in it, name that character under `separator`"

_YES, _NO = ("yes", "true", "on"), ("no", "false", "off")
"""What YAML reads as true and false, in whatever case."""

_PANDAS_NAME = re.compile(r"Unnamed: \d+(_level_\d+)?(\.\d+)*")
"""What pandas calls a column without a name. In a file, such a name belongs to an index that was written twice."""


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table as text.

    Attributes:
        path: the file, for messages; empty for a DataFrame.
        columns: the columns of plain values, by name; if two have the same name, the first.
        lines: the line of the file on which each row begins, int64 [n]; None if the rows have no lines.
        order: all names, each once, in the file's order.
        index: columns that are an index -> why.
        repeated: names of several columns -> the positions of these, from 1.
        unreadable: columns that hold no plain values -> what they hold.
        left_out: what else of the file is not used, each in a few words.
        doubt: what may be wrong with the header, to be said if a column is not found.
        marks: the marks of missing values that occur in the file.
        origins: the tables whose rows these are, one after the other, if several were joined.
    """

    path: str
    columns: Mapping[str, Cells]
    lines: NDArray[np.int64] | None = None
    order: tuple[str, ...] = ()
    index: Mapping[str, str] = field(default_factory=dict)
    repeated: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    doubt: str = ""
    marks: frozenset[str] = frozenset()
    origins: "tuple[RawTable, ...]" = ()

    def __len__(self) -> int:
        return next((len(cells) for cells in self.columns.values()), 0)

    def __getitem__(self, name: str) -> Cells:
        return self.columns[name]

    def take(self, rows: NDArray[np.int64]) -> "RawTable":
        """Return the table of these rows, in that order; their lines stay those of the file."""
        columns = {name: cells.take(rows) for name, cells in self.columns.items()}
        lines = None if self.lines is None else self.lines[rows]
        return replace(self, columns=columns, lines=lines, origins=())

    def at(self, row: int) -> str:
        """Return the place of row number `row` (from 0) for messages, which count rows and lines from 1."""
        for table in self.origins:
            if row < len(table):
                return table.at(row)
            row -= len(table)
        place = f"row {row + 1}" if self.lines is None else f"line {self.lines[row]} (row {row + 1})"
        return f"{self.path}, {place}" if self.path else place

    def require(self, names: Sequence[str], key: str) -> None:
        """Require that the columns named by an option exist, each once, and hold plain values.

        Raises:
            DataError: one does not; the message offers the nearest name, or the remedy.
        """
        self.require_there(names, key)
        for name in names:
            if name in self.repeated:
                raise DataError(
                    f"{self.prefix}{len(self.repeated[name])} columns are called {name!r} (columns "
                    f"{', '.join(map(str, self.repeated[name]))} of the file; blanks around names don't count): "
                    "rename or remove all but one"
                )
            if name in self.unreadable:
                raise DataError(
                    f"{self.prefix}column {name!r} holds {self.unreadable[name]}, not plain values: name it under "
                    "`drop`, or give each part a column"
                )

    def require_there(self, names: Sequence[str], key: str) -> None:
        """Require that the columns named by an option exist, whatever they hold.

        Raises:
            DataError: one does not; the message offers the nearest name.
        """
        for name in names:
            if name not in self.order:
                shown = ", ".join(self.order[:_MOST_NAMES]) + (", …" if len(self.order) > _MOST_NAMES else "")
                doubt = self.doubt or (_ONE_COLUMN if len(self.order) == 1 else "")
                raise DataError(
                    f"{self.prefix}there is no column {name!r}, named by {key!r}{did_you_mean(name, self.order)} "
                    f"(columns: {shown}){doubt}"
                )

    def named(self, asked: Sequence[object], key: str) -> list[str]:
        """Return the columns named by an option, in the file's spelling; see `spelled`.

        Raises:
            DataError: a truth value stands for no column, or for several.
        """
        names = []
        for name in (tidy_name(name) if isinstance(name, str) else name for name in asked):
            found = spelled(name, self.order)
            if found is None and isinstance(name, bool):
                raise DataError(
                    f"{self.prefix}{key!r} names {as_written(name)!r}, because YAML reads yes, no, on and off as true "
                    "and false: quote the column's name"
                )
            names.append(found or as_written(name))
        return names

    def only(self, names: Sequence[str]) -> "RawTable":
        """Return the table with only these columns, in this order."""
        columns = {name: self.columns[name] for name in names}
        return replace(self, columns=columns, order=tuple(names), index={}, repeated={}, unreadable={})

    @classmethod
    def joined(cls, tables: "Sequence[RawTable]", missing: Missing) -> "RawTable":
        """Return the rows of several tables as one; a column that one of them lacks is left out."""
        if len(tables) == 1:
            return tables[0]
        names = [name for name in tables[0].columns if all(name in table.columns for table in tables)]
        cells = [
            Cells.of_texts([text for table in tables for text in table[name].texts()], missing)
            for name in names
        ]
        return replace(cls.named_columns("", names, cells), origins=tuple(tables))

    def marked(self, missing: Missing, but: str) -> "RawTable":
        """Return the table with the marks of missing values in all columns but one, if it was read without any."""
        columns = {
            name: cells if name == but else Cells.of(cells.codes, cells.values, missing)
            for name, cells in self.columns.items()
        }
        marks = frozenset(mark for cells in columns.values() for mark in cells.marks)
        return replace(self, columns=columns, marks=marks)

    def contents(self, names: Sequence[str]) -> list[tuple[str | None, ...]]:
        """Return what each row holds in some columns, equal numbers in one spelling."""
        columns = (self.columns[name].renamed(lambda text: canonical(text) or text).texts() for name in names)
        return list(zip(*columns, strict=True))

    @property
    def prefix(self) -> str:
        """The beginning of a message: the file; empty for a DataFrame."""
        return f"{self.path}: " if self.path else ""

    @classmethod
    def named_columns(
        cls,
        path: str,
        names: Sequence[str],
        cells: Sequence[Cells | str],
        *,
        index: Mapping[int, str] | None = None,
        lines: NDArray[np.int64] | None = None,
        left_out: Sequence[str] = (),
        doubt: str = "",
    ) -> "RawTable":
        """Make a table of columns, given in the file's order.

        Args:
            path: of the file, or empty.
            names: raw; a column without a name is an index.
            cells: of each column; or what the column holds, if that is not plain values.
            index: positions of further columns that are an index -> why.
            lines: see the class.
            left_out: see the class.
            doubt: see the class.
        """
        columns: dict[str, Cells] = {}
        unreadable: dict[str, str] = {}
        places: dict[str, list[int]] = {}
        indices: dict[str, str] = {}
        reasons, extra = dict(index or {}), list(left_out)
        for position, (raw, column) in enumerate(zip(names, cells, strict=True)):
            name = tidy_name(raw)
            if not name:
                if isinstance(column, Cells) and not column.values:
                    extra.append(f"column {position + 1} (no name, no values)")
                    continue
                name = _free_name(position, {tidy_name(other) for other in names})
                reasons.setdefault(position, "index" if position == 0 else "no name")
            elif is_nameless(name):
                reasons.setdefault(position, "index")
            places.setdefault(name, []).append(position + 1)
            if position in reasons:
                indices[name] = reasons[position]
            if isinstance(column, Cells):
                columns.setdefault(name, column)
            else:
                unreadable.setdefault(name, column)
        repeated = {name: tuple(found) for name, found in places.items() if len(found) > 1}
        marks = frozenset(mark for column in columns.values() for mark in column.marks)
        return cls(
            path, columns, lines, tuple(places), indices, repeated, unreadable, tuple(extra), doubt, marks
        )


def is_nameless(name: str) -> bool:
    """Tell whether a name is that of a column without one."""
    return _PANDAS_NAME.fullmatch(name) is not None


def _free_name(position: int, taken: Collection[str]) -> str:
    name = f"Unnamed: {position}"
    while name in taken:
        name += ".1"
    return name


def as_written(asked: object) -> str:
    """Return a value from a YAML file as text."""
    return tidy(str(asked)) if not isinstance(asked, bool) else str(asked).lower()


def spelled(asked: object, known: Sequence[str], decimal: str = ".") -> str | None:
    """Return the known text that a value from a YAML file stands for, or None.

    YAML reads `yes`, `no`, `on` and `off` as truth values, and `1.0` as a number. Such a value stands for a text if
    YAML would read exactly one of the known texts as this value.
    """
    if isinstance(asked, bool):
        same = [name for name in known if name.lower() in (_YES if asked else _NO)]
    else:
        text = as_written(asked)
        if text in known:
            return text
        value = canonical(text, decimal)
        same = [
            name
            for name in known
            if value is not None and value in (canonical(name), canonical(name, decimal))
        ]
    return same[0] if len(same) == 1 else None
