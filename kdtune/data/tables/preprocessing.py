"""From columns of a table to float32 features: fitted on training rows, kept as plain JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kdtune.data.tables.cells import Cells
from kdtune.data.tables.files.form import Form
from kdtune.data.tables.files.raw_table import RawTable
from kdtune.data.tables.kinds import MOST_CATEGORIES, is_number_column
from kdtune.data.tables.numbers import canonical
from kdtune.errors import DataError
from kdtune.memory import check_memory

if TYPE_CHECKING:
    import pandas as pd


_FAR = 10.0
"""Standard deviations of a column in train by which its median elsewhere may be another."""

_LARGEST = 1e30
"""Beyond this, float32 ends soon."""

_MANY_UNKNOWN = 0.01
"""Share of rows with values that train has not, below which nothing is said."""


@dataclass(frozen=True)
class Number:
    """A numeric column: missing values become the median, then `(x - mean) / scale`.

    Attributes:
        blank: whether values were missing in train; students of earlier versions do not know.
    """

    name: str
    median: float
    mean: float
    scale: float
    blank: bool = True

    @property
    def new_blanks(self) -> str:
        """What missing values are read as, for people; empty where train has some."""
        return "" if self.blank else f"its median, {self.median:g}"


@dataclass(frozen=True)
class Category:
    """A categorical column: one 0/1 feature a category; the category "" stands for a missing value.

    Any other value has zeros everywhere; with `rest`, a last feature takes it and the infrequent ones.
    """

    name: str
    categories: tuple[str, ...]
    rest: bool

    @property
    def width(self) -> int:
        """Number of features."""
        return len(self.categories) + self.rest

    @property
    def new_blanks(self) -> str:
        """What missing values are read as, for people; empty where train has some, or `rest` takes them."""
        return "" if self.rest or "" in self.categories else "none of its values"


@dataclass(frozen=True)
class TablePreprocessing:
    """Turns raw columns into features; `fit` it on training rows, or rebuild it with `from_dict`.

    Attributes:
        form: how cells are read, in training and when a student predicts.
    """

    columns: tuple[Number | Category, ...]
    form: Form = field(default_factory=Form)

    @classmethod
    def fit(
        cls,
        table: "RawTable | pd.DataFrame",
        rows: NDArray[np.int64] | None = None,
        *,
        categorical: Sequence[str] = (),
        min_frequency: int | None = None,
        form: Form | None = None,
    ) -> "TablePreprocessing":
        """Fit every column: columns of numbers as numbers, unless they are named in `categorical`.

        Args:
            table: features are made of all its columns.
            rows: the rows to fit on, int64; default: all. Whether a column holds numbers is decided on all rows.
            categorical: columns of numbers that are codes.
            min_frequency: categories with fewer rows are joined into one feature.
            form: how cells are read.

        Raises:
            DataError: a column has no value in these rows, has too many values for categories, or holds both numbers
                and texts.
        """
        form = form or Form()
        table = _as_table(table, form)
        table.require(table.order, "features")
        columns: list[Number | Category] = []
        for name in table.order:
            is_number = name not in categorical and is_number_column(table, name, form.decimal)
            cells = table[name] if is_number else table[name].by_value(form.decimal)
            fitted = cells if rows is None else cells.take(rows)
            if not fitted.present:
                raise DataError(f"{table.prefix}column {name!r} has no value in train: add it to `drop`")
            if is_number:
                columns.append(_fit_number(name, fitted.numbers(form.decimal)[fitted.codes]))
            else:
                columns.append(_fit_category(name, fitted, min_frequency))
        return cls(tuple(columns), form)

    @property
    def feature_names(self) -> list[str]:
        """One name a feature: the column's, or `column=category`."""
        names: list[str] = []
        for column in self.columns:
            if isinstance(column, Number):
                names.append(column.name)
            else:
                names += [f"{column.name}={category or '(missing)'}" for category in column.categories]
                names += [f"{column.name}=(rest)"] if column.rest else []
        return names

    def check(self, table: RawTable) -> None:
        """Check that another table has the same columns, and numbers in those that held numbers in training.

        Raises:
            DataError: as `transform`.
        """
        table.require([column.name for column in self.columns], "features")
        for column in self.columns:
            if isinstance(column, Number):
                self._numbers(table, column.name)

    def strange(self, table: RawTable) -> list[str]:
        """Return a line for each column whose cells are not like those in train, though they can be read.

        Args:
            table: has the columns, with numbers where they belong: see `check`.
        """
        lines: list[str] = []
        n = len(table)
        for column in self.columns if n else ():
            cells = table[column.name]
            if cells.n_missing == n:
                lines.append(f"column {column.name!r} is blank in every row")
                continue
            if cells.n_missing and column.new_blanks:
                lines.append(
                    f"column {column.name!r} is blank in {cells.n_missing:,} of {n:,} rows, and never is in train: "
                    f"blank cells are read as {column.new_blanks}"
                )
            if isinstance(column, Number):
                numbers = self._numbers(table, column.name)
                median = float(np.nanmedian(numbers))
                if abs(median - column.mean) > _FAR * column.scale:
                    lines.append(
                        f"column {column.name!r} has a median of {median:g}, far from that in train, "
                        f"{column.median:g}: is it in another unit?"
                    )
            elif not column.rest:
                unknown = self._positions(cells, column) == column.width
                rows = np.flatnonzero(unknown & (cells.codes >= 0))
                if len(rows) > _MANY_UNKNOWN * n:
                    lines.append(
                        f"column {column.name!r} holds values that train has not, in {len(rows):,} of {n:,} rows, such "
                        f"as {cells.values[cells.codes[rows[0]]]!r}"
                    )
        return lines

    def unlike_prepared(self, features: NDArray[np.float32]) -> tuple[str, ...]:
        """Return a line where features, float32 [n, features], are raw numbers rather than what `transform` returns."""
        start = 0
        for column in self.columns if len(features) else ():
            if isinstance(column, Category):
                indicators = features[:, start : start + column.width]
                wrong = ((indicators != 0) & (indicators != 1)).any()
                start += column.width
            else:
                wrong = abs(np.median(features[:, start])) > _FAR
                start += 1
            if wrong:
                return (
                    f"x is read as prepared features, and those of column {column.name!r} are none: give raw columns "
                    "as a DataFrame with their names",
                )
        return ()

    def transform(self, table: "RawTable | pd.DataFrame") -> NDArray[np.float32]:
        """Return the features of raw rows, float32 [n, features]; other columns are not looked at.

        Raises:
            DataError: a column doesn't exist, or one that held numbers in training holds a text.
        """
        table = _as_table(table, self.form)
        table.require([column.name for column in self.columns], "features")
        widths = [1 if isinstance(column, Number) else column.width for column in self.columns]
        check_memory(
            4 * len(table) * sum(widths),
            f"{table.prefix}{len(table):,} rows of {sum(widths):,} features",
            "leave out columns with many different values (`drop`)",
            DataError,
        )
        features = np.zeros((len(table), sum(widths)), dtype=np.float32)
        start = 0
        for column, width in zip(self.columns, widths, strict=True):
            if isinstance(column, Number):
                numbers = self._numbers(table, column.name)
                filled = np.where(np.isnan(numbers), column.median, numbers)
                scaled = (filled - column.mean) / column.scale
                far = np.flatnonzero(np.abs(scaled) > _LARGEST)
                if len(far):
                    raise DataError(
                        f"{table.at(int(far[0]))}: {filled[far[0]]:g} in column {column.name!r} is too large a number "
                        "to compute with: if it stands for a missing value, write an empty cell"
                    )
                features[:, start] = scaled
            else:
                positions = self._positions(table[column.name], column)
                known = np.flatnonzero(positions < width)
                features[known, start + positions[known]] = 1
            start += width
        return features

    def _numbers(self, table: RawTable, name: str) -> NDArray[np.float64]:
        """Return a column's numbers, NaN if missing.

        Raises:
            DataError: a cell is not a number.
        """
        cells = table[name]
        numbers = cells.numbers(self.form.decimal)
        of_rows = numbers[cells.codes]
        wrong = np.flatnonzero(np.isnan(of_rows) & (cells.codes >= 0))
        if len(wrong):
            cell = cells.values[cells.codes[wrong[0]]]
            raise DataError(
                f"{table.at(int(wrong[0]))}: {cell!r} in column {name!r} is no number, and in training all were: if it "
                "stands for a missing value, write an empty cell"
            )
        return of_rows

    def _positions(self, cells: Cells, column: Category) -> NDArray[np.int64]:
        """Return each row's position among the categories, or the number of categories if it is none of them."""
        among = {category: k for k, category in enumerate(column.categories)}
        other = len(among)

        def position(value: str) -> int:
            return among.get(value, among.get(canonical(value, self.form.decimal) or value, other))

        table = np.array([*map(position, cells.values), among.get("", other)], dtype=np.int64)
        return table[cells.codes]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON from which `from_dict` rebuilds the same preprocessing, to the last bit."""
        columns = [
            {"kind": "number" if isinstance(column, Number) else "category", **asdict(column)}
            for column in self.columns
        ]
        for column in columns:
            if "categories" in column:
                column["categories"] = list(column["categories"])
        return {
            "kind": "table",
            "columns": columns,
            "missing": list(self.form.missing),
            "reading": self.form.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "TablePreprocessing":
        """Rebuild it from `to_dict`.

        Raises:
            DataError: this is not the state of a table's preprocessing.
        """
        columns: list[Number | Category] = []
        try:
            for state_of_column in state["columns"]:
                values = dict(state_of_column)
                if values.pop("kind") == "number":
                    columns.append(Number(**values))
                else:
                    values["categories"] = tuple(values["categories"])
                    columns.append(Category(**values))
            return cls(tuple(columns), Form.from_dict(state.get("reading") or {}, state["missing"]))
        except (KeyError, TypeError) as error:
            raise DataError(f"not the state of a table's preprocessing: {error!r}") from None


def _as_table(table: "RawTable | pd.DataFrame", form: Form) -> RawTable:
    if isinstance(table, RawTable):
        return table
    from kdtune.data.tables.files.frames import table_of_frame

    return table_of_frame(table, form)


def _fit_number(name: str, numbers: NDArray[np.float64]) -> Number:
    """Fit a column to the bits of scikit-learn's `SimpleImputer` and `StandardScaler`, which take a second to load.

    The variance is that of the corrected two-pass algorithm (Chan, Golub, LeVeque 1983). A column whose variance is
    within that algorithm's rounding is constant: it is not scaled.
    """
    known = numbers[~np.isnan(numbers)]
    largest = float(np.abs(known).max())
    if largest > _LARGEST:
        raise DataError(
            f"column {name!r} holds {largest:g}, too large a number to compute with: add it to `drop`"
        )
    n, epsilon = len(numbers), np.finfo(np.float64).eps
    median = np.median(known)
    filled = np.where(np.isnan(numbers), median, numbers)
    mean = filled.sum() / n
    away = filled - mean
    variance = ((away**2).sum() - away.sum() ** 2 / n) / n
    is_constant = variance <= n * epsilon * variance + (n * mean * epsilon) ** 2
    scale = 1.0 if is_constant else float(np.sqrt(variance))
    return Number(name, float(median), float(mean), scale, blank=len(known) < n)


def _fit_category(name: str, cells: Cells, min_frequency: int | None) -> Category:
    codes, rows = np.unique(cells.codes, return_counts=True)
    values = ["" if code < 0 else cells.values[code] for code in codes]
    frequent = [value for value, n in zip(values, rows, strict=True) if n >= (min_frequency or 0)]
    if len(frequent) > MOST_CATEGORIES:
        raise DataError(
            f"column {name!r} has {len(frequent)} different values in train (such as {max(frequent)!r}), too many "
            "for categories: add it to `drop`, or set `min_frequency` to join the infrequent values"
        )
    return Category(name, tuple(sorted(frequent)), rest=len(frequent) < len(values))
