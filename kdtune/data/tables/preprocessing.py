"""From columns of a table to float32 features: fitted by scikit-learn, kept as plain JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kdtune.data.tables.reading import MISSING_MARKERS, as_text
from kdtune.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 200
"""A text column with more different values than this is a name or a number, not a category."""


@dataclass(frozen=True)
class Number:
    """A numeric column: missing values become the median, then `(x - mean) / scale`."""

    name: str
    median: float
    mean: float
    scale: float


@dataclass(frozen=True)
class Category:
    """A categorical column: one 0/1 feature a category; the category "" stands for a missing value.

    Any other value has zeros everywhere; with `rest`, a last feature takes it and the infrequent ones.
    """

    name: str
    categories: tuple[str, ...]
    rest: bool


@dataclass(frozen=True)
class TablePreprocessing:
    """What turns raw columns into features; `fit` it on training rows, or rebuild it with `from_dict`."""

    columns: tuple[Number | Category, ...]
    missing: tuple[str, ...] = MISSING_MARKERS

    @classmethod
    def fit(
        cls,
        frame: "pd.DataFrame",
        *,
        categorical: Sequence[str] = (),
        min_frequency: int | None = None,
        missing: Sequence[str] = MISSING_MARKERS,
    ) -> "TablePreprocessing":
        """Fit every column of `frame`: a column of numbers as a number, unless named in `categorical`.

        `min_frequency` joins categories with fewer training rows into one feature.

        Raises:
            DataError: a column has no value at all, or too many different ones for categories.
        """
        columns: list[Number | Category] = []
        for name in map(str, frame.columns):
            texts = as_text(frame[name], missing)
            if all(text is None for text in texts):
                raise DataError(f"column {name!r} has no value in train: add it to `drop`")
            numbers = None if name in categorical else _numbers(texts)
            if numbers is not None:
                columns.append(_fit_number(name, numbers))
            else:
                columns.append(_fit_category(name, texts, min_frequency))
        return cls(tuple(columns), tuple(missing))

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

    def transform(self, frame: "pd.DataFrame") -> NDArray[np.float32]:
        """Return the features of raw rows, float32 [n, features]; other columns of `frame` are not looked at.

        Raises:
            DataError: a column is not there, or holds text where training held numbers.
        """
        blocks = []
        for column in self.columns:
            if column.name not in frame.columns:
                raise DataError(f"there is no column {column.name!r}, which the features are made of")
            texts = as_text(frame[column.name], self.missing)
            if isinstance(column, Number):
                numbers = _numbers(texts)
                if numbers is None:
                    wrong = next(i for i, text in enumerate(texts) if _numbers([text]) is None)
                    raise DataError(
                        f"column {column.name!r}, row {wrong + 1}: {texts[wrong]!r} is not a number"
                    )
                filled = np.where(np.isnan(numbers), column.median, numbers)
                blocks.append(((filled - column.mean) / column.scale)[:, None])
            else:
                position = {category: k for k, category in enumerate(column.categories)}
                width = len(column.categories)
                codes = np.array([position.get(text or "", width) for text in texts], dtype=np.int64)
                blocks.append(np.eye(width + 1)[codes][:, : width + column.rest])
        return np.concatenate(blocks, axis=1).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON, from which `from_dict` makes the same again, to the last bit."""
        columns = [
            {"kind": "number" if isinstance(column, Number) else "category", **asdict(column)}
            for column in self.columns
        ]
        for column in columns:
            if "categories" in column:
                column["categories"] = list(column["categories"])
        return {"kind": "table", "columns": columns, "missing": list(self.missing)}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "TablePreprocessing":
        """Rebuild what `to_dict` gave.

        Raises:
            DataError: it is not the state of a table's preprocessing.
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
            return cls(tuple(columns), tuple(state["missing"]))
        except (KeyError, TypeError) as error:
            raise DataError(f"not the state of a table's preprocessing: {error!r}") from None


def _numbers(texts: Sequence[str | None]) -> NDArray[np.float64] | None:
    """Read cells as numbers, NaN where missing; None if one of them is not a finite number."""
    try:
        numbers = np.array([np.nan if text is None else float(text) for text in texts], dtype=np.float64)
    except ValueError:
        return None
    known = np.array([text is not None for text in texts], dtype=bool)
    return numbers if np.isfinite(numbers[known]).all() else None


def _fit_number(name: str, numbers: NDArray[np.float64]) -> Number:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    imputer, scaler = SimpleImputer(strategy="median"), StandardScaler()
    scaler.fit(imputer.fit_transform(numbers[:, None]))
    return Number(name, float(imputer.statistics_[0]), float(scaler.mean_[0]), float(scaler.scale_[0]))


def _fit_category(name: str, texts: Sequence[str | None], min_frequency: int | None) -> Category:
    from sklearn.preprocessing import OneHotEncoder

    values = np.array([text or "" for text in texts], dtype=object)[:, None]
    unknown = "ignore" if min_frequency is None else "infrequent_if_exist"
    encoder = OneHotEncoder(handle_unknown=unknown, min_frequency=min_frequency).fit(values)
    infrequent = set() if min_frequency is None else set(encoder.infrequent_categories_[0] or ())
    categories = tuple(str(value) for value in encoder.categories_[0] if value not in infrequent)
    if len(categories) > MOST_CATEGORIES:
        raise DataError(
            f"column {name!r} has {len(categories)} different values in train, too many for categories: "
            "add it to `drop`, or set `min_frequency` to join the infrequent ones"
        )
    return Category(name, categories, rest=bool(infrequent))
