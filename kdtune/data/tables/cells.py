"""A column of a table as text: its distinct values, and for each row the position of its value among them."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kdtune.data.tables.numbers import canonical, numbers

MISSING_MARKERS = (
    "?", "MissingValue", "NaT",
    # These are the marks of pandas.read_csv.
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""What stands for a missing value in many tables, besides the empty cell."""

_INVISIBLE = "\ufeff\u200b\u200e\u200f"
"""A byte-order mark, a zero-width space, direction marks: programs leave them at the ends of cells."""


_LINE_BREAKS = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]\s*")


def tidy(text: str) -> str:
    """Return a cell without blanks around it, in Unicode's composed form (NFC)."""
    text = text.strip()
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text.strip(_INVISIBLE).strip())


def tidy_name(text: str) -> str:
    """Return a column's name, tidy, on one line: a line break in it, as in Excel's headers, becomes a blank."""
    return _LINE_BREAKS.sub(" ", tidy(text))


class Missing:
    """Recognises the marks of missing values; a mark that is a number is matched by value."""

    def __init__(self, markers: Iterable[object] = MISSING_MARKERS, decimal: str = ".") -> None:
        self._texts = {"", *(tidy(str(marker)) for marker in markers)}
        self._numbers = {value for text in self._texts if (value := canonical(text, decimal)) is not None}
        self._decimal = decimal

    def __call__(self, text: str) -> bool:
        """Tell whether a tidy cell is a mark of a missing value, or empty."""
        return text in self._texts or (
            bool(self._numbers) and canonical(text, self._decimal) in self._numbers
        )


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a column.

    Attributes:
        codes: int64 [n], positions in `values`, -1 where the value is missing.
        values: the distinct cells, tidy, in the order of their first row; after `take`, some may not occur.
        marks: the marks of missing values that occur.
        parsed: decimal sign -> what `numbers` returns, computed once.
    """

    codes: NDArray[np.int64]
    values: tuple[str, ...]
    marks: tuple[str, ...] = ()
    parsed: dict[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, codes: NDArray[np.int64], values: Sequence[str], missing: Missing) -> Self:
        """Make a column from raw texts and each row's position among them, -1 where it is missing."""
        codebook, marks = Codebook(), []
        positions = np.full(len(values) + 1, -1, dtype=np.int64)
        for position, value in enumerate(map(tidy, values)):
            if not missing(value):
                positions[position] = codebook[value]
            elif value:
                marks.append(value)
        return cls(positions[codes], tuple(codebook), tuple(marks))

    @classmethod
    def of_texts(cls, texts: Iterable[str | None], missing: Missing) -> Self:
        """Make a column from each row's raw text."""
        codebook = Codebook()
        raw = list(texts)
        codes = codebook.codes(["" if text is None else text for text in raw])
        return cls.of(codes, list(codebook), missing)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.int64]) -> "Cells":
        """Return the cells of these rows, in that order."""
        return replace(self, codes=self.codes[rows])

    def texts(self) -> list[str | None]:
        """Return each row's cell, None where it is missing."""
        values = np.array([*self.values, None], dtype=object)
        texts: list[str | None] = values[self.codes].tolist()
        return texts

    def renamed(self, rename: "Callable[[str], str | None]") -> "Self":
        """Return the column with each value renamed; equal names become one value, None becomes missing."""
        codebook = Codebook()
        names = [rename(value) for value in self.values]
        table = np.array([-1 if name is None else codebook[name] for name in names] + [-1], dtype=np.int64)
        return replace(self, codes=table[self.codes], values=tuple(codebook), parsed={})

    def by_value(self, decimal: str = ".") -> "Cells":
        """Return the column with equal numbers as one value, if all its values are numbers."""
        names = [canonical(value, decimal) for value in self.present]
        return self if None in names else self.renamed(lambda value: canonical(value, decimal))

    def numbers(self, decimal: str = ".") -> NDArray[np.float64]:
        """Return the number of each value, float64 [len(values) + 1]; NaN if it is none.

        The last entry is NaN, for code -1: `numbers[codes]` holds the number of each row.
        """
        if decimal not in self.parsed:
            self.parsed[decimal] = np.append(numbers(self.values, decimal), np.nan)
        return self.parsed[decimal]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of rows of each value, int64 [len(values)]."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))

    @property
    def present(self) -> list[str]:
        """The values that occur."""
        return [value for value, count in zip(self.values, self.counts, strict=True) if count]

    @property
    def n_missing(self) -> int:
        """Number of rows without a value."""
        return int((self.codes < 0).sum())

    def first_row(self, is_sought: "Callable[[str], bool]") -> int:
        """Return the first row with a value that is sought; there must be one."""
        sought = np.array([is_sought(value) for value in self.values] + [False])
        return int(np.argmax(sought[self.codes]))


class Codebook(dict[str, int]):
    """Numbers texts in the order in which they are first looked up."""

    def __missing__(self, text: str) -> int:
        self[text] = code = len(self)
        return code

    def codes(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return the number of each text."""
        return np.fromiter(map(self.__getitem__, texts), dtype=np.int64, count=len(texts))
